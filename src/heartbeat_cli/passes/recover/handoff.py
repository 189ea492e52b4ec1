"""Handoff to a person: one alert when recovery can do no more by itself, with all attempts. Used by `recover`."""

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.component import Component, target_of
from heartbeat_cli.domain.detection.quorum import shown
from heartbeat_cli.domain.incident import Incident, incident_id
from heartbeat_cli.domain.recovery.brakes import opener
from heartbeat_cli.domain.recovery.decision import Decision
from heartbeat_cli.domain.recovery.ladder import taken
from heartbeat_cli.passes.alerting import main_causes, remedies
from heartbeat_cli.passes.alerting.enqueue import enqueue_alert, host_alert
from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from heartbeat_cli.views import wording

# Named reasons that need a person, and the alert that says so.
NAMES = {
    "exhausted": "recovery_failed",
    "budget": "recovery_failed",
    "given_up": "recovery_held",
    "denied": "recovery_denied",
    "objection": "recovery_held",
    "answers": "recovery_held",
    "host_budget": "recovery_braked",
}
_ALERTS = {**NAMES, "remedy": "recovery_held"}


def is_news(decision: Decision, incident: Incident, failure: Failure) -> bool:
    """Whether only a person can mend it, and the alert that opened the incident did not say so."""
    return decision.name == "remedy" and failure.remedy == "person" and incident.failure != failure


def notify(
    db: Database, config: Config, context: RecoveryContext, component: Component, incident: Incident, decision: Decision
) -> None:
    """Notify a person, once a kind: the incident keeps the last kind, and the alert's id what it is about."""
    kind = _ALERTS[decision.name]
    came_to = kind.removeprefix("recovery_")
    if incident.recovery == came_to:
        return
    with db.transaction():
        if kind == "recovery_braked":
            alerts.add(db, _braked(config, context, decision), config.channels, context.now)
        elif states.save_recovery(db, incident.id, came_to):
            enqueue_alert(
                db,
                config,
                _failed(db, config, context, component, incident, decision),
                component,
                context.in_force,
                context.now,
            )


def hold_back(db: Database, incident: Incident, decision: Decision) -> None:
    """Have the message of a fault that waits to be sent say that its step is held back, not that it comes next."""
    with db.transaction():
        alerts.amend(db, incident.id, {"recovery": decision.reason, "ask": False, "restarts": "", "held_back": True})


def _failed(
    db: Database, config: Config, context: RecoveryContext, component: Component, incident: Incident, decision: Decision
) -> Alert:
    kind, failure = _ALERTS[decision.name], context.failure(component)
    round_ = peers.rounds(db, [component]).get(component.id)
    return Alert(
        id=_id(context, component, incident, decision),
        type=kind,
        severity=component.severity,
        title=wording.title(kind, component, config.heartbeat.locale),
        component=component.id,
        at=context.now,
        incident=incident.id,
        reason=decision.reason,
        details={
            "cause": context.present_error(component) or incident.cause,
            "started": incident.started,
            "kind": component.kind,
            "observer": config.observer,
            "target": target_of(component),
            "name": component.name,
            **remedies.of(component, failure, context.now, context.config.secrets),
            "recovery": decision.reason,
            "evidence": dict(last.evidence) if (last := context.last_check(component)) else {},
            "attempts": remedies.tried(db, context.tried(component)),
            **main_causes.failed_with(db, context.tried(component)),
            **remedies.host_fault(db, config, component, context.incidents, {}, context.last_check),
            **({"votes": shown(round_.votes)} if round_ is not None else {}),
        },
    )


def _id(context: RecoveryContext, component: Component, incident: Incident, decision: Decision) -> str:
    """A spent budget is one alert, however many short incidents come while it lasts."""
    about = incident.id
    own = taken([one for one in context.attempts.values() if one.component == component.id])
    if decision.name == "budget" and (last := opener(context.limits(component).brakes, own, context.now)):
        about = incident_id(component.id, last.started)
    return f"{about}/{_ALERTS[decision.name]}"


def _braked(config: Config, context: RecoveryContext, decision: Decision) -> Alert:
    """The host's budget is about no single component: one alert a window."""
    window = config.recovery.budget_window
    about = incident_id(config.observer, context.now // window * window)
    details = {"cause": decision.reason, "kind": "observer", "observer": config.observer}
    return host_alert(config, "recovery_braked", "high", about, context.now, decision.reason, details, ends=False)
