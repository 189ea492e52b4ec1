"""Tables that somebody altered under a running heartbeat: they belong to whoever owns the database. A pass goes on with
the spool, says where and what, and what it saw is in the store once the table is as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.store.sql.database import Database, connect
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.verb import heartbeat

_ALTERED = (
    ("heartbeat_looks", "at", "text USING 'x'"),
    ("heartbeat_looks", "memory", "integer USING 7"),
    ("heartbeat_settings", "value", "boolean USING true"),
    ("heartbeat_settings", "value", "json USING '[1]'"),
    ("heartbeat_outbox", "note", "bytea USING 'x'::bytea"),
    ("heartbeat_recoveries", "detail", "integer USING 7"),
)

_VERBS = (
    *(["status"], ["check"], ["alerts"], ["report"], ["ack"], ["silence"], ["observers"], ["metrics"], ["doctor"]),
    *(["replay"], ["strategy"], ["dashboard", "-o", "page.html"], ["recover", "--dry-run"], ["beat", "job"]),
    *(["ack", "bad"], ["silence", "bad", "--for", "1"]),
)


@pytest.fixture
def db(database_with_tables: str, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{database_with_tables}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["sh", "-c", "exit 2"]\nfail_threshold = 1\ninterval = 0.01\n'
        '[components.job]\nkind = "push"\nperiod = 60\n'
        '[channels.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n'
    )
    for words in (["run"], ["beat", "job"], ["run"]):
        assert heartbeat(tmp_path, *words).code == 0
    opened = connect(database_with_tables, 5)
    yield opened
    opened.close()


@pytest.mark.postgres
@pytest.mark.parametrize("column", ["heartbeat_beats.exit_code", "heartbeat_state.grace_looks"])
def test_a_number_that_sqlite_cannot_hold_ends_no_pass_without_the_store(
    db: Database, tmp_path: Path, column: str
) -> None:
    """The mirror has it, and the spool starts from that."""
    table, _, name = column.partition(".")
    db.run(f"ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT, ALTER COLUMN {name} TYPE numeric USING 1e30")
    heartbeat(tmp_path, "run")
    db.run("ALTER TABLE heartbeat_settings RENAME TO elsewhere")
    for words in (["run"], ["beat", "job"], ["run"]):
        done = heartbeat(tmp_path, *words)
        assert done.code == 0 and "internal error" not in done.err, (words, done)


@pytest.mark.postgres
@pytest.mark.parametrize(("table", "column", "altered"), _ALTERED)
def test_a_pass_goes_on_and_nothing_is_lost(
    db: Database, tmp_path: Path, table: str, column: str, altered: str
) -> None:
    db.run(f"CREATE TABLE as_it_was (LIKE {table} INCLUDING ALL)")
    db.run(f"INSERT INTO as_it_was SELECT * FROM {table}")
    db.run(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT, ALTER COLUMN {column} TYPE {altered}")
    for words in (["run"], ["beat", "job"], ["run"]):
        done = heartbeat(tmp_path, *words)
        assert done.code == 0 and "internal error" not in done.err, (words, done)
    db.run(f"DROP TABLE {table}")
    db.run(f"ALTER TABLE as_it_was RENAME TO {table}")
    done = heartbeat(tmp_path, "run")
    assert (done.code, heartbeat(tmp_path, "run")) == (0, (0, "", "")), "whatever was kept meanwhile is in the store"
    for kept, many in (("beats", 2), ("incidents", 1), ("alert_rows", 1)):
        assert db.rows(f"SELECT count(*) FROM heartbeat_{kept}") == [(many,)], "the beat has come, no fault begun anew"


@pytest.mark.postgres
@pytest.mark.parametrize(("table", "column", "altered"), _ALTERED)
def test_no_verb_fails_internally_over_an_altered_table(
    db: Database, tmp_path: Path, table: str, column: str, altered: str
) -> None:
    db.run(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT, ALTER COLUMN {column} TYPE {altered}")
    for words in _VERBS:
        done = heartbeat(tmp_path, *words)
        assert "internal error" not in done.err, (words, done)
        said = done.out + done.err
        assert done.code < 2 or "heartbeat cannot read" in said or "postgresql" in done.err or "BAD   store" in said


@pytest.mark.postgres
def test_an_empty_value_that_was_in_the_mirror_ends_no_pass(db: Database, tmp_path: Path) -> None:
    """Neither without the store, nor with the sound store that came back from a backup, which the mirror is compared
    with."""
    db.run("CREATE TABLE settings_before AS SELECT * FROM heartbeat_settings")
    db.run("CREATE TABLE last_before AS SELECT max(started) AS at FROM heartbeat_pass_rows")
    db.run("ALTER TABLE heartbeat_settings ALTER COLUMN value DROP NOT NULL")
    db.run("INSERT INTO heartbeat_settings VALUES ('x', NULL)")
    heartbeat(tmp_path, "run")
    db.run("ALTER TABLE heartbeat_settings RENAME TO elsewhere")
    assert heartbeat(tmp_path, "run").code == 0
    db.run("ALTER TABLE elsewhere RENAME TO heartbeat_settings")
    db.run("DELETE FROM heartbeat_settings")
    db.run("INSERT INTO heartbeat_settings SELECT * FROM settings_before")
    db.run("DELETE FROM heartbeat_pass_rows WHERE started > (SELECT at FROM last_before)")
    for _ in range(2):
        assert heartbeat(tmp_path, "run").code == 0


def restored_from_backup(db: Database) -> None:
    """As a backup from before the last pass has it."""
    db.run("DELETE FROM heartbeat_pass_rows")
    db.run("DELETE FROM heartbeat_settings WHERE name LIKE 'watched/%'")


def all_passes_reach(db: Database, tmp_path: Path) -> None:
    """Three more passes, and each is in the store."""
    for number in range(3):
        done = heartbeat(tmp_path, "run")
        assert done.code == 0 and "going on with" not in done.err, done
        assert db.rows("SELECT count(*) FROM heartbeat_pass_rows") == [(number + 1,)]


@pytest.mark.postgres
def test_two_times_out_of_range_in_the_mirror_keep_no_host_off_its_store(db: Database, tmp_path: Path) -> None:
    """Two times that no calendar has are one time in the mirror: the store would be told to write one row twice."""
    db.run("INSERT INTO heartbeat_beats (component, at, event) VALUES ('job', 'infinity', 'success')")
    db.run("INSERT INTO heartbeat_beats (component, at, event) VALUES ('job', '294276-01-01', 'success')")
    heartbeat(tmp_path, "run")
    db.run("DELETE FROM heartbeat_beats WHERE at > now() + interval '1 day'")
    restored_from_backup(db)
    all_passes_reach(db, tmp_path)


@pytest.mark.postgres
def test_a_mirror_that_its_store_refuses_stops_no_pass(db: Database, tmp_path: Path) -> None:
    db.run("ALTER TABLE heartbeat_beats ADD CHECK (event <> 'success') NOT VALID")
    restored_from_backup(db)
    done = heartbeat(tmp_path, "run")
    assert done.code == 0 and "nothing was restored from the mirror" in done.err, done
    assert list(tmp_path.rglob("mirror-refused.json"))
    db.run("DELETE FROM heartbeat_pass_rows")
    all_passes_reach(db, tmp_path)


@pytest.mark.postgres
@pytest.mark.parametrize("column", ["state.fail_count", "state.unknown_count", "outbox.attempts", "recoveries.rung"])
def test_an_empty_number_ends_no_pass(db: Database, tmp_path: Path, column: str) -> None:
    table, _, name = column.partition(".")
    db.run(f"ALTER TABLE heartbeat_{table} ALTER COLUMN {name} DROP NOT NULL")
    db.run(
        "INSERT INTO heartbeat_recoveries (id, component, rung, action, requested_by, observer, started, outcome,"
        " detail, output) VALUES ('x', 'bad', 1, 'a', 'b', 'c', now(), 'done', '', '')"
    )
    db.run(f"UPDATE heartbeat_{table} SET {name} = NULL")
    assert heartbeat(tmp_path, "run").code == 0
    db.run("ALTER TABLE heartbeat_settings RENAME TO elsewhere")
    for words in (["run"], ["check"], ["run"]):
        done = heartbeat(tmp_path, *words)
        assert done.code < 3, (words, done)
    db.run("ALTER TABLE elsewhere RENAME TO heartbeat_settings")


@pytest.mark.postgres
def test_an_endless_silence_that_a_person_ends_while_the_store_is_away_stays_ended(
    db: Database, tmp_path: Path
) -> None:
    """What the outage has not changed stays as others have left it in the store."""
    silence = "INSERT INTO heartbeat_silences (id, target, kind, starts, ends, reason, created_by)"
    db.run(f"{silence} VALUES ('one', 'other', 'component', now(), 'infinity', 'r', 'root')")
    assert heartbeat(tmp_path, "run").code == 0
    db.run("ALTER TABLE heartbeat_settings RENAME TO elsewhere")
    assert heartbeat(tmp_path, "run").code == 0
    assert db.run("UPDATE heartbeat_silences SET ends = now()") == 1
    db.run("ALTER TABLE elsewhere RENAME TO heartbeat_settings")
    assert heartbeat(tmp_path, "run").code == 0
    assert db.rows("SELECT ends <= now() FROM heartbeat_silences") == [(True,)]
