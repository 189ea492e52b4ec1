"""When a canary may be sent, whatever happens to the clock and the note."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds import canary
from heartbeat_cli.domain.kinds.canary import DAY, Note, Verdict
from heartbeat_cli.domain.text import Text

NOON = 20_000 * DAY + 43_200


def test_a_day_of_checks() -> None:
    note, sent = Note(), 0
    for minute in range(24 * 60):
        now = NOON + 60.0 * minute
        if canary.when(note, now, 900, 40) == "due":
            note, sent = canary.sent(note, now), sent + 1
    assert sent == 80, "48 are due in each half of it, and each belongs to a day of its own"


@given(st.lists(st.floats(0, 5_000), max_size=200), st.integers(0, 5), st.floats(1, 3_000))
def test_neither_pace_nor_budget_is_exceeded(steps: list[float], budget: int, every: float) -> None:
    note, now = Note(), NOON
    sent: list[float] = []
    for step in steps:
        now += step
        if canary.when(note, now, every, budget) == "due":
            note = canary.from_json(json.loads(json.dumps(canary.to_json(canary.sent(note, now)))))
            sent.append(now)
    assert all(b - a >= every for a, b in pairwise(sent))
    days = [int(at // DAY) for at in sent]
    assert all(days.count(day) <= budget for day in days)


@given(st.floats(0, 10 * 365 * DAY), st.floats(1, DAY))
def test_a_clock_that_was_wrong_holds_up_nothing_for_ever(ahead: float, every: float) -> None:
    note = canary.sent(Note(), NOON + ahead)
    assert canary.when(note, NOON + 2 * every + 2 * DAY, every, 5) == "due" or ahead < 3 * (every + DAY)


def test_a_clock_set_back_to_yesterday_earns_nothing() -> None:
    note = Note(at=NOON, day=20_000, times=5)
    assert canary.when(note, NOON - DAY, 900, 5) == "budget"
    assert canary.when(note, NOON + DAY, 900, 5) == "due"


def test_what_the_server_asked_for() -> None:
    note = Note(not_before=NOON + 100)
    assert canary.when(note, NOON, 900, 5) == "deferred"
    assert canary.when(note, NOON + 100, 900, 5) == "due"
    assert canary.when(Note(not_before=NOON + 3 * DAY), NOON, 900, 5) == "due", "of a clock that was wrong"


def test_how_long_a_verdict_stands() -> None:
    note = Note(at=NOON, verdict=Verdict(NOON, "unhealthy"))
    assert canary.standing(note, NOON + 1_800, 900) == note.verdict
    assert canary.standing(note, NOON + 1_801, 900) is None
    assert canary.standing(note, NOON - 1, 900) is None


@given(st.integers(1, 200), st.floats(1, 3_000), st.booleans(), st.lists(st.floats(1, 300), max_size=300))
def test_a_failing_one_leaves_a_quarter_of_the_budget_to_the_usual_pace(
    budget: int, every: float, own: bool, steps: list[float]
) -> None:
    note, now, quick = Note(verdict=Verdict(NOON, "unhealthy")), NOON, 0
    for step in steps:
        now += step
        pace = canary.pace(note, now, every, budget, own=own, checks=0)
        assert pace == every or pace == min(every, canary.SOONER if own else canary.SOON)
        if canary.when(note, now, pace, budget) == "due":
            quick += pace < every
            note = canary.sent(note, now)
    assert quick <= 0.75 * budget + 1


def test_only_a_failing_one_is_followed_sooner() -> None:
    for status, pace in (("unhealthy", 30.0), ("error", 30.0), ("degraded", 900.0), ("healthy", 900.0)):
        note = Note(NOON, 20_000, 1, verdict=Verdict(NOON, status))  # type: ignore[arg-type]
        assert canary.pace(note, NOON, 900, 100, own=True, checks=0) == pace
    assert canary.failing(Note(verdict=Verdict(0.0, "unhealthy"))) is not None, "however old"


def test_a_sentence_survives_the_note() -> None:
    inner = Text("HTTP {code}", code=500)
    error = Text("{path}: {why}", path="/x", why=inner)
    note = Note(NOON, 20_000, 3, NOON + 1, Verdict(NOON, "degraded", error, "provider", 0.25))
    back = canary.from_json(json.loads(json.dumps(canary.to_json(note))))
    assert back == note
    assert back.verdict is not None and isinstance(back.verdict.error, Text)
    assert back.verdict.error.template == "{path}: {why}"
    assert isinstance(back.verdict.error.values["why"], Text)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
KEYS = st.sampled_from(["at", "day", "times", "not_before", "verdict", "error", "status", "category", "first_token"])


@pytest.mark.whole
@given(ANY | st.dictionaries(KEYS, ANY | st.dictionaries(KEYS, ANY)))
def test_a_note_that_was_tampered_with_is_borne(value: Any) -> None:
    note = canary.from_json(value)
    canary.when(note, NOON, 900, 5)
    canary.standing(note, NOON, 900)
    canary.to_json(canary.sent(note, NOON))
