"""Backoff, budgets and the breaker: nothing is restarted again and again, and nothing is held for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.recovery.brakes import Brakes, Taken, brake, opener

NOW = 1_000_000.0
BRAKES = Brakes(backoff=60, budget=3, window=3600, host_budget=5, rearm=14_400)


def ago(*seconds: float, step: int = 0) -> list[Taken]:
    return [Taken(step, NOW - one) for one in seconds]


def name(own: list[Taken], host: list[float] | None = None, step: int = 0) -> str | None:
    found = brake(BRAKES, "main", step, own, host or [], NOW)
    return found.name if found else None


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], None),
        (ago(59), "backoff"),
        (ago(76), None),  # 60 s and at most a quarter more
        (ago(500, 119), "backoff"),
        (ago(500, 151), None),
        (ago(4000, 76), None),  # the older one is outside the window: no doubling
        (ago(900, 800, 700), "budget"),
        (ago(3 * 3600 + 900, 3 * 3600 + 800, 3 * 3600 + 700), "budget"),  # nothing was done since: not quiet for long
        (ago(14_700, 14_600, 14_401), None),  # quiet for as long as `rearm`
        (ago(4400, 800, 700), None),
        (ago(-10), None),  # the clock was put back: no waiting for hours
    ],
)
def test_what_brakes_a_step(own: list[Taken], expected: str | None) -> None:
    assert name(own) == expected


def test_backoff_is_per_step_the_next_step_need_not_wait() -> None:
    assert name(ago(5), step=1) is None
    assert name([*ago(200), *ago(5, step=1)], step=0) == "backoff"  # but its wait counts from the last step of all


def test_reasons_say_how_long() -> None:
    held = brake(BRAKES, "main", 0, ago(900, 800, 700), [], NOW)
    assert held is not None
    assert held.reason == "its budget is spent: 3 steps within 1 h; steps again after 3 h 48 min of quiet"
    held = brake(BRAKES, "main", 0, [], [NOW - 3000 + n for n in range(5)], NOW)
    assert held is not None and held.name == "host_budget"
    assert held.reason == "this host's budget is spent: 5 steps within 1 h, the next one in 10 min"
    held = brake(BRAKES, "main", 0, ago(500, 100), [], NOW)
    assert held is not None and held.reason.startswith("step 1 was taken 2 times within 1 h; waits ")


def test_the_host_counts_what_lies_in_the_window_only() -> None:
    assert name([], [NOW - 3600.0] * 9 + [NOW - 1.0] * 4) is None
    assert name([], [NOW - 1.0] * 5) == "host_budget"


def test_what_fell_together_does_not_start_together() -> None:
    waits = set()
    for component in "abcdefgh":
        held = brake(BRAKES, component, 0, ago(10), [], NOW)
        assert held is not None and 50 <= held.left <= 65
        waits.add(held.left)
    assert len(waits) == 8


steps = st.lists(st.floats(0.0, 100_000.0), max_size=40)


@given(steps, st.integers(1, 6), st.integers(0, 3))
def test_never_more_steps_than_the_budget_in_any_window_and_never_held_for_ever(
    waits: list[float], budget: int, rungs: int
) -> None:
    """Whoever asks at whatever moments, and takes each step he may."""
    brakes = Brakes(backoff=60, budget=budget, window=3600, host_budget=10_000, rearm=7200)
    now, own = NOW, list[Taken]()
    for number, wait in enumerate(waits):
        now += wait
        if brake(brakes, "main", number % (rungs + 1), own, [], now) is None:
            own.append(Taken(number % (rungs + 1), now))
        for one in own:
            assert sum(one.started <= other.started < one.started + 3600 for other in own) <= budget
    later = now + 7200 + 3600 * 1.25
    assert brake(brakes, "main", 0, own, [], later) is None


def test_the_step_that_opened_the_breaker() -> None:
    own = ago(900, 800, 700)
    assert opener(BRAKES, own, NOW) == own[-1]
    assert opener(BRAKES, own[:2], NOW) is None
    assert opener(BRAKES, own, NOW + 14_400) is None and opener(BRAKES, [], NOW) is None
