"""Forgetting: what is older than the configuration wants to keep."""

from heartbeat_cli.sections import Retention
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.partitions import drop_before

_DAY = 86_400.0
# What belongs to an open incident stays with it: who was told, and what was tried.
_OF_NO_OPEN_INCIDENT = (
    "AND (incident IS NULL OR incident NOT IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL))"
)
_TOLD = f"{_OF_NO_OPEN_INCIDENT} AND alert_id NOT IN (SELECT alert_id FROM heartbeat_outbox)"
_SPENT = (
    "AND state <> 'waiting' AND alert_id NOT IN (SELECT a.alert_id FROM heartbeat_alert_rows a"
    " JOIN heartbeat_incidents i ON i.id = a.incident WHERE i.ended IS NULL)"
)
_OF_NO_ALERT = "AND alert_id NOT IN (SELECT alert_id FROM heartbeat_alert_rows)"


def prune(db: Database, keep: Retention, now: float) -> dict[str, int]:
    """Drop what has had its time; returns rows (or day partitions) dropped by table. Open incidents stay."""
    heartbeats, metrics, incidents = (
        now - days * _DAY for days in (keep.heartbeats_days, keep.metrics_days, keep.incidents_days)
    )
    with db.transaction():
        gone = {
            "heartbeat_log": drop_before(db, "heartbeat_log", heartbeats),
            "heartbeat_samples": drop_before(db, "heartbeat_samples", metrics),
            "heartbeat_passes": _delete(db, "heartbeat_passes", "started", heartbeats, "AND detected IS NOT NULL"),
            "heartbeat_outbox": _delete(db, "heartbeat_outbox", "created", incidents, _SPENT),
            "heartbeat_alert_rows": _delete(db, "heartbeat_alert_rows", "alert_time", incidents, _TOLD),
            "heartbeat_sends": _delete(db, "heartbeat_sends", "at", incidents, _OF_NO_ALERT),
            "heartbeat_recoveries": _delete(db, "heartbeat_recoveries", "started", incidents, _OF_NO_OPEN_INCIDENT),
            "heartbeat_incidents": _delete(db, "heartbeat_incidents", "ended", incidents),
            "heartbeat_silences": _delete(db, "heartbeat_silences", "ends", incidents),
        }
    return gone


def _delete(db: Database, table: str, column: str, before: float, also: str = "") -> int:
    return db.run(f"DELETE FROM {table} WHERE {column} < to_timestamp(?) {also}", (before,))
