"""Notifies once that the store has lost records, for the host that noticed it first."""

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_host_alert, host_alert
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby.restored import StoreWentBack

_SAME = 3_600.0  # seconds within which what several hosts notice is one and the same


def notify(db: Database, config: Config, what: StoreWentBack, now: float) -> None:
    """Notify of it, unless another host of the store did so just now. Call it in the transaction that mends it."""
    sql = "SELECT 1 FROM heartbeat_alert_rows WHERE alert_type = ? AND alert_time > to_timestamp(?)"
    kind = "store_went_back"
    if db.rows(sql, (kind, now - _SAME)):
        return
    if what.replaced:
        reason = Text("the store is new: what it held before is gone")
    elif what.store_until is None:
        reason = Text("the store has lost records: it knows no pass of this host")
    else:
        reason = Text(
            "the store has lost records: the last {known} are missing",
            known=duration(what.mirror_until - what.store_until),
        )
    details = {"started": what.mirror_until, "cause": reason, "kind": "observer"}
    reason = Text("{reason}; open faults and the messages sent were restored from this host's copy", reason=reason)
    alert = host_alert(config, kind, "medium", incident_id(config.observer, now), now, reason, details, ends=False)
    enqueue_host_alert(db, config, alert, now)
