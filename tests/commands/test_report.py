"""`heartbeat report`: which days, sent once and once more, a word to a person who waits."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.system import lock
from tests.parts.verb import heartbeat


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "heartbeat.toml").write_text(
        f"""
        [heartbeat]
        state_dir = "{tmp_path}/state"
        timezone = "Europe/Berlin"
        [components.db]
        kind = "tcp"
        host = "127.0.0.1"
        port = 1
        [channels.log]
        kind = "file"
        path = "{tmp_path}/reports.log"
        """
    )
    return tmp_path


def sent(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "reports.log").read_text().splitlines()]


@pytest.mark.parametrize(
    ("words", "id_", "days", "hours"),
    [
        (("--week", "2026-03-25"), "report_2026W13", ("2026-03-23", "2026-03-29"), 167),  # summer time begins
        (("--week", "2026-W44"), "report_2026W44", ("2026-10-26", "2026-11-01"), 168),
        (("--week", "2026-01-01"), "report_2026W01", ("2025-12-29", "2026-01-04"), 168),
        (("--month", "2026-10"), "report_202610", ("2026-10-01", "2026-10-31"), 745),  # and ends
        (("--month", "2024-02-29"), "report_202402", ("2024-02-01", "2024-02-29"), 696),
        (("--from", "2026-03-23", "--to", "2026-03-29"), "report_20260323_20260329", ("2026-03-23", "2026-03-29"), 167),
    ],
)
def test_which_days(home: Path, words: tuple[str, ...], id_: str, days: tuple[str, str], hours: int) -> None:
    from datetime import datetime

    tree = json.loads(heartbeat(home, "report", *words, "--format", "json").out)
    assert (tree["report_id"], (tree["first_day"], tree["last_day"])) == (id_, days)
    start, end = (datetime.fromisoformat(tree[key]) for key in ("from", "to"))
    assert (end - start).total_seconds() / 3600 == hours


@pytest.mark.parametrize(("option", "title"), [("--week", "Weekly report"), ("--month", "Monthly report")])
def test_without_a_day_the_last_whole_one(home: Path, option: str, title: str) -> None:
    done = heartbeat(home, "report", option)
    assert done.code == 0 and done.out.startswith(title) and "so far" not in done.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--week", "2026-W60"), "--week '2026-W60' is no day"),
        (("--month", "2026-13"), "--month '2026-13' is no day"),
        (("--week", "--month"), "--week goes without --month"),
        (("--date", "today", "--week"), "--date goes without --week"),
        (("--week", "9998-12-31"), "is still to come"),
        (("--again",), "--again goes with --send"),
    ],
)
def test_wrong_days_are_one_line(home: Path, words: tuple[str, ...], line: str) -> None:
    done = heartbeat(home, "report", *words)
    assert (done.code, done.out) == (2, "") and line in done.err and len(done.err.splitlines()) == 1


def test_once_and_once_more(home: Path) -> None:
    say = [heartbeat(home, "report", "--week", "--send", *more).err for more in ((), (), ("--again",), ())]
    assert say[0] == say[2] == "log: sent\n"
    assert say[1] == say[3] and say[1].endswith(": already sent; send it once more with --again\n")
    first, second = sent(home)
    assert second["id"].startswith(f"{first['id']}_again_") and first["text"] == second["text"]
    assert "page" not in first and "html" not in first


def test_a_channel_that_has_not_taken_it_yet_is_named(home: Path) -> None:
    (home / "reports.log").mkdir()
    assert "Is a directory" in heartbeat(home, "report", "--send").err
    again = heartbeat(home, "report", "--send").err.splitlines()
    assert "already sent" not in again[0] and again[0].endswith("waits to be sent")
    assert again[1].startswith("log: waiting: ") and "Is a directory" in again[1]


def test_a_person_who_waits_is_told_of_it(home: Path) -> None:
    """Somebody else is at work, so it takes longer than a second."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "heartbeat_cli", "report", "--date", "2026-11-22", "--send"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with lock.only_one(home / "state"):
        running = subprocess.Popen(argv, cwd=home, env=environment, stderr=theirs)
        os.close(theirs)
        said = os.read(ours, 1000).decode()
    assert running.wait(60) == 0
    assert said == "heartbeat: adding up 2026-11-22 to 2026-11-22 …\r\n"
    os.close(ours)
