"""The store itself being away: told once when it lasts, and once when it is over. Used by `run` beside detection."""

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.passes.alerting.enqueue import add, tell_of_observer
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import states
from heartbeat_cli.views import wording

_PASSES = 3  # passes without the store that are no blip any more


def lasts(db: Database, config: Config, since: Degraded, now: float) -> None:
    """Tell of an outage that lasts, unless a database that is watched tells of it already. `db` is the spool."""
    if spool.passes_kept(db) < _PASSES or any(one.kind == "database" for one in states.open_incidents(db).values()):
        return
    reason = f"{since.reason}; what is seen meanwhile is kept on this host"
    tell_of_observer(db, config, _alert("store_unreachable", "high", config, since, now, reason), now)


def over(db: Database, config: Config, covered: Degraded, now: float) -> None:
    """Tell of its end those who heard of its beginning. `db` is the store."""
    reason = f"the store answers again after {duration(now - covered.started)}; what was seen meanwhile is in it"
    if heard := alerts.notified_channels(db, covered.id):
        add(db, config, _alert("store_restored", "low", config, covered, now, reason), heard, now, weight="high")


def _alert(kind: str, severity: Severity, config: Config, about: Degraded, now: float, reason: str) -> Alert:
    return Alert(
        id=f"{about.id}/{kind}",
        type=kind,
        severity=severity,
        title=wording.observer_title(kind, config.observer, config.heartbeat.locale),
        component=config.observer,
        at=now,
        incident=about.id,
        reason=reason,
        details={"started": about.started, "cause": about.reason, "kind": "observer"},
    )
