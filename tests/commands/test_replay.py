"""`heartbeat replay` as a person runs it: over the store's history, and over a file of lines."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.store.history import passes
from tests.parts.stores import opened
from tests.parts.verb import heartbeat

CONFIG = """
[heartbeat]
timezone = "UTC"
observer = "here"
[components.main]
kind = "tcp"
host = "127.0.0.1"
port = 1
depends_on = ["db"]
[components.db]
kind = "tcp"
host = "127.0.0.1"
port = 2
"""
WORDS = {"h": "healthy", "e": "error", "?": "unknown"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    return tmp_path


def lines(folder: Path, *rows: Any) -> None:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    (folder / "day.jsonl").write_text(text + "\n", encoding="utf-8", errors="surrogateescape")


def row(component: str, minute: int, status: str = "error", **more: Any) -> dict[str, Any]:
    return {"component": component, "timestamp": f"2026-11-22T10:{minute:02}:00+00:00", "status": status, **more}


def test_a_file_with_the_configured_and_with_other_thresholds(folder: Path) -> None:
    lines(folder, *[row("main", n, WORDS[word], error="gone") for n, word in enumerate("heeheeehh")], "")
    done = heartbeat(folder, "replay", "--from-file", "day.jsonl")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "Incidents that would have been: 1\n"
        "  main  since 2026-11-22 10:04:00  4 min  gone\n"
        "Incidents that were: 0\n"
    )  # fmt: skip
    two = heartbeat(folder, "replay", "--from-file", "day.jsonl", "--set", "main.fail_threshold=2", "--format", "json")
    found = json.loads(two.out)["would_have_been"]
    assert [one["started"] for one in found] == ["2026-11-22T10:01:00.000+00:00"]
    four = heartbeat(folder, "replay", "--from-file", "day.jsonl", "--set", "fail_threshold=4")
    assert four.out.startswith("Incidents that would have been: 0\n")
    assert not (folder / ".local").exists()  # a file needs no store


def test_the_stored_day_beside_what_was(folder: Path) -> None:
    noon = time.time() // 86_400 * 86_400 - 43_200
    loaded = configuration.read(folder / "heartbeat.toml")
    state = folder / ".local/state/heartbeat"
    state.mkdir(parents=True)
    db = opened(f"sqlite:///{state / 'heartbeat.db'}")
    for number, word in enumerate("heeehh"):
        at = noon + 60 * number
        seen = {"db": Reading("error" if word == "e" else "healthy", 0.1, "gone" if word == "e" else None)}
        passes.save(db, passes.Pass(f"p{number}", "here", at, at), seen, loaded.components)
    detect.detect(db, loaded, noon + 999)
    db.close()
    done = json.loads(heartbeat(folder, "replay", "--format", "json").out)
    assert len(done["were"]) == 1 and done["would_have_been"] == done["were"]
    other = json.loads(heartbeat(folder, "replay", "--format", "json", "--set", "db.fail_threshold=4").out)
    assert other["were"] == done["were"] and other["would_have_been"] == []


def test_strangers_have_the_default_thresholds_and_children_are_held(folder: Path) -> None:
    lines(folder, *[row(id_, n) for n in range(4) for id_ in ("main", "stranger", "db")])
    found = json.loads(heartbeat(folder, "replay", "--from-file", "day.jsonl", "--format", "json").out)
    assert {one["component"]: one["held_by"] for one in found["would_have_been"]} == {
        "main": "db", "stranger": None, "db": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "is not JSON: Expecting value"),
        ("[1, 2]", "is not an object with component, timestamp, status"),
        ("7", "is not an object with component, timestamp, status"),
        ('{"component": "a", "status": "error"}', "timestamp is missing; a line has component, timestamp, status"),
        (row("a", 1, "dead"), "unknown status 'dead'; known: healthy, degraded, unhealthy, error, unknown"),
        (row("a", 1, response_time="fast"), "response_time 'fast' is no number of seconds"),
        (row("a", 1) | {"timestamp": "2026-11-22T10:00:00"}, "has no time zone"),
        (row("a", 1) | {"timestamp": "yesterday"}, "Invalid isoformat string: 'yesterday'"),
        ('{"component": "a", "timestamp": NaN, "status": "error"}', "timestamp nan is out of reach"),
        (row("a", 1, response_time=float("inf")), "response_time inf is no number of seconds"),
        ('{"component": "a", "timestamp": 1' + "0" * 400 + ', "status": "error"}', "is out of reach"),
        ("\udcff\udcfe", "is not UTF-8 text"),
        (row("a", 1) | {"timestamp": 1e30}, "timestamp 1e+30 is out of reach"),
        (row("a", 1) | {"timestamp": True}, "Invalid isoformat string: 'True'"),
        (row("a", 1) | {"status": ["error"]}, "unknown status"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_every_wrong_line_is_named(folder: Path, line: Any, reason: str) -> None:
    lines(folder, row("a", 0), line, row("a", 1), line)
    done = heartbeat(folder, "replay", "--from-file", "day.jsonl")
    assert (done.code, done.out) == (2, "")
    said = done.err.splitlines()
    assert len(said) == 2 and "day.jsonl:2: " in said[0] and "day.jsonl:4: " in said[1] and reason in said[0]


def test_hostile_text_cannot_steer_the_terminal(folder: Path) -> None:
    lines(folder, *[row("a\x1b[2J\ud800", n, error="x\ny\x1b[31m \udcff") for n in range(3)])
    done = heartbeat(folder, "replay", "--from-file", "day.jsonl")
    assert done.code == 0 and "\x1b" not in done.out and len(done.out.splitlines()) == 3


def test_lines_in_any_order_and_from_a_pipe(folder: Path) -> None:
    rows = [row("main", n, WORDS[word], error="gone") for n, word in enumerate("heeheeehh")]
    lines(folder, *rows)
    in_order = heartbeat(folder, "replay", "--from-file", "day.jsonl").out
    assert in_order.startswith("Incidents that would have been: 1\n")
    lines(folder, *reversed(rows))
    assert heartbeat(folder, "replay", "--from-file", "day.jsonl").out == in_order
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_bytes((folder / "day.jsonl").read_bytes()))
    writer.start()
    assert heartbeat(folder, "replay", "--from-file", "pipe").out == in_order
    writer.join(10)


def test_a_day_shows_what_only_touches_it_as_it_was(folder: Path) -> None:
    """Begun the day before, ended the day after: the same incident, whichever of the days is replayed."""
    loaded = configuration.read(folder / "heartbeat.toml")
    state = folder / ".local/state/heartbeat"
    state.mkdir(parents=True)
    db = opened(f"sqlite:///{state / 'heartbeat.db'}")
    first = time.time() // 86_400 * 86_400 - 3 * 86_400
    for hour in range(72):
        good = not 20 <= hour < 50
        seen = {"db": Reading("healthy" if good else "error", 0.1, None if good else "gone")}
        passes.save(
            db, passes.Pass(f"p{hour}", "here", first + 3600 * hour, first + 3600 * hour), seen, loaded.components
        )
    detect.detect(db, loaded, time.time())
    db.close()
    for day in range(3):
        named = datetime.fromtimestamp(first + day * 86_400, UTC).date().isoformat()
        done = json.loads(heartbeat(folder, "replay", "--date", named, "--format", "json").out)
        assert len(done["were"]) == 1 and done["would_have_been"] == done["were"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--set", "fail_treshold=2"), "unknown setting 'fail_treshold'; did you mean fail_threshold?"),
        (("--set", "nope.fail_threshold=2"), "no component 'nope'"),
        (("--set", "fail_threshold=many"), '--set fail_threshold=many: expected a whole number, got "many"'),
        (("--set", "fail_threshold=0"), "--set fail_threshold=0: expected 1 to 1,000, got 0"),
        (("--set", "db.quorum=x"), '--set db.quorum=x: expected a whole number, got "x"'),
        (("--set", "quorum=0"), "--set quorum=0: expected 1 to 1,000, got 0"),
        (("--set", "quorum=-1"), "--set quorum=-1: expected 1 to 1,000, got -1"),
        (("--set", "fail_window=22"), "--set fail_window=22: expected 1 to 21, got 22"),
        (("--set", "fail_window=2"), "fail_window 2 is below fail_threshold 3"),
        (("--date", "today", "--from-file", "x"), "--date goes without --from-file"),
        (("--from-file", "no-such-file"), "no-such-file: cannot be read: No such file or directory"),
    ],
)
def test_wrong_words_are_one_line(folder: Path, words: tuple[str, ...], line: str) -> None:
    done = heartbeat(folder, "replay", *words)
    assert (done.code, done.out) == (2, "")
    assert line in done.err and len(done.err.splitlines()) == 1
