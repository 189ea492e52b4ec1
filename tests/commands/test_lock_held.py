"""A lock held for longer than a pass may take: told once for each holder, said on stderr and by the exit code every
time, and told to be over when a pass has it again. On both stores."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config import places
from heartbeat_cli.passes.housekeeping.lock_held import longest_pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import database, tables
from heartbeat_cli.store.standby import mirror
from heartbeat_cli.system.lock import a_pass_waits, only_one
from tests.parts.docker import wait_for
from tests.parts.postgres import Server
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores
from tests.parts.verb import Ended, heartbeat
from tests.parts.watch import kept_in

_HOLD = """
import sys
from pathlib import Path
from heartbeat_cli.system.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home(store_url: str, tmp_path: Path) -> Path:
    return watched(tmp_path, store_url)


def watched(tmp_path: Path, store_url: str) -> Path:
    """A folder with a watch over one component, after its first pass."""
    (tmp_path / "heartbeat.toml").write_text(f"""
        [heartbeat]
        store = "{store_url}"
        state_dir = "{tmp_path}/state"
        observer = "here"
        [channels.log]
        kind = "file"
        path = "{tmp_path}/told.jsonl"
        [components.well]
        kind = "command"
        command = ["true"]
        interval = 0.01
        """)
    assert heartbeat(tmp_path, "run") == Ended(0, "", "")
    return tmp_path


def lock_folder(home: Path) -> Path:
    return places.config_folder(configuration.read(home / "heartbeat.toml"))


@contextmanager
def held(home: Path, seconds: float) -> Iterator[int]:
    """Another process has had the lock for so long."""
    argv = [sys.executable, "-c", _HOLD, str(lock_folder(home)), "a secret-free word"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        (lock_folder(home) / "run.lock").write_text(f"{holder.pid} {time.monotonic() - seconds:.3f}\n")
        yield holder.pid
        holder.kill()


def told(home: Path) -> list[str]:
    path = home / "told.jsonl"
    return [json.loads(line)["type"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_pass_that_is_only_long_is_left_in_peace(home: Path) -> None:
    with held(home, 150):
        assert heartbeat(home, "run") == Ended(0, "", "")
    assert told(home) == []


def test_a_pass_is_made_as_soon_as_a_command_has_ended(home: Path) -> None:
    """It gave up at once, so that commands one after another left it no turn."""
    argv = [sys.executable, "-m", "heartbeat_cli", "run", "-v"]
    with only_one(lock_folder(home)):
        run = subprocess.Popen(argv, cwd=home, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: a_pass_waits(lock_folder(home)) or run.poll() is not None, "the pass waits")
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0 and "checked 1 of 1 components" in said


def test_told_once_for_each_holder_and_when_it_is_over(home: Path, store_url: str) -> None:
    with held(home, 7_200) as pid:
        for _ in range(3):
            ended = heartbeat(home, "run")
            assert (ended.code, ended.out) == (3, "")
            (line,) = ended.err.splitlines()
            assert line.startswith(f"heartbeat: process {pid} ({sys.executable} -c ")
            assert f"has held the lock {lock_folder(home)}/run.lock for 2 h; a pass takes 4 min at most; " in line
            assert line.endswith(f"heartbeat makes no pass until it has ended; if it hangs: kill {pid}")
        assert told(home) == ["lock_held"]
    assert heartbeat(home, "run") == Ended(0, "", "")
    assert told(home) == ["lock_held", "lock_free"]
    assert heartbeat(home, "run") == Ended(0, "", "")
    assert told(home) == ["lock_held", "lock_free"]
    with held(home, 7_200):
        assert [heartbeat(home, "run").code for _ in range(2)] == [3, 3]
    assert told(home) == ["lock_held", "lock_free", "lock_held"]
    with closing(database.connect(store_url, 5)) as db:
        first = min(alerts.between(db, 0, 9e9), key=lambda one: one.at)
    assert (first.component, first.severity, first.details["observer"]) == ("here", "high", "here")
    assert first.reason.startswith(f"process {pid} (") and time.time() - first.details["started"] > 7_000


def test_what_waits_goes_out_although_the_lock_is_held(home: Path, store_url: str) -> None:
    """The first try fails; those who come later and get no lock go on trying."""
    path = home / "told.jsonl"
    path.mkdir()
    with held(home, 7_200):
        assert heartbeat(home, "run").code == 3
        path.rmdir()
        with closing(database.connect(store_url, 5)) as db:
            db.run("UPDATE heartbeat_outbox SET next_try = created, lease_until = NULL")
        assert heartbeat(home, "run").code == 3
        assert told(home) == ["lock_held"]


def test_a_store_that_is_away_as_well_is_said_by_the_exit_code(home: Path) -> None:
    text = (home / "heartbeat.toml").read_text()
    store = text.partition('store = "')[2].partition('"')[0]
    (home / "heartbeat.toml").write_text(text.replace(store, "postgresql://x@127.0.0.1:9/x"))
    with held(home, 7_200):
        ended = heartbeat(home, "run")
        assert ended.code == 3 and "has held the lock" in ended.err


def test_other_verbs_say_who_has_it_and_for_how_long(home: Path) -> None:
    with held(home, 7_200) as pid:
        ended = heartbeat(home, "detect")
        said = f"another heartbeat has been running for 2 h (process {pid}, lock "
        assert ended.code == 3 and said in ended.err and "doctor" in ended.err and "in a moment" not in ended.err


def test_doctor_says_that_it_is_held_for_too_long_and_what_to_do(home: Path) -> None:
    with held(home, 7_200) as pid:
        found = json.loads(heartbeat(home, "doctor", "--format", "json").out)
        [state] = [one for one in found if one["topic"] == "state"]
        assert state["level"] == "bad" and f"process {pid} (" in state["text"] and "for 2 h" in state["text"]
        assert state["advice"] == f"if it hangs: kill {pid}"


def test_the_longest_pass_follows_from_the_configuration(tmp_path: Path) -> None:
    def longest(**tables: object) -> float:
        component = {"well": {"kind": "command", "command": ["true"], "timeout": 10}}
        return longest_pass(configuration.load({"components": component, **tables}, "heartbeat.toml", tmp_path))

    usual = longest()
    assert longest(recovery={"timeout": 40}) == usual + 20
    assert longest(recovery={"verify_wait": 18}) == usual + 10
    assert longest(heartbeat={"store_timeout": 4}) == usual + 9
    slow = {"slow": {"kind": "command", "command": ["true"], "timeout": 70}}
    assert longest(components=slow) == usual + 180
    assert usual < 300


def test_the_lock_of_an_earlier_version_is_told_to_be_free_again_too(home: Path) -> None:
    """That one locks the state folder itself, and writes its process only."""
    folder = home / "state"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        (folder / "run.lock").write_text(f"{holder.pid}\n")
        os.utime(folder / "run.lock", (time.time() - 7_200,) * 2)
        for _ in range(2):
            assert heartbeat(home, "run").code == 3
        holder.kill()
    for _ in range(2):
        assert heartbeat(home, "run").code == 0
    assert told(home) == ["lock_held", "lock_free"]


@pytest.mark.postgres
def test_while_the_store_is_away_nobody_is_told_too_much_or_too_little(tmp_path: Path) -> None:
    """A spool knows of what was sent while the lock was held, and what only the store knows of waits for it."""
    with Server() as server:
        home = watched(tmp_path, server.dsn())
        path = home / "told.jsonl"
        path.mkdir()
        file = home / "heartbeat.toml"
        text = file.read_text().replace('["true"]', '["false"]')
        file.write_text(text.replace('kind = "file"', 'kind = "file"\ndigest = false'))
        assert [heartbeat(home, "run").code for _ in range(3)] == [0, 0, 0]
        with held(home, 7_200):
            assert heartbeat(home, "run").code == 3
            path.rmdir()
            with closing(database.connect(server.dsn(), 5)) as db:
                db.run("UPDATE heartbeat_outbox SET next_try = created, lease_until = NULL")
            assert heartbeat(home, "run").code == 3
        kept = mirror.read(kept_in(file) / mirror.NAME)
        state = tables.OUTBOX.columns.index("state")
        assert "waiting" not in [row[state] for row in kept.get("heartbeat_outbox", [])]
        server.stop()
        assert heartbeat(home, "run").code == 0
        server.start()
        for _ in range(2):
            assert heartbeat(home, "run").code == 0
        assert [one for one in told(home) if one.startswith("lock")] == ["lock_held", "lock_free"]
