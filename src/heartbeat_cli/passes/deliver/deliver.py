"""Deliver: hand what waits in the outbox to its channels, all at once, and keep how that went.

Each channel is sent to in a thread of its own, one message after the other; everything that touches the store stays in
the thread that called. A channel that hangs holds up neither the others nor the pass: what it does not answer in time
is put off, and what it answers later is ignored. Several processes of a host may deliver at once: a
channel is left to the one that is sending to it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.delivery import Attempt, Printed
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.passes.deliver import redirect, send
from heartbeat_cli.passes.deliver.due import THREADS, Due
from heartbeat_cli.passes.deliver.redirect import Redirected
from heartbeat_cli.passes.deliver.retries import Retries
from heartbeat_cli.redact import redact
from heartbeat_cli.store.outbox import alerts, channels, outbox, outcomes, sends
from heartbeat_cli.store.outbox.outbox import Batch
from heartbeat_cli.store.outbox.outcomes import Outcome
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database

BEGINNING = 5.0  # seconds of a round in which sends are begun
WHOLE = BEGINNING + send.TIMEOUT  # seconds a round lasts at most: as long as a send that begins in it at the latest
_REFRESH = 1.0  # seconds after which it is looked whether another pass has put something into the outbox meanwhile


class Delivered(Record):
    """How one notification went; `error` is None when it was taken, `note` what the channel had to remark. `printed`:
    it is done, but where no person reads it."""

    alert: str
    channel: str
    error: str | None
    note: str | None = None
    printed: bool = False


Sends = Sequence[tuple[Batch, Outcome]]
Recorder = Callable[[Sends], None]  # writes how sends went
Clock = Callable[[], float]


def deliver(
    db: Database,
    config: Config,
    clock: Clock = time.time,
    record: Recorder | None = None,
    retries: Sequence[float] = delivery.RETRIES,
) -> list[Delivered]:
    """Send what is due, and wait until it is sent or its time is up."""
    delivering = Delivering(config, clock, retries)
    delivering.work(db, record)
    delivering.finish()
    return delivering.results


def _not_begun(_: Sends) -> None:
    """Nothing can have been sent before the first round."""


class Delivering:
    """The delivering of one pass, in as many rounds of work as it likes; `finish` ends it.

    One channel's trouble is its own: the rest goes out. A channel that fails is tried again after `retries` seconds,
    and then left to the next pass, however much waits for it. How sends went is handed to `record` (default: written to
    the store): should the store go away in between, a spool can stand in, so that what was sent is not sent again. What
    is due is read for many messages at once, so that what a message costs does not grow with what waits."""

    def __init__(self, config: Config, clock: Clock = time.time, retries: Sequence[float] = delivery.RETRIES) -> None:
        self._config, self._clock = config, clock
        self._retries = Retries(retries)
        self._queue = Due(config.observer, config.channels)
        self._running: dict[str, send.Sending] = {}
        self._ended: SimpleQueue[tuple[Batch, Attempt]] = SimpleQueue()
        self._stopped: set[str] = set()  # channels that get nothing more in this round
        self._passing_on: dict[str, DeliveryError] = {}  # channels whose fallback gets all, and why
        self._singly: set[str] = set()  # channels of which a digest could not be worded
        self._pauses: dict[str, float] = {}
        self._troubles: dict[str, float] = {}  # channels that take nothing, and since when
        self._results: list[tuple[int, Delivered]] = []
        self._number = 0
        self._record: Recorder = _not_begun
        self.wordings = send.Wordings(config)
        self.redirected: list[Redirected] = []
        self.unfinished = True  # whether another round may have something to do

    @property
    def results(self) -> list[Delivered]:
        """How the notifications went so far, in the order in which they were taken up."""
        return [result for _, result in sorted(self._results, key=lambda one: one[0])]

    def work(
        self, db: Database, record: Recorder | None = None, patience: float = WHOLE, more_follows: bool = False
    ) -> None:
        """One round: begin what is due, and wait for it for `patience` seconds; what takes longer goes on meanwhile.
        `more_follows`: this pass makes another round, which can try again what fails in this one."""
        self._record = record or partial(outcomes.save_all, db)
        begun = time.monotonic()
        until, end = begun + min(patience, BEGINNING), begun + patience
        self._retries.until = until + (BEGINNING if more_follows else 0.0)
        if not self._running and not alerts.is_waiting(db):
            self.unfinished = False
            return
        self._stopped.clear()
        self._read_outbox(db)
        refreshed = begun
        while self._begin_due(db, until) or self._retries.next(until):
            pause = min(refreshed + _REFRESH if refreshed + _REFRESH < until else end, self._retries.next(until) or end)
            if ended := self._next(min(end, pause)):
                self._end(ended)
            now = time.monotonic()
            if now >= end:
                return
            if refreshed + _REFRESH <= now < until:
                self._queue.refresh(db, self._clock())
                refreshed = now

    def finish(self, record: Recorder | None = None, patience: float = 0.0) -> None:
        """Wait for what is still under way for `patience` seconds, without the store, and put off the rest: nobody
        waits for it any more. `record` as in the last round by default."""
        self._record = record or self._record
        end = time.monotonic() + patience
        self._retries.until = 0.0
        while self._running and (ended := self._next(end)):
            self._end(ended)
        self._end([(sending.batch, send.unanswered(sending)) for sending in self._running.values()])

    def _next(self, until: float) -> list[tuple[Batch, Attempt]]:
        """The sends that have ended, at least one; empty when none has until then."""
        found: list[tuple[Batch, Attempt]] = []
        with suppress(Empty):
            found.append(self._ended.get(timeout=max(0.0, until - time.monotonic())))
            while len(found) < THREADS:
                found.append(self._ended.get_nowait())
        return found

    def _read_outbox(self, db: Database) -> None:
        """Read what waits and the pauses of its channels; redirect what waits for a channel that was removed."""
        now, config = self._clock(), self._config
        waited_for = self._queue.refresh(db, now, tidy=True)
        self._pauses, known = channels.read(db, now)
        self.redirected += redirect.redirect(db, config, waited_for, known, now)
        if any(one.common.fallback for one in config.channels.values()):
            self._troubles = {one.channel: one.since for one in sends.channel_troubles(db, now)}

    def _begin_due(self, db: Database, until: float) -> bool:
        """Begin a send on every free channel that has something due; returns whether any send is under way."""
        self.unfinished = True
        self._retries.wake()
        while time.monotonic() < until:
            resting = self._retries.resting
            free = self._queue.free(db, self._clock(), self._running.keys() | self._stopped | resting)
            if not free:
                self.unfinished = bool(self._running or resting)
                break
            chosen = self._queue.chosen(free, (one.doubtful for one in self._running.values()))
            if not chosen:
                break
            for channel in chosen:
                if time.monotonic() < until:
                    self._begin(db, self._config.channels[channel])
        return bool(self._running)

    def _begin(self, db: Database, channel: Channel) -> None:
        now = self._clock()
        if channel.id not in self._passing_on and self._must_wait(db, channel, now):
            self._stopped.add(channel.id)
            return
        whole = channel.id not in self._singly
        as_digest = channel.id in self._passing_on or (channel.common.digest and whole)
        doubtful = self._queue.doubtful(channel.id)
        taken = self._queue.take(db, now, channel.id, as_digest, whole)
        batch = sentences.known(db, taken, self._config.heartbeat.locale)
        if batch is None:  # somebody else is at it
            self._stopped.add(channel.id)
            return
        self._number += 1
        if channel.id in self._passing_on:
            self._settle([(batch, Attempt(0.0, self._passing_on[channel.id]), self._number)])
        else:
            self._post(db, channel, batch, doubtful)

    def _must_wait(self, db: Database, channel: Channel, now: float) -> bool:
        """Whether a channel is to be left alone just now. One that is for longer than its fallback may wait is passed
        over instead."""
        if self._pauses.get(channel.id, now) > now:
            since = self._troubles.get(channel.id, now)
            if channel.common.fallback is None or now - since < channel.common.fallback_after:
                return True
            self._passing_on[channel.id] = DeliveryError(Text("it asked to be left alone"), retryable=True)
            return False
        rate = channel.common.rate
        if rate is None:
            return False
        span, _ = delivery.window(rate)
        return not delivery.has_room(rate, sends.attempts_since(db, channel.id, now - span), now)

    def _post(self, db: Database, channel: Channel, batch: Batch, doubtful: bool) -> None:
        """Word a message and have a thread send it. Not by `system.in_threads`: sends end one by one, and the next
        takes the place of each."""
        sending = send.Sending(self._number, batch, time.monotonic(), doubtful)
        ended = self._ended
        if channel.broken:
            self._running[channel.id] = sending
            ended.put((batch, send.unusable(channel)))
            return
        try:
            message = self.wordings.of(batch)
        except Exception as error:
            if len(batch.notifications) > 1:  # one of them spoils it for the others: see which
                self._singly.add(channel.id)
                outbox.dissolve(db, batch)
                self._queue.forget(channel.id)
            else:
                self._settle([(batch, Attempt(0.0, send.own_fault(error)), self._number)])
            return
        self._running[channel.id] = sending

        def work() -> None:
            ended.put((batch, send.send(channel, message)))

        threading.Thread(target=work, name=f"send to {channel.id}", daemon=True).start()

    def _end(self, ended: Iterable[tuple[Batch, Attempt]]) -> None:
        """Write how sends went, those together that have ended together."""
        found = []
        for batch, attempt in ended:
            sending = self._running.get(batch.channel)
            if sending is not None and sending.batch is batch:
                del self._running[batch.channel]
                found.append((batch, attempt, sending.number))
        for (batch, attempt, _), decision in zip(found, self._settle(found, retried=True), strict=True):
            if attempt.error is None:
                self._retries.works(batch.channel)
            elif decision.rest:
                self._passing_on[batch.channel] = attempt.error
            elif decision.soon and decision.next_try is not None:
                self._retries.plan(batch.channel, decision.next_try - self._clock())
                self._queue.forget(batch.channel)  # this message goes before those that were read with it
            elif attempt.error.retryable:
                self._stopped.add(batch.channel)

    def _settle(self, tries: list[tuple[Batch, Attempt, int]], retried: bool = False) -> list[delivery.Decision]:
        """Write how tries went. `retried`: those that failed may be made again in this pass."""
        now, config = self._clock(), self._config
        made = [(batch, self._outcome(batch, attempt, now, retried)) for batch, attempt, _ in tries]
        if made:
            self._record(made)
        for (batch, outcome), (_, attempt, number) in zip(made, tries, strict=True):
            said = outcome.error
            if outcome.decision.state == "handed_over":
                said = Text(
                    "{why}; handed over to {channel}",
                    why=said or "",
                    channel=config.channels[batch.channel].common.fallback or "",
                )
                self._queue.read_again()
            elif outcome.error is None:
                self._queue.read_again(batch.channel)  # what waited behind it may go out now
            printed = isinstance(attempt.note, Printed)
            found = [Delivered(n.alert.id, batch.channel, said, outcome.note, printed) for n in batch.notifications]
            self._results += [(number, one) for one in found]
        return [outcome.decision for _, outcome in made]

    def _outcome(self, batch: Batch, attempt: Attempt, now: float, retried: bool) -> Outcome:
        config, error, channel = self._config, attempt.error, batch.channel
        since = self._troubles.get(channel, now)
        if error is None:
            self._troubles.pop(channel, None)
        else:
            self._troubles.setdefault(channel, now)
        begun = [since, *(one.failing_since for one in batch.notifications if one.failing_since is not None)]
        attempts = max(one.attempts for one in batch.notifications)
        if channel in self._passing_on:
            decision = delivery.Decision("handed_over", delivery.next_try(attempts, None, now))
        else:
            retry_in = self._retries.wait(channel, error) if retried else None
            decision = delivery.decide(attempt, config.channels[channel].common, attempts, min(begun), now, retry_in)
        said = None if error is None else one_line(redact(str(error), config.secrets))
        note = None if attempt.note is None else one_line(redact(attempt.note, config.secrets))
        outcome = Outcome(now, config.observer, decision, said, note, attempt.took)
        if decision.state == "handed_over":
            fallbacks, printers = send.fallbacks(channel, config)
            remark = send.remark(batch, said, config)
            outcome = outcome._replace(fallbacks=fallbacks, printers=printers, remark=remark)
        if (pause := delivery.pause(error, now)) is not None:
            self._pauses[channel] = pause
        return outcome._replace(pause=pause)
