"""Rows as one line of Nagios plugin output, and the exit code that goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.kinds.perfdata import Perf, format_line
from heartbeat_cli.domain.plain import duration, one_line

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_CODES = {"healthy": OK, "degraded": WARNING, "unhealthy": CRITICAL, "error": CRITICAL, "unknown": UNKNOWN}
_STATES = {"healthy": OK, "suspect": WARNING, "recovering": WARNING, "fault": CRITICAL}
_GRAVEST = (CRITICAL, UNKNOWN, WARNING, OK)


def check_line(rows: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The line and exit code of a check: the gravest of what was seen; nothing seen is UNKNOWN."""
    if not rows:
        return "HEARTBEAT UNKNOWN - nothing was due; --all or --component checks all the same", UNKNOWN
    return _line(rows, [_CODES[row["status"]] for row in rows], "looked at")


def status_line(rows: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The line and exit code of the stored states."""
    if not rows:
        return "HEARTBEAT UNKNOWN - no components are configured", UNKNOWN
    return _line([_aged(row) for row in rows], [_state_code(row) for row in rows], "watched")


def _state_code(row: Mapping[str, Any]) -> int:
    """A good state is only as good as the last look, and as fresh; one failing check alone is not yet critical."""
    code = _STATES.get(row["state"], UNKNOWN)
    if row["unobserved"] and code != CRITICAL:  # a fault stays one until it is seen to end
        return UNKNOWN
    if code != OK:
        return code
    return UNKNOWN if row["late"] else min(_CODES[row["status"]], WARNING) if row["status"] != "unknown" else UNKNOWN


def _aged(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "error": f"not looked at for {duration(row['age'])}"} if row["late"] else row


def _line(rows: Sequence[Mapping[str, Any]], codes: Sequence[int], done: str) -> tuple[str, int]:
    code = next(grave for grave in _GRAVEST if grave in codes)
    ranked = sorted(zip(rows, codes, strict=True), key=lambda one: _GRAVEST.index(one[1]))  # only a few are shown
    bad = [f"{row['component']}: {one_line(row['error'] or row['status'], 80)}" for row, c in ranked if c]
    text = "; ".join(bad[:5]) + (f"; and {len(bad) - 5} more" if len(bad) > 5 else "")
    if not bad:
        text = f"{len(rows)} component{'s' if len(rows) > 1 else ''} {done}, all healthy"
    figures = [Perf(row["component"], row["response_time"], "s") for row in rows if row["response_time"] is not None]
    return format_line(f"HEARTBEAT {_WORDS[code]} - {text}", figures), code
