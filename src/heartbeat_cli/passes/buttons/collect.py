"""Collect the presses of buttons: which sources this host asks, and what they say.

Several hosts may share a store and a bot: one of them collects, and another one takes over when it is silent. What was
collected is known by its number, which is saved with what it brought about.

A kind of channel has buttons by the functions `source`, `collect`, `accepts`, `mark` and `answer` of its module and the
key `buttons` of its settings: see `channels/telegram.py`.
"""

from collections.abc import Iterable
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain.alerting.presses import Collected, NotAlone, Press
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.store.outbox.outbox import store_time
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import presses
from heartbeat_cli.store.state.presses import Collecting, Trouble

TIMEOUT = 2.0  # seconds of one question; it is asked beside the checks of the pass
_SILENT = 300.0  # seconds after which another host takes over
_REFUSED = 3_600.0  # seconds after which a source that somebody else collects is asked again
# Telegram keeps a press for a day, and may begin its numbers anew after a week without one.
_NUMBERS_HOLD = 172_800.0  # seconds


class Source(Record):
    """A place where presses are collected, and the channels whose buttons it is for; there is at least one."""

    id: str
    channels: tuple[Channel, ...]

    def accepting(self, press: Press) -> list[Channel]:
        """The channels whose chat the press comes from, and whose users the person is one of."""
        return [one for one in self.channels if module(one).accepts(one.settings, press)]

    def counts(self, press: Press) -> bool:
        """Whether any channel accepts the press."""
        return bool(self.accepting(press))


class Question(Record):
    """A source that this pass asks: how it stood at `at` (epoch seconds by the store's clock), also as it is `stored`;
    `trouble`: it could not be asked
    before; `after` is the number of the first press that is not known yet, where numbers still hold."""

    source: Source
    stored: str | None
    found: Collecting
    trouble: Trouble | None
    at: float

    @property
    def after(self) -> int | None:
        return self.found.next if abs(self.at - self.found.moved) < _NUMBERS_HOLD else None


def module(channel: Channel) -> Any:
    """The kind of a channel that has buttons."""
    return plugins.load("channels", channel.kind)


def sources(config: Config) -> list[Source]:
    """Where the presses of this configuration are collected."""
    found: dict[str, list[Channel]] = {}
    for one in config.channels.values():
        if getattr(one.settings, "buttons", False) and not one.broken and (id_ := module(one).source(one.settings)):
            found.setdefault(id_, []).append(one)
    return [Source(id_, tuple(channels)) for id_, channels in found.items()]


def questions(db: Database, config: Config, now: float) -> list[Question]:
    """The sources that this host asks in this pass."""
    at = store_time(db, now)
    found = [Question(one, *presses.read(db, one.id), at) for one in sources(config)]
    return [one for one in found if _is_ours(one, config.observer)]


def _is_ours(one: Question, observer: str) -> bool:
    found = one.found
    if found.by not in ("", observer) and abs(one.at - found.seen) < _SILENT:
        return False
    return found.refused is None or abs(one.at - found.refused) >= _REFUSED


def silence() -> DeliveryError:
    """What a source that has not said anything in time counts as having said."""
    return DeliveryError(Text("no answer within {limit:g} s", limit=TIMEOUT), retryable=True)


def unfinished(db: Database, said: Iterable[tuple[Question, object]], now: float) -> list[Question]:
    """What to ask further, once what the sources said is saved: those that may have more."""
    again = []
    for before, answer in said:
        if isinstance(answer, Collected) and answer.more:
            one = Question(before.source, *presses.read(db, before.source.id), store_time(db, now))
            if one.after not in (None, before.after):
                again.append(one)
    return again


def ask(one: Question, timeout: float = TIMEOUT) -> Collected | NotAlone | DeliveryError:
    """What a source says within `timeout` seconds."""
    first = one.source.channels[0]
    try:
        found: Collected = module(first).collect(first.settings, one.after, timeout=timeout, counts=one.source.counts)
    except (NotAlone, DeliveryError) as error:
        return error
    return found
