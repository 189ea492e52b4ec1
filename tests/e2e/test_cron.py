"""Debian's cron really fires what `heartbeat crontab --install` wrote: a pass in the store, and no mail about it."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.docker import BUSYBOX, docker, need_image, unique

HEARTBEAT = [sys.executable, "-m", "heartbeat_cli"]
_USER = "heartbeat-test"


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


@pytest.mark.docker
def test_a_container_beside_a_running_cron_needs_no_edit(cron_file: Path, tmp_path: Path) -> None:
    """It is started, killed and removed: watched, healed and forgotten."""
    need_image("busybox", BUSYBOX)
    name, config, told = unique("cron"), tmp_path / "heartbeat.toml", tmp_path / "told.jsonl"
    config.write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\nstrategy = "aggressive"\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/told.jsonl"\n'
        f'[components.boxes]\nkind = "docker"\ninterval = "10s"\nmatch = {{ name = "{name}" }}\n'
    )
    argv = [*HEARTBEAT, "--config", str(config)]
    made = subprocess.run([*argv, "crontab"], capture_output=True, text=True, check=True)
    cron_file.write_text(made.stdout.replace("* * * * * ", "* * * * * root "))

    def states() -> list[str]:
        said = subprocess.run([*argv, "status", "--format", "json"], capture_output=True, text=True, check=False)
        return [row["state"] for row in json.loads(said.stdout or "[]")]

    try:
        docker("run", "--detach", "--network=none", "--name", name, BUSYBOX, "busybox", "sleep", "600")
        _await(lambda: states() == ["healthy"], 90)
        docker("kill", name)
        _await(lambda: docker("inspect", "--format={{.State.Running}}", name) == "true", 60)
        docker("rm", "--force", name)
        _await(lambda: states() == [], 60)
        _await(lambda: len(told.read_text().splitlines()) > 1, 60)  # what a pass found it says at its end
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    types = [json.loads(line)["type"] for line in told.read_text().splitlines()]
    assert types[0] == "docker_down" and len(types) == 2  # and that it is well again, or no longer watched


def _await(true: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds:g} s"
        time.sleep(1)


def _passes(store: Path) -> int:
    if not store.exists():
        return 0
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM heartbeat_passes").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
