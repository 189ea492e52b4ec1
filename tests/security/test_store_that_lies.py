"""A store's server that answers nonsense costs no pass: where need be the spool takes over, and the reason is said."""

from pathlib import Path

import pytest

from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres import execute
from tests.parts.verb import from_nothing

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
