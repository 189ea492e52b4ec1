"""Sources in PostgreSQL or SQLite: a query that gives one number, in a read-only transaction."""

from heartbeat_cli.domain.kinds.value_checks import as_number, shown
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _sql
from heartbeat_cli.monitors._sources import SqlSource
from heartbeat_cli.monitors._sql_rows import Failed

_MOST_BYTES = 65_536  # of an answer that should be one number
_MOST_ROWS = 1_000


def problems(source: SqlSource) -> list[tuple[str, str]]:
    """What is wrong with a source, as (key, text)."""
    return _sql.problems(source.dsn, source.query)


def host_of(source: SqlSource) -> str | None:
    """The (first) host of its connection string."""
    return _sql.host_of(source.dsn)


def read(source: SqlSource, deadline: float) -> float:
    """The number, by the deadline (time.monotonic()). Raises Unobservable."""
    try:
        found = _sql.read(source.dsn, source.query, deadline, most_bytes=_MOST_BYTES, most_rows=_MOST_ROWS)
    except Failed as failed:
        raise Unobservable(failed.reading.error) from None
    rows = found.rows
    if len(rows) != 1 or len(rows[0]) != 1:
        columns = len(rows[0]) if rows else 1
        text = Text("the query gives {n} rows of {columns} columns, not one number", n=len(rows), columns=columns)
        raise Unobservable(text)
    number = as_number(rows[0][0])
    if number is None:
        said = "NULL" if rows[0][0] is None else shown(str(rows[0][0]))
        raise Unobservable(Text("the query gives {value}, not a number", value=said))
    return number
