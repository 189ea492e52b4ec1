"""Beats in, status out: stories told by lists of beats and a moment to check."""

from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import push

T0 = 1_700_000_000.0
FIVE = push.Settings(period=300, grace=60)


def beat(at: float, event: str = "success", **more: Any) -> dict[str, Any]:
    return {"at": T0 + at, "event": event, "exit_code": None, "message": None, "rid": None, **more}


def probe(settings: push.Settings, at: float, *beats: Any, **memory: Any) -> Reading:
    return push.probe(settings, CheckContext("job", 5, T0 + at, {"beats": list(beats), "registered": T0, **memory}))


def test_a_beat_in_time_is_healthy_to_the_last_second_of_grace() -> None:
    assert probe(FIVE, 360, beat(0)).status == "healthy"
    late = probe(FIVE, 420, beat(0))
    assert (late.status, late.error) == ("error", "last beat 7 min ago, expected every 5 min (+1 min grace)")


def test_before_the_first_beat_it_is_unknown_and_then_late() -> None:
    with pytest.raises(Unobservable, match=r"^no beat yet, expected every 5 min \(\+1 min grace\)$"):
        probe(FIVE, 360)
    late = probe(FIVE, 600)
    assert late.status == "error"
    assert late.error == "no beat since it was set up 10 min ago, expected every 5 min (+1 min grace)"


@pytest.mark.parametrize(
    "memory", [{}, {"beats": None}, {"beats": "x"}, {"beats": [1, {}, {"at": "x"}], "registered": "y"}]
)
def test_garbage_is_no_beat(memory: dict[str, Any]) -> None:
    with pytest.raises(Unobservable, match="no beat yet"):
        push.probe(FIVE, CheckContext("job", 5, T0, memory))


def test_a_failure_stays_until_a_success() -> None:
    failed = probe(FIVE, 60, beat(0), beat(30, "fail", message="disk\nfull"))
    assert (failed.status, failed.error) == ("unhealthy", "last run failed: disk full, 30 s ago")
    running = probe(FIVE, 90, beat(30, "fail"), beat(80, "start"))
    assert running.status == "unhealthy"
    assert probe(FIVE, 120, beat(30, "fail"), beat(80, "start"), beat(110)).status == "healthy"


def test_an_exit_code_is_a_failure_too_and_silence_after_it_is_reported() -> None:
    reading = probe(push.Settings(300, grace=0), 420, beat(0, exit_code=2))
    assert reading.status == "unhealthy"
    assert reading.error == "last run failed with exit code 2, 7 min ago; last beat 7 min ago, expected every 5 min"
    assert probe(FIVE, 10, beat(0, exit_code=0)).status == "healthy"


def test_a_run_counts_as_alive_until_its_longest_time() -> None:
    slow = push.Settings(300, 60, max_runtime=3600)
    assert probe(slow, 3000, beat(0), beat(300, "start")).status == "healthy"
    over = probe(slow, 4000, beat(0), beat(300, "start"))
    assert (over.status, over.error) == ("error", "running for 1 h 2 min, may take 1 h")
    assert probe(FIVE, 800, beat(0), beat(300, "start")).status == "error"


def test_a_first_run_that_never_ends() -> None:
    assert probe(FIVE, 360, beat(0, "start")).status == "healthy"
    assert probe(FIVE, 361, beat(0, "start")).status == "error"
    assert probe(FIVE, 700, beat(0, "start"), beat(300, "start"), beat(600, "start")).status == "error"


def test_the_duration_of_a_run() -> None:
    reading = probe(FIVE, 100, beat(10, "start"), beat(52.5))
    assert reading.response_time == 42.5
    assert reading.metrics == (Metric("beat_age_seconds", 47.5), Metric("run_seconds", 42.5))
    assert probe(FIVE, 100, beat(10)).response_time is None


def test_runs_are_paired_by_their_id() -> None:
    beats = [beat(0, "start", rid="a"), beat(10, "start", rid="b"), beat(20, rid="b"), beat(50, rid="a")]
    assert push.follow([found for item in beats[:3] if (found := push._beat(item))]).seconds == 10
    assert probe(FIVE, 60, *beats[:2], beats[3]).response_time == 50


def test_a_killed_run_is_over_once_a_later_one_has_finished() -> None:
    beats = [beat(0, "start", rid="a"), beat(300, "start", rid="b"), beat(310, rid="b")]
    assert probe(FIVE, 650, *beats).status == "healthy"
    assert probe(FIVE, 650, beat(0, "start", rid="a"), beat(600)).status == "healthy"


def test_a_clock_that_was_put_back_makes_nothing_late_and_nothing_fresh_for_ever() -> None:
    ahead = beat(3600)
    first = probe(FIVE, 0, ahead)
    assert first.status == "healthy"
    again = probe(FIVE, 300, ahead, **first.memory)
    assert again.status == "healthy"
    assert probe(FIVE, 420, ahead, **again.memory).status == "error"
    fresh = probe(FIVE, 420, beat(400), ahead, **again.memory)
    assert (fresh.status, fresh.metrics[0].value) == ("healthy", 20)


def test_the_beats_are_not_remembered_twice() -> None:
    assert probe(FIVE, 10, beat(0)).memory == {}
    assert "beats" not in probe(FIVE, 0, beat(50)).memory


def test_the_store_is_asked_for_beats() -> None:
    assert push.WANTS_BEATS is True


def test_problems() -> None:
    assert push.problems(FIVE) == []
    assert [key for key, _ in push.problems(push.Settings(0, -1, 0))] == ["period", "grace", "max_runtime"]


def test_after_the_clock_was_put_back_beats_are_taken_in_the_order_of_their_times() -> None:
    """A failure that a spool brings late came before the success that is known already: else it would raise an alert
    of a job that is well."""
    first = probe(FIVE, 100, beat(5_000))
    memory = first.memory["future"]
    assert memory == {"at": T0 + 5_000, "noticed": T0 + 100}
    found = probe(FIVE, 160, beat(5_000), beat(150), beat(120, "fail"), future=memory)
    assert (found.status, found.metrics[0].value, found.memory["future"]) == ("healthy", 10, memory)
