"""The fourth room: hand what waits in the outbox to its channels, and keep how that went."""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from heartbeat_cli import plugins
from heartbeat_cli.config import Channel, Config
from heartbeat_cli.domain.message import Message
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.redact import redact
from heartbeat_cli.store import alerts
from heartbeat_cli.store.alerts import Notification
from heartbeat_cli.store.database import Database

_TIMEOUT = 10.0  # one send
_LEASE = 120.0  # much longer than one send can take, so that nobody else sends what this one is sending
_FORGOTTEN = 86_400.0  # seconds after which what waits for a channel that is gone is given up
_BACK_OFF = (15.0, 1_800.0)  # seconds until the next try: doubled each time, from the first to at most the second


class Delivered(NamedTuple):
    """How one notification went; `error` is None when it was taken."""

    alert: str
    channel: str
    error: str | None


Keep = Callable[[Callable[[Database], None]], None]


def deliver(
    db: Database, config: Config, clock: Callable[[], float] = time.time, keep: Keep | None = None
) -> list[Delivered]:
    """Send what is due, one by one. One channel's trouble is its own: the rest goes out, and a channel that does not
    work just now costs one try a pass, however much waits for it.

    How a send went is written through `keep`: should the store go away in between, another one can stand in, lest
    what is out already goes out again."""
    keep = keep or (lambda work: work(db))
    owner = f"{config.observer}/{os.getpid()}"
    _release_the_dead(db, config.observer)
    alerts.give_up_removed(db, config.channels, clock() - _FORGOTTEN)
    working = list(config.channels)
    results = []
    while taken := alerts.claim(db, owner, clock(), _LEASE, working, limit=1):
        (one,) = taken
        error = _hand_over(one, config)
        said = None if error is None else _said(error, config)
        keep(_outcome(one.id, said, clock(), _next_try(one, error, clock())))
        if error is not None and error.retryable:
            working.remove(one.channel)
        results.append(Delivered(one.alert.id, one.channel, said))
    return results


def _release_the_dead(db: Database, observer: str) -> None:
    """What a killed process of this host had taken goes out now and not when its lease is over."""
    for owner in alerts.lease_owners(db):
        host, _, process = owner.rpartition("/")
        if host == observer and process.isdigit() and not _alive(int(process)):
            alerts.release(db, owner)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _outcome(id_: str, said: str | None, now: float, next_try: float | None) -> Callable[[Database], None]:
    """How one send went, as something to write into whichever store there is."""
    if said is None:
        return lambda db: alerts.mark_sent(db, id_, now)
    return lambda db: alerts.mark_failed(db, id_, said, next_try)


def _hand_over(one: Notification, config: Config) -> DeliveryError | None:
    try:
        from heartbeat_cli.views import messages

        message = messages.message(one.alert, config.heartbeat.locale, config.timezone, config.secrets)
    except Exception as error:
        return _own_fault(error)
    return send(config.channels[one.channel], message)


def send(channel: Channel, message: Message) -> DeliveryError | None:
    """Hand one message to one channel; whatever goes wrong comes back as a DeliveryError."""
    if channel.broken:
        return DeliveryError(channel.broken, retryable=True)
    module: Any = plugins.load("channels", channel.kind)
    try:
        module.send(channel.settings, message, timeout=_TIMEOUT)
    except DeliveryError as error:
        return error
    except Exception as error:
        return _own_fault(error)
    return None


def _own_fault(error: Exception) -> DeliveryError:
    """A bug about one message or channel must not stop the others; the message stays in the outbox."""
    return DeliveryError(f"heartbeat's own fault: {type(error).__name__}: {error}", retryable=True)


def _said(error: DeliveryError, config: Config) -> str:
    return one_line(redact(str(error), config.secrets))


def _next_try(one: Notification, error: DeliveryError | None, now: float) -> float | None:
    if error is None or not error.retryable:
        return None
    first, most = _BACK_OFF
    asked = min(error.retry_after or 0.0, alerts.FARTHEST)
    return now + max(min(most, first * 2.0 ** min(one.attempts, 20)), asked)
