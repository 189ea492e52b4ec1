"""One query of PostgreSQL or SQLite, read-only and bounded in time, bytes and rows; for the kind `sql` and sources."""

import re
import time
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.kinds.postgres_health import host_of_dsn
from heartbeat_cli.domain.kinds.sql_errors import of_postgres
from heartbeat_cli.monitors._sql_rows import SQLITE, Failed, Table, failed, table

_READING = frozenset({"select", "with", "values", "table", "show"})


def problems(dsn: str, query: str) -> list[tuple[str, str]]:
    """What is wrong with a connection string and a query, as (key, text)."""
    found = []
    scheme, _, rest = dsn.partition("://")
    if not dsn.strip():
        found.append(("dsn", 'expected a connection string such as "postgresql://user@host/database", got nothing'))
    elif scheme == "sqlite" and (not dsn.startswith((f"{SQLITE}/", f"{SQLITE}~")) or not rest.strip("/ ")):
        path = rest.strip("/ ") or "var/lib/app/app.db"
        found.append(("dsn", f"expected an absolute path: {SQLITE}/{path} (four slashes)"))
    elif rest and scheme.isalpha() and scheme not in ("postgresql", "postgres", "sqlite"):
        found.append(("dsn", "expected postgresql://… or sqlite:////path"))
    if not query.strip(" \t\r\n;"):
        found.append(("query", "is empty; expected one SELECT"))
    elif ";" in query.rstrip(" \t\r\n;"):
        found.append(("query", "must be one statement, without a semicolon in it"))
    elif (first := _first_word(query)).lower() not in _READING:
        got = first[:30].upper() or "something else"
        found.append(("query", f"expected one SELECT, got {got}; the query runs in a read-only transaction"))
    return found


def _first_word(query: str) -> str:
    """The first word of a statement, after comments and parentheses."""
    found = re.match(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*(\w*)", query)
    return found[1] if found else ""


def host_of(dsn: str) -> str | None:
    """The (first) host of a connection string; None for a file."""
    return None if dsn.startswith(SQLITE) else host_of_dsn(dsn)


def read(dsn: str, query: str, deadline: float, *, most_bytes: int, most_rows: int) -> Table:
    """The rows, by the deadline (time.monotonic()). Raises Failed, or Unobservable where heartbeat cannot ask."""
    query = query.rstrip(" \t\r\n;")
    if dsn.startswith("sqlite:"):
        from heartbeat_cli.monitors import _sqlite

        return _sqlite.read(dsn, query, deadline, most_bytes=most_bytes, most_rows=most_rows)
    return _of_postgres(dsn, query, deadline, most_bytes, most_rows)


def _of_postgres(dsn: str, query: str, deadline: float, most_bytes: int, most_rows: int) -> Table:
    from heartbeat_cli.monitors import _postgres
    from heartbeat_cli.postgres import casts, libpq
    from heartbeat_cli.postgres.driver import driver

    driver()  # the time it takes to load is not the server's
    begun = time.monotonic()
    try:
        session = libpq.connect(dsn, deadline=deadline)
    except libpq.Trouble as trouble:
        raise Failed(_postgres.failed(trouble, dsn, time.monotonic() - begun)) from None
    with session:
        asked = time.monotonic()
        session.most = most_bytes
        session.read_as(casts.NUMBERS, "NUMBER", casts.any_float)  # one that is not finite is judged
        session.read_as(casts.INTERVAL, "SECONDS", casts.interval_seconds)
        try:
            # The driver puts values in the places of %s.
            rows = session.bounded_rows(query.replace("%", "%%"), deadline=deadline, of_user=True)
        except libpq.Trouble as trouble:
            raise _no_answer(trouble, time.monotonic() - begun) from None
        return table(session.columns, rows, most_rows, begun, asked)


def _no_answer(trouble: Any, took: float) -> Failed:
    """A server that let heartbeat in, and then gave no rows."""
    if trouble.kind != "answered":
        category: Category = "resource" if trouble.kind == "timeout" else "dependency"
        return Failed(Reading("error", None, trouble.text, category=category))
    return failed(of_postgres(trouble.code, trouble.text), trouble.text, took)
