"""Recovery and a service manager at work: a real systemd in a container, which takes its time to stop a process."""

from pathlib import Path

from tests.parts.systemd import SystemdBox
from tests.passes.recover.test_recover import Make, server, ward  # noqa: F401 - fixtures


def step(box: SystemdBox, unit: str, **more: object) -> dict[str, object]:
    return {"action": "systemd", "unit": unit, "systemctl": list(box.prefix), **more}


def test_while_systemd_stops_a_wedged_unit_nobody_is_called_and_nothing_else_is_tried(
    ward: Make,  # noqa: F811
    systemd_box: SystemdBox,
) -> None:
    """The restart that heals is under way all that time: a person was called five minutes before its end."""
    box = systemd_box
    unit = box.stubborn("m-wedged.service", "TimeoutStopSec=330", "TimeoutStartSec=60")
    one = ward()
    one = ward([step(box, unit), one.step("script")])
    scene = one.fault()
    (result,) = scene.recover()
    assert result.outcome == "working", result
    for _ in range(4):
        scene.now += 65  # longer than the grace
        scene.pass_(1)
        assert one.recover()[0] == ("wait", "step 1 was taken; it has 60 s left to come up")
    assert one.steps == [] and scene.outbox == ["agent_down to log: waiting"]
    box.systemctl("kill", "--signal=KILL", unit)
    box.wait(unit, "SubState", "running")
    scene.now += 61
    scene.pass_(1)
    assert scene.recover()[0].outcome == "done" and one.steps == ["script"], "its grace is over, too"


def test_the_manager_s_time_has_an_end(ward: Make, systemd_box: SystemdBox) -> None:  # noqa: F811
    box = systemd_box
    unit = box.stubborn("m-forever.service", "TimeoutStopSec=100", "TimeoutStartSec=60")
    one = ward([step(box, unit)])
    scene = one.fault()
    assert scene.recover()[0].outcome == "working"
    scene.now += 230  # the clock of the pass; systemd itself has not given up yet
    scene.pass_(1)
    found = one.recover()[0]
    box.systemctl("kill", "--signal=KILL", unit)
    assert found[0] != "wait", found


def test_an_optional_step_without_its_unit_is_passed_over_without_a_word(
    ward: Make,  # noqa: F811
    systemd_box: SystemdBox,
    tmp_path: Path,
) -> None:
    one = ward()
    one = ward([step(systemd_box, "m-nobody.service", optional=True), one.step("script", cures=True)])
    scene = one.fault()
    (result,) = scene.recover()
    assert (result.outcome, result.verified, one.steps) == ("done", True, ["script"])
    (attempt,) = scene.attempts
    assert attempt.step == 1


def test_a_ladder_of_absent_optional_steps_does_nothing(ward: Make, systemd_box: SystemdBox) -> None:  # noqa: F811
    one = ward([step(systemd_box, "m-nobody.service", optional=True)])
    scene = one.fault()
    assert one.recover() == [("nothing", "no recovery steps are configured for it")]
    assert one.recover("main", forced=True)[0][0] == "nothing" and scene.attempts == []


def test_a_unit_that_must_not_be_started_again_is_left_to_a_person(ward: Make, systemd_box: SystemdBox) -> None:  # noqa: F811
    keys = ("Restart=always", "RestartPreventExitStatus=78")
    unit = systemd_box.service("m-config.service", "ExecStart=/bin/sh -c 'exit 78'", *keys, start=True)
    systemd_box.wait(unit, "ActiveState", "failed")
    one = ward([step(systemd_box, unit)])
    scene = one.fault()
    assert one.recover()[0][0] == "held"
    scene.now += 61
    scene.pass_(1)
    one.recover()
    assert scene.attempts == [] and "recovery_held to log: waiting" in scene.outbox
