"""The store counts: tallies of a span, and its single heartbeats."""

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.reporting.quantiles import sketch
from heartbeat_cli.domain.reporting.summary import Tally, total
from heartbeat_cli.store.history import passes, summary
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql.database import Database

NOW = 1_795_348_800.0
COMPONENTS = {"b": Component("b", "tcp", None), "a": Component("a", "agent", None)}


def looks(db: Database) -> None:
    day = [
        (0, {"a": Reading("healthy", 0.1), "b": Reading("healthy", 1.0)}),
        (60, {"a": Reading("degraded", 0.3, "slow"), "b": Reading("error", None, "gone")}),
        (120, {"a": Reading("unknown", None, "no idea")}),
        (180, {"a": Reading("unhealthy", 0.2, "503"), "b": Reading("healthy", 3.0)}),
    ]
    for after, readings in day:
        passes.save(db, Pass(f"p{after}", "here", NOW + after, NOW + after), readings, COMPONENTS)


def test_a_tally_a_component_by_id(store: Database) -> None:
    looks(store)
    a, b = summary.tallies(store, NOW, NOW + 181)
    times = {"least_us": 100_000, "most_us": 300_000, "sketch": sketch([100_000, 200_000, 300_000])}
    assert a == Tally("a", "agent", (1, 1, 1, 0, 1), 3, 600_000, 4, 0, up_us=120_000_000, down_us=1_000_000, **times)
    times = {"least_us": 1_000_000, "most_us": 3_000_000, "sketch": sketch([1_000_000, 3_000_000])}
    assert b == Tally("b", "tcp", (2, 0, 0, 1, 0), 2, 4_000_000, 3, 2, up_us=61_000_000, down_us=120_000_000, **times)
    assert summary.tallies(store, NOW + 999, NOW + 9999) == []


def test_the_start_is_in_and_the_end_is_out(store: Database) -> None:
    looks(store)
    assert [one.heartbeats for one in summary.tallies(store, NOW + 60, NOW + 180)] == [2, 1]


def test_any_cut_of_the_span_adds_up(store: Database) -> None:
    looks(store)
    whole = total(summary.tallies(store, NOW, NOW + 181))
    for cut in (0, 0.000001, 60, 60.000001, 119, 180):
        parts = [*summary.tallies(store, NOW, NOW + cut), *summary.tallies(store, NOW + cut, NOW + 181)]
        assert total(parts) == whole


def test_history_is_in_the_order_of_looking(store: Database) -> None:
    looks(store)
    found = summary.history(store, NOW + 60, NOW + 181)
    assert [(id_, at - NOW, status) for id_, at, status, *_ in found if id_ == "a"] == [
        ("a", 60, "degraded"),
        ("a", 120, "unknown"),
        ("a", 180, "unhealthy"),
    ]
    assert ("b", NOW + 60, "error", None, "gone", "here") in found
    assert ("b", NOW + 180, "healthy", 3.0, None, "here") in found
