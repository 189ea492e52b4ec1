"""Response times in buckets: never further off than promised, and merged by adding."""

import math

from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.reporting.quantiles import (
    DOUBLINGS,
    ERROR,
    EXACT,
    bounds,
    bucket_of,
    merged,
    quantile,
    sketch,
)

LONGEST = 2**31 - 1
times = st.one_of(st.integers(0, LONGEST), st.integers(0, 300), st.integers(0, 31).map(lambda n: min(2**n, LONGEST)))


@given(times)
def test_a_bucket_holds_its_value_and_is_narrow(value: int) -> None:
    first, after = bounds(bucket_of(value))
    assert first <= value < after
    assert bucket_of(after) == bucket_of(value) + 1 or after > LONGEST
    assert abs((first + after - 1) // 2 - value) <= ERROR * value


def test_every_value_has_a_bucket() -> None:
    assert [bucket_of(n) for n in range(EXACT + 2)] == [*range(EXACT), EXACT, EXACT]
    assert LONGEST < EXACT << (DOUBLINGS - 1)


@given(st.lists(times, min_size=1, max_size=60), st.floats(0.001, 1.0))
def test_a_quantile_is_the_value_of_its_rank_within_the_bound(values: list[int], share: float) -> None:
    true = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    found = quantile(sketch(values), share, min(values), max(values))
    assert found is not None and abs(found - true) <= ERROR * true
    assert min(values) <= found <= max(values)


@given(st.lists(times, max_size=40), st.integers(0, 40))
def test_merging_is_adding(values: list[int], cut: int) -> None:
    assert merged([sketch(values[:cut]), sketch(values[cut:])]) == sketch(values)


def test_nothing_has_no_quantile() -> None:
    assert quantile({}, 0.5) is None
