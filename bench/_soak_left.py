"""What a pass of a soak leaves behind: files, connections, locks; and, now and then, how big the store has become."""

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg2

from bench._soak_world import World
from heartbeat_cli.store.standby.spool import folders

_PATIENCE = 2.0  # seconds for which PostgreSQL may still be busy with the end of a session
# What holds one row for each component, and must stay that way.
STEADY = ("heartbeat_components", "heartbeat_looks", "heartbeat_state")
# What is bounded: the beats of one job, and what is set once by those who need it first (a channel, retention).
BOUNDED = {"heartbeat_beats": 20, "heartbeat_settings": 8}
_WAITING = "SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'"


class Left(NamedTuple):
    """After one pass: names of the files in the state folder, beside the page, and elsewhere (temporary, home, memory);
    connections, of those idle in a transaction, and locks of clients of the store; notifications that wait; bytes of
    the mirror."""

    state: frozenset[str]
    public: frozenset[str]
    elsewhere: frozenset[str]
    connections: int
    idle: int
    locks: int
    waiting: int
    mirror: int


class Size(NamedTuple):
    """Rows by table, bytes and dead rows by table (SQLite: of the whole file)."""

    number: int
    rows: dict[str, int]
    size: dict[str, int]
    dead: dict[str, int]


class Store(Protocol):
    tables: str  # the query for their names

    def ask(self, sql: str) -> list[tuple[Any, ...]]: ...
    def busy(self) -> tuple[int, int, int]: ...
    def sizes(self) -> tuple[dict[str, int], dict[str, int]]: ...


class Postgres:
    """Asked over one connection of our own, which is made anew when the server went away."""

    tables = (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname LIKE 'heartbeat%'"
    )

    def __init__(self, world: World) -> None:
        self._dsn = world.server.admin_dsn()
        self._connection: Any = None

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        for again in (True, False):
            try:
                if self._connection is None:
                    self._connection = psycopg2.connect(self._dsn, connect_timeout=10)
                    self._connection.autocommit = True
                with self._connection.cursor() as cursor:
                    cursor.execute(sql)
                    return list(cursor.fetchall())
            except psycopg2.OperationalError:
                self.close()
                if not again:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def busy(self) -> tuple[int, int, int]:
        """Connections, those idle in a transaction, locks: of clients other than us, once those that end have ended."""
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        sql = f"""SELECT (SELECT count(*) FROM pg_stat_activity WHERE {others}), (SELECT count(*) FROM pg_stat_activity
            WHERE {others} AND state LIKE 'idle in transaction%'), (SELECT count(*) FROM pg_locks WHERE pid IN
            (SELECT pid FROM pg_stat_activity WHERE {others}) OR locktype = 'advisory')
            + (SELECT count(*) FROM pg_prepared_xacts)"""
        ends = time.monotonic() + _PATIENCE
        while True:
            ((connections, idle, locks),) = self.ask(sql)
            if not (connections or locks) or time.monotonic() > ends:
                return connections, idle, locks
            time.sleep(0.005)

    def sizes(self) -> tuple[dict[str, int], dict[str, int]]:
        """A partitioned table is the sum of its partitions."""
        sql = """SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid)),
            sum(pg_stat_get_dead_tuples(c.oid)) FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
            LEFT JOIN pg_class p ON p.oid = i.inhparent
            WHERE c.relkind = 'r' AND c.relname LIKE 'heartbeat%' GROUP BY 1"""
        found = self.ask(sql)
        return {row[0]: int(row[1]) for row in found}, {row[0]: int(row[2]) for row in found}


class Sqlite:
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'heartbeat%'"

    def __init__(self, world: World) -> None:
        self._path = world.sqlite

    def close(self) -> None: ...

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(sql).fetchall()

    def busy(self) -> tuple[int, int, int]:
        """Whether somebody still holds it: then it cannot be written to."""
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return 0, 0, 1
        return 0, 0, 0

    def sizes(self) -> tuple[dict[str, int], dict[str, int]]:
        return {one.name: one.stat().st_size for one in self._path.parent.glob(f"{self._path.name}*")}, {}


def left(world: World, store: Store, homes: Sequence[Path]) -> Left:
    """After a pass that had its store."""
    connections, idle, locks = store.busy()
    elsewhere = frozenset[str]().union(*map(_files, homes), _in_memory(world.kept))
    mirror = world.kept / "mirror.json"
    return Left(
        _files(world.state),
        _files(world.public),
        elsewhere,
        connections,
        idle,
        locks,
        store.ask(_WAITING)[0][0],
        mirror.stat().st_size if mirror.exists() else 0,
    )


def _in_memory(kept: Path) -> frozenset[str]:
    """Files where the spool of this store goes when it has no room on the disk."""
    return frozenset(map(str, folders(kept)[1].glob("*")))


def size(number: int, store: Store) -> Size:
    rows = {table: store.ask(f"SELECT count(*) FROM {table}")[0][0] for (table,) in store.ask(store.tables)}
    return Size(number, rows, *store.sizes())


def _files(folder: Path) -> frozenset[str]:
    return frozenset(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
