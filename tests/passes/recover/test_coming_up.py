"""What a script or a command of a step has left running is still coming up."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from heartbeat_cli.actions import command, script
from tests.passes.recover.test_recover import Make, server, ward  # noqa: F401 - fixtures


def starter(folder: Path, name: str) -> list[str]:
    """Starts a process in the background, which writes its number to a file, and ends."""
    return ["/bin/sh", "-c", f"sleep 61 >/dev/null 2>&1 & echo $! > {folder}/{name}"]


def number(folder: Path, name: str) -> int:
    return int((folder / name).read_text())


def ended(pid: int) -> None:
    """Kill it, and wait until it is gone, or waits for its parent only."""
    os.kill(pid, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


def test_what_a_command_started_has_twice_its_grace_before_a_person_is_called(ward: Make, tmp_path: Path) -> None:  # noqa: F811
    one = ward([{"action": "command", "command": starter(tmp_path, "pid")}])
    one.scene.now = time.time() - 3_600
    scene = one.fault()
    assert scene.recover()[-1].outcome == "done"
    for later, said in ((61, "it has 59 s left to come up"), (58, "it has 1 s left to come up")):
        scene.now += later
        assert said in one.recover()[0][1]
    ended(number(tmp_path, "pid"))
    scene.now += 2
    assert one.recover()[0][0] == "exhausted"


def test_what_ended_again_has_its_grace_only(ward: Make, tmp_path: Path) -> None:  # noqa: F811
    one = ward([{"action": "command", "command": starter(tmp_path, "pid")}])
    one.scene.now = time.time() - 3_600
    scene = one.fault()
    assert scene.recover()[-1].outcome == "done"
    ended(number(tmp_path, "pid"))
    scene.now += 61
    assert one.recover()[0][0] == "exhausted"


def test_each_step_knows_what_it_started_itself_and_the_newest_of_it(tmp_path: Path) -> None:
    """A step of another component, or with other arguments, started something else."""
    one, other = (command.Settings(tuple(starter(tmp_path, name))) for name in ("one", "other"))
    before = time.time()
    try:
        assert command.run(one, timeout=5).result == "done"
        assert command.left_behind(other, timeout=1) is None
        first = command.left_behind(one, timeout=1)
        assert first is not None and before - 0.02 <= first <= time.time()
        time.sleep(0.05)
        earlier = number(tmp_path, "one")
        assert command.run(one, timeout=5).result == "done"
        again = command.left_behind(one, timeout=1)
        assert again is not None and again > first
        os.kill(earlier, signal.SIGKILL)
    finally:
        os.kill(number(tmp_path, "one"), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while command.left_behind(one, timeout=1) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert command.left_behind(one, timeout=1) is None


def test_a_script_too(tmp_path: Path) -> None:
    name = "restart_main.sh"
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\nsleep 61 >/dev/null 2>&1 &\necho $! > {tmp_path}/pid\n")
    path.chmod(0o700)
    settings = script.Settings(name, str(tmp_path))
    assert script.left_behind(settings, timeout=1) is None
    assert script.run(settings, timeout=5).result == "done"
    try:
        assert script.left_behind(settings, timeout=1) is not None
    finally:
        os.kill(number(tmp_path, "pid"), signal.SIGKILL)
