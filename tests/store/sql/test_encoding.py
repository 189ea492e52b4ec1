"""A store in a database that does not take every character: what a target says costs no pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.store.sql import database as stores
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres import fresh_database
from tests.parts.verb import heartbeat


@pytest.fixture(params=["LATIN1", "WIN1252", "EUC_JP", "SQL_ASCII", "UTF8"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dsn(postgres_server: str, encoding: str) -> Iterator[str]:
    with fresh_database(postgres_server, f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'") as dsn:
        yield dsn


@pytest.mark.postgres
def test_what_a_target_says_in_other_characters_is_kept(dsn: str, encoding: str, tmp_path: Path) -> None:
    said = "漢字 für ₿, \N{PILE OF POO}"
    (tmp_path / "said").write_text(said)
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{dsn}"\nstate_dir = "{tmp_path}/state"\nlocale = "zh-HK"\n'
        f'[components.bad]\nkind = "command"\ncommand = ["sh", "-c", "cat {tmp_path}/said; exit 2"]\n'
        f'fail_threshold = 1\ninterval = 0.01\n[channels.log]\nkind = "file"\npath = "{tmp_path}/told"\n'
    )
    for number in range(2):
        done = heartbeat(tmp_path, "run")
        assert (done.code, done.err) == (0, ""), done
        db = stores.connect(dsn, 5)
        assert db.rows("SELECT count(*) FROM heartbeat_pass_rows") == [(number + 1,)]
        ((error,),) = db.rows("SELECT error FROM heartbeat_looks")
        db.close()
    whole = encoding in ("UTF8", "SQL_ASCII")
    assert ("漢字" if whole else r"\u6f22\u5b57") in error
    assert ("für" if encoding != "EUC_JP" else r"f\xfcr") in error
    found = heartbeat(tmp_path, "doctor").out
    assert (encoding in found) != whole, found
