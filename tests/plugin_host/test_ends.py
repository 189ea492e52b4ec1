"""No process of a plug-in outlives the command, whatever a thread of it does, and however the command ends."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.plugins import HEAD, Packages

# Keeps the interpreter's lock: once it has begun, no line of Python runs in the process any more.
KEEP = """
import os, re, threading
def keep():
    re.match(r"(a+)+$", "a" * 60 + "b")
"""
NAMES = 'with open(PIPE, "w") as pipe:\n    pipe.write(f"{os.getpid()} {os.getppid()}\\n")\n'
WELL = 'def probe(settings, context):\n    return Reading("healthy")\n'
HANGS = """
import subprocess, time
def probe(settings, context):
    child = subprocess.Popen(["sleep", "600"])
    with open(PIPE, "w") as pipe:
        pipe.write(f"{os.getpid()} {child.pid}\\n")
    time.sleep(600)
"""
NOW, AT_A_CALL = "threading.Thread(target=keep, daemon=True).start()\n", "os.register_at_fork(after_in_parent=keep)\n"
CONFIG = """
[components."it-{n}"]
kind = "stuck"
each = { n = "1..3" }
timeout = 2
[components.other]
kind = "command"
command = ["true"]
"""


def started(folder: Path, source: str, *words: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A command with such a plug-in, and handles of the processes that the plug-in has named."""
    packages, pipe = Packages(folder / "site"), folder / "pipe"
    os.mkfifo(pipe)
    packages.add("stuck", monitors_stuck=HEAD + f"PIPE = {str(pipe)!r}\n" + source)
    (folder / "heartbeat.toml").write_text(CONFIG)
    argv = [sys.executable, "-m", "heartbeat_cli", *words]
    environment = {**os.environ, "PYTHONPATH": str(packages.folder), "HOME": str(folder)}
    command = subprocess.Popen(argv, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(pipe) as file:
        pids = [*map(int, file.readline().split())]
    return command, [os.pidfd_open(pid) for pid in pids]


def have_ended(handles: list[int]) -> bool:
    """Whether these processes end, for which half a minute is left to a busy machine."""
    found = [bool(select.select([handle], [], [], 30)[0]) for handle in handles]
    for handle, ended in zip(handles, found, strict=True):
        if not ended:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    return all(found)


@pytest.mark.parametrize("source", [KEEP + NAMES + WELL + NOW, KEEP + NAMES + WELL + AT_A_CALL])
@pytest.mark.parametrize("killed", [False, True])
def test_a_thread_in_c_code_leaves_no_process(tmp_path: Path, source: str, killed: bool) -> None:
    command, handles = started(tmp_path, source, "check", "--all")
    if killed:
        command.kill()
    command.wait(60)
    assert have_ended(handles)


def test_what_a_call_has_started_ends_with_a_killed_command(tmp_path: Path) -> None:
    command, handles = started(tmp_path, "import os" + HANGS, "check", "--all")
    command.kill()
    command.wait(60)
    assert have_ended(handles)


def test_a_process_that_takes_no_calls_is_waited_for_once(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("stuck", monitors_stuck=HEAD + KEEP + WELL + AT_A_CALL)
    (tmp_path / "heartbeat.toml").write_text(CONFIG.replace("1..3", "1..400"))
    rows = json.loads(packages.heartbeat(tmp_path, "check", "--all", "--format", "json").out)
    found = {row["component"]: (row["status"], row["error"] or "") for row in rows}
    assert found.pop("other") == ("healthy", "")
    said = [error for status, error in found.values() if status == "unknown"]
    assert sum("its process takes no calls any more, and was ended" in one for one in said) > 300
