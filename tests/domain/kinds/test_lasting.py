"""How long something lasts, by checks under a clock that is set and on a host that sleeps."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds import lasting
from heartbeat_cli.domain.kinds.lasting import Lasting

_steps = st.lists(st.floats(-1e7, 1e7), max_size=12)


@given(_steps, st.none() | st.floats(60, 3_600))
def test_a_step_counts_for_two_intervals_at_most_and_never_takes_away(
    steps: list[float], interval: float | None
) -> None:
    now, past = 1e9, lasting.begun(1e9)
    most = 120.0 if interval is None else 2 * interval
    for step in steps:
        now += step
        after = lasting.seen_again(past, now, interval)
        assert past.seconds <= after.seconds <= past.seconds + most
        assert after.last == now
        past = after


@pytest.mark.parametrize("interval", [60.0, 900.0])
def test_checks_at_their_usual_pace_count_in_full(interval: float) -> None:
    past = lasting.begun(1e9)
    for n in range(1, 11):
        past = lasting.seen_again(past, 1e9 + n * interval, interval)
        assert past.seconds == n * interval


def test_what_was_not_seen_before_begins_now() -> None:
    assert lasting.seen_again(None, 5.0, None) == lasting.begun(5.0) == Lasting(0.0, 5.0)


@pytest.mark.parametrize(
    "value",
    [None, 3, "ab", [], [1], [1, 2, 3], [-1, 2], [1, -2], [True, 2], ["1", 2], [float("nan"), 2], [1, 1e300], {}],
)
def test_a_memory_that_cannot_be_is_forgotten(value: Any) -> None:
    assert lasting.recalled(value) is None


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_it_is_recalled_as_it_was_stored(seconds: float, last: float) -> None:
    past = Lasting(seconds, last)
    assert lasting.recalled(json.loads(json.dumps(list(past)))) == past
