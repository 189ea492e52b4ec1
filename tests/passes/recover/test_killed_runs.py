"""What the next run does about a step whose run was killed."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store.state import recoveries
from tests.parts.http import Server
from tests.passes.recover.test_recover import Make, server, ward  # noqa: F401 - fixtures


def dead() -> int:
    """The number of a process that has just ended."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def cut_off(one: Any, pid: int) -> Any:
    """A fault whose first step was begun by this process 2 seconds ago, and has not ended."""
    scene = one.fault()
    scene.recover()
    (attempt,) = scene.attempts
    running = attempt._replace(outcome="running", finished=None, verified=None, output=f"process {pid}")
    recoveries.save(scene.db, running)
    one.done.unlink(missing_ok=True)
    scene.now += 2
    return scene


@pytest.mark.whole
def test_what_was_killed_with_its_script_is_done_again_soon(ward: Make) -> None:  # noqa: F811
    """It had been left for the whole time of a step, and its grace: 142 to 172 s. The script may have ended before its
    run was killed: what it started has a moment to come up."""
    one = ward()
    one = ward([one.step("one"), one.step("two")])
    scene = cut_off(one, dead())
    scene.now -= 1
    (step,) = scene.recover()
    assert (step.decision, step.reason) == ("wait", "step 1 was taken; it has 1 s left to come up")
    scene.now += 2
    (step,) = scene.recover()
    assert (step.decision, step.outcome, step.name) == ("ran", "done", "resumed"), step
    assert one.steps == ["one"]
    first, second = scene.attempts
    assert (first.outcome, first.output, second.step) == ("cut off", "", 0)
    recoveries.save(scene.db, second._replace(outcome="running", output=f"process {dead()}"))
    one.done.unlink()
    scene.now += 6
    assert scene.recover()[-1].name != "resumed", "once only: a step may kill its run each time"


def test_while_its_process_lives_it_is_waited_for(ward: Make) -> None:  # noqa: F811
    scene = cut_off(ward(), os.getpid())
    (step,) = scene.recover()
    assert (step.decision, step.name) == ("wait", "cut off")


def test_while_something_that_it_started_lives_that_has_its_grace(ward: Make, tmp_path: Path) -> None:  # noqa: F811
    pid = dead()
    with subprocess.Popen(["sleep", "60"], env={**os.environ, "HEARTBEAT_PID": str(pid)}) as child:
        scene = cut_off(ward(), pid)
        (step,) = scene.recover()
        child.kill()
    assert step.reason == "step 1 was taken; it has 58 s left to come up"


def test_a_hook_that_was_called_keeps_its_whole_grace(ward: Make, server: Server) -> None:  # noqa: F811
    """What it has set going elsewhere cannot be seen."""
    scene = cut_off(ward([{"action": "http", "url": f"{server.url}/hook"}]), dead())
    (step,) = scene.recover()
    assert step.reason == "step 1 was taken; it has 58 s left to come up"


def test_a_step_that_ended_says_what_it_said(ward: Make) -> None:  # noqa: F811
    one = ward()
    one.fault()
    one.recover()
    assert [attempt.output for attempt in one.scene.attempts] == [""]
