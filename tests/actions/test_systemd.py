"""The systemd action against a real systemd in a container."""

import os
import time
from pathlib import Path

import pytest

from heartbeat_cli.actions import systemd as action
from heartbeat_cli.actions.systemd import Settings
from heartbeat_cli.domain.recovery.outcome import Outcome
from tests.parts.systemd import SystemdBox

SLEEP = "ExecStart=/bin/sleep 600"


def restart(box: SystemdBox, unit: str, timeout: float = 30) -> Outcome:
    return action.run(Settings(unit, systemctl=box.prefix), timeout=timeout)


def hold(box: SystemdBox, unit: str) -> str | None:
    return action.hold(Settings(unit, systemctl=box.prefix), timeout=20)


def happened(box: SystemdBox, unit: str, since: float) -> bool | None:
    return action.happened(Settings(unit, systemctl=box.prefix), since, timeout=20)


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
    assert hold(box, "a-stopping") == "a-stopping is left alone: it is being stopped"
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
    assert (hold(box, "a-nobody"), hold(box, "a-broken")) == (None, None), "only this step is ruled out"
    assert hold(box, "a-nothing") == "a-nothing is left alone: it is masked (somebody wants it off)"


def test_a_slow_starter_is_restarted_once_and_left_alone(systemd_box: SystemdBox) -> None:
    """The wait for its start ends with the action's time; the start itself goes on, and nobody cancels it."""
    box = systemd_box
    unit = box.service("a-late.service", "Type=oneshot", "RemainAfterExit=yes", "ExecStart=/bin/sleep 15")
    begun = time.monotonic()
    outcome = restart(box, unit, timeout=12)  # a share of it for each question, also on a busy machine
    assert time.monotonic() - begun < 30
    assert outcome.result == "working"
    assert outcome.detail.startswith("systemd is still restarting a-late.service after ")
    assert outcome.detail.endswith("it is activating (start)")
    assert (hold(box, unit), happened(box, unit, time.time())) == (f"{unit} is left alone: it is still starting", True)
    box.wait(unit, "ActiveState", "active")
    assert hold(box, unit) is None


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
    assert hold(box, unit) is None
    assert restart(box, unit).result == "done"
    assert box.property(unit, "SubState") == "running"


def test_without_the_right_it_is_denied(systemd_box: SystemdBox) -> None:
    unit = systemd_box.service("a-others.service", SLEEP, start=True)
    before = systemd_box.property(unit, "InvocationID")
    prefix = ("docker", "exec", "--user", "nobody", systemd_box.name, "systemctl")
    outcome = action.run(Settings(unit, systemctl=prefix), timeout=30)
    assert outcome.result == "denied"
    assert outcome.detail.startswith("the right to restart a-others.service is missing: ")
    assert "allow restart of a-others.service in a polkit rule, or set sudo = true" in outcome.detail
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


def test_whether_a_step_that_was_cut_off_took_place(systemd_box: SystemdBox) -> None:
    box = systemd_box
    unit = box.service("a-cut.service", SLEEP)
    never = time.time()
    assert happened(box, unit, never) is False
    box.systemctl("start", unit)
    assert (happened(box, unit, never), happened(box, unit, time.time())) == (True, False)
    again = time.time()
    box.systemctl("restart", unit)
    assert happened(box, unit, again) is True
    assert action.happened(Settings(unit, systemctl=("/nonexistent/systemctl",)), again, timeout=5) is None


def test_since_when_it_runs_if_somebody_started_it(systemd_box: SystemdBox) -> None:
    box = systemd_box
    unit = box.service("a-since.service", SLEEP, "Restart=always", "RestartSec=0")

    def begun() -> float | None:
        return action.begun(Settings(unit, systemctl=box.prefix), timeout=20)

    before = time.time()
    assert begun() is None
    box.systemctl("start", unit)
    since = begun()
    assert since is not None and before <= since <= time.time()
    box.systemctl("kill", "--signal=KILL", unit)
    box.wait(unit, "NRestarts", "1")
    box.wait(unit, "ActiveState", "active")
    assert begun() is None  # systemd did that


def test_a_crash_is_no_step(systemd_box: SystemdBox) -> None:
    box = systemd_box
    unit = box.service("a-crash.service", SLEEP, "Restart=no", start=True)
    since = time.time()
    box.systemctl("kill", "--signal=KILL", unit)
    box.wait(unit, "ActiveState", "failed")
    assert (happened(box, unit, since), hold(box, unit)) == (False, None)


def test_a_queued_job_is_a_step_under_way(systemd_box: SystemdBox) -> None:
    """systemctl was killed; systemd still waits for the old process to end before it starts the new one."""
    box = systemd_box
    unit = box.service("a-long.service", "ExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1; done'", start=True)
    time.sleep(0.5)  # the shell has to set its trap
    box.systemctl("restart", "--no-block", unit)
    assert happened(box, unit, time.time()) is True
    box.systemctl("kill", "--signal=KILL", unit)


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, systemd_box: SystemdBox) -> Path:
    """A `sudo` that notes what it is asked for, allows what stands in `allowed`, and runs it in the box."""
    log, allowed, program = tmp_path / "asked", tmp_path / "allowed", tmp_path / "sudo"
    program.write_text(
        f"""#!/bin/sh
        printf '%s\\n' "$*" >>{log}
        shift
        [ "$1" = -l ] && list=1 && shift
        grep -qxF -- "$*" {allowed} || {{ echo "sudo: a password is required" >&2; exit 1; }}
        [ "$list" ] && exit 0
        exec docker exec {systemd_box.name} "$@"
        """
    )
    program.chmod(0o755)
    allowed.touch()
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\nexec docker exec {systemd_box.name} systemctl "$@"\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_through_sudo(sudo: Path, systemd_box: SystemdBox) -> None:
    unit = systemd_box.service("a-sudo.service", SLEEP, start=True)
    before = systemd_box.property(unit, "InvocationID")
    settings = Settings("a-sudo", sudo=True)
    outcome = action.run(settings, timeout=30)
    assert outcome.result == "denied"
    remedy = "let sudoers allow `systemctl restart a-sudo.service` with NOPASSWD, without a pattern"
    assert outcome.detail == f"the right to restart a-sudo is missing: {remedy} (sudo: a password is required)"
    assert systemd_box.property(unit, "InvocationID") == before
    assert (sudo / "asked").read_text().splitlines() == [
        "-n systemctl reset-failed a-sudo.service",
        "-n systemctl restart a-sudo.service",
    ]
    both = "`systemctl restart a-sudo.service`, `systemctl reset-failed a-sudo.service`"
    assert action.rights(settings, timeout=20) == (
        "bad", f"sudo does not let this user run {both} without a password", remedy
    )  # fmt: skip

    (sudo / "allowed").write_text("systemctl restart a-sudo.service\nsystemctl reset-failed a-sudo.service\n")
    assert action.rights(settings, timeout=20)[:2] == ("ok", "sudo lets this user restart a-sudo")
    assert systemd_box.property(unit, "InvocationID") == before, "asking for the right restarts nothing"
    assert action.run(settings, timeout=30).result == "done"
    assert systemd_box.property(unit, "InvocationID") != before


def test_whether_it_may_be_restarted(sudo: Path, systemd_box: SystemdBox) -> None:
    systemd_box.service("a-right.service", SLEEP)

    def right(**more: object) -> tuple[str, str]:
        return action.rights(Settings(**{"unit": "a-right", **more}), timeout=20)[:2]  # type: ignore[arg-type]

    if os.geteuid() == 0:
        assert right() == ("ok", "root may restart a-right")
    assert right(unit="a-nobody") == ("warn", "there is no unit a-nobody")
    assert right(unit="--force")[0] == "bad"
    assert right(systemctl=systemd_box.prefix)[0] == "ok"
    assert right(systemctl=("/nonexistent/systemctl",))[0] == "bad"
    assert [key for key, _ in action.problems(Settings("a", user=True, sudo=True))] == ["sudo"]
