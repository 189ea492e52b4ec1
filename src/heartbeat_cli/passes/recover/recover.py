"""For each open incident: take the next step of its ladder, recorded before it starts and verified after it.

The steps that are due run side by side, and what they did not heal is decided again meanwhile. Right before a step the
component is checked once more, its action is asked for objections, and it for work in flight; `--force` skips that.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, topological
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.recovery.brakes import held, of_component, unheld
from heartbeat_cli.domain.recovery.decision import Approval, Decision
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.killed_steps import by_process, may_be_at_work
from heartbeat_cli.passes.alerting.recovery_context import Due, RecoveryContext, own_ids, steps_in_words
from heartbeat_cli.passes.recover import handoff, preconditions
from heartbeat_cli.passes.recover.results import UNHELPED, StepResult, about, result_of
from heartbeat_cli.passes.recover.step_executor import STOOD_STILL, Ended, StepExecutor, Verified
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, steps_seen

_OUTPUT = 4_000
# Holds worth a row of their own, once an incident: they say why nothing was done about a fault.
_KEPT = frozenset(
    {"parent", "maintenance", "unknown", "ask", "budget", "host_budget", "objection", "answers", "busy", "orphaned"}
)

_AT_ONCE = 16  # steps that are taken side by side

SaveAttempt = Callable[[Attempt], None]


def recover(
    db: Database,
    config: Config,
    clock: Callable[[], float] = time.time,
    wanted: Sequence[str] | None = None,
    *,
    forced: bool = False,
    dry_run: bool = False,
    save: SaveAttempt | None = None,
) -> list[StepResult]:
    """Run what is due for the open incidents (of the wanted components, or all that this host watches); returns every
    decision. Naming a component is a person's word for it, `forced` an order. `keep` records an attempt where the store
    may be what the step restarts; default: in the store."""
    approval = Approval(wanted is not None, forced and wanted is not None)
    run = RecoveryRun(db, config, clock, approval, dry_run, save or (lambda attempt: recoveries.save(db, attempt)))
    order = topological(config.components)  # parents first, to be acted on and to be read about
    run.work(own_ids(config, order) if wanted is None else [id_ for id_ in order if id_ in wanted])
    return sorted(run.results, key=lambda one: order.index(one.component))


class RecoveryRun:
    """One recovery pass: what waits for its step, the steps in progress, and `results`, what came of each component."""

    def __init__(
        self, db: Database, config: Config, clock: Callable[[], float], approval: Approval, dry: bool, save: SaveAttempt
    ) -> None:
        self.db, self.config, self.clock, self.approval, self.dry, self.save = db, config, clock, approval, dry, save
        # While steps run nothing is checked: slow components must not keep the others from being checked.
        self.until = time.monotonic() + config.recovery.timeout
        self.results: list[StepResult] = []
        self._waiting: deque[Due] = deque()
        self._executor = StepExecutor(db, config, clock)
        self._taken: dict[str, tuple[Due, Attempt]] = {}  # the step begun last, by component

    def work(self, ids: Sequence[str]) -> None:
        """Decide for all of them, take the steps that are due side by side, and decide anew for those that were not
        helped, until everything was helped, needs time, or has no step left."""
        self._choose(ids)
        self.approval = self.approval._replace(forced=False)
        self._start()
        for events in self._executor:
            unhelped = [event.component for event in events if self._ended_without_help(event)]
            if unhelped:  # together: each is checked once more, and one that hangs takes its whole time for it
                self._choose(unhelped)
            self._start()
        spent = Text("this pass has spent its time; the next one goes on")
        self.results += [about(one, "wait", spent, "time") for one in self._waiting]

    @property
    def _late(self) -> bool:
        return time.monotonic() > self.until

    # --- decide ---------------------------------------------------------------------------------------------------

    def _choose(self, ids: Iterable[str]) -> None:
        """Decide about each: what needs no step is a result, what is due waits for its step."""
        context = RecoveryContext(self.db, self.config, self.clock())
        context.planned = len(self._waiting)
        if context.foreign and not self.dry:
            steps_seen.save(self.db, self.config.observer, context.foreign, context.now)
        self._resolve_interrupted_orders(context)
        due = [one for id_ in ids if (one := self._due(context, self.config.components[id_])) is not None]
        blocked = self._blocked(context, due)
        for one in due:
            if one.component.id in blocked:
                self.results.append(self._not_now(context, one, *blocked[one.component.id]))
            elif self.dry:
                self.results.append(about(one, "would run", one.reason, one.decision.name))
            else:
                self._waiting.append(one)

    def _due(self, context: RecoveryContext, component: Component) -> Due | None:
        """The step that is due for a component, if one is; else why not is a result."""
        if component.id in context.incidents or self.approval.forced:
            found = self._decide(context, component)
            if isinstance(found, Due):
                return found
            self.results.append(found)
        elif self.dry:
            well = Text("it is not in fault (its steps: {n})", n=steps_in_words(component) or "none")
            self.results.append(StepResult(component.id, "nothing", well, "well"))
        return None

    def _blocked(self, context: RecoveryContext, due: Sequence[Due]) -> dict[str, preconditions.Objection]:
        """Why a step that is due must not be taken after all, by component; an order is not asked about."""
        found = {} if self.approval.forced else preconditions.blocking(self.db, self.config, due, self.clock())
        return found if self.dry else found | preconditions.insisting(context, due, found)

    def _decide(self, context: RecoveryContext, component: Component) -> StepResult | Due:
        incident, decision = context.incidents.get(component.id), context.decide(component, self.approval)
        if decision.move == "prove":
            self._resolve_interrupted(context, component, context.tried(component)[-1])
            decision = context.decide(component, self.approval)
        if decision.move == "run":
            grace, said = context.limits(component).grace, context.objection(component)
            due = Due(
                component,
                incident,
                decision,
                context.newest(component),
                context.horizon,
                grace,
                said,
                self.approval.forced,
            )
            context.planned += 1
            return due
        reason = self._clean(of_component(decision.reason, component.id))
        if incident is not None and not self.dry:
            self._note(context, component, incident, decision, reason)
            if decision.name in handoff.NAMES:
                handoff.notify(self.db, self.config, context, component, incident, decision._replace(reason=reason))
        failed = decision.name in handoff.NAMES or decision.name == "orphaned"
        return StepResult(component.id, decision.move, reason, decision.name, failed=failed)

    def _resolve_interrupted_orders(self, context: RecoveryContext) -> None:
        """A person's order for a component in no fault, killed: no decision about a fault would ever come to it."""
        for one in list(context.attempts.values()):
            component = self.config.components.get(one.component)
            mine = one.outcome == "running" and one.incident is None and one.observer == self.config.observer
            if mine and component and context.now - one.started > self.config.recovery.timeout:
                self._resolve_interrupted(context, component, one)

    def _resolve_interrupted(self, context: RecoveryContext, component: Component, last: Attempt) -> None:
        """What became of a step whose process was killed."""
        took, left, until = None, True, last.verify_until
        if last.observer == self.config.observer and last.step < len(component.plan.ladder):
            took = preconditions.took_place(component.plan.ladder[last.step], last.started)
            left = may_be_at_work(last)
        if took is None and not left:
            until = context.until_left_alone(component, last)
        found = {
            True: ("done", Text("its run was cut off; the step took place all the same")),
            False: ("lost", Text("its run was cut off before the step took place")),
            None: ("cut off", Text("its run was cut off; nobody can tell whether the step took place")),
        }
        outcome, detail = found[took]
        ended = max(self.clock(), last.started)
        known = last._replace(outcome=outcome, detail=detail, output="", finished=ended, verify_until=until)
        context.attempts[known.id] = known
        if not self.dry:
            self.save(known)

    def _not_now(self, context: RecoveryContext, one: Due, name: str, reason: str) -> StepResult:
        decision = Decision("held", name, self._clean(reason), one.decision.step)
        fresh = name == "objection" and one.incident is not None and context.now < one.incident.redeclared + one.grace
        needs_person = name in handoff.NAMES and not fresh  # it may be about to start, or to stop
        if one.incident is not None and not self.dry:
            self._note(context, one.component, one.incident, decision, decision.reason)
            if needs_person:
                handoff.notify(self.db, self.config, context, one.component, one.incident, decision)
        return about(one, "held", decision.reason, name)._replace(failed=needs_person)

    def _note(
        self, context: RecoveryContext, component: Component, incident: Incident, decision: Decision, reason: str
    ) -> None:
        """Keep why nothing is done, once an incident and reason; an objection in its last words, which are needed."""
        id_ = f"{incident.id}/held-{decision.name}"
        known, reason = context.attempts.get(id_), unheld(reason)
        if decision.name not in _KEPT or (known and (decision.name != "objection" or known.detail == reason)):
            return
        now, ladder = context.now, component.plan.ladder
        action = ladder[min(decision.step, len(ladder) - 1)].action
        self.save(
            Attempt(
                id_,
                incident.id,
                component.id,
                decision.step,
                action,
                "heartbeat",
                self.config.observer,
                started=now,
                finished=now,
                outcome="held",
                detail=reason,
                reason=decision.name,
            )
        )

    # --- act ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start what waits, as far as slots and time allow; each step is recorded before it starts."""
        while self._waiting and self._executor.taking < _AT_ONCE and not self._late:
            one = self._waiting.popleft()
            attempt = self._attempt(one)
            if not self._record(one, attempt):
                busy = held(Text("another heartbeat is taking a step just now"))
                self.results.append(about(one, "held", busy, "elsewhere"))
            elif self._late:  # this process stood still meanwhile: what it decided upon is old
                self.save(self._after(attempt, Ended(one.component.id, Outcome("lost", STOOD_STILL))))
                self.results.append(about(one, "wait", STOOD_STILL, "time"))
            else:
                self.save(attempt)
                self._taken[one.component.id] = one, attempt
                self._executor.start(one)

    def _ended_without_help(self, event: Ended | Verified) -> bool:
        """Record how a step went; whether the next one is to be decided upon."""
        one, attempt = self._taken[event.component]
        attempt = self._after(attempt, event)
        self.save(attempt)
        self._taken[event.component] = one, attempt
        if attempt.outcome in (*UNHELPED, "lost") or isinstance(event, Verified):
            self.results.append(result_of(one, attempt))
        return attempt.outcome in UNHELPED and one.incident is not None

    def _attempt(self, one: Due) -> Attempt:
        begun = self.clock()
        about = one.incident.id if one.incident else None
        return Attempt(
            id=f"{about or one.component.id}/{round(begun * 1000)}-{one.decision.step + 1}",
            incident=about,
            component=one.component.id,
            step=one.decision.step,
            action=one.step.action,
            requested_by="person" if self.approval.asked else "heartbeat",
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

    def _record(self, one: Due, attempt: Attempt) -> bool:
        """Keep the attempt, unless somebody with another lock file (a user or host) took a step since we chose."""
        with self.db.transaction():
            recoveries.lock(self.db)
            if recoveries.newest(self.db, one.component.id, one.since) != one.newest:
                return False
            recoveries.save(self.db, attempt)
        return True

    def _clean(self, text: str) -> str:
        return one_line(redact(text, self.config.secrets), 300)
