"""Progress: stories of a queue, and every history against a slow model that looks at all of it."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.coverage import MISSED
from heartbeat_cli.domain.kinds import progress
from heartbeat_cli.domain.kinds.progress import State, Verdict

NOW = 1_800_000_000.0
WITHIN = 600.0


class Seen(NamedTuple):
    at: float
    done: float | None
    waiting: float | None
    key: str = "k"


def run(history: list[Seen], least: float = 1.0, interval: float | None = None) -> list[Verdict]:
    """The verdict of each check; between two of them, memory goes through JSON as it does in a store."""
    memory: Any = {}
    verdicts = []
    for one in history:
        before = progress.remembered(json.loads(json.dumps(memory)))
        state, verdict = progress.follow(before, one.key, one.done, one.waiting, one.at, WITHIN, least, interval)
        memory = progress.kept(state)
        verdicts.append(verdict)
    return verdicts


def story(*checks: tuple[float, float | None, float | None]) -> list[tuple[str, str, float]]:
    verdicts = run([Seen(NOW + minutes * 60, done, waiting) for minutes, done, waiting in checks])
    return [(one.standing, one.status(WITHIN), one.still_for) for one in verdicts]


def test_a_worker_that_gets_stuck_and_is_restarted() -> None:
    assert story((0, 5, 49), (1, 6, 49), (2, 6, 50), (6, 6, 51), (11, 6, 52), (12, 0, 52), (13, 0, 52)) == [
        ("unjudged", "healthy", 0),
        ("moved", "healthy", 0),
        ("still", "healthy", 60),
        ("still", "degraded", 300),
        ("still", "unhealthy", 600),
        ("moved", "healthy", 0),  # its counter began anew
        ("still", "healthy", 60),
    ]


def test_an_empty_queue_starts_the_clock_anew() -> None:
    assert story((0, 5, 0), (9, 5, 0), (18, 5, 0), (19, 5, 3), (24, 5, 3), (28, 5, 3)) == [
        ("idle", "healthy", 0),
        ("idle", "healthy", 0),
        ("idle", "healthy", 0),
        ("still", "healthy", 60),
        ("still", "degraded", 360),
        ("still", "unhealthy", 600),
    ]


def test_only_what_waits_is_known() -> None:
    assert [one[0] for one in story((0, None, 5), (1, None, 6), (2, None, 5), (3, None, 5), (4, None, 0))] == [
        *("unjudged", "still", "moved", "still", "idle")
    ]


def test_only_what_is_done_is_known() -> None:
    assert [one[:2] for one in story((0, 5, None), (5, 5, None), (10, 5, None), (11, 6, None), (12, 4, None))] == [
        ("unjudged", "healthy"),
        ("still", "degraded"),
        ("still", "unhealthy"),
        ("moved", "healthy"),
        ("moved", "healthy"),
    ]


def test_what_waits_does_not_move_by_itself_where_what_is_done_is_known() -> None:
    """A queue may be emptied by hand, or its messages may expire: nothing was done."""
    assert [one[0] for one in story((0, 5, 50), (1, 5, 40), (2, 5, 30))] == ["unjudged", "still", "still"]


def test_after_a_gap_and_a_clock_set_back_nothing_is_judged() -> None:
    assert [one[0] for one in story((0, 5, 9), (9, 5, 9), (20, 5, 9), (21, 5, 9), (15, 5, 9), (16, 5, 9))] == [
        *("unjudged", "still", "unjudged", "still", "unjudged", "still")
    ]


def test_a_host_that_slept_counts_little_of_its_sleep() -> None:
    awake = [Seen(NOW + minutes * 60, 5, 9) for minutes in (0, 1, 2, 3)]
    slept = [*awake, Seen(NOW + 12 * 60, 5, 9), Seen(NOW + 13 * 60, 5, 9)]
    assert [one.still_for for one in run(slept)[3:]] == [180, 720, 780]  # nobody says how far apart checks are
    assert [one.still_for for one in run(slept, interval=60)[3:]] == [180, 330, 390]
    assert [one.still_for for one in run(slept, interval=300)[3:]] == [180, 720, 780]  # no longer than usual
    stuck = [Seen(NOW + minutes * 60, 5, 9) for minutes in range(12)]
    assert [one.status(WITHIN) for one in run(stuck, interval=60)][-2:] == ["unhealthy", "unhealthy"]


@given(st.lists(st.floats(0, 600), min_size=1, max_size=20), st.sampled_from([1.0, 60.0, 200.0]))
def test_the_time_between_two_checks_counts_up_to_a_bound(gaps: list[float], interval: float) -> None:
    history = [Seen(NOW, 5, 9)]
    for gap in gaps:
        history.append(Seen(history[-1].at + gap, 5, 9))
    verdicts = run(history, interval=interval)
    counted = sum(min(gap, MISSED * interval) for gap in gaps)
    assert verdicts[-1].still_for == pytest.approx(counted, abs=1e-3)


def test_checks_that_are_always_too_far_apart_are_unknown() -> None:
    assert [
        one[:2] for one in story((0, 5, 9), (11, 5, 9), (22, 6, 9), (33, 6, 0), (44, 6, 9), (55, 6, 9), (56, 6, 9))
    ] == [
        ("unjudged", "healthy"),
        ("unjudged", "healthy"),  # a host may have been off
        ("late", "unknown"),
        ("idle", "healthy"),  # that needs no check before it
        ("unjudged", "healthy"),
        ("late", "unknown"),
        ("still", "healthy"),
    ]


def test_other_settings_have_another_memory() -> None:
    assert [one.standing for one in run([Seen(NOW, 5, 9), Seen(NOW + 60, 5, 9, "other"), Seen(NOW + 90, 5, 9)])] == [
        *("unjudged", "unjudged", "unjudged")
    ]


def model(history: list[Seen], least: float) -> Verdict:
    """What the last check means, from the whole history: walk back to the last check that was not still."""
    *_, last = history
    standing = one_standing(history, len(history) - 1, least)
    if standing == "late":
        return Verdict("late", last.at - history[-2].at)
    if standing != "still":
        return Verdict(standing)  # type: ignore[arg-type]
    place = len(history) - 1
    while one_standing(history, place, least) == "still":
        place -= 1
    return Verdict("still", last.at - history[place].at)


def too_far(history: list[Seen], place: int, least: float) -> bool:
    """Whether a check that has work to judge came too long after the one before."""
    now, before = history[place], history[place - 1] if place > 0 else None
    idle = now.waiting is not None and now.waiting < least
    return before is not None and before.key == now.key and not idle and now.at - before.at > WITHIN


def one_standing(history: list[Seen], place: int, least: float) -> str:
    now = history[place]
    if now.waiting is not None and now.waiting < least:
        return "idle"
    before = history[place - 1] if place else None
    if too_far(history, place, least):
        return "late" if too_far(history, place - 1, least) else "unjudged"
    if before is None or before.key != now.key or now.at < before.at:
        return "unjudged"
    if now.done is not None:
        return "still" if before.done == now.done else "moved"
    fell = now.waiting is not None and before.waiting is not None and now.waiting < before.waiting
    return "moved" if fell else "still"


steps = st.lists(
    st.tuples(
        st.sampled_from([-50, 0, 10, 100, 250, 600, 601]),
        st.sampled_from([0, 0, 0, 1, -1]),
        st.integers(0, 4),
        st.sampled_from(["k", "k", "k", "k", "l"]),
    ),
    min_size=1,
    max_size=30,
)


@given(steps, st.sampled_from(["both", "done", "waiting"]), st.sampled_from([1.0, 2.0]))
def test_every_history_is_judged_as_the_model_judges_it(
    moves: list[tuple[int, int, int, str]], known: str, least: float
) -> None:
    at, done, history = NOW, 10.0, []
    for seconds, more, waiting, key in moves:
        at, done = at + seconds, done + more
        history.append(Seen(at, done if known != "waiting" else None, float(waiting) if known != "done" else None, key))
    for place, verdict in enumerate(run(history, least)):
        assert verdict == model(history[: place + 1], least)


@pytest.mark.parametrize(
    "memory",
    [{}, {"at": NOW}, {"at": "x", "since": 1}, {"at": None, "since": NOW}, {"at": [1], "since": NOW}],
)
def test_a_memory_that_is_none(memory: dict[str, Any]) -> None:
    assert progress.remembered(memory) is None


def test_a_memory_that_somebody_edited_judges_nothing() -> None:
    state = State("k", NOW - 10, NOW + 5, 1, 1)
    assert progress.follow(state, "k", 1, 1, NOW, WITHIN, 1)[1] == Verdict("unjudged")
