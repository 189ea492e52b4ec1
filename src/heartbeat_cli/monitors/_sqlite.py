"""One query of an SQLite file, which is opened for reading only, and only where no other user can exchange it, or put
files beside it: SQLite takes what has the name of its `-wal`, `-shm` or `-journal` for its own."""

import os
import sqlite3
import stat
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.kinds.sql_errors import of_sqlite
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _sql_rows
from heartbeat_cli.system import trusted

_SIDES = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file
_STEPS = 10_000  # instructions of SQLite's machine between two looks at the clock: some microseconds
_BUSY_SHARE = 0.9  # of the time left that a lock is waited for
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})


def read(dsn: str, query: str, deadline: float, *, most_bytes: int, most_rows: int) -> _sql_rows.Table:
    """The rows, by the deadline (time.monotonic()). Raises `Failed`, or Unobservable where heartbeat cannot or must not
    read the file."""
    path = os.path.expanduser(dsn.removeprefix(_sql_rows.SQLITE))
    path = (
        path if path.startswith("/") else f"/{path}"
    )  # one slash more or less: there is no folder that it could be in
    begun = time.monotonic()
    _check(path)
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=ro",
        timeout=max(0.05, (deadline - begun) * _BUSY_SHARE),
        isolation_level=None,
        uri=True,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        asked = time.monotonic()
        cursor = connection.execute(query)
        rows = _fetched(cursor, most_bytes, most_rows)
        columns = tuple(str(column[0]) for column in cursor.description or ())
        return _sql_rows.table(columns, rows, most_rows, begun, asked)
    except sqlite3.Error as error:
        raise _trouble(path, error, begun) from None
    finally:
        connection.close()


def _check(path: str) -> None:
    """The path is looked at, and the file not opened: to close it would end every lock that this process has on it,
    and it may be heartbeat's own store."""
    shown = one_line(path)
    try:
        trusted.check(path)
        real = os.path.realpath(path)  # its other files are beside what a link leads to
        trusted.check_alone(os.path.dirname(real))
        for side in _SIDES:  # one may be left from when the folder was open to others
            with suppress(FileNotFoundError):
                trusted.check(f"{real}{side}")
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unobservable(Text("{path} is not a regular file", path=shown))
    except FileNotFoundError:
        text = Text("there is no file {path}", path=shown)
        raise _sql_rows.Failed(Reading("error", None, text, category="configuration")) from None
    except OSError as error:
        why = one_line(error.strerror or str(error))
        raise Unobservable(Text("cannot read {path}: {why}", path=shown, why=why)) from None


def _authorize(action: int, *_details: object) -> int:
    """Nothing but reading: no ATTACH, no PRAGMA, no transaction, no extension."""
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _fetched(cursor: sqlite3.Cursor, most_bytes: int, most_rows: int) -> list[tuple[Any, ...]]:
    """At most one row more than `most_rows`. Raises Unobservable for more bytes than there may be."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if size > most_bytes:
            raise Unobservable(Text("the query gives more than {n:,} bytes", n=most_bytes))
        rows.append(row)
        if len(rows) > most_rows:
            break
    return rows


def _trouble(path: str, error: sqlite3.Error, begun: float) -> _sql_rows.Failed:
    said = one_line(str(error))
    name = getattr(error, "sqlite_errorname", "")
    text = Text("{path}: {said}", path=one_line(path), said=said)
    return _sql_rows.failed(of_sqlite(name, said), text, time.monotonic() - begun)
