"""Budgets: stories of a counter, windows by the local clock, and every history against a slow model."""

import json
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds import budget
from heartbeat_cli.domain.kinds.budget import State

UTC = ZoneInfo("UTC")
DAY = datetime(2026, 11, 28, tzinfo=UTC).timestamp()


def run(history: list[tuple[float, float]], per: budget.Per = "day", key: str = "k") -> State:
    """The state after all checks (time, counter); memory goes through JSON as it does in a store."""
    memory: Any = {}
    for at, value in history:
        before = budget.remembered(json.loads(json.dumps(memory)))
        memory = budget.kept(budget.follow(before, key, value, at, budget.window(at, per, UTC)[0]))
    state = budget.remembered(memory)
    assert state is not None
    return state


def test_a_day() -> None:
    hour = 3600
    assert run([(DAY + hour, 100)]).spent == 0  # nobody knows what was spent before
    state = run([(DAY + hour, 100), (DAY + 2 * hour, 150), (DAY + 3 * hour, 150)])
    assert (state.spent, state.per_hour, state.lasts(100)) == (50, 25, 2 * hour)
    state = run([(DAY + hour, 100), (DAY + 2 * hour, 150), (DAY + 3 * hour, 7), (DAY + 4 * hour, 17)])
    assert state.spent == 60  # the counter was reset, which adds nothing
    state = run([(DAY + 23 * hour, 100), (DAY + 25 * hour, 140)])
    assert (state.spent, state.since, state.per_hour) == (20, DAY + 24 * hour, 20)  # half of it after midnight
    state = run([(DAY + hour, 100), (DAY + 49 * hour, 148)])
    assert (state.spent, state.per_hour) == (1, 1)
    state = run([(DAY + hour, 100), (DAY + 2 * hour, 150), (DAY + hour, 160), (DAY + 1.5 * hour, 161)])
    assert state.spent == 61  # the clock was set back


def test_a_rate_needs_a_minute() -> None:
    assert run([(DAY, 1), (DAY + 59, 1000)]).per_hour is None
    assert run([(DAY, 1), (DAY + 60, 2)]).per_hour == 60
    spent = run([(DAY, 0), (DAY + 60, 100)])
    assert spent.lasts(100) is None and run([(DAY, 0), (DAY + 60, 0)]).lasts(5) is None


def test_other_settings_have_another_memory() -> None:
    before = run([(DAY, 0), (DAY + 60, 100)])
    assert budget.follow(before, "other", 200, DAY + 120, DAY).spent == 0


@pytest.mark.parametrize(
    ("zone", "now", "per", "began", "hours"),
    [
        ("UTC", "2026-11-28T13:30:15+00:00", "day", "2026-11-28T00:00:00+00:00", 24),
        ("UTC", "2026-11-28T13:30:15.5+00:00", "hour", "2026-11-28T13:00:00+00:00", 1),
        ("Asia/Hong_Kong", "2026-11-27T16:00:00+00:00", "day", "2026-11-28T00:00:00+08:00", 24),
        ("Asia/Kolkata", "2026-11-28T13:10:00+00:00", "hour", "2026-11-28T18:00:00+05:30", 1),
        ("Europe/Berlin", "2026-03-29T12:00:00+00:00", "day", "2026-03-29T00:00:00+01:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00:00+00:00", "day", "2026-10-25T00:00:00+02:00", 25),
        ("Europe/Berlin", "2026-10-25T01:30:00+00:00", "hour", "2026-10-25T02:00:00+01:00", 1),  # the second one
        ("Africa/Cairo", "2026-04-24T12:00:00+00:00", "day", "2026-04-23T22:00:00+00:00", 23),  # midnight is left out
    ],
)
def test_windows(zone: str, now: str, per: budget.Per, began: str, hours: float) -> None:
    found = budget.window(datetime.fromisoformat(now).timestamp(), per, ZoneInfo(zone))
    start = datetime.fromisoformat(began).timestamp()
    assert found == pytest.approx((start, start + hours * 3600), abs=0.001)


def test_the_zone_of_this_host_is_the_default() -> None:
    now = DAY + 3600.0
    local = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    assert budget.window(now, "day", None)[0] == local.timestamp()


HOUR = 3600.0
HIGH = [(DAY + HOUR, 1000.0), (DAY + 2 * HOUR, 1900.0), (DAY + 3 * HOUR, 2100.0)]  # 1100 spent


@pytest.mark.parametrize(
    ("later", "spent"),
    [
        ([(DAY + 3 * HOUR - 5, 2101)], 1101),
        ([(DAY + 3 * HOUR - 5, 2101), (DAY + 3 * HOUR + 60, 2103)], 1103),
        ([(DAY + 51 * HOUR, 2101), (DAY + 4 * HOUR, 2103)], 1103),  # two days ahead for one check
        ([(DAY + 51 * HOUR, 2101), (DAY + 52 * HOUR, 2102), (DAY + 4 * HOUR, 2103)], 1103),
        ([(DAY - 2 * HOUR, 2101)], 1101),  # yesterday: nobody knows what was spent there
        ([(DAY - 2 * HOUR, 2101), (DAY + 4 * HOUR, 2103)], 1103),
        ([(DAY + 25 * HOUR, 2103), (DAY + 23.99 * HOUR, 2104)], 1104),  # back to yesterday
        ([(DAY + 24.5 * HOUR, 2100), (DAY + 25 * HOUR, 2107)], 7),  # a new day
    ],
)
def test_a_clock_that_was_wrong_gives_no_budget_back(later: list[tuple[float, float]], spent: float) -> None:
    assert run([*HIGH, *later]).spent == spent


def test_a_clock_set_back_does_not_change_the_rate() -> None:
    before, after = run(HIGH), run([*HIGH, (DAY + HOUR - 5, 2100)])
    assert after.per_hour == before.per_hour


def test_a_memory_of_an_earlier_version_counts() -> None:
    old = {key: value for key, value in run(HIGH)._asdict().items() if not key.startswith("past")}
    state = budget.remembered(old)
    assert state is not None and budget.follow(state, "k", 2101, DAY + 4 * HOUR, DAY).spent == 1101


@given(
    st.lists(st.tuples(st.floats(1, 600), st.integers(-50, 50)), min_size=2, max_size=20),
    st.integers(1, 20),
    st.sampled_from([-3 * 86_400, -90_000, -3600, -1, 1, 3600, 90_000, 3 * 86_400]),
)
def test_one_check_with_a_wrong_clock_changes_nothing(moves: list[tuple[float, int]], place: int, wrong: float) -> None:
    at, value, history = DAY + 8 * HOUR, 100.0, []
    for seconds, more in moves:
        at, value = at + seconds, max(0.0, value + more)
        history.append((at, value))
    place = min(place, len(history) - 1)
    at, value = history[place - 1]
    disturbed = [*history[:place], (at + wrong, value), *history[place:]]
    assert run(disturbed).spent == pytest.approx(run(history).spent)


def model(history: list[tuple[float, float]], seconds: int) -> float:
    """The part of every rise that lies in the window of the last check."""
    began, spent = history[-1][0] // seconds * seconds, 0.0
    for (t0, v0), (t1, v1) in pairwise(history):
        inside = max(0.0, t1 - max(t0, began)) / (t1 - t0) if t1 > t0 else float(t0 >= began)
        spent += max(0.0, v1 - v0) * inside
    return spent


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 60, 600, 3000, 3600, 5000, 100_000]), st.integers(-5, 50)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["hour", "day"]),
)
def test_every_history_is_counted_as_the_model_counts_it(moves: list[tuple[int, int]], per: budget.Per) -> None:
    at, value, history = DAY + 1234.0, 0.0, []
    for seconds, more in moves:
        at, value = at + seconds, max(0.0, value + more)
        history.append((at, value))
        expected = model(history, 3600 if per == "hour" else 86_400)
        assert run(history, per).spent == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("memory", [{}, {"at": 1}, {**State("k", 1, 1, 1, 1, 1)._asdict(), "spent": "x"}])
def test_a_memory_that_is_none(memory: dict[str, Any]) -> None:
    assert budget.remembered(memory) is None
