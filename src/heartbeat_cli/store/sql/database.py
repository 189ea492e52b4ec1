"""One small interface over PostgreSQL and SQLite: the same SQL, the same times, the same errors.

SQL is written once. Its values are `?` with a sequence, or, where there are many, `:name` with a mapping; here both are
handed over as each driver wants them. `dialects.render` words what the two databases do not have in common. Times are
seconds since the epoch in Python, `timestamptz` in PostgreSQL and REAL in SQLite; a statement passes one as
`to_timestamp(?)`, which SQLite is taught as the identity. Statements never hold a literal `?` or `%`.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.redact import redact

Row = tuple[Any, ...]
Params = Sequence[Any] | Mapping[str, Any]
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_LOCK_TIMEOUTS = 3.0  # times the timeout: how long a lock that all hosts share is waited for
_TOO_SLOW = "try again when it is less busy, ask for fewer days, or raise [heartbeat] store_timeout"
_BYTES_PER_COMPONENT = 4_096  # bytes; a row with evidence may have 2,000
_HISTORY_BYTES = 1_073_741_824
_MAX_VALUES = 30_000  # SQLite takes 32,766 values a statement, PostgreSQL builds its text from them


class DatabaseError(StoreError):
    """A statement failed. `where` is the store, `damaged` whether its file is not a sound database (any more)."""

    def __init__(self, where: str, text: str, damaged: bool = False) -> None:
        super().__init__(f"store {where}: {text}")
        self.where, self.damaged = where, damaged


class Database:
    """An open store. Use `transaction()` around everything that belongs together; nothing commits outside of it.

    time_left: seconds that all further statements together may take (None: no limit); only PostgreSQL is held to it,
        because a local file that takes long is at work
    max_answer: bytes that a server may answer to one statement; `expect_components` and `expect_history` raise it
    statements, rows_written: how many statements were run, and how many rows `run` and `insert` wrote

    Set by `schema.open_store`:
    identity: the store's own id
    watch_json: how far the regular passes of the observer have come, as `gaps` stores it
    clock_ahead: whole seconds by which the server's clock is ahead of this host's (None: there is no server)
    read_ahead: settings that were read already, by name (None: never set); each serves the first `preferences.get`"""

    dialect: str
    begin: str
    where: str
    server = ""  # which of the hosts that `where` may name
    time_left: float | None = None
    identity = ""
    watch_json: str | None = None
    clock_ahead: float | None = None
    max_answer = 8_388_608
    _unreadable: tuple[type[Exception], ...] = (ValueError, ArithmeticError, RecursionError)

    def __init__(self, connection: Any, errors: type[Exception]) -> None:
        self._connection = connection
        self._errors = errors
        self._open = False
        self.statements = self.rows_written = 0
        self.said: list[Text] = []
        self.read_ahead: dict[str, str | None] = {}

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """Run one statement and return its rows."""
        cursor = self._execute(sql, params)
        try:
            return cursor.fetchall() if cursor.description else []
        except self._errors as error:
            raise self._store_error(error) from error
        except self._unreadable as error:  # no value of the type that the server says
            raise DatabaseError(self.where, f"sent a value that cannot be read ({type(error).__name__})") from None

    def rows_with_clock(self, select: str, rest: str, params: Params = ()) -> list[Row]:
        """Run `select` and `rest` as one statement and return its rows. If there are any, `clock_ahead` is measured in
        the same round trip."""
        return self.rows(f"{select} {rest}", params)

    def rows_with_lock(self, lock: int, sql: str, params: Params = ()) -> list[Row]:
        """Take the lock of that number (see `locks`) until the transaction ends, then run the statement and return its
        rows. SQLite needs no lock: its write transactions exclude each other."""
        return self.rows(sql, params)

    def run(self, sql: str, params: Params = ()) -> int:
        """Run one statement and return how many rows it changed."""
        touched = int(self._execute(sql, params).rowcount)
        self.rows_written += max(0, touched)
        return touched

    def insert(self, head: str, row: str, rows: Sequence[Row], tail: str = "") -> None:
        """Insert many rows with few statements: `head` up to VALUES, `row` one row's `(?, to_timestamp(?))`, `tail`
        an ON CONFLICT clause."""
        if not rows:
            return
        self.rows_written += len(rows)
        step = max(1, _MAX_VALUES // len(rows[0]))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            self._execute(f"{head} VALUES {', '.join([row] * len(part))} {tail}", [v for one in part for v in one])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside together, or roll it back; a nested transaction joins the outer one."""
        if self._open:
            yield
            return
        self._execute(self.begin, ())
        self._open = True
        try:
            yield
            if self.said:  # most transactions say nothing
                import_module("heartbeat_cli.store.sql.sentences").keep(self)
            self._execute("COMMIT", ())
        except BaseException:
            self._rollback()
            raise
        finally:
            self._open, self.said = False, []

    @contextmanager
    def with_timeout(self, seconds: float, max_answer: int | None = None) -> Iterator[None]:
        """Let each statement inside take so many seconds, and its answer so many bytes. Use it around a transaction."""
        usual = self.time_left, self.max_answer
        self.time_left, self.max_answer = None, max_answer or self.max_answer
        try:
            yield
        finally:
            self.time_left, self.max_answer = usual

    def expect_components(self, count: int) -> None:
        """Allow answers with some rows for each of this many components."""
        self.max_answer = max(self.max_answer, count * _BYTES_PER_COMPONENT)

    def expect_history(self) -> None:
        """Allow answers with the history of weeks, which a person has asked for."""
        self.max_answer = _HISTORY_BYTES

    def close(self) -> None:
        self._connection.close()

    def _execute(self, sql: str, params: Params) -> Any:
        self.statements += 1
        self.said += [one for one in (params.values() if isinstance(params, Mapping) else params) if type(one) is Text]
        try:
            return self._cursor(sql, params)
        except self._errors as error:
            raise self._store_error(error) from error

    def _store_error(self, error: Exception) -> StoreError:
        text = " ".join(str(error).split()) or type(error).__name__
        return DatabaseError(self.where, redact(text), getattr(error, "sqlite_errorname", None) in _DAMAGED)

    def _rollback(self) -> None:
        try:
            self._execute("ROLLBACK", ())
        except StoreError:
            return  # the connection is gone, and the transaction with it

    def _cursor(self, sql: str, params: Params) -> Any:
        raise NotImplementedError


class SQLite(Database):
    """SQLite in a file of mode 0600. WAL lets readers (`status`) and the one writer work at once."""

    dialect = "sqlite"
    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path, timeout: float, *, sole: bool = False) -> None:
        """`sole`: open it for this process alone. That works on a full disk too, which has no room for the file that
        processes share."""
        import sqlite3

        from heartbeat_cli.store.sql import sqlite_file

        self.where = str(path)
        connection = None
        try:
            sqlite_file.prepare(path)
            connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
            connection.create_function("to_timestamp", 1, lambda at: at, deterministic=True)
            super().__init__(connection, sqlite3.Error)
            self._cursor("PRAGMA foreign_keys=OFF", ())
            if path.stat().st_size == 0:  # later it would be a write, and change nothing
                self._cursor("PRAGMA auto_vacuum=INCREMENTAL", ())
            if sole:
                self._cursor("PRAGMA locking_mode=EXCLUSIVE", ())
            else:
                sqlite_file.use_wal(connection, time.monotonic() + timeout)
        except OSError as error:
            raise DatabaseError(str(path), error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise self._store_error(error) from error

    def _cursor(self, sql: str, params: Params) -> Any:
        return self._connection.execute(sql, params)


class Postgres(Database):
    """PostgreSQL, every wait bounded on this side too: a stopped server with open sockets would hold the pass for ever.
    The server gives up a little earlier, and ends the transaction of a client that froze: it would lock others out."""

    dialect = "postgres"

    def __init__(self, dsn: str, timeout: float) -> None:
        from heartbeat_cli.postgres import libpq
        from heartbeat_cli.postgres.driver import driver
        from heartbeat_cli.store.sql import postgres_session

        self.where = redact(dsn)
        self._timeout = timeout
        try:
            session = libpq.connect(dsn, deadline=time.monotonic() + timeout, writes=True)
        except libpq.Trouble as trouble:
            raise StoreError(Text("store {where}: {why}", where=self.where, why=trouble.text)) from trouble
        self.server = session.where
        self._idle = postgres_session.idle_settings(timeout, session.version)
        self.begin = self._begin(timeout, timeout)
        session.read_as(postgres_session.TIMESTAMPTZ, "EPOCH", postgres_session.epoch_seconds)
        super().__init__(session, libpq.Trouble)
        self._unreadable = (*self._unreadable, driver().Error)
        self._driver_sql = postgres_session.driver_sql
        self._sql: dict[str, str] = {}  # statements as the driver wants them

    @contextmanager
    def with_timeout(self, seconds: float, max_answer: int | None = None) -> Iterator[None]:
        """The wait for locks stays limited as before."""
        usual = self._timeout, self.begin
        self._timeout, self.begin = seconds, self._begin(seconds, self._timeout)
        try:
            with super().with_timeout(seconds, max_answer):
                yield
        finally:
            self._timeout, self.begin = usual

    def rows_with_clock(self, select: str, rest: str, params: Params = ()) -> list[Row]:
        asked = time.time()
        rows = self.rows(f"{select}, clock_timestamp() {rest}", params)
        if rows:
            # It was read between these two moments: only what lies outside of them is a difference.
            there, answered = rows[0][-1], time.time()
            if not isinstance(there, float) or not math.isfinite(there):
                raise DatabaseError(self.where, "sent a clock that cannot be read")
            self.clock_ahead = float(int(there - min(max(there, asked), answered)))
        return [row[:-1] for row in rows]

    def rows_with_lock(self, lock: int, sql: str, params: Params = ()) -> list[Row]:
        """In one round trip. The holder of the lock is at work, which is no sign of a store that hangs: the lock is
        waited for longer than a statement may take, and the wait does not count for `time_left`."""
        long = self._timeout * _LOCK_TIMEOUTS
        usual, longer = _timeout_settings(self._timeout, self._timeout), _timeout_settings(long, long)
        with self.with_timeout(long):
            return self.rows(f"{longer}; SELECT pg_advisory_xact_lock({lock}); {usual}; {sql}", params)

    def _begin(self, statement: float, lock: float) -> str:
        return f"BEGIN; {_timeout_settings(statement, lock)}; {self._idle}"

    def _cursor(self, sql: str, params: Params) -> Any:
        text = self._sql.get(sql)
        if text is None:
            text = self._sql[sql] = self._driver_sql(sql, isinstance(params, Mapping))
        begun = time.monotonic()
        if self.time_left is not None and self.time_left <= 0:
            raise DatabaseError(
                self.where, f"too slow: {self.statements - 1} statements used up the time there is; {_TOO_SLOW}"
            )
        self._connection.most = self.max_answer
        try:
            return self._connection.execute(text, params or None, deadline=begun + self._timeout)
        finally:
            if self.time_left is not None:
                self.time_left -= time.monotonic() - begun


def _timeout_settings(statement: float, lock: float) -> str:
    """The statements that limit how many seconds a statement may take, and may wait for a lock."""
    times = (("statement", statement), ("lock", lock))
    return "; ".join(f"SET LOCAL {name}_timeout = {max(1, int(seconds * 900))}" for name, seconds in times)


def placeholders(values: Sequence[object]) -> str:
    """A `?` for each of the values."""
    return ", ".join("?" for _ in values)


def connect(url: str, timeout: float) -> Database:
    """Open the store at `url`. Raises StoreError with one plain line when that cannot be done in `timeout` seconds."""
    if url.startswith("sqlite:///"):
        return SQLite(Path(url.removeprefix("sqlite:///")).expanduser(), timeout)
    return Postgres(url, timeout)
