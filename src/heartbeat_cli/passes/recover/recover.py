"""The third room: for each open incident, the next rung of its ladder, recorded before it starts and proven after.

Everything in fault is decided upon, the rungs that are due are taken side by side, and what was not helped is decided
upon anew while the others are still at work. Nothing is restarted on old news: right before a rung the component is
looked at once more, and one that answers again is left alone; then the action itself is asked what speaks against it,
and the component whether it is at work. Only a person's `--force` goes without that.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, topological
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.recovery.ladder import Decision, Word, target
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.passes.alerting.recovery_context import Due, Facts, own_ids, steps_in_words
from heartbeat_cli.passes.recover import handoff, preconditions
from heartbeat_cli.passes.recover.step_executor import STOOD_STILL, Climb, Ended, Proven
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, steps_seen

_OUTPUT = 4_000
# Holds worth a row of their own, once an incident: they say why nothing was done about a fault.
_KEPT = frozenset(
    {"parent", "maintenance", "unknown", "ask", "budget", "host_budget", "objection", "answers", "busy", "orphaned"}
)

_UNHELPED = ("failed", "denied", "refused")
_AT_ONCE = 16  # rungs that are taken side by side

Keep = Callable[[Attempt], None]


class Step(NamedTuple):
    """What recovery did, or would do, about one component: `name` is the named reason, `action` the rung's and `on`
    what it acts on; `outcome` is None where nothing was run; `failed` is set when a person is needed."""

    component: str
    decision: str
    reason: str
    name: str = ""
    action: str | None = None
    outcome: str | None = None
    verified: bool = False
    failed: bool = False
    on: str | None = None


def recover(
    db: Database,
    config: Config,
    clock: Callable[[], float] = time.time,
    wanted: Sequence[str] | None = None,
    *,
    forced: bool = False,
    dry_run: bool = False,
    keep: Keep | None = None,
) -> list[Step]:
    """Run what is due for the open incidents (of the wanted components, or all that this host watches); returns every
    decision. Naming a component is a person's word for it, `forced` an order. `keep` records an attempt where the store
    may be what the rung restarts; default: in the store."""
    word = Word(wanted is not None, forced and wanted is not None)
    room = _Room(db, config, clock, word, dry_run, keep or (lambda attempt: recoveries.save(db, attempt)))
    order = topological(config.components)  # parents first, to be acted on and to be read about
    steps = room.work(own_ids(config, order) if wanted is None else [id_ for id_ in order if id_ in wanted])
    return sorted(steps, key=lambda step: order.index(step.component))


class _Room:
    def __init__(
        self, db: Database, config: Config, clock: Callable[[], float], word: Word, dry: bool, keep: Keep
    ) -> None:
        self.db, self.config, self.clock, self.word, self.dry, self.keep = db, config, clock, word, dry, keep
        # While rungs run nothing is looked at: slow components must not blind the watch over all the others.
        self.until = time.monotonic() + config.recovery.timeout

    def work(self, ids: Sequence[str]) -> list[Step]:
        """Decide for all of them, take the rungs that are due side by side, and decide anew for those that were not
        helped, until everything was helped, needs time, or has no rung left."""
        steps, due = self._choose(ids)
        self.word = self.word._replace(forced=False)
        waiting, climbing = deque(due), Climb(self.db, self.config, self.clock)
        taken: dict[str, tuple[Due, Attempt]] = {}
        steps += self._start(waiting, climbing, taken)
        for events in climbing:
            unhelped = []
            for event in events:
                one, attempt = taken[event.component]
                attempt = self._after(attempt, event)
                self.keep(attempt)
                taken[event.component] = one, attempt
                if attempt.outcome in (*_UNHELPED, "lost") or isinstance(event, Proven):
                    steps.append(_step(one, attempt))
                if attempt.outcome in _UNHELPED and one.incident is not None:
                    unhelped.append(event.component)
            if unhelped:  # together: each looks once more, and one that hangs takes its whole time for it
                settled, more = self._choose(unhelped, len(waiting))
                steps += settled
                waiting += more
            steps += self._start(waiting, climbing, taken)
        spent = "this pass has spent its time; the next one goes on"
        return steps + [_about(one, "wait", spent, "time") for one in waiting]

    @property
    def _late(self) -> bool:
        return time.monotonic() > self.until

    def _start(self, waiting: "deque[Due]", climbing: Climb, taken: dict[str, tuple[Due, Attempt]]) -> list[Step]:
        """Start what waits, as far as there is room and time; each is recorded before it starts."""
        refused = []
        while waiting and climbing.taking < _AT_ONCE and not self._late:
            one = waiting.popleft()
            attempt = self._attempt(one)
            if self._mine(one, attempt):
                if self._late:  # this process stood still meanwhile: what it decided upon is old
                    self.keep(self._after(attempt, Ended(one.component.id, Outcome("lost", STOOD_STILL))))
                    refused.append(_about(one, "wait", STOOD_STILL, "time"))
                    continue
                self.keep(attempt)
                taken[one.component.id] = one, attempt
                climbing.start(one)
            else:
                busy = "held: another heartbeat is taking a step just now"
                refused.append(_about(one, "held", busy, "elsewhere"))
        return refused

    # --- decide ---------------------------------------------------------------------------------------------------

    def _choose(self, ids: Iterable[str], planned: int = 0) -> tuple[list[Step], list[Due]]:
        """What is settled without a rung, and what is due for one; `planned` rungs are due already, and not begun."""
        facts = Facts(self.db, self.config, self.clock())
        facts.planned = planned
        if facts.foreign and not self.dry:
            steps_seen.save(self.db, self.config.observer, facts.foreign, facts.now)
        self._look_into_orders(facts)
        settled: list[Step] = []
        due: list[Due] = []
        for id_ in ids:
            component = self.config.components[id_]
            if id_ in facts.incidents or self.word.forced:
                found = self._decide(facts, component)
                if isinstance(found, Step):
                    settled.append(found)
                else:
                    due.append(found)
            elif self.dry:
                steps = steps_in_words(component) or "none"
                settled.append(Step(id_, "nothing", f"it is not in fault (its steps: {steps})", "well"))
        against = {} if self.word.forced else preconditions.against(self.db, self.config, due, self.clock())
        if not self.dry:
            against |= preconditions.insisting(facts, due, against)
        for one in due:
            if one.component.id in against:
                settled.append(self._not_now(facts, one, *against[one.component.id]))
            elif self.dry:
                settled.append(_about(one, "would run", one.reason, one.decision.name))
        return settled, [] if self.dry else [one for one in due if one.component.id not in against]

    def _decide(self, facts: Facts, component: Component) -> Step | Due:
        incident, decision = facts.incidents.get(component.id), facts.decide(component, self.word)
        if decision.move == "prove":
            self._look_into(facts, component, facts.tried(component)[-1])
            decision = facts.decide(component, self.word)
        if decision.move == "run":
            grace, said = facts.limits(component).grace, facts.objection(component)
            due = Due(component, incident, decision, facts.newest(component), facts.horizon, grace, said)
            facts.planned += 1
            return due
        reason = self._clean(decision.reason.replace("{id}", component.id))
        if incident is not None and not self.dry:
            self._note(facts, component, incident, decision, reason)
            if decision.name in handoff.NAMES:
                handoff.call(self.db, self.config, facts, component, incident, decision._replace(reason=reason))
        failed = decision.name in handoff.NAMES or decision.name == "orphaned"
        return Step(component.id, decision.move, reason, decision.name, failed=failed)

    def _look_into_orders(self, facts: Facts) -> None:
        """A person's order for a component in no fault, killed: no decision about a fault would ever come to it."""
        for one in list(facts.attempts.values()):
            component = self.config.components.get(one.component)
            mine = one.outcome == "running" and one.incident is None and one.observer == self.config.observer
            if mine and component and facts.now - one.started > self.config.recovery.timeout:
                self._look_into(facts, component, one)

    def _look_into(self, facts: Facts, component: Component, last: Attempt) -> None:
        """What became of a step whose process was killed."""
        took = None
        if last.observer == self.config.observer and last.rung < len(component.plan.ladder):
            took = preconditions.took_place(component.plan.ladder[last.rung], last.started)
        found = {
            True: ("done", "its run was cut off; the step took place all the same"),
            False: ("lost", "its run was cut off before the step took place"),
            None: ("cut off", "its run was cut off; nobody can tell whether the step took place"),
        }
        outcome, detail = found[took]
        known = last._replace(outcome=outcome, detail=detail, finished=max(self.clock(), last.started))
        facts.attempts[known.id] = known
        if not self.dry:
            self.keep(known)

    def _not_now(self, facts: Facts, one: Due, name: str, reason: str) -> Step:
        decision = Decision("held", name, self._clean(reason), one.decision.rung)
        fresh = name == "objection" and one.incident is not None and facts.now < one.incident.declared + one.grace
        needs_person = name in handoff.NAMES and not fresh  # it may be about to start, or to stop
        if one.incident is not None and not self.dry:
            self._note(facts, one.component, one.incident, decision, decision.reason)
            if needs_person:
                handoff.call(self.db, self.config, facts, one.component, one.incident, decision)
        return _about(one, "held", decision.reason, name)._replace(failed=needs_person)

    def _note(self, facts: Facts, component: Component, incident: Incident, decision: Decision, reason: str) -> None:
        """Keep why nothing is done, once an incident and reason; an objection in its last words, which are needed."""
        id_ = f"{incident.id}/held-{decision.name}"
        known, reason = facts.attempts.get(id_), reason.removeprefix("held: ")
        if decision.name not in _KEPT or (known and (decision.name != "objection" or known.detail == reason)):
            return
        now, ladder = facts.now, component.plan.ladder
        action = ladder[min(decision.rung, len(ladder) - 1)].action
        self.keep(
            Attempt(
                id_,
                incident.id,
                component.id,
                decision.rung,
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

    def _attempt(self, one: Due) -> Attempt:
        begun = self.clock()
        about = one.incident.id if one.incident else None
        return Attempt(
            id=f"{about or one.component.id}/{round(begun * 1000)}-{one.decision.rung + 1}",
            incident=about,
            component=one.component.id,
            rung=one.decision.rung,
            action=one.rung.action,
            requested_by="person" if self.word.asked else "heartbeat",
            observer=self.config.observer,
            started=begun,
            verify_until=begun + one.grace,
            reason=self._clean(one.reason),
        )

    def _after(self, attempt: Attempt, event: Ended | Proven) -> Attempt:
        if isinstance(event, Proven):
            return attempt._replace(verified=event.at)
        outcome = event.outcome
        return attempt._replace(
            finished=max(self.clock(), attempt.started),
            outcome=outcome.result,
            detail=self._clean(outcome.detail),
            output=redact(outcome.output, self.config.secrets)[-_OUTPUT:],
        )

    def _mine(self, one: Due, attempt: Attempt) -> bool:
        """Keep the attempt, unless somebody with another lock file (a user or host) took a step since we chose."""
        with self.db.transaction():
            recoveries.lock(self.db)
            if recoveries.newest(self.db, one.component.id, one.since) != one.newest:
                return False
            recoveries.save(self.db, attempt)
        return True

    def _clean(self, text: str) -> str:
        return one_line(redact(text, self.config.secrets), 300)


def _about(one: Due, decision: str, reason: str, name: str) -> Step:
    return Step(one.component.id, decision, reason, name, one.rung.action, on=target(one.rung))


def _step(one: Due, attempt: Attempt) -> Step:
    """A rung that was taken."""
    last = one.decision.rung + 1 >= len(one.component.plan.ladder)
    return _about(one, "ran", attempt.detail, one.decision.name)._replace(
        outcome=attempt.outcome,
        verified=attempt.verified is not None,
        failed=last and attempt.outcome in _UNHELPED,
    )
