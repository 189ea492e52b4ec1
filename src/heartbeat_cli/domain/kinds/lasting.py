"""How long something lasts, as far as checks have seen it. A clock that is set forward, a host that slept and passes
that did not run have shown nothing of the time between two checks, so that little of it counts. Pure."""

from collections.abc import Sequence
from typing import Any

from heartbeat_cli.domain.record import Record

_MOST_INTERVALS = 2.0  # between two checks that count in full: one of them may have been left out
_USUAL = 60.0  # seconds between two checks where that is not known: cron's grain
_HIGHEST = 1e12  # of any figure in a memory


class Lasting(Record):
    """`seconds` of it were seen until the check at `last` (epoch seconds)."""

    seconds: float
    last: float


def begun(now: float) -> Lasting:
    """Seen for the first time."""
    return Lasting(0.0, now)


def seen_again(past: Lasting | None, now: float, interval: float | None) -> Lasting:
    """After one more check that saw it; `interval` as in CheckContext. A clock that was set back takes nothing from the
    time that was seen."""
    if past is None:
        return begun(now)
    most = _MOST_INTERVALS * (_USUAL if interval is None else interval)
    return Lasting(past.seconds + min(max(0.0, now - past.last), most), now)


def recalled(value: Any) -> Lasting | None:
    """From a check's memory, where it stands as a list, and which anybody may have edited."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 2:
        return None
    numbers = [float(one) for one in value if _is_figure(one)]
    return Lasting(*numbers) if len(numbers) == 2 else None


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _HIGHEST
