"""Which way things go: said when the figures carry it, and not otherwise."""

import random

import pytest

from heartbeat_cli.domain.reporting.trends import DAY, HOUR, Hour, forecast, median, shift, slope, thinned


def hours(*medians_ms: float, answered: int = 60) -> list[Hour]:
    return [Hour(n * HOUR, round(ms * 1000), answered) for n, ms in enumerate(medians_ms)]


def test_slower_since_an_hour() -> None:
    chance = random.Random(1)
    before = [120 + chance.uniform(-10, 10) for _ in range(14)]
    after = [300 + chance.uniform(-15, 15) for _ in range(8)]
    found = shift("web", hours(*before, *after))
    assert found is not None and (found.component, found.since, found.answered) == ("web", 14 * HOUR, 480)
    assert found.change == pytest.approx(0.18, abs=0.02)
    faster = shift("web", hours(*after, *before))
    assert faster is not None and faster.change < 0 and faster.since == 8 * HOUR


@pytest.mark.parametrize(
    "found",
    [
        hours(*[100] * 20),
        hours(*[100] * 10, *[110] * 10),  # less than 20 ms
        hours(*[1000] * 10, *[1100] * 10),  # less than a quarter
        hours(*[100] * 18, 900, 900),  # two hours are no state
        hours(*[100] * 9, 900, *[100] * 9),  # a spike
        hours(*[100, 300] * 10),  # it always varies as much
        hours(*[100] * 10, *[400] * 10, answered=19),  # too few answers
        hours(100, 100, 400, 400, 400),
        [],
    ],
)
def test_silent_without_reason(found: list[Hour]) -> None:
    assert shift("web", found) is None


def test_noise_alone_says_nothing() -> None:
    chance = random.Random(2)
    said = [shift("x", hours(*[chance.lognormvariate(5, 0.4) for _ in range(48)])) for _ in range(200)]
    assert sum(one is not None for one in said) <= 2


def test_a_slope_is_not_moved_by_a_few_wild_values() -> None:
    points = [(float(n), 2.0 * n + 5) for n in range(30)]
    points[7], points[20] = (7.0, 900.0), (20.0, -900.0)
    found = slope(points)
    assert found is not None and found.each_second == 2.0 and found.low <= 2.0 <= found.high
    assert slope([(1.0, 1.0)]) is None and slope([(1.0, 1.0), (1.0, 2.0)]) is None


def filling(each_day: float, days: float, noise: float = 0.2, start: float = 60.0) -> list[tuple[float, float]]:
    chance = random.Random(3)
    return [(n * HOUR, start + each_day * n / 24 + chance.gauss(0, noise)) for n in range(int(days * 24))]


def test_days_until_a_disk_is_full() -> None:
    found = forecast("host", "disk_used_percent", "/", filling(1.5, 10))
    assert found is not None
    true = (100 - found.now) / 1.5
    assert found.now == pytest.approx(75, abs=0.5) and found.days == pytest.approx(true, rel=0.05)
    assert found.latest is not None and found.earliest <= true <= found.latest
    assert found.earliest <= found.days <= found.latest


@pytest.mark.parametrize(
    "points",
    [
        filling(0.0, 10),
        filling(-1.0, 10),
        filling(1.5, 1.5),  # not long enough
        filling(0.1, 10),  # a year away
        filling(0.2, 3, noise=4.0),  # may as well not rise
        filling(1.0, 10, start=95.0),  # over it already
        [],
    ],
)
def test_no_forecast_without_reason(points: list[tuple[float, float]]) -> None:
    assert forecast("host", "disk_used_percent", "/", points) is None


def test_noise_is_no_forecast() -> None:
    chance = random.Random(4)
    said = 0
    for _ in range(60):
        points = [(n * HOUR, 50 + chance.gauss(0, 5)) for n in range(100)]
        found = forecast("host", "disk_used_percent", "/", points)
        said += found is not None
    assert said <= 6  # one side of 90 %


def test_many_points_are_put_together() -> None:
    assert thinned([(float(n), float(n)) for n in range(10)], 5) == [(0.5 + 2 * n, 0.5 + 2 * n) for n in range(5)]
    assert DAY == 24 * HOUR


@pytest.mark.parametrize(
    ("values", "middle"), [([3.0], 3.0), ([9.0, 1.0, 2.0], 2.0), ([1.0, 2.0], 1.5), ([10.0, 1.0, 4.0, 2.0], 3.0)]
)
def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle(values: list[float], middle: float) -> None:
    """Else every change and forecast of an even number of hours would be told as of the hour above, or below."""
    assert median(values) == middle
