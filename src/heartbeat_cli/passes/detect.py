"""The second room: what the heartbeats not yet seen mean. Counters, incidents, alerts and outbox in one transaction."""

from collections.abc import Mapping
from typing import NamedTuple

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert, alert_severity, alert_type
from heartbeat_cli.domain.blame import advance
from heartbeat_cli.domain.component import Component, topological
from heartbeat_cli.domain.fault_detection import Event, Observation
from heartbeat_cli.domain.incident import Incident, incident_id
from heartbeat_cli.store import alerts, passes, recoveries, silences, states
from heartbeat_cli.store.database import Database
from heartbeat_cli.views import wording


class Verdict(NamedTuple):
    """One thing detection decided: about which component, what, and the named reason."""

    component: str
    decision: str
    reason: str


class _Undone(Exception):
    """Raised inside the transaction to leave no trace."""


def detect(db: Database, config: Config, now: float, *, dry_run: bool = False) -> list[Verdict]:
    """Consume the waiting passes of this observer; returns what was decided, in order."""
    room = _Room(db, config, now)
    try:
        with db.transaction():
            room.consume()
            if dry_run:
                raise _Undone
    except _Undone:
        return room.verdicts
    return room.verdicts


class _Room:
    """What one detection works on: the states as they move, and what is to be written."""

    def __init__(self, db: Database, config: Config, now: float) -> None:
        self.db, self.config, self.now = db, config, now
        self.verdicts: list[Verdict] = []

    def consume(self) -> None:
        waiting = passes.waiting(self.db, self.config.observer)
        if not waiting:
            return
        before = states.states(self.db)
        self.states = dict(before)
        self.incidents: dict[str, Incident] | None = None
        for one in waiting:
            for id_, seen in self._in_order(one.heartbeats):
                self._take(self.config.components[id_], seen)
        states.save_states(self.db, {id_: s for id_, s in self.states.items() if before.get(id_) != s})
        passes.mark_detected(self.db, [one.key for one in waiting], self.now)

    def _in_order(self, heartbeats: list[tuple[str, Observation]]) -> list[tuple[str, Observation]]:
        """Parents before children, so that a child sees its parent's newest state; strangers are left out."""
        seen = dict(heartbeats)
        return [(id_, seen[id_]) for id_ in topological(self.config.components) if id_ in seen]

    def _take(self, component: Component, seen: Observation) -> None:
        self.states[component.id], events = advance(component, seen, self.states, self.config.components)
        for event in events:
            self._tell(component, event)

    def _tell(self, component: Component, event: Event) -> None:
        incident = self._incident(component, event)
        kind = alert_type(component, event)
        self.verdicts.append(Verdict(component.id, event.name, event.reason))
        if kind is None:
            return
        about = incident.id if incident else None
        alert = Alert(
            id=f"{about or incident_id(component.id, event.at)}/{kind}",
            type=kind,
            severity=alert_severity(component, kind),
            title=wording.title(kind, component, self.config.heartbeat.locale),
            component=component.id,
            at=event.at,
            incident=about,
            reason=event.reason,
            details=self._details(component, event, incident),
        )
        self._send(alert, component)

    def _incident(self, component: Component, event: Event) -> Incident | None:
        """Open, change or end the incident an event belongs to."""
        if self.incidents is None:
            self.incidents = states.open_incidents(self.db)
        if event.name in ("opened", "held"):
            incident = Incident(
                incident_id(component.id, event.started),
                component.id,
                component.kind,
                component.severity,
                event.cause,
                event.started,
                event.at,
                held_by=event.held_by,
            )
        else:
            found = self.incidents.get(component.id)
            if found is None or event.name not in ("released", "ended"):
                return None
            incident = found._replace(held_by=None) if event.name == "released" else found._replace(ended=event.at)
        self.incidents[component.id] = incident
        if incident.ended is not None:
            del self.incidents[component.id]
        states.save_incident(self.db, incident)
        return incident

    def _details(self, component: Component, event: Event, incident: Incident | None) -> Mapping[str, object]:
        details: dict[str, object] = {"cause": event.cause, "started": event.started, "kind": component.kind}
        last = passes.last_looks(self.db, self.config.observer).get(component.id)
        if last is not None and event.name in ("opened", "released", "degraded"):
            details["evidence"] = dict(last.evidence)
        if incident is not None and event.name == "ended":
            details["cause"] = incident.cause
            tried = recoveries.of_incident(self.db, incident.id)
            details["attempts"] = [[a.action, a.outcome, a.detail] for a in tried]
        return details

    def _send(self, alert: Alert, component: Component) -> None:
        """Into the outbox, unless a silence stands against it: that is kept with the alert as its reason."""
        for silence in silences.active(self.db, self.now):
            if silence.covers(component, self.now):
                muted = alert._replace(reason=f"{alert.reason}; muted: {silence.kind} {silence.id} ({silence.reason})")
                alerts.add(self.db, muted, (), self.now)
                return
        alerts.add(self.db, alert, self._channels(alert, component), self.now)

    def _channels(self, alert: Alert, component: Component) -> list[str]:
        """Everyone who should hear; an end is told to those, and only those, who were told of the beginning."""
        if alert.type == "recovered" and alert.incident:
            begun = f"{alert.incident}/{component.kind}_down"
            return [sent.channel for sent in alerts.deliveries(self.db, [begun])]
        return list(component.common.channels if component.common.channels is not None else self.config.channels)


def in_fault(db: Database) -> bool:
    """Whether there is an open incident at all, which is when recovery has something to do."""
    return bool(db.rows("SELECT 1 FROM heartbeat_incidents WHERE ended IS NULL LIMIT 1"))
