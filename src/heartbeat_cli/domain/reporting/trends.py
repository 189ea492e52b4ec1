"""Which way things go: compared with other days, since when slower, until when a disk is full. Silent without reason.

Facts only: views word them. Everything is robust against a few wild values: medians, and the median of all slopes
(Theil 1950, Sen 1968), whose bounds come from Kendall's rank statistic.
"""

import math
from collections.abc import Iterable, Sequence

from heartbeat_cli.domain.record import Record

HOUR, DAY = 3_600.0, 86_400.0
_LOOKS = 20  # an hour's median of fewer answers says little
_SIDE = 3  # hours before and after a change, at least
_EFFECT_US = 20_000  # a change below this interests nobody
_SHARE = 0.25  # and neither does one below this part of what it was
_NOISE = 3.0  # times the usual spread that a change has to exceed
_APART = 0.9  # share of pairs (one hour before, one after) that must differ in the same direction
_POINTS = 120  # a slope is worked out from so many means at most
_ENOUGH = 24  # and from so many at least
_SPAN = 2 * DAY  # of time they cover, at least
_HORIZON = 90  # days ahead that a forecast looks
_Z90 = 1.6449  # two-sided 90 %

Point = tuple[float, float]


class Comparison(Record):
    """Figures of an earlier span to hold the period's against: `name` is day_before, week_before (the same days a week
    earlier), last_7 or last_30 (the days up to the period's begin). Shares in percent, times in seconds; None where
    nothing is known. `p95` is not worked out for the long ones."""

    name: str
    start: float
    end: float
    heartbeats: int
    incidents: int
    healthy_percent: float | None
    availability_percent: float | None
    average_response_time: float | None
    p95: float | None = None


class Hour(Record):
    """An hour's median response time (µs) and the number of answers it is of."""

    at: float
    median_us: int
    answered: int


class Shift(Record):
    """A component is slower (or faster) since an hour and still is: medians before and after, in seconds, over so many
    answers after."""

    component: str
    since: float
    before: float
    after: float
    answered: int

    @property
    def change(self) -> float:
        return self.after - self.before


class Slope(Record):
    """Change a second: the median of all slopes between two points, and the bounds it lies in with 90 %."""

    each_second: float
    low: float
    high: float


class Forecast(Record):
    """A level on its way to its limit: the days until it is there, with 90 % between `earliest` and `latest` (None: so
    late that nobody can tell). `label` as of a gauge; `now` and `limit` in its unit."""

    component: str
    metric: str
    label: str
    now: float
    limit: float
    each_day: float
    days: float
    earliest: float
    latest: float | None


def median(values: Iterable[float]) -> float:
    """The value in the middle, or the mean of the two (the standard library's comes with much that a pass pays for)."""
    found = sorted(values)
    half = len(found) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


def shift(component: str, hours: Sequence[Hour]) -> Shift | None:
    """The change in response time that the hours (oldest first) carry, or None."""
    answered_hours = [one for one in hours if one.answered >= _LOOKS]
    medians = [one.median_us for one in answered_hours]
    cuts = range(_SIDE, len(answered_hours) - _SIDE + 1)
    if not cuts:
        return None
    cut = min(cuts, key=lambda n: _spread(medians[:n]) + _spread(medians[n:]))
    before, after = medians[:cut], medians[cut:]
    if not _carried(before, after):
        return None
    answered = sum(one.answered for one in answered_hours[cut:])
    return Shift(component, answered_hours[cut].at, median(before) / 1e6, median(after) / 1e6, answered)


def _spread(values: Sequence[int]) -> float:
    """How far values lie from their median, all together."""
    middle = median(values)
    return sum(abs(one - middle) for one in values)


def _carried(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether two sets of medians differ by more than they vary."""
    change = median(after) - median(before)
    if abs(change) < max(_EFFECT_US, _SHARE * median(before)):
        return False
    spread = median([abs(one - median(part)) for part in (before, after) for one in part])
    if abs(change) < _NOISE * spread:
        return False
    agreeing = sum((b > a) == (change > 0) and a != b for a in before for b in after)
    return agreeing >= _APART * len(before) * len(after)


def slope(points: Sequence[Point]) -> Slope | None:
    """The robust slope of points (seconds, value); None of fewer than two moments."""
    slopes = sorted(
        (b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(points) for b in points[n + 1 :] if b[0] != a[0]
    )
    if not slopes:
        return None
    number = len(points)
    # Kendall's S has this variance where there is no trend; ties make it smaller, so the bounds are on the safe side.
    half = _Z90 * math.sqrt(number * (number - 1) * (2 * number + 5) / 18)
    low = max(0, math.floor((len(slopes) - half) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + half) / 2))
    return Slope(median(slopes), slopes[low], slopes[high])


def forecast(component: str, metric: str, label: str, points: Sequence[Point], limit: float = 100.0) -> Forecast | None:
    """When a level that rises reaches its limit, by its hourly means (oldest first). None where it does not rise for
    sure, is there already, would take longer than a season, or is not known for long enough."""
    points = thinned(points, _POINTS)
    if len(points) < _ENOUGH or points[-1][0] - points[0][0] < _SPAN:
        return None
    found = slope(points)
    last = median(value for _, value in points[-_SIDE:])
    left = limit - last
    if found is None or found.low <= 0 or left <= 0:
        return None
    days = left / found.each_second / DAY
    if days > _HORIZON:
        return None
    latest = left / found.low / DAY
    return Forecast(
        *(component, metric, label, last, limit, found.each_second * DAY, days, left / found.high / DAY),
        latest if latest <= 4 * _HORIZON else None,
    )


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """As many neighbouring points put together (means) as it takes to have no more than `most`."""
    step = -(-len(points) // most) if points else 1
    parts = (points[n : n + step] for n in range(0, len(points), step))
    return [(sum(p[0] for p in part) / len(part), sum(p[1] for p in part) / len(part)) for part in parts]
