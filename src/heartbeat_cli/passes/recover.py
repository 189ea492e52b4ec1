"""The third room: for each open incident, the next rung of its ladder, recorded before it starts and proven after.

Nothing is restarted on old news: right before a rung the component is looked at once more, and one that answers again
is left alone. Only a person's `--force` goes without that look.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from heartbeat_cli import engine, plugins
from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.blame import parent_of, policy_of
from heartbeat_cli.domain.component import Component, Rung, target_of, topological
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.ladder import Circumstances, Decision, Tried, Word, decide
from heartbeat_cli.domain.outcome import Outcome
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.result import FAILURES, SUCCESSES, Reading
from heartbeat_cli.passes import check
from heartbeat_cli.passes.tell import tell
from heartbeat_cli.redact import redact
from heartbeat_cli.store import passes, recoveries, silences, states
from heartbeat_cli.store.database import Database
from heartbeat_cli.views import wording

_POLL = 0.4  # seconds between two looks while waiting for a restarted component
_OUTPUT = 4_000


class Step(NamedTuple):
    """What recovery did, or would do, about one component. `outcome` is None where nothing was run; `failed` is
    set when everything there was to try has been tried."""

    component: str
    decision: str
    reason: str
    action: str | None = None
    outcome: str | None = None
    verified: bool = False
    failed: bool = False


def recover(
    db: Database,
    config: Config,
    clock: Callable[[], float] = time.time,
    wanted: Sequence[str] | None = None,
    *,
    forced: bool = False,
    dry_run: bool = False,
    keep: Callable[[Attempt], None] | None = None,
) -> list[Step]:
    """Run what is due for the open incidents (of the wanted components, or all); returns every decision. Naming a
    component is a person's word for it, `forced` an order. `keep` records an attempt where the store may be what the
    rung restarts; default: in the store."""
    room = _Room(db, config, clock, Word(wanted is not None, forced and wanted is not None), dry_run)
    room.keep = keep or room.keep
    incidents = states.open_incidents(db)
    steps: list[Step] = []
    for id_ in topological(config.components):
        if (wanted is None or id_ in wanted) and (id_ in incidents or room.word.forced):
            if time.monotonic() > room.until:
                steps.append(Step(id_, "wait", "this pass has spent its time on others; the next one goes on"))
            else:
                steps += room.heal(config.components[id_])
    return steps


class _Room:
    def __init__(self, db: Database, config: Config, clock: Callable[[], float], word: Word, dry: bool) -> None:
        self.db, self.config, self.clock, self.word, self.dry = db, config, clock, word, dry
        # While rungs run nothing is looked at: one slow component must not blind the watch over all the others.
        self.until = time.monotonic() + config.recovery.timeout
        self.keep: Callable[[Attempt], None] = lambda attempt: recoveries.save(db, attempt)

    def heal(self, component: Component) -> list[Step]:
        """Rung after rung until one helps, one needs time, or none is left."""
        steps: list[Step] = []
        word = self.word
        while True:
            incident = states.open_incidents(self.db).get(component.id)  # anew: rungs take long, others work meanwhile
            if incident is None and not word.forced:
                return steps
            step = self._next(component, incident, word)
            steps.append(step)
            over = time.monotonic() > self.until
            if step.decision != "ran" or step.outcome == "done" or incident is None or over:
                return steps
            word = word._replace(forced=False)

    def _next(self, component: Component, incident: Incident | None, word: Word) -> Step:
        tried = recoveries.of_incident(self.db, incident.id) if incident else []
        around = self._around(component, incident)
        decision = decide(component.plan, [_tried(one) for one in tried], around, self.clock(), word)
        if decision.move == "exhausted" and incident is not None:
            return self._exhausted(component, incident, decision, tried)
        if decision.move != "run":
            return Step(component.id, decision.move, decision.reason.replace("{id}", component.id))
        rung = component.plan.ladder[decision.rung]
        if not word.forced and (reason := self._second_thought(component)):
            return Step(component.id, "held", reason, rung.action)
        if self.dry:
            return Step(component.id, "would run", decision.reason, rung.action)
        return self._climb(component, incident, rung, decision, len(tried))

    def _around(self, component: Component, incident: Incident | None) -> Circumstances:
        known = states.states(self.db)
        state, parent = known.get(component.id), parent_of(component, known, self.config.components)
        last = passes.last_looks(self.db, self.config.observer).get(component.id)
        now = self.clock()
        quiet = silences.quiet(self.db, self.config, now)
        quiet = [s for s in quiet if s.kind == "maintenance" and s.covers(component, now)]
        held_by = incident.held_by if incident else None
        return Circumstances(
            state.state if state else "healthy",
            last.status if last else "unknown",
            held_by or (parent.id if parent and parent.in_fault else None),
            quiet[0].reason if quiet else None,
            state is not None and state.fail_count < policy_of(component).fail_threshold,
        )

    def _second_thought(self, component: Component) -> str | None:
        """Why not to act after all: what the component says right now."""
        seen = self._look(check.look_for(self.db, self.config, component, self.clock()))
        if seen.status in FAILURES:
            return None
        if seen.status in SUCCESSES:
            return "held: it answers again"
        return f"held: it could not be looked at just now ({self._clean(seen.error or '')})"

    def _look(self, asked: engine.Asked) -> Reading:
        return check.look([asked])[asked.component.id]

    def _climb(
        self, component: Component, incident: Incident | None, rung: Rung, decision: Decision, tried: int
    ) -> Step:
        """One rung: recorded, run, recorded again, proven by the same check."""
        begun = self.clock()
        about = incident.id if incident else None
        attempt = Attempt(
            id=f"{about or component.id}/{round(begun * 1000)}-{decision.rung + 1}",
            incident=about,
            component=component.id,
            rung=decision.rung,
            action=rung.action,
            requested_by="person" if self.word.asked else "heartbeat",
            observer=self.config.observer,
            started=begun,
            verify_until=begun + self.config.recovery.startup_grace,
        )
        if not self._mine(attempt, tried):
            return Step(component.id, "held", "held: another heartbeat is taking a step just now", rung.action)
        self.keep(attempt)
        outcome = run_rung(rung, self.config.recovery.timeout)
        attempt = attempt._replace(
            finished=max(self.clock(), begun),
            outcome=outcome.result,
            detail=self._clean(outcome.detail),
            output=self._clean(outcome.output, _OUTPUT),
        )
        self.keep(attempt)
        verified = outcome.result == "done" and self._verified(component)
        if verified:
            self.keep(attempt._replace(verified=self.clock()))
        failed = outcome.result != "done" and decision.rung + 1 >= len(component.plan.ladder)
        return Step(component.id, "ran", self._clean(outcome.detail), rung.action, outcome.result, verified, failed)

    def _mine(self, attempt: Attempt, tried: int) -> bool:
        """Keep the attempt, unless somebody with another lock file (a user or host) took a step since we chose."""
        with self.db.transaction():
            recoveries.take_turns(self.db)
            if attempt.incident and len(recoveries.of_incident(self.db, attempt.incident)) != tried:
                return False
            recoveries.save(self.db, attempt)
        return True

    def _verified(self, component: Component) -> bool:
        """Whether the very same check passes within the wait; it may well come up later, and later passes will see."""
        until = time.monotonic() + self.config.recovery.verify_wait
        asked = check.look_for(self.db, self.config, component, self.clock())
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return False
            asked = asked._replace(look=asked.look._replace(timeout=min(asked.look.timeout, left)))
            seen = self._look(asked)
            if seen.status in SUCCESSES:
                return True
            time.sleep(min(_POLL, max(0.0, until - time.monotonic())))
            asked = check.look_again(self.db, asked, seen, self.clock())

    def _exhausted(
        self, component: Component, incident: Incident, decision: Decision, tried: Sequence[Attempt]
    ) -> Step:
        """Say once that everything was tried; the alert's id keeps it to once."""
        if not self.dry and incident.recovery != "failed":
            now = self.clock()
            with self.db.transaction():
                if states.note_recovery(self.db, incident.id, "failed"):
                    alert = self._failed_alert(component, incident, decision, tried)
                    tell(self.db, self.config, alert, component, silences.quiet(self.db, self.config, now), now)
        return Step(component.id, "exhausted", decision.reason, failed=True)

    def _failed_alert(
        self, component: Component, incident: Incident, decision: Decision, tried: Sequence[Attempt]
    ) -> Alert:
        return Alert(
            id=f"{incident.id}/recovery_failed",
            type="recovery_failed",
            severity=component.severity,
            title=wording.title("recovery_failed", component, self.config.heartbeat.locale),
            component=component.id,
            at=self.clock(),
            incident=incident.id,
            reason=decision.reason,
            details={
                "cause": incident.cause,
                "started": incident.started,
                "kind": component.kind,
                "observer": self.config.observer,
                "target": target_of(component),
                "attempts": [[a.action, a.outcome, a.detail] for a in tried],
            },
        )

    def _clean(self, text: str, limit: int = 300) -> str:
        text = redact(text, self.config.secrets)
        return one_line(text, limit) if limit <= 300 else text[-limit:]


def run_rung(rung: Rung, timeout: float) -> Outcome:
    """Run one rung; a fault of our own is a failed attempt, not the end of the pass."""
    module = plugins.load("actions", rung.action)
    try:
        outcome: Outcome = module.run(rung.settings, timeout=timeout)
    except Exception as error:
        return Outcome("failed", one_line(f"heartbeat's own fault: {type(error).__name__}: {error}"))
    return outcome


def _tried(attempt: Attempt) -> Tried:
    return Tried(attempt.rung, attempt.outcome, attempt.started, attempt.verify_until, attempt.verified)
