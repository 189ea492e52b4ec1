"""Notifies once that the store does not answer, when that lasts, and once when it is over. Used by `run`."""

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_end, enqueue_host_alert, host_alert
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import states

_PASSES = 3  # passes without the store that are no blip any more


def notify(db: Database, config: Config, since: Degraded, now: float) -> None:
    """Notify of an outage that lasts, unless a watched database is in fault already. `db` is the spool."""
    if spool.passes_kept(db) < _PASSES or any(one.kind == "database" for one in states.open_incidents(db).values()):
        return
    reason = Text("{reason}; what is seen meanwhile is kept on this host", reason=Text(since.reason))
    enqueue_host_alert(db, config, _alert("store_unreachable", "high", config, since, now, reason), now)


def notify_end(db: Database, config: Config, covered: Degraded, now: float) -> None:
    """Notify those who were notified of it that it is over. `db` is the store."""
    reason = Text(
        "the store answers again after {now}; what was seen meanwhile is in it", now=duration(now - covered.started)
    )
    enqueue_end(db, config, _alert("store_restored", "low", config, covered, now, reason), now, weight="high")


def _alert(kind: str, severity: Severity, config: Config, about: Degraded, now: float, reason: str) -> Alert:
    details = {"started": about.started, "cause": about.reason, "kind": "observer"}
    return host_alert(config, kind, severity, about.id, now, reason, details)
