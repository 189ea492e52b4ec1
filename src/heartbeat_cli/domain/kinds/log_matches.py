"""The matching lines of a log that still count, and what they make of it. Pure.

A line counts for a time after the check that found it, by that check's clock, and in several checks whatever the clock
says: it may be set forward. So a single line makes several checks fail in a row, as many as it takes to be reported,
and the fault ends by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from heartbeat_cli.domain.record import Record

_MOST = 60  # checks that are remembered one by one
_LINES = 5
_LEAST = 3  # checks that a line counts in: as many failures in a row make a fault
_EMPTY: tuple[Any, ...] = ()


class Recent(Record):
    """What still counts: the time of each check that found some (epoch seconds), how many, and in how many checks they
    have counted; and the last lines, each with the time of its check."""

    counts: tuple[tuple[float, int, int], ...] = ()
    lines: tuple[tuple[float, str], ...] = ()

    @property
    def total(self) -> int:
        """How many lines count."""
        return sum(n for _, n, _ in self.counts)

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
    """What counts after a check at `now` that found `n` more, each for `hold` seconds and three checks. What seems to
    have been found later than now, before the clock was set back, counts from now on."""
    still = [one for one in before.counts if now - one[0] < hold or one[2] < _LEAST]
    times = {at for at, _, _ in still}
    kept = [(min(at, now), line) for at, line in before.lines if now - at < hold or at in times]
    counts = [(min(at, now), count, min(checks + 1, _LEAST)) for at, count, checks in still]
    if n:
        counts.append((now, n, 1))
    while len(counts) > _MOST:
        (_, first, _), (at, second, checks), *rest = counts
        counts = [(at, first + second, checks), *rest]
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
        tuple((float(at), n, _checks(more)) for at, n, *more in _items(counts) if isinstance(n, int) and n > 0),
        tuple((float(at), line) for at, line, *_ in _items(lines) if isinstance(line, str)),
    )


def _checks(more: Sequence[Any]) -> int:
    """In how many checks it has counted; enough, where an older version has not kept it."""
    return more[0] if more and isinstance(more[0], int) else _LEAST


def _items(stored: object) -> list[Sequence[Any]]:
    if not isinstance(stored, list | tuple):
        return []
    items = [one for one in stored if isinstance(one, list | tuple) and len(one) in (2, 3)]
    return [one for one in items if isinstance(one[0], int | float)]
