"""What the error of a query means for what is watched. Pure.

PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
SQLite: https://www.sqlite.org/rescode.html
"""

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.kinds.postgres_health import category_of_error
from heartbeat_cli.domain.record import Record

_MISSING = frozenset({"42P01", "42703", "42883", "42704", "3F000", "3D000"})  # table, column, function, type, schema
# What is wrong with the query itself, or what this role may not do: data (22), sizes (54), syntax and rights (42),
# writing (25006), what this server cannot (0A).
_OURS = ("0A", "22", "25", "42", "54")
_CANCELED, _LOCKED = "57014", "55P03"


class ErrorVerdict(Record):
    """`unknown`: the query cannot be made, which says nothing about what it asks for."""

    status: Status
    category: Category | None = None


def of_postgres(code: str | None, text: str) -> ErrorVerdict:
    """The verdict on an error that a server gave to the query, by its SQLSTATE. None: it gave none, but more than was
    wanted, or what cannot be read."""
    if code is None:
        return ErrorVerdict("unknown")
    if code in _MISSING:
        return ErrorVerdict("unhealthy", "configuration")
    if code == _CANCELED:
        return ErrorVerdict("error", "resource")
    if code == _LOCKED:
        return ErrorVerdict("error", "dependency")
    if code[:2] in _OURS:
        return ErrorVerdict("unknown")
    return ErrorVerdict("unhealthy", category_of_error(code, text) or "dependency")


def of_sqlite(name: str, text: str) -> ErrorVerdict:
    """The verdict on an error of SQLite, by the name of its result code (`SQLITE_BUSY`) and its text: a missing table
    has the general code SQLITE_ERROR, as has a wrong word."""
    if text.startswith(("no such table", "no such column", "no such function", "no such view")):
        return ErrorVerdict("unhealthy", "configuration")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ErrorVerdict("error", "dependency")
    if name == "SQLITE_INTERRUPT":
        return ErrorVerdict("error", "resource")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_IOERR", "SQLITE_FULL")):
        return ErrorVerdict("unhealthy", "resource")
    if name == "SQLITE_NOTADB":
        return ErrorVerdict("unhealthy", "configuration")
    return ErrorVerdict("unknown")
