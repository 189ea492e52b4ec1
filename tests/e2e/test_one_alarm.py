"""A fault is one alarm: when recovery comes to its end in the run that declared the fault, both are one message. Whole
runs over real parts; what is slow waits for a file, so that nothing here depends on how long something takes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store.outbox import alerts
from tests.parts.forked import Forked
from tests.parts.runner import Deployment
from tests.parts.stores import opened

CONFIG = """
[heartbeat]
store = "sqlite:///{folder}/store.db"
state_dir = "{folder}/state"
observer = "agents-1"
reopen_within = 0
[defaults]
interval = 0.01
timeout = 60
retries = 0
fail_threshold = 1
recovery_threshold = 1
recovery = "off"
[components.worker]
kind = "command"
name = "Worker"
command = ["/bin/sh", "{folder}/check"]
exit_codes = "plain"
recovery = {{ mode = "on", ladder = [{{ action = "command", command = ["/bin/sh", "{folder}/step"], tries = 1 }}] }}
[components.other]
kind = "command"
command = ["test", "-e", "{folder}/other"]
exit_codes = "plain"
[channels.log]
kind = "file"
path = "{folder}/messages.jsonl"
digest = {digest}
"""
WAITS = "touch {folder}/began; while [ ! -e {folder}/go ]; do sleep 0.05; done\n"
FAILS = "test -e {folder}/well\n"


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., Deployment]:
    def make(check: str = FAILS, step: str = "exit 1\n", digest: bool = True) -> Deployment:
        for name, text in (("check", check), ("step", step)):
            (tmp_path / name).write_text(text.format(folder=tmp_path))
        (tmp_path / "other").touch()
        return Deployment(tmp_path, CONFIG.format(folder=tmp_path, digest=str(digest).lower()))

    return make


def start(runs: Deployment) -> Forked:
    return Forked(["--config", str(runs.config), "run"], runs.folder, {"PATH": "/usr/bin:/bin", "HOME": "/"})


def until(true: Callable[[], Any], seconds: float = 40.0) -> Any:
    """What `true` returns, when it is something; fails after so many seconds, in which it was never so."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def titles(runs: Deployment) -> list[str]:
    return [one["title"] for one in runs.messages()]


def recorded(runs: Deployment) -> list[tuple[str, list[str]]]:
    """The alerts in the store, oldest first, each with the states of its notifications."""
    db = opened(f"sqlite:///{runs.folder}/store.db")
    try:
        made = list(reversed(alerts.between(db, 0.0, 9e9)))
        return [(one.type, [sent.state for sent in alerts.deliveries(db, [one.id])]) for one in made]
    finally:
        db.close()


DOWN = "Worker reports a problem"
BOTH = f"{DOWN}: recovery failed, a person is needed"


@pytest.mark.parametrize("digest", [True, False])
def test_a_fault_whose_ladder_ends_in_the_same_run_is_one_message(host: Any, digest: bool) -> None:
    runs = host(digest=digest)
    runs.heartbeat("run")
    (one,) = runs.messages()
    assert (one["title"], one["subject"], one["type"]) == (BOTH, f"[agents-1] {BOTH}", "command_down")
    assert "1. command: failed" in one["text"] and one["text"].count("What to do") == 1
    assert recorded(runs) == [("command_down", ["sent"]), ("recovery_failed", ["sent"])]
    runs.heartbeat("run")
    assert len(runs.messages()) == 1
    listed = json.loads(runs.heartbeat("alerts", "--format", "json"))
    assert sorted(row["alert_type"] for row in listed) == ["command_down", "recovery_failed"]
    (runs.folder / "well").touch()
    runs.heartbeat("run")
    assert runs.messages()[-1]["subject"] == f"[agents-1] Resolved: Worker (was: {DOWN})"


def test_a_step_that_takes_long_holds_the_declaration_up_no_longer_than_its_time(host: Any) -> None:
    """It arrives while the step is still being taken, and what concerns others has not waited for it."""
    runs = host(step=WAITS + "exit 1\n")
    (runs.folder / "other").unlink()
    one = start(runs)
    until(lambda: (runs.folder / "began").exists())
    assert "other reports a problem" in until(lambda: titles(runs))[0]
    until(lambda: DOWN in titles(runs))
    assert "Worker: recovery failed, a person is needed" not in titles(runs)
    (runs.folder / "go").touch()
    one.communicate()
    assert titles(runs)[-1] == "Worker: recovery failed, a person is needed"


def test_a_check_before_the_step_that_hangs_holds_it_up_no_longer_either(host: Any) -> None:
    runs = host(check="test -e {folder}/first || {{ touch {folder}/first; exit 1; }}\n" + WAITS + FAILS)
    one = start(runs)
    until(lambda: DOWN in titles(runs))
    assert (runs.folder / "began").exists() and not (runs.folder / "go").exists()
    (runs.folder / "go").touch()
    one.communicate()


def test_a_run_that_is_killed_meanwhile_has_still_told(host: Any) -> None:
    runs = host(step=WAITS + "exit 1\n")
    one = start(runs)
    until(lambda: (runs.folder / "began").exists())
    one.kill()
    one.wait()
    one.close()
    (runs.folder / "go").touch()

    def told() -> bool:
        runs.heartbeat("run")
        return any(title.startswith(DOWN) for title in titles(runs))

    until(told)


def test_what_recovers_by_the_step_is_declared_and_ended(host: Any) -> None:
    runs = host(step="touch {folder}/well\n")
    runs.heartbeat("run")
    assert titles(runs) == [DOWN]
    runs.heartbeat("run")
    (end,) = runs.messages()[1:]
    assert "Healed by: heartbeat, with command: " in end["text"]
    assert (end["subject"], end["thread"]) == (
        f"[agents-1] Resolved: Worker (was: {DOWN})",
        runs.messages()[0]["thread"],
    )
