"""The clock of a real machine, as its processes see it: cron's ticks under `faketime`, hours back and days forth."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.parts import lacking
from tests.parts.http import Answer, Server, healthy_server

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the day before Europe's clocks change
CONFIG = """
[heartbeat]
observer = "here"
timezone = "Europe/Berlin"
[components.agent]
kind = "agent"
url = "{url}"
retries = 0
recovery = {{ mode = "off" }}
[components.job]
kind = "push"
period = 3600
grace = 60
[channels.log]
kind = "file"
path = "messages.jsonl"
[dashboard]
file = "page.html"
"""


class Host:
    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server, self.now = folder, server, NOON
        (folder / "heartbeat.toml").write_text(CONFIG.format(url=server.url).replace("messages", f"{folder}/messages"))

    def heartbeat(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        moment = self.now.strftime("@%Y-%m-%d %H:%M:%S")
        argv = ["faketime", "-f", moment, sys.executable, "-m", "heartbeat_cli", *words]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TZ": "UTC"}
        environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
        done = subprocess.run(
            argv, cwd=self.folder, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
        assert done.returncode in codes, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def ticks(self, count: int, well: bool = True) -> None:
        self.server.answer = Answer() if well else Answer(503, b'{"status": "down"}')
        for _ in range(count):
            self.heartbeat("run")
            self.now += timedelta(seconds=60)

    def report(self, day: str) -> Any:
        return json.loads(self.heartbeat("report", "--date", day, "--format", "json"))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    if shutil.which("faketime") is None:
        lacking("faketime (Debian package faketime)")
    with healthy_server() as server:
        yield Host(tmp_path, server)


def test_back_an_hour_in_the_middle_of_a_fault_and_asleep_over_the_change_of_clocks(host: Host) -> None:
    host.heartbeat("beat", "job")
    host.ticks(2)
    host.ticks(2, well=False)
    host.now -= timedelta(hours=1)
    host.ticks(2, well=False)  # the third failing look
    host.now -= timedelta(days=1)
    host.ticks(3)
    host.now = NOON + timedelta(hours=20)  # asleep until the day after, which has 23 hours
    host.ticks(3)
    messages = [json.loads(line) for line in (host.folder / "messages.jsonl").read_text().splitlines()]
    assert [one["type"] for one in messages] == ["agent_down", "recovered", "missed_runs"]
    days = [host.report(day) for day in ("2026-03-27", "2026-03-28", "2026-03-29")]
    looks = [sum(one["heartbeats"] for one in day["components"]) for day in days]
    assert looks == [6, 12, 6]
    (incident,) = [one for day in days for one in day["incidents"]]
    assert incident["started"] <= incident["declared"] <= incident["ended"]
    (gap,) = days[2]["gaps"]
    assert gap["ended"].startswith("2026-03-29T")
    rows = json.loads(host.heartbeat("status", "--format", "json", codes=(0, 1)))
    assert {row["component"]: row["state"] for row in rows} == {"agent": "healthy", "job": "healthy"}
    assert all(row["age"] >= 0 for row in rows)
