"""Debian's cron, for what really fires."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import lacking


@pytest.fixture
def cron_file() -> Iterator[Path]:
    """A file of our own in /etc/cron.d (nobody's crontab is touched), and a running cron."""
    folder = Path("/etc/cron.d")
    if os.geteuid() != 0 or not shutil.which("cron") or not folder.is_dir():
        lacking("cron needs root and Debian's cron")
    path = folder / f"heartbeat-test-{os.getpid()}"
    with Path(tempfile.gettempdir(), f"heartbeat-test-cron.{os.geteuid()}.lock").open("w") as using:
        fcntl.flock(using, fcntl.LOCK_SH)  # tests beside this one may use the daemon that it starts
        daemon = None
        # Not the cron of a container, which other tests start: the host sees its processes, too. Nor one that is over:
        # of two tests that start one at once, one's ends, and stays in the list until that test has ended.
        here = ["pgrep", "-x", "--runstates", "D,R,S", "--ns", str(os.getpid()), "--nslist", "pid", "cron"]
        if subprocess.run(here, capture_output=True, check=False).returncode != 0:
            daemon = subprocess.Popen(["cron", "-f", "-L", "15"])
        yield path
        path.unlink(missing_ok=True)
        if daemon is not None:
            fcntl.flock(using, fcntl.LOCK_EX)
            daemon.terminate()
            daemon.wait(10)
