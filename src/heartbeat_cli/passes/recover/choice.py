"""Decides what recovery does next for each component, and keeps why nothing is done about a fault. Used by `recover`,
which takes the steps that are due.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.recovery.brakes import of_component, unheld
from heartbeat_cli.domain.recovery.decision import Approval, Decision
from heartbeat_cli.domain.recovery.holds import in_the_past
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.killed_steps import may_be_at_work, runs_here
from heartbeat_cli.passes.alerting.recovery_context import Due, RecoveryContext, steps_in_words
from heartbeat_cli.passes.recover import coming_up, handoff, preconditions
from heartbeat_cli.passes.recover.results import StepResult, about
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import steps_seen

# Holds worth a row of their own, once an incident: they say why nothing was done about a fault.
_KEPT = frozenset(
    {
        "parent",
        "maintenance",
        "unknown",
        "ask",
        "budget",
        "host_budget",
        "objection",
        "answers",
        "busy",
        "orphaned",
        "remedy",
    }
)

_QUESTIONS = 8.0  # seconds in which actions are asked what became of earlier steps, one after another

SaveAttempt = Callable[[Attempt], None]


class Choice:
    """Decisions about components: what needs no step is among `results`, what is due among `due`. `busy` are the
    components whose step this run is taking or verifying, `waiting` how many steps are about to be taken; with `dry`,
    nothing is written. `wait` runs what may take seconds. Without `asks` neither components nor actions are asked."""

    def __init__(
        self,
        db: Database,
        config: Config,
        clock: Callable[[], float],
        approval: Callable[[str], Approval],
        dry: bool,
        save: SaveAttempt,
        busy: Collection[str],
        waiting: int,
        wait: preconditions.Wait = preconditions.at_once,
        asks: bool = True,
    ) -> None:
        self._wait, self._asks = wait, asks
        self.db, self.config, self.clock, self._approval, self.dry, self.save = db, config, clock, approval, dry, save
        self.context = RecoveryContext(db, config, clock())
        self.context.planned = waiting
        self.busy = busy
        self._until = time.monotonic() + _QUESTIONS
        self.results: list[StepResult] = []
        self.due: list[Due] = []

    def make(self, ids: Iterable[str]) -> "Choice":
        """Decide about each."""
        if self.context.foreign and not self.dry:
            steps_seen.save(self.db, self.config.observer, self.context.foreign, self.context.now)
        self._resolve_interrupted_orders()
        due = [one for id_ in ids if (one := self._due(self.config.components[id_])) is not None]
        blocked = self._blocked(due)
        for one in due:
            if one.component.id in blocked:
                self.results.append(self._not_now(one, *blocked[one.component.id]))
            elif self.dry:
                self.results.append(about(one, "would run", one.reason, one.decision.name))
            else:
                self.due.append(one)
        return self

    @property
    def _has_time(self) -> bool:
        """Whether another action may be asked, and waited for: one Engine that hangs may be behind all of them."""
        return self._asks and time.monotonic() < self._until

    def _due(self, component: Component) -> Due | None:
        """The step that is due for a component, if one is; else why not is a result."""
        if component.id in self.context.incidents or self._approval(component.id).forced:
            found = self._decide(component)
            if isinstance(found, Due):
                return found
            self.results.append(found)
        elif self.dry or self._approval(component.id).asked:
            well = Text("it is not in fault (its steps: {n})", n=steps_in_words(component) or Text("none"))
            self.results.append(StepResult(component.id, "nothing", well, "well"))
        return None

    def _blocked(self, due: Sequence[Due]) -> dict[str, preconditions.Objection]:
        """Why a step that is due must not be taken after all, by component; an order is not asked about."""
        asked = [one for one in due if not one.forced] if self._asks else []
        found = preconditions.blocking(self.db, self.config, asked, self.clock(), self._wait) if asked else {}
        return found if self.dry else found | preconditions.insisting(self.context, due, found)

    def _decide(self, component: Component) -> StepResult | Due:
        context, approval = self.context, self._approval(component.id)
        incident, decision = context.incidents.get(component.id), context.decide(component, approval)
        if decision.move == "prove":
            self._resolve_interrupted(component, context.tried(component)[-1])
            decision = context.decide(component, approval)
        ends = decision.move in ("run", "exhausted") and not approval.forced and self._has_time
        if ends and (longer := coming_up.extended(context, component, decision.move == "exhausted")):
            context.attempts[longer.id] = longer
            if not self.dry:
                self.save(longer)
            decision = context.decide(component, approval)
        while decision.move == "run" and self._is_absent(component, decision.step):
            context.passed_over.setdefault(component.id, set()).add(decision.step)
            decision = context.decide(component, approval)
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
                approval.forced,
                context.is_silent(component),
            )
            context.planned += 1
            return due
        reason = self._clean(of_component(decision.reason, component.id))
        if incident is not None and not self.dry:
            self._note(component, incident, decision, reason)
            if decision.name in handoff.NAMES or handoff.is_news(decision, incident, context.failure(component)):
                handoff.notify(self.db, self.config, context, component, incident, decision._replace(reason=reason))
        failed = decision.name in handoff.NAMES or decision.name == "orphaned"
        return StepResult(component.id, decision.move, reason, decision.name, failed=failed)

    def _is_absent(self, component: Component, place: int) -> bool:
        """Whether a step is optional, and there is nothing here to take it on."""
        step = component.plan.ladder[place]
        optional = getattr(step.settings, "optional", False) and self._has_time
        return bool(optional) and bool(self._wait(lambda: preconditions.is_absent(step)))

    def _resolve_interrupted_orders(self) -> None:
        """A person's order for a component in no fault, killed: no decision about a fault would ever come to it."""
        for one in list(self.context.attempts.values()):
            component = self.config.components.get(one.component)
            mine = one.outcome == "running" and one.incident is None and one.observer == self.config.observer
            over = self.context.now - one.started > self.config.recovery.timeout
            if mine and over and component and one.component not in self.busy:
                self._resolve_interrupted(component, one)

    def _resolve_interrupted(self, component: Component, last: Attempt) -> None:
        """What became of a step whose process was killed."""
        took, left, until = None, True, last.verify_until
        if last.observer == self.config.observer and last.step < len(component.plan.ladder):
            took = preconditions.took_place(component.plan.ladder[last.step], last.started) if self._has_time else None
            left = may_be_at_work(last, self._until) or not runs_here(component.plan.ladder[last.step])
        if took is None and not left:
            until = self.context.until_left_alone(component, last)
        found = {
            True: ("done", Text("its run was cut off; the step took place all the same")),
            False: ("lost", Text("its run was cut off before the step took place")),
            None: ("cut off", Text("its run was cut off; nobody can tell whether the step took place")),
        }
        outcome, detail = found[took]
        ended = max(self.clock(), last.started)
        known = last._replace(outcome=outcome, detail=detail, output="", finished=ended, verify_until=until)
        self.context.attempts[known.id] = known
        if not self.dry:
            self.save(known)

    def _not_now(self, one: Due, name: str, reason: str) -> StepResult:
        decision = Decision("held", name, self._clean(reason), one.decision.step)
        incident = one.incident
        fresh = name == "objection" and incident is not None and self._may_change(one, incident)
        needs_person = name in handoff.NAMES and not fresh
        if incident is not None and not self.dry:
            self._note(one.component, incident, decision, decision.reason)
            if fresh:
                handoff.hold_back(self.db, incident, decision)
            if needs_person:
                handoff.notify(self.db, self.config, self.context, one.component, incident, decision)
        return about(one, "held", decision.reason, name)._replace(failed=needs_person)

    def _may_change(self, one: Due, incident: Incident) -> bool:
        """Whether what an action says against its step may soon be over: it is about to start, or to stop, and may
        take as long as the service manager gives it."""
        if self.context.now < incident.redeclared + one.grace:
            return True
        until = coming_up.at_work_until(one.step, incident.redeclared) if self._has_time else None
        return until is not None and self.context.now < until + one.grace

    def _note(self, component: Component, incident: Incident, decision: Decision, reason: str) -> None:
        """Keep why nothing is done, once an incident and reason; an objection in its last words, which are needed."""
        id_ = f"{incident.id}/held-{decision.name}"
        known, reason = self.context.attempts.get(id_), unheld(reason)
        if decision.name not in _KEPT or (known and (decision.name != "objection" or known.detail == reason)):
            return
        reason = in_the_past(reason, self.config.components)  # who reads it reads what was
        now, ladder = self.context.now, component.plan.ladder
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

    def _clean(self, text: str) -> str:
        return one_line(redact(text, self.config.secrets), 300)
