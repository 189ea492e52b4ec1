"""Functions that the owner of a database has made in the place of PostgreSQL's own (CVE-2018-1058): they would run with
the rights of heartbeat's role."""

import time
from pathlib import Path

import psycopg2
import pytest

from heartbeat_cli.actions import postgres as step
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import database as monitor
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres import execute, session
from tests.parts.verb import heartbeat

_STANDS_IN = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stood in'; END $$"
_FUNCTIONS = (
    "public.pg_has_role(text, text) RETURNS boolean",
    "public.format(text, integer, name, text) RETURNS text",
    "evil.pg_backend_pid() RETURNS integer",
)


@pytest.fixture
def owned(database: str) -> str:
    """The DSN of a database whose owner has done that, in the schema of all and ahead of PostgreSQL's."""
    execute(database, "CREATE SCHEMA evil")
    for function in _FUNCTIONS:
        execute(database, f"CREATE FUNCTION {function} {_STANDS_IN}")
    name = psycopg2.extensions.parse_dsn(database)["dbname"]
    execute(database, f"ALTER DATABASE {name} SET search_path = evil, public, pg_catalog")
    with pytest.raises(psycopg2.Error, match="stood in"):
        execute(database, "SELECT pg_backend_pid()")
    return database


@pytest.mark.postgres
def test_the_figures_of_a_database_come_from_its_server(owned: str) -> None:
    reading = monitor.probe(monitor.Settings(owned), CheckContext("db", 10.0, time.time()))
    assert reading.status in ("healthy", "degraded")
    assert "connections_used" in {one.name for one in reading.metrics}, reading


@pytest.mark.postgres
def test_a_step_ends_sessions_by_the_functions_of_the_server(owned: str) -> None:
    with session(owned, "SELECT 1"):
        time.sleep(0.3)  # idle for longer than the step asks for
        outcome = step.run(step.Settings(owned, "terminate_idle", 0.2), timeout=10)
    assert outcome.result == "done", outcome


@pytest.mark.postgres
@pytest.mark.parametrize("others", ["PUBLIC", "heartbeat_test_reader", '"heartbeat test; DROP"'])
def test_doctor_names_who_may_put_functions_beside_the_tables_of_the_store(
    database: str, tmp_path: Path, others: str
) -> None:
    (tmp_path / "heartbeat.toml").write_text(f'[heartbeat]\nstore = "{database}"\nstate_dir = "{tmp_path}/state"\n')
    asked = f"{others} may create functions in the schema public"
    if others != "PUBLIC":
        execute(database, f"CREATE ROLE {others}")
    try:
        execute(database, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        assert asked not in heartbeat(tmp_path, "doctor").out
        execute(database, f"GRANT CREATE ON SCHEMA public TO {others}")
        found = heartbeat(tmp_path, "doctor").out
        assert asked in found and f"REVOKE CREATE ON SCHEMA public FROM {others}" in found
    finally:
        execute(database, f"REVOKE CREATE ON SCHEMA public FROM {others}")
        if others != "PUBLIC":
            execute(database, f"DROP ROLE {others}")
