"""Debian's cron really fires what `heartbeat crontab --install` wrote: a pass in the store, and no mail about it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import lacking

HEARTBEAT = [sys.executable, "-m", "heartbeat_cli"]
_USER = "heartbeat-test"


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


def test_cron_makes_passes(cron_file: Path, tmp_path: Path) -> None:
    config, state = tmp_path / "heartbeat.toml", tmp_path / "state"
    config.write_text(f'[heartbeat]\nstate_dir = "{state}"\n[components.host]\nkind = "host"\ninterval = 10\n')
    made = subprocess.run([*HEARTBEAT, "--config", str(config), "crontab"], capture_output=True, text=True, check=True)
    assert made.stdout.count(" run") >= 2  # several times a minute
    # A file in cron.d names the user after the five time fields; the rest of each line is as the command printed it.
    cron_file.write_text(made.stdout.replace("* * * * * ", "* * * * * root "))
    until = time.monotonic() + 80  # cron's grain is a minute
    while time.monotonic() < until and _passes(state / "heartbeat.db") < 2:
        time.sleep(1)
    assert _passes(state / "heartbeat.db") >= 2


def _passes(store: Path) -> int:
    if not store.exists():
        return 0
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM heartbeat_passes").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
