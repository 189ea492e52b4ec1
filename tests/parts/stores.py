"""Stores of both dialects: `store_url` names a new empty one (first SQLite, then real PostgreSQL), `store` is it, open
and brought to the current tables: where it is wanted, a copy of one that has them, since making them takes longer than
most of what is tested. `elsewhere` runs Python in processes of their own, at once."""

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.store.sql import database, schema
from heartbeat_cli.store.sql.database import Database

TIMEOUT = 10.0


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path, made = tmp_path / "store.db", "store" in request.fixturenames
    if request.param == "postgres":
        return str(request.getfixturevalue("database_with_tables" if made else "database"))
    if made:
        path.write_bytes(_new_file())
        path.chmod(0o600)
    return f"sqlite:///{path}"


@functools.cache
def _new_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        opened(f"sqlite:///{path}").close()
        return path.read_bytes()


@pytest.fixture
def store(store_url: str) -> Iterator[Database]:
    db = opened(store_url)
    yield db
    db.close()


def opened(url: str) -> Database:
    db = database.connect(url, TIMEOUT)
    schema.migrate(db)
    return db


_OPENING = """
import sys
from heartbeat_cli.store.sql import database, schema
db = database.connect(sys.argv[1], 10.0)
print("ready", flush=True)
sys.stdin.readline()
"""


def elsewhere(url: str, code: str, *arguments: object, times: int = 2) -> list[str]:
    """What `code` prints in `times` processes that begin it at the same moment, with `db` (connected, not migrated),
    `schema` and `sys.argv[2:]`."""
    argv = [sys.executable, "-c", _OPENING + code, url, *map(str, arguments)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(times)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n", one.stderr.read() if one.stderr else ""
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = []
    for one in running:
        out, err = one.communicate(timeout=60)
        assert one.returncode == 0, err
        said.append(out)
    return said
