"""One small interface over PostgreSQL and SQLite: the same SQL, the same times, the same errors.

SQL is written once with `?` for values. Times are seconds since the epoch in Python, `timestamptz` in PostgreSQL and
REAL in SQLite; a statement passes one as `to_timestamp(?)`, which SQLite is taught as the identity.
Statements never hold a literal `?` or `%`.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.redact import redact

Row = tuple[Any, ...]
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_TURN = 3.0  # times the timeout: what a turn at a lock that all hosts share is waited for
# Times the timeout, and seconds at least: what a transaction may stand idle until the server ends it. Shorter than the
# turn, so that others get theirs from a host that froze; long enough for one that is only slow to work things out.
_IDLE, _LEAST_IDLE = 2.0, 1.0
_TOO_SLOW = "try again when it is less busy, ask for fewer days, or raise [heartbeat] store_timeout"
_PER_COMPONENT = 4_096  # bytes; a row with evidence may have 2,000
_HISTORY = 1_073_741_824
_WITH_TCP_TIMEOUT = 120_000  # PostgreSQL 12
_MAX_VALUES = 30_000  # SQLite takes 32,766 values a statement, PostgreSQL builds its text from them


class Failure(StoreError):
    """A statement failed: `where` says in which store, `damaged` that its file is no sound database (any more)."""

    def __init__(self, where: str, text: str, damaged: bool = False) -> None:
        super().__init__(f"store {where}: {text}")
        self.where, self.damaged = where, damaged


class Database:
    """An open store. Use `transaction()` around everything that belongs together; nothing commits outside of it.

    `patience` is how many seconds all statements together may take (None: no end); set it anew to begin anew. Only
    PostgreSQL keeps it: what takes long in a file of this machine is at work. `most` is how many bytes a server may
    answer to one; `for_components` and `for_history` make room for honest ones.
    `statements` and `written` count what was asked, and the rows that `run` and `insert` wrote; `said` are sentences
    among the values. After `schema.opened` `identity` is the store's own, `watched` how far an observer's passes have
    come in it, and `ahead` by how many whole seconds the server's clock is ahead of this host's, if it has one."""

    dialect: str
    begin: str
    where: str
    server = ""  # which of the hosts that `where` may name
    patience: float | None = None
    identity = ""
    watched: str | None = None
    ahead: float | None = None
    most = 8_388_608
    _unreadable: tuple[type[Exception], ...] = (ValueError, ArithmeticError, RecursionError)

    def __init__(self, connection: Any, errors: type[Exception]) -> None:
        self._connection = connection
        self._errors = errors
        self._open = False
        self.statements = 0
        self.written = 0
        self.said: list[Text] = []

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return what it gives."""
        cursor = self._execute(sql, params)
        try:
            return cursor.fetchall() if cursor.description else []
        except self._errors as error:
            raise self._store_error(error) from error
        except self._unreadable as error:  # no value of the type that the server says
            raise Failure(self.where, f"sent a value that cannot be read ({type(error).__name__})") from None

    def rows_on_time(self, select: str, rest: str, params: Sequence[Any] = ()) -> list[Row]:
        """`rows` of `select` and `rest`; in the same round trip the server's clock is read, if it gives a row."""
        return self.rows(f"{select} {rest}", params)

    def in_turn(self, lock: int, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """`rows`, when nobody else has the lock of that number; it is held until the transaction ends. SQLite's
        transactions take turns by themselves."""
        return self.rows(sql, params)

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it touched."""
        touched = int(self._execute(sql, params).rowcount)
        self.written += max(0, touched)
        return touched

    def insert(self, head: str, row: str, rows: Sequence[Row], tail: str = "") -> None:
        """Insert many rows with few statements: `head` up to VALUES, `row` one row's `(?, to_timestamp(?))`, `tail`
        an ON CONFLICT clause."""
        if not rows:
            return
        self.written += len(rows)
        step = max(1, _MAX_VALUES // len(rows[0]))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            self._execute(f"{head} VALUES {', '.join([row] * len(part))} {tail}", [v for one in part for v in one])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together or not at all; nested use joins the outer one."""
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
    def unhurried(self, seconds: float, most: int | None = None) -> Iterator[None]:
        """In here a statement may take that long, and its answer no more than `most` bytes. Call it around a
        transaction."""
        usual = self.patience, self.most
        self.patience, self.most = None, most or self.most
        try:
            yield
        finally:
            self.patience, self.most = usual

    def for_components(self, count: int) -> None:
        """Answers may have some rows for each of so many components."""
        self.most = max(self.most, count * _PER_COMPONENT)

    def for_history(self) -> None:
        """Answers may be the history of weeks, which a person has asked for."""
        self.most = _HISTORY

    def close(self) -> None:
        self._connection.close()

    def _execute(self, sql: str, params: Sequence[Any]) -> Any:
        self.statements += 1
        self.said += [value for value in params if type(value) is Text]
        try:
            return self._cursor(sql, params)
        except self._errors as error:
            raise self._store_error(error) from error

    def _store_error(self, error: Exception) -> StoreError:
        text = " ".join(str(error).split()) or type(error).__name__
        return Failure(self.where, redact(text), getattr(error, "sqlite_errorname", None) in _DAMAGED)

    def _rollback(self) -> None:
        try:
            self._execute("ROLLBACK", ())
        except StoreError:
            return  # the connection is gone, and the transaction with it

    def _cursor(self, sql: str, params: Sequence[Any]) -> Any:
        raise NotImplementedError


class SQLite(Database):
    """SQLite in a file of mode 0600. WAL lets readers (`status`) and the one writer work at once."""

    dialect = "sqlite"
    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path, timeout: float, *, sole: bool = False) -> None:
        """`sole`: nobody else has it open. Then it can be read on a full disk too, where there is no room for the file
        that processes share."""
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
            raise Failure(str(path), error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise self._store_error(error) from error

    def _cursor(self, sql: str, params: Sequence[Any]) -> Any:
        return self._connection.execute(sql, params)


class Postgres(Database):
    """PostgreSQL, every wait bounded on this side too: a server that is stopped with its sockets open would otherwise
    hold the pass for ever. Inside a transaction the server gives up by itself a little earlier, and it ends the
    transaction of a client that froze or was cut off: what it holds would otherwise be lost to all other hosts."""

    dialect = "postgres"

    def __init__(self, dsn: str, timeout: float) -> None:
        from heartbeat_cli.postgres import libpq
        from heartbeat_cli.store.sql import timestamps

        self.where = redact(dsn)
        self._timeout = timeout
        try:
            session = libpq.connect(dsn, deadline=time.monotonic() + timeout, writes=True)
        except libpq.Trouble as trouble:
            raise StoreError(f"store {self.where}: {trouble.text}") from trouble
        self.server = session.where
        self._idle = _idle(timeout, session.version)
        self.begin = self._begin(timeout, timeout)
        session.read_as(timestamps.OID, "EPOCH", timestamps.epoch)
        super().__init__(session, libpq.Trouble)
        self._unreadable = (*self._unreadable, libpq.driver().Error)
        self._sql: dict[str, str] = {}

    @contextmanager
    def unhurried(self, seconds: float, most: int | None = None) -> Iterator[None]:
        """Locks are waited for no longer than ever."""
        usual = self._timeout, self.begin
        self._timeout, self.begin = seconds, self._begin(seconds, self._timeout)
        try:
            with super().unhurried(seconds, most):
                yield
        finally:
            self._timeout, self.begin = usual

    def rows_on_time(self, select: str, rest: str, params: Sequence[Any] = ()) -> list[Row]:
        asked = time.time()
        rows = self.rows(f"{select}, clock_timestamp() {rest}", params)
        if rows:
            # It was read between these two moments: only what lies outside of them is a difference.
            there, answered = rows[0][-1], time.time()
            if not isinstance(there, float) or not math.isfinite(there):
                raise Failure(self.where, "sent a clock that cannot be read")
            self.ahead = float(int(there - min(max(there, asked), answered)))
        return [row[:-1] for row in rows]

    def in_turn(self, lock: int, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """In one round trip. Whoever has the turn is at work, and no sign of a store that hangs: it is waited for
        longer than for a statement, and that is not charged to the patience."""
        usual, longer = _limits(self._timeout, self._timeout), _limits(self._timeout * _TURN, self._timeout * _TURN)
        with self.unhurried(self._timeout * _TURN):
            return self.rows(f"{longer}; SELECT pg_advisory_xact_lock({lock}); {usual}; {sql}", params)

    def _begin(self, statement: float, lock: float) -> str:
        return f"BEGIN; {_limits(statement, lock)}; {self._idle}"

    def _cursor(self, sql: str, params: Sequence[Any]) -> Any:
        text = self._sql.setdefault(sql, sql.replace("?", "%s"))
        begun = time.monotonic()
        if self.patience is not None and self.patience <= 0:
            raise Failure(
                self.where, f"too slow: {self.statements - 1} statements used up the time there is; {_TOO_SLOW}"
            )
        self._connection.most = self.most
        try:
            return self._connection.execute(text, params or None, deadline=begun + self._timeout)
        finally:
            if self.patience is not None:
                self.patience -= time.monotonic() - begun


def _idle(timeout: float, version: int) -> str:
    """What ends a transaction whose client is silent between two statements, or takes no more of an answer."""
    milliseconds = int(max(_IDLE * timeout, _LEAST_IDLE) * 1000)
    names = ["idle_in_transaction_session_timeout", *(["tcp_user_timeout"] if version >= _WITH_TCP_TIMEOUT else [])]
    return "; ".join(f"SET LOCAL {name} = {milliseconds}" for name in names)


def _limits(statement: float, lock: float) -> str:
    times = (("statement", statement), ("lock", lock))
    return "; ".join(f"SET LOCAL {name}_timeout = {max(1, int(seconds * 900))}" for name, seconds in times)


def marks(values: Sequence[object]) -> str:
    """A `?` for each of the values."""
    return ", ".join("?" for _ in values)


def connect(url: str, timeout: float) -> Database:
    """Open the store at `url`. Raises StoreError with one plain line when that cannot be done in `timeout` seconds."""
    if url.startswith("sqlite:///"):
        return SQLite(Path(url.removeprefix("sqlite:///")).expanduser(), timeout)
    return Postgres(url, timeout)
