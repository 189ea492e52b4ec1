"""For each open incident: take the next step of its ladder, recorded before it starts and verified after it.

The steps that are due run side by side, and what they did not heal is decided again meanwhile. Right before a step the
component is checked once more, its action is asked for objections, and it for work in flight; `--force` skips that.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import topological
from heartbeat_cli.domain.incident import ITSELF, PERSON, Attempt
from heartbeat_cli.domain.plain import one_line, own_fault
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.brakes import held
from heartbeat_cli.domain.recovery.decision import Approval
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.killed_steps import by_process
from heartbeat_cli.passes.alerting.recovery_context import Due, own_ids
from heartbeat_cli.passes.recover.choice import Choice, SaveAttempt
from heartbeat_cli.passes.recover.preconditions import Wait, at_once
from heartbeat_cli.passes.recover.results import UNHELPED, StepResult, about, result_of
from heartbeat_cli.passes.recover.step_executor import STOOD_STILL, Ended, InStore, StepExecutor, Verified
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries

_OUTPUT = 4_000
_AT_ONCE = 16  # steps that are taken side by side

Meanwhile = Callable[[], bool]


class Store(Record):
    """How recovery reaches the store, which may be what a step restarts, so that another takes its place: `run` runs a
    piece of work, once more on the other one where need be; `save` records an attempt there as well."""

    run: InStore
    save: SaveAttempt


def one_store(db: Database) -> Store:
    """The same store, whatever happens to it."""
    return Store(lambda work: work(db), lambda attempt: recoveries.save(db, attempt))


def recover(
    store: Store,
    config: Config,
    clock: Callable[[], float] = time.time,
    wanted: Sequence[str] | None = None,
    *,
    forced: bool = False,
    dry_run: bool = False,
    asks: bool = True,
    meanwhile: Meanwhile = lambda: False,
    asked: Collection[str] = (),
    by: str = PERSON,
    tick: Callable[[], None] | None = None,
) -> list[StepResult]:
    """Run what is due for the open incidents (of the wanted components, or all that this host watches); returns every
    decision. Naming a component, also in `asked`, is a person's word for it, `forced` an order; `by` is recorded as who
    gave it. `meanwhile` is called again and again while steps are taken and verified, and says whether incidents may
    have begun or ended since; `tick` is called while components are checked again and actions are asked before a
    step. A `dry_run` says what would be done; without `asks` it does so by what is stored alone."""
    approval = Approval(wanted is not None, forced and wanted is not None)
    run = RecoveryRun(store, config, clock, approval, dry_run, meanwhile, asked, by)
    run.asks = asks or not dry_run
    if tick is not None:
        from heartbeat_cli.system import in_threads

        run.wait = partial(in_threads.beside, meanwhile=tick)
    order = topological(config.components)  # parents first, to be acted on and to be read about
    run.work(own_ids(config, order) if wanted is None else [id_ for id_ in order if id_ in wanted])
    return sorted(run.results, key=lambda one: order.index(one.component))


class RecoveryRun:
    """One recovery pass: what waits for its step, the steps in progress, and `results`, what came of each component."""

    def __init__(
        self,
        store: Store,
        config: Config,
        clock: Callable[[], float],
        approval: Approval,
        dry: bool,
        meanwhile: Meanwhile,
        asked: Collection[str],
        by: str,
    ) -> None:
        self.config, self.clock, self.approval, self.dry = config, clock, approval, dry
        self._store, self._meanwhile, self._asked, self._by = store, meanwhile, asked, by
        self.wait: Wait = at_once
        self.asks = True
        # No step begins later: a run has to end some time, and the next one goes on.
        self.until = time.monotonic() + config.recovery.timeout
        self.results: list[StepResult] = []
        self._waiting: deque[Due] = deque()
        self._executor = StepExecutor(store.run, config, clock)
        self._taken: dict[str, tuple[Due, Attempt]] = {}  # the step begun last, by component
        self._decided_in: Database | None = None  # what was decided last was read from it
        self._unrecorded: dict[str, Attempt] = {}  # that the store may hold, which failed while it took them

    def work(self, ids: Sequence[str]) -> None:
        """Decide for all of them, take the steps that are due side by side, and decide anew for those that were not
        helped, and for the others when something was checked meanwhile, until everything was helped, needs time, or has
        no step left."""
        self._choose(ids)
        self.approval = self.approval._replace(forced=False)
        self._start()
        for events in self._executor:
            unhelped = [event.component for event in events if self._ended_without_help(event)]
            if self._meanwhile() and not self._late:
                # What waits was decided on before: it may be healthy by now, or worked on.
                self._waiting = deque(one for one in self._waiting if one.forced)
                self._choose([id_ for id_ in ids if id_ not in self._busy])
            elif unhelped:  # together: each is checked once more, and one that hangs takes its whole time for it
                self._choose(unhelped)
            self._start()
        spent = Text("this pass has spent its time; the next one goes on")
        self.results += [about(one, "wait", spent, "time") for one in self._waiting]

    @property
    def _late(self) -> bool:
        return time.monotonic() > self.until

    def _approval_of(self, component: str) -> Approval:
        return self.approval._replace(asked=self.approval.asked or component in self._asked)

    @property
    def _busy(self) -> set[str]:
        """The components whose step waits, is being taken, or is being verified."""
        return {one.component.id for one in self._waiting} | self._executor.busy

    def _choose(self, ids: Sequence[str]) -> None:
        """Decide about each: what needs no step is a result, what is due waits for its step."""

        def choice(db: Database) -> Choice:
            self._decided_in = db
            waiting = len(self._waiting)
            save, busy = self._store.save, self._busy
            return Choice(
                db, self.config, self.clock, self._approval_of, self.dry, save, busy, waiting, self.wait, self.asks
            ).make(ids)

        made: Choice = self._store.run(choice)
        anew = set(ids)
        self.results = [one for one in self.results if one.decision == "ran" or one.component not in anew]
        self.results += made.results
        self._waiting += made.due

    def _start(self) -> None:
        """Start what waits, as far as slots and time allow; each step is recorded before it starts."""
        while self._waiting and self._executor.taking < _AT_ONCE and not self._late:
            one = self._waiting.popleft()
            attempt = self._attempt(one)
            recorded = self._record(one, attempt)
            if recorded is None:
                self._unrecorded[one.component.id] = attempt
                self._choose_again(one)
            elif not recorded:
                busy = held(Text("another heartbeat is taking a step just now"))
                self.results.append(about(one, "held", busy, "elsewhere"))
            elif self._late:  # this process stood still meanwhile: what it decided upon is old
                self._store.save(self._after(attempt, Ended(one.component.id, Outcome("lost", STOOD_STILL))))
                self.results.append(about(one, "wait", STOOD_STILL, "time"))
            else:
                self._store.save(attempt)
                self._taken[one.component.id] = one, attempt
                self._executor.start(one)

    def _choose_again(self, one: Due) -> None:
        """The store has failed since this step and those that wait were decided upon: decide in what takes its place.
        There the steps of components that other hosts restart, too, are left to those that reach the store."""
        anew = [one, *(due for due in self._waiting if not due.forced)]
        self._waiting = deque(due for due in self._waiting if due.forced)
        self._choose([due.component.id for due in anew])

    def _ended_without_help(self, event: Ended | Verified) -> bool:
        """Record how a step went; whether the next one is to be decided upon."""
        one, attempt = self._taken[event.component]
        attempt = self._after(attempt, event)
        self._store.save(attempt)
        self._taken[event.component] = one, attempt
        if attempt.outcome in (*UNHELPED, "lost") or isinstance(event, Verified):
            self.results.append(result_of(one, attempt))
        return attempt.outcome in UNHELPED and one.incident is not None

    def _attempt(self, one: Due) -> Attempt:
        about, step = one.incident.id if one.incident else None, one.decision.step
        known = self._unrecorded.pop(one.component.id, None)
        begun = known.started if known and (known.incident, known.step) == (about, step) else self.clock()
        return Attempt(
            id=f"{about or one.component.id}/{round(begun * 1000)}-{step + 1}",
            incident=about,
            component=one.component.id,
            step=step,
            action=one.step.action,
            requested_by=self._by if self._approval_of(one.component.id).asked else ITSELF,
            observer=self.config.observer,
            started=begun,
            verify_until=begun + one.grace,
            reason=self._clean(one.reason),
            output=by_process(os.getpid()),
        )

    def _after(self, attempt: Attempt, event: Ended | Verified) -> Attempt:
        if isinstance(event, Verified):
            return attempt._replace(verified=event.at)
        outcome = event.outcome
        return attempt._replace(
            finished=max(self.clock(), attempt.started),
            outcome=outcome.result,
            detail=self._clean(outcome.detail),
            output=redact(outcome.output, self.config.secrets)[-_OUTPUT:],
        )

    def _record(self, one: Due, attempt: Attempt) -> bool | None:
        """Keep the attempt, unless somebody with another lock file (a user or host) took a step since we chose. None
        where the store that the step was decided in has failed, and nobody ordered the step."""

        def record(db: Database) -> bool | None:
            if db is not self._decided_in and not one.forced:
                return None
            with db.transaction():
                recoveries.lock(db)
                if recoveries.newest(db, one.component.id, one.since) != one.newest:
                    return False
                recoveries.save(db, attempt)
            return True

        recorded: bool | None = self._store.run(record)
        return recorded

    def _clean(self, text: str) -> str:
        """Fit to be stored. An action may say what it likes: it costs its own words, and never the run."""
        try:
            return one_line(redact(text, self.config.secrets), 300)
        except Exception as error:
            return own_fault(error)
