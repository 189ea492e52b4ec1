"""A clock of this host that cannot be trusted (see `check/clock.py`): people are notified once, and once when it
can."""

from collections.abc import Iterable

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.clock_trust import Suspect
from heartbeat_cli.domain.component import Severity, goes_to
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.passes.alerting.enqueue import enqueue_host_alert, enqueue_to, muted
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording


def notify(db: Database, config: Config, suspect: Suspect, in_force: Iterable[Silence], now: float) -> str:
    """Notify of it, and note that; gives the reason. A silence of everything, or of this host's name, keeps it back."""
    gaps.save_suspect(db, config.observer, suspect._replace(notified=True))
    reason = f"{suspect.reason}; until it is right nothing is pruned or closed"
    alert = _alert("clock_suspect", "medium", "clock_suspect", config, suspect, reason, now)
    for silence in in_force:
        if goes_to(silence.target, config.observer):
            enqueue_to(db, config, muted(alert, silence), (), now)
            return f"{reason}; muted: {silence.kind} {silence.id}"
    enqueue_host_alert(db, config, alert, now)
    return reason


def notify_end(db: Database, config: Config, suspect: Suspect, reason: str, now: float) -> None:
    """Notify those who heard of it that the clock can be trusted again, and why."""
    notified = alerts.notified_channels(db, incident_id(config.observer, suspect.began))
    if notified:
        alert = _alert("recovered", "low", "clock_trusted", config, suspect, reason, now)
        enqueue_to(db, config, alert, notified, now, weight="medium")


def _alert(
    type_: str, severity: Severity, title: str, config: Config, suspect: Suspect, reason: str, now: float
) -> Alert:
    about = incident_id(config.observer, suspect.began)
    return Alert(
        id=f"{about}/{type_}",
        type=type_,
        severity=severity,
        title=wording.observer_title(title, config.observer, config.heartbeat.locale),
        component=config.observer,
        at=now,
        incident=about,
        reason=reason,
        details={"kind": "observer", "cause": suspect.reason},
    )
