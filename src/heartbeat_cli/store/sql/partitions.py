"""Day partitions in PostgreSQL of the tables that grow with every check: made when a row needs one, dropped by
retention.

A partition is made as a table of its own and then attached, which waits for no reader. `PARTITION OF` would wait for
everybody's open transaction, and fail every pass after midnight while one stays open.

Where somebody has replaced a partitioned table by another one (a hypertable, say), it is written to as any table.
"""

from datetime import UTC, datetime, timedelta

from heartbeat_cli.store.sql import locks
from heartbeat_cli.store.sql.database import Database, placeholders

_DAYS_AT_A_TIME = 30  # a transaction locks each one that it drops, with its indexes, and the server has few such locks
PARTITIONED = ("heartbeat_log", "heartbeat_samples")


def ensure_day(db: Database, at: float) -> None:
    """Make the partitions of that moment's UTC day where they are missing. Call it first in the transaction, so that it
    never waits for the lock while it holds another."""
    if db.dialect == "sqlite" or not _missing(db, at):
        return
    db.rows_with_lock(locks.PARTITIONS, "SELECT 1")
    day = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = day + timedelta(days=1)
    for table in _missing(db, at):  # once more: another pass may have made them while this one waited
        name = _name(table, at)
        db.run(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        db.run(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ('{until}')")


def _missing(db: Database, at: float) -> list[str]:
    # Not to_regclass(): it may answer from a cache that has not heard yet of what another session has just made.
    names = {table: _name(table, at) for table in PARTITIONED}
    wanted = (*names, *names.values())
    rows = db.rows(
        f"SELECT relname, relkind FROM pg_class WHERE relname IN ({placeholders(wanted)}) AND relnamespace ="
        " (SELECT relnamespace FROM pg_class WHERE oid = CAST(? AS regclass))",
        (*wanted, PARTITIONED[0]),
    )
    kinds: dict[str, str] = dict(rows)
    return [table for table, name in names.items() if kinds.get(table) == "p" and name not in kinds]


def _name(table: str, at: float) -> str:
    return f"{table}_{datetime.fromtimestamp(at, UTC):%Y%m%d}"


def drop_before(db: Database, table: str, at: float) -> int:
    """Delete rows older than `at` (epoch seconds): in SQLite rows, in PostgreSQL whole days, the oldest first, at most
    30 of them. Returns rows or partitions deleted."""
    if db.dialect == "sqlite" or not _partitioned(db, table):
        return db.run(f"DELETE FROM {table} WHERE at < to_timestamp(?)", (at,))
    rows = db.rows(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(?) AND c.relname < ? ORDER BY 1 LIMIT ?",
        (table, _name(table, at), _DAYS_AT_A_TIME),
    )
    for (name,) in rows:
        db.run(f"DROP TABLE {name}")
    return len(rows)


def _partitioned(db: Database, table: str) -> bool:
    return db.rows("SELECT relkind FROM pg_class WHERE oid = CAST(? AS regclass)", (table,)) == [("p",)]
