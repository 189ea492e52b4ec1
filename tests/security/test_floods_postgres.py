"""A hostile PostgreSQL that sends without an end fills neither the memory nor the time of a pass."""

from pathlib import Path

import pytest

from tests.parts.measured import measured
from tests.parts.postgres_floods import FLOODS, Flood, flooding, rows

SHORT = "?sslmode=disable&gssencmode=disable"
COMPONENT = """
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import database
reading = database.probe(database.Settings(sys.argv[1]), CheckContext("db", 15.0, time.time()))
said = [reading.status, reading.error]
"""
ACTION = """
from heartbeat_cli.actions import postgres
said = list(postgres.run(postgres.Settings(sys.argv[1], do="terminate_idle"), timeout=15.0))
"""
VERB = """
from heartbeat_cli import cli
said = cli.run(sys.argv[1:])
"""
ROOM = 150  # MB, of which Python and what it imports are about 40


@pytest.mark.parametrize("before", [False, True], ids=["after login", "before login"])
@pytest.mark.parametrize("flood", FLOODS)
def test_as_a_component(flood: Flood, before: bool) -> None:
    with flooding(flood, before_login=before) as port:
        found = measured(COMPONENT, f"postgresql://app@127.0.0.1:{port}/db{SHORT}")
    assert found.peak < ROOM, found
    assert found.took < 14, found
    if before and found.said[0] == "error":  # libpq itself wants no row before its time
        assert "during startup" in found.said[1]
        return
    words = f"127.0.0.1:{port} sent more than "
    words += "262,144 bytes before it let anybody in" if before else "1,048,576 bytes for one query"
    assert found.said == ["unhealthy", words]


def test_over_a_unix_socket(tmp_path: Path) -> None:
    with flooding(rows, path=f"{tmp_path}/.s.PGSQL.5432"):
        found = measured(COMPONENT, f"postgresql://app@/db?host={tmp_path}")
    assert found.peak < ROOM
    assert "sent more than 1,048,576 bytes for one query" in found.said[1]


@pytest.mark.parametrize("before", [False, True], ids=["after login", "before login"])
def test_as_a_step_of_recovery(before: bool) -> None:
    with flooding(rows, before_login=before) as port:
        found = measured(ACTION, f"postgresql://app@127.0.0.1:{port}/db{SHORT}")
    assert found.peak < ROOM and found.took < 14
    assert found.said[0] == "failed"


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("verb", ["run", "status", "doctor"])
def test_as_the_store(flood: Flood, verb: str, tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    with flooding(flood) as port:
        store = f"postgresql://app@127.0.0.1:{port}/db{SHORT}"
        config.write_text(
            f'[heartbeat]\nstore = "{store}"\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
        )
        found = measured(VERB, "--config", config, verb)
    assert found.peak < ROOM + 100, found  # an honest answer may have 8 MB
    assert found.took < 30, found
