"""The kind `sql` against a real PostgreSQL and real SQLite files."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import query_result
from heartbeat_cli.domain.kinds.query_result import ColumnCheck
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import sql as monitor
from heartbeat_cli.monitors.sql import Settings
from tests.parts import hostile, users
from tests.parts.postgres import Server, session
from tests.parts.verb import heartbeat

NOW = 1_800_000_000.0
JOBS = "SELECT queue, age, failed FROM jobs ORDER BY queue"
ROWS = [("mail", 20, 0), ("pages", 400, 1), ("thumbs", 5_000, 0)]
AGE = ColumnCheck("<", "age", warn=300.0, critical=3_600.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(auth="scram-sha-256") as running:
        running.execute("CREATE TABLE jobs (queue text, age numeric, failed int)")
        for row in ROWS:
            running.execute("INSERT INTO jobs VALUES ('%s', %d, %d)" % row)  # noqa: UP031
        running.execute("CREATE TABLE secrets (n int)")
        running.execute("CREATE ROLE app LOGIN PASSWORD 's3cret-w0rd'")
        running.execute("GRANT SELECT ON jobs TO app")
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE jobs (queue text, age real, failed int)")
        db.executemany("INSERT INTO jobs VALUES (?, ?, ?)", ROWS)
    return path


@pytest.fixture(params=["postgres", "sqlite"])
def dsn(request: pytest.FixtureRequest, file: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    server: Server = request.getfixturevalue("server")
    return server.dsn(user="app", password="s3cret-w0rd")


def check(dsn: str, query: str, *checks: ColumnCheck, timeout: float = 10.0, at: float = 0.0, **keys: Any) -> Reading:
    memory = keys.pop("memory", {})
    return monitor.probe(Settings(dsn, query, checks, **keys), CheckContext("jobs", timeout, NOW + at, memory))


def why_not(dsn: str, query: str, *checks: ColumnCheck, **keys: Any) -> str:
    with pytest.raises(Unobservable) as raised:
        check(dsn, query, *checks, **keys)
    return str(raised.value)


def figures(reading: Reading) -> dict[tuple[str, str], float]:
    return {(one.name, next(iter(one.metadata.values()), "")): one.value for one in reading.metrics}


def test_the_worst_row_counts_and_those_that_fail_are_named(dsn: str) -> None:
    found = check(dsn, JOBS, AGE._replace(category="resource"), label="queue")
    assert (found.status, found.category) == ("unhealthy", "resource")
    assert found.error == "thumbs: age is 5000, needs < 3600, and 1 more"
    assert found.evidence == {"rows": "thumbs: age is 5000, needs < 3600\npages: age is 400, needs < 300"}
    assert found.response_time is not None
    figures_ = figures(found)
    assert figures_["age", "pages"] == 400 and figures_["failed", "mail"] == 0 and figures_["rows", ""] == 3

    found = check(dsn, "SELECT queue, age FROM jobs WHERE age < 500", AGE, label="queue")
    assert (found.status, found.error) == ("degraded", "pages: age is 400, needs < 300")
    found = check(dsn, "SELECT queue, age FROM jobs WHERE age < 50", AGE, label="queue")
    assert (found.status, found.error, found.evidence) == ("healthy", None, {})


def test_one_number(dsn: str) -> None:
    few = ColumnCheck(">=", critical=4.0)
    found = check(dsn, "SELECT count(*) AS n FROM jobs;", few)
    assert (found.status, found.error, found.category) == ("unhealthy", "n is 3, needs >= 4", None)
    assert figures(found)["n", ""] == 3
    assert check(dsn, "SELECT count(*) AS n FROM jobs", few._replace(critical=3.0)).status == "healthy"
    assert check(dsn, "SELECT 'a%b;'  AS t".replace(";", ""), ColumnCheck("==", critical="a%b")).status == "healthy"


def test_several_columns_and_several_checks_of_one_row(dsn: str) -> None:
    query = "SELECT max(age) AS oldest, sum(failed) AS failed FROM jobs"
    found = check(dsn, query, ColumnCheck("<", "oldest", warn=10.0), ColumnCheck("==", "failed", critical=0.0))
    assert (found.status, found.error) == ("unhealthy", "failed is 1, needs == 0; oldest is 5000, needs < 10")
    assert why_not(dsn, query, ColumnCheck("<", warn=1.0)) == "the query gives 2 columns; name one in each check"
    assert why_not(dsn, query, ColumnCheck("<", "x", warn=1.0)) == "the query gives no column x"
    assert why_not(dsn, query, label="queue") == "the query gives no column queue"


def test_no_rows(dsn: str) -> None:
    nothing = "SELECT age FROM jobs WHERE age < 0"
    found = check(dsn, nothing, AGE)
    assert (found.status, found.category) == ("unhealthy", "configuration")
    assert found.error == 'the query gives no rows; if that is well, set empty = "ok"'
    assert check(dsn, nothing, AGE, empty="ok").status == "healthy"
    assert check(dsn, nothing, AGE, empty="warn").status == "degraded"
    assert check(dsn, nothing, AGE, empty="critical").error == "the query gives no rows"


def test_null_is_a_missing_value(dsn: str) -> None:
    nothing = "SELECT max(age) AS age FROM jobs WHERE age < 0"
    found = check(dsn, nothing, AGE)
    assert (found.status, found.error) == ("unhealthy", "age is missing")
    assert check(dsn, nothing, AGE._replace(absent="healthy")).status == "healthy"


def test_a_rate(dsn: str) -> None:
    rate = ColumnCheck("<", "n", critical=1.0, rate=True)
    first = check(dsn, "SELECT 100 AS n", rate)
    assert first.status == "healthy"
    found = check(dsn, "SELECT 700 AS n", rate, at=60, memory=first.memory)
    assert (found.status, found.error) == ("unhealthy", "n is 10 per second, needs < 1")
    assert figures(found)["n_per_second", ""] == 10
    again = check(dsn, "SELECT 5 AS n", rate, at=120, memory=found.memory)
    assert again.status == "healthy", "the counter was reset"


def test_a_rate_of_each_row_by_its_label(dsn: str) -> None:
    rate = ColumnCheck("<", "n", critical=1.0, rate=True)
    first = check(dsn, "SELECT 'a' AS q, 0 AS n UNION ALL SELECT 'b', 0", rate, label="q")
    turned = "SELECT 'b' AS q, 0 AS n UNION ALL SELECT 'a', 600"
    found = check(dsn, turned, rate, label="q", at=60, memory=first.memory)
    assert found.error == "a: n is 10 per second, needs < 1"
    assert why_not(dsn, turned, rate) == "a rate of several rows needs a label column"


def test_a_failed_check_keeps_the_counters(dsn: str) -> None:
    rate = ColumnCheck("<", "n", critical=1.0, rate=True)
    first = check(dsn, "SELECT 100 AS n", rate)
    failed = check(dsn, "SELECT n FROM gone", rate, memory=first.memory)
    assert failed.status == "unhealthy" and failed.memory == first.memory


def test_a_table_or_column_that_is_missing_is_a_configuration_that_is_wrong(dsn: str) -> None:
    for query in ("SELECT n FROM gone", "SELECT gone FROM jobs"):
        found = check(dsn, query)
        assert (found.status, found.category) == ("unhealthy", "configuration")
        assert found.error is not None and "gone" in found.error and "s3cret" not in found.error


def test_a_query_that_is_wrong_is_not_a_fault_of_what_is_watched(dsn: str) -> None:
    assert "syntax error" in why_not(dsn, "SELEKT 1")


def test_nothing_is_written(dsn: str, file: Path) -> None:
    for query in ("DELETE FROM jobs", "CREATE TABLE t (n int)", "INSERT INTO jobs VALUES ('x', 1, 1)"):
        assert why_not(dsn, query)
    assert figures(check(dsn, "SELECT count(*) AS n FROM jobs"))["n", ""] == 3


def test_many_rows_are_cut_and_that_is_said(dsn: str) -> None:
    many = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 1500) SELECT n FROM t"
    found = check(dsn, many, ColumnCheck(">", "n", critical=0.0))
    assert (found.status, found.category) == ("degraded", "configuration")
    assert found.error == "only the first 1,000 rows were judged"
    found = check(dsn, many, ColumnCheck(">", "n", critical=5.0))
    assert found.error == "row 1: n is 1, needs > 5, and 4 more; only the first 1,000 rows were judged"
    assert [name for name, _ in figures(found)] == ["query_seconds", "rows"], "rows that nothing tells apart"


@pytest.mark.whole
def test_a_flood_and_a_query_without_end(dsn: str) -> None:
    big = "repeat('x', 3000000)" if dsn.startswith("postgresql") else "hex(zeroblob(1500000))"
    assert re.search("too big|1,048,576 bytes", why_not(dsn, f"SELECT {big} AS t"))
    if dsn.startswith("sqlite"):
        assert "too big" in why_not(dsn, f"SELECT length({big})"), "it would be made in the memory of heartbeat"
    wide = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 900) SELECT "
    small = "repeat('x', 3000)" if dsn.startswith("postgresql") else "hex(zeroblob(1500))"
    assert "1,048,576 bytes" in why_not(dsn, f"{wide}{small} AS t FROM t")
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    found = check(dsn, endless, timeout=1.0)
    assert (found.status, found.category, found.response_time) == ("error", "resource", None)


# --- PostgreSQL


@pytest.mark.postgres
def test_types_of_postgresql(server: Server) -> None:
    query = (
        "SELECT 1.5::numeric AS a, interval '90 seconds' AS b, true AS c, now() AS d, '{1,2}'::numeric[] AS e,"
        """ '{"k": [1]}'::jsonb AS f, 'x'::bytea AS g, '127.0.0.1'::inet AS h, numrange(1, 2) AS i"""
    )
    dsn = server.admin_dsn()
    found = figures(check(dsn, query))
    assert (found["a", ""], found["b", ""], found["c", ""]) == (1.5, 90, 1)
    assert {"d", "e", "f", "g", "h", "i"}.isdisjoint(name for name, _ in found)
    assert check(dsn, query, ColumnCheck("contains", "f", critical='"k"')).status == "healthy"
    assert check(dsn, query, ColumnCheck("==", "g", critical="78")).status == "healthy"
    assert "is not a number (NaN)" in str(
        check(dsn, "SELECT 'NaN'::numeric AS n", ColumnCheck("<", critical=1.0)).error
    )


@pytest.mark.postgres
def test_a_right_that_is_missing_is_heartbeats_own_trouble(server: Server) -> None:
    dsn = server.dsn(user="app", password="s3cret-w0rd")
    assert "permission denied" in why_not(dsn, "SELECT n FROM secrets")
    wrong = why_not(server.dsn(user="app", password="wr0ng"), "SELECT 1")
    assert "does not let heartbeat in" in wrong and "wr0ng" not in wrong


@pytest.mark.whole
@pytest.mark.postgres
def test_a_lock_that_another_session_holds(server: Server) -> None:
    with session(server.admin_dsn(), "LOCK TABLE jobs"):
        found = check(server.admin_dsn(), JOBS, timeout=1.0)
    assert found.status == "error" and found.category in ("dependency", "resource")


@pytest.mark.whole
@pytest.mark.postgres
def test_a_server_that_is_gone_is_a_dependency(server: Server) -> None:
    port = hostile.unused_port()
    found = check(f"postgresql://me:hunter2@127.0.0.1:{port}/a?sslmode=disable", "SELECT 1")
    assert (found.status, found.category, found.certain) == ("error", "dependency", True)
    assert found.error is not None and "hunter2" not in found.error
    with hostile.hostile_server(hostile.silent) as mute:
        address = mute.url.removeprefix("http://").split("/")[0]
        found = check(f"postgresql://me@{address}/a?sslmode=disable", "SELECT 1", timeout=1.0)
    assert (found.status, found.category, found.certain) == ("error", "dependency", False)


@pytest.mark.postgres
def test_the_server_sees_who_asks(server: Server) -> None:
    query = "SELECT current_setting('application_name') AS a, current_setting('transaction_read_only') AS b"
    checks = (ColumnCheck("==", "a", critical="heartbeat"), ColumnCheck("==", "b", critical="on"))
    assert check(server.admin_dsn(), query, *checks).status == "healthy"


# --- SQLite


def test_a_file_that_is_missing_is_no_database_or_is_locked(tmp_path: Path, file: Path) -> None:
    found = check(f"sqlite:///{tmp_path}/none.db", "SELECT 1")
    assert (found.status, found.category) == ("error", "configuration")
    assert found.error == f"there is no file {tmp_path}/none.db"
    assert not (tmp_path / "none.db").exists()

    (tmp_path / "text").write_text("no database\n" * 100)
    found = check(f"sqlite:///{tmp_path}/text", "SELECT 1 FROM sqlite_master")
    assert (found.status, found.category) == ("unhealthy", "configuration")

    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        found = check(f"sqlite:///{file}", JOBS, timeout=3.0)  # leaves the child half a second to say that it is locked
    assert (found.status, found.category) == ("error", "dependency")
    assert found.error == f"{file}: database is locked"


def test_sqlite_reads_nothing_where_another_user_could_put_files_beside_it(tmp_path: Path) -> None:
    """SQLite would read his `-wal` as the newest part of the database, also of the one that a link leads to."""
    users.need_root()
    shared, own = tmp_path / "shared", tmp_path / "own"
    for folder in (shared, own):
        folder.mkdir()
    shared.chmod(0o1777)
    path = shared / "app.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE jobs (n int); INSERT INTO jobs VALUES (0)")
    with closing(sqlite3.connect(own / "app.db")) as other, other:
        other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE jobs (n int)")
        other.execute("INSERT INTO jobs VALUES (4242)")
        other.commit()
        for side in ("-wal", "-shm"):
            (shared / f"app.db{side}").write_bytes((own / f"app.db{side}").read_bytes())
            os.chown(shared / f"app.db{side}", 65534, 65534)
    (own / "link.db").symlink_to(path)
    for name in (path, own / "link.db"):
        said = why_not(f"sqlite:///{name}", "SELECT n FROM jobs")
        assert said == f"cannot read {name}: {shared} can be written by everybody; keep this in a folder of your own"
    shared.chmod(0o700)
    said = why_not(f"sqlite:///{path}", "SELECT n FROM jobs")
    assert f"{path}-wal belongs to nobody" in said and "chown" in said


def test_sqlite_reads_nothing_else(file: Path, tmp_path: Path) -> None:
    for query in (f"ATTACH '{tmp_path}/other.db' AS o", "PRAGMA user_version", "BEGIN", "VACUUM"):
        assert re.search("not authorized|authorization denied", why_not(f"sqlite:///{file}", query)), query
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in why_not(f"sqlite:///{tmp_path}/pipe", "SELECT 1")


def test_the_file_of_another_user_is_not_opened(file: Path) -> None:
    users.need_root()
    os.chown(file, users.NOBODY, users.NOBODY)
    assert "belongs to" in why_not(f"sqlite:///{file}", JOBS)
    os.chown(file, 0, 0)
    os.chmod(file.parent, 0o777)
    assert "can be written by everybody" in why_not(f"sqlite:///{file}", JOBS)
    os.chmod(file.parent, 0o700)
    assert check(f"sqlite:///{file}", JOBS).status == "healthy"


def test_a_log_that_was_left_behind_is_read_and_stays(file: Path, tmp_path: Path) -> None:
    """Whoever opens such a file for writing empties its write-ahead log into it when he closes it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("DELETE FROM jobs")
        (tmp_path / "copy").mkdir()
        for name in ("app.db", "app.db-wal"):
            (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
    found = check(f"sqlite:///{tmp_path}/copy/app.db", "SELECT count(*) AS n FROM jobs")
    assert figures(found)["n", ""] == 0
    assert (tmp_path / "copy" / "app.db-wal").stat().st_size > 0


def test_a_database_in_use_keeps_its_locks(file: Path) -> None:
    """A lock of this process ends when any descriptor of the file is closed: heartbeat's own store may be watched."""
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert check(f"sqlite:///{file}", JOBS).status == "healthy"
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0.1).execute('BEGIN IMMEDIATE')"
        other = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, timeout=30)
        assert "database is locked" in other.stderr


# --- settings


@pytest.mark.parametrize(
    "query", ["-- all\n SELECT 1", "/* a * b */ (select 1)", "WITH a AS (SELECT 1) TABLE a", "VALUES (1)"]
)
def test_queries_that_read_are_taken(query: str) -> None:
    assert monitor.problems(Settings("sqlite:////x.db", query)) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('dsn = "mysql://h/x"', "dsn: expected postgresql://… or sqlite:////path"),
        ('dsn = "sqlite:///"', "dsn: expected an absolute path: sqlite:////var/lib/app/app.db (four slashes)"),
        ('dsn = "sqlite:///var/app.db"', "dsn: expected an absolute path: sqlite:////var/app.db (four slashes)"),
        ('dsn = "sqlite://var/app.db"', "dsn: expected an absolute path: sqlite:////var/app.db (four slashes)"),
        ('query = "SELECT 1; DROP TABLE x"', "query: must be one statement, without a semicolon in it"),
        (
            'query = "DELETE FROM x"',
            "query: expected one SELECT, got DELETE; the query runs in a read-only transaction",
        ),
        ('query = " ;"', "query: is empty; expected one SELECT"),
        ('checks = [{ op = "<" }]', "checks[0].warn: is required, or critical"),
        (
            'label = "a"\nchecks = [{ op = "<", column = "a", warn = 1 }]',
            "checks[0].column: is the label; expected another column",
        ),
        (
            'checks = [{ op = "<", column = "a", warn = 1 }, { op = "<", column = "b", name = "a", warn = 1 }]',
            "checks[1].name: two checks have the figure a; give this one a name of its own",
        ),
        ('empty = "fine"', "empty: expected one of ok, warn, critical"),
    ],
)
def test_mistakes_in_the_settings(tmp_path: Path, lines: str, said: str) -> None:
    given_ = {line.split(" = ")[0] for line in lines.splitlines()}
    rest = {"dsn": "sqlite:////x.db", "query": "SELECT 1"}
    text = "".join(f'{key} = "{value}"\n' for key, value in rest.items() if key not in given_)
    (tmp_path / "heartbeat.toml").write_text(f'[heartbeat]\n[components.jobs]\nkind = "sql"\n{text}{lines}\n')
    ended = heartbeat(tmp_path, "config", "check")
    assert ended.code == 2 and said in ended.err


def test_the_host_that_must_be_reached() -> None:
    assert monitor.host_of(Settings("postgresql://u:p@db.example/x", "SELECT 1")) == "db.example"
    assert monitor.host_of(Settings("sqlite:////var/lib/app.db", "SELECT 1")) is None


# --- judging


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-10, 10), st.floats(), st.text(max_size=5))


@pytest.mark.whole
@given(rows=st.lists(st.tuples(st.text(max_size=5), _VALUES), min_size=1, max_size=30), limit=st.integers(-5, 5))
def test_whatever_the_rows_hold_the_worst_counts(rows: list[tuple[str, Any]], limit: int) -> None:
    one = ColumnCheck("<", "v", critical=float(limit))
    outcome, named = query_result.judge([one], "k", ["k", "v"], rows, {}, NOW)
    numbers = [float(value) for _, value in rows if isinstance(value, int | float)]
    bad = len(numbers) < len(rows) or any(number >= limit for number in numbers)
    assert (outcome.status == "unhealthy") is bad
    assert len(named) <= 10 and len(outcome.metrics) <= 40
    assert (outcome.error is None) is (outcome.status == "healthy")
