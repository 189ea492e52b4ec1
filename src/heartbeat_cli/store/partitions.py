"""Day partitions of what grows with every look, in PostgreSQL: made when a row needs one, dropped by retention."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from heartbeat_cli.store.database import Database, Row

PARTITIONED = ("heartbeat_log", "heartbeat_samples")


def insert_by_day(db: Database, table: str, at: float, head: str, row: str, rows: Sequence[Row]) -> None:
    """Insert rows of one moment, making that UTC day's partition first where it is missing."""
    if not rows:
        return
    if db.dialect == "postgres":
        _ensure(db, table, at)
    db.insert(head, row, rows)


def _ensure(db: Database, table: str, at: float) -> None:
    day = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    name = f"{table}_{day:%Y%m%d}"
    if db.rows("SELECT to_regclass(?)", (name,))[0][0] is None:
        until = day + timedelta(days=1)
        db.run(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ('{day}') TO ('{until}')")


def drop_before(db: Database, table: str, at: float) -> int:
    """Forget rows older than `at`: whole days in PostgreSQL, rows in SQLite. Returns partitions or rows dropped."""
    if db.dialect == "sqlite":
        return db.run(f"DELETE FROM {table} WHERE at < to_timestamp(?)", (at,))
    limit = f"{table}_{datetime.fromtimestamp(at, UTC):%Y%m%d}"
    rows = db.rows(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(?) AND c.relname < ?",
        (table, limit),
    )
    for (name,) in rows:
        db.run(f"DROP TABLE {name}")
    return len(rows)
