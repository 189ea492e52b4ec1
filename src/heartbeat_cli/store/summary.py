"""Aggregates over stored heartbeats: SQL does the counting, no row is loaded."""

from heartbeat_cli.domain.result import STATUSES, Status
from heartbeat_cli.domain.summary import Tally
from heartbeat_cli.store.database import Database

History = tuple[str, float, Status, float | None, str | None]

_COUNTS = ", ".join(f"SUM(CASE WHEN l.status = {n} THEN 1 ELSE 0 END)" for n in range(len(STATUSES)))


def tallies(db: Database, start: float, end: float) -> list[Tally]:
    """A tally for each component that was looked at from `start` to before `end`, by id."""
    rows = db.rows(
        f"SELECT c.id, c.kind, {_COUNTS}, COUNT(l.response_us), COALESCE(SUM(l.response_us), 0)"
        " FROM heartbeat_log l JOIN heartbeat_components c ON c.key = l.component"
        " WHERE l.at >= to_timestamp(?) AND l.at < to_timestamp(?) GROUP BY c.id, c.kind ORDER BY c.id",
        (start, end),
    )
    size = len(STATUSES)
    return [
        Tally(row[0], row[1], tuple(int(n) for n in row[2 : 2 + size]), int(row[2 + size]), int(row[3 + size]))
        for row in rows
    ]


def history(db: Database, start: float, end: float) -> list[History]:
    """Single heartbeats of a span, in the order they were looked at; response times in seconds."""
    rows = db.rows(
        "SELECT c.id, l.at, l.status, l.response_us, l.error FROM heartbeat_log l"
        " JOIN heartbeat_components c ON c.key = l.component"
        " WHERE l.at >= to_timestamp(?) AND l.at < to_timestamp(?) ORDER BY l.pass",
        (start, end),
    )
    return [
        (id_, at, STATUSES[status], None if took is None else took / 1e6, error)
        for id_, at, status, took, error in rows
    ]
