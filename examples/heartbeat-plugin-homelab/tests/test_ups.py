"""The monitor, against a server that speaks the protocol of `upsd`."""

import socket

import pytest
from heartbeat_plugin_homelab import ups
from servers import serving

from heartbeat_cli.plugin_api import CheckContext, Reading


def answer(status: str, charge: float = 100) -> bytes:
    lines = [f'VAR ups ups.status "{status}"', f'VAR ups battery.charge "{charge}"', 'VAR ups ups.load "23"']
    return "\n".join(["BEGIN LIST VAR ups", *lines, "END LIST VAR ups", ""]).encode()


def looked(said: bytes, **keys: float) -> Reading:
    with serving(said, end=b"\n") as server:
        settings = ups.Settings(host="127.0.0.1", port=server.port, **keys)  # type: ignore[arg-type]
        reading = ups.probe(settings, CheckContext("ups", timeout=5, now=0))
        assert server.got.get(timeout=5) == b"LIST VAR ups\n"
    return reading


@pytest.mark.parametrize(
    ("status", "charge", "found", "error"),
    [
        ("OL", 100, "healthy", None),
        ("OL CHRG", 20, "healthy", None),
        ("OB DISCHRG", 80, "degraded", "on battery, 80 % charged"),
        ("OB DISCHRG", 25, "unhealthy", "the battery is low, 25 % charged"),
        ("OB LB", 60, "unhealthy", "the battery is low, 60 % charged"),
        ("OL RB", 100, "degraded", "the battery is to be replaced"),
        ("WAT", 100, "unhealthy", "unknown state 'WAT'"),
    ],
)
def test_states(status: str, charge: float, found: str, error: str | None) -> None:
    reading = looked(answer(status, charge))
    assert (reading.status, reading.error) == (found, error)
    assert {one.name: one.value for one in reading.metrics} == {"battery_charge_percent": charge, "load_percent": 23}


def test_a_lost_ups_may_come_back_by_a_restart_of_its_driver_and_an_unknown_one_not() -> None:
    assert looked(b"ERR DATA-STALE\n")[:3:2] == ("unhealthy", "upsd says DATA-STALE")
    assert looked(b"ERR UNKNOWN-UPS\n").category == "configuration"


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reading = ups.probe(ups.Settings(host="127.0.0.1", port=port), CheckContext("ups", timeout=5, now=0))
    assert (reading.status, reading.error) == ("error", "upsd does not answer: Connection refused")


def test_wrong_settings() -> None:
    wrong = ups.Settings(ups="a b", port=0, battery_min=200)
    assert [key for key, _ in ups.problems(wrong)] == ["ups", "port", "battery_min"]
    assert ups.problems(ups.Settings()) == []
