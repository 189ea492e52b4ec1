"""Tables for a terminal: what they say, and that nothing a component says can steer it."""

from typing import Any

import pytest

from heartbeat_cli.domain.component import Common, Component, Plan, Step
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.store.history.last_checks import LastCheck
from heartbeat_cli.views import rows, tables
from heartbeat_cli.views.columns import columns

ESCAPES = "\x1b[31m\x1b]0;owned\x07\r\n\x08\u202e\u2028\x9b31m"


def checked(**more: Any) -> dict[str, Any]:
    values = {"kind": "agent", "status": "healthy", "response_time": 0.0123, "error": None, "attempts": 1}
    values |= {"category": None, "remedy": None, "name": "main"}
    return {"component": "main", **values, **more}


def stood(**more: Any) -> dict[str, Any]:
    state = {"state": "healthy", "fail_count": 0, "held_by": None, "age": 12.3, "late": False, "acked": None}
    state |= {"unobserved": False, "verified": None, "since": "2026-11-22T12:00:00.000+00:00"}
    state |= {"acked_by": None, "quiet": None, "needs_person": False, "waits_for_you": False}
    return checked() | state | {"name": more.get("component", "main")} | more


def cells(text: str, row: int = 0) -> list[str]:
    """The cells of a row, columns being two spaces apart."""
    return [cell.strip() for cell in text.splitlines()[2 + row].split("  ") if cell.strip()]


def test_a_check() -> None:
    text = tables.check_table([checked(), checked(component="db", status="error", error="refused", attempts=2)], "en")
    assert text.splitlines()[0].split() == ["Component", "Kind", "Result", "Response", "What", "was", "seen"]
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
        "UTC",
    )
    assert cells(text) == ["main", "agent", "healthy", "healthy", "12 ms", "12 s ago"]
    assert cells(text, 1) == [
        "a",
        "agent",
        "fault (4) because of db",
        "error",
        "12 ms",
        "12 s ago",
        "refused; since 11-22 12:00",
    ]
    assert cells(text, 2) == ["b", "agent", "unknown", "unknown", "-", "never"]
    assert cells(text, 3)[5:] == ["2 h ago", "no longer checked; was slow"]


def test_whose_fault_it_is_stands_before_what_was_seen() -> None:
    """Not where it is the component's own: that is what the state says."""
    said = {"state": "fault", "status": "unhealthy", "error": "HTTP 401"}
    seen = [stood(**said, category="credentials", remedy="person"), stood(**said, category="process", remedy="restart")]
    text = tables.status_table(seen, "en", "UTC")
    assert [cells(text, n)[-1] for n in range(2)] == [
        "credentials: HTTP 401; since 11-22 12:00",
        "HTTP 401; since 11-22 12:00",
    ]
    assert cells(tables.check_table(seen, "en"))[-1] == "credentials: HTTP 401"
    assert "API key／登入：HTTP 401" in tables.status_table(seen, "zh-HK", "UTC")


def test_the_other_language() -> None:
    error = system_words("Connection refused")
    text = tables.status_table([stood(state="fault", status="error", error=error)], "zh-HK", "UTC")
    assert "fault" not in text and "Component" not in text
    assert "拒絕連接" in text and "拒絕連接" in tables.check_table([checked(error=error)], "zh-HK")


def test_columns_stand_below_each_other_in_any_script() -> None:
    """Characters are up to two columns wide, and an accent may be one that takes none."""
    seen = [checked(component=name) for name in ("main", "資料庫", "cafe\u0301", "데이터베이스-1", "ｗｉｄｅ")]
    for locale in ("en", "zh-HK"):
        heads, rule, *lines = tables.check_table(seen, locale).splitlines()
        kind = columns(rule.split("  ")[0]) + 2
        for line in lines:
            assert columns(line.partition("agent")[0]) == kind, line
        assert columns(heads.partition(heads.split()[1])[0]) == kind


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("資料庫", 6), ("e\u0301", 1), ("a\n資料", 4), ("a\x1bb", 3)]
)
def test_how_wide_a_text_is(text: str, width: int) -> None:
    assert columns(text) == width


@pytest.mark.parametrize("hostile", [ESCAPES, "a\nmain  agent  healthy", "x" * 1_000_000, "\0", "| | |", "-----"])
def test_what_a_component_says_stays_in_its_cell(hostile: str) -> None:
    for text in (
        tables.check_table([checked(error=hostile)], "en"),
        tables.status_table([stood(error=hostile, held_by=hostile, acked="x", acked_by=hostile)], "en", "UTC"),
        tables.table(["a", "b"], [["x", hostile]]),
    ):
        assert len(text.splitlines()) == 3
        assert text.replace("\n", "").isprintable()
        assert len(text) < 3_000


def test_a_status_says_who_is_wanted_who_is_on_it_and_who_is_not_told() -> None:
    quiet = {"kind": "silence", "until": "2026-11-18T11:16:40.000+00:00", "reason": "works"}
    text = tables.status_table(
        [
            stood(needs_person=True, error="refused"),
            stood(component="b", waits_for_you=True),
            stood(component="c", acked="2026-11-18T11:00:00.000+00:00", acked_by="ann", quiet=quiet),
        ],
        "en",
        "Asia/Hong_Kong",
    )
    assert cells(text)[-1] == "Needs a person; refused"
    assert cells(text, 1)[-1] == "waits for your word: heartbeat recover --component b"
    assert cells(text, 2)[-1] == "Acknowledged by ann; silenced until 11-18 19:16"


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
def test_a_status_fits_a_narrow_terminal(width: int, locale: str) -> None:
    bad = stood(component="b", state="fault", fail_count=4, status="error", error="connection refused " * 5)
    text = tables.status_table([stood(), bad], locale, "UTC", width)
    assert all(columns(line) <= width for line in text.splitlines())
    assert cells(text, 1)[0] == "b", "what it is about is the last thing to go"
    assert len(text.splitlines()) == 4
    if width == 200:
        assert text == tables.status_table([stood(), bad], locale, "UTC")


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


def last(at: float, status: str = "healthy", error: str | None = None) -> LastCheck:
    return LastCheck(at, status, 0.01, error)


@pytest.mark.parametrize(
    ("state", "look", "well", "late"),
    [
        (None, None, False, False),
        (State(0.0, history="S"), last(990.0), True, False),
        (State(0.0, history="S"), last(990.0, "degraded"), True, False),
        (State(0.0, history="S"), last(990.0, "unknown"), False, False),
        (State(0.0, history="S"), last(990.0, "error"), False, False),
        (State(0.0, "suspect"), last(990.0), False, False),
        (State(0.0, history="S", unknown_count=3, unobserved=True), last(990.0), False, False),
        (State(0.0, history="S"), last(1000.0 - 180.0), True, False),
        (State(0.0, history="S"), last(1000.0 - 181.0), False, True),
        (State(0.0, history="S"), last(2000.0), True, False),
    ],
)
def test_what_counts_as_well(state: State | None, look: LastCheck | None, well: bool, late: bool) -> None:
    row = rows.status_row(Component("a", "agent", None), state, look, 1000.0)
    assert (rows.well(row), row["late"]) == (well, late)


def test_who_is_wanted_for_an_open_incident() -> None:
    asks = Component("a", "agent", None, plan=Plan("ask", (Step("systemd", None),)))
    one = Incident("a@1", "a", "agent", "high", "refused", 1.0, 2.0)
    tried = Attempt("t", "a@1", "a", 0, "systemd", "ann", "here", 5.0, verify_until=65.0)

    def said(component: Component, incident: Incident | None, now: float = 10.0, *tried: Attempt) -> tuple[bool, bool]:
        row = rows.status_row(component, None, None, now, incident, tried)
        return row["needs_person"], row["waits_for_you"]

    assert said(asks, None) == (False, False)
    assert said(asks, one) == (False, True)
    assert said(asks, one, 10.0, tried) == (False, False), "the step has its time first"
    assert said(asks, one, 66.0, tried) == (False, True)
    assert said(asks, one._replace(recovery="failed")) == (True, False)
    assert said(asks, one._replace(held_by="db")) == (False, False), "its parent is to be healed"
    assert said(asks._replace(plan=Plan("on", asks.plan.ladder)), one) == (False, False)
    assert said(asks._replace(plan=Plan("ask")), one) == (False, False), "there is nothing to say yes to"


def test_a_rare_look_is_late_later() -> None:
    daily = Component("a", "push", None, Common(interval=86_400))
    assert not rows.status_row(daily, State(0.0, history="S"), last(0.0), 3 * 86_400.0)["late"]
    assert rows.status_row(daily, State(0.0, history="S"), last(0.0), 3 * 86_400.0 + 1)["late"]


def test_errors_in_rows_are_redacted() -> None:
    seen = last(1.0, "error", "http://u:pw@h/ refused")
    row = rows.status_row(Component("a", "agent", None), State(0.0, history="S"), seen, 2.0)
    assert row["error"] == "http://u:•••@h/ refused"
