"""Rungs being taken and proven, several components at once: no slow one keeps a quick one waiting.

Actions and looks run on daemon threads that nobody waits for beyond their time; the store is used on the calling thread
only. A rung counts as proven when the component's own check has passed as often in a row as ends a fault: one good look
just after a start says little about a thing that dies a second later.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import SUCCESSES, Reading
from heartbeat_cli.domain.component import Component, Rung
from heartbeat_cli.domain.plain import own_fault
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.recovery_context import Due
from heartbeat_cli.passes.check import check, engine
from heartbeat_cli.passes.recover import in_flight
from heartbeat_cli.store.sql.database import Database

_POLL = 0.05  # seconds between two looks at who has finished
_SPACING = 1.0  # seconds between two looks that prove a rung
_SLACK = 2.0  # seconds an action may take beyond its time before it is given up
_DRAIN = 10.0  # seconds a component gets to finish what it is at
STOOD_STILL = Text("this process stood still before the step began, and left it")


class Ended(NamedTuple):
    """The outcome of a recovery step."""

    component: str
    outcome: Outcome


class Proven(NamedTuple):
    """A component passed its check often enough again (`at`, epoch seconds), or did not within the wait (None)."""

    component: str
    at: float | None


class _Looked(NamedTuple):
    component: str
    reading: Reading


class Climb:
    """Rungs on their way: `start` one, at any time; iterating tells of those that have ended and, where they took
    place, how their proofs went, together what came together, until nothing is left on its way."""

    def __init__(self, db: Database, config: Config, clock: Callable[[], float]) -> None:
        self._db, self._config, self._clock = db, config, clock
        self._timeout = config.recovery.timeout
        self._heard: queue.SimpleQueue[Ended | _Looked] = queue.SimpleQueue()
        self._taking: dict[str, tuple[Component, float]] = {}
        self._proofs: dict[str, _Proof] = {}

    @property
    def taking(self) -> int:
        """How many rungs are being taken just now, proofs aside."""
        return len(self._taking)

    def start(self, due: Due) -> None:
        """Take a rung."""
        latest = time.monotonic() + _DRAIN + _SLACK
        self._taking[due.component.id] = due.component, latest + self._timeout
        _in_background(partial(_take_and_tell, due, self._timeout, latest, self._heard))

    def __iter__(self) -> Iterator[list[Ended | Proven]]:
        while self._taking or self._proofs:
            events: list[Ended | Proven] = [*self._ended(), *self._proven()]
            if events:
                yield events
            if self._taking or self._proofs:
                time.sleep(_POLL)

    def _proven(self) -> list[Proven]:
        """The verifications that have ended; the others check again when it is time."""
        over = [proof for proof in self._proofs.values() if proof.over]
        for proof in over:
            del self._proofs[proof.id]
        for proof in self._proofs.values():
            if proof.due:
                _in_background(partial(_look_and_tell, proof.begin(), self._heard))
        return [Proven(proof.id, proof.at) for proof in over]

    def _ended(self) -> list[Ended]:
        """The rungs that have ended since, and those whose time is over; what looks have found goes to its proof."""
        found: dict[str, Ended] = {}
        while not self._heard.empty():
            heard = self._heard.get()
            if isinstance(heard, Ended):
                found[heard.component] = heard
            elif heard.component in self._proofs:
                self._proofs[heard.component].saw(heard.reading)
        late = Outcome("working", Text("the step did not come back in its time"))
        for id_, (_, until) in self._taking.items():
            if id_ not in found and time.monotonic() >= until:
                found[id_] = Ended(id_, late)
        ended = [one for id_, one in found.items() if id_ in self._taking]
        for one in ended:
            component, _ = self._taking.pop(one.component)
            if one.outcome.result in ("done", "working"):
                self._proofs[component.id] = _Proof(self._db, self._config, component, self._clock)
        return ended


def _take_and_tell(due: Due, timeout: float, latest: float, heard: "queue.SimpleQueue[Ended | _Looked]") -> None:
    heard.put(Ended(due.component.id, _take(due, timeout, latest)))


def _look_and_tell(asked: engine.Asked, heard: "queue.SimpleQueue[Ended | _Looked]") -> None:
    heard.put(_Looked(asked.component.id, check.look([asked])[asked.component.id]))


def _take(due: Due, timeout: float, latest: float) -> Outcome:
    """Drain, then the rung, unless it is later than `latest` (time.monotonic()) by then: somebody else may have taken
    a step meanwhile."""
    guard = due.component.plan.guard
    drained = in_flight.drain(guard, timeout=_DRAIN) if guard is not None and guard.drain is not None else None
    outcome = run_rung(due.rung, timeout) if time.monotonic() < latest else Outcome("lost", STOOD_STILL)
    if drained is None:
        return outcome
    return outcome._replace(output=f"drain: {drained.result}: {drained.detail}\n{outcome.output}".strip())


def run_rung(rung: Rung, timeout: float) -> Outcome:
    """Run one rung; a fault of our own is a failed attempt, not the end of the pass."""
    try:
        outcome: Outcome = plugins.load("actions", rung.action).run(rung.settings, timeout=timeout)
    except Exception as error:
        return Outcome("failed", own_fault(error))
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
        self._next: float | None = time.monotonic()  # None while a look is on its way

    @property
    def due(self) -> bool:
        return self._next is not None and time.monotonic() >= self._next

    @property
    def over(self) -> bool:
        return self.at is not None or time.monotonic() >= self._until

    def begin(self) -> engine.Asked:
        """The next look, which ends when the wait does."""
        self._next = None
        look = self._asked.look
        left = max(_POLL, self._until - time.monotonic())
        return self._asked._replace(look=look._replace(timeout=min(look.timeout, left)))

    def saw(self, reading: Reading) -> None:
        """What that look has found."""
        self._good = self._good + 1 if reading.status in SUCCESSES else 0
        if self._good >= self._wanted:
            self.at = self._clock()
        self._next = time.monotonic() + self._spacing
        self._asked = check.look_again(self._db, self._asked, reading, self._clock())


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()
