"""One small interface over PostgreSQL and SQLite: the same SQL, the same times, the same errors.

SQL is written once. Its values are `?` with a sequence, or, where there are many, `:name` with a mapping; here both are
handed over as each driver wants them. `dialects.render` words what the two databases do not have in common. Times are
seconds since the epoch in Python, `timestamptz` in PostgreSQL and REAL in SQLite; a statement passes one as
`to_timestamp(?)`, which SQLite is taught as the identity. Statements never hold a literal `?` or `%`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.redact import redact

Row = tuple[Any, ...]
Params = Sequence[Any] | Mapping[str, Any]
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
TOO_SLOW = "try again when it is less busy, ask for fewer days, or raise [heartbeat] store_timeout"
_BYTES_PER_COMPONENT = 4_096  # bytes; a row with evidence may have 2,000
_HISTORY_BYTES = 1_073_741_824
_FEW = 8  # rows
_MAX_VALUES = 30_000  # SQLite takes 32,766 values a statement, PostgreSQL builds its text from them


class DatabaseError(StoreError):
    """A statement failed. `where` is the store, `damaged` whether its file is not a sound database, and `refused`
    whether the store is sound, but does not take these values."""

    def __init__(self, where: str, text: str, damaged: bool = False, refused: bool = False) -> None:
        super().__init__(f"store {where}: {text}")
        self.where, self.damaged, self.refused = where, damaged, refused


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
    other_encoding = ""  # of a PostgreSQL database, unless it is UTF8
    server = ""  # which of the hosts that `where` may name
    observer = ""  # the host whose pass uses it: what it enqueues is its own to send ("": anybody's)
    is_apart = False  # whether it stands in for a store that other hosts may reach
    time_left: float | None = None
    identity = ""
    watch_json: str | None = None
    clock_ahead: float | None = None
    max_answer = 8_388_608
    _unreadable: tuple[type[BaseException], ...] = (ValueError, ArithmeticError, RecursionError)

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

    def whole(self, value: object) -> int:
        """The whole number that a row holds. Raises DatabaseError where the server sent something else."""
        if not isinstance(value, int):
            raise DatabaseError(self.where, f"sent a value that cannot be read ({type(value).__name__})")
        return value

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

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Use it around work that relies on the shape of rows. Raises DatabaseError when the work fails over a row that
        a server sent in another one. A file of SQLite is heartbeat's own: there such a failure is heartbeat's."""
        yield

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
        return DatabaseError(self.where, redact(text), *self._damaged_or_refused(error))

    def _damaged_or_refused(self, error: Exception) -> tuple[bool, bool]:
        """Whether the error means a damaged file, and whether it means refused values."""
        name = getattr(error, "sqlite_errorname", None) or ""
        return name in _DAMAGED, name.startswith("SQLITE_CONSTRAINT")

    def _rollback(self) -> None:
        with suppress(StoreError):  # the connection is gone, and the transaction with it
            self._execute("ROLLBACK", ())

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

    def insert(self, head: str, row: str, rows: Sequence[Row], tail: str = "") -> None:
        """A row at a time by one prepared statement: a text with all of them would have to be parsed."""
        if not self._open or len(rows) < _FEW:
            super().insert(head, row, rows, tail)
            return
        self.statements += 1
        self.rows_written += len(rows)
        self.said += [value for one in rows for value in one if type(value) is Text]
        try:
            # The function is the identity here, and costs a call from SQLite into Python.
            self._connection.executemany(f"{head} VALUES {row.replace('to_timestamp(?)', '?')} {tail}", rows)
        except self._errors as error:
            raise self._store_error(error) from error

    def _cursor(self, sql: str, params: Params) -> Any:
        return self._connection.execute(sql, params)


def placeholders(values: Sequence[object]) -> str:
    """A `?` for each of the values."""
    return ", ".join("?" for _ in values)


def connect(url: str, timeout: float) -> Database:
    """Open the store at `url`. Raises StoreError with one plain line when that cannot be done in `timeout` seconds."""
    if url.startswith("sqlite:///"):
        return SQLite(Path(url.removeprefix("sqlite:///")).expanduser(), timeout)
    opened: Database = import_module("heartbeat_cli.store.sql.postgres").Postgres(url, timeout)
    return opened
