"""The timer monitor against a real systemd in a container; clocks and states that are hard to make as text by hand."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.monitors import timer as monitor
from heartbeat_cli.monitors.timer import Settings
from tests.parts.docker import wait_for
from tests.parts.systemd import SystemdBox

FAR = ["OnCalendar=2100-01-01"]


def check(box: SystemdBox, *units: str, memory: Mapping[str, Any] | None = None, **keys: Any) -> list[Reading]:
    circumstances = CheckContext("it", 20, time.time(), memory or {})
    return monitor.probe_all([(Settings(unit, systemctl=box.prefix, **keys), circumstances) for unit in units])


def make(box: SystemdBox, name: str, when: list[str], *service: str, start: bool = True) -> str:
    """Write a timer and its oneshot service, and start the timer."""
    box.service(f"{name}.service", "Type=oneshot", *(service or ("ExecStart=/bin/true",)))
    box.write_unit(f"{name}.timer", "\n".join(["[Timer]", "AccuracySec=1ms", *when, ""]))
    if start:
        box.systemctl("start", f"{name}.timer")
    return name


def await_trigger(box: SystemdBox, timer: str) -> None:
    wait_for(lambda: box.property(timer, "LastTriggerUSec") != "", f"{timer} fires")


def test_timers_that_are_well(systemd_box: SystemdBox) -> None:
    box = systemd_box
    make(box, "w-never", FAR)
    make(box, "w-calendar", ["OnCalendar=*-*-* *:*:*"])
    make(box, "w-span", ["OnActiveSec=10ms", "OnUnitActiveSec=1h"])
    make(box, "w-once", ["OnActiveSec=10ms"])
    make(box, "w-running", ["OnActiveSec=10ms"], "ExecStart=/bin/sleep 600")
    for name in ("w-calendar", "w-span", "w-once", "w-running"):
        await_trigger(box, f"{name}.timer")
    box.wait("w-running.service", "ActiveState", "activating")
    readings = check(box, "w-never", "w-calendar", "w-span.timer", "w-once", "w-running", max_age=3600, max_run=3600)
    box.systemctl("stop", "w-calendar.timer")
    assert [(one.status, one.error) for one in readings] == [("healthy", None)] * 5
    ages = [[metric.value for metric in one.metrics] for one in readings]
    assert ages[0] == [] and all(0 <= one < 60 for (one,) in ages[1:])


def test_timers_that_do_not_fire(systemd_box: SystemdBox) -> None:
    box = systemd_box
    make(box, "n-stopped", FAR, start=False)
    make(box, "n-past", ["OnCalendar=2020-01-01"])
    make(box, "n-baseless", ["OnUnitActiveSec=1h"])
    make(box, "n-disabled", [*FAR, "[Install]", "WantedBy=timers.target"])
    make(box, "n-orphan", FAR)
    make(box, "n-masked", FAR)
    box.shell("rm /etc/systemd/system/n-orphan.service /etc/systemd/system/n-masked.service")
    box.shell("ln -s /dev/null /etc/systemd/system/n-masked.service")
    box.systemctl("daemon-reload")
    names = ("n-stopped", "n-past", "n-baseless", "n-disabled", "n-nobody", "n-orphan", "n-masked")
    nothing = "the timer is active, but has no time at which it fires next: see systemctl list-timers"
    readings = check(box, *names)
    assert [(one.status, one.error) for one in readings] == [
        ("unhealthy", "the timer is not active, so it does not fire: systemctl enable --now n-stopped.timer"),
        ("unhealthy", nothing),
        ("unhealthy", nothing),
        ("degraded", "the timer is active, but not after a reboot: systemctl enable n-disabled.timer"),
        ("unhealthy", "no such unit: n-nobody.timer"),
        ("unhealthy", "it starts n-orphan.service, which cannot be started (not-found)"),
        ("unhealthy", "it starts n-masked.service, which cannot be started (masked)"),
    ]
    assert {(one.category, one.remedy) for one in readings} == {("configuration", "person")}
    box.systemctl("enable", "n-disabled.timer")
    assert check(box, "n-disabled")[0].status == "healthy"


def test_a_failed_run_counts_until_one_succeeds(systemd_box: SystemdBox) -> None:
    box = systemd_box
    script = "ExecStart=/bin/sh -c 'test -e /run/f-slow && sleep 600; echo no room on the moon; test -e /run/f-well'"
    name = make(box, "f-job", FAR, script)
    box.shell("rm -f /run/f-slow /run/f-well")
    assert check(box, name)[0].status == "healthy"
    box.try_systemctl("start", "f-job.service")
    box.shell("journalctl --sync")
    (failed,) = check(box, name)
    assert failed.error == "the last run of f-job.service failed: exit-code (exit 1)"
    assert (failed.status, failed.category, failed.remedy) == ("unhealthy", "process", "person")
    assert "no room on the moon" in failed.evidence["journal"]

    box.shell("touch /run/f-slow")
    box.systemctl("start", "--no-block", "f-job.service")
    box.wait("f-job.service", "ActiveState", "activating")
    (running,) = check(box, name, memory=failed.memory)
    assert (running.status, running.error) == (failed.status, failed.error)
    assert check(box, name)[0].status == "healthy", "without that memory nothing is known of the last run"

    box.shell("rm /run/f-slow; touch /run/f-well")
    box.try_systemctl("stop", "f-job.service")
    box.try_systemctl("reset-failed", "f-job.service")
    box.systemctl("start", "f-job.service")
    (well,) = check(box, name, memory=running.memory)
    assert (well.status, well.memory["failed"]) == ("healthy", {})


def test_a_run_that_takes_too_long_and_a_timer_that_rested_too_long(systemd_box: SystemdBox) -> None:
    box = systemd_box
    make(box, "l-slow", ["OnActiveSec=10ms"], "ExecStart=/bin/sleep 600")
    make(box, "l-rested", ["OnActiveSec=10ms", *FAR])
    make(box, "l-never", FAR)
    box.wait("l-slow.service", "ActiveState", "activating")
    await_trigger(box, "l-rested.timer")
    time.sleep(0.3)
    slow, rested, never = check(box, "l-slow", "l-rested", "l-never", max_run=0.1, max_age=0.1)
    assert (slow.error or "").startswith("l-slow.service has been running for ")
    assert (rested.error or "").startswith("last fired ") and (rested.error or "").endswith(" ago (limit 0.1 s)")
    assert (never.error or "").startswith("has not fired since it was started ")
    assert {(one.status, one.category, one.remedy) for one in (slow, rested, never)} == {
        ("unhealthy", "process", "person")
    }


# --- text by hand

NOW = 1_795_883_100.0  # Sat 2026-11-28 16:25:00 UTC


def read(tmp_path: Path, now: float = NOW, memory: Mapping[str, Any] | None = None, **properties: Any) -> Reading:
    """What the monitor makes of a timer with these properties, and of a service that rests."""
    basis = {"Id": "job.timer", "LoadState": "loaded", "ActiveState": "active", "SubState": "waiting"}
    service = {"Id": "job.service", "LoadState": "loaded", "ActiveState": "inactive", "Result": "success"}
    keys: dict[str, Any] = {key: float(properties.pop(key)) for key in ("max_age", "grace") if key in properties}
    both = [basis | {"Unit": "job.service"} | properties, service]
    answer = tmp_path / "answer"
    answer.write_text("\n\n".join("\n".join(f"{k}={v}" for k, v in one.items()) for one in both))
    settings = Settings("job", systemctl=("sh", "-c", f"cat {answer}"), **keys)
    return monitor.probe_all([(settings, CheckContext("it", 20, now, memory or {}))])[0]


def test_a_timer_is_late_after_its_grace_accuracy_and_delay(tmp_path: Path) -> None:
    due: dict[str, Any] = {"NextElapseUSecRealtime": "Sat 2026-11-28 16:25:00 UTC", "AccuracyUSec": "1min"}
    late = 300 + 60
    assert read(tmp_path, NOW + late - 1, **due).status == "healthy"
    reading = read(tmp_path, NOW + late + 1, **due)
    assert (reading.status, reading.error) == ("unhealthy", "has not fired: it is 6 min late (limit 6 min)")
    assert (reading.category, reading.remedy) == ("process", "person")
    assert read(tmp_path, NOW + late + 1, **due, RandomizedDelayUSec="1h").status == "healthy"
    assert read(tmp_path, NOW + late + 1, **(due | {"SubState": "running"})).status == "healthy"


def test_spans_are_of_the_monotonic_clock(tmp_path: Path) -> None:
    """A clock that is set changes nothing."""
    up = time.clock_gettime(time.CLOCK_MONOTONIC)
    for now in (NOW, NOW + 1e9, 0.0):
        ahead: dict[str, Any] = {
            "NextElapseUSecMonotonic": f"{up + 60:f}s",
            "LastTriggerUSecMonotonic": f"{up - 60:f}s",
        }
        assert read(tmp_path, now, **ahead, max_age="3600").status == "healthy"
        behind: dict[str, Any] = {"NextElapseUSecMonotonic": f"{max(1.0, up - 900):f}s"}
        assert read(tmp_path, now, **behind, grace="1").status == "unhealthy"
    age: dict[str, Any] = {
        "LastTriggerUSecMonotonic": f"{max(1.0, up - 900):f}s",
        "LastTriggerUSec": "Sat 2000-01-01 00:00:00 UTC",
    }
    assert read(tmp_path, NOW, **age, max_age="100000000").status == "healthy"


def test_a_reboot_does_not_forget_when_it_fired(tmp_path: Path) -> None:
    persistent: dict[str, Any] = {"LastTriggerUSec": "Sat 2026-11-28 16:25:00 UTC", "LastTriggerUSecMonotonic": "0"}
    assert read(tmp_path, NOW + 7000, **persistent, max_age="7200").status == "healthy"
    reading = read(tmp_path, NOW + 7300, **persistent, max_age="7200")
    assert reading.error == "last fired 2 h 2 min ago (limit 2 h)"
    forgotten: dict[str, Any] = {"LastTriggerUSec": "", "LastTriggerUSecMonotonic": "0"}
    remembered = {"fired": NOW}
    assert read(tmp_path, NOW + 7000, remembered, **forgotten, max_age="7200").status == "healthy"
    assert read(tmp_path, NOW + 7300, remembered, **forgotten, max_age="7200").status == "unhealthy"
    assert read(tmp_path, NOW + 7300, **forgotten, max_age="7200").status == "healthy", "nothing is known"


def test_a_time_in_another_zone_is_not_guessed(tmp_path: Path) -> None:
    reading = read(tmp_path, NextElapseUSecRealtime="Sun 2026-11-29 00:25:00 HKT", memory={"fired": 1.0})
    assert reading.status == "unknown" and reading.memory == {"fired": 1.0}
    assert reading.error == "systemctl names a time that is not in UTC: Sun 2026-11-29 00:25:00 HKT"


def test_no_service_manager_is_unknown() -> None:
    settings = Settings("job", systemctl=("/nonexistent/systemctl",))
    (reading,) = monitor.probe_all([(settings, CheckContext("a", 5, 0.0, {"fired": 3.0}))])
    assert reading.error == "cannot ask systemd: cannot run /nonexistent/systemctl: No such file or directory"
    assert (reading.status, reading.memory) == ("unknown", {"fired": 3.0})


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"unit": "back*up"}, "unit"),
        ({"unit": "--user"}, "unit"),
        ({"unit": "backup.service"}, "unit"),
        ({"grace": -1}, "grace"),
        ({"max_age": 0}, "max_age"),
        ({"max_run": -5.0}, "max_run"),
        ({"systemctl": ()}, "systemctl"),
    ],
)
def test_settings_that_are_refused(keys: dict[str, Any], key: str) -> None:
    assert [one for one, _ in monitor.problems(Settings(**({"unit": "backup"} | keys)))] == [key]


def test_settings_that_are_taken() -> None:
    assert monitor.problems(Settings("backup", max_age=1, max_run=1, grace=0)) == []
    assert Settings("backup").timer == Settings("backup.timer").timer == "backup.timer"
