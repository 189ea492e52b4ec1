"""The matching lines of a log that still count, and what they make of it. Pure.

A line counts for a time after the check that found it, by that check's clock. So a single line makes several checks
fail in a row, as many as it takes to be reported, and the fault ends by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

_MOST = 60  # checks that are remembered one by one
_LINES = 5
_EMPTY: tuple[Any, ...] = ()


class Recent(NamedTuple):
    """What still counts: how many lines each check found, by its time (epoch seconds), and the last lines."""

    counts: tuple[tuple[float, int], ...] = ()
    lines: tuple[tuple[float, str], ...] = ()

    @property
    def total(self) -> int:
        """How many lines count."""
        return sum(n for _, n in self.counts)

    @property
    def newest(self) -> float:
        """When the last of them was found."""
        return self.counts[-1][0]

    def status(self, warn: int, critical: int) -> Literal["healthy", "degraded", "unhealthy"]:
        """What so many lines mean; a limit of 0 is none."""
        if critical and self.total >= critical:
            return "unhealthy"
        return "degraded" if warn and self.total >= warn else "healthy"


def follow(before: Recent, n: int, lines: Sequence[str], now: float, hold: float) -> Recent:
    """What counts after a check at `now` that found `n` more, each for `hold` seconds. What seems to have been found
    later than now, before the clock was set back, counts from now on."""
    counts = [(min(at, now), count) for at, count in before.counts if now - at < hold]
    kept = [(min(at, now), line) for at, line in before.lines if now - at < hold]
    if n:
        counts.append((now, n))
    while len(counts) > _MOST:
        (_, first), (at, second), *rest = counts
        counts = [(at, first + second), *rest]
    return Recent(tuple(counts), tuple([*kept, *((now, line) for line in lines)][-_LINES:]))


def kept(recent: Recent) -> dict[str, Any]:
    """It as memory."""
    return {"counts": [list(one) for one in recent.counts], "lines": [list(one) for one in recent.lines]}


def remembered(memory: object) -> Recent:
    """What a memory holds; nothing where somebody has edited it."""
    if not isinstance(memory, Mapping):
        return Recent()
    counts, lines = (memory.get(name, _EMPTY) for name in ("counts", "lines"))
    return Recent(
        tuple((float(at), n) for at, n in _pairs(counts) if isinstance(n, int) and n > 0),
        tuple((float(at), line) for at, line in _pairs(lines) if isinstance(line, str)),
    )


def _pairs(stored: object) -> list[tuple[float, Any]]:
    if not isinstance(stored, list | tuple):
        return []
    pairs = [one for one in stored if isinstance(one, list | tuple) and len(one) == 2]
    return [(one[0], one[1]) for one in pairs if isinstance(one[0], int | float)]
