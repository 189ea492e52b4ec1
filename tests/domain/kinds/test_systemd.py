"""What systemctl is asked and what its answers mean, by hand."""

import math

import pytest

from heartbeat_cli.domain.kinds import systemd


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("nginx", "nginx.service"), ("nginx.service", "nginx.service"), ("backup.timer", "backup.timer"),
        ("a.b", "a.b.service"), ("timer", "timer.service"), ("getty@tty1", "getty@tty1.service"),
    ],
)  # fmt: skip
def test_a_name_is_read_as_systemctl_reads_it(unit: str, name: str) -> None:
    assert systemd.full_name(unit) == name


def test_a_name_is_as_long_as_systemd_takes_it_and_a_prefix_has_no_empty_words() -> None:
    longest = "x" * (255 - len(".service"))
    assert systemd.problems(longest, ["systemctl"]) == []
    assert [key for key, _ in systemd.problems(longest + "x", ["sudo", ""])] == ["unit", "systemctl"]


@pytest.mark.parametrize(
    ("stderr", "denied"),
    [
        ("Failed to restart web.service: Interactive authentication required.", True),
        ("Failed to restart web.service: Access denied", True),
        ("sudo: a password is required", True),
        ("kim is not in the sudoers file.", True),
        ("Failed to restart web.service: Unit web.service not found.", False),
        ("Failed to connect to bus: No such file or directory", False),
        ("", False),
    ],
)
def test_only_a_missing_right_is_called_one(stderr: str, denied: bool) -> None:
    """What else went wrong is no reason to send somebody after polkit, and may be tried again."""
    assert systemd.denied(stderr) == denied


@pytest.mark.parametrize(
    ("active", "sub", "starting"),
    [
        ("activating", "start", True), ("activating", "auto-restart", False),
        ("activating", "auto-restart-queued", False), ("active", "running", False), ("failed", "failed", False),
    ],
)  # fmt: skip
def test_a_pause_between_two_crashes_is_no_start(active: str, sub: str, starting: bool) -> None:
    assert systemd.starting({"ActiveState": active, "SubState": sub}) == starting


def test_figures() -> None:
    assert systemd.left_inactive({"InactiveExitTimestampMonotonic": "2500000"}) == 2.5
    assert systemd.left_inactive({"InactiveExitTimestampMonotonic": "0"}) is None
    assert systemd.number({"NRestarts": str(2**63 - 1)}, "NRestarts") == 2**63 - 1
    assert systemd.number({"NRestarts": str(2**63)}, "NRestarts") is None, "more than a store can hold"
    assert [systemd.job_waiting(job) for job in ({"Job": "71"}, {"Job": "0"}, {"Job": ""}, {})] == [True, *[False] * 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5min 30s", 330.0),
        ("1min 30s", 90.0),
        ("90s", 90.0),
        ("1h 2min 3.5s", 3723.5),
        ("100ms", 0.1),
        ("1w 1d", 691_200.0),
        ("1month 2d", 2_802_600.0),
        ("1y 1us", 31_557_600.000001),
        ("0", 0.0),
        ("infinity", math.inf),
        ("", None),
        ("soon", None),
        ("5min soon", None),
        ("-5s", None),
        ("9" * 400 + "s", None),
    ],
)
def test_spans_of_time_as_systemctl_words_them(text: str, expected: float | None) -> None:
    assert systemd.seconds({"TimeoutStopUSec": text}, "TimeoutStopUSec") == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 78),
        ({"ActiveState": "inactive"}, 78),
        ({"ActiveState": "active"}, None),
        ({"ExecMainCode": "2"}, None),  # killed by signal 78
        ({"ExecMainStatus": "1"}, None),
        ({"RestartPreventExitStatus": ""}, None),
        ({"RestartPreventExitStatus": "0", "ExecMainStatus": "0"}, None),
    ],
)
def test_an_exit_status_after_which_no_restart_helps(changes: dict[str, str], expected: int | None) -> None:
    ended = {"ActiveState": "failed", "ExecMainCode": "1", "ExecMainStatus": "78"}
    assert systemd.prevented({**ended, "RestartPreventExitStatus": "78 SIGUSR1", **changes}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sat 2026-11-28 16:25:00 UTC", 1_795_883_100.0),
        ("Sat 2026-11-28 16:25:00.123456 UTC", 1_795_883_100.0),
        ("2026-11-28 16:25:00 GMT", 1_795_883_100.0),
        ("@1795883100", 1_795_883_100.0),
        ("@1795883100.123456", 1_795_883_100.0),
        ("", None),
        ("n/a", None),
        ("0", None),
    ],
)
def test_points_in_time_as_systemctl_words_them(text: str, expected: float | None) -> None:
    assert systemd.moment({"LastTriggerUSec": text}, "LastTriggerUSec") == expected


@pytest.mark.parametrize("text", ["Sun 2026-11-29 00:25:00 HKT", "soon", "2026-99-99 16:25:00 UTC", "@" + "9" * 400])
def test_a_point_in_time_that_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError):
        systemd.moment({"LastTriggerUSec": text}, "LastTriggerUSec")


def test_a_key_that_comes_twice_has_both_values() -> None:
    assert systemd.blocks("A=1\nB=2\nA=3\n\nA=4\n") == [{"A": "1\n3", "B": "2"}, {"A": "4"}]
