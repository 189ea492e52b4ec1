"""Nagios lines: the whole line and the code, row by row."""

from typing import Any

import pytest

from heartbeat_cli.views import nagios


def row(component: str, status: str = "healthy", state: str = "healthy", **more: Any) -> dict[str, Any]:
    values = {"response_time": None, "error": None, "age": 1.0, "late": False, "unobserved": False}
    return {"component": component, "status": status, "state": state, **values, **more}


@pytest.mark.parametrize(
    ("rows", "line", "code"),
    [
        ([], "HEARTBEAT UNKNOWN - nothing was due; --all or --component checks all the same", 3),
        ([row("a")], "HEARTBEAT OK - 1 component looked at, all healthy", 0),
        (
            [row("a", response_time=0.0123456), row("b", response_time=2)],
            "HEARTBEAT OK - 2 components looked at, all healthy | a=0.0123456s b=2s",
            0,
        ),
        ([row("a"), row("b", "degraded", error="slow")], "HEARTBEAT WARNING - b: slow", 1),
        (
            [row("a", "unknown", error="no file"), row("b", "degraded", error="slow")],
            "HEARTBEAT UNKNOWN - a: no file; b: slow",
            3,
        ),
        ([row("a", "unknown"), row("b", "error", error="refused")], "HEARTBEAT CRITICAL - b: refused; a: unknown", 2),
        ([row("a", "unhealthy", error="503", response_time=0.5)], "HEARTBEAT CRITICAL - a: 503 | a=0.5s", 2),
        (
            [row(f"c{n}", "error", error="x") for n in range(8)],
            "HEARTBEAT CRITICAL - c0: x; c1: x; c2: x; c3: x; c4: x; and 3 more",
            2,
        ),
        # what a component says is data
        ([row("a", "error", error="no | 'x'=1;2 \x1b[31m\nOK")], "HEARTBEAT CRITICAL - a: no / 'x'=1;2 [31m OK", 2),
        ([row("a", "error", error="x" * 1_000_000)], f"HEARTBEAT CRITICAL - a: {'x' * 79}…", 2),
        ([row("a", "error", error="\n\x00")], "HEARTBEAT CRITICAL - a:", 2),
    ],
)
def test_a_check(rows: list[dict[str, Any]], line: str, code: int) -> None:
    assert nagios.check_line(rows) == (line, code)


@pytest.mark.parametrize(
    ("rows", "line", "code"),
    [
        ([], "HEARTBEAT UNKNOWN - no components are configured", 3),
        ([row("a")], "HEARTBEAT OK - 1 component watched, all healthy", 0),
        ([row("a", "degraded", error="slow")], "HEARTBEAT WARNING - a: slow", 1),
        ([row("a", "error", "suspect", error="refused")], "HEARTBEAT WARNING - a: refused", 1),
        ([row("a", "healthy", "recovering")], "HEARTBEAT WARNING - a: healthy", 1),
        ([row("a", "error", "fault", error="refused")], "HEARTBEAT CRITICAL - a: refused", 2),
        ([row("a", "unknown", "fault", error="cannot look")], "HEARTBEAT CRITICAL - a: cannot look", 2),
        ([row("a", "unknown", "unknown", age=None)], "HEARTBEAT UNKNOWN - a: unknown", 3),
        # a good state is only as good as the last look, and as fresh
        ([row("a", "unknown", "healthy", error="token is away")], "HEARTBEAT UNKNOWN - a: token is away", 3),
        ([row("a", "error", "healthy", error="refused")], "HEARTBEAT WARNING - a: refused", 1),
        (
            [row(f"w{n}", "degraded", error="slow") for n in range(6)] + [row("z", "error", "fault", error="refused")],
            "HEARTBEAT CRITICAL - z: refused; w0: slow; w1: slow; w2: slow; w3: slow; and 2 more",
            2,
        ),
        # what cannot be checked is UNKNOWN, unless something is CRITICAL; a fault stays one until it is seen to end
        ([row("a", "unknown", error="no login", unobserved=True), row("b")], "HEARTBEAT UNKNOWN - a: no login", 3),
        ([row("a", "unknown", "suspect", error="no login", unobserved=True)], "HEARTBEAT UNKNOWN - a: no login", 3),
        (
            [row("a", "unknown", error="no login", unobserved=True), row("b", "error", "fault", error="refused")],
            "HEARTBEAT CRITICAL - b: refused; a: no login",
            2,
        ),
        ([row("a", "unknown", "fault", error="no login", unobserved=True)], "HEARTBEAT CRITICAL - a: no login", 2),
        ([row("a", age=7200.0, late=True)], "HEARTBEAT UNKNOWN - a: not looked at for 2 h", 3),
        ([row("a", "error", "fault", age=7200.0, late=True)], "HEARTBEAT CRITICAL - a: not looked at for 2 h", 2),
    ],
)
def test_a_status(rows: list[dict[str, Any]], line: str, code: int) -> None:
    assert nagios.status_line(rows) == (line, code)
