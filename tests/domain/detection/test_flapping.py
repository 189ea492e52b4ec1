"""The flapping score, by hand and by its limits."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.detection.flapping import is_flapping, remember, score


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("", 0.0),
        ("F", 0.0),
        ("S" * 21, 0.0),
        ("FS" * 10 + "F", 99.0),  # every change: 100 * sum(0.8 + 0.02 i, i = 0..19) / 20
        ("S" * 20 + "F", 5.9),  # the newest change weighs 0.8 + 0.02 * 19 = 1.18
        ("F" + "S" * 20, 4.0),  # the oldest 0.8
        ("SF", 5.9),  # checks never made count as no change
    ],
)
def test_the_score_by_hand(history: str, expected: float) -> None:
    assert score(history) == pytest.approx(expected)


@given(st.text("SF", max_size=60))
def test_the_history_tells_as_much_as_the_newest_21_checks(looks: str) -> None:
    history = ""
    for letter in looks:
        history = remember(history, letter == "F")
    kept = looks[-21:]
    assert kept.endswith(history) and set(kept) == {*history}
    assert score(history) == score(kept)
    for window in range(1, 22):
        assert history[-window:].count("F") == kept[-window:].count("F")
    assert len(history) - len(history.rstrip("F")) == len(kept) - len(kept.rstrip("F"))


def test_on_the_limits_themselves_nothing_changes() -> None:
    """Whichever checks it is made of: 30 percent is not above 30, nor is 25 below 25."""
    for percent, most in ((30, 6), (25, 5)):
        on_it = [slots for slots in combinations(range(20), most) if sum(80 + 2 * one for one in slots) == 20 * percent]
        assert on_it
        for slots in on_it:
            history = "".join("SF"[sum(one < n for one in slots) % 2] for n in range(21))
            assert (score(history), *(is_flapping(history, flapping) for flapping in (False, True))) == (
                percent, False, True
            ), history  # fmt: skip


def test_what_stays_well_needs_no_new_row() -> None:
    assert remember(remember("", failed=False), failed=False) == "S"
    history = "F"
    for _ in range(22):
        history = remember(history, failed=False)
    assert history == "S"


def test_it_begins_above_thirty_and_ends_below_twenty_five() -> None:
    between = next(h for h in (f"{'S' * n}FSFSF{'S' * (16 - n)}" for n in range(17)) if 25 <= score(h) <= 30)
    assert not is_flapping(between, flapping=False)
    assert is_flapping(between, flapping=True)
    assert is_flapping("FS" * 10 + "F", flapping=False)
    assert not is_flapping("S" * 21, flapping=True)
