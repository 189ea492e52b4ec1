"""What `heartbeat metrics` shows: what stands in small tables, and the last hour of the big ones."""

from heartbeat_cli.domain.figures import Figures
from heartbeat_cli.domain.result import STATUSES, Metric
from heartbeat_cli.store import board, states
from heartbeat_cli.store.database import Database

_HOUR = 3_600.0


def read(db: Database, observer: str, now: float) -> Figures:
    """The figures at `now` as this observer sees them."""
    return Figures(
        last_pass=board.last_pass(db, observer),
        states=states.states(db),
        glances=board.glances(db),
        incidents=list(states.open_incidents(db).values()),
        looks=looks(db, now - _HOUR, now),
        alerts=_counts(db, "alert_type, severity", "heartbeat_alert_rows"),
        notifications=_counts(db, "channel, state", "heartbeat_outbox"),
        attempts={
            (outcome, bool(verified)): count
            for outcome, verified, count in db.rows(
                "SELECT outcome, verified IS NOT NULL, count(*) FROM heartbeat_recoveries GROUP BY 1, 2"
            )
        },
        metrics=newest_metrics(db),
    )


def looks(db: Database, start: float, end: float) -> dict[str, int]:
    """How many looks of each status there were in a span of time."""
    rows = db.rows(
        "SELECT status, count(*) FROM heartbeat_log WHERE at >= to_timestamp(?) AND at <= to_timestamp(?)"
        " GROUP BY status",
        (start, end),
    )
    return {STATUSES[status]: count for status, count in rows}


def newest_metrics(db: Database) -> dict[str, list[Metric]]:
    """The metrics that each component's last look brought, by component."""
    # All rows of a pass bear its start, so the moments of the last looks lead straight to their samples.
    moments = [row[0] for row in db.rows("SELECT DISTINCT at FROM heartbeat_looks ORDER BY at DESC LIMIT 1000")]
    if not moments:
        return {}
    rows = db.rows(
        "SELECT c.id, s.samples FROM heartbeat_samples s JOIN heartbeat_components c ON c.key = s.component"
        " JOIN heartbeat_looks l ON l.component = c.id AND l.at = s.at"
        f" WHERE s.at IN ({', '.join(['to_timestamp(?)'] * len(moments))}) ORDER BY s.at",
        moments,
    )
    return {id_: [Metric(*one) for one in board.decoded(samples)] for id_, samples in rows}


def _counts(db: Database, columns: str, table: str) -> dict[tuple[str, str], int]:
    rows = db.rows(f"SELECT {columns}, count(*) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2")
    return {(first, second): count for first, second, count in rows}
