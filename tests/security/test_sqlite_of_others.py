"""Whoever writes the content of a watched SQLite file takes no pass its memory, its time or its disk."""

import json
import math
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _source_sql, _sqlite, sql
from heartbeat_cli.monitors._sources import SqlSource
from heartbeat_cli.monitors.sql import Settings
from heartbeat_cli.system.process import Finished
from tests.parts import users

_MOST = 536_870_912  # bytes of address space, as the memory of a unit that `timer` writes: the machine is not filled
_PEAK = 250  # MB: heartbeat has some 40 at its start, and the query may take 128
COUNT = "SELECT count(*) AS n FROM jobs"


def multiplied(path: Path, levels: int = 9, items: int = 30_000) -> None:
    """Each view names the one before twice, and SQLite copies it for each mention."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t0 (c0)")
        db.execute(f"CREATE VIEW v0 AS SELECT c0 FROM t0 WHERE c0 IN ({','.join(['1'] * items)})")
        for level in range(1, levels + 1):
            name, before = "jobs" if level == levels else f"v{level}", f"v{level - 1}"
            db.execute(f"CREATE VIEW {name} AS SELECT c0 FROM {before} WHERE c0 IN (SELECT c0 FROM {before})")
        db.commit()


def spilled(path: Path) -> None:
    """What SQLite sorts, or keeps to tell rows apart, it writes to a file where it is not kept in memory."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE VIEW jobs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000000)"
            " SELECT DISTINCT randomblob(60000) AS n FROM c"
        )
        db.commit()


_BOUNDED = f"""
import os, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, ({_MOST}, {_MOST}))
child = subprocess.Popen(sys.argv[1:])
print(os.wait4(child.pid, 0)[2].ru_maxrss, file=sys.stderr)
"""


def checked(folder: Path) -> tuple[dict[str, str], float]:
    """`check --all` of the file, and of a healthy one beside it, with no more memory than a unit has: what is said of
    each, and the most MB that heartbeat, or a process that it started, had."""
    (folder / "healthy").touch()
    (folder / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{folder}/state"\n[defaults]\nretries = 0\n'
        f'[components.jobs]\nkind = "sql"\ndsn = "sqlite:///{folder}/app.db"\nquery = "{COUNT}"\n'
        f'[components.beside]\nkind = "file"\npath = "{folder}/healthy"\n'
    )
    argv = [sys.executable, "-m", "heartbeat_cli", "check", "--all", "--format", "json"]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    # Of its own start's memory the kernel counts that of who starts it: here, of a small process.
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, *argv], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    out, used = done.stdout, int(done.stderr.splitlines()[-1])
    said = {one["component"]: f"{one['status']}: {one['error']}" for one in json.loads(out)}
    return said, used / 1024


def number(folder: Path, query: str = COUNT) -> float:
    """What a source reads in the file."""
    source = SqlSource(f"sqlite:///{folder}/app.db", query)
    return _source_sql.read(source, time.monotonic() + 30)


@pytest.mark.parametrize("made", [multiplied, spilled])
def test_a_file_that_takes_all_memory_costs_its_own_check_alone(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "app.db")
    said, peak = checked(tmp_path)
    assert said == {
        "jobs": f"unknown: {tmp_path}/app.db: the query needs too much memory",
        "beside": "healthy: None",
    }
    assert peak < _PEAK


def test_a_source_that_takes_all_memory(tmp_path: Path) -> None:
    multiplied(tmp_path / "app.db")
    with pytest.raises(Unobservable, match="the query needs too much memory"):
        number(tmp_path)


def test_views_in_measure_are_read(tmp_path: Path) -> None:
    multiplied(tmp_path / "app.db", levels=2, items=10)
    assert number(tmp_path) == 0


@pytest.mark.parametrize(
    "query",
    [
        # SQLite looks at the clock between instructions, and this is one of them.
        "SELECT n FROM jobs WHERE n LIKE '%' || replace(hex(zeroblob(20000)), '0', 'a') || 'b%'",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_a_query_without_end_ends_with_the_check(tmp_path: Path, query: str) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        db.execute("CREATE TABLE jobs (n)")
        db.execute("INSERT INTO jobs VALUES (?)", ["a" * 1_000_000])
    settings = Settings(f"sqlite:///{tmp_path}/app.db", query)
    found = sql.probe(settings, CheckContext("jobs", 1.0, 1_800_000_000.0, {}))
    assert (found.status, found.category) == ("error", "resource")
    assert found.error == f"{tmp_path}/app.db: interrupted"


@pytest.mark.parametrize("query", ["SELECT * FROM one, two", "SELECT * FROM empty"])
def test_an_answer_is_bounded_by_its_names_and_by_empty_values(tmp_path: Path, query: str) -> None:
    names = [f"c{at}" for at in range(200)]
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        for name in ("one", "two"):
            db.execute(f"CREATE VIEW {name} AS SELECT 1 AS {name}{'x' * 40_000}")
        db.execute(f"CREATE TABLE empty ({','.join(names)})")
        db.executemany(f"INSERT INTO empty VALUES ({','.join('?' * 200)})", [[""] * 200] * 100)
    with pytest.raises(Unobservable, match="the query gives more than 65,536 bytes"):
        number(tmp_path, query)


def test_every_value_comes_as_it_is(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        db.execute("CREATE TABLE jobs (n)")
    values = "1, -9223372036854775808, 9223372036854775807, 0.1, 9e999, NULL, 'a\n€😀' || char(0), x'00ff', ''"
    found = _sqlite.read(
        f"sqlite:///{tmp_path}/app.db",
        f"SELECT {values}",
        time.monotonic() + 30,
        most_bytes=1_048_576,
        most_rows=10,
    )
    assert found.rows == ((1, -(2**63), 2**63 - 1, 0.1, math.inf, None, "a\n€😀\0", "00ff", ""),)
    assert not found.cut and 0 < found.query_seconds <= found.seconds


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        '{"seconds": 1.0',
        '{"seconds": 1, "columns": [], "rows": [], "query_seconds": 0.1}',
        '{"seconds": NaN, "trouble": "bytes"}',
        '{"seconds": 1.0, "trouble": "other"}',
        '{"seconds": 1.0, "trouble": []}',
        '{"seconds": 1.0, "trouble": "error", "name": 1, "text": "no"}',
        '{"seconds": 1.0, "columns": ["n"], "rows": [[1, 2]], "query_seconds": 0.1}',
        '{"seconds": 1.0, "columns": ["n"], "rows": [[true]], "query_seconds": 0.1}',
        '{"seconds": 1.0, "columns": ["n"], "rows": [[{}]], "query_seconds": 0.1}',
        '{"seconds": 1.0, "columns": ["n"], "rows": [[9223372036854775808]], "query_seconds": 0.1}',
        '{"seconds": 1.0, "columns": ["n"], "rows": [[1], [2], [3]], "query_seconds": 0.1}',
        '{"seconds": 1.0, "columns": [1], "rows": [[1]], "query_seconds": 0.1}',
    ],
)
def test_a_process_that_answers_nonsense_is_not_believed(said: str) -> None:
    with pytest.raises(Unobservable, match=r"^/app\.db: the process that reads it ended with exit code -11$"):
        _sqlite._understood(Finished(-11, said, ""), "/app.db", most_rows=1)


@pytest.mark.parametrize("side", ["-wal", "-shm", "-journal"])
def test_a_device_in_the_place_of_a_file_beside_it_is_not_opened(tmp_path: Path, side: str) -> None:
    """Root of a container, into which the folder is mounted, can make one, and opening some sets them off."""
    users.need_root()
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE jobs (n)")
    os.mknod(f"{path}{side}", stat.S_IFCHR | 0o600, os.makedev(1, 3))  # /dev/null
    with pytest.raises(Unobservable, match=f"app.db{side} is not a regular file"):
        _sqlite.read(f"sqlite:///{path}", COUNT, time.monotonic() + 5, most_bytes=1_000, most_rows=1)
