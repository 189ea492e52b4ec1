"""The context of an alert of detection: what somebody woken at night asks for besides its title and reason."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.category import PROCESS, Failure
from heartbeat_cli.domain.checking.result import FAILURES, SUCCESSES, Status
from heartbeat_cli.domain.component import Component, children, descendants, target_of
from heartbeat_cli.domain.detection.fault_detection import Event, State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.history import last_checks
from heartbeat_cli.store.history.last_checks import LastCheck
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states

if TYPE_CHECKING:
    from heartbeat_cli.domain.alerting.alert import Alert
    from heartbeat_cli.domain.detection.quorum import Round
    from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext
    from heartbeat_cli.passes.detect.alert_facts import Blind

Details = Mapping[str, object]
_ALSO = 5  # other components in fault that are named


class AlertContext:
    """What is known while a pass is judged: the states as they move, what this pass has `seen`, and, of what several
    hosts check, the `rounds`. `recovers`: recovery follows in the same pass."""

    def __init__(self, db: Database, config: Config, now: float, recovers: bool = True) -> None:
        self.db, self.config, self.now, self.recovers = db, config, now, recovers
        self.states: dict[str, State] = {}
        self.seen: Mapping[str, Status] = {}
        self.rounds: Mapping[str, Round] = {}
        self.unseen: dict[str, tuple[float, float]] = {}  # from when to when what is seen again could not be checked
        self._briefs: dict[str, str] = {}  # causes of faults in a few words
        self._counted: tuple[Mapping[str, Status], list[str]] | None = None  # for which pass, what was in fault

    @cached_property
    def _last_checks(self) -> dict[str, LastCheck]:
        return last_checks.read(self.db, self.config.observer)

    def _last_check(self, component: Component) -> LastCheck | None:
        """This host's, or of what several check, that of one which sees what they say together."""
        who = self.config.observer
        if round_ := self.rounds.get(component.id):
            from heartbeat_cli.domain.detection.quorum import witness

            who = witness(round_, who)
        checks = self._last_checks if who == self.config.observer else last_checks.read(self.db, who)
        return checks.get(component.id)

    @cached_property
    def _below(self) -> dict[str, list[str]]:
        return children(self.config.components)

    def of_event(self, component: Component, event: Event, incident: Incident | None) -> Details:
        """The details of an alert about what has just happened to a component."""
        failure = incident.failure if incident is not None and event.name == "ended" else event.failure
        details = self._common(component, failure) | {"cause": event.cause, "started": event.started}
        last = self._last_check(component)
        if component.kind == "host" and event.name == "opened" and (failing := self._failing_here()):
            details |= {"failing_here": failing}
        if last is not None and event.name in ("opened", "released", "degraded"):
            details |= self._evidence(component, event.cause, last)
            details |= {"unreached": True} if last.status == "error" else {}
        if event.name in ("opened", "released"):
            details |= self._outlook(component, event.failure, details)
            details |= self._before(component, event, incident)
        if incident is not None and event.name == "ended":
            details["cause"] = incident.cause
            details |= self._end(component, incident)
            details |= self._outages(incident, event.at)
        if event.name in ("ended", "degraded_ended"):
            from heartbeat_cli.passes.alerting import still_open

            own = {component.id, *self._unwell_below(component)}
            details |= still_open.of(self.db, self.config, self.now, own, self.states)
        return details

    def _evidence(self, component: Component, cause: str, last: LastCheck) -> dict[str, object]:
        """What a check saw, and what that names as the main cause."""
        from heartbeat_cli.passes.alerting import main_causes

        return {"evidence": dict(last.evidence)} | main_causes.of(self.db, component, cause, last.evidence)

    def _before(self, component: Component, event: Event, incident: Incident | None) -> Details:
        """What came before a fault: a time in which nobody saw the component, a parent's fault, or a recovery."""
        from heartbeat_cli.passes.detect import alert_facts

        spans, shared = list(self._blind), component.id in self.rounds
        if component.id in self.unseen:
            spans.append(alert_facts.Blind(*self.unseen[component.id], [component.id]))
        if shared:  # while this host made no pass, others did
            spans = [one for one in spans if one.components]
        found = alert_facts.unseen(component, event.started, spans)
        if event.name == "released":
            parent = event.held_by or ""
            found |= {"waited_for": self._name(parent), "waited_kind": self._kind(parent)}
            found |= alert_facts.parent_back(self.db, parent, event.started)
        if event.name == "opened" and incident is not None and incident.relapses:
            found |= alert_facts.returned(self.db, component, incident, event.started)
        return found

    @cached_property
    def _blind(self) -> "list[Blind]":
        from heartbeat_cli.passes.detect import alert_facts

        return alert_facts.blind_spans(self.db, self.config, self.now)

    def reason(self, event: Event) -> str:
        """Why there is an alert about an event; the components in it by their names."""
        if event.name == "released" and isinstance(event.reason, Text):
            return event.reason.with_values(id=self._name(event.held_by or ""))
        return event.reason

    def _end(self, component: Component, incident: Incident) -> Details:
        """Of an incident that has ended: what was done, who healed it, and the title of its beginning."""
        from heartbeat_cli.passes.alerting import main_causes, remedies
        from heartbeat_cli.passes.detect import alert_facts
        from heartbeat_cli.store.outbox import alerts
        from heartbeat_cli.store.state import recoveries

        attempts, given = recoveries.of_incident(self.db, incident.id), alerts.of_incident(self.db, incident.id)
        was = self.title(f"{component.kind}_down", component, incident.failure, incident.cause)
        healed_by = remedies.healer(incident, attempts, given)
        failed = main_causes.failed_with(self.db, attempts)
        found: Details = {"attempts": remedies.tried(self.db, attempts), "healed_by": healed_by, "was": was}
        return {**found, "well": self._well_below(component, given), **alert_facts.at_first(given), **failed}

    def _well_below(self, component: Component, given: "Sequence[Alert]") -> list[str]:
        """The names of what is well again, of that which the alerts of an incident name as affected by it."""
        affected = {str(name) for one in given if isinstance(of := one.details.get("held"), list) for name in of}
        unwell = set(self._unwell_below(component))
        found = [id_ for id_ in descendants(component.id, self._below) if self._name(id_) in affected]
        found = [id_ for id_ in found if id_ not in unwell]
        known = self.states | states.of(self.db, [id_ for id_ in found if id_ not in self.states])
        return [self._name(id_) for id_ in found if id_ in known and not known[id_].unobserved]

    def _unwell_below(self, component: Component) -> list[str]:
        """What depends on a component and fails."""
        return [id_ for id_ in descendants(component.id, self._below) if self._is_unwell(id_)]

    def title(self, kind: str, component: Component, failure: Failure | None, cause: str) -> str:
        """The title of an alert of this type about a component, whose fault is of such a failure."""
        from heartbeat_cli.views import wording

        category, short_of = failure.category if failure else "", list[str]()
        if component.kind == "host":
            from heartbeat_cli.domain.kinds import host_limits

            short_of = host_limits.short_of(sentences.as_said(self.db, [cause])[0], component.settings)
        return wording.title(kind, component, self.config.heartbeat.locale, category, short_of)

    def _outages(self, incident: Incident, at: float) -> Details:
        """Of an incident that was reopened, or kept open until it was steady: when it ended, and how long it was
        down."""
        found: dict[str, object] = {"ended": incident.ended} if incident.ended != at else {}
        if incident.relapses:
            found |= {"started": incident.started, "outages": len(incident.outages), "down": incident.downtime(at)}
        return found

    def of_lasting(self, component: Component, incident: Incident) -> Details:
        """The details of an alert about a fault that lasts: what it was, what was done, and what is seen now."""
        last = self._last_check(component)
        failure = (last.failure if last is not None and last.status in FAILURES else None) or incident.failure
        details = self._common(component, failure) | {"cause": incident.cause, "started": incident.started}
        details |= {"declared": incident.declared, "attempts": self._attempts(incident)}
        if last is not None:
            details |= {"last": [last.status, last.error]} | self._evidence(component, incident.cause, last)
            details |= {"unreached": True} if last.status == "error" else {}
        details |= self._outlook(component, failure, details)
        return details

    def _common(self, component: Component, failure: Failure | None) -> dict[str, object]:
        from heartbeat_cli.passes.alerting import remedies  # alerts are rare

        details: dict[str, object] = {"kind": component.kind, "observer": self.config.observer}
        details |= {"target": target_of(component), "name": component.name}
        details |= remedies.of(component, failure, self.now, self.config.secrets)
        details["in_fault"] = len(self._faults())
        details["watched"] = len(self.config.components)
        below = set(descendants(component.id, self._below))
        if also := [id_ for id_ in self._faults() if id_ != component.id and id_ not in below]:
            details |= self._neighbours(component, also)
        if held := self._unwell_below(component):
            from heartbeat_cli.passes.detect import alert_facts

            details["held"] = [self._name(id_) for id_ in held]
            details |= alert_facts.expected(self.db, self.config, held, self.states, self.now)
        details |= remedies.host_fault(self.db, self.config, component, self._incidents, self._briefs, self._last_check)
        state = self.states.get(component.id)
        if state is not None and state.flapping:
            details["flapping"] = True
        if round_ := self.rounds.get(component.id):
            from heartbeat_cli.domain.detection.quorum import shown

            details["votes"] = shown(round_.votes)
        return details

    def _failing_here(self) -> list[str]:
        """What fails on this host itself, and has steps of recovery: a fault of the host may be why."""
        known = self.config.components
        ids = dict.fromkeys([*self.seen, *self.states])
        unwell = [known[id_] for id_ in ids if id_ in known and self._is_unwell(id_)]
        return [
            one.id
            for one in unwell
            if one.plan.ladder and one.kind != "host" and not plugins.uses_network(one.kind, one.settings)
        ][:_ALSO]

    def _neighbours(self, component: Component, also: Sequence[str]) -> Details:
        """Other components in fault: their names, since when, and which of them is likely to be the cause."""
        from heartbeat_cli.passes.detect import alert_facts

        shown = also[:_ALSO]
        spans = [*self._blind, *(alert_facts.Blind(*span, [id_]) for id_, span in self.unseen.items())]
        others = [self.config.components[id_] for id_ in shown]
        facts = alert_facts.since_when(self.db, others, self.states, self._incidents, self._briefs, spans)
        found: dict[str, object] = {"also": [self._name(id_) for id_ in shown], "also_since": facts}
        return found | alert_facts.likely_cause(self.config, component, also, self.states, self.now)

    @cached_property
    def _incidents(self) -> Mapping[str, Incident]:
        """The open incidents, those of this pass among them: they are saved before the first alert."""
        return states.open_incidents(self.db)

    def _name(self, id_: str) -> str:
        """As the titles call a component."""
        component = self.config.components.get(id_)
        return component.name if component else id_

    def _kind(self, id_: str) -> str:
        component = self.config.components.get(id_)
        return component.kind if component else ""

    def _faults(self) -> list[str]:
        """What is in fault. Looked up once a pass, whose states have all moved when there is an alert: five hundred
        that fall together would otherwise go through ten thousand states five hundred times."""
        if self._counted is None or self._counted[0] is not self.seen:
            known = [id_ for id_, state in self.states.items() if state.state in ("fault", "recovering")]
            self._counted = self.seen, [id_ for id_ in known if id_ in self.config.components]
        return self._counted[1]

    def _is_unwell(self, id_: str) -> bool:
        """Whether a component fails: by this very pass, or by the last ones where this one says nothing of it."""
        status, state = self.seen.get(id_), self.states.get(id_)
        if status in FAILURES or status in SUCCESSES:
            return status in FAILURES
        return state is not None and state.state in ("suspect", "fault")

    @cached_property
    def _recovery(self) -> "RecoveryContext":
        """Read once: a hundred that fall together would otherwise read each other's facts a hundred times."""
        from heartbeat_cli.passes.alerting.recovery_context import (
            RecoveryContext,  # a fault is rare, and every pass pays for imports
        )

        return RecoveryContext(self.db, self.config, self.now, self.recovers)

    def _outlook(self, component: Component, failure: Failure | None, known: Details) -> Details:
        """What recovery will do, or what holds it back; `known`: the details so far."""
        from heartbeat_cli.passes.alerting.outlook import outlook

        held = known.get("holder")
        next_ = outlook(self._recovery, component, failure or PROCESS, str(held[0]) if isinstance(held, list) else "")
        found = {"recovery": next_.text, "ask": next_.asks, "restarts": next_.restarts}
        return found | ({"urgent": True} if next_.urgent else {})

    def _attempts(self, incident: Incident) -> list[list[str]]:
        from heartbeat_cli.passes.alerting import remedies
        from heartbeat_cli.store.state import recoveries

        return remedies.tried(self.db, recoveries.of_incident(self.db, incident.id))
