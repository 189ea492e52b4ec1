"""Rungs being taken and proven, several components at once: no slow one keeps a quick one waiting.

Actions run on daemon threads that nobody waits for beyond their time; everything else (looks, the store) stays on the
calling thread. A rung counts as proven when the component's own check has passed as often in a row as ends a fault:
one good look just after a start says little about a thing that dies a second later.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from heartbeat_cli import in_flight, plugins
from heartbeat_cli.config import Config
from heartbeat_cli.domain.component import Component, Rung
from heartbeat_cli.domain.outcome import Outcome
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.result import SUCCESSES
from heartbeat_cli.passes import check
from heartbeat_cli.passes.facts import Due
from heartbeat_cli.store.database import Database

_POLL = 0.05  # seconds between two looks at who has finished
_SPACING = 1.0  # seconds between two looks that prove a rung
_SLACK = 2.0  # seconds an action may take beyond its time before it is given up
_DRAIN = 10.0  # seconds a component gets to finish what it is at

LIMIT = 8  # rungs taken at once


class Ended(NamedTuple):
    """A rung was taken, and this came of it."""

    component: str
    outcome: Outcome


class Proven(NamedTuple):
    """A component passed its check often enough again (`at`, epoch seconds), or did not within the wait (None)."""

    component: str
    at: float | None


def climb(db: Database, config: Config, due: Sequence[Due], clock: Callable[[], float]) -> Iterator[Ended | Proven]:
    """Take all the rungs at once; tells of each as it ends, and of those that took place how their proof went."""
    timeout = config.recovery.timeout
    ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
    waiting = {one.component.id: one.component for one in due}
    for one in due:
        _in_background(partial(_take_and_tell, one, timeout, ended))
    proofs: list[_Proof] = []
    until = time.monotonic() + timeout + _DRAIN + _SLACK
    while waiting or proofs:
        for done in _finished(ended, waiting, until):
            component = waiting.pop(done.component)
            yield done
            if done.outcome.result in ("done", "working"):
                proofs.append(_Proof(db, config, component, clock))
        for proof in [one for one in proofs if one.due]:
            proof.look()
            if proof.over:
                proofs.remove(proof)
                yield Proven(proof.id, proof.at)
        if waiting or proofs:
            time.sleep(_POLL)


def _finished(ended: "queue.SimpleQueue[Ended]", waiting: Mapping[str, Component], until: float) -> list[Ended]:
    """Those that have ended since, and all the rest once their time is over."""
    found = []
    while not ended.empty():
        found.append(ended.get())
    if time.monotonic() < until:
        return found
    late = Outcome("working", "the step did not come back in its time")
    return found + [Ended(id_, late) for id_ in waiting if id_ not in {one.component for one in found}]


def _take_and_tell(due: Due, timeout: float, ended: "queue.SimpleQueue[Ended]") -> None:
    ended.put(Ended(due.component.id, _take(due, timeout)))


def _take(due: Due, timeout: float) -> Outcome:
    """Drain, then the rung."""
    guard = due.component.plan.guard
    drained = in_flight.drain(guard, timeout=_DRAIN) if guard is not None and guard.drain is not None else None
    outcome = run_rung(due.rung, timeout)
    if drained is None:
        return outcome
    return outcome._replace(output=f"drain: {drained.result}: {drained.detail}\n{outcome.output}".strip())


def run_rung(rung: Rung, timeout: float) -> Outcome:
    """Run one rung; a fault of our own is a failed attempt, not the end of the pass."""
    try:
        outcome: Outcome = plugins.load("actions", rung.action).run(rung.settings, timeout=timeout)
    except Exception as error:
        return Outcome("failed", one_line(f"heartbeat's own fault: {type(error).__name__}: {error}"))
    return outcome


class _Proof:
    """The same check again and again, until it has passed often enough in a row or the wait is over."""

    def __init__(self, db: Database, config: Config, component: Component, clock: Callable[[], float]) -> None:
        self.id = component.id
        self.at: float | None = None
        self._db, self._clock = db, clock
        self._wanted, self._good = component.common.recovery_threshold, 0
        wait = config.recovery.verify_wait
        self._until = time.monotonic() + wait
        self._spacing = min(_SPACING, wait / (2 * self._wanted))
        self._asked = check.look_for(db, config, component, clock())
        self._next = time.monotonic()

    @property
    def due(self) -> bool:
        return time.monotonic() >= min(self._next, self._until)

    @property
    def over(self) -> bool:
        return self.at is not None or time.monotonic() >= self._until

    def look(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            return
        look = self._asked.look
        seen = check.look([self._asked._replace(look=look._replace(timeout=min(look.timeout, left)))])[self.id]
        self._good = self._good + 1 if seen.status in SUCCESSES else 0
        if self._good >= self._wanted:
            self.at = self._clock()
        self._next = time.monotonic() + self._spacing
        self._asked = check.look_again(self._db, self._asked, seen, self._clock())


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()
