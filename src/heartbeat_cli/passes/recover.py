"""The third room: for each open incident, the next rung of its ladder, recorded before it starts and proven after."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from heartbeat_cli import engine, plugins
from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.component import Component, Rung, topological
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.ladder import Circumstances, Decision, Tried, decide
from heartbeat_cli.domain.outcome import Outcome
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.result import SUCCESSES
from heartbeat_cli.passes import check
from heartbeat_cli.redact import redact
from heartbeat_cli.store import alerts, passes, recoveries, silences, states
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
) -> list[Step]:
    """Run what is due for the open incidents (of the wanted components, or all); returns every decision."""
    room = _Room(db, config, clock, forced, dry_run)
    incidents = states.open_incidents(db)
    steps: list[Step] = []
    if not incidents and not forced:
        return steps
    for id_ in topological(config.components):
        asked = wanted is not None and id_ in wanted
        if (wanted is None or asked) and (id_ in incidents or (forced and asked)):
            steps += room.heal(config.components[id_], incidents.get(id_))
    return steps


class _Room:
    def __init__(self, db: Database, config: Config, clock: Callable[[], float], forced: bool, dry: bool) -> None:
        self.db, self.config, self.clock, self.forced, self.dry = db, config, clock, forced, dry

    def heal(self, component: Component, incident: Incident | None) -> list[Step]:
        """Rung after rung until one helps, one needs time, or none is left."""
        steps: list[Step] = []
        forced = self.forced
        while True:
            tried = recoveries.of_incident(self.db, incident.id) if incident else []
            decision = decide(
                component.plan,
                [_tried(a) for a in tried],
                self._around(component, incident),
                self.clock(),
                forced,
            )
            if decision.move == "exhausted" and incident is not None:
                return [*steps, self._exhausted(component, incident, decision, tried)]
            if decision.move != "run":
                return [*steps, Step(component.id, decision.move, decision.reason)]
            rung = component.plan.ladder[decision.rung]
            if self.dry:
                return [*steps, Step(component.id, "would run", decision.reason, rung.action)]
            step = self._climb(component, incident, rung, decision)
            steps.append(step)
            if step.outcome == "done" or incident is None:
                return steps
            forced = False

    def _around(self, component: Component, incident: Incident | None) -> Circumstances:
        state = states.states(self.db).get(component.id)
        last = passes.last_looks(self.db, self.config.observer).get(component.id)
        now = self.clock()
        quiet = [s for s in silences.active(self.db, now) if s.kind == "maintenance" and s.covers(component, now)]
        return Circumstances(
            state.state if state else "healthy",
            last.status if last else "unknown",
            incident.held_by if incident else None,
            quiet[0].reason if quiet else None,
        )

    def _climb(self, component: Component, incident: Incident | None, rung: Rung, decision: Decision) -> Step:
        """One rung: recorded, run, recorded again, proven by the same check."""
        begun = self.clock()
        about = incident.id if incident else None
        attempt = Attempt(
            id=f"{about or component.id}/{round(begun * 1000)}",
            incident=about,
            component=component.id,
            rung=decision.rung,
            action=rung.action,
            requested_by="person" if self.forced else "heartbeat",
            observer=self.config.observer,
            started=begun,
            verify_until=begun + self.config.recovery.startup_grace,
        )
        recoveries.save(self.db, attempt)
        outcome = run_rung(rung, self.config.recovery.timeout)
        attempt = attempt._replace(
            finished=max(self.clock(), begun),
            outcome=outcome.result,
            detail=self._clean(outcome.detail),
            output=self._clean(outcome.output, _OUTPUT),
        )
        recoveries.save(self.db, attempt)
        verified = outcome.result == "done" and self._verified(component)
        if verified:
            recoveries.save(self.db, attempt._replace(verified=self.clock()))
        failed = outcome.result != "done" and decision.rung + 1 >= len(component.plan.ladder)
        return Step(component.id, "ran", self._clean(outcome.detail), rung.action, outcome.result, verified, failed)

    def _verified(self, component: Component) -> bool:
        """Whether the very same check passes within the wait; it may well come up later, and later passes will see."""
        until = time.monotonic() + self.config.recovery.verify_wait
        asked = check.look_for(self.db, self.config, component, self.clock())
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return False
            look = asked.look._replace(timeout=min(asked.look.timeout, left), now=self.clock())
            reading = engine.look_at([asked._replace(look=look)], until)[component.id]
            if reading.status in SUCCESSES:
                return True
            time.sleep(min(_POLL, max(0.0, until - time.monotonic())))

    def _exhausted(
        self, component: Component, incident: Incident, decision: Decision, tried: Sequence[Attempt]
    ) -> Step:
        """Say once that everything was tried; the alert's id keeps it to once."""
        if not self.dry and incident.recovery != "failed":
            with self.db.transaction():
                states.save_incident(self.db, incident._replace(recovery="failed"))
                alerts.add(
                    self.db,
                    self._failed_alert(component, incident, decision, tried),
                    self._channels(component),
                    self.clock(),
                )
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
                "attempts": [[a.action, a.outcome, a.detail] for a in tried],
            },
        )

    def _channels(self, component: Component) -> list[str]:
        return list(component.common.channels if component.common.channels is not None else self.config.channels)

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
    return Tried(attempt.rung, attempt.outcome, attempt.verify_until, attempt.verified)
