"""A store's server that answers nonsense costs no pass: where need be the spool takes over, and the reason is said."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from heartbeat_cli.store.sql.database import DatabaseError, connect
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres import execute
from tests.parts.stores import store_url  # noqa: F401 - a fixture
from tests.parts.verb import from_nothing, heartbeat

_SETTINGS = ("watched", "clock", "tidied", "shared", "sights", "steps", "answers", "blind", "store/moved", "pause")
_NO_CLOCK = """
    CREATE SCHEMA lies;
    CREATE FUNCTION lies.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
"""
_KEEPS_NOTHING = """
    CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER nothing BEFORE INSERT ON heartbeat_observers FOR EACH ROW EXECUTE FUNCTION nothing();
"""


@pytest.mark.postgres
@pytest.mark.parametrize("lie", [_NO_CLOCK, _KEEPS_NOTHING], ids=["no clock", "keeps nothing"])
def test_the_pass_is_made_all_the_same(database_with_tables: str, tmp_path: Path, lie: str) -> None:
    execute(database_with_tables, lie)
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{database_with_tables}"\nstate_dir = "{tmp_path}/state"\n'
        '[components.well]\nkind = "command"\ncommand = ["true"]\n'
    )
    done = from_nothing(tmp_path, "run", "-v", PGOPTIONS="-c search_path=public,lies,pg_catalog")
    assert done.code == 0 and "checked 1 of 1" in done.err, done
    assert ("does not hold what was just written to it; going on with" in done.err) == (lie == _KEEPS_NOTHING)


_NONSENSE = ("null", "x", "7", "[null]", "[[[[1]]]]", '{"a": []}', "[1e999, 1e999, 0, null]")


@pytest.mark.parametrize("nonsense", _NONSENSE)
def test_rows_that_no_heartbeat_writes_stop_no_pass(store_url: str, tmp_path: Path, nonsense: str) -> None:  # noqa: F811
    """Another host of the store, or whoever may write there: else one row would blind every host that shares it, and
    by way of the mirror even after it has been mended."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\n'
        '[components.job]\nkind = "push"\nperiod = 60\n'
        '[channels.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n'
    )
    for words in (["run"], ["beat", "job"], ["run"]):
        assert heartbeat(tmp_path, *words).code == 0
    names = [f"{one}/{host}" for one in _SETTINGS for host in ("me", "you")] + ["doubts", "channels/you/heartbeat.toml"]
    db = connect(store_url, 5)
    try:
        db.run("UPDATE heartbeat_settings SET value = ? WHERE name <> 'store/id'", (nonsense,))
        db.insert(
            "INSERT INTO heartbeat_settings (name, value)", "(?, ?)", [(one, nonsense) for one in names],
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )  # fmt: skip
        db.run("UPDATE heartbeat_looks SET memory = ?, evidence = ?", (nonsense, nonsense))
        db.run("UPDATE heartbeat_alert_rows SET details = ?", (nonsense,))
    finally:
        db.close()
    for words in (["beat", "job"], ["run"], ["run"], ["detect"]):
        done = heartbeat(tmp_path, *words)
        assert done.code == 0 and "going on with" not in done.err, (words, done)
    assert heartbeat(tmp_path, "status").code == 1, "one is in fault"


@pytest.mark.parametrize("name", ["../../../../tmp/x", "a/b", "x" * 300, "\n"])
def test_an_identity_that_is_no_name_of_a_file_stops_no_pass(store_url: str, tmp_path: Path, name: str) -> None:  # noqa: F811
    """Files of the state folder bear it in their names."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    db.run("UPDATE heartbeat_settings SET value = ? WHERE name = 'store/id'", (name,))
    db.close()
    for _ in range(2):
        assert heartbeat(tmp_path, "run") == (0, "", "")


_VERBS = (
    ["beat", "job"],
    ["run"],
    ["run"],
    ["status"],
    ["alerts"],
    ["report", "--date", "today"],
    ["dashboard", "-o", "page.html"],
    ["metrics"],
)


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server() as one:
        yield one


@pytest.mark.postgres
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC"])
def test_moments_that_no_calendar_has_stop_nothing(
    database_with_tables: str, tmp_path: Path, server: Server, moment: str
) -> None:
    # A channel that takes nothing, and whose next try is far: a run does not wait for it.
    server.answer = Answer(503, headers=(("Retry-After", "3600"),))
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{database_with_tables}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\n'
        '[components.job]\nkind = "push"\nperiod = 60\n'
        f'[channels.hook]\nkind = "webhook"\nurl = "{server.url}"\n'
        '[dashboard]\ninterval = 0\n[status_page]\nfile = "status.html"\n'
    )
    for words in (["run"], ["beat", "job"], ["silence", "job"], ["run"]):
        assert heartbeat(tmp_path, *words).code == 0
    db = connect(database_with_tables, 5)
    columns = db.rows(
        "SELECT table_name, column_name FROM information_schema.columns JOIN pg_class ON relname = table_name"
        " WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'"
        " AND relkind = 'r' AND NOT relispartition"
    )
    assert len(columns) > 10
    failed = []
    for table, column in columns:
        one = f"(SELECT ctid FROM {table} LIMIT 1)"
        with suppress(DatabaseError):  # of a key there is one already
            db.run(f"UPDATE {table} SET {column} = '{moment}' WHERE ctid = {one}")
        for words in _VERBS:
            done = heartbeat(tmp_path, *words)
            if done.code not in (0, 1) or "going on with" in done.err:
                failed.append(f"{table}.{column} {words}: {done.err[-300:]}")
    db.close()
    assert not failed, "\n".join(failed)


_ROWS = {
    "an endless start": "UPDATE heartbeat_incidents SET started = 'infinity'",
    "an acknowledgement in a far year": "UPDATE heartbeat_incidents SET acked = '20000-01-01'",
    "a state since before Christ": "UPDATE heartbeat_state SET since = '0044-03-15 BC'",
    "an endless answer": "UPDATE heartbeat_looks SET response_time = 'Infinity'",
    "no number": "UPDATE heartbeat_looks SET response_time = 'NaN'",
}


@pytest.mark.postgres
@pytest.mark.parametrize("row", _ROWS.values(), ids=_ROWS)
def test_nor_do_they_where_the_store_is_away_afterwards(database_with_tables: str, tmp_path: Path, row: str) -> None:
    """The mirror has them, and the spool starts from that."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{database_with_tables}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["sh", "-c", "exit 2"]\nfail_threshold = 1\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n[dashboard]\nfile = "page.html"\ninterval = 0\n'
    )
    for _ in range(2):
        assert heartbeat(tmp_path, "run").code == 0
    db = connect(database_with_tables, 5)
    assert db.run(row) == 1
    done = heartbeat(tmp_path, "run")
    assert done.code == 0 and "going on with" not in done.err, done
    db.run("ALTER TABLE heartbeat_settings RENAME TO elsewhere")
    db.close()
    (tmp_path / "page.html").unlink()
    for words in (["run"], ["run"], ["status"]):
        done = heartbeat(tmp_path, *words)
        assert done.code in (0, 1) and "internal error" not in done.err, (words, done)
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    "outages", ["[[1e300, 1e300, 1e300]]", "[[-1e12, 1, 1]]", "[[253402300800, 1, 1]]", "[[[]]]", "7"]
)
def test_outages_at_moments_that_no_calendar_has_stop_nothing(store_url: str, tmp_path: Path, outages: str) -> None:  # noqa: F811
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["sh", "-c", "exit 2"]\nfail_threshold = 1\n'
        '[channels.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n'
        '[dashboard]\ninterval = 0\n[status_page]\nfile = "status.html"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    assert db.run("UPDATE heartbeat_incidents SET relapses = ?", (outages,)) == 1
    db.close()
    (tmp_path / "status.html").unlink()
    for words in (
        ["run"],
        ["status"],
        ["report", "--date", "today", "--format", "json"],
        ["dashboard", "-o", "page.html"],
    ):
        done = heartbeat(tmp_path, *words)
        assert done.code in (0, 1) and "going on with" not in done.err, (words, done)
    assert "1 component is down" in (tmp_path / "status.html").read_text()
