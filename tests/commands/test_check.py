"""`heartbeat check`: what is due or named, what is kept, and the exit code."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.parts.verb import heartbeat

TRUE = '[components.{}]\nkind = "command"\ncommand = ["/bin/true"]\n{}\n'
FALSE = '[components.{}]\nkind = "command"\ncommand = ["/bin/sh", "-c", "exit 2"]\n{}\n'


def configured(home: Path, *components: str) -> None:
    (home / "heartbeat.toml").write_text('[heartbeat]\nobserver = "here"\n' + "".join(components))


def kept(home: Path) -> int:
    with sqlite3.connect(home / ".local/state/heartbeat/heartbeat.db") as db:
        (found,) = db.execute("SELECT count(*) FROM heartbeat_logs").fetchone()
    db.close()
    return int(found)


def looked_at(home: Path, *words: str) -> list[str]:
    return [row["component"] for row in json.loads(heartbeat(home, "check", "--format", "json", *words).out)]


def test_a_table_and_its_exit_code(tmp_path: Path) -> None:
    configured(tmp_path, TRUE.format("good", ""), FALSE.format("bad", ""))
    ended = heartbeat(tmp_path, "check", "--component", "good")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0].split() == ["Component", "Kind", "Result", "Response", "What", "was", "seen"]
    assert ended.out.splitlines()[2].split()[:3] == ["good", "command", "healthy"]
    assert heartbeat(tmp_path, "check", "--all").code == 1


def test_what_is_due(tmp_path: Path) -> None:
    configured(tmp_path, TRUE.format("a", "interval = 3600"), TRUE.format("b", "interval = 0.01"))
    assert looked_at(tmp_path) == ["a", "b"]
    assert looked_at(tmp_path) == ["b"]
    assert looked_at(tmp_path, "--component", "a") == ["a"]
    assert looked_at(tmp_path, "--component", "command") == ["a", "b"]
    assert looked_at(tmp_path, "--component", "[a]") == ["a"]
    assert looked_at(tmp_path, "--component", "b", "--component", "a", "--component", "*") == ["a", "b"]


def test_what_other_hosts_watch_is_left_to_them(tmp_path: Path) -> None:
    """An agent on localhost elsewhere is not down because nothing listens here."""
    configured(tmp_path, TRUE.format("mine", 'observer = "he*"'), FALSE.format("theirs", 'observer = "there"'))
    assert looked_at(tmp_path, "--all") == ["mine"]
    assert looked_at(tmp_path, "--component", "theirs") == ["theirs"], "but a person may ask"
    before = kept(tmp_path)
    ended = heartbeat(tmp_path, "check", "--component", "theirs", "--component", "mine")
    assert ended.err == "theirs: looked at, not kept: there watches it, not this host\n"
    assert kept(tmp_path) == before + 1, "it would be a vote of a host that has none"


def test_nothing_to_do(tmp_path: Path) -> None:
    configured(tmp_path)
    assert heartbeat(tmp_path, "check") == (0, "", "No components are configured.\n")
    configured(tmp_path, TRUE.format("a", ""))
    heartbeat(tmp_path, "check")
    assert heartbeat(tmp_path, "check") == (0, "", "Nothing is due.\n")
    assert heartbeat(tmp_path, "check", "--format", "json") == (0, "[]\n", "")
    line = "HEARTBEAT UNKNOWN - nothing was due; --all or --component checks all the same\n"
    assert heartbeat(tmp_path, "check", "--format", "nagios") == (3, line, "")


def test_a_dry_run_looks_and_keeps_nothing(tmp_path: Path) -> None:
    configured(tmp_path, TRUE.format("a", ""))
    ended = heartbeat(tmp_path, "check", "--dry-run")
    assert ended.code == 0
    assert "healthy" in ended.out
    assert kept(tmp_path) == 0
    heartbeat(tmp_path, "check")
    assert kept(tmp_path) == 1


@pytest.mark.parametrize(("code", "word"), [(0, "OK"), (1, "WARNING"), (2, "CRITICAL"), (3, "UNKNOWN")])
def test_as_a_plugin(tmp_path: Path, code: int, word: str) -> None:
    configured(tmp_path, f'[components.a]\nkind = "command"\ncommand = ["/bin/sh", "-c", "exit {code}"]\n')
    ended = heartbeat(tmp_path, "check", "--component", "a", "--format", "nagios")
    assert (ended.code, ended.err) == (code, "")
    assert ended.out.startswith(f"HEARTBEAT {word} - ")
    assert ended.out.count("\n") == 1
