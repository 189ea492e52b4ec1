"""The figures of `heartbeat metrics`: what is in small tables, and the last hour of the big ones. Counters include what
retention has deleted."""

from collections.abc import Collection

from heartbeat_cli.domain.checking.result import BY_NUMBER, Metric
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.reporting.figures import Figures
from heartbeat_cli.store.board import board
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states

_HOUR = 3_600.0
_RECOVERIES = "heartbeat_recoveries"


def read(db: Database, observer: str, now: float, components: Collection[Component] = ()) -> Figures:
    """The figures at `now` as this observer sees them; of components that several hosts check, the status they agree
    on."""
    return Figures(
        last_pass=board.last_pass(db, observer),
        states=states.states(db),
        glances=board.glances(db, components),
        incidents=list(states.open_incidents(db).values()),
        looks=checks_by_status(db, now - _HOUR, now),
        alerts=_counts(db, "alerts", "alert_type, severity", "heartbeat_alert_rows"),
        notifications=_counts(db, "notifications", "channel, state", "heartbeat_outbox"),
        attempts={
            (outcome, bool(verified)): count
            for (outcome, verified), count in _counts(
                db, "recoveries", "outcome, CASE WHEN verified IS NULL THEN '' ELSE 'verified' END", _RECOVERIES
            ).items()
        },
        metrics=newest_metrics(db),
    )


def checks_by_status(db: Database, start: float, end: float) -> dict[str, int]:
    """The number of checks of each status in a span of time."""
    rows = db.rows(
        "SELECT status, count(*) FROM heartbeat_log WHERE at >= to_timestamp(?) AND at <= to_timestamp(?)"
        " GROUP BY status",
        (start, end),
    )
    return {BY_NUMBER[status]: count for status, count in rows if status in BY_NUMBER}


def newest_metrics(db: Database) -> dict[str, list[Metric]]:
    """The metrics of each component's last check, by component."""
    # All rows of a pass have its start as their time, so the times of the last checks find their samples.
    moments = [row[0] for row in db.rows("SELECT DISTINCT at FROM heartbeat_looks ORDER BY at DESC LIMIT 1000")]
    if not moments:
        return {}
    rows = db.rows(
        "SELECT c.id, CAST(s.samples AS TEXT) FROM heartbeat_samples s"
        " JOIN heartbeat_components c ON c.key = s.component"
        " JOIN heartbeat_looks l ON l.component = c.id AND l.at = s.at"
        f" WHERE s.at IN ({', '.join(['to_timestamp(?)'] * len(moments))}) ORDER BY s.at",
        moments,
    )
    return {id_: board.decoded(samples) for id_, samples in rows}


def _counts(db: Database, what: str, columns: str, table: str) -> dict[tuple[str, str], int]:
    """Rows by two of their columns, including those that retention has deleted."""
    rows = db.rows(
        f"SELECT {columns}, count(*) FROM {table} GROUP BY 1, 2"
        " UNION ALL SELECT first, second, number FROM heartbeat_forgotten WHERE what = ? ORDER BY 1, 2",
        (what,),
    )
    found: dict[tuple[str, str], int] = {}
    for first, second, count in rows:
        found[first, second] = found.get((first, second), 0) + count
    return found
