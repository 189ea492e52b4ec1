"""Times in which no pass ran although one should have: neither up nor down, but not watched."""

from heartbeat_cli.domain.coverage import Gap
from heartbeat_cli.store.database import Database


def note(db: Database, gap: Gap) -> None:
    """Record a gap; the same one twice is one."""
    db.run(
        "INSERT INTO heartbeat_gaps (observer, started, ended, reason) VALUES (?, to_timestamp(?), to_timestamp(?), ?)"
        " ON CONFLICT (observer, started) DO NOTHING",
        gap,
    )


def edges(db: Database, end: float) -> tuple[float, float] | None:
    """When the first pass of all, and the last one before `end`, started; None when there was none."""
    sql = "SELECT (SELECT min(started) FROM heartbeat_passes), (SELECT max(started) FROM heartbeat_passes"
    ((first, last),) = db.rows(sql + " WHERE started < to_timestamp(?))", (end,))
    return None if first is None or last is None else (first, last)


def between(db: Database, start: float, end: float) -> list[Gap]:
    """The gaps that touch a span of time, oldest first."""
    rows = db.rows(
        "SELECT observer, started, ended, reason FROM heartbeat_gaps WHERE started < to_timestamp(?)"
        " AND ended >= to_timestamp(?) ORDER BY started, observer",
        (end, start),
    )
    return [Gap(*row) for row in rows]
