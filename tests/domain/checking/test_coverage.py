"""Coverage by hand; which time between two passes is a gap, whatever the clock does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.coverage import (
    Gap,
    Watch,
    common,
    covered_percent,
    missed,
    unfinished,
    union,
    watched,
)


def gap(started: float, ended: float, observer: str = "here") -> Gap:
    return Gap(observer, started, ended, "")


@pytest.mark.parametrize(
    ("gaps", "percent"),
    [
        ([], 100.0),
        ([gap(1000, 1100)], 90.0),
        ([gap(1000, 1100), gap(1500, 1900)], 50.0),
        ([gap(1100, 1300), gap(1200, 1400)], 70.0),  # overlapping: once
        ([gap(1100, 1600), gap(1200, 1300)], 50.0),  # one within the other
        ([gap(1200, 1300), gap(1100, 1600, "there")], 50.0),  # two observers, given in any order
        ([gap(1100, 1300), gap(1300, 1500)], 60.0),  # one after the other
        ([gap(0, 1500)], 50.0),  # begun before
        ([gap(1500, 9000)], 50.0),  # ended after
        ([gap(0, 9000)], 0.0),
        ([gap(0, 900), gap(2100, 2200), gap(1000, 1000)], 100.0),  # outside, and none at all
        ([gap(1400, 1300)], 100.0),  # a row that cannot be
    ],
)
def test_by_hand(gaps: list[Gap], percent: float) -> None:
    assert covered_percent(gaps, 1000.0, 2000.0) == pytest.approx(percent)


def test_an_empty_span_and_one_of_the_future_have_none() -> None:
    assert covered_percent([], 1000.0, 1000.0) is None
    assert covered_percent([gap(0, 9)], 2000.0, 1000.0) is None


spans = st.lists(st.tuples(st.integers(-50, 150), st.integers(0, 60)), max_size=12)


@given(spans)
def test_as_counting_second_by_second(found: list[tuple[int, int]]) -> None:
    gaps = [gap(start, start + length) for start, length in found]
    seconds = [n for n in range(100) if not any(one.started <= n < one.ended for one in gaps)]
    assert covered_percent(gaps, 0.0, 100.0) == pytest.approx(float(len(seconds)))


def gaps_of(moments: list[float], tick: float = 60.0) -> list[tuple[float, float]]:
    """The gaps that passes of two seconds at these moments make."""
    found, watch = [], None
    for moment in moments:
        gap = missed(watch, "here", moment, tick)
        watch = watched(watch, gap, moment, moment + 2)
        if gap is not None:
            found.append((gap.started, gap.ended))
            assert watch.gap == found[-1]
    return found


def every(step: float, start: float, end: float) -> list[float]:
    return [start + step * n for n in range(int((end - start) / step))]


@pytest.mark.parametrize(
    ("moments", "gaps"),
    [
        ([0.0], []),
        ([0.0, 60, 120, 270], []),  # one tick lost is not yet a gap
        ([0.0, 60, 211], [(62, 211)]),
        ([0.0, 10_800, 10_860], [(2, 10_800)]),  # suspended for three hours
        ([7200.0, 3600, 3660], []),  # set back by an hour
        ([86_400.0, 0, 60], []),  # and by a day
        ([*every(60, 0, 3600), 0, 60, 120, 3700], [(3542, 3700)]),  # back and forth: seen once already until 3542
        ([*every(60, 0, 3600), 0, 60, 120, 3600], []),
        ([*every(60, 0, 3600), 0, 60, 120, 1800], [(122, 1800)]),  # forth by half of it only
        ([4e9, 0, 60, 1000], [(62, 1000)]),  # once in the far future is no pardon for ever
        ([0.0, 1.0, 0.5, 1.5], []),
    ],
)
def test_which_time_is_a_gap(moments: list[float], gaps: list[tuple[float, float]]) -> None:
    assert gaps_of(moments) == gaps


@given(st.lists(st.floats(0, 1e6), max_size=40))
def test_no_gap_is_negative_or_of_the_future(moments: list[float]) -> None:
    assert all(started < ended <= max(moments) for started, ended in gaps_of(moments))


def test_the_one_that_still_goes_on() -> None:
    assert unfinished(Watch(0, 2), "here", 100, 60) is None
    found = unfinished(Watch(0, 2), "here", 722, 60)
    assert found == Gap("here", 2, 722, "no pass since, expected every 1 min")
    assert unfinished(Watch(1000, 1002), "here", 0, 60) is None  # the clock was set back


def test_the_pace_decides() -> None:
    assert gaps_of([0.0, 300, 600], tick=300) == []
    assert gaps_of([0.0, 300, 600], tick=60) == [(2, 300), (302, 600)]


_marks = st.lists(st.integers(0, 10_000_000), max_size=8, unique=True).map(sorted)


@given(st.lists(_marks, min_size=1, max_size=3))
def test_nobody_watches_where_everybody_has_a_gap_to_the_microsecond(marks: list[list[int]]) -> None:
    of = [
        [Gap(str(n), a / 1e6, b / 1e6, "why") for a, b in zip(one[::2], one[1::2], strict=False)]
        for n, one in enumerate(marks)
    ]
    edges = sorted({0, 10_000_000, *(mark for one in marks for mark in one)})
    pieces = pairwise(edges)
    inside = [
        (a, b)
        for a, b in pieces
        if all(any(g.started * 1e6 <= a + 0.5 and g.ended * 1e6 >= b - 0.5 for g in one) for one in of)
    ]
    found = [(one.started, one.ended) for one in common(of)]
    assert union(found, 0.0, 10.0) == sum(b - a for a, b in inside) / 1e6
    assert found == sorted(found)
