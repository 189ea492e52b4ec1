"""An agent that refuses connections, and what a real systemd knows of its unit."""

import time
from pathlib import Path

import pytest

from heartbeat_cli.domain.category import PROCESS
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.monitors import agent, openclaw
from heartbeat_cli.passes.check.engine import Asked, run_checks
from tests.parts.postgres import free_port
from tests.parts.systemd import SystemdBox

FORBIDS = ("Restart=always", "RestartSec=1", "RestartPreventExitStatus=78")


@pytest.fixture
def box(systemd_box: SystemdBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SystemdBox:
    """A `systemctl` and a `journalctl` that reach the one in the container."""
    for name in ("systemctl", "journalctl"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nexec docker exec {systemd_box.name} {name} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return systemd_box


def refused(unit: str | None) -> Reading:
    settings = agent.Settings(f"http://127.0.0.1:{free_port()}/health", unit=unit)
    return checked(Component("it", "agent", settings))


def checked(component: Component) -> Reading:
    asked = Asked(component, CheckContext("it", 5.0, time.time()))
    return run_checks([asked], time.monotonic() + 10)["it"]


def test_an_exit_status_that_forbids_a_restart_is_its_configuration(box: SystemdBox) -> None:
    script = "echo the key agents.defaults is unknown >&2; exit 78"
    unit = box.service("a-config.service", f"ExecStart=/bin/sh -c '{script}'", *FORBIDS, start=True)
    box.wait(unit, "ActiveState", "failed")
    reading = refused(unit)
    assert (reading.status, reading.category) == ("error", "configuration")
    assert str(reading.error).endswith("; failed to run (exit 78)") and "refused" in str(reading.error)
    assert "agents.defaults is unknown" in reading.evidence["journal"]
    gateway = openclaw.Settings(f"http://127.0.0.1:{free_port()}", unit=unit, user=False)
    assert checked(Component("it", "openclaw", gateway)).category == "configuration"


def test_a_unit_that_fell_by_itself_is_the_process_and_says_how(box: SystemdBox) -> None:
    unit = box.service("a-fell.service", "ExecStart=/bin/sh -c 'kill -9 $$$$'", start=True)
    box.wait(unit, "ActiveState", "failed")
    reading = refused(unit)
    assert reading.failure == PROCESS and "killed by signal 9" in str(reading.error)


def test_one_that_still_starts_is_starting(box: SystemdBox) -> None:
    unit = box.service("a-slow.service", "Type=notify", "ExecStart=/bin/sleep 600", "TimeoutStartSec=600")
    box.systemctl("start", "--no-block", unit)
    box.wait(unit, "ActiveState", "activating")
    assert refused(unit).category == "starting"
    box.systemctl("stop", unit)


@pytest.mark.parametrize("unit", [None, "a-none.service", "a-runs.service"])
def test_a_unit_that_runs_or_is_none_explains_nothing(box: SystemdBox, unit: str | None) -> None:
    box.service("a-runs.service", "ExecStart=/bin/sleep 600", start=True)
    reading = refused(unit)
    assert reading.failure == PROCESS and "; " not in str(reading.error) and "systemd" not in reading.evidence


@pytest.mark.whole
def test_a_service_manager_that_hangs_leaves_the_reading_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    reading = refused("a.service")
    assert (reading.status, reading.failure, reading.certain) == ("error", PROCESS, True)


def test_of_many_that_fell_together_some_are_asked_about_and_all_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question is a thread and a process: a host where everything falls has better things to do."""
    calls = tmp_path / "calls"
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\necho asked >>{calls}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    settings = agent.Settings(f"http://127.0.0.1:{free_port()}/", unit="a.service")
    asked = [Asked(Component(f"it{n}", "agent", settings), CheckContext(f"it{n}", 5.0, time.time())) for n in range(60)]
    readings = run_checks(asked, time.monotonic() + 20)
    assert len(readings) == 60 and all(one.certain for one in readings.values())
    assert 1 <= len(calls.read_text().splitlines()) <= 32
