"""The store in PostgreSQL; `database.connect` loads this for such an address."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql.database import TOO_SLOW, Database, DatabaseError, Params, Row

_MISSHAPEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
# Classes of SQLSTATE (PostgreSQL's manual, appendix A): cardinality violation, data exception, integrity constraint.
_VALUES_REFUSED = ("21", "22", "23")
_LONGEST = 300  # characters of that error
_LOCK_TIMEOUTS = 3.0  # times the timeout: how long a lock that all hosts share is waited for


class Postgres(Database):
    """PostgreSQL, every wait bounded on this side too: a stopped server with open sockets would hold the pass for ever.
    The server gives up a little earlier, and ends the transaction of a client that froze: it would lock others out."""

    dialect = "postgres"

    def __init__(self, dsn: str, timeout: float) -> None:
        from heartbeat_cli.postgres import casts, libpq
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
        session.read_as((postgres_session.TIMESTAMPTZ,), "EPOCH", postgres_session.epoch_seconds)
        session.read_as(casts.NUMBERS, "FIGURE", postgres_session.figure)
        super().__init__(session, libpq.Trouble)
        self._unreadable = casts.unreadable()
        self._codec = postgres_session.codec(session.encoding)
        self.other_encoding = session.encoding if session.encoding != "UTF8" else ""
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

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Tables belong to whoever owns the database: the type of a column may be another by now."""
        try:
            yield
        except _MISSHAPEN as error:
            why = f"{type(error).__name__}: {error}"
            said = f"holds what heartbeat cannot read: {why}; was a table altered? If not, please report it"
            raise DatabaseError(self.where, redact(one_line(said, _LONGEST))) from error

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

    def _damaged_or_refused(self, error: Exception) -> tuple[bool, bool]:
        return False, (getattr(error, "code", None) or "")[:2] in _VALUES_REFUSED

    def _begin(self, statement: float, lock: float) -> str:
        return f"BEGIN; {_timeout_settings(statement, lock)}; {self._idle}"

    def _cursor(self, sql: str, params: Params) -> Any:
        text = self._sql.get(sql)
        if text is None:
            text = self._sql[sql] = self._driver_sql(sql, isinstance(params, Mapping))
        if self._codec is not None:
            from heartbeat_cli.store.sql import postgres_session

            params = postgres_session.encodable(params, self._codec)
        begun = time.monotonic()
        if self.time_left is not None and self.time_left <= 0:
            raise DatabaseError(
                self.where, f"too slow: {self.statements - 1} statements used up the time there is; {TOO_SLOW}"
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
