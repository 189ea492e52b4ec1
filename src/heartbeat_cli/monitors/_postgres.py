"""What it means that a PostgreSQL server did not answer as it should; for the kinds `database` and `sql`."""

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.kinds import postgres_health
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.postgres import libpq


def failed(trouble: libpq.Trouble, dsn: str, took: float) -> Reading:
    """The reading of a check that failed after `took` seconds. Raises Unobservable where this DSN does not get in: that
    is no failure of the server."""
    if trouble.kind == "login":
        raise Unobservable(trouble.text) from None
    if trouble.kind == "answered":
        category = postgres_health.category_of_error(trouble.code, trouble.text)
        return Reading("unhealthy", took, trouble.text, category=category)
    from heartbeat_cli.postgres.silence import nobody_listens

    certain = trouble.kind == "connect" and nobody_listens(dsn)
    return Reading("error", None, trouble.text, certain=certain)
