"""Shares and averages: what was not checked is neither up nor down."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.reporting.summary import Period, Tally, total


def test_shares_leave_out_what_could_not_be_checked() -> None:
    #                      healthy degraded unhealthy error unknown
    tally = Tally("a", "agent", (6, 1, 1, 2, 90), answered=8, total_us=4_000_000, up_us=70, down_us=30)
    assert tally.heartbeats == 100
    assert tally.healthy_percent == 60.0
    assert tally.availability_percent == 70.0 and tally.coverage_percent is None
    assert tally._replace(elapsed_us=400).coverage_percent == 25.0
    assert tally.average_response_time == 0.5
    assert [tally.count(word) for word in ("healthy", "degraded", "unhealthy", "error", "unknown")] == [6, 1, 1, 2, 90]


def test_nothing_seen_has_no_share() -> None:
    for tally in (Tally("a", "agent", (0, 0, 0, 0, 0)), Tally("a", "agent", (0, 0, 0, 0, 7))):
        assert tally.healthy_percent is None and tally.availability_percent is None
        assert tally.average_response_time is None


def test_a_period_is_named_after_its_days() -> None:
    one = date(2026, 11, 22)
    assert Period(one, one, 0.0, 1.0).id == "report_20261122"
    assert Period(one, date(2026, 12, 1), 0.0, 1.0).id == "report_20261122_20261201"


counts = st.tuples(*[st.integers(0, 1000)] * 5)
tallies = st.builds(Tally, st.just("x"), st.just("tcp"), counts, st.integers(0, 5000), st.integers(0, 10**12))


@pytest.mark.whole
@given(st.lists(tallies, max_size=12), st.integers(0, 12))
def test_the_whole_is_the_sum_of_its_parts_however_it_is_cut(parts: list[Tally], cut: int) -> None:
    assert total(parts) == total([total(parts[:cut]), total(parts[cut:])])
    assert total(parts).heartbeats == sum(part.heartbeats for part in parts)
