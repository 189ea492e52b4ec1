"""Another user's process bears the mark of ours: it is not taken for one, and its memory is not read."""

import os
import subprocess
import sys

import pytest

from heartbeat_cli.system import offspring, process
from tests.parts import lacking

_HIDES = (
    "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print(flush=True); time.sleep(60)"  # PR_SET_DUMPABLE
)


@pytest.mark.parametrize("mark", ["HEARTBEAT_PID", "HEARTBEAT_STEP"])
def test_a_strangers_process_is_nobodys_offspring(mark: str) -> None:
    """Not even one whose files in /proc belong to root, because it has said that it must not be dumped."""
    if os.geteuid() != 0:
        lacking("root, since only root can be another user, too")
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-I", "-S", "-c", _HIDES]
    with subprocess.Popen(argv, env={mark: "1234567"}, stdout=subprocess.PIPE, cwd="/") as other:
        assert other.stdout is not None
        other.stdout.readline()
        seen = os.stat(f"/proc/{other.pid}/environ").st_uid, process.owner(f"/proc/{other.pid}")
        found = offspring.left_by(1_234_567), offspring.started_by("1234567")
        other.kill()
    assert (seen, found) == ((0, 65534), (False, None))
