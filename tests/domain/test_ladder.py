"""What recovery does next, as a table of circumstances."""

from typing import Any

import pytest

from heartbeat_cli.domain.component import Mode, Plan, Rung
from heartbeat_cli.domain.ladder import Circumstances, Tried, Word, decide

NOW = 1000.0
FAULT = Circumstances("fault", "error")
FORCED, ASKED = Word(asked=True, forced=True), Word(asked=True)


def plan(mode: Mode = "on", rungs: int = 3) -> Plan:
    return Plan(mode, tuple(Rung("command", number) for number in range(rungs)))


def tried(rung: int, outcome: str, ago: float = 100.0, grace: float = 60.0, verified: float | None = None) -> Tried:
    return Tried(rung, outcome, NOW - ago, NOW - ago + grace, verified)


@pytest.mark.parametrize(
    ("before", "move", "rung"),
    [
        ([], "run", 0),
        ([tried(0, "failed", ago=1)], "run", 1),
        ([tried(0, "denied", ago=1)], "run", 1),
        ([tried(0, "refused", ago=1)], "run", 1),
        ([tried(0, "done", ago=59)], "wait", 0),
        ([tried(0, "done", ago=60)], "run", 1),
        ([tried(0, "running", ago=59)], "wait", 0),  # killed in the middle: what it started has its time, too
        ([tried(0, "running", ago=61)], "run", 1),
        ([tried(0, "done", verified=NOW - 90)], "run", 0),  # healed for a while, then fell again
        ([tried(0, "failed"), tried(1, "done", verified=NOW - 90)], "run", 1),
        ([tried(0, "done", verified=NOW - 90)] * 3, "exhausted", 0),  # healing that does not last is none
        ([tried(0, "done", verified=NOW - 90)] * 2 + [tried(0, "failed", ago=1)], "run", 1),
        ([tried(5, "done", verified=NOW - 90)], "exhausted", 0),
        ([tried(0, "failed"), tried(1, "done"), tried(2, "done", ago=30)], "wait", 0),
        ([tried(0, "failed"), tried(1, "done"), tried(2, "done", ago=61)], "exhausted", 0),
        ([tried(2, "failed", ago=1)], "exhausted", 0),
        ([tried(5, "done")], "exhausted", 0),  # the ladder became shorter
        ([Tried(0, "done", NOW - 5, None, None)], "run", 1),
    ],
)
def test_rung_after_rung(before: list[Tried], move: str, rung: int) -> None:
    decision = decide(plan(), before, FAULT, NOW)
    assert (decision.move, decision.rung) == (move, rung)
    assert decision.reason


def test_the_reasons_are_named() -> None:
    assert decide(plan(), [], FAULT, NOW).reason == "first step of 3"
    assert decide(plan(), [tried(0, "refused")], FAULT, NOW).reason == "step 1 did not heal it (refused)"
    waiting = decide(plan(), [tried(0, "done", ago=20)], FAULT, NOW)
    assert waiting.reason == "step 1 was taken; it has 40 s left to come up"
    assert decide(plan(), [tried(2, "failed")], FAULT, NOW).reason == "all 3 steps were tried"
    assert decide(plan(), [], FAULT._replace(blip=True), NOW).move == "wait"
    assert decide(plan(), [tried(0, "done", ago=30, verified=NOW - 25)], FAULT, NOW).move == "wait"
    healed = tried(0, "done", verified=NOW - 90)
    assert decide(plan(), [healed], FAULT, NOW).reason == "step 1 healed it before, and it fell again"
    assert decide(plan(), [healed] * 3, FAULT, NOW).reason == "it was healed 3 times and fell again each time"


@pytest.mark.parametrize(
    ("around", "move", "reason"),
    [
        (Circumstances("fault", "error", held_by="db"), "held", "held: db, which it depends on, is in fault"),
        (Circumstances("fault", "error", maintenance="disk swap"), "held", "held: maintenance (disk swap)"),
        (Circumstances("fault", "unknown"), "held", "held: the last look could not be made, so it may be well"),
        (Circumstances("recovering", "healthy"), "wait", "it answers again; waiting for it to stay well"),
        (Circumstances("suspect", "error"), "wait", "it answers again; waiting for it to stay well"),
    ],
)
def test_what_holds_it_back_also_after_a_rung(around: Circumstances, move: str, reason: str) -> None:
    for before in ([], [tried(0, "failed")], [tried(2, "failed")]):
        decision = decide(plan(), before, around, NOW)
        assert (decision.move, decision.reason) == (move, reason)


def test_off_means_off_and_ask_means_ask() -> None:
    assert decide(plan("off"), [], FAULT, NOW).move == "off"
    assert decide(plan("off"), [], FAULT, NOW, ASKED).move == "off"
    waiting = decide(plan("ask"), [], FAULT, NOW)
    assert waiting.move == "ask" and waiting.reason == "waits for your word: heartbeat recover --component {id}"


def test_naming_it_is_the_word_that_ask_waits_for() -> None:
    assert decide(plan("ask"), [], FAULT, NOW, ASKED).move == "run"
    assert decide(plan("ask"), [tried(0, "done", ago=10)], FAULT, NOW, ASKED).move == "wait"
    assert decide(plan("ask"), [], Circumstances("fault", "unknown"), NOW, ASKED).move == "held"


@pytest.mark.parametrize("mode", ["on", "ask", "off"])
def test_force_overrides_everything_but_an_empty_ladder(mode: Mode) -> None:
    around = Circumstances("healthy", "unknown", "db", "disk swap")
    assert decide(plan(mode), [], around, NOW, FORCED)[::2] == ("run", 0)
    assert decide(plan(mode), [tried(0, "done", ago=1)], around, NOW, FORCED)[::2] == ("run", 1)
    assert decide(plan(mode), [tried(2, "done", ago=1)], around, NOW, FORCED)[::2] == ("run", 0)
    assert decide(Plan(mode, ()), [], FAULT, NOW, FORCED).move == "nothing"


@pytest.mark.parametrize("back", [1.0, 3600.0, 86_400.0])
def test_a_clock_put_back_does_not_stop_the_ladder_for_as_long(back: float) -> None:
    last: Any = Tried(0, "done", NOW, NOW + 60, None)
    assert decide(plan(), [last], FAULT, NOW - back).move == "run"
