"""Times that are known beforehand: maintenance windows and quiet hours. Pure: `now` and the zone are arguments."""

import re
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from heartbeat_cli.domain.alerting.schedule import Schedule, epoch, last_start, next_start
from heartbeat_cli.domain.record import Record

LONGEST = 31 * 86_400.0  # seconds: a repeating window is looked for this far back
_HOURS = r"(?a)([01]?\d|2[0-3]):([0-5]\d) ?- ?([01]?\d|2[0-3]):([0-5]\d)"

Span = tuple[float, float]  # from, and up to but without


class Window(Record):
    """A planned maintenance: dated (`first`, `last`: wall-clock times, or moments where they bear a zone) or repeating
    (`schedule` and `seconds`). `components` are ids, kinds or globs; `timezone` is its own, if it has one; with `heals`
    recovery goes on in it."""

    id: str
    components: tuple[str, ...]
    reason: str
    timezone: str | None = None
    heals: bool = False
    first: datetime | None = None
    last: datetime | None = None
    schedule: Schedule | None = None
    seconds: float = 0.0

    @property
    def kind(self) -> Literal["silence", "maintenance"]:
        """What it does while it lasts: no messages, and as maintenance no recovery either."""
        return "silence" if self.heals else "maintenance"


def window_at(window: Window, now: float, zone: tzinfo) -> Span | None:
    """The time that a window has begun by `now` and not ended, or None."""
    if window.schedule is None:
        start, end = _dated(window, zone)
    else:
        begun = last_start(window.schedule, now, zone, window.seconds)
        start, end = (now, now) if begun is None else (begun, begun + window.seconds)
    return (start, end) if start <= now < end else None


def next_window(window: Window, now: float, zone: tzinfo) -> Span | None:
    """The first time of a window that begins after `now`, or None."""
    if window.schedule is None:
        span = _dated(window, zone)
        return span if span[0] > now else None
    start = next_start(window.schedule, now, zone)
    return None if start is None else (start, start + window.seconds)


def _dated(window: Window, zone: tzinfo) -> Span:
    first = float("-inf") if window.first is None else _moment(window.first, zone)
    return first, float("inf") if window.last is None else _moment(window.last, zone)


def _moment(at: datetime, zone: tzinfo) -> float:
    return at.timestamp() if at.tzinfo else epoch(at, zone)


def as_datetime(value: date | str) -> datetime:
    """A TOML date or time, or text like one. A date alone is its first moment. Raises ValueError."""
    if isinstance(value, str):
        return datetime.fromisoformat(value.strip())
    return value if isinstance(value, datetime) else datetime.combine(value, time())


class QuietHours(Record):
    """Local times of day; over midnight when the end is the earlier one."""

    begin: time
    end: time


def quiet_hours(text: str) -> QuietHours:
    """`22:00-07:00`. Raises ValueError."""
    match = re.fullmatch(_HOURS, text.strip())
    if match is None:
        raise ValueError("expected two times of day, as in 22:00-07:00")
    begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if begin == end:
        raise ValueError("begins when it ends, so it is never quiet; expected as in 22:00-07:00")
    return QuietHours(begin, end)


def quiet_until(hours: QuietHours, now: float, zone: tzinfo) -> float | None:
    """When the quiet time that `now` is in ends; None when it is in none. Clocks going forward or back move neither
    end: it ends when clocks show the end."""
    here = datetime.fromtimestamp(now, zone).date()
    for day in (here - timedelta(days=1), here):
        until = day if hours.begin < hours.end else day + timedelta(days=1)
        end = epoch(datetime.combine(until, hours.end), zone)
        if epoch(datetime.combine(day, hours.begin), zone) <= now < end:
            return end
    return None
