"""What was not watched, or not kept where it belongs: gaps between passes, and times on the local spool."""

from collections.abc import Iterable
from typing import NamedTuple


class Gap(NamedTuple):
    """From the end of one pass to the start of the next, which came too late."""

    observer: str
    started: float
    ended: float
    reason: str


class Degraded(NamedTuple):
    """A time in which a local spool stood in for the store. `ended` is None while it lasts."""

    id: str
    observer: str
    started: float
    reason: str
    ended: float | None = None


def covered_percent(gaps: Iterable[Gap], start: float, end: float) -> float | None:
    """Share of a span (up to its end) in which passes ran as often as they should; None for an empty span."""
    if end <= start:
        return None
    missing, until = 0.0, start
    for gap in sorted(gaps, key=lambda one: one.started):
        begun = max(gap.started, until)
        missing += max(0.0, min(gap.ended, end) - begun)
        until = max(until, gap.ended)
    return 100.0 * (1 - missing / (end - start))
