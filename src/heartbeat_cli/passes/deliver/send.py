"""One message on its way: worded, handed to its channel, and who takes over when that fails. Used by `deliver`."""

import time
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain import plain
from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.delivery import Attempt
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.component import topological
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.passes.deliver import keyboard
from heartbeat_cli.store.outbox.outbox import Batch

TIMEOUT = 10.0  # seconds of one send
_KEPT = 500  # messages whose words are kept for other channels


class Sending(Record):
    """A send that is under way: which of them it is, when it began (time.monotonic()), and whether its channel has
    failed before."""

    number: int
    batch: Batch
    begun: float
    doubtful: bool


def unanswered(sending: Sending) -> Attempt:
    """The try of a send that nobody waits for any more."""
    took = time.monotonic() - sending.begun
    return Attempt(took, DeliveryError(Text("no answer within {took:.0f} s", took=took), retryable=True, unsure=True))


def fallbacks(channel: str, config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The channels that stand in for this one, nearest first: those that people read, and those that only print."""
    found: tuple[list[str], list[str]] = [], []
    fallback = config.channels[channel].common.fallback
    while fallback is not None and fallback in config.channels:
        found[_only_prints(config.channels[fallback])].append(fallback)
        fallback = config.channels[fallback].common.fallback
    return tuple(found[0]), tuple(found[1])


def _only_prints(channel: Channel) -> bool:
    """Whether a channel writes where no person reads it at this moment."""
    module: Any = plugins.load("channels", channel.kind)
    return hasattr(module, "is_read") and not module.is_read()


def remark(batch: Batch, said: str | None, config: Config) -> str:
    """What the message of a channel that took over says of the one that failed."""
    from heartbeat_cli.views.wording import word

    return word("handed_over", config.heartbeat.locale, channel=batch.channel, error=one_line(said or "", 160))


class Wordings:
    """The messages of a delivery, each worded once: the same message for many channels differs only in its
    id. `made` counts the wordings."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept: dict[tuple[str, ...], Message] = {}
        self.made = 0

    def of(self, batch: Batch) -> Message:
        """The message of a batch, the same each time it is made."""
        remarks = dict.fromkeys(one.remark for one in batch.notifications if one.remark)
        said = "; ".join(remarks)
        key = (said, *(one.alert.id for one in batch.notifications))
        if key not in self._kept:
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._worded(batch, said)
            self.made += 1
        made = self._kept[key]
        return made if len(batch.notifications) == 1 else made._replace(id=batch.id)

    def _worded(self, batch: Batch, said: str) -> Message:
        from heartbeat_cli.views import messages

        config, alerts = self._config, [one.alert for one in batch.notifications]
        locale, own = config.heartbeat.locale, config.heartbeat.templates
        keys = keyboard.buttons(alerts, config)
        if len(alerts) == 1:
            message = messages.message(alerts[0], locale, config.timezone, config.secrets, said, own)
            return message._replace(buttons=keys)
        alerts = delivery.root_first(alerts, topological(config.components))
        message = messages.digest(alerts, locale, config.timezone, config.secrets, id=batch.id, remark=said, own=own)
        threads = tuple(dict.fromkeys(one.incident for one in alerts if one.incident))
        return message._replace(threads=threads, buttons=keys)


def unusable(channel: Channel) -> Attempt:
    """The try of a channel that cannot be used just now: nothing is worded or sent."""
    return Attempt(1e-6, DeliveryError(channel.broken or "", retryable=True, lasting=True))


def send(channel: Channel, message: Message) -> Attempt:
    """Hand one message to one channel; whatever goes wrong is in the Trial."""
    if channel.broken:
        return unusable(channel)
    begun = time.monotonic()

    def tried(error: DeliveryError | None = None, note: str | None = None) -> Attempt:
        return Attempt(max(1e-6, time.monotonic() - begun), error, note)

    try:
        module: Any = plugins.load("channels", channel.kind)
        own = tuple(one._replace(channel=channel.id) for one in message.buttons)
        return tried(note=module.send(channel.settings, message._replace(buttons=own), timeout=TIMEOUT))
    except DeliveryError as error:
        return tried(error)
    except Exception as error:
        return tried(own_fault(error))


def own_fault(error: Exception) -> DeliveryError:
    """A bug about one message or channel must not stop the others; the message stays in the outbox."""
    return DeliveryError(plain.own_fault(error), retryable=True)
