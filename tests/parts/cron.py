"""Debian's cron, for what really fires."""

import os
import shutil
import subprocess
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
    daemon = None
    if subprocess.run(["pgrep", "-x", "cron"], capture_output=True, check=False).returncode != 0:
        daemon = subprocess.Popen(["cron", "-f", "-L", "15"])
    path = folder / f"heartbeat-test-{os.getpid()}"
    yield path
    path.unlink(missing_ok=True)
    if daemon is not None:
        daemon.terminate()
        daemon.wait(10)
