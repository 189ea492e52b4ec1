"""When a check is due, alone and over an hour of cron."""

import itertools
import random

import pytest

from heartbeat_cli.domain.strategy import STRATEGIES, is_due


def test_the_three_strategies() -> None:
    assert {name: (s.interval, s.timeout) for name, s in STRATEGIES.items()} == {
        "aggressive": (15.0, 3.0),
        "normal": (30.0, 5.0),
        "conservative": (60.0, 10.0),
    }


@pytest.mark.parametrize(
    ("ago", "interval", "due"),
    [
        (None, 60, True),
        (60, 60, True),
        (50, 60, True),  # cron was late before, or is early now
        (49.9, 60, False),
        (12, 15, True),
        (11, 15, False),
        (30, 60, False),
        (3590, 3600, True),
        (3589, 3600, False),
        (0, 60, False),
        (-0.001, 60, True),  # the last check lies in the future: the clock was put back
        (-3600, 60, True),
    ],
)
def test_due(ago: float | None, interval: float, due: bool) -> None:
    assert is_due(None if ago is None else 5000.0 - ago, 5000.0, interval) is due


def looks_in_an_hour(tick: float, interval: float, jitter: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    looks: list[float] = []
    for number in range(round(3600 / tick)):
        now = 1e9 + number * tick + chance.uniform(0, jitter)
        if is_due(looks[-1] if looks else None, now, interval):
            looks.append(now)
    return looks


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("jitter", [0.0, 0.8, 3.0])
@pytest.mark.parametrize(
    ("tick", "interval", "expected"),
    [
        (15, 15, 240), (15, 30, 120), (15, 60, 60), (15, 300, 12),
        (30, 15, 120), (30, 30, 120), (30, 60, 60), (30, 90, 40),
        (60, 15, 60), (60, 30, 60), (60, 60, 60), (60, 300, 12), (60, 3600, 1),
    ],
)  # fmt: skip
def test_an_hour_of_cron_gives_each_interval_its_checks(
    tick: float, interval: float, expected: int, jitter: float, seed: int
) -> None:
    """Neither doubled nor starved: as many as the interval asks for and the ticks allow, evenly spread."""
    looks = looks_in_an_hour(tick, interval, jitter, seed)
    assert len(looks) == expected
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert all(abs(gap - max(interval, tick)) <= jitter + 0.001 for gap in gaps)


def test_an_interval_between_two_ticks_is_never_overdrawn() -> None:
    looks = looks_in_an_hour(30, 45, 0.0, 1)
    assert 60 <= len(looks) <= 80


def test_a_clock_that_goes_back_and_forth_costs_one_check_each() -> None:
    last, looks = None, 0
    for now in (1000, 1030, 1060, 500, 530, 560, 5000, 5030):
        if is_due(last, now, 60):
            last, looks = now, looks + 1
    assert looks == 5  # 1000, 1060, 500 (put back), 560, 5000
