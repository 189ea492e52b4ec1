"""Day partitions in PostgreSQL: there when a row needs them, gone with retention, never in anybody's way."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.history import passes, retention
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.partitions import drop_before, ensure_day
from tests.parts.postgres import Server, session
from tests.parts.stores import opened

pytestmark = pytest.mark.postgres
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
MAIN = {"main": Component("main", "agent", None)}


@pytest.fixture
def pg(database: str) -> Iterator[Database]:
    db = opened(database)
    yield db
    db.close()


def look(db: Database, at: float) -> None:
    reading = Reading("healthy", 0.1, metrics=(Metric("m", 1.0),))
    passes.save(db, Pass(f"here@{at}", "here", at, at), {"main": reading}, MAIN)


def partitions(db: Database, table: str = "heartbeat_log") -> list[str]:
    rows = db.rows(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(?) ORDER BY 1",
        (table,),
    )
    return [str(row[0]) for row in rows]


def test_a_day_is_a_utc_day_to_the_last_microsecond(pg: Database) -> None:
    for at in (MIDNIGHT - 0.000001, MIDNIGHT, MIDNIGHT + 86_399.999999, MIDNIGHT + 86_400):
        look(pg, at)
    days = ["20261121", "20261122", "20261123"]
    assert partitions(pg) == [f"heartbeat_log_{day}" for day in days]
    assert partitions(pg, "heartbeat_samples") == [f"heartbeat_samples_{day}" for day in days]
    counts = [pg.rows(f"SELECT count(*) FROM heartbeat_log_{day}")[0][0] for day in days]
    assert counts == [1, 2, 1]


@pytest.mark.parametrize("zone", ["Asia/Hong_Kong", "America/New_York"])
def test_the_session_s_time_zone_does_not_move_the_days(pg: Database, zone: str) -> None:
    pg.run(f"SET TimeZone = '{zone}'")
    look(pg, MIDNIGHT + 1)
    look(pg, MIDNIGHT - 1)
    assert partitions(pg) == ["heartbeat_log_20261121", "heartbeat_log_20261122"]


def test_a_pass_of_long_ago_or_of_a_wrong_clock_finds_its_day(pg: Database) -> None:
    for at in (MIDNIGHT, 0.0, 4_102_444_800.0, MIDNIGHT - 400 * 86_400):
        look(pg, at)
    assert len(partitions(pg)) == 4
    assert pg.rows("SELECT count(*) FROM heartbeat_logs") == [(4,)]


def test_a_reader_who_keeps_a_transaction_open_stops_nothing_at_midnight(pg: Database, database: str) -> None:
    look(pg, MIDNIGHT - 30)
    with session(database, "SELECT * FROM heartbeat_logs", "SELECT * FROM system_metrics"):
        look(pg, MIDNIGHT + 30)
    assert pg.rows("SELECT count(*) FROM heartbeat_logs") == [(2,)]


def test_partitions_have_the_parent_s_index(pg: Database) -> None:
    look(pg, MIDNIGHT)
    rows = pg.rows("SELECT indexdef FROM pg_indexes WHERE tablename = 'heartbeat_log_20261122'")
    assert len(rows) == 1 and "USING brin (at)" in rows[0][0]


def test_whole_days_are_dropped_and_the_day_of_the_limit_stays(pg: Database) -> None:
    for day in range(5):
        look(pg, MIDNIGHT + day * 86_400)
    assert drop_before(pg, "heartbeat_log", MIDNIGHT + 2 * 86_400 + 3600) == 2
    assert partitions(pg) == [f"heartbeat_log_2026112{day}" for day in (4, 5, 6)]
    look(pg, MIDNIGHT)  # and may come back
    assert len(partitions(pg)) == 4


# What the manuals of TimescaleDB and Citus demand of a table, in functions of the names of theirs, which do no more.
_DEMANDS = """
CREATE FUNCTION demand(relation regclass, kind "char", wanted text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place smallint := attnum FROM pg_attribute WHERE attrelid = relation AND attname = wanted;
BEGIN
    ASSERT kind = (SELECT relkind FROM pg_class WHERE oid = relation), relation || ' is partitioned, or is not';
    ASSERT place IS NOT NULL, relation || ' has no column ' || wanted;
    ASSERT NOT EXISTS (SELECT 1 FROM pg_index WHERE indrelid = relation AND indisunique AND NOT place = ANY (indkey)),
        'a unique index of ' || relation || ' lacks ' || wanted;
END $$;
CREATE FUNCTION by_range(wanted text, step interval) RETURNS text LANGUAGE sql AS 'SELECT wanted';
CREATE FUNCTION create_hypertable(relation regclass, wanted text, create_default_indexes boolean) RETURNS void
    LANGUAGE sql AS $$ SELECT demand(relation, 'r', wanted) $$;
CREATE FUNCTION create_distributed_table(relation regclass, wanted text, colocate_with regclass DEFAULT NULL)
    RETURNS void LANGUAGE sql AS $$ SELECT demand(relation, 'p', wanted) $$;
CREATE FUNCTION create_reference_table(relation regclass) RETURNS regclass LANGUAGE sql AS 'SELECT relation';
"""


def statements(number: int) -> str:
    """A block of docs/recipes/large-stores.md."""
    text = (Path(__file__).parents[3] / "docs/recipes/large-stores.md").read_text()
    return text.split("```sql\n")[1 + number].split("```")[0]


def test_what_citus_distributes_may_be_distributed(pg: Database) -> None:
    look(pg, MIDNIGHT)
    pg.run(_DEMANDS)
    pg.run(statements(1))
    with pytest.raises(StoreError, match="a unique index of heartbeat_pass_rows lacks looks"):
        pg.run("SELECT create_hypertable('heartbeat_pass_rows', 'looks', FALSE)")
    look(pg, MIDNIGHT + 86_400)
    assert pg.rows("SELECT count(*) FROM heartbeat_logs") == [(2,)]


def test_a_table_that_somebody_put_in_its_place_is_used_as_it_is(pg: Database) -> None:
    """A hypertable looks like any table to SQL, and takes no partitions."""
    look(pg, MIDNIGHT)
    pg.run(_DEMANDS)
    pg.run(statements(0))
    look(pg, MIDNIGHT + 86_400)
    assert pg.rows("SELECT count(*) FROM heartbeat_logs") == pg.rows("SELECT count(*) FROM system_metrics") == [(2,)]
    assert partitions(pg) == []
    assert drop_before(pg, "heartbeat_log", MIDNIGHT + 3600) == 1
    assert pg.rows("SELECT count(*) FROM heartbeat_log") == [(1,)]


def test_years_of_days_are_dropped_with_few_locks() -> None:
    """A transaction that drops them all would lock each: the server has a table for that, and it is full at a thousand
    days or so. Here it is small, and 200 days are too many."""
    with Server(settings={"max_locks_per_transaction": "10", "max_connections": "10"}) as server:
        db = opened(server.dsn())
        for day in range(200):
            with db.transaction():
                ensure_day(db, MIDNIGHT - day * 86_400)
        assert retention.prune(db, Retention(), MIDNIGHT)
        assert len(partitions(db)) == len(partitions(db, "heartbeat_samples")) + 60 == 91
        db.close()
