"""Debian's cron, for what really fires."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import lacking

_PID_FILE = Path("/run/crond.pid")


def _is_running() -> bool:
    """Whether the cron of this host runs. By the number in its file: that of a container is a process of the host, too,
    and a job that goes on after its cron has ended is called cron, as is a cron that ended because one ran before."""
    try:
        status = Path("/proc", _PID_FILE.read_text().strip(), "status").read_text()
    except OSError:
        return False
    return status.startswith("Name:\tcron\n") and "\nState:\tZ" not in status


def _start() -> "subprocess.Popen[bytes] | None":
    """Start one; None where another test's came first. The jobs of one that has ended hold its lock until they end."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        daemon = subprocess.Popen(["cron", "-f", "-L", "15"])
        try:
            daemon.wait(1)
        except subprocess.TimeoutExpired:
            return daemon
        if _is_running():
            return None
    raise TimeoutError("cron ends as soon as it is started")


@pytest.fixture
def cron_file() -> Iterator[Path]:
    """A file of our own in /etc/cron.d (nobody's crontab is touched), and a running cron."""
    folder = Path("/etc/cron.d")
    if os.geteuid() != 0 or not shutil.which("cron") or not folder.is_dir():
        lacking("cron needs root and Debian's cron")
    path = folder / f"heartbeat-test-{os.getpid()}"
    with Path(tempfile.gettempdir(), f"heartbeat-test-cron.{os.geteuid()}.lock").open("w") as using:
        fcntl.flock(using, fcntl.LOCK_SH)  # tests beside this one may use the daemon that it starts
        daemon = None if _is_running() else _start()
        yield path
        path.unlink(missing_ok=True)
        if daemon is not None:
            fcntl.flock(using, fcntl.LOCK_EX)
            daemon.terminate()
            daemon.wait(10)
