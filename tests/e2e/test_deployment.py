"""The deployment the example describes, on real parts, from the first tick to the report of the day."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.parts.docker import RunContainer, docker, inspect
from tests.parts.http import Server, healthy_server
from tests.parts.runner import Deployment
from tests.parts.systemd import SystemdBox

AGENTS = {
    "main": "Main Agent",
    "chat": "Chat Assistant",
    "coding": "Worker",
    "system-admin": "System Admin",
    "weather": "Weather Agent",
}


@pytest.fixture
def deployment(
    tmp_path: Path, database: str, run_container: RunContainer, systemd_box: SystemdBox
) -> Iterator[tuple[Deployment, dict[str, Server]]]:
    postgres, gateway = run_container(), run_container()
    unit = systemd_box.service(f"demo-{os.getpid()}.service", "ExecStart=/bin/sleep 600", start=True)
    with ExitStack() as stack:
        servers = {id_: stack.enter_context(healthy_server()) for id_ in AGENTS}
        agents = "\n".join(
            f'[components.{id_}]\nkind = "agent"\nname = "{name}"\nurl = "{servers[id_].url}/health"\ninterval = 1\n'
            for id_, name in AGENTS.items()
        )
        text = f"""
            [heartbeat]
            store = "{database}"
            state_dir = "{tmp_path}/state"
            timezone = "Asia/Hong_Kong"
            locale = "zh-HK"
            [recovery]
            backoff = 0
            verify_wait = 5
            [channels.log]
            kind = "file"
            path = "{tmp_path}/messages.jsonl"
            digest = false
            {agents}
            [components.db]
            kind = "database"
            dsn = "{database}"
            interval = 1
            [components.openclaw-postgres]
            kind = "docker"
            container = "{postgres}"
            interval = 1
            [components.gateway]
            kind = "docker"
            container = "{gateway}"
            interval = 1
            [components.demo]
            kind = "service"
            unit = "{unit}"
            systemctl = {json.dumps(systemd_box.prefix)}
            interval = 1
            [components.host]
            kind = "host"
            interval = 1
            disk_critical = 0
            cpu_warn = 0
            load_warn = 0
            swap_warn = 0
            disk_warn = 0
            memory_critical = 0
            """
        made = Deployment(tmp_path, text)
        made.gateway, made.unit, made.box = gateway, unit, systemd_box  # type: ignore[attr-defined]
        yield made, servers


def test_a_day_of_the_example_deployment(deployment: tuple[Any, dict[str, Server]]) -> None:
    run, servers = deployment

    rows = run.tick()
    assert {row["state"] for row in rows.values()} == {"healthy"}, rows
    assert len(rows) == 10

    # An agent dies, a container is killed, a unit fails.
    servers["main"].answer = servers["main"].answer._replace(status=503, body=b'{"status": "fail"}')
    docker("kill", run.gateway)
    killed_at = inspect(run.gateway)["State"]["StartedAt"]
    old_invocation = run.box.property(run.unit, "InvocationID")
    run.box.systemctl("kill", "--signal=SIGKILL", run.unit)

    for looks in (1, 2):
        rows = run.tick()
        for id_ in ("main", "gateway", "demo"):
            assert (rows[id_]["state"], rows[id_]["fail_count"]) == ("suspect", looks), rows[id_]
    assert run.messages() == []
    assert inspect(run.gateway)["State"]["StartedAt"] == killed_at

    rows = run.tick()  # the third failing heartbeat
    assert rows["main"]["state"] == "fault"
    told = run.told()
    assert {("agent_down", "main"), ("docker_down", "gateway"), ("service_down", "demo")} <= set(told)

    # Container and unit were really restarted, by the same pass.
    assert inspect(run.gateway)["State"]["Running"]
    assert inspect(run.gateway)["State"]["StartedAt"] != killed_at
    assert run.box.property(run.unit, "InvocationID") != old_invocation

    run.tick()  # that pass may have seen them healthy once or twice: it checks while it verifies its steps
    rows = run.tick()
    assert {rows[id_]["state"] for id_ in ("gateway", "demo")} == {"healthy"}

    # Nothing here can restart the agent: all steps fail, that is said once, and a person brings it back.
    servers["main"].answer = servers["main"].answer._replace(status=200, body=b'{"status": "ok"}')
    run.tick_until(lambda rows: rows["main"]["state"] == "healthy")
    told = run.told()
    titles = [one["title"] for one in run.messages()]
    assert sorted(told) == sorted(set(told)), "something was told twice"
    assert {("recovered", id_) for id_ in ("main", "gateway", "demo")} <= set(told)
    assert any(title.startswith("Main Agent") and "自動修復失敗" in title for title in titles), titles
    assert {component for _, component in told} == {"main", "gateway", "demo"}

    _the_report_tells_it_all(run)


def _the_report_tells_it_all(run: Any) -> None:
    report = json.loads(run.heartbeat("report", "--date", "today", "--format", "json"))
    incidents = {one["component"]: one for one in report["incidents"]}
    assert set(incidents) == {"main", "gateway", "demo"}
    assert all(one["ended"] and one["duration"] > 0 for one in incidents.values())
    counts = {one["component"]: one["statuses"] for one in report["components"]}
    assert counts["gateway"]["unhealthy"] >= 3
    assert counts["demo"]["unhealthy"] >= 3
    assert report["total_heartbeats"] == sum(one["heartbeats"] for one in report["components"])
    healed = {one["component"]: one for one in report["recoveries"] if one["verified"]}
    assert set(healed) == {"gateway", "demo"}
    chinese = run.heartbeat("report", "--date", "today")
    assert "每日報告" in chinese and "事故" in chinese and "Main Agent" in chinese
    run.config.write_text(run.config.read_text().replace('"zh-HK"', '"en"'))
    english = run.heartbeat("report", "--date", "today")
    assert "Daily report" in english and "Incidents" in english and "healthy again afterwards" in english
    assert "每日報告" not in english
