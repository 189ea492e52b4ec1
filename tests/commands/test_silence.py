"""`heartbeat silence`: nobody is told for a while; what happened is kept."""

import json
import os
import pwd
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import lacking
from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

ROW = re.compile(r"([0-9a-f]{6})  (\S+)  until (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  (.*) \((.*)\)\n")


def alerts(home: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(home / ".local/state/heartbeat/heartbeat.db") as db:
        found = db.execute("SELECT alert_type, reason FROM heartbeat_alerts ORDER BY alert_time").fetchall()
    db.close()
    return found


def test_begin_list_end(tmp_path: Path) -> None:
    Outage(tmp_path)
    assert heartbeat(tmp_path, "silence") == (0, "", "no silence in force\n")
    begun = heartbeat(tmp_path, "silence", "thing", "--for", "5", "--reason", "moving house", LOGNAME="mei")
    assert (begun.code, begun.err) == (0, "")
    row = ROW.fullmatch(begun.out)
    assert row is not None
    assert (row[2], row[4], row[5]) == ("thing", "moving house", pwd.getpwuid(os.getuid()).pw_name)
    assert heartbeat(tmp_path, "silence") == (0, begun.out, "")
    assert heartbeat(tmp_path, "maintenance") == (0, "", "no maintenance in force\n")
    other = heartbeat(tmp_path, "maintenance", "--end", row[1])
    line = f"heartbeat: no maintenance '{row[1]}' in force; `heartbeat maintenance` lists them\n"
    assert other == (2, "", line)
    assert heartbeat(tmp_path, "silence", "--end", row[1]) == (0, f"silence {row[1]} ended\n", "")
    line = f"heartbeat: no silence '{row[1]}' in force; `heartbeat silence` lists them\n"
    assert heartbeat(tmp_path, "silence", "--end", row[1]) == (2, "", line)
    assert heartbeat(tmp_path, "silence") == (0, "", "no silence in force\n")


@pytest.mark.parametrize("target", ["thing", "command", "th*"])
def test_nobody_is_told_and_all_is_kept(tmp_path: Path, target: str) -> None:
    thing = Outage(tmp_path)
    silence = heartbeat(tmp_path, "silence", target, "--reason", "known").out.split()[0]
    assert thing.down() == (0, "", "")
    ((kind, reason),) = alerts(tmp_path)
    assert kind == "command_down"
    assert reason.endswith(f"muted: silence {silence} (known)")
    assert json.loads(heartbeat(tmp_path, "status", "--format", "json").out)[0]["state"] == "fault"


def test_it_ends_by_itself(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    heartbeat(tmp_path, "silence", "thing", "--for", "0.0001")
    assert "] thing reports a problem\n" in thing.down().err


def test_what_it_is_not_about_is_told(tmp_path: Path) -> None:
    thing = Outage(tmp_path, more='[components.other]\nkind = "push"\nperiod = 60\n')
    heartbeat(tmp_path, "silence", "other")
    assert "] thing reports a problem\n" in thing.down().err


def test_wrong_usage(tmp_path: Path) -> None:
    Outage(tmp_path)
    line = "heartbeat: no component or observer 'thnig'; did you mean thing?\n"
    assert heartbeat(tmp_path, "silence", "thnig") == (2, "", line)
    ended = heartbeat(tmp_path, "silence", "thing", "--end", "abc")
    assert ended == (2, "", "heartbeat: --end abc goes without 'thing': it names the silence to end\n")
    assert heartbeat(tmp_path, "silence") == (0, "", "no silence in force\n")


@pytest.mark.parametrize("verb", ["silence", "maintenance"])
def test_a_host_of_the_store(tmp_path: Path, verb: str) -> None:
    """It need be no component of this configuration: what is kept back is the message that the host is silent."""
    Outage(tmp_path, also='[heartbeat]\nobserver = "web2"\n').run()
    Outage(tmp_path, also='[heartbeat]\nobserver = "web1"\n')
    for target in ("web2", "web*"):
        ended = heartbeat(tmp_path, verb, target)
        assert (ended.code, ended.err, ended.out.splitlines()[-1].split()[1]) == (0, "", target)
    line = "heartbeat: no component or observer 'wbe2'; did you mean web2?\n"
    assert heartbeat(tmp_path, verb, "wbe2") == (2, "", line)
    line = "heartbeat: no component 'web2'; known: thing\n"
    assert heartbeat(tmp_path, "ack", "web2") == (2, "", line)


def test_a_hostile_reason_stays_on_its_line(tmp_path: Path) -> None:
    Outage(tmp_path)
    out = heartbeat(tmp_path, "silence", "thing", "--reason", "a\nb\x1b[31m" + "x" * 10_000).out
    assert out.count("\n") == 1
    assert out.replace("\n", "").isprintable()
    assert len(out) < 300


def test_many_at_once_have_names_of_their_own(tmp_path: Path) -> None:
    Outage(tmp_path)
    for _ in range(5):
        heartbeat(tmp_path, "silence", "thing")
    lines = heartbeat(tmp_path, "silence").out.splitlines()
    assert len({line.split()[0] for line in lines}) == 5


def test_a_user_without_a_name(tmp_path: Path) -> None:
    """A container may run as a number that no passwd file knows."""
    Outage(tmp_path)
    if os.geteuid() != 0:
        lacking("only root can become a nobody of its own")
    code = (
        "import getpass, os, pwd\nfrom heartbeat_cli.commands._app import current_user\n"
        "os.setuid(4_000_000_000)\nprint(current_user())"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "uid 4000000000\n"


@pytest.mark.parametrize("verb", ["silence", "maintenance"])
def test_as_json_and_by_a_program(tmp_path: Path, verb: str) -> None:
    Outage(tmp_path)
    assert heartbeat(tmp_path, verb, "--format", "json") == (0, "[]\n", "")
    begun = heartbeat(tmp_path, verb, "thing", "--reason", "moving", "--by", "bot", "--format", "json")
    (row,) = json.loads(begun.out)
    me = pwd.getpwuid(os.getuid()).pw_name
    assert (row["target"], row["kind"], row["reason"], row["by"]) == ("thing", verb, "moving", f"bot ({me})")
    assert row["from"] < row["until"] and row["until"].endswith("+00:00")
    assert json.loads(heartbeat(tmp_path, verb, "--format", "json").out) == [row]
    ended = heartbeat(tmp_path, verb, "--end", row["id"], "--format", "json")
    assert (ended.code, json.loads(ended.out)) == (0, {"ended": row["id"]})
