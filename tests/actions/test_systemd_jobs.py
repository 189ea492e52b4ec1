"""The systemd action and a service manager that is at work: queued jobs, processes that do not stop, exit statuses
after which a unit must not be started again, against a real systemd in a container."""

from heartbeat_cli.actions import systemd as action
from heartbeat_cli.actions.systemd import Settings
from tests.parts.systemd import SystemdBox

SLEEP = "ExecStart=/bin/sleep 600"


def settings(box: SystemdBox, unit: str, **more: object) -> Settings:
    return Settings(unit, systemctl=box.prefix, **more)  # type: ignore[arg-type]


def test_while_a_restart_is_queued_it_may_take_as_long_as_the_unit_gives_it(systemd_box: SystemdBox) -> None:
    box = systemd_box
    unit = box.stubborn("j-wedged.service", "TimeoutStopSec=5min 30s", "TimeoutStartSec=20")
    assert action.busy_until(settings(box, unit), 1_000.0, timeout=20) is None
    outcome = action.run(settings(box, unit), timeout=4)
    assert outcome.result == "working", outcome
    assert action.busy_until(settings(box, unit), 1_000.0, timeout=20) == 1_000.0 + 330 + 20
    box.systemctl("kill", "--signal=KILL", unit)
    box.wait(unit, "SubState", "running")
    assert action.busy_until(settings(box, unit), 1_000.0, timeout=20) is None


def test_a_silent_unit_that_does_not_stop_is_killed_and_started_anew(systemd_box: SystemdBox) -> None:
    box = systemd_box
    unit = box.stubborn("j-hangs.service", "TimeoutStopSec=600")
    before = box.property(unit, "InvocationID")
    outcome = action.run(settings(box, unit, hang_kill=1.0), timeout=30)
    assert outcome.result == "done", outcome
    assert box.property(unit, "InvocationID") != before and box.property(unit, "ActiveState") == "active"
    box.systemctl("kill", "--signal=KILL", unit)


def test_one_that_stops_in_time_is_not_killed(systemd_box: SystemdBox) -> None:
    box = systemd_box
    ends = 'trap "sleep 1; touch /tmp/j-ended; exit 0" TERM; touch /run/j-ends.ready; while :; do sleep 0.1; done'
    unit = box.service("j-ends.service", f"ExecStart=/bin/sh -c '{ends}'", start=True)
    box.await_file("/run/j-ends.ready")
    assert action.run(settings(box, unit, hang_kill=8.0), timeout=30).result == "done"
    box.shell("test -e /tmp/j-ended")


def test_an_exit_status_that_forbids_a_restart_holds_the_step(systemd_box: SystemdBox) -> None:
    box = systemd_box
    keys = ("Restart=always", "RestartSec=1", "RestartPreventExitStatus=78 SIGUSR1")
    unit = box.service("j-config.service", "ExecStart=/bin/sh -c 'exit 78'", *keys, start=True)
    other = box.service("j-other.service", "ExecStart=/bin/sh -c 'exit 3'", "RestartPreventExitStatus=78", start=True)
    for one in (unit, other):
        box.wait(one, "ActiveState", "failed")
    said = "j-config.service is left alone: it ended with exit 78, after which its unit must not be started again"
    assert action.hold(settings(box, unit), timeout=20) == said
    assert action.hold(settings(box, other), timeout=20) is None
    outcome = action.run(settings(box, unit), timeout=20)
    assert outcome.result != "refused", "a person who orders it has mended the configuration"


def test_an_optional_step_is_absent_only_where_there_is_no_such_unit(systemd_box: SystemdBox) -> None:
    box = systemd_box
    unit = box.service("j-there.service", SLEEP)
    assert action.absent(settings(box, "j-nobody", optional=True), timeout=20)
    assert not action.absent(settings(box, "j-nobody"), timeout=20)
    assert not action.absent(settings(box, unit, optional=True), timeout=20)
    nobody = Settings("j-nobody", systemctl=("/nonexistent/systemctl",), optional=True)
    assert not action.absent(nobody, timeout=20), "nobody to ask: the step itself says so"
