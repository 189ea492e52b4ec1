"""The service monitor against a real systemd in a container; states that are hard to make as text by hand."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.monitors import _journal
from heartbeat_cli.monitors import service as monitor
from heartbeat_cli.monitors.service import Settings
from tests.parts.systemd import SystemdBox

SLEEP = "ExecStart=/bin/sleep 600"


def check(box: SystemdBox, *units: str, memory: Mapping[str, Any] | None = None, **keys: Any) -> list[Reading]:
    circumstances = CheckContext("it", 20, time.time(), memory or {})
    return monitor.probe_all([(Settings(unit, systemctl=box.prefix, **keys), circumstances) for unit in units])


def test_what_a_failed_unit_said_last_is_evidence(systemd_box: SystemdBox) -> None:
    box = systemd_box
    box.service("s-talker.service", "ExecStart=/bin/sh -c 'echo no more room on the moon; exit 3'", start=True)
    box.service("s-quiet.service", SLEEP, start=True)
    box.wait("s-talker", "ActiveState", "failed")
    box.shell("journalctl --sync")
    first, healthy = check(box, "s-talker", "s-quiet")
    assert "no more room on the moon" in first.evidence["journal"] and "journal" not in healthy.evidence
    (again,) = check(box, "s-talker", memory={"journal": [first.evidence["systemd"], "as remembered"]})
    assert again.evidence["journal"] == "as remembered", "the journal is read anew though nothing has changed"


@pytest.mark.parametrize(
    ("systemctl", "journalctl"),
    [
        (("systemctl",), ["journalctl"]),
        (("/usr/bin/systemctl",), ["/usr/bin/journalctl"]),
        (("sudo", "-n", "systemctl"), ["journalctl"]),
        (("docker", "exec", "box", "systemctl"), ["docker", "exec", "box", "journalctl"]),
        (("sudo", "-n", "docker", "exec", "box", "systemctl"), []),
        (("my-own-wrapper",), []),
    ],
)
def test_where_the_journal_is_asked_for(systemctl: tuple[str, ...], journalctl: list[str]) -> None:
    assert _journal._program(systemctl) == journalctl


def test_one_call_answers_for_all_in_the_order_asked(systemd_box: SystemdBox) -> None:
    box = systemd_box
    running = box.service("s-running.service", SLEEP, start=True)
    box.service("s-failed.service", "ExecStart=/bin/sh -c 'exit 7'", start=True)
    box.service("s-killed.service", SLEEP, start=True)
    box.systemctl("kill", "--signal=KILL", "s-killed")
    box.service("s-stopped.service", SLEEP)
    box.service("s-once.service", "Type=oneshot", "RemainAfterExit=yes", "ExecStart=/bin/true", start=True)
    box.service("s-empty.service", "RemainAfterExit=yes", "ExecStart=/bin/true", start=True)
    box.service("s-starting.service", "Type=notify", SLEEP)
    box.systemctl("start", "--no-block", "s-starting")
    box.systemctl("mask", "--runtime", "s-nothing.service")
    for unit, state in (("s-failed", "failed"), ("s-killed", "failed"), ("s-starting", "activating")):
        box.wait(unit, "ActiveState", state)
    box.wait("s-empty", "SubState", "exited")

    # An alias, a name without suffix, and one unit asked for twice must each find their own answer.
    units = ("dbus-org.freedesktop.login1", "s-failed", "s-nobody", "s-killed.service", "s-stopped", "s-once")
    more = (running, "s-empty", "s-starting", "s-nothing", "s-failed")
    readings = check(box, *units, *more)
    assert [(reading.status, reading.error) for reading in readings] == [
        ("healthy", None),
        ("unhealthy", "failed to run (exit 7)"),
        ("unhealthy", "no such unit: s-nobody.service"),
        ("unhealthy", "failed: signal (killed by signal 9)"),
        ("unhealthy", "inactive: not running"),
        ("healthy", None),
        ("healthy", None),
        ("degraded", "active, but none of its processes is left (RemainAfterExit)"),
        ("degraded", "still starting (start)"),
        ("unhealthy", "masked: it cannot be started until it is unmasked"),
        ("unhealthy", "failed to run (exit 7)"),
    ]
    by_name = {metric.name: metric.value for metric in readings[6].metrics}
    assert by_name["restarts"] == 0
    assert "ActiveState=active, SubState=running" in readings[6].evidence["systemd"]
    assert readings[6].response_time is not None and readings[6].response_time > 0


def test_a_crash_loop_is_not_up(systemd_box: SystemdBox) -> None:
    box = systemd_box
    waits = box.service("l-waits.service", "ExecStart=/bin/false", "Restart=always", "RestartSec=600", start=True)
    loop = box.service("l-loop.service", "ExecStart=/bin/sh -c 'sleep 0.2; exit 1'", "Restart=always", start=True)
    box.wait(waits, "SubState", "auto-restart")
    assert [(reading.status, reading.error) for reading in check(box, waits)] == [
        ("unhealthy", "crash loop: waiting to be restarted, exit-code (exit 1)")
    ]
    before = check(box, loop)[0].memory
    time.sleep(1.5)
    reading = check(box, loop, memory=before)[0]
    box.systemctl("stop", loop)
    assert reading.status == "unhealthy"
    assert (reading.error or "").startswith("crash loop: ")
    assert "since the last check" in (reading.error or "")


def test_running_although_it_would_not_start_again(systemd_box: SystemdBox) -> None:
    unit = systemd_box.service("m-masked.service", SLEEP, start=True)
    systemd_box.write_unit("m-gone.service", f"[Service]\n{SLEEP}\n")
    systemd_box.systemctl("start", "m-gone")
    for action in (
        "rm -f /etc/systemd/system/m-*.service",
        "ln -s /dev/null /etc/systemd/system/m-masked.service",
    ):
        systemd_box.shell(action)
    systemd_box.systemctl("daemon-reload")
    masked, gone = check(systemd_box, unit, "m-gone")
    assert masked.status == gone.status == "degraded"
    assert (masked.error or "").startswith("running, but would not start again: masked")
    assert gone.error == "running, but would not start again: no such unit: m-gone.service"


def test_a_job_may_rest_where_it_is_said_so(systemd_box: SystemdBox) -> None:
    box = systemd_box
    job = box.service("j-job.service", "Type=oneshot", "ExecStart=/bin/true")
    box.write_unit("j-job.timer", "[Timer]\nOnCalendar=yearly\n")
    box.systemctl("start", "j-job.timer", "j-job.service")
    reading = check(box, job)[0]
    assert reading.status == "unhealthy"
    hint = "set inactive_ok = true if it may rest in between"
    assert reading.error == f"inactive: not running; j-job.timer starts it: {hint}"
    assert check(box, job, inactive_ok=True)[0].status == "healthy"
    assert check(box, job, inactive_job_ok=True)[0].status == "healthy"
    assert check(box, "j-job.timer")[0].status == "healthy"

    box.service("j-busy.service", "Type=oneshot", SLEEP)
    box.systemctl("start", "--no-block", "j-busy")
    box.wait("j-busy", "ActiveState", "activating")
    assert check(box, "j-busy")[0].status == "healthy"


def test_a_oneshot_that_ended_well_is_told_apart_from_what_stopped(tmp_path: Path) -> None:
    ended = read(tmp_path, show(ActiveState="inactive", Type="oneshot", Result="success"))
    hint = "it is a oneshot that has not failed: set inactive_ok = true if it need not run now"
    assert ended.error == f"inactive: not running; {hint}"
    assert (
        read(tmp_path, show(ActiveState="inactive", Type="simple", Result="success")).error == "inactive: not running"
    )


def hanging(tmp_path: Path) -> str:
    """A systemctl that never answers."""
    path = tmp_path / "hangs"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.whole
def test_managers_that_hang_do_not_add_up(tmp_path: Path) -> None:
    path = hanging(tmp_path)
    asked = [(Settings("web", systemctl=(path, str(n))), CheckContext("it", 2, 0.0)) for n in range(5)]
    started = time.monotonic()
    assert [reading.status for reading in monitor.probe_all(asked)] == ["unknown"] * 5
    assert time.monotonic() - started < 2 + 4


def test_no_service_manager_is_unknown(systemd_box: SystemdBox, tmp_path: Path) -> None:
    """The other group, asked side by side, is answered all the same; what was remembered stays."""
    systemd_box.service("u-running.service", SLEEP, start=True)
    hangs = hanging(tmp_path)
    memory = {"restarts": 3}
    asked = [
        (Settings("web", systemctl=("/nonexistent/systemctl",)), CheckContext("a", 5, 0.0, memory)),
        (Settings("web", systemctl=(hangs,)), CheckContext("b", 1, 0.0)),
        (Settings("web", user=True, systemctl=systemd_box.prefix), CheckContext("c", 20, 0.0)),
        (
            Settings("web", systemctl=("docker", "exec", "heartbeat-test-nobody", "systemctl")),
            CheckContext("d", 20, 0.0),
        ),
        (Settings("u-running", systemctl=systemd_box.prefix), CheckContext("e", 20, 0.0)),
    ]
    readings = monitor.probe_all(asked)
    assert [reading.status for reading in readings] == ["unknown"] * 4 + ["healthy"]
    assert readings[0].error == "cannot ask systemd: cannot run /nonexistent/systemctl: No such file or directory"
    assert readings[0].memory == memory
    assert readings[1].error == "cannot ask systemd: systemctl did not answer in time"
    assert "Failed to connect to bus" in (readings[2].error or "")
    assert "o such container" in (readings[3].error or "")


# --- text by hand

TIMED = {"Type": "simple", "Result": "success", "UnitFileState": "static", "TriggeredBy": "a.timer"}


def show(**properties: str) -> str:
    basis = {"Id": "web.service", "LoadState": "loaded", "ActiveState": "active", "SubState": "running"}
    return "".join(f"{key}={value}\n" for key, value in (basis | properties).items())


def read(tmp_path: Path, text: str, memory: Mapping[str, Any] | None = None, **keys: Any) -> Reading:
    """What the monitor makes of a systemctl that prints `text`."""
    answer = tmp_path / "answer"
    answer.write_text(text)
    settings = Settings("web", systemctl=("sh", "-c", f"cat {answer}"), **keys)
    return monitor.probe_all([(settings, CheckContext("it", 20, 0.0, memory or {}))])[0]


@pytest.mark.parametrize(
    ("properties", "keys", "status"),
    [
        (show(ActiveState="reloading"), {}, "healthy"),
        (show(ActiveState="refreshing"), {}, "healthy"),
        (show(ActiveState="deactivating", SubState="stop-sigterm"), {}, "unhealthy"),
        (show(ActiveState="deactivating", Type="oneshot"), {}, "healthy"),
        (show(ActiveState="maintenance"), {}, "unhealthy"),
        (show(ActiveState="hibernating"), {}, "unknown"),
        (show(ActiveState="activating", SubState="auto-restart-queued"), {}, "unhealthy"),
        (
            show(ActiveState="activating", SubState="auto-restart", Result="success"),
            {"restart_limit": 0},
            "healthy",
        ),
        (
            show(ActiveState="activating", SubState="auto-restart", Result="signal"),
            {"restart_limit": 0},
            "unhealthy",
        ),
        (show(ActiveState="inactive", Result="exit-code"), {"inactive_ok": True}, "unhealthy"),
        (show(ActiveState="inactive", Type="oneshot", Result="success"), {}, "unhealthy"),
        (show(ActiveState="inactive", Type="oneshot", Result="success"), {"inactive_job_ok": True}, "healthy"),
        (show(ActiveState="inactive", Type="oneshot", Result="exec-condition"), {"inactive_job_ok": True}, "healthy"),
        (show(ActiveState="inactive", Type="oneshot", Result="timeout"), {"inactive_job_ok": True}, "unhealthy"),
        (show(ActiveState="failed", Type="oneshot", Result="exit-code"), {"inactive_job_ok": True}, "unhealthy"),
        (show(ActiveState="inactive", Type="simple", Result="success"), {"inactive_job_ok": True}, "unhealthy"),
        (show(ActiveState="inactive", **TIMED), {"inactive_job_ok": True}, "healthy"),
        (show(ActiveState="inactive", **TIMED | {"UnitFileState": "enabled"}), {"inactive_job_ok": True}, "unhealthy"),
        (show(ActiveState="inactive", **TIMED | {"TriggeredBy": "a.socket"}), {"inactive_job_ok": True}, "unhealthy"),
        (show(LoadState="bad-setting", ActiveState="inactive"), {}, "unhealthy"),
    ],
)
def test_states(tmp_path: Path, properties: str, keys: dict[str, Any], status: str) -> None:
    assert read(tmp_path, properties, **keys).status == status


@pytest.mark.parametrize(
    ("now", "memory", "limit", "error"),
    [
        ("7", {"restarts": 5}, 1, "crash loop: 2 restarts since the last check"),
        ("6", {"restarts": 5}, 1, "crash loop: 1 restart since the last check"),
        ("6", {"restarts": 5}, 2, None),
        ("9", {"restarts": 5}, 0, None),
        ("0", {"restarts": 5}, 1, None),  # started by hand: the count was set back
        ("1", {"restarts": 5}, 1, "crash loop: 1 restart since the last check"),  # and has risen since
        ("7", {}, 1, None),
        ("7", {"restarts": "5"}, 1, None),
        ("7", {"restarts": True}, 1, None),
        ("[not set]", {"restarts": 5}, 1, None),
    ],
)
def test_restarts(tmp_path: Path, now: str, memory: dict[str, Any], limit: int, error: str | None) -> None:
    assert read(tmp_path, show(NRestarts=now), memory, restart_limit=limit).error == error


def program(tmp_path: Path, *lines: str) -> tuple[str, ...]:
    """A systemctl that does this."""
    path = tmp_path / "systemctl"
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return (str(path),)


def test_who_must_answer_soon_is_not_waited_for_as_long_as_the_most_patient(tmp_path: Path) -> None:
    """Both are asked by one call: an answer after 4 s is none for a unit that has 0.5 s."""
    slow = program(tmp_path, "sleep 4", f"cat {tmp_path}/answer")
    (tmp_path / "answer").write_text(show() + "\n" + show(Id="db.service"))
    asked = [
        (Settings("web", systemctl=slow), CheckContext("a", 30, 0.0)),
        (Settings("db", systemctl=slow), CheckContext("b", 0.5, 0.0)),
    ]
    for order in (asked, asked[::-1]):
        assert [reading.error for reading in monitor.probe_all(order)] == [
            "cannot ask systemd: systemctl did not answer in time"
        ] * 2


def test_a_systemctl_that_gives_up_half_way_is_believed_up_to_there(tmp_path: Path) -> None:
    """What it said of whole units counts; of the one in the middle of which it broke off nobody can tell: half of its
    block looks like a unit that is in no state."""
    told = show() + "\n" + show(Id="db.service", ActiveState="failed", Result="signal") + "\n" + show(Id="mail.service")
    cut = told[: told.rindex("ActiveState")]
    (tmp_path / "answer").write_text(cut)
    broken = program(tmp_path, f"cat {tmp_path}/answer", "echo Connection reset by peer >&2", "exit 1")
    asked = [(Settings(unit, systemctl=broken), CheckContext(unit, 20, 0.0)) for unit in ("web", "db", "mail", "cron")]
    assert [(reading.status, reading.error) for reading in monitor.probe_all(asked)] == [
        ("healthy", None),
        ("unhealthy", "failed: signal"),
        ("unknown", "cannot ask systemd: Connection reset by peer"),
        ("unknown", "cannot ask systemd: Connection reset by peer"),
    ]


def test_an_answer_about_something_else_is_unknown(tmp_path: Path) -> None:
    reading = read(tmp_path, show(Id="other.service"), {"restarts": 5})
    assert (reading.status, reading.memory) == ("unknown", {"restarts": 5})
    assert reading.error == "cannot ask systemd: systemctl said nothing about it"


def test_blocks_are_found_by_name_never_by_place() -> None:
    blocks = systemd.blocks("Id=b.service\nNames=b.service alias.service\nX=1=2\n\n\nId=a.service\n")
    assert [block["Id"] for block in blocks] == ["b.service", "a.service"]
    assert blocks[0]["X"] == "1=2"
    assert systemd.block_of("alias", blocks) is blocks[0]
    assert systemd.block_of("a", blocks) is blocks[1]
    assert systemd.block_of("c", blocks) is None


@pytest.mark.parametrize("text", ["", "[not set]", "18446744073709551615", "-1", "x"])
def test_a_figure_that_is_none(text: str) -> None:
    assert systemd.number({"MemoryCurrent": text}, "MemoryCurrent") is None


@pytest.mark.parametrize("unit", ["", "-H", "--user", "a b", "web*", "w?b", "[a]", "a/b", "a\nb", "a;b", "x" * 250])
def test_names_that_are_refused(unit: str) -> None:
    assert [key for key, _ in monitor.problems(Settings(unit))] == ["unit"]


@pytest.mark.parametrize("unit", ["nginx", "getty@tty1.service", r"dev-disk\x2dby.swap", "a.b", "backup.timer"])
def test_names_that_are_taken(unit: str) -> None:
    assert monitor.problems(Settings(unit)) == []


def test_other_problems() -> None:
    assert [key for key, _ in monitor.problems(Settings("web", systemctl=(), restart_limit=-1))] == [
        "systemctl",
        "restart_limit",
    ]


def test_cron_has_no_runtime_folder() -> None:
    assert systemd.extra_env({}, 1000)["XDG_RUNTIME_DIR"] == "/run/user/1000"
    assert systemd.extra_env({"XDG_RUNTIME_DIR": "/x", "DOCKER_HOST": "y", "TOKEN": "z"}, 1) == {
        "XDG_RUNTIME_DIR": "/x",
        "DOCKER_HOST": "y",
        "SYSTEMD_COLORS": "0",
    }


def test_any_unit_that_failed_is_named(systemd_box: SystemdBox) -> None:
    box = systemd_box
    box.systemctl("reset-failed")

    def failed() -> Reading:
        settings = Settings(failed=True, systemctl=box.prefix)
        (reading,) = monitor.probe_all([(settings, CheckContext("any", 20, 0.0))])
        return reading

    assert (failed().status, failed().metrics[0].value) == ("healthy", 0)
    for number in range(7):
        unit = box.service(f"fails-{number}.service", "ExecStart=/bin/false", start=True)
        box.wait(unit, "ActiveState", "failed")
        if not number:
            assert failed().error == "1 unit has failed: fails-0.service"
    reading = failed()
    assert reading.status == "unhealthy" and str(reading.error).startswith("7 units have failed: fails-0.service, ")
    assert str(reading.error).endswith("and 2 more") and "fails-6.service" in reading.evidence["systemd"]
    assert reading.failure is not None and reading.failure.remedy == "person"
    box.systemctl("reset-failed")


@pytest.mark.parametrize("systemctl", [("false",), ("/nowhere/systemctl",)])
def test_a_manager_that_says_nothing_about_failed_units_is_unknown(systemctl: tuple[str, ...]) -> None:
    (reading,) = monitor.probe_all([(Settings(failed=True, systemctl=systemctl), CheckContext("any", 5, 0.0))])
    assert reading.status == "unknown"


@pytest.mark.parametrize(
    ("keys", "wrong"), [({}, True), ({"unit": "a", "failed": True}, True), ({"failed": True}, False)]
)
def test_a_service_is_one_unit_or_all_that_failed(keys: dict[str, Any], wrong: bool) -> None:
    assert [key for key, _ in monitor.problems(Settings(**keys))] == (["unit"] if wrong else [])
