"""A clock of this host that cannot be trusted (see `watching.py`): people are notified once, and once when it can."""

from collections.abc import Iterable

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.clock_trust import Suspect
from heartbeat_cli.domain.component import Severity, goes_to
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.passes.alerting.enqueue import add, muted, tell_of_observer
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording


def tell(db: Database, config: Config, suspect: Suspect, quiet: Iterable[Silence], now: float) -> str:
    """Notify of it, and note that; gives the reason. A silence of everything, or of this host's name, keeps it back."""
    gaps.save_suspect(db, config.observer, suspect._replace(told=True))
    reason = f"{suspect.reason}; until it is right nothing is pruned or closed"
    alert = _alert("clock_suspect", "medium", "clock_suspect", config, suspect, reason, now)
    for silence in quiet:
        if goes_to(silence.target, config.observer):
            add(db, config, muted(alert, silence), (), now)
            return f"{reason}; muted: {silence.kind} {silence.id}"
    tell_of_observer(db, config, alert, now)
    return reason


def over(db: Database, config: Config, suspect: Suspect, reason: str, now: float) -> None:
    """Notify those who heard of it that the clock can be trusted again, and why."""
    heard = alerts.notified_channels(db, incident_id(config.observer, suspect.began))
    if heard:
        alert = _alert("recovered", "low", "clock_trusted", config, suspect, reason, now)
        add(db, config, alert, heard, now, weight="medium")


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
