"""Coverage: in which spans of time this host made passes, and in which it did not.

- `Watch` is how far a host's regular passes have come. `missed` compares it with the next pass and returns the `Gap`
  between them, if that pass came too late; `watched` is the watch after that pass.
- `Degraded` is a span in which a local spool stood in for the store.
- `reach` is how long a single check counts for its component. Hours are counted from the epoch on.
- `union`, `common` and `covered_percent` add spans up.
"""

import math
from collections.abc import Iterable, Sequence

from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

TICK = 60.0  # seconds: cron's grain, however often something wants to be checked
MISSED = 2.5  # ticks without a pass that are a gap
_SILENT, _LEAST = 3, 300.0  # ticks, and seconds at least, without a pass that people are notified of
_REGULAR = 2  # ticks that passes must have come for before anybody expects the next one
HOUR = 3_600
REACH = round(MISSED * TICK)  # seconds that a check counts for at most, of a component that wants one every minute
LONGEST = 6 * HOUR  # and of one that wants it seldom: how far back the store has to read to know how an hour began


class Gap(Record):
    """From the end of one pass to the start of the next, which came too late."""

    observer: str
    started: float
    ended: float
    reason: str


class Degraded(Record):
    """A time in which a local spool stood in for the store. `ended` is None while it lasts."""

    id: str
    observer: str
    started: float
    reason: str
    ended: float | None = None


class Watch(Record):
    """How far a host's regular passes have come (times in epoch seconds).

    started, ended: of the last pass
    ahead: how far they had come before the clock was set back; 0 when it was not
    gap: the last gap between two of them, if any
    every: seconds after a pass in which the next one was expected
    since: the start of the first pass since the last gap; 0 once they have come for long enough to be expected
    owed: the end of a gap that people have not been notified of; 0 when there is none
    """

    started: float
    ended: float
    ahead: float = 0.0
    gap: tuple[float, float] | None = None
    every: float = TICK
    since: float = 0.0
    owed: float = 0.0

    def moved(self, by: float) -> "Watch":
        """The same watch by a clock that is `by` seconds ahead of the one it went by."""
        ahead, owed, since = (one and one + by for one in (self.ahead, self.owed, self.since))
        gap = self.gap and (self.gap[0] + by, self.gap[1] + by)
        return Watch(self.started + by, self.ended + by, ahead, gap, self.every, since, owed)

    @property
    def regular(self) -> bool:
        """Whether passes come by themselves: a few by hand, on a laptop or while it is set up, promise no more."""
        return self.since == 0.0


def silent_after(every: float) -> float:
    """Seconds without a pass that people are notified of, when one is expected `every` so many."""
    return max(_SILENT * every, _LEAST)


def reach(interval: float) -> int | None:
    """How many seconds a check counts for if no other follows, when one is wanted every `interval` seconds: as long as
    it takes until missing passes are called a gap. None is the usual `REACH`."""
    longest = min(math.ceil(MISSED * max(TICK, interval)), LONGEST)
    return None if longest == REACH else longest


def hour_of(at: float) -> int:
    """The number of the hour a moment lies in, from the epoch on."""
    return math.floor(at / HOUR)


def last_hour(at: float, reaches: Iterable[int | None]) -> int:
    """The last hour that checks of that moment speak for."""
    return hour_of(at + max((one or REACH for one in reaches), default=REACH))


def is_late(since: float, now: float, tick: float) -> bool:
    """Whether a pass should have come between these moments, when one is expected every `tick` seconds."""
    return now - since > MISSED * tick


def missed(watch: Watch | None, observer: str, now: float, tick: float) -> Gap | None:
    """The gap that a pass starting `now` ends. When the clock was set back there is none, and none in the time that
    it then runs through again: passes were made in that time."""
    if watch is None or not is_late(watch.started, now, tick):
        return None
    caught_up = watch.ended <= watch.ahead < now  # with the moment from which the clock was set back
    began = watch.ahead if caught_up else watch.ended
    if began >= now or (caught_up and not is_late(began, now, tick)):
        return None
    return Gap(
        observer,
        began,
        now,
        Text("no pass for {span}, expected every {every}", span=duration(now - began), every=duration(tick)),
    )


def unfinished(watch: Watch, observer: str, now: float, tick: float) -> Gap | None:
    """The time without a pass that still goes on."""
    if not is_late(watch.ended, now, tick):
        return None
    return Gap(observer, watch.ended, now, Text("no pass since, expected every {every}", every=duration(tick)))


def watched(watch: Watch | None, gap: Gap | None, started: float, ended: float, every: float = TICK) -> Watch:
    """The watch after one more regular pass; `gap` is the one that it has ended."""
    if watch is None:
        return Watch(started, ended, every=every, since=started)
    if started < watch.started:
        watch = _set_back(watch, started, every)
    last, owed = (watch.gap, watch.owed) if gap is None else ((gap.started, gap.ended), gap.ended)
    since = started if watch.since and gap else min(watch.since, started)
    since = 0.0 if started - since >= _REGULAR * every else since
    return Watch(started, ended, watch.ahead if watch.ahead > started else 0.0, last, every, since, owed)


def _set_back(watch: Watch, started: float, every: float) -> Watch:
    """The watch once the clock was set back to `started`. A last gap that reaches beyond that moment is not over: the
    clock had jumped ahead, and passes had come as far as the beginning of the gap, and no further."""
    if watch.gap is None or watch.gap[1] <= started:
        return watch._replace(ahead=max(watch.ahead, watch.ended))
    gap = cut(watch.gap, started, every)
    return watch._replace(ahead=max(watch.ahead, watch.gap[0]), gap=gap, owed=started if watch.owed and gap else 0.0)


def cut(gap: tuple[float, float], now: float, tick: float) -> tuple[float, float] | None:
    """What a gap that reaches beyond `now` comes to: the part until then, if that is a gap."""
    return (gap[0], now) if is_late(gap[0], now, tick) else None


def union(spans: Iterable[tuple[float, float | None]], start: float, end: float) -> float:
    """Seconds from `start` to `end` that lie in one of the spans at least; one that has no end goes on. Whole
    microseconds are added, so that the parts of a span make up the whole."""
    total, until = 0, round(start * 1e6)
    last = round(end * 1e6)
    for began, ended in sorted((round(a * 1e6), last if b is None else round(b * 1e6)) for a, b in spans):
        total += max(0, min(ended, last) - max(began, until))
        until = max(until, ended)
    return total / 1e6


def common(of: Sequence[Sequence[Gap]]) -> list[Gap]:
    """The times that lie in a gap of every observer: only then no host watched. Each bears the name and reason of the
    gap that began last; its ends are ends that were given, so that sums stay exact."""
    found = list(of[0]) if of else []
    for gaps in of[1:]:
        both = [(a, b) for a in found for b in gaps if max(a.started, b.started) < min(a.ended, b.ended)]
        found = [max(a, b, key=lambda one: one.started)._replace(ended=min(a.ended, b.ended)) for a, b in both]
    return sorted(found, key=lambda one: one.started)


def covered_percent(gaps: Iterable[Gap], start: float, end: float) -> float | None:
    """Share of a span (up to its end) in which passes ran as often as they should; None for an empty span."""
    if end <= start:
        return None
    return 100.0 * (1 - union(((gap.started, gap.ended) for gap in gaps), start, end) / (end - start))
