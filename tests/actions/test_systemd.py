"""The systemd action against a real systemd in a container."""

import time

import pytest

from heartbeat_cli.actions import systemd as action
from heartbeat_cli.actions.systemd import Settings
from heartbeat_cli.domain.outcome import Outcome
from tests.parts.systemd import SystemdBox

SLEEP = "ExecStart=/bin/sleep 600"


def restart(box: SystemdBox, unit: str, timeout: float = 30) -> Outcome:
    return action.run(Settings(unit, systemctl=box.prefix), timeout=timeout)


def test_a_running_unit_is_restarted_and_proves_it(systemd_box: SystemdBox) -> None:
    unit = systemd_box.service("a-running.service", SLEEP, start=True)
    before = systemd_box.property(unit, "InvocationID")
    outcome = restart(systemd_box, unit)
    after = systemd_box.property(unit, "InvocationID")
    assert before != after
    assert outcome.result == "done"
    assert outcome.detail == f"restarted {unit}: active (running), invocation {after[:12]}"


def test_a_failed_unit_beyond_its_start_limit_is_started(systemd_box: SystemdBox) -> None:
    box = systemd_box
    limit = "[Unit]\nStartLimitIntervalSec=600\nStartLimitBurst=1\n"
    box.write_unit(
        "a-limit.service", f"{limit}[Service]\nExecStart=/bin/sh -c 'test -e /tmp/cured && exec sleep 600'\n"
    )
    box.try_systemctl("start", "a-limit")
    box.wait("a-limit", "ActiveState", "failed")
    assert box.try_systemctl("start", "a-limit") != 0, "the start limit is reached"
    box.shell("touch /tmp/cured")
    outcome = restart(box, "a-limit")
    assert outcome.result == "done", outcome
    assert box.property("a-limit", "ActiveState") == "active"


def test_a_unit_that_fails_again(systemd_box: SystemdBox) -> None:
    unit = systemd_box.service("a-oneshot.service", "Type=oneshot", "ExecStart=/bin/false")
    outcome = restart(systemd_box, unit)
    assert outcome.result == "failed"
    assert outcome.detail.startswith("a-oneshot.service could not be restarted: Job for a-oneshot.service failed")


def test_units_that_must_not_be_restarted(systemd_box: SystemdBox) -> None:
    box = systemd_box
    box.systemctl("mask", "--runtime", "a-nothing.service")
    box.service("a-slow.service", "Type=notify", SLEEP)
    box.service("a-stopping.service", "ExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1; done'", start=True)
    box.service("a-broken.service", "Type=nonsense")
    box.systemctl("start", "--no-block", "a-slow")
    time.sleep(0.5)  # the shell has to set its trap
    box.systemctl("stop", "--no-block", "a-stopping")
    box.wait("a-slow", "ActiveState", "activating")
    box.wait("a-stopping", "ActiveState", "deactivating")
    slow = box.property("a-slow", "InvocationID")

    said = {unit: restart(box, unit) for unit in ("a-nothing", "a-slow", "a-stopping", "a-nobody", "a-broken")}
    box.systemctl("kill", "--signal=KILL", "a-stopping")
    assert {outcome.result for outcome in said.values()} == {"refused"}
    assert {unit: outcome.detail.partition(": ")[2] for unit, outcome in said.items()} == {
        "a-nothing": "it is masked (somebody wants it off)",
        "a-slow": "it is still starting",
        "a-stopping": "it is being stopped",
        "a-nobody": "there is no such unit",
        "a-broken": "its unit file cannot be used (bad-setting)",
    }
    assert box.property("a-slow", "InvocationID") == slow


def test_a_slow_starter_is_restarted_once_and_left_alone(systemd_box: SystemdBox) -> None:
    """The wait for its start ends with the action's time; the start itself goes on."""
    box = systemd_box
    unit = box.service("a-late.service", "Type=oneshot", "RemainAfterExit=yes", "ExecStart=/bin/sleep 5")
    begun = time.monotonic()
    outcome = restart(box, unit, timeout=4)
    assert time.monotonic() - begun < 12
    assert outcome.result == "done"
    assert outcome.detail.startswith("restarted a-late.service, still starting: activating (start), invocation ")
    box.wait(unit, "ActiveState", "active")


def test_a_crash_loop_waiting_for_its_restart_may_be_restarted(systemd_box: SystemdBox) -> None:
    box = systemd_box
    lines = (
        "ExecStart=/bin/sh -c 'test -e /tmp/healed && exec sleep 600'",
        "Restart=always",
        "RestartSec=600",
    )
    unit = box.service("a-loop.service", *lines, start=True)
    box.wait(unit, "SubState", "auto-restart")
    box.shell("touch /tmp/healed")
    assert restart(box, unit).result == "done"
    assert box.property(unit, "SubState") == "running"


def test_without_the_right_it_is_denied(systemd_box: SystemdBox) -> None:
    unit = systemd_box.service("a-others.service", SLEEP, start=True)
    before = systemd_box.property(unit, "InvocationID")
    prefix = ("docker", "exec", "--user", "nobody", systemd_box.name, "systemctl")
    outcome = action.run(Settings(unit, systemctl=prefix), timeout=30)
    assert outcome.result == "denied"
    assert outcome.detail.startswith("the right to restart a-others.service is missing: ")
    assert "polkit" in outcome.detail
    assert systemd_box.property(unit, "InvocationID") == before


def test_nobody_to_ask(systemd_box: SystemdBox) -> None:
    outcome = action.run(Settings("web", systemctl=("/nonexistent/systemctl",)), timeout=5)
    assert (outcome.result, outcome.detail) == (
        "failed",
        "web could not be restarted: cannot run /nonexistent/systemctl: No such file or directory",
    )
    prefix = ("docker", "exec", "heartbeat-test-nobody", "systemctl")
    assert action.run(Settings("web", systemctl=prefix), timeout=20).result == "failed"
    outcome = action.run(Settings("web", user=True, systemctl=systemd_box.prefix), timeout=20)
    assert outcome.result == "failed"
    assert "Failed to connect to bus" in outcome.detail


@pytest.mark.parametrize("unit", ["--force", "a b", "*", ""])
def test_a_name_that_is_none_is_refused(unit: str) -> None:
    assert action.run(Settings(unit), timeout=5).result == "refused"
