"""Sources in PostgreSQL: a query that gives one number, in a read-only transaction."""

from heartbeat_cli.domain.kinds.postgres_health import host_of_dsn
from heartbeat_cli.domain.kinds.value_checks import as_number, shown
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._sources import SqlSource

_MOST_BYTES = 65_536  # of an answer that should be one number
_NUMERIC = 1700  # pg_type.oid of numeric, which is what sum(bigint) gives


def problems(source: SqlSource) -> list[tuple[str, str]]:
    """What is wrong with a source, as (key, text)."""
    found = []
    if not source.dsn.strip():
        found.append(("dsn", 'expected a connection string such as "postgresql://user@host/database", got nothing'))
    if not source.query.strip(" \t\r\n;"):
        found.append(("query", "is empty; expected one SELECT"))
    elif ";" in source.query.rstrip(" \t\r\n;"):
        found.append(("query", "must be one statement, without a semicolon in it"))
    return found


def host_of(source: SqlSource) -> str | None:
    """The (first) host of its connection string."""
    return host_of_dsn(source.dsn)


def read(source: SqlSource, deadline: float) -> float:
    """The number, by the deadline (time.monotonic()). Raises Unobservable."""
    from heartbeat_cli.postgres import libpq

    query = source.query.rstrip(" \t\r\n;").replace("%", "%%")  # the driver puts values in the places of %s
    try:
        with libpq.connect(source.dsn, deadline=deadline) as session:
            session.most = _MOST_BYTES
            session.read_as(_NUMERIC, "NUMERIC", lambda text, _cursor: None if text is None else float(text))
            rows = session.bounded_rows(query, deadline=deadline)
    except libpq.Trouble as trouble:
        raise Unobservable(trouble.text) from None
    if len(rows) != 1 or len(rows[0]) != 1:
        columns = len(rows[0]) if rows else 1
        text = Text("the query gives {n} rows of {columns} columns, not one number", n=len(rows), columns=columns)
        raise Unobservable(text)
    number = as_number(rows[0][0])
    if number is None:
        said = "NULL" if rows[0][0] is None else shown(str(rows[0][0]))
        raise Unobservable(Text("the query gives {value}, not a number", value=said))
    return number
