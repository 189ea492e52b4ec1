"""Executes and verifies recovery steps of several components at once: no slow one keeps a quick one waiting.

Actions and checks run on daemon threads that nobody waits for beyond their time. The store is used on the calling
thread only. A step is verified when the component's own check has passed as often in a row as ends a fault: one good
check just after a start says little about a process that dies a second later.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import SUCCESSES, Reading
from heartbeat_cli.domain.component import Component, Step
from heartbeat_cli.domain.plain import own_fault
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.passes.alerting.recovery_context import Due
from heartbeat_cli.passes.check import check, engine
from heartbeat_cli.passes.recover import in_flight
from heartbeat_cli.store.sql.database import Database

_POLL = 0.05  # seconds between two looks at the clock, while nothing reports
_SPACING = 1.0  # seconds between two checks that verify a step
_SLACK = 2.0  # seconds an action may take beyond its time before it is given up
_FIND_OUT = 5.0  # seconds to find out whether a step took place whose answer was lost
_ASK = 2.5  # seconds for one question to an action
_AHEAD = 1.0  # seconds that a clock may be ahead of ours
_DRAIN = 10.0  # seconds a component gets to finish what it is at
STOOD_STILL = Text("this process stood still before the step began, and left it")
STARTED = Text("somebody has just started it; it is let come up")


InStore = Callable[[Callable[[Database], Any]], Any]  # runs a piece of work on the store in use, and returns its result


class Ended(Record):
    """The outcome of a recovery step."""

    component: str
    outcome: Outcome


class Verified(Record):
    """A component passed its check often enough again (`at`, epoch seconds), or did not within the wait (None)."""

    component: str
    at: float | None


class _Checked(Record):
    component: str
    reading: Reading


class StepExecutor:
    """Steps in progress. `start` begins one, at any time; iterating yields the steps that have ended and, for those
    that took place, their verifications, as lists of what came at the same time (mostly nothing), until nothing is left
    in progress."""

    def __init__(self, store: InStore, config: Config, clock: Callable[[], float]) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._timeout = config.recovery.timeout
        self._reports: queue.SimpleQueue[Ended | _Checked] = queue.SimpleQueue()
        self._come: list[Ended | _Checked] = []  # reports that were taken from the queue
        self._taking: dict[str, tuple[Component, float]] = {}
        self._verifications: dict[str, _Verification] = {}

    @property
    def taking(self) -> int:
        """How many steps are being executed, verifications not counted."""
        return len(self._taking)

    @property
    def busy(self) -> set[str]:
        """The components whose step is being taken or verified."""
        return {*self._taking, *self._verifications}

    def start(self, due: Due) -> None:
        """Begin to execute a step."""
        latest = time.monotonic() + _DRAIN + _SLACK
        self._taking[due.component.id] = due.component, latest + self._timeout + _ASK + _FIND_OUT
        work = _Taking(due, self._timeout, latest, self._clock(), time.monotonic())
        _in_background(lambda: self._reports.put(Ended(due.component.id, work.outcome())))

    def __iter__(self) -> Iterator[list[Ended | Verified]]:
        while self._taking or self._verifications:
            yield [*self._ended(), *self._verified()]
            if self._taking or self._verifications:
                with suppress(queue.Empty):
                    self._come.append(self._reports.get(timeout=_POLL))

    def _verified(self) -> list[Verified]:
        """The verifications that have ended; the others check again when it is time."""
        over = [verification for verification in self._verifications.values() if verification.over]
        for verification in over:
            del self._verifications[verification.id]
        for verification in self._verifications.values():
            if verification.due:
                _in_background(partial(_check_and_report, verification.begin(), self._reports))
        return [Verified(verification.id, verification.at) for verification in over]

    def _ended(self) -> list[Ended]:
        """The steps that have ended since, and those whose time is over; passes on what checks have found."""
        found: dict[str, Ended] = {}
        while not self._reports.empty():
            self._come.append(self._reports.get())
        come, self._come = self._come, []
        for report in come:
            if isinstance(report, Ended):
                found[report.component] = report
            elif report.component in self._verifications:
                self._verifications[report.component].saw(report.reading)
        late = Outcome("working", Text("the step did not come back in its time"))
        for id_, (_, until) in self._taking.items():
            if id_ not in found and time.monotonic() >= until:
                found[id_] = Ended(id_, late)
        ended = [one for id_, one in found.items() if id_ in self._taking]
        for one in ended:
            component, _ = self._taking.pop(one.component)
            if one.outcome.result in ("done", "working"):
                self._verifications[component.id] = _Verification(self._store, self._config, component, self._clock)
        return ended


def _check_and_report(asked: engine.Asked, report: "queue.SimpleQueue[Ended | _Checked]") -> None:
    report.put(_Checked(asked.component.id, check.run([asked])[asked.component.id]))


class _Taking(Record):
    """A step that is about to be taken, decided upon at `now` (epoch seconds; `since` by time.monotonic()): not later
    than `latest` (time.monotonic()), since somebody else may have taken a step by then."""

    due: Due
    timeout: float
    latest: float
    now: float
    since: float

    def outcome(self) -> Outcome:
        """Drain, then the step; what came of it."""
        guard = self.due.component.plan.guard
        drained = in_flight.drain(guard, timeout=_DRAIN) if guard is not None and guard.drain is not None else None
        outcome = self._take()
        if drained is None:
            return outcome
        return outcome._replace(output=f"drain: {drained.result}: {drained.detail}\n{outcome.output}".strip())

    def _take(self) -> Outcome:
        if time.monotonic() >= self.latest:
            return Outcome("lost", STOOD_STILL)
        if not self.due.forced and self._is_begun():
            return Outcome("lost", STARTED)
        outcome = run_step(_sparing(self.due), self.timeout)
        return self._found_out(outcome) if outcome.result == "unsure" else outcome

    def _is_begun(self) -> bool:
        """Whether somebody has started it since this was decided: then it is let come up. A start that lies ahead of us
        was dated by another clock, and says nothing."""
        begun = self._ask("begun", timeout=_ASK)
        return begun is not None and self.now < begun <= self.now + (time.monotonic() - self.since) + _AHEAD

    def _found_out(self, outcome: Outcome) -> Outcome:
        """What became of a step whose answer was lost: it took place, or did not; or the check has to tell."""
        until = time.monotonic() + _FIND_OUT
        took = self._ask("happened", self.now, timeout=_ASK)
        while took is None and time.monotonic() + _ASK < until:
            time.sleep(_POLL * 10)
            took = self._ask("happened", self.now, timeout=_ASK)
        if took is False:
            return outcome._replace(result="failed")
        what = Text("it took place all the same") if took else Text("nobody can tell yet whether it took place")
        return outcome._replace(result="done" if took else "working", detail=joined([outcome.detail, what]))

    def _ask(self, question: str, *given: float, timeout: float) -> Any:
        """An action's answer; None where it has none."""
        ask = getattr(plugins.load("actions", self.due.step.action), question, None)
        try:
            return ask(self.due.step.settings, *given, timeout=timeout) if ask else None
        except Exception:
            return None


def _sparing(due: Due) -> Step:
    """The step; of a component that answers nothing is killed, since it may be finishing its work."""
    settings = due.step.settings
    if due.silent or not getattr(settings, "hang_kill", 0):
        return due.step
    return due.step._replace(settings=settings._replace(hang_kill=0.0))


def run_step(step: Step, timeout: float) -> Outcome:
    """Run one step; a fault of our own is a failed attempt, not the end of the pass."""
    try:
        outcome: Outcome = plugins.load("actions", step.action).run(step.settings, timeout=timeout)
    except Exception as error:
        return Outcome("failed", own_fault(error))
    return outcome


class _Verification:
    """The same check again and again, until it has passed often enough in a row or the wait is over."""

    def __init__(self, store: InStore, config: Config, component: Component, clock: Callable[[], float]) -> None:
        self.id = component.id
        self.at: float | None = None
        self._store, self._clock = store, clock
        self._wanted, self._good = component.common.recovery_threshold, 0
        wait = config.recovery.verify_wait
        self._until = time.monotonic() + wait
        self._spacing = min(_SPACING, wait / (2 * self._wanted))
        self._asked: engine.Asked = store(partial(check.prepare, config=config, component=component, now=clock()))
        self._next: float | None = time.monotonic()  # None while a check is running

    @property
    def due(self) -> bool:
        return self._next is not None and time.monotonic() >= self._next

    @property
    def over(self) -> bool:
        return self.at is not None or time.monotonic() >= self._until

    def begin(self) -> engine.Asked:
        """The next check; it ends when the wait does."""
        self._next = None
        context = self._asked.context
        left = max(_POLL, self._until - time.monotonic())
        return self._asked._replace(context=context._replace(timeout=min(context.timeout, left)))

    def saw(self, reading: Reading) -> None:
        """Take the result of that check."""
        self._good = self._good + 1 if reading.status in SUCCESSES else 0
        if self._good >= self._wanted:
            self.at = self._clock()
        self._next = time.monotonic() + self._spacing
        self._asked = self._store(partial(check.prepare_again, asked=self._asked, seen=reading, now=self._clock()))


def _in_background(work: Callable[[], None]) -> None:
    """Not by `system.in_threads`: nobody waits here; each piece of work announces its own end in the queue."""
    threading.Thread(target=work, daemon=True).start()
