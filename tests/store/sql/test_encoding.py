"""A store in a database that does not take every character: what a target says costs no pass."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.postgres import libpq
from heartbeat_cli.store.history import rollups, spans
from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.sql.text import as_json
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres import fresh_database
from tests.parts.postgres_answers import answering
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
    assert (encoding in found) != (encoding == "UTF8"), found


@pytest.mark.postgres
def test_a_figure_of_a_folder_in_other_characters_ends_no_rollup_and_no_report(
    dsn: str, encoding: str, tmp_path: Path
) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{dsn}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.h]\nkind = "host"\ninterval = 0.01\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = stores.connect(dsn, 5)
    ((key, started),) = db.rows("SELECT c.key, p.started FROM heartbeat_components c, heartbeat_pass_rows p")
    mounts = [
        "/mnt/\N{CJK UNIFIED IDEOGRAPH-8CC7}\N{PILE OF POO}",
        "/mnt/\N{LATIN SMALL LETTER E WITH ACUTE}",
        "C:\\u8cc7",
    ]
    samples = as_json([["disk_used_percent", 12.5, "gauge", {"mount": mount}] for mount in mounts])
    db.run("INSERT INTO heartbeat_samples VALUES (to_timestamp(?), ?, ?)", (started + 0.001, key, samples))
    sketch = "INSERT INTO heartbeat_hours VALUES (?, ?, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, ?)"
    hour = hour_of(started)
    db.run(sketch, (hour - 1, key, '{"\\u6f22": 1, "3": 2}'))
    shown = mounts if encoding == "UTF8" else ["/mnt/u8cc7ud83dudca9", "/mnt/u00e9", "C:\\u8cc7"]
    found = {label for _, _, label in spans.gauges(db, hour * 3_600.0, (hour + 1) * 3_600.0)}
    assert found >= set(shown)
    rollups.refresh(db, hour + 1, float("inf"))
    assert {label for (label,) in db.rows("SELECT label FROM heartbeat_hour_gauges")} == found
    db.close()
    assert heartbeat(tmp_path, "report", "--date", "today").code == 0


@pytest.mark.postgres
@pytest.mark.parametrize("encoding", ["UTF8"])
def test_the_encoding_of_the_address_is_not_followed(dsn: str, tmp_path: Path) -> None:
    """Not every character could be sent, and each replay of the spool would meet it again."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{dsn}&client_encoding=LATIN1"\nstate_dir = "{tmp_path}/state"\n'
        '[components.bad]\nkind = "command"\ncommand = ["sh", "-c", "echo \N{CJK UNIFIED IDEOGRAPH-6F22}; exit 2"]\n'
    )
    assert heartbeat(tmp_path, "run") == (0, "", "")
    db = stores.connect(dsn, 5)
    assert "\N{CJK UNIFIED IDEOGRAPH-6F22}" in db.rows("SELECT error FROM heartbeat_looks")[0][0]
    db.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("said", "known"), [(b"LATIN1", "LATIN1"), (b"the-password-of-the-login", "UNKNOWN"), (b"", "")]
)
def test_an_encoding_that_nobody_knows_is_not_repeated(said: bytes, known: str) -> None:
    with answering(lambda query: [], said) as port:
        dsn = f"postgresql://u@127.0.0.1:{port}/x?sslmode=disable&gssencmode=disable"
        with libpq.connect(dsn, deadline=time.monotonic() + 10) as session:
            assert session.encoding == known
