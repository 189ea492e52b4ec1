"""Rows as one line of Nagios plugin output, and the exit code that goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.perfdata import Perf, format_line
from heartbeat_cli.domain.plain import one_line

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_CODES = {"healthy": OK, "degraded": WARNING, "unhealthy": CRITICAL, "error": CRITICAL, "unknown": UNKNOWN}
_STATES = {"healthy": OK, "suspect": WARNING, "recovering": WARNING, "fault": CRITICAL}
_GRAVEST = (CRITICAL, UNKNOWN, WARNING, OK)


def check_line(rows: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The line and exit code of a check: the gravest of what was seen; nothing seen is UNKNOWN."""
    return _line(rows, [_CODES[row["status"]] for row in rows], "looked at")


def status_line(rows: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The line and exit code of the stored states; a component in good state still warns when its last look did."""
    codes = []
    for row in rows:
        code = _STATES.get(row["state"], UNKNOWN)
        codes.append(max(code, _CODES[row["status"]] if code == OK and row["status"] == "degraded" else code))
    return _line(rows, codes, "watched")


def _line(rows: Sequence[Mapping[str, Any]], codes: Sequence[int], done: str) -> tuple[str, int]:
    code = next((grave for grave in _GRAVEST if grave in codes), UNKNOWN)
    bad = [
        f"{row['component']}: {one_line(row['error'] or row['status'], 80)}"
        for row, c in zip(rows, codes, strict=True)
        if c
    ]
    text = "; ".join(bad[:5]) + (f"; and {len(bad) - 5} more" if len(bad) > 5 else "")
    if not bad:
        text = f"{len(rows)} components {done}, all healthy" if rows else "no components"
    figures = [Perf(row["component"], row["response_time"], "s") for row in rows if row["response_time"] is not None]
    return format_line(f"HEARTBEAT {_WORDS[code]} - {text}", figures), code
