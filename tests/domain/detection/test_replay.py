"""History through detection: the incidents that would have been."""

import random

from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.detection.fault_detection import Observation
from heartbeat_cli.domain.detection.replay import Imagined, replay

WORDS: dict[str, Status] = {"h": "healthy", "e": "error", "u": "unhealthy", "?": "unknown", "d": "degraded"}


def component(id_: str, parents: tuple[str, ...] = (), fail: int = 3, good: int = 2) -> Component:
    common = Common(depends_on=parents, fail_threshold=fail, recovery_threshold=good, hold_flapping=False)
    return Component(id_, "tcp", None, common)


def history(**letters: str) -> list[tuple[str, Observation]]:
    """One letter a check, a minute apart, in the order of time."""
    found = [
        (id_, Observation(60.0 * number, WORDS[letter], "broken"))
        for id_, word in letters.items()
        for number, letter in enumerate(word)
    ]
    return sorted(found, key=lambda one: one[1].at)


def test_the_thresholds_decide_what_would_have_been() -> None:
    day = history(a="heehhheeeehehhh")
    assert replay(day, {"a": component("a")}) == [Imagined("a", 360.0, 480.0, "broken", 780.0)]
    assert [one.started for one in replay(day, {"a": component("a", fail=2)})] == [60.0, 360.0]
    assert replay(day, {"a": component("a", fail=5)}) == []
    assert replay(day, {"a": component("a", fail=3, good=1)})[0].ended == 600.0


def test_what_is_not_over_has_no_end_and_strangers_are_left_out() -> None:
    assert replay(history(a="eee", b="eee"), {"a": component("a")}) == [Imagined("a", 0.0, 120.0, "broken")]
    assert replay([], {"a": component("a")}) == []


def test_checks_of_one_moment_are_taken_parents_first() -> None:
    tree = {"child": component("child", ("db",)), "db": component("db")}
    found = replay(history(child="eeeee", db="eeeee"), tree)
    assert [(one.component, one.held_by) for one in found] == [("child", "db"), ("db", None)]


def test_a_child_that_goes_on_failing_becomes_its_own() -> None:
    tree = {"child": component("child", ("db",)), "db": component("db")}
    found = replay(history(child="eeeeeeeee", db="eeehhhhhh"), tree)
    assert [(one.component, one.held_by, one.ended) for one in found] == [("child", None, None), ("db", None, 240.0)]


@given(st.lists(st.sampled_from("hhheu?d"), max_size=80), st.randoms(use_true_random=False))
def test_the_order_within_a_pass_does_not_matter(letters: list[str], chance: random.Random) -> None:
    tree = {"a": component("a", ("b",)), "b": component("b")}
    day = history(a="".join(letters), b="".join(reversed(letters)))
    mixed = sorted(day, key=lambda one: (one[1].at, chance.random()))
    assert replay(mixed, tree) == replay(day, tree)


def test_a_clock_set_back_makes_nothing_negative() -> None:
    """The third failing check, and later the second good one, bear a time before the first."""
    times = [3600.0, 3660.0, 60.0, 120.0, 180.0]
    day = [("a", Observation(at, WORDS[letter], "gone")) for at, letter in zip(times, "eeehh", strict=True)]
    assert replay(day, {"a": component("a")}) == [Imagined("a", 60.0, 60.0, "gone", 180.0)]
    back = [3600.0, 3660.0, 3720.0, 60.0, 120.0]
    day = [("a", Observation(at, WORDS[letter], "gone")) for at, letter in zip(back, "eeehh", strict=True)]
    assert replay(day, {"a": component("a")}) == [Imagined("a", 120.0, 120.0, "gone", 120.0)]
