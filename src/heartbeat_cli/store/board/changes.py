"""What `run` asks before it writes a page: has anything changed? It costs one statement, and hardly an import."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartbeat_cli.store.sql.database import Database

_CHANGED = """SELECT 1 WHERE EXISTS (SELECT 1 FROM heartbeat_state WHERE since > to_timestamp(:since))
    OR EXISTS (SELECT 1 FROM heartbeat_alert_rows WHERE alert_time > to_timestamp(:since))
    OR EXISTS (SELECT 1 FROM heartbeat_incidents WHERE ended IS NULL
        AND (declared > to_timestamp(:since) OR acked > to_timestamp(:since)))
    OR EXISTS (SELECT 1 FROM heartbeat_incidents i JOIN heartbeat_recoveries r
        ON r.component = i.component AND r.started > to_timestamp(:since) WHERE i.ended IS NULL)"""


def changed(db: "Database", since: float) -> bool:
    """Whether a state, an incident, a recovery attempt or an alert is newer than `since` (epoch seconds)."""
    return bool(db.rows(_CHANGED, {"since": since}))
