"""What incidents and attempts come to; held ones are only time that was lost."""

from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.coverage import union
from heartbeat_cli.domain.incident import Attempt, Incident, Relapse
from heartbeat_cli.domain.reporting import availability
from heartbeat_cli.domain.reporting.availability import Flaky, Recoveries, Times


def incident(component: str, started: float, declared: float, ended: float | None, held: str | None = None) -> Incident:
    return Incident(
        f"{component}@{started}", component, "tcp", "high", "", started, declared, ended, held
    )  # fmt: skip


OWN = [incident("a", -50, -40, 10), incident("a", 20, 30, 40), incident("b", 90, 99, None)]
HELD = incident("c", 20, 30, 50, "a")


def test_times_are_of_what_happened_in_the_period() -> None:
    assert availability.times([*OWN, HELD], 300, 0, 100) == Times(
        detect=(10 + 9) / 2, repair=(60 + 20) / 2, between=150, began=2, ended=2, held=1
    )
    assert availability.times([], 300, 0, 100) == Times()


def test_what_lies_on_an_edge_or_beyond_it_is_of_one_period_only() -> None:
    """Reports of day after day together must count every incident once."""
    edge = [
        incident("a", -10, -5, 0),
        incident("a", 0, 10, 100),
        incident("a", 100, 110, 130),
        incident("b", 50, 60, 140),
    ]
    assert availability.times(edge, 300, 0, 100) == Times(detect=10, repair=10, between=150, began=2, ended=1)
    assert availability.times(edge, 300, 100, 200) == Times(detect=10, repair=220 / 3, between=300, began=1, ended=3)
    assert [found.incidents for found in availability.flakiest(edge[:3], {}, 0, 100)] == [1]


def test_what_was_carried_out_and_helped() -> None:
    def attempt(outcome: str, verified: float | None = None) -> Attempt:
        return Attempt("x", "i", "a", 0, "script", "heartbeat", "here", 1.0, outcome=outcome, verified=verified)

    found = availability.recoveries(
        [attempt("done", 2.0), attempt("done"), attempt("failed"), *map(attempt, ("denied", "refused", "running"))]
    )
    assert found == Recoveries(carried_out=3, verified=1, stopped=2) and found.success_percent == 100 / 3
    assert Recoveries(stopped=3).success_percent is None
    assert Recoveries(carried_out=4, verified=3).success_percent == 75


def test_a_story_names_what_healed() -> None:
    tried = [
        Attempt(f"x{n}", OWN[1].id, "a", n, "script", "heartbeat", "here", 31.0 + n, verified=at)
        for n, at in enumerate((None, 35.0))
    ]
    first, second, third = availability.stories(OWN, tried, 100)
    assert second.healed_by == tried[1] and second.attempts == tuple(tried) and second.lasted == 20
    assert first.healed_by is None and (third.lasted, third.healed_by) == (10, None)


def test_overlapping_incidents_are_lost_time_once() -> None:
    assert availability.downtime([*OWN, HELD, incident("a", 5, 6, 30)], 0, 100) == {"a": 40, "b": 10, "c": 30}


def test_the_time_between_two_outages_of_an_incident_is_no_downtime() -> None:
    again = incident("a", 10, 12, 60)._replace(relapses=(Relapse(20, 25, 27), Relapse(30, 50, 50)))
    assert again.outages == ((10, 20), (25, 30), (50, 60))
    assert availability.downtime([again], 0, 100) == {"a": 25} and availability.downtime([again], 22, 55) == {"a": 10}
    assert availability.times([again], 300, 0, 100).repair == 25
    assert availability.stories([again], [], 100)[0].lasted == 25
    assert again._replace(ended=None).downtime(70) == 35


@given(st.lists(st.integers(0, 99), min_size=2, max_size=12))
def test_downtime_is_counted_once_whatever_the_clock_did(times: list[int]) -> None:
    """Relapses out of order: never more than the whole time, never less than nothing."""
    pairs = zip(times[::2], times[1::2], strict=False)
    one = incident("a", 0, 0, 100)._replace(relapses=tuple(Relapse(end, start, start) for end, start in pairs))
    assert 0 <= one.downtime(100) <= 100


def test_the_flakiest_first() -> None:
    unsteady = {"a": (2, 9), "b": (3, 1), "c": (3, 2), "d": (0, 0), "e": (0, 5)}
    assert availability.flakiest([*OWN, HELD], unsteady, 0, 100) == (
        Flaky("b", 1, 3, 1),
        Flaky("a", 1, 2, 9),
        Flaky("c", 0, 3, 2),
        Flaky("e", 0, 0, 5),
    )
    assert [one.component for one in availability.flakiest([], {"a": (1, 2), "b": (1, 7)}, 0, 100)] == ["b", "a"]


def test_a_budget_by_hand() -> None:
    found = availability.budget(99.9, 0, 86_400, 100_000_000)
    assert (found.allowed, found.used) == (86.4, 100) and round(found.left, 9) == -13.6
    assert availability.budget(100, 0, 86_400, 0).left == 0
    assert availability.budget(99.9, 1.8e9, 1.8e9 + 86_400, 0).allowed == 86.4, "of the period, not since the epoch"


spans = st.lists(st.tuples(st.integers(0, 100), st.one_of(st.none(), st.integers(0, 120))), max_size=6)


@given(spans, st.integers(0, 100))
def test_a_union_is_the_moments_in_any_of_them_however_it_is_cut(found: list[tuple[int, int | None]], cut: int) -> None:
    true = sum(any(a <= n and (b is None or n < b) for a, b in found) for n in range(100))
    assert union(found, 0, 100) == true == union(found, 0, cut) + union(found, cut, 100)
