"""The flagship: PostgreSQL is both the store and a component. It dies; nothing is lost, nothing is told twice."""

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from heartbeat_cli.commands._base import App
from heartbeat_cli.commands._chain import whole_pass
from tests.parts.docker import inspect
from tests.parts.postgres_container import Container
from tests.parts.runner import Deployment
from tests.parts.watch import kept_in


@pytest.fixture
def watching(tmp_path: Path, postgres_container: Container) -> Deployment:
    return Deployment(
        tmp_path,
        f"""
        [heartbeat]
        store = "{postgres_container.dsn}"
        state_dir = "{tmp_path}/state"
        store_timeout = 2
        [recovery]
        verify_wait = 8
        [channels.log]
        kind = "file"
        path = "{tmp_path}/messages.jsonl"
        digest = false
        [components.db]
        kind = "database"
        dsn = "{postgres_container.dsn}"
        container = "{postgres_container.name}"
        interval = 0.2
        [components.other]
        kind = "command"
        command = ["true"]
        interval = 0.2
        """,
    )


def rows(dsn: str, sql: str) -> list[Any]:
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()


def test_the_store_itself_dies_and_is_healed(watching: Deployment, postgres_container: Container) -> None:
    for _ in range(2):
        assert watching.tick()["db"]["state"] == "healthy"
    postgres_container.kill()
    started_at = inspect(postgres_container.name)["State"]["StartedAt"]

    for looks in (1, 2):
        row = watching.tick()["db"]
        assert (row["state"], row["status"], row["fail_count"]) == ("suspect", "error", looks)
    assert watching.messages() == []
    assert inspect(postgres_container.name)["State"]["StartedAt"] == started_at
    assert (kept_in(watching.config) / "spool.db").exists()

    watching.tick()  # the third failing check: declared, told, and the container restarted in the same pass
    assert [one["type"] for one in watching.messages()][:1] == ["database_down"]
    assert inspect(postgres_container.name)["State"]["StartedAt"] != started_at
    postgres_container.wait()

    watching.tick_until(lambda found: found["db"]["state"] == "healthy")
    assert [one["type"] for one in watching.messages()] == ["database_down", "recovered"]
    assert not (kept_in(watching.config) / "spool.db").exists()
    _the_day_is_whole(watching, postgres_container.dsn, down=3)


def _the_day_is_whole(watching: Deployment, dsn: str, down: int) -> None:
    """Every heartbeat of the outage exactly once, one incident, one alert down and one recovered."""
    report = json.loads(watching.heartbeat("report", "--date", "today", "--format", "json"))
    assert [(one["component"], bool(one["ended"])) for one in report["incidents"]] == [("db", True)]
    assert sorted(one["alert_type"] for one in report["alerts"]) == ["database_down", "recovered"]
    tallies = {one["component"]: one for one in report["components"]}
    assert tallies["db"]["statuses"]["error"] >= down, "the run that restarts it goes on checking"
    assert tallies["db"]["heartbeats"] == tallies["other"]["heartbeats"]
    stamps = rows(dsn, "SELECT component, timestamp, count(*) FROM heartbeat_logs GROUP BY 1, 2 HAVING count(*) > 1")
    assert stamps == []
    ((looks, passes),) = rows(dsn, "SELECT sum(looks), count(*) FROM heartbeat_passes")
    assert looks == report["total_heartbeats"] == passes * 2
    assert rows(dsn, "SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]
    ((reason, ended),) = rows(dsn, "SELECT reason, ended FROM heartbeat_degraded")
    assert ended is not None and "127.0.0.1" in reason
    assert [one["action"] for one in report["recoveries"]][:2] == ["postgres", "docker"]
    assert report["degraded"] and report["degraded"][0]["duration"] > 0


def test_it_stays_down_for_two_hundred_passes(watching: Deployment, postgres_container: Container) -> None:
    """Nothing may heal it this time: the ladder has no container to start."""
    text = watching.config.read_text().replace(f'container = "{postgres_container.name}"\n', "")
    text = text.replace("verify_wait = 8", "verify_wait = 1\nbackoff = 0")
    text = text.replace("interval = 0.2", "interval = 0.01\nretries = 0")
    watching.config.write_text(text.replace("store_timeout = 2", "store_timeout = 0.5"))
    watching.heartbeat("run")
    postgres_container.kill()
    for number in range(200):
        time.sleep(0.01)  # so that every one of them finds both due
        if number % 20:
            assert whole_pass(App(str(watching.config)), False) == 0
        else:
            watching.heartbeat("run")
    told = [one["type"] for one in watching.messages()]
    assert told == ["database_down"] and "recovery failed, a person is needed" in watching.messages()[0]["title"]
    with sqlite3.connect(kept_in(watching.config) / "spool.db") as spool:
        ((passes,),) = spool.execute("SELECT count(*) FROM heartbeat_passes")
    spool.close()
    assert passes == 200
    postgres_container.start()
    watching.tick_until(lambda found: found["db"]["state"] == "healthy")
    assert [one["type"] for one in watching.messages()] == ["database_down", "recovered"]
    report = json.loads(watching.heartbeat("report", "--date", "today", "--format", "json"))
    (tally,) = (one for one in report["components"] if one["component"] == "db")
    assert tally["statuses"]["error"] == 200
    assert len(report["incidents"]) == 1
    found = rows(postgres_container.dsn, "SELECT count(*), count(DISTINCT timestamp) FROM heartbeat_logs")
    ((heartbeats, stamps),) = found
    assert heartbeats == 2 * stamps == report["total_heartbeats"]
    assert os.listdir(kept_in(watching.config)).count("spool.db") == 0
