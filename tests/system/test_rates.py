"""Two checks and what lies between: boots, resets, new devices and clock steps make gaps, never nonsense."""

import json
from typing import Any

import pytest

from heartbeat_cli.system import rates
from heartbeat_cli.system.procfs import Snapshot

FIRST = Snapshot(
    "boot-1", 1000.0, 2, (500.0, 10_000.0), (0.0, 0.0, 0.0), 100.0, 50.0, 0.0, 0.0,
    {"eth0": (1000.0, 2000.0)}, {"sda": (10.0, 20.0)}, 3.0,
)  # fmt: skip


def after(**changes: Any) -> Snapshot:
    return FIRST._replace(uptime=1010.0, cpu=(1250.0, 11_000.0), **changes)


def between(now: Snapshot, first: Snapshot = FIRST) -> rates.Rates | None:
    past = rates.recall(json.loads(json.dumps(rates.remember(first))))
    assert past is not None
    return rates.between(past, now)


def test_means_over_the_time_between() -> None:
    now = after(network={"eth0": (6000.0, 2500.0)}, disks={"sda": (110.0, 20.0)}, oom_kills=5.0)
    assert between(now) == (75.0, 500.0, 50.0, 10.0, 0.0, 2.0)


def test_another_boot_has_no_past_even_when_its_counters_are_higher() -> None:
    assert between(after(boot="boot-2")) is None


def test_an_uptime_that_went_back_or_stood_still() -> None:
    assert between(FIRST._replace(uptime=999.0)) is None
    assert between(FIRST._replace(uptime=1000.5)) is None
    past = rates.recall(rates.remember(FIRST))
    assert past is not None
    assert rates.too_soon(past, FIRST._replace(uptime=1000.5))
    assert not rates.too_soon(past, FIRST._replace(uptime=999.0))
    assert not rates.too_soon(past, FIRST._replace(uptime=1000.5, boot="boot-2"))


def test_a_device_that_was_reset_came_or_went_is_left_out() -> None:
    first = FIRST._replace(network={"eth0": (1000.0, 2000.0), "eth1": (9e9, 9e9), "gone": (5.0, 5.0)})
    now = after(network={"eth0": (2000.0, 2000.0), "eth1": (10.0, 10.0), "new": (7e9, 7e9)})
    found = between(now, first)
    assert found is not None
    assert (found.received, found.transmitted) == (100.0, 0.0)


def test_cpu_counters_that_go_back_give_no_or_a_bounded_share() -> None:
    def share(cpu: tuple[float, float]) -> float | None:
        found = between(after()._replace(cpu=cpu))
        assert found is not None
        return found.cpu_percent

    assert share((500.0, 9_000.0)) is None
    assert share((400.0, 11_000.0)) == 0.0
    assert share((5000.0, 11_000.0)) == 100.0


@pytest.mark.parametrize(
    "memory",
    [{}, {"boot": 1}, {**rates.remember(FIRST), "cpu": [1]}, {**rates.remember(FIRST), "network": [1]},
     {**rates.remember(FIRST), "uptime": "x"}, {**rates.remember(FIRST), "disks": {"sda": None}}],
)  # fmt: skip
def test_a_past_that_makes_no_sense_is_none(memory: dict[str, Any]) -> None:
    assert rates.recall(memory) is None
