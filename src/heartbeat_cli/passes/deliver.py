"""The fourth room: hand what waits in the outbox to its channels, all at once, and keep how that went.

Each channel is sent to in a thread of its own, one message after the other; everything that touches the store stays in
the thread that called. A channel that hangs holds up neither the others nor the pass: what it does not answer in time
is put off, and what it has to say later is not heard any more.
"""

import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from heartbeat_cli.config import Channel, Config
from heartbeat_cli.domain import delivery
from heartbeat_cli.domain.delivery import Trial
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.passes import send
from heartbeat_cli.redact import redact
from heartbeat_cli.store import outbox
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.outbox import Outcome, Parcel

_BEGINNING = 5.0  # seconds of a round in which sends are begun
_WHOLE = 15.0  # seconds a round lasts at most: longer than a send that begins in it at the latest
_LEASE = 120.0  # much longer than one send can take, so that nobody else sends what this one is sending
_FORGOTTEN = 86_400.0  # seconds after which what waits for a channel that is gone is given up


class Delivered(NamedTuple):
    """How one notification went; `error` is None when it was taken, `note` what the channel had to remark."""

    alert: str
    channel: str
    error: str | None
    note: str | None = None


class _Sending(NamedTuple):
    """A send that is under way: which of them it is, and when it began (time.monotonic())."""

    number: int
    parcel: Parcel
    begun: float


Keep = Callable[[Callable[[Database], None]], None]
Clock = Callable[[], float]


def deliver(db: Database, config: Config, clock: Clock = time.time, keep: Keep | None = None) -> list[Delivered]:
    """Send what is due, and wait until it is sent or its time is up."""
    delivering = Delivering(config, clock)
    delivering.work(db, keep)
    delivering.finish(keep or (lambda work: work(db)))
    return delivering.results


class Delivering:
    """The delivering of one pass, in as many rounds of work as it likes; `finish` ends it.

    One channel's trouble is its own: the rest goes out, and a channel that does not work just now costs one try a
    round, however much waits for it. How a send went is written through `keep`: should the store go away in between,
    another one can stand in, lest what is out already goes out again."""

    def __init__(self, config: Config, clock: Clock = time.time) -> None:
        self._config, self._clock = config, clock
        self._owner = f"{config.observer}/{os.getpid()}"
        self._running: dict[str, _Sending] = {}
        self._ended: SimpleQueue[tuple[Parcel, Trial]] = SimpleQueue()
        self._stopped: set[str] = set()  # channels that get nothing more in this round
        self._passing_on: dict[str, DeliveryError] = {}  # channels whose fallback gets all, and why
        self._singly: set[str] = set()  # channels of which a digest could not be worded
        self._results: list[tuple[int, Delivered]] = []
        self._number = 0
        self.unfinished = True  # whether another round may have something to do

    @property
    def results(self) -> list[Delivered]:
        """How the notifications went so far, in the order in which they were taken up."""
        return [result for _, result in sorted(self._results, key=lambda one: one[0])]

    def work(self, db: Database, keep: Keep | None = None, patience: float = _WHOLE) -> None:
        """One round: begin what is due, and wait for it for `patience` seconds; what takes longer goes on meanwhile."""
        keep = keep or (lambda work: work(db))
        begun = time.monotonic()
        self._stopped.clear()
        if not self._running and not outbox.is_waiting(db):
            self.unfinished = False
            return
        self._tidy(db)
        while self._begin_due(db, keep, begun + min(patience, _BEGINNING)):
            try:
                ended = self._ended.get(timeout=max(0.0, begun + patience - time.monotonic()))
            except Empty:
                return
            self._end(db, keep, *ended)

    def finish(self, keep: Keep) -> None:
        """Put off what is still under way: nobody waits for it any more."""
        for sending in list(self._running.values()):
            took = time.monotonic() - sending.begun
            error = DeliveryError(f"no answer within {took:.0f} s", retryable=True, unsure=True)
            self._settle(keep, sending.parcel, Trial(took, error), sending.number)
        self._running.clear()

    def _tidy(self, db: Database) -> None:
        _release_the_dead(db, self._config.observer)
        outbox.give_up_removed(db, self._config.channels, self._clock() - _FORGOTTEN)

    def _begin_due(self, db: Database, keep: Keep, until: float) -> bool:
        """Have every channel busy that has something due; whether any is."""
        self.unfinished = True
        while time.monotonic() < until:
            free = [id_ for id_ in self._config.channels if id_ not in self._running and id_ not in self._stopped]
            due = outbox.due_channels(db, self._clock(), _LEASE, free)
            if not due:
                self.unfinished = bool(self._running)
                break
            for channel in due:
                self._begin(db, keep, self._config.channels[channel])
        return bool(self._running)

    def _begin(self, db: Database, keep: Keep, channel: Channel) -> None:
        now, common = self._clock(), channel.common
        if channel.id not in self._passing_on and self._must_wait(db, channel, now):
            self._stopped.add(channel.id)
            return
        digest = common.digest and channel.id not in self._singly
        parcel = outbox.claim(db, self._owner, now, _LEASE, channel.id, digest)
        if parcel is None:  # somebody else is at it
            self._stopped.add(channel.id)
            return
        self._number += 1
        if channel.id in self._passing_on:
            self._settle(keep, parcel, Trial(0.0, self._passing_on[channel.id]), self._number)
        else:
            self._post(db, keep, channel, parcel)

    def _must_wait(self, db: Database, channel: Channel, now: float) -> bool:
        """Whether a channel is to be left alone just now. One that is for longer than its fallback may wait is passed
        over instead."""
        if outbox.pause_of(db, channel.id, now) is not None:
            since = self._failing_since(db, channel.id, now)
            if channel.common.fallback is None or now - since < channel.common.fallback_after:
                return True
            self._passing_on[channel.id] = DeliveryError("it asked to be left alone", retryable=True)
            return False
        rate = channel.common.rate
        if rate is None:
            return False
        span, _ = delivery.window(rate)
        return not delivery.has_room(rate, outbox.tries_since(db, channel.id, now - span), now)

    def _post(self, db: Database, keep: Keep, channel: Channel, parcel: Parcel) -> None:
        """Word a message and have a thread send it."""
        try:
            message = send.worded(parcel, self._config)
        except Exception as error:
            if len(parcel.notifications) > 1:  # one of them spoils it for the others: see which
                self._singly.add(channel.id)
                outbox.unpack(db, parcel)
            else:
                self._settle(keep, parcel, Trial(0.0, send.own_fault(error)), self._number)
            return
        self._running[channel.id] = _Sending(self._number, parcel, time.monotonic())
        ended = self._ended

        def work() -> None:
            ended.put((parcel, send.send(channel, message)))

        threading.Thread(target=work, name=f"send to {channel.id}", daemon=True).start()

    def _end(self, db: Database, keep: Keep, parcel: Parcel, trial: Trial) -> None:
        sending = self._running.get(parcel.channel)
        if sending is None or sending.parcel is not parcel:
            return
        del self._running[parcel.channel]
        fate = self._settle(keep, parcel, trial, sending.number, self._failing_since(db, parcel.channel, self._clock()))
        if trial.error is not None and fate.rest:
            self._passing_on[parcel.channel] = trial.error
        elif trial.error is not None and trial.error.retryable:
            self._stopped.add(parcel.channel)

    def _failing_since(self, db: Database, channel: str, now: float) -> float:
        found = outbox.channel_troubles(db, now) if self._config.channels[channel].common.fallback else []
        return min([now, *(one.since for one in found if one.channel == channel)])

    def _settle(
        self, keep: Keep, parcel: Parcel, trial: Trial, number: int, failing_since: float | None = None
    ) -> delivery.Fate:
        now, config = self._clock(), self._config
        common, error = config.channels[parcel.channel].common, trial.error
        begun = [now if failing_since is None else failing_since]
        begun += [one.failing_since for one in parcel.notifications if one.failing_since is not None]
        attempts = max(one.attempts for one in parcel.notifications)
        if parcel.channel in self._passing_on:
            fate = delivery.Fate("handed_over", delivery.next_try(attempts, None, now))
        else:
            fate = delivery.fate(trial, common, attempts, min(begun), now)
        said = None if error is None else one_line(redact(str(error), config.secrets))
        note = None if trial.note is None else one_line(redact(trial.note, config.secrets))
        outcome = Outcome(now, config.observer, fate, said, note, trial.took)
        if fate.state == "handed_over":
            outcome = outcome._replace(
                heirs=send.heirs(parcel.channel, config), remark=send.remark(parcel, said, config)
            )
        outcome = outcome._replace(pause=delivery.pause(error, now))
        keep(lambda db: outbox.settle(db, parcel, outcome))
        if said is not None and fate.state == "handed_over":
            said = f"{said}; handed over to {common.fallback}"
        found = [Delivered(one.alert.id, parcel.channel, said, note) for one in parcel.notifications]
        self._results += [(number, one) for one in found]
        return fate


def _release_the_dead(db: Database, observer: str) -> None:
    """What a killed process of this host had taken goes out now and not when its lease is over."""
    for owner in outbox.lease_owners(db):
        host, _, process = owner.rpartition("/")
        if host == observer and process.isdigit() and not _alive(int(process)):
            outbox.release(db, owner)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
