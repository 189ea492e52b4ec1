"""Judges the checks not yet judged. Counters, incidents, alerts and outbox change in one transaction.

What only an event needs is imported when there is one: most passes are without.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, topological
from heartbeat_cli.domain.detection.attribution import advance
from heartbeat_cli.domain.detection.fault_detection import Event, Observation, State
from heartbeat_cli.domain.incident import Incident, incident_id
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import joined
from heartbeat_cli.passes.check import isolation
from heartbeat_cli.passes.detect.alert_context import AlertContext
from heartbeat_cli.passes.detect.missed_runs import missed
from heartbeat_cli.store.history import gaps, passes
from heartbeat_cli.store.history.passes import UndetectedPass
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states

if TYPE_CHECKING:
    from heartbeat_cli.passes.detect.quorum import QuorumEvaluator
    from heartbeat_cli.store.state.silences import Silence

Observations = list[tuple[Component, Observation]]


class Verdict(Record):
    """One thing detection decided: about which component, what, and the named reason."""

    component: str
    decision: str
    reason: str


class _Undone(Exception):
    """Raised inside the transaction to leave no trace."""


def detect(db: Database, config: Config, now: float, *, dry_run: bool = False, recovers: bool = True) -> list[Verdict]:
    """Consume the waiting passes of this observer; returns what was decided, in order. `recovers`: recovery follows in
    the same process."""
    run = DetectionRun(db, config, now, recovers)
    try:
        with db.transaction():
            run.consume()
            if dry_run:
                raise _Undone
    except _Undone:
        return run.verdicts
    return run.verdicts


class DetectionRun:
    """What one detection works on: the states as they move, and what is to be written."""

    def __init__(self, db: Database, config: Config, now: float, recovers: bool = True) -> None:
        self.db, self.config, self.now = db, config, now
        self.verdicts: list[Verdict] = []
        self.alert_context = AlertContext(db, config, now, recovers)
        self._patience = config.heartbeat.unobserved_after
        self._quorum: QuorumEvaluator | None = None

    @cached_property
    def _open(self) -> dict[str, Incident]:
        return states.open_incidents(self.db)

    @cached_property
    def _silences(self) -> "list[Silence]":
        from heartbeat_cli.store.state import silences

        return silences.in_force(self.db, self.config, self.now)

    def consume(self) -> None:
        waiting = passes.undetected(self.db, self.config.observer)
        if not waiting:
            if self._is_one_gone():
                self.states = states.needed(self.db, self.config.observer)
                self._follow_up()
            return
        self._quorum = self._evaluator(waiting)
        checked = {id_ for one in waiting for id_, _ in one.heartbeats if id_ in self.config.components}
        before = states.needed(self.db, self.config.observer, checked)
        self.states = self.alert_context.states = dict(before)
        for one in waiting:
            asked = {id_ for id_, seen in one.heartbeats if seen.status != "unknown"}
            if changed := isolation.notify(self.db, self.config, one.started, one.isolated, self.now, asked):
                self.verdicts.append(Verdict(self.config.observer, *changed))
            self._judge(one)
        lasting = ("fault", "recovering")
        if any(s.degraded or s.unobserved_alert or s.state in lasting for s in self.states.values()):
            self._follow_up()
        if self._quorum is not None:
            self._judge_peers(self._quorum)
        self._report_this_host()
        states.save_states(self.db, {id_: s for id_, s in self.states.items() if before.get(id_) != s})
        passes.mark_detected(self.db, [one.key for one in waiting])

    def _is_one_gone(self) -> bool:
        """Whether what is in fault may be removed: where that was all, there is no pass with a check of anything."""
        if not self.config.components:
            return True
        return bool(self.config.fresh) and any(map(self.config.was_removed, self._open))

    def _judge(self, one: UndetectedPass) -> None:
        """One pass: first the new states, then the alerts; how many are in fault is known only then."""
        self.alert_context.seen = {id_: seen.status for id_, seen in one.heartbeats}
        observations = [(self.config.components[id_], seen) for id_, seen in self._in_order(one.heartbeats)]
        if self._quorum is not None:
            observations = self._agreed(one, self._quorum, observations)
        if any(seen.status == "unknown" for _, seen in observations):
            from heartbeat_cli.passes.detect import unobserved

            scene = unobserved.Scene(self.db, self.config, self.states, self.now)
            observations = unobserved.excused(scene, one, observations)
        before = {
            component.id: self.states[component.id] for component, _ in observations if component.id in self.states
        }
        happened = [one for component, seen in observations for one in self._take(component, seen)]
        for component, event, incident in happened:
            self._enqueue_alert(component, event, incident)
        after = (self.states[component.id] for component, _ in observations)
        if any(state.unobserved for state in (*before.values(), *after)):
            self._report_unobserved(one, observations, before)

    def _report_unobserved(self, one: UndetectedPass, observations: Observations, before: Mapping[str, State]) -> None:
        """Components that cannot be checked, and those that can be again. What was silenced when the pass was made
        counts: judged again after an outage of the store, it is to come to what it came to then."""
        from heartbeat_cli.passes.detect import unobserved
        from heartbeat_cli.store.state import silences

        scene = unobserved.Scene(self.db, self.config, self.states, self.now)
        in_force = cache(lambda: silences.in_force(self.db, self.config, one.started))
        found = [*unobserved.end(scene, before), *unobserved.begin(scene, observations, in_force)]
        self.verdicts += [Verdict(*one) for one in found]

    def _evaluator(self, waiting: list[UndetectedPass]) -> "QuorumEvaluator | None":
        """What other hosts see; None where there are none, and no quorum asks for any."""
        if not waiting[0].other_hosts and all(
            one.common.quorum in (None, 1) for one in self.config.components.values()
        ):
            return None
        from heartbeat_cli.passes.detect import quorum

        return quorum.QuorumEvaluator(self.db, self.config, waiting, self.now)

    def _agreed(self, one: UndetectedPass, evaluator: "QuorumEvaluator", observations: Observations) -> Observations:
        """What the hosts that check them say together; without what is not this host's to say."""
        judged = [(component, evaluator.judged(component, seen)) for component, seen in observations]
        passes.overrule(self.db, one, [component.id for component, said in judged if said.overruled])
        self.alert_context.rounds = evaluator.rounds
        return [(component, said.seen) for component, said in judged if said.seen is not None]

    def _judge_peers(self, evaluator: "QuorumEvaluator") -> None:
        """Faults that too few hosts can confirm, and hosts that have gone silent."""
        self.verdicts += [
            Verdict(*one) for one in evaluator.enqueue_alerts(self.states, lambda: self._silences, self.now)
        ]
        evaluator.save()
        if evaluator.connected:
            from heartbeat_cli.passes.detect import silent_hosts

            found = silent_hosts.judge(self.db, self.config, lambda: self._silences, self.now)
            self.verdicts += [Verdict(*one) for one in found]

    def _report_this_host(self) -> None:
        """Runs that did not come, and a clock that cannot be trusted."""
        watch, suspect = gaps.watch_and_suspect(self.db, self.config.observer)
        if suspect is not None and not suspect.notified:
            from heartbeat_cli.passes.alerting import suspect_clock

            reason = suspect_clock.notify(self.db, self.config, suspect, self._silences, self.now)
            self.verdicts.append(Verdict(self.config.observer, "clock_suspect", reason))
        if missing := missed(self.db, self.config, watch, lambda: self._silences, self.now):
            self.verdicts.append(Verdict(self.config.observer, "missed_runs", missing))

    def _follow_up(self) -> None:
        from heartbeat_cli.passes.detect.follow_up import FollowUp

        details = self.alert_context.of_lasting
        rest = FollowUp(self.db, self.config, self.states, self._open, lambda: self._silences, details, self.now)
        self.verdicts += [Verdict(*one) for one in rest.decisions()]

    def _in_order(self, heartbeats: list[tuple[str, Observation]]) -> list[tuple[str, Observation]]:
        """Parents before children, so that a child sees its parent's newest state; strangers are left out."""
        seen = dict(heartbeats)
        return [(id_, seen[id_]) for id_ in topological(self.config.components) if id_ in seen]

    def _take(self, component: Component, seen: Observation) -> Iterator[tuple[Component, Event, Incident | None]]:
        """Move the state of a component; gives the events, each with its incident."""
        before = self.states.get(component.id)
        recovering = before is not None and before.state in ("fault", "recovering")
        known = self._open.get(component.id) if recovering else None
        settle = self.config.heartbeat.reopen_within if known is not None and known.relapses else 0.0
        self.states[component.id], events = advance(
            component, seen, self.states, self.config.components, self._patience, settle
        )
        if known is not None and before is not None:
            self._note_relapse(component, before, known)
        for event in events:
            over = self._open.get(component.id) if event.name == "ended" else None
            if over is not None and before is not None:
                from heartbeat_cli.passes.alerting.killed_steps import by_process
                from heartbeat_cli.store.state import recoveries

                # What came up later than recovery waited for was healed by it all the same.
                healthy_since = before.since if before.state == "recovering" else event.at
                recoveries.mark_verified(self.db, over.id, healthy_since, by_process(os.getpid()))
            yield component, event, self._incident(component, event, before)

    def _note_relapse(self, component: Component, before: State, known: Incident) -> None:
        """A component that was healthy, if not steady, fails again: the time it was healthy is no downtime."""
        after = self.states[component.id]
        if before.state == "recovering" and after.state == "fault":
            from heartbeat_cli.passes.detect import reopen

            if fallen := reopen.relapsed(self.db, component, before, after, known):
                self._open[component.id] = fallen

    def _enqueue_alert(self, component: Component, event: Event, incident: Incident | None) -> None:
        from heartbeat_cli.domain.alerting.alert import Alert, alert_severity, alert_type
        from heartbeat_cli.passes.alerting.enqueue import enqueue_alert

        kind = alert_type(component, event)
        returned = bool(incident and incident.relapses)
        self.verdicts.append(
            Verdict(component.id, "reopened" if returned and event.name == "opened" else event.name, event.reason)
        )
        if event.name == "observed_again":
            self.alert_context.unseen[component.id] = event.started, event.at
        if kind is None:
            return
        about, reason = incident.id if incident else None, self.alert_context.reason(event)
        round_ = self.alert_context.rounds.get(component.id)
        time_ = f"-{len(incident.outages)}" if incident and returned else ""  # of a fault that has returned
        alert = Alert(
            id=f"{about or incident_id(component.id, event.at)}/{kind}{time_}",
            type=kind,
            severity=alert_severity(component, kind),
            title=self.alert_context.title(kind, component, event.failure, event.cause),
            component=component.id,
            at=event.at,
            incident=about,
            reason=joined([reason, round_.words]) if round_ and event.name in ("opened", "released") else reason,
            details=self.alert_context.of_event(component, event, incident),
        )
        if incident and returned and event.name == "opened":
            from heartbeat_cli.passes.detect import reopen

            alert = reopen.one_more_line(self.db, alert, incident, self.config.heartbeat.locale)
        enqueue_alert(self.db, self.config, alert, component, self._silences, self.now)

    def _incident(self, component: Component, event: Event, before: State | None) -> Incident | None:
        """Open, reopen, change or end the incident an event belongs to."""
        if event.name in ("opened", "held"):
            from heartbeat_cli.passes.detect import reopen

            within = self.config.heartbeat.reopen_within
            incident = reopen.reopened(self.db, component, event, within) or Incident(
                incident_id(component.id, event.started),
                component.id,
                component.kind,
                component.severity,
                event.cause,
                event.started,
                event.at,
                held_by=event.held_by,
            ).with_cause(event.cause, event.failure)
        else:
            found = self._open.get(component.id)
            if found is None or event.name not in ("released", "ended"):
                return None
            if event.name == "released":
                incident = found._replace(held_by=None)
            else:
                from heartbeat_cli.domain.detection.relapse import ended_at

                incident = _ended(found, ended_at(component, before, event))
        self._open[component.id] = incident
        if incident.ended is not None:
            del self._open[component.id]
        states.save_incident(self.db, incident)
        return incident


def _ended(incident: Incident, at: float) -> Incident:
    """An incident that is over. None ends before it began, whatever the clock did meanwhile."""
    return incident._replace(ended=at, started=min(incident.started, at), declared=min(incident.declared, at))


def in_fault(db: Database) -> int:
    """How many open incidents there are: when there is one, recovery has something to do."""
    return int(db.rows("SELECT count(*) FROM heartbeat_incidents WHERE ended IS NULL")[0][0])
