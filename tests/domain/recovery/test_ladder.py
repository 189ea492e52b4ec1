"""What recovery does next, as a table of circumstances."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.category import CATEGORIES, failure
from heartbeat_cli.domain.component import Mode, Plan, Step
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.recovery.brakes import Brakes
from heartbeat_cli.domain.recovery.decision import Approval, Circumstances, Decision, Limits, Past
from heartbeat_cli.domain.recovery.labels import label
from heartbeat_cli.domain.recovery.ladder import decide

NOW = 100_000.0
FAULT = Circumstances("fault", "error")
FORCED, ASKED = Approval(asked=True, forced=True), Approval(asked=True)
LIMITS = Limits(grace=60.0, timeout=30.0, brakes=Brakes(backoff=0, budget=100))


def plan(mode: Mode = "on", steps: int = 3) -> Plan:
    return Plan(mode, tuple(Step("command", number) for number in range(steps)))


def tried(step: int, outcome: str, ago: float = 100.0, verified: float | None = None, **more: Any) -> Attempt:
    given = {"incident": "i", "observer": "here", "requested_by": "heartbeat"} | more
    started = NOW - ago
    return Attempt(
        f"{step}@{started}", given["incident"], "main", step, "command", given["requested_by"], given["observer"],
        started, None, outcome, "why", "", started + 60.0, verified,
    )  # fmt: skip


def next_(
    before: list[Attempt],
    circumstances: Circumstances = FAULT,
    approval: Approval = Approval(),  # noqa: B008 - a value
    mode: Mode = "on",
    steps: int = 3,
    limits: Limits = LIMITS,
    host: tuple[float, ...] = (),
    seen: float | None = None,
) -> Decision:
    """`seen`: for how long the last step, which another host took, has been known here."""
    known = {} if seen is None else {before[-1].id: seen}
    return decide(plan(mode, steps), limits, Past(before, before, host, "here", known), circumstances, NOW, approval)


@pytest.mark.parametrize(
    ("before", "move", "step"),
    [
        ([], "run", 0),
        ([tried(0, "failed", ago=1)], "run", 1),
        ([tried(0, "denied", ago=1)], "run", 1),
        ([tried(0, "refused", ago=1)], "run", 1),
        ([tried(0, "done", ago=59)], "wait", 0),
        ([tried(0, "done", ago=60)], "run", 1),
        ([tried(0, "working", ago=59)], "wait", 0),  # systemd is still at it: no second restart on top
        ([tried(0, "working", ago=61)], "run", 1),
        ([tried(0, "running", ago=29)], "wait", 0),  # killed in the middle: it may still be at work
        ([tried(0, "running", ago=31)], "prove", 0),
        ([tried(0, "failed", ago=-5, observer="there")], "run", 1),
        ([tried(0, "failed", ago=-5, observer="there"), tried(1, "done", ago=-200, observer="there")], "wait", 0),
        ([tried(0, "lost", ago=31)], "run", 0),  # it never began: it is not forgotten
        ([tried(1, "lost", ago=31)], "run", 1),
        ([tried(0, "cut off", ago=59)], "wait", 0),
        ([tried(0, "cut off", ago=61)], "run", 0),  # nobody knows: once more, and then on
        ([tried(0, "cut off", ago=200), tried(0, "cut off", ago=61)], "run", 1),
        ([tried(0, "done", verified=NOW - 90)], "run", 0),  # healed for a while, then fell again
        ([tried(0, "failed"), tried(1, "done", verified=NOW - 90)], "run", 1),
        ([tried(5, "done", verified=NOW - 90)], "exhausted", 0),
        ([tried(0, "failed"), tried(1, "done"), tried(2, "done", ago=30)], "wait", 0),
        ([tried(0, "done"), tried(1, "done"), tried(2, "done", ago=61)], "exhausted", 0),
        ([tried(2, "failed", ago=1)], "run", 2),
        ([tried(2, "refused", ago=1)], "run", 2),  # there is no other step to take meanwhile
        ([tried(2, "failed", ago=9), tried(2, "refused", ago=5)], "run", 2),
        ([tried(2, "failed", ago=9), tried(2, "refused", ago=5), tried(2, "failed", ago=1)], "exhausted", 0),
        ([tried(2, "working", ago=61)], "run", 2),  # its answer was lost, and it did not take place after all
        ([tried(2, "denied", ago=1)], "exhausted", 0),
        ([tried(0, "failed"), tried(1, "done"), tried(2, "done", ago=61)], "run", 0),  # it may work now
        ([tried(0, "refused"), tried(1, "done"), tried(2, "done", ago=61)], "exhausted", 0),
        ([tried(0, "failed"), tried(1, "done"), tried(2, "failed", ago=61)], "run", 2),
        ([tried(0, "failed"), tried(1, "done"), tried(2, "done"), tried(0, "done", ago=61)], "exhausted", 0),
        ([tried(0, "failed"), tried(1, "failed"), tried(2, "done"), tried(0, "failed")], "run", 1),
        ([tried(0, "failed"), tried(1, "failed"), tried(2, "done"), *[tried(0, "failed")] * 2], "run", 1),
        ([*[tried(2, "failed", ago=14_399)] * 3], "exhausted", 0),
        ([tried(2, "failed", ago=14_400)], "run", 0),  # quiet for long enough: from the first step again
        ([tried(2, "failed", ago=20_000), tried(0, "done", ago=100)], "run", 1),
        ([tried(5, "done")], "exhausted", 0),  # the ladder became shorter
        ([tried(0, "held", ago=3)], "run", 0),  # what was held back was not tried
        ([tried(0, "done", ago=30), tried(0, "held", ago=3)], "wait", 0),
        ([tried(0, "done")._replace(verify_until=None)], "run", 1),
    ],
)
def test_step_after_step(before: list[Attempt], move: str, step: int) -> None:
    decision = next_(before)
    assert (decision.move, decision.step) == (move, step)
    assert decision.reason and decision.name


def test_the_reasons_are_named() -> None:
    assert next_([])[1:3] == ("first", "nothing was tried yet")
    assert next_([tried(0, "refused")]).reason == "step 1 did not heal it (refused)"
    assert next_([tried(0, "done", ago=20)]).reason == "step 1 was taken; it has 40 s left to come up"
    assert next_([tried(0, "running", ago=20)]).reason == "step 1 was cut off and may still be at work: 10 s left"
    tail = "; heartbeat starts again from step 1 in 3 h 58 min; at once by: heartbeat recover --component {id} --force"
    assert next_([tried(2, "done")]).reason == "each of the 3 steps was tried" + tail
    thrice = [tried(0, "failed")] * 3
    assert next_(thrice, steps=1).reason == "the only step was tried; step 1 failed 3 times" + tail
    assert next_(thrice[:2], steps=1)[1:3] == ("retry", "step 1 failed (why); try 3 of 3")
    assert next_([tried(0, "denied")], steps=1)[1:3] == ("denied", f"heartbeat is not permitted to do it: why{tail}")
    assert (
        next_([tried(0, "failed", ago=20_000)]).reason == "from the first step again: nothing was done for 5 h 33 min"
    )
    assert next_([], FAULT._replace(blip=True)).move == "wait"
    assert next_([tried(0, "done", verified=NOW - 90)]).reason == "step 1 healed it before, and it fell again"
    braked = next_([tried(0, "done", ago=30, verified=NOW - 25)], limits=LIMITS._replace(brakes=Brakes()))
    assert (braked.move, braked.name) == ("wait", "backoff")


@pytest.mark.parametrize(
    ("circumstances", "move", "reason"),
    [
        (Circumstances("fault", "error", held_by="db"), "held", "held: db, which it depends on, is in fault"),
        (Circumstances("fault", "error", maintenance="disk swap"), "held", "held: maintenance (disk swap)"),
        (Circumstances("fault", "unknown"), "held", "held: the last check could not be made, so it may be healthy"),
        (Circumstances("recovering", "healthy"), "wait", "it answers again; waiting for it to stay well"),
        (Circumstances("suspect", "error"), "wait", "it answers again; waiting for it to stay well"),
        (
            Circumstances("fault", "error", parent_back=("db", 20.0)),
            "wait",
            "db, which it depends on, is back; it has 20 s to follow",
        ),
    ],
)
def test_what_holds_it_back_also_after_a_step(circumstances: Circumstances, move: str, reason: str) -> None:
    for before in ([], [tried(0, "failed")], [tried(2, "failed")]):
        decision = next_(before, circumstances)
        assert (decision.move, decision.reason) == (move, reason)


def test_a_host_that_has_just_started_lets_everything_come_up_first() -> None:
    waiting = next_([], FAULT._replace(uptime=50.0))
    assert (waiting.move, waiting.reason) == ("wait", "this host has just started; it has 10 s left to come up")
    assert next_([], FAULT._replace(uptime=60.0)).move == "run"
    assert next_([tried(0, "failed")], FAULT._replace(uptime=50.0)).move == "run"


def test_off_means_off_and_ask_means_ask() -> None:
    assert next_([], mode="off").move == next_([], mode="off", approval=ASKED).move == "off"
    waiting = next_([], mode="ask")
    assert waiting.move == "ask" and waiting.reason == "waits for your word: heartbeat recover --component {id}"


def test_naming_it_is_the_word_that_ask_waits_for() -> None:
    assert next_([], mode="ask", approval=ASKED).move == "run"
    assert next_([tried(0, "done", ago=10)], mode="ask", approval=ASKED).move == "wait"
    assert next_([], Circumstances("fault", "unknown"), ASKED, "ask").move == "held"


@pytest.mark.parametrize("mode", ["on", "ask", "off"])
def test_force_overrides_everything_but_an_empty_ladder(mode: Mode) -> None:
    circumstances = Circumstances("healthy", "unknown", "db", ("db", 9.0), "disk swap", uptime=1.0)
    tight = LIMITS._replace(brakes=Brakes(budget=1, host_budget=1))
    how: dict[str, Any] = {"approval": FORCED, "mode": mode, "limits": tight, "host": (NOW - 1,)}
    assert next_([], circumstances, **how)[::3] == ("run", 0)
    assert next_([tried(0, "done", ago=1)], circumstances, **how)[::3] == ("run", 1)
    assert next_([tried(2, "done", ago=1)], circumstances, **how)[::3] == ("run", 0)
    assert next_([], circumstances, steps=0, **how).move == "nothing"


def test_a_spent_budget_holds_and_a_persons_steps_do_not_spend_it() -> None:
    tight = LIMITS._replace(brakes=Brakes(backoff=0, budget=2))
    healed = [tried(0, "done", ago=300, verified=NOW - 290), tried(0, "done", ago=200, verified=NOW - 190)]
    assert next_(healed, limits=tight)[:2] == ("held", "budget")
    by_hand = [one._replace(requested_by="person") for one in healed]
    assert next_(by_hand, limits=tight).move == "run"
    by_program = [one._replace(requested_by="bot (root)") for one in healed]
    assert next_(by_program, limits=tight)[:2] == ("held", "budget"), "a program may ask in a loop"
    assert next_([tried(0, "denied"), tried(0, "refused")], limits=tight).move == "run"  # nothing was done
    assert next_([tried(0, "lost")], limits=tight).move == "run"
    assert next_([], limits=tight, host=(NOW - 1,) * 20)[:2] == ("held", "host_budget")


@pytest.mark.parametrize("back", [1.0, 3600.0, 86_400.0])
def test_a_clock_put_back_does_not_stop_the_ladder_for_as_long(back: float) -> None:
    for outcome, move in (("done", "run"), ("working", "run"), ("running", "prove")):
        assert next_([tried(0, outcome, ago=-back)]).move == move


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (tried(1, "running", ago=10), "step 2 was cut off and may still be at work: 20 s left"),
        (tried(1, "running", ago=31), "step 2 was cut off"),
        (tried(1, "running", ago=10, observer="there"), "step 2 was cut off and may still be at work: 90 s left"),
        (tried(1, "done", ago=15), "step 2 was taken; it has 45 s left to come up"),
        (tried(1, "done", ago=15, observer="there"), "step 2 was taken; it has 120 s left to come up"),
        (tried(1, "lost", ago=31), "step 2 was cut off before it began"),
        (tried(1, "cut off", ago=61), "step 2 was cut off, and did not heal it"),
        (tried(1, "done", verified=NOW - 90), "step 2 healed it before, and it fell again"),
        (tried(1, "failed"), "step 2 did not heal it (failed)"),
        (tried(2, "failed"), "step 3 failed (why); try 2 of 3"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_the_reason_names_the_step_as_the_ladder_is_written_and_the_time_that_is_left(
    last: Attempt, reason: str
) -> None:
    assert next_([tried(0, "failed"), last]).reason == reason


def test_a_step_that_failed_waits_for_its_next_try_and_says_so() -> None:
    braked = LIMITS._replace(brakes=Brakes(backoff=60, budget=3))
    for outcome, waits_for in (("failed", 3.75), ("refused", 60.0)):  # what was refused costs no budget
        waits = next_([tried(0, outcome, ago=waits_for - 1)], steps=1, limits=braked)
        assert (waits.move, waits.name) == ("wait", "backoff")
        assert waits.reason.startswith("step 1 failed (why); try 2 of 3, in ")
        assert next_([tried(0, outcome, ago=waits_for * 1.3)], steps=1, limits=braked).move == "run"
    twice = [tried(0, "failed", ago=80), tried(0, "failed", ago=70)]
    assert next_(twice, steps=1, limits=braked).name == "backoff", "the second retry has the whole backoff"
    kept_back = [tried(0, "failed", ago=10), tried(0, "held", ago=5)]
    assert next_(kept_back, steps=1, limits=braked).move == "run", "what was held back meanwhile changes nothing"
    thrice = [tried(0, "failed", ago=900)] * 3
    assert next_(thrice, limits=braked, steps=4).name == "budget"


@pytest.mark.parametrize(("tries", "steps"), [(1, 1), (1, 2), (5, 1), (5, 2)])
def test_a_step_may_say_how_often_it_is_tried(tries: int, steps: int) -> None:
    plan_ = Plan("on", tuple(Step("command", n, tries) for n in range(steps)))
    for failures in range(tries + 1):
        before = [tried(0, "failed", ago=50.0 - n) for n in range(failures)]
        found = decide(plan_, LIMITS, Past(before, before), FAULT, NOW)
        if steps == 2 and failures:
            assert (found.move, found.step) == ("run", 1)
        else:
            assert found.move == ("run" if failures < tries else "exhausted")


def test_after_a_steady_time_the_backoff_begins_anew_and_the_budget_does_not() -> None:
    braked = LIMITS._replace(brakes=Brakes(backoff=600, budget=3))
    before = [tried(0, "done", ago=900, verified=NOW - 890), tried(0, "done", ago=500, verified=NOW - 490)]

    def decided(steady: float, brakes: Brakes) -> Decision:
        limits = LIMITS._replace(brakes=brakes)
        return decide(plan(), limits, Past((), before, steady=steady), FAULT, NOW)

    assert decided(0.0, braked.brakes).name == "backoff"
    assert decided(NOW - 100, braked.brakes).move == "run"
    assert decided(NOW - 100, Brakes(backoff=600, budget=2)).name == "budget"


def test_a_ladder_is_denied_only_when_every_step_was() -> None:
    """One that failed wants a check of the machine, not at rights that heartbeat has."""
    for outcome, name in (("denied", "denied"), ("failed", "retry"), ("done", "exhausted")):
        assert next_([tried(0, "denied"), tried(1, outcome), tried(2, "denied")]).name == name
    twice = [tried(0, "denied"), tried(1, "failed"), tried(2, "denied"), tried(1, "failed")]
    assert next_(twice).name == "exhausted"


def test_what_came_back_before_has_as_long_again_before_a_person_is_called() -> None:
    used_up = [tried(0, "done"), tried(1, "done"), tried(2, "done", ago=61)]
    patient = next_(used_up, FAULT._replace(comes_back=(30.0, 8.0)))
    assert (patient.move, patient.reason) == ("wait", "it was down 30 s before and came back; it has 8 s left to")
    assert next_(used_up[:2], FAULT._replace(comes_back=(30.0, 8.0))).move == "run"  # steps do not wait
    assert next_(used_up).move == "exhausted"


def test_a_step_that_never_began_is_taken_although_the_brakes_are_on() -> None:
    """It has been counted once, and not done."""
    tight = LIMITS._replace(brakes=Brakes(backoff=600, budget=1, host_budget=1))
    before = [tried(0, "failed", ago=200)]
    assert next_(before, limits=tight, host=(NOW - 200,)).move == "held"
    lost = next_([*before, tried(1, "lost", ago=31)], limits=tight, host=(NOW - 200, NOW - 31))
    assert (lost.move, lost.step, lost.name) == ("run", 1, "lost")


@pytest.mark.parametrize("back", [-14_400.0, -3.0e8])
def test_steps_that_a_wrong_clock_dated_years_ahead_hold_nothing_back(back: float) -> None:
    tight = LIMITS._replace(brakes=Brakes(backoff=0, budget=2))
    before = [tried(0, "done", ago=back), tried(1, "failed", ago=back), tried(2, "done", ago=back)]
    decision = next_(before, limits=tight)
    assert (decision.move, decision.step) == ("run", 0)
    again = next_([*before, tried(0, "failed", ago=1)], limits=tight)
    assert (again.move, again.step) == ("run", 1)


def test_what_a_step_has_healed_waits_for_the_next_check_and_not_for_its_backoff() -> None:
    healed = [tried(0, "done", ago=10, verified=NOW - 8)]
    waiting = next_(healed, FAULT._replace(last_checked=NOW - 12))
    assert (waiting.move, waiting.reason) == ("wait", "step 1 healed it; waiting for the next check")
    assert next_(healed, FAULT._replace(last_checked=NOW - 5)).move == "run", "it failed since"
    assert next_([tried(0, "done", ago=70)], FAULT._replace(last_checked=NOW - 72)).move == "run", "it was not healed"
    assert next_(healed, FAULT._replace(last_checked=NOW - 12), FORCED).move == "run"


outcomes = st.sampled_from(["running", "done", "working", "failed", "denied", "refused", "held", "lost", "cut off"])
attempts = st.lists(
    st.builds(tried, st.integers(0, 3), outcomes, st.floats(-100.0, 40_000.0), st.none() | st.just(NOW - 5)), max_size=8
)


@given(attempts, st.integers(0, 3), st.booleans(), st.booleans())
def test_whatever_was_tried_there_is_a_decision_and_its_step_exists(
    before: list[Attempt], steps: int, asked: bool, forced: bool
) -> None:
    decision = next_(before, steps=steps, approval=Approval(asked, forced), limits=Limits(60.0))
    assert decision.reason and decision.name
    if decision.move in ("run", "ask"):
        assert 0 <= decision.step < steps
    if decision.move == "run" and not forced:  # nothing that may still be at work is overtaken
        last = [one for one in before if one.outcome != "held"][-1:]
        assert not any(one.outcome == "running" and 0 <= NOW - one.started < 30 for one in last)


@pytest.mark.parametrize(
    ("outcome", "seen", "move", "step"),
    [
        ("running", None, "wait", 0),
        ("running", 89, "wait", 0),
        ("running", 91, "prove", 0),  # that host is gone: the others go on
        ("done", 119, "wait", 0),
        ("done", 121, "run", 1),
        ("working", 119, "wait", 0),
        ("cut off", 119, "wait", 0),
        ("cut off", 121, "run", 0),
        ("failed", None, "run", 1),
    ],
)
@pytest.mark.parametrize("ago", [-20_000, -301, -300, -5, 0, 5, 300, 20_000])
def test_a_step_of_another_host_is_timed_by_our_own_checks(
    outcome: str, seen: float | None, move: str, step: int, ago: float
) -> None:
    """However that host dates it."""
    before = [tried(0, outcome, ago=ago, observer="there")]
    decision = next_(before, seen=seen)
    assert decision.move == move, decision
    if abs(ago) < 14_400:
        assert decision.step == step


@given(
    st.floats(-90_000.0, 90_000.0),
    st.floats(-5.0, 59.9),
    st.sampled_from(["running", "done", "working", "cut off"]),
    attempts.map(lambda found: [one for one in found if one.started < NOW - 100]),
)
def test_whatever_the_skew_no_step_follows_that_of_another_host_while_it_is_at_work(
    skew: float, ago: float, outcome: str, before: list[Attempt]
) -> None:
    """It began `ago` seconds ago, in truth (a little later than we check: while we were reading), and comes up in
    60."""
    theirs = tried(0, outcome, ago - skew, observer="there")
    for limits in (LIMITS, Limits(60.0)):
        decision = next_([*before, theirs], limits=limits, seen=max(ago, 0.0))
        assert decision.move == "wait", decision


def test_backoff_counts_the_step_that_another_host_dated_ahead() -> None:
    braked = LIMITS._replace(brakes=Brakes(backoff=600, budget=2))
    healed = [tried(0, "done", ago=-200, observer="there", verified=NOW + 210)]
    assert next_(healed, limits=braked).name == "backoff"
    assert next_([*healed, tried(0, "done", ago=1, verified=NOW)], limits=braked).name == "budget"


def test_a_step_in_a_few_words_never_shows_an_address() -> None:
    from heartbeat_cli.actions import command, docker, http

    assert label(Step("docker", docker.Settings("gateway"))) == "docker gateway"
    assert label(Step("command", command.Settings(("/bin/x", "y")))) == "command x"
    assert label(Step("http", http.Settings("http://h/secret"))) == "http"


def _mending(*steps: tuple[str, ...]) -> Plan:
    return Plan("on", tuple(Step("command", number, mends=mends) for number, mends in enumerate(steps)))  # type: ignore[arg-type]


def _by_category(plan_: Plan, category: Any, before: list[Attempt] | None = None, forced: bool = False) -> Decision:
    circumstances = FAULT._replace(failure=failure(category))
    past = Past(before or [], before or [], (), "here")
    return decide(plan_, LIMITS, past, circumstances, NOW, Approval(asked=forced, forced=forced))


@pytest.mark.parametrize("category", [one for one in CATEGORIES if one != "process"])
def test_what_no_restart_mends_is_held_unless_forced(category: Any) -> None:
    found = _by_category(plan(), category)
    assert (found.move, found.name) == ("held", "remedy")
    assert found.reason.startswith("held: a restart cannot mend this: ")
    assert _by_category(plan(), category, forced=True).move == "run"


def test_the_first_step_that_mends_the_category_is_taken() -> None:
    both = _mending(("process",), ("resource",), ("process", "resource"))
    assert _by_category(both, "process")[::3] == ("run", 0)
    assert _by_category(both, "resource")[::3] == ("run", 1)
    assert _by_category(both, "resource", [tried(1, "failed")])[::3] == ("run", 2)
    assert _by_category(both, "process", [tried(0, "failed")])[::3] == ("run", 2)


def test_a_step_that_was_passed_over_is_taken_when_the_category_changes() -> None:
    both = _mending(("process",), ("resource",))
    assert _by_category(both, "process", [tried(1, "done")])[::3] == ("run", 0)


def test_steps_that_do_not_mend_the_category_are_not_counted_as_left() -> None:
    both = _mending(("process",), ("resource",))
    often = [tried(0, "failed", ago=400 - 100 * n) for n in range(3)]
    found = _by_category(both, "process", often)
    assert found.move == "exhausted" and "only step 1 can mend this kind of fault, and it was tried" in found.reason


def test_a_ladder_that_mends_no_process_leaves_it_alone() -> None:
    found = _by_category(_mending(("resource",)), "process")
    assert (found.move, found.name) == ("held", "remedy")
    assert found.reason == "held: none of its steps mends a failure of the process itself"
