"""`heartbeat run`: silent while nothing happens, whole passes, and one broken secret does not end the watch."""

import json
import sqlite3
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat


def states(home: Path) -> dict[str, str]:
    rows = json.loads(heartbeat(home, "status", "--format", "json").out)
    return {row["component"]: f"{row['state']} {row['status']}" for row in rows}


def test_it_says_nothing_when_nothing_happens(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    assert thing.run() == (0, "", "")
    assert thing.run() == (0, "", "")
    thing.breaks()
    assert thing.run() == (0, "", ""), "one failing check is no news"


def test_a_fault_and_its_end_are_news(tmp_path: Path) -> None:
    """Without a channel they go to standard error, which cron mails."""
    thing = Outage(tmp_path)
    ended = thing.down()
    assert (ended.code, ended.out) == (0, "")
    assert "] thing reports a problem\n" in ended.err
    assert "it is broken" in ended.err
    assert thing.run() == (0, "", ""), "and it is said once"
    thing.heals()
    ended = thing.run()
    assert (ended.code, ended.out) == (0, "")
    assert "] Resolved: thing (was: thing reports a problem)\n" in ended.err


def test_verbose_tells_each_decision(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.breaks()
    thing.run()
    ended = heartbeat(tmp_path, "run", "-v")
    assert (ended.code, ended.out) == (0, "")
    lines = ended.err.splitlines()
    assert lines[0] == "checked 1 of 1 components"
    assert "thing: opened: 2 failing checks in a row (threshold 2)" in lines
    assert any(line.endswith(" to console: printed") for line in lines)
    assert lines[-1].startswith("done in ")


def test_a_lost_secret_costs_its_component_only(tmp_path: Path) -> None:
    """The others are watched, the loss is said at every run with the exit code of a wrong configuration."""
    more = '[components.db]\nkind = "database"\ndsn = "file:secret"\nfail_threshold = 1\ninterval = 0.01\n'
    thing = Outage(tmp_path, more=more)
    lost = "heartbeat.toml: components.db.dsn: cannot read secret: No such file or directory"
    assert thing.run() == (2, "", f"heartbeat: {lost}\n")
    found = states(tmp_path)
    assert found["thing"] == "healthy healthy"
    assert found["db"].endswith(" unknown")
    ended = thing.down()
    assert ended.code == 2
    assert "🔴 thing reports a problem" in ended.err, "a fault of the other one is still found and told"
    assert "🔴 db cannot be checked" in ended.err
    assert ended.err.endswith(f"heartbeat: {lost}\n")
    assert states(tmp_path)["db"] == found["db"], "never a fault of the database"
    with_line = lost.replace("toml:", "toml:10:")
    assert heartbeat(tmp_path, "config", "check") == (2, "", f"heartbeat: {with_line}\n")
    ended = heartbeat(tmp_path, "check", "--component", "db", "--format", "nagios")
    assert (ended.code, ended.err) == (3, f"{lost}\n")
    assert ended.out.startswith("HEARTBEAT UNKNOWN - db: heartbeat.toml: components.db.dsn: cannot read secret")
    (tmp_path / "secret").write_text("postgresql://nobody@127.0.0.1:9/x")
    assert thing.run().code == 0
    assert states(tmp_path)["db"].endswith(" error"), "back again, and looked at"


def test_a_lost_secret_of_a_channel_keeps_its_messages(tmp_path: Path) -> None:
    log = tmp_path / "log"
    channels = '[channels.lost]\nkind = "file"\npath = "file:where"\n[channels.log]\nkind = "file"\npath = "%s"\n'
    thing = Outage(tmp_path, also=channels % log)
    assert thing.down().code == 2
    assert json.loads(log.read_text())["type"] == "command_down", "the other channel has it"
    assert heartbeat(tmp_path, "notify").code == 1
    (tmp_path / "where").write_text(str(tmp_path / "late"))
    with sqlite3.connect(tmp_path / ".local/state/heartbeat/heartbeat.db") as db:
        db.execute("UPDATE heartbeat_outbox SET next_try = 0")
    db.close()
    ended = heartbeat(tmp_path, "notify")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith(" to lost: sent\n")
    assert json.loads((tmp_path / "late").read_text())["type"] == "command_down"
