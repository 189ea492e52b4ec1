"""`heartbeat beat`: a job reports its own life, from its first beat to being late."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.parts.verb import heartbeat

JOB = (
    '[components.job]\nkind = "push"\nperiod = 60\ngrace = 0\ninterval = 0.01\n'
    "fail_threshold = 1\nrecovery_threshold = 1\n"
    '[components.other]\nkind = "host"\n'
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "heartbeat.toml").write_text(JOB)
    return tmp_path


def execute(home: Path, sql: str) -> list[Any]:
    with sqlite3.connect(home / ".local/state/heartbeat/heartbeat.db") as db:
        found = db.execute(sql).fetchall()
    db.close()
    return found


def look(home: Path) -> tuple[str, str | None]:
    row = json.loads(heartbeat(home, "check", "--component", "job", "--format", "json").out)[0]
    return row["status"], row["error"]


def ago(home: Path, seconds: float) -> None:
    """Let all beats so far be that much older."""
    execute(home, f"UPDATE heartbeat_beats SET at = at - {seconds}")


def test_from_the_first_beat_to_being_late_and_back(home: Path) -> None:
    assert look(home) == ("unknown", "no beat yet, expected every 1 min")
    assert heartbeat(home, "beat", "job") == (0, "", "")
    assert look(home) == ("healthy", None)
    ago(home, 300)
    assert look(home) == ("error", "last beat 5 min ago, expected every 1 min")
    ended = heartbeat(home, "detect")
    assert ended.out.startswith("job: opened: ")
    assert heartbeat(home, "beat", "job").code == 0
    assert look(home) == ("healthy", None)
    assert heartbeat(home, "detect").out.startswith("job: ended: ")


def test_a_run_that_fails(home: Path) -> None:
    assert heartbeat(home, "beat", "job", "--exit-code", "0").code == 0
    assert look(home) == ("healthy", None)
    assert heartbeat(home, "beat", "job", "--exit-code", "3", "-m", "disk\nfull").code == 0
    status, error = look(home)
    assert status == "unhealthy"
    assert error is not None and error.startswith("last run failed with exit code 3: disk full, ")
    assert heartbeat(home, "beat", "job", "--fail").code == 0
    assert (look(home)[1] or "").startswith("last run failed, ")
    assert heartbeat(home, "beat", "job").code == 0
    assert look(home) == ("healthy", None)


def test_a_run_that_takes_its_time(home: Path) -> None:
    heartbeat(home, "beat", "job", "--start", "--rid", "a")
    assert look(home) == ("healthy", None)
    ago(home, 30)
    heartbeat(home, "beat", "job", "--rid", "a")
    row = json.loads(heartbeat(home, "check", "--component", "job", "--format", "json").out)[0]
    assert 30 <= row["response_time"] < 60


def test_a_message_never_costs_the_beat(home: Path) -> None:
    """Bytes that are no text, control characters, a megabyte: kept as far as they are fit to be."""
    messages = (b"\xff\xfe bytes", b"\x1b[31m red", b"x" * 100_000, b"")
    for message in messages:
        assert heartbeat(home, "beat", "job", "-m", message.decode(errors="surrogateescape")) == (0, "", "")
    kept = [row[0] for row in execute(home, "SELECT message FROM heartbeat_beats ORDER BY key")]
    assert kept == [" bytes", "[31m red", "x" * 1999 + "…", None]
    assert heartbeat(home, "beat", "job", "--rid", "r\x1b" + "x" * 10_000).code == 0


def test_without_a_configuration_that_is_whole(home: Path) -> None:
    """The lost secret of another component is no reason to lose a sign of life."""
    (home / "heartbeat.toml").write_text(JOB + '[components.db]\nkind = "database"\ndsn = "env:NONE"\n')
    assert heartbeat(home, "beat", "job") == (0, "", "")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("jbo",), "no component 'jbo' of kind push; did you mean job?"),
        (("other",), "no component 'other' of kind push; known: job"),
        (("job", "--start", "--fail"), "--start, --fail and --exit-code exclude each other"),
        (("job", "--fail", "--exit-code", "0"), "--start, --fail and --exit-code exclude each other"),
        (
            ("job", "--exit-code", "256"),
            "Invalid value for '--exit-code': 256 is not in the range 0<=x<=255. (see heartbeat beat --help)",
        ),
        ((), "Missing argument 'ID'. (see heartbeat beat --help)"),
    ],
)
def test_wrong_usage(home: Path, words: tuple[str, ...], line: str) -> None:
    assert heartbeat(home, "beat", *words) == (2, "", f"heartbeat: {line}\n")
