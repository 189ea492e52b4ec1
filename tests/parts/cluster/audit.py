"""What was written to a store, in its order and with the real times, by triggers in the database: which transaction, of
which host, when it began, and what it could see."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

import psycopg2

_TABLES = ("heartbeat_looks", "heartbeat_state", "heartbeat_incidents", "heartbeat_recoveries")
_MAKE = """
CREATE TABLE audit (seq bigserial PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot(), begun timestamptz NOT NULL DEFAULT now(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(), who text NOT NULL DEFAULT current_setting('application_name'),
    what text NOT NULL, row jsonb NOT NULL);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit (what, row) VALUES (TG_TABLE_NAME, to_jsonb(NEW) - 'evidence' - 'memory' - 'history');
    RETURN NULL; END $$;
"""


class Written(NamedTuple):
    """A row as it was written, by whose transaction. Times are epoch seconds, by the server's clock."""

    seq: int
    xid: int
    snapshot: str
    begun: float
    at: float
    who: str
    what: str
    row: dict[str, Any]

    def sees(self, other: "Written") -> bool:
        """Whether what `other` wrote was visible when this was written."""
        first, end, running = self.snapshot.split(":")
        if other.xid >= int(end):
            return False
        return other.xid < int(first) or str(other.xid) not in running.split(",")


def begin(dsn: str) -> None:
    """Let everything that is written from now on be recorded; the tables must be there."""
    on = "".join(
        f"CREATE TRIGGER audit AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION audit();"
        for table in _TABLES
    )
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection, connection.cursor() as cursor:
        cursor.execute(_MAKE + on)
        connection.commit()


def written(dsn: str) -> list[Written]:
    """All of it, in order."""
    sql = (
        "SELECT seq, xid::text::bigint, snapshot::text, extract(epoch FROM begun)::float8,"
        " extract(epoch FROM at)::float8, who, what, row FROM audit ORDER BY seq"
    )
    return [Written(*row) for row in rows(dsn, sql)]


def rows(dsn: str, sql: str) -> Sequence[Any]:
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def moment(text: str | None) -> float | None:
    """A time in `row`, as epoch seconds."""
    return None if text is None else datetime.fromisoformat(text).timestamp()
