"""The clock of a real machine, as its processes see it: cron's ticks under libfaketime, hours back and days forth."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store.sql import database
from tests.parts import faketime
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.postgres import Server as PostgreSQL

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


def called(folder: Path, clock: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return faketime.run([sys.executable, "-m", "heartbeat_cli", *words], clock, folder, environment)


class Host:
    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server, self.now = folder, server, NOON
        (folder / "heartbeat.toml").write_text(CONFIG.format(url=server.url).replace("messages", f"{folder}/messages"))

    def heartbeat(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        done = called(self.folder, faketime.at(self.now), *words)
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
    faketime.library()
    with healthy_server() as server:
        yield Host(tmp_path, server)


def test_back_an_hour_in_the_middle_of_a_fault_and_asleep_over_the_change_of_clocks(host: Host) -> None:
    host.heartbeat("beat", "job")
    host.ticks(2)
    host.ticks(2, well=False)
    host.now -= timedelta(hours=1)
    host.ticks(2, well=False)  # the third failing check
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


# --- far off ----------------------------------------------------------------------------------------------------------

YEARS = 3_650 * 86_400.0
SHARED = """
[heartbeat]
observer = "{name}"
store = "{store}"
state_dir = "{name}"
strategy = "aggressive"
locale = "en"
[components.{name}]
kind = "command"
command = ["/bin/true"]
interval = 1
retries = 0
[components.job]
kind = "push"
period = 600
interval = 1
retries = 0
[channels.log]
kind = "file"
path = "{folder}/messages.jsonl"
"""


class Fleet:
    """Hosts with a store in common, each with a clock of its own; the real time is the right one."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store

    def tell(self, name: str, *words: str, off: float = 0.0, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        path = self.folder / f"{name}.toml"
        if not path.exists():
            path.write_text(SHARED.format(name=name, store=self.store, folder=self.folder))
        done = called(self.folder, faketime.off(off), "--config", str(path), *words)
        assert code in (None, done.returncode) and "Traceback" not in done.stderr, f"{words}: {done.stderr}"
        time.sleep(1.1)  # its interval
        return done

    def rows(self, table: str) -> int:
        with closing(database.connect(self.store, 10.0)) as db:
            return int(db.rows(f"SELECT count(*) FROM {table}")[0][0])

    def told(self) -> list[str]:
        lines = (self.folder / "messages.jsonl").read_text().splitlines()
        return [f"{one['type']} {one['component']}" for one in map(json.loads, lines)]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Fleet:
    faketime.library()
    made = request.param == "postgres"
    return Fleet(tmp_path, request.getfixturevalue("database_with_tables") if made else f"sqlite:///{tmp_path}/s.db")


@pytest.mark.parametrize("off", [YEARS, -YEARS])
def test_a_run_that_is_ten_years_off_deletes_nothing(fleet: Fleet, off: float) -> None:
    """One host of two has the wrong clock, for two runs and a prune by hand."""
    for name in ("good", "bad", "good", "bad"):
        fleet.tell(name, "run")
    fleet.tell("bad", "run", off=off)
    fleet.tell("good", "run")
    refused = fleet.tell("bad", "prune", off=off, code=3).stderr
    assert refused.startswith("heartbeat: prune: nothing dropped, this host's clock is suspect: its clock is ")
    assert refused.count("\n") == 1 and "set the clock right" in refused
    fleet.tell("bad", "run", off=off)
    fleet.tell("bad", "run")
    fleet.tell("good", "run")
    assert fleet.rows("heartbeat_pass_rows") == 9
    assert fleet.told() == ["clock_suspect bad", "recovered bad"]
    fleet.tell("bad", "prune")
    assert fleet.rows("heartbeat_pass_rows") == 9
    today = datetime.now(UTC).date().isoformat()
    for name, looks in (("good", 4), ("bad", 5)):
        shown = json.loads(fleet.tell(name, "report", "--date", today, "--format", "json").stdout)
        assert {one["component"]: one["heartbeats"] for one in shown["components"]}[name] == looks
        assert shown["gaps"] == []
    assert fleet.tell("bad", "status", code=None).stderr == ""


def test_the_mirror_of_a_wrong_time_does_not_make_the_store_one_that_went_back(
    database_with_tables: str, tmp_path: Path
) -> None:
    """As when the pass that brings everything to its right time is killed before it has written its mirror, or another
    configuration of the host makes that pass."""
    faketime.library()
    fleet = Fleet(tmp_path, database_with_tables)
    fleet.tell("bad", "run")
    fleet.tell("bad", "run", off=YEARS)
    (mirror,) = (tmp_path / "bad").glob("*/*/mirror.json")
    old = mirror.read_bytes()
    fleet.tell("bad", "run")
    mirror.write_bytes(old)
    fleet.tell("bad", "run")
    assert fleet.told() == ["clock_suspect bad", "recovered bad"]


@pytest.mark.postgres
@pytest.mark.parametrize("off", [YEARS, -YEARS, 3_600.0])
def test_an_outage_of_the_store_that_began_under_a_wrong_clock_lasted_as_long_as_it_did(
    tmp_path: Path, off: float
) -> None:
    faketime.library()
    with PostgreSQL() as server:
        fleet = Fleet(tmp_path, server.dsn())
        fleet.tell("bad", "run")
        began = time.time()
        server.stop()
        for _ in range(2):
            fleet.tell("bad", "run", off=off)
        server.start()
        assert "answers again" in fleet.tell("bad", "run").stderr
        with closing(database.connect(server.dsn(), 10.0)) as db:
            ((started, ended),) = db.rows("SELECT started, ended FROM heartbeat_degraded")
    assert began - 3 <= started < ended <= time.time()


def test_status_says_that_the_clock_is_suspect(fleet: Fleet) -> None:
    fleet.tell("bad", "run")
    fleet.tell("bad", "run", off=YEARS)
    said = fleet.tell("bad", "status", off=YEARS, code=None).stderr
    assert said.startswith("heartbeat: the clock of this host is suspect: its clock is 36")
    assert "does cron run" not in said
    assert fleet.tell("bad", "status", code=None).stderr == ""


@pytest.mark.postgres
@pytest.mark.parametrize("off", [-3_600.0, 3_600.0])
def test_a_beat_counts_from_its_arrival(database_with_tables: str, tmp_path: Path, off: float) -> None:
    """Its sender's clock is an hour behind, or ahead; period and grace are eleven minutes."""
    fleet = Fleet(tmp_path, database_with_tables)
    fleet.tell("good", "run")
    fleet.tell("bad", "beat", "job", off=off)
    fleet.tell("good", "run")
    rows = json.loads(fleet.tell("good", "status", "--format", "json", code=None).stdout)
    assert {row["component"]: row["state"] for row in rows}["job"] == "healthy"
    with closing(database.connect(fleet.store, 10.0)) as db:
        ((at,),) = db.rows("SELECT at FROM heartbeat_beats")
    assert abs(time.time() - at) < 60
    fleet.tell("bad", "run", off=off)  # who looks with a wrong clock sees it as old as it is, too
    ages = _beat_ages(fleet)
    assert len(ages) == 2 and all(0 <= age < 60 for age in ages)


def _beat_ages(fleet: Fleet) -> list[float]:
    with closing(database.connect(fleet.store, 10.0)) as db:
        return [
            row[0] for row in db.rows("SELECT metric_value FROM system_metrics WHERE metric_name = 'beat_age_seconds'")
        ]
