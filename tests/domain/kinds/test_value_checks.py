"""Limits on single values: one table row per case, a story of a counter, and properties."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.check_keys import Check
from heartbeat_cli.domain.kinds.json_path import MISSING
from heartbeat_cli.domain.kinds.value_checks import RANKS, Outcome, aggregated, evaluate

NOW = 1_800_000_000.0


def seen(value: Any, before: Any = None, now: float = NOW, **keys: Any) -> Outcome:
    return evaluate([Check(**{"op": ">=", "path": "n", **keys})], lambda check: value, before or {}, now)


@pytest.mark.parametrize(
    ("value", "keys", "status", "error"),
    [
        (0, {"critical": 1, "path": "healthy_count"}, "unhealthy", "healthy_count is 0, needs >= 1"),
        (1, {"critical": 1}, "healthy", None),
        (4, {"warn": 5, "critical": 1}, "degraded", "n is 4, needs >= 5"),
        (0.5, {"warn": 5, "critical": 1}, "unhealthy", "n is 0.5, needs >= 1"),
        (20, {"op": "<", "warn": 20}, "degraded", "n is 20, needs < 20"),
        (20, {"op": "<=", "warn": 20}, "healthy", None),
        (20, {"op": ">", "warn": 20, "name": "free_slots"}, "degraded", "free_slots is 20, needs > 20"),
        (3, {"op": "==", "critical": 3}, "healthy", None),
        (3, {"op": "!=", "critical": 3}, "unhealthy", "n is 3, needs != 3"),
        ("up", {"op": "==", "critical": "up"}, "healthy", None),
        ("down", {"op": "==", "critical": "up"}, "unhealthy", 'n is "down", needs == "up"'),
        (True, {"op": "==", "critical": True}, "healthy", None),
        (False, {"op": "==", "critical": True}, "unhealthy", "n is false, needs == true"),
        ("true", {"op": "==", "critical": True}, "healthy", None),
        (3, {"op": "==", "critical": "3"}, "healthy", None),
        ("x", {"op": "==", "critical": 3}, "unhealthy", 'n is "x", needs == 3'),
        (["a", "b"], {"op": "contains", "critical": "b"}, "healthy", None),
        (["a", "b"], {"op": "contains", "critical": "c"}, "unhealthy", 'n does not contain "c"'),
        ([1, 2], {"op": "contains", "critical": 2.0}, "unhealthy", "n does not contain 2"),
        ("a b", {"op": "contains", "warn": "c"}, "degraded", 'n does not contain "c"'),
        ({"gpt": 1}, {"op": "contains", "warn": "gpt"}, "healthy", None),
        (7, {"op": "contains", "warn": "7"}, "degraded", 'n does not contain "7"'),
        (MISSING, {"critical": 1}, "unhealthy", "n is missing"),
        (None, {"critical": 1}, "unhealthy", "n is missing"),
        (MISSING, {"critical": 1, "absent": "degraded"}, "degraded", "n is missing"),
        (MISSING, {"critical": 1, "absent": "unknown"}, "unknown", "n is missing"),
        (MISSING, {"critical": 1, "absent": "healthy"}, "healthy", None),
        ("many", {"critical": 1}, "unhealthy", 'n is "many", not a number'),
        ({}, {"critical": 1, "absent": "unknown"}, "unknown", "n is {}, not a number"),
        (math.nan, {"critical": 1}, "unknown", "n is not a number (NaN)"),
        (math.inf, {"op": "<", "critical": 1}, "unhealthy", "n is inf, needs < 1"),
        (10**400, {"op": "<", "critical": 1}, "unhealthy", "n is inf, needs < 1"),
        (1_234_567, {"op": "<", "critical": 1.5}, "unhealthy", "n is 1234567, needs < 1.5"),
        ([], {"critical": 1}, "unhealthy", "n is missing"),
        ([], {"critical": 1, "agg": "count"}, "unhealthy", "n is 0, needs >= 1"),
        ([1, 2, "x", None], {"critical": 4}, "unhealthy", "n is 3, needs >= 4"),
        ([1, 2, math.nan], {"critical": 1, "agg": "max"}, "unknown", "n is not a number (NaN)"),
        ([True, False], {"critical": 1}, "healthy", None),
        ("a\nb", {"op": "==", "warn": "c"}, "degraded", 'n is "a b", needs == "c"'),
    ],
)
def test_one_check(value: Any, keys: dict[str, Any], status: str, error: str | None) -> None:
    outcome = seen(value, **keys)
    assert (outcome.status, outcome.error) == (status, error)


@pytest.mark.parametrize(("agg", "value"), [("sum", 6), ("min", 1), ("max", 3), ("avg", 2), ("count", 3), (None, 6)])
def test_several_values_become_one(agg: Any, value: float) -> None:
    (metric,) = seen([1, 2, 3], critical=0, agg=agg).metrics
    assert metric.value == value


def test_the_worst_wins_and_every_value_is_a_metric() -> None:
    found = {"a": 1, "b": 2, "c": math.nan, "d": MISSING, "e": True, "f": "x"}
    checks = [Check(">=", one, warn=2.0, critical=0.0) for one in ("a", "b")]
    checks += [Check("<", "b", critical=9.0), Check("==", "e", warn=True), Check("==", "f", warn="x")]
    outcome = evaluate(checks, lambda check: found[check.path or ""], {}, NOW)
    assert (outcome.status, outcome.error) == ("degraded", "a is 1, needs >= 2")
    assert [(one.name, one.value) for one in outcome.metrics] == [("a", 1), ("b", 2), ("e", 1)]
    outcome = evaluate([*checks, Check(">", "c", warn=1.0)], lambda check: found[check.path or ""], {}, NOW)
    assert (outcome.status, outcome.error) == ("unknown", "c is not a number (NaN); a is 1, needs >= 2")
    last = Check(">", "d", warn=1.0, category="provider")
    outcome = evaluate([*checks, Check(">", "c", warn=1.0), last], lambda check: found[check.path or ""], {}, NOW)
    assert (outcome.status, outcome.category) == ("unhealthy", "provider")
    assert outcome.error == "d is missing; c is not a number (NaN); a is 1, needs >= 2"


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"path": "items.length()"}, "items_length"),
        ({"path": "healthy_endpoints.*.model", "agg": "count"}, "healthy_endpoints_model_count"),
        ({"path": None, "metric": "vllm:num_requests_running"}, "vllm_num_requests_running"),
        ({"path": "tokens", "rate": True}, "tokens_per_second"),
        ({"path": "tokens", "rate": True, "name": "Tokens per second"}, "tokens_per_second"),
        ({"path": "x", "agg": "max", "name": "Largest Queue"}, "largest_queue"),
        ({"path": "0.x"}, "n0_x"),
    ],
)
def test_the_names_of_figures(keys: dict[str, Any], name: str) -> None:
    assert Check(op=">=", **keys).figure == name


def test_a_counter_over_some_checks() -> None:
    """The first has no rate, then there is one, a reset drops one, and so does a clock that was set back."""
    keys: dict[str, Any] = {"rate": True, "op": ">", "critical": 0.0, "path": "tokens"}

    def check(value: Any, before: Any, now: float) -> tuple[str, str | None, list[float], Any]:
        outcome = seen(value, before, now, **keys)
        return outcome.status, outcome.error, [one.value for one in outcome.metrics], outcome.rates

    *first, rates = check(100, {}, NOW)
    assert first == ["healthy", None, []]
    *second, rates = check(160, rates, NOW + 30)
    assert second == ["healthy", None, [2.0]]
    *third, rates = check(160, rates, NOW + 60)
    assert third == ["unhealthy", "tokens is 0 per second, needs > 0", [0.0]]
    *gone, rates = check(MISSING, rates, NOW + 75)
    assert gone == ["unhealthy", "tokens is missing", []]
    *again, rates = check(190, rates, NOW + 90)
    assert again == ["healthy", None, [1.0]]
    *reset, rates = check(5, rates, NOW + 120)
    assert reset == ["healthy", None, []]
    *after, rates = check(35, rates, NOW + 150)
    assert after == ["healthy", None, [1.0]]
    *back, rates = check(65, rates, NOW + 100)
    assert back == ["healthy", None, []]
    *on, rates = check(95, rates, NOW + 130)
    assert on == ["healthy", None, [1.0]]


def test_a_rate_of_something_else_is_not_taken_for_its_own() -> None:
    before = seen(100, {}, NOW, rate=True, op=">", critical=0.0, path="a").rates
    assert seen(100, before, NOW + 9, rate=True, op=">", critical=0.0, path="b").error is None


@pytest.mark.parametrize("kept", [None, 5, [], [1], ["a", "b"], [None, None], {"x": 1}])
def test_a_memory_that_somebody_edited_is_none(kept: Any) -> None:
    rates = seen(100, {}, NOW, rate=True, critical=0.0).rates
    assert seen(1, dict.fromkeys(rates, kept), NOW + 1, rate=True, critical=0.0).status == "healthy"


numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)


@given(numbers, numbers, numbers, st.sampled_from([">=", "<=", ">", "<"]))
def test_breaking_more_is_never_better(value: float, warn: float, critical: float, op: Any) -> None:
    def rank(number: float) -> int:
        return RANKS[seen(number, op=op, warn=warn, critical=critical).status]

    further = value - 1.0 if op.startswith(">") else value + 1.0
    assert rank(further) >= rank(value)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_aggregates_lie_between_the_smallest_and_the_largest(values: list[float]) -> None:
    low, mean, high = (aggregated(list(values), agg) for agg in ("min", "avg", "max"))
    assert isinstance(low, float) and isinstance(mean, float) and isinstance(high, float)
    assert low - 1e-3 <= mean <= high + 1e-3
    assert aggregated(list(values), "count") == len(values)
