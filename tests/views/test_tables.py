"""Tables for a terminal: what they say, and that nothing a component says can steer it."""

from typing import Any

import pytest

from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.fault_detection import State
from heartbeat_cli.store.passes import LastLook
from heartbeat_cli.views import rows, tables

ESCAPES = "\x1b[31m\x1b]0;owned\x07\r\n\x08\u202e\u2028\x9b31m"


def checked(**more: Any) -> dict[str, Any]:
    values = {"kind": "agent", "status": "healthy", "response_time": 0.0123, "error": None, "attempts": 1}
    return {"component": "main", **values, **more}


def stood(**more: Any) -> dict[str, Any]:
    state = {"state": "healthy", "fail_count": 0, "held_by": None, "age": 12.3, "late": False}
    return checked() | state | more


def cells(text: str, row: int = 0) -> list[str]:
    """The cells of a row, columns being two spaces apart."""
    return [cell.strip() for cell in text.splitlines()[2 + row].split("  ") if cell.strip()]


def test_a_check() -> None:
    text = tables.check_table([checked(), checked(component="db", status="error", error="refused", attempts=2)], "en")
    assert text.splitlines()[0].split() == ["Component", "Kind", "Status", "Response", "What", "was", "seen"]
    assert cells(text) == ["main", "agent", "healthy", "12 ms"]
    assert cells(text, 1) == ["db", "agent", "error", "12 ms (2x)", "refused"]


def test_a_status() -> None:
    text = tables.status_table(
        [
            stood(),
            stood(component="a", state="fault", fail_count=4, held_by="db", status="error", error="refused"),
            stood(component="b", state="unknown", status="unknown", age=None, response_time=None),
            stood(component="c", age=7200.0, late=True, error="was slow"),
        ],
        "en",
    )
    assert cells(text) == ["main", "agent", "healthy", "healthy", "12 ms", "12 s ago"]
    assert cells(text, 1) == ["a", "agent", "fault (4) because of db", "error", "12 ms", "12 s ago", "refused"]
    assert cells(text, 2) == ["b", "agent", "unknown", "unknown", "-", "never"]
    assert cells(text, 3)[5:] == ["2 h ago", "not looked at any more; was slow"]


def test_the_other_language() -> None:
    text = tables.status_table([stood(state="fault", status="error")], "zh-HK")
    assert "fault" not in text and "Component" not in text


@pytest.mark.parametrize("hostile", [ESCAPES, "a\nmain  agent  healthy", "x" * 1_000_000, "\0", "| | |", "-----"])
def test_what_a_component_says_stays_in_its_cell(hostile: str) -> None:
    for text in (
        tables.check_table([checked(error=hostile)], "en"),
        tables.status_table([stood(error=hostile, held_by=hostile)], "en"),
        tables.table(["a", "b"], [["x", hostile]]),
    ):
        assert len(text.splitlines()) == 3
        assert text.replace("\n", "").isprintable()
        assert len(text) < 3_000


def test_numbers_stay_as_they_are() -> None:
    assert cells(tables.check_table([checked(component="007", error="1e5")], "en")) == [
        "007",
        "agent",
        "healthy",
        "12 ms",
        "1e5",
    ]


def test_colours_by_word() -> None:
    colored = tables.colored(tables.check_table([checked(), checked(status="error")], "en"), "en")
    assert "\x1b[32mhealthy\x1b[0m" in colored
    assert "\x1b[31merror\x1b[0m" in colored


# --- rows --------------------------------------------------------------------------------------------------------


def last(at: float, status: str = "healthy", error: str | None = None) -> LastLook:
    return LastLook(at, status, 0.01, error, {}, {})


@pytest.mark.parametrize(
    ("state", "look", "well", "late"),
    [
        (None, None, False, False),
        (State(0.0, history="S"), last(990.0), True, False),
        (State(0.0, history="S"), last(990.0, "degraded"), True, False),
        (State(0.0, history="S"), last(990.0, "unknown"), False, False),
        (State(0.0, history="S"), last(990.0, "error"), False, False),
        (State(0.0, "suspect"), last(990.0), False, False),
        (State(0.0, history="S"), last(1000.0 - 180.0), True, False),
        (State(0.0, history="S"), last(1000.0 - 181.0), False, True),
        (State(0.0, history="S"), last(2000.0), True, False),
    ],
)
def test_what_counts_as_well(state: State | None, look: LastLook | None, well: bool, late: bool) -> None:
    row = rows.status_row(Component("a", "agent", None), state, look, 1000.0)
    assert (rows.well(row), row["late"]) == (well, late)


def test_a_rare_look_is_late_later() -> None:
    daily = Component("a", "push", None, Common(interval=86_400))
    assert not rows.status_row(daily, State(0.0, history="S"), last(0.0), 3 * 86_400.0)["late"]
    assert rows.status_row(daily, State(0.0, history="S"), last(0.0), 3 * 86_400.0 + 1)["late"]


def test_errors_in_rows_are_redacted() -> None:
    seen = last(1.0, "error", "http://u:pw@h/ refused")
    row = rows.status_row(Component("a", "agent", None), State(0.0, history="S"), seen, 2.0)
    assert row["error"] == "http://u:•••@h/ refused"
