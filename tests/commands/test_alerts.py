"""`heartbeat alerts`: a story told, then asked for in every way."""

import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.parts.http import Answer, Server, healthy_server
from tests.parts.outage import Outage
from tests.parts.verb import Ended, heartbeat

CHANNELS = '[heartbeat]\ntimezone = "Asia/Hong_Kong"\n[channels.log]\nkind = "file"\npath = "{folder}/log"\n' + (
    '[channels.hook]\nkind = "webhook"\nurl = "{url}/s3cr3t"\n'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`thing` broke, which the hook did not take at first, and is well again; long ago `gone` was slow, and told to
    nobody."""
    folder = tmp_path_factory.mktemp("alerts")
    with healthy_server(Answer(503, b"later \x1b[31m")) as server:
        thing = story(folder, server)
        server.answer = Answer(204, b"")
        with sqlite3.connect(folder / ".local/state/heartbeat/heartbeat.db") as db:
            db.execute("UPDATE heartbeat_outbox SET next_try = 0, note = 'a [31m token=s3cr3t'")
        db.close()
        thing.heals()
        thing.run(2)
    return folder


def story(folder: Path, server: Server) -> Outage:
    thing = Outage(folder, also=CHANNELS.format(folder=folder, url=server.url))
    assert thing.down().code == 0
    with sqlite3.connect(folder / ".local/state/heartbeat/heartbeat.db") as db:
        db.execute(
            "INSERT INTO heartbeat_alert_rows (alert_id, alert_type, severity, title, component, alert_time, reason,"
            " details) VALUES ('gone@1/agent_slow', 'agent_slow', 'low', 'gone \x1b[2J\u202e is slow', 'gone', ?, '',"
            ' \'{"evidence": {"b\\u001bc": "x\\u001b[31my"}}\')',
            (time.time() - 10 * 86_400,),
        )
    db.close()
    return thing


def asked(home: Path, *words: str) -> list[dict[str, Any]]:
    ended = heartbeat(home, "alerts", *words, "--format", "json")
    assert (ended.code, ended.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


def types(home: Path, *words: str) -> list[str]:
    return [one["alert_type"] for one in asked(home, *words)]


def test_newest_first_with_how_each_went(home: Path) -> None:
    over, down, slow = asked(home)
    assert [one["alert_type"] for one in (over, down, slow)] == ["recovered", "command_down", "agent_slow"]
    assert list(down) == [
        *("alert_id", "alert_type", "severity", "title", "component", "alert_time", "incident", "reason"),
        "notifications",
    ]
    assert down["alert_id"] == f"{down['incident']}/command_down"
    assert datetime.fromisoformat(down["alert_time"]).utcoffset() == timedelta(0)
    hook, log = down["notifications"]
    assert (hook["channel"], hook["state"], hook["next_try"], hook["error"]) == ("hook", "sent", None, None)
    assert hook["attempts"] >= 2 and log["attempts"] == 1
    assert log["note"] == "a [31m token=•••"
    assert slow["notifications"] == []


def test_the_table(home: Path) -> None:
    ended = heartbeat(home, "alerts")
    lines = ended.out.splitlines()
    assert (ended.code, ended.err, len(lines)) == (0, "", 5)
    assert lines[0].split() == ["Time", "Severity", "Type", "Component", "Alert", "Delivered", "ID"]
    assert "hook: delivered, log: delivered" in lines[3] and lines[3].endswith("/command_down")
    at = datetime.fromisoformat(asked(home)[1]["alert_time"]) + timedelta(hours=8)
    assert lines[3].startswith(f"{at:%Y-%m-%d %H:%M:%S}"), "local time"
    assert "nobody notified" in lines[4]
    assert "\x1b" not in ended.out and "\u202e" not in ended.out


def test_filters(home: Path) -> None:
    assert types(home, "--component", "thing") == types(home, "--component", "th*", "--component", "command")
    assert types(home, "--component", "gone") == ["agent_slow"], "it has left the configuration"
    assert types(home, "--component", "go*", "--component", "thing", "--limit", "2") == ["recovered", "command_down"]
    assert types(home, "--type", "*_down") == ["command_down"]
    assert types(home, "--severity", "medium") == ["recovered", "command_down"]
    assert types(home, "--undelivered") == []
    for since in ("24h", "7d", "90min", (datetime.now(UTC) - timedelta(hours=2)).isoformat()):
        assert types(home, "--since", since) == ["recovered", "command_down"]
    assert types(home, "--until", "24h") == ["agent_slow"]
    day = (datetime.now(UTC) + timedelta(hours=8) - timedelta(days=10)).date()
    assert types(home, "--since", str(day), "--until", str(day)) == ["agent_slow"], "the last day is included"
    assert types(home, "--since", str(day + timedelta(days=1)), "--until", "yesterday") == []
    assert types(home, "--since", "99999999999999999d", "--limit", "1") == ["recovered"]


def test_what_it_says_besides(home: Path) -> None:
    assert heartbeat(home, "alerts", "--limit", "1").err == "the newest 1; --limit shows more\n"
    assert heartbeat(home, "alerts", "--type", "x") == (0, "", "no such alerts\n")


def test_one_whole(home: Path) -> None:
    (down,) = asked(home, "--type", "command_down")
    ended = heartbeat(home, "alerts", down["alert_id"])
    assert (ended.code, ended.err) == (0, "")
    for part in ("thing reports a problem\n", f"ID: {down['alert_id']}\n", "Type: command_down\n", "it is broken"):
        assert part in ended.out
    assert "2 failing checks in a row (threshold 2)" in ended.out
    tries = ended.out.partition("Every try")[2].splitlines()[4:]
    assert sum("not taken, tried again" in line and "503 (later [31m)" in line for line in tries) >= 1
    assert sum("delivered" in line for line in tries) == 2
    assert "\x1b" not in ended.out and "s3cr3t" not in ended.out


def test_one_whole_as_json(home: Path) -> None:
    ended = heartbeat(home, "alerts", "gone@1", "--format", "json")
    found = json.loads(ended.out)
    assert (found["alert_id"], found["evidence"], found["tries"]) == ("gone@1/agent_slow", {"b c": "x[31my"}, [])
    assert "x[31my" in found["text"]
    tries = json.loads(heartbeat(home, "alerts", "thing@", "--format", "json").out or "{}")
    assert tries == {}, "the beginning of two is none"


def refused(home: Path, *words: str) -> str:
    ended: Ended = heartbeat(home, "alerts", *words)
    assert (ended.code, ended.out) == (2, "")
    return ended.err.removeprefix("heartbeat: ").rstrip("\n")


def test_what_is_refused(home: Path) -> None:
    assert refused(home, "nothing") == "no alert 'nothing'; `heartbeat alerts` lists them"
    assert refused(home, "thing@").startswith("'thing@' begins more than one alert: thing@")
    assert refused(home, "thing@", "--since", "1h") == "'thing@' is one alert: filters go without it"
    assert refused(home, "--component", "thin") == "no component 'thin'; did you mean thing?"
    for time_ in ("soon", "", "2026-13-01", "7 parsecs", "-1h"):
        assert refused(home, "--since", time_).startswith(f"--since {time_!r} is no time; expected as in 24h, 7d")


def test_nothing_yet(tmp_path: Path) -> None:
    Outage(tmp_path)
    assert heartbeat(tmp_path, "alerts") == (0, "", "no such alerts\n")
    assert heartbeat(tmp_path, "alerts", "--format", "json") == (0, "[]\n", "")
