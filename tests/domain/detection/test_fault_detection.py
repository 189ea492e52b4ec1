"""The state machine as stories, check by check, and as properties over every sequence of checks."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import FAILURES, SUCCESSES, Status
from heartbeat_cli.domain.detection.fault_detection import (
    Event,
    Observation,
    Parent,
    Policy,
    State,
    failing_enough,
    step,
)

LETTERS: dict[str, Status] = {"h": "healthy", "d": "degraded", "u": "unhealthy", "e": "error", "?": "unknown"}
FAULTY, SUSPECT = Parent("db", in_fault=True), Parent("db", in_fault=False)


class Story:
    """One component's life: `check("ee")` takes two failing checks a second apart and returns the events' names."""

    def __init__(self, **policy: int) -> None:
        self.policy = Policy(**policy)
        self.state = State(since=0.0)
        self.now = 0.0
        self.events: list[Event] = []

    def check(self, letters: str, parent: Parent | None = None) -> list[str]:
        named = []
        for letter in letters:
            self.now += 1
            seen = Observation(self.now, LETTERS[letter], f"said {letter}")
            self.state, events = step(self.policy, self.state, seen, parent)
            self.events += events
            named += [event.name for event in events]
        return named


def test_the_third_failing_check_makes_a_fault_and_not_before() -> None:
    one = Story()
    assert one.check("e") == [] and one.state.state == "suspect" and one.state.fail_count == 1
    assert one.check("u") == [] and one.state.state == "suspect" and one.state.fail_count == 2
    assert one.check("e") == ["opened"] and one.state.state == "fault" and one.state.fail_count == 3
    (opened,) = one.events
    assert (opened.started, opened.at) == (1.0, 3.0)
    assert opened.reason == "3 failing checks in a row (threshold 3)" and opened.cause == "said e"
    assert one.check("eeee") == [] and one.state.fail_count == 7


def test_a_success_in_between_starts_the_count_anew() -> None:
    one = Story()
    assert one.check("eeheehee") == []
    assert one.state.state == "suspect" and one.state.fail_count == 2 and one.state.failing_since == 7.0


def test_two_good_checks_end_a_fault_and_the_next_one_is_new() -> None:
    one = Story()
    one.check("eee")
    assert one.check("h") == [] and one.state.state == "recovering"
    assert one.check("h") == ["ended"]
    assert one.events[-1].started == 1.0 and one.events[-1].reason == "2 good checks in a row (threshold 2)"
    assert one.state == State(since=5.0, history="FFFSS")
    assert one.check("eee") == ["opened"] and one.events[-1].started == 6.0


def test_recovering_falls_back_into_the_same_fault() -> None:
    one = Story()
    one.check("eeeh")
    assert one.check("e") == [] and one.state.state == "fault" and one.state.success_count == 0
    assert one.check("h") == [] and one.state.state == "recovering"
    assert one.check("h") == ["ended"] and one.events[-1].started == 1.0


@pytest.mark.parametrize("before", ["", "e", "ee", "eee", "eeeh", "d", "ddd", "dddh"])
def test_unknown_changes_nothing_anywhere(before: str) -> None:
    one = Story()
    one.check(before)
    state = one.state
    assert one.check("????") == ["unobserved"]
    assert one.state == state._replace(unknown_count=3, unknown_since=len(before) + 1, unobserved=True)


def test_what_cannot_be_checked_is_unobserved_until_it_can() -> None:
    one = Story()
    assert one.check("h??") == [] and not one.state.unobserved
    assert one.check("?") == ["unobserved"]
    assert (one.state.state, one.state.unobserved, one.state.unknown_since) == ("healthy", True, 2.0)
    (told,) = one.events
    assert told.reason == "3 checks in a row could not be made (threshold 3)"
    assert (told.started, told.at, told.cause) == (2.0, 4.0, "said ?")
    assert one.check("????") == [], "it is said once"
    assert one.check("e") == ["observed_again"], "a failing check is a check"
    assert one.state.state == "suspect" and not one.state.unobserved
    assert one.check("??h??h") == [], "they must come in a row"


def test_a_fault_that_cannot_be_checked_any_more_stays_one() -> None:
    one = Story()
    assert one.check("eee???") == ["opened", "unobserved"]
    assert one.state.state == "fault" and one.state.unobserved
    assert one.check("h") == ["observed_again"] and one.state.state == "recovering"
    assert one.check("h") == ["ended"]


def test_what_was_never_checked_is_not_judged() -> None:
    one = Story(unobserved_after=2)
    assert one.check("??") == ["unobserved"] and not one.state.judged
    assert one.check("h") == ["observed_again"] and one.state.judged


def test_thresholds_of_one_judge_at_once() -> None:
    one = Story(fail_threshold=1, recovery_threshold=1)
    assert one.check("e") == ["opened"]
    assert one.check("h") == ["ended"]
    assert one.check("eheh") == ["opened", "ended", "opened", "ended"]


def test_degraded_is_a_success_for_the_fault_and_has_an_alert_of_its_own() -> None:
    one = Story()
    assert one.check("dd") == [] and one.state.degraded_count == 2
    assert one.check("d") == ["degraded"] and one.state.state == "healthy" and one.state.degraded
    assert one.check("dddd") == []
    assert one.check("h") == [] and one.check("d") == [] and one.check("h") == []
    assert one.check("h") == ["degraded_ended"] and not one.state.degraded
    assert one.check("eeedd") == ["opened", "ended"]


def test_degraded_checks_must_be_consecutive() -> None:
    one = Story()
    assert one.check("ddhddedd") == [] and one.state.degraded_count == 2


def test_a_failure_while_the_parent_is_in_fault_is_held() -> None:
    one = Story()
    assert one.check("eee", FAULTY) == ["held"]
    assert one.state.held_by == "db" and one.events[-1].reason == "held: db, which it depends on, is in fault"
    assert one.check("eeeeee", FAULTY) == []


def test_the_held_is_released_only_when_it_goes_on_after_the_parent() -> None:
    one = Story()
    one.check("eeeee", FAULTY)
    assert one.check("ee") == [] and one.state.grace_looks == 2
    assert one.check("e") == ["released"] and one.state.held_by is None
    assert one.check("hh") == ["ended"] and one.events[-1].held_by is None


def test_grace_begins_anew_when_the_parent_fails_again() -> None:
    one = Story()
    one.check("eee", FAULTY)
    one.check("ee")
    assert one.check("e", FAULTY) == [] and one.state.grace_looks == 0
    assert one.check("ee") == [] and one.check("e") == ["released"]


def test_the_held_that_recovers_with_its_parent_was_never_its_own() -> None:
    one = Story()
    one.check("eee", FAULTY)
    assert one.check("hh") == ["ended"] and one.events[-1].held_by == "db"


def test_while_the_parent_is_suspect_judgement_waits() -> None:
    one = Story()
    assert one.check("eeeee", SUSPECT) == [] and one.state.state == "suspect" and one.state.fail_count == 5
    assert one.check("e", FAULTY) == ["held"]

    two = Story()
    two.check("eeee", SUSPECT)
    assert two.check("e") == ["opened"]


def test_but_not_for_ever() -> None:
    """A parent that was seen failing once and is never checked again must not silence its children."""
    one = Story()
    assert one.check("e" * 11, SUSPECT) == []
    assert one.check("e", SUSPECT) == ["opened"] and one.state.held_by is None


def test_failures_among_a_window_make_a_fault_without_being_in_a_row() -> None:
    one = Story(fail_threshold=3, fail_window=5)
    assert one.check("ehe") == [] and one.state.state == "suspect" and one.state.fail_count == 2
    assert one.check("he") == ["opened"]
    assert one.events[-1].reason == "3 failing checks among 5 (threshold 3)" and one.events[-1].started == 1.0

    two = Story(fail_threshold=3, fail_window=5)
    assert two.check("ehehhhhe") == []
    assert two.state.fail_count == 1


def test_with_a_window_a_fault_that_comes_and_goes_is_failing_enough_to_be_healed() -> None:
    one = Story(fail_threshold=3, fail_window=5)
    one.check("ehehehe")
    assert (one.state.state, one.state.fail_count) == ("fault", 1) and failing_enough(one.policy, one.state)
    one.check("hhhhe")
    assert not failing_enough(one.policy, one.state)
    strict = Story()
    strict.check("eeehe")
    assert strict.state.state == "fault" and not failing_enough(strict.policy, strict.state)


def test_a_suspicion_lasts_as_long_as_its_window_remembers_a_failure() -> None:
    one = Story(fail_threshold=3, fail_window=4)
    one.check("ehhh")
    assert one.state.state == "suspect"
    one.check("h")
    assert (one.state.state, one.state.fail_count, one.state.failing_since) == ("healthy", 0, None)


def test_a_flapping_component_is_reported_twice() -> None:
    one = Story(fail_threshold=1, recovery_threshold=1)
    named = one.check("ehehehehehehehehehehehhhhhhhhhhhhhhhhhhhhhhhhh")
    assert named[:7] == ["opened", "ended", "opened", "ended", "opened", "ended", "opened"]
    assert named[7:] == ["ended"], "from the moment it flaps the incident stays open until it is steady"
    assert not one.state.flapping and one.state.state == "healthy"


def test_flapping_that_ends_in_failure_ends_in_the_fault_that_was_reported() -> None:
    one = Story(fail_threshold=1, recovery_threshold=1)
    one.check("eheheheheheheh")
    assert one.state.flapping and one.state.state == "recovering"
    assert one.check("e" * 30) == []
    assert not one.state.flapping and one.state.state == "fault"
    assert one.check("h") == ["ended"]


@pytest.mark.parametrize(("threshold", "window", "looks"), [(3, 5, 12), (3, 3, 12), (10, 21, 20), (1, 2, 4)])
def test_nor_with_a_window_in_which_failures_stop_adding_up(threshold: int, window: int, looks: int) -> None:
    one = Story(fail_threshold=threshold, fail_window=window)
    assert one.check("e" * (looks - 1), SUSPECT) == []
    assert one.check("e", SUSPECT) == ["opened"]


# --- for every sequence -------------------------------------------------------------------------------------------

statuses = st.sampled_from(list(get_args(Status)))
parents = st.sampled_from([None, None, None, SUSPECT, FAULTY])
policies = st.builds(
    Policy, st.integers(1, 5), st.integers(1, 4), st.none(), st.integers(1, 4), st.booleans(), st.integers(1, 4)
)
sequences = st.lists(st.tuples(statuses, parents), max_size=60)


def live(policy: Policy, sequence: Any, state: State | None = None, at: float = 0.0) -> tuple[State, list[Event]]:
    state, events = state or State(since=0.0), []
    for number, (status, parent) in enumerate(sequence):
        state, more = step(policy, state, Observation(at + number, status), parent)
        events += more
    return state, events


@pytest.mark.whole
@given(policies, sequences)
def test_never_a_fault_without_enough_consecutive_failures(policy: Policy, sequence: Any) -> None:
    state, run = State(since=0.0), 0
    for number, (status, parent) in enumerate(sequence):
        before = state.state
        run = run + 1 if status in FAILURES else 0 if status in SUCCESSES else run
        state, events = step(policy, state, Observation(float(number), status), parent)
        if any(event.name in ("opened", "held") for event in events):
            assert run >= policy.fail_threshold
        if before == "suspect" and state.state == "fault":
            assert events[-1].name in ("opened", "held")
        if status in FAILURES and parent is None and run >= policy.fail_threshold:
            assert state.state == "fault"


@given(policies, sequences)
def test_opened_and_ended_alternate_and_speak_of_the_same_fault(policy: Policy, sequence: Any) -> None:
    _, events = live(policy, sequence)
    begun = None
    for event in events:
        if event.name in ("opened", "held"):
            assert begun is None
            begun = event
        elif event.name == "released":
            assert begun is not None and begun.name == "held" and event.started == begun.started
        elif event.name == "ended":
            assert begun is not None and event.started == begun.started <= begun.at < event.at
            begun = None
    graded = [event.name for event in events if event.name.startswith("degraded")]
    assert graded == ["degraded", "degraded_ended"] * (len(graded) // 2) + ["degraded"] * (len(graded) % 2)


@given(policies, sequences, st.integers(0, 60))
def test_any_split_into_passes_gives_the_same(policy: Policy, sequence: Any, cut: int) -> None:
    """Including the way through the store: a state is rebuilt from its plain values."""
    whole = live(policy, sequence)
    state, events = live(policy, sequence[:cut])
    state, more = live(policy, sequence[cut:], State(*tuple(state)), float(len(sequence[:cut])))
    assert (state, events + more) == whole


@given(policies, sequences, st.lists(st.integers(0, 60), max_size=10))
def test_unknown_anywhere_changes_nothing(policy: Policy, sequence: Any, places: list[int]) -> None:
    timed = [(float(number), status, parent) for number, (status, parent) in enumerate(sequence)]
    for place in places:
        timed.insert(min(place, len(timed)), (0.5, "unknown", FAULTY))
    state, events = State(since=0.0), []
    for at, status, parent in timed:
        state, more = step(policy, state, Observation(at, status), parent)
        events += more
    assert without_sight(state, events) == without_sight(*live(policy, sequence))


def without_sight(state: State, events: list[Event]) -> tuple[State, list[Event]]:
    """What is left when nobody asks whether the component could be checked."""
    bare = state._replace(unknown_count=0, unknown_since=None, unobserved=False)
    return bare, [one for one in events if one.name not in ("unobserved", "observed_again")]


excuses = st.sampled_from(["", "", "", "not expected", "seen elsewhere"])
sights = st.lists(st.tuples(statuses, excuses), max_size=60)


@given(st.integers(1, 6), sights)
def test_unobserved_is_exactly_so_many_unknown_in_a_row(threshold: int, sequence: Any) -> None:
    """What was not to be expected neither counts nor interrupts; what another host sees is seen."""
    policy, state = Policy(unobserved_after=threshold), State(since=0.0)
    run, since, names = 0, None, []
    for number, (status, excuse) in enumerate(sequence):
        flagged = state.unobserved
        state, events = step(policy, state, Observation(float(number), status, "why", excuse))
        if status != "unknown" or excuse == "seen elsewhere":
            run, since = 0, None
        elif not excuse:
            run, since = run + 1, number if run == 0 else since
        assert state.unobserved == (run >= threshold)
        assert state.unknown_since == since and state.unknown_count == min(run, threshold)
        told = [one for one in events if one.name in ("unobserved", "observed_again")]
        assert len(told) == (flagged != state.unobserved)
        names += [one.name for one in told]
        if told and state.unobserved:
            assert (told[0].started, told[0].cause) == (since, "why")
    assert names == ["unobserved", "observed_again"] * (len(names) // 2) + ["unobserved"] * (len(names) % 2)


@given(policies, sequences, st.integers(1, 30))
def test_unknown_alone_neither_opens_nor_ends_anything(policy: Policy, sequence: Any, times: int) -> None:
    before, _ = live(policy, sequence)
    after, events = live(policy, [("unknown", None)] * times, before, float(len(sequence)))
    assert {one.name for one in events} <= {"unobserved"}
    assert without_sight(after, []) == without_sight(before, [])
    assert after.judged == before.judged


@given(policies, sequences)
def test_counters_are_never_negative_and_fit_the_state(policy: Policy, sequence: Any) -> None:
    state = State(since=0.0)
    for number, (status, parent) in enumerate(sequence):
        state, _ = step(policy, state, Observation(float(number), status), parent)
        assert min(state.fail_count, state.success_count, state.degraded_count, state.grace_looks) >= 0
        assert state.degraded_count < max(policy.degraded_threshold, policy.recovery_threshold)
        if state.state == "healthy":
            assert (state.fail_count, state.success_count, state.failing_since, state.held_by) == (0, 0, None, None)
        if state.state == "recovering":
            assert state.fail_count == 0 and 0 < state.success_count <= policy.recovery_threshold
            unsteady = policy.steady and (state.flapping or policy.settle > 0)
            assert state.success_count < policy.recovery_threshold or unsteady
        assert (state.failing_since is None) == (state.state == "healthy")
