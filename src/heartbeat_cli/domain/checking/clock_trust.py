"""Whether a host's clock can be trusted: it is compared with the last pass and with the store's own clock. Pure.

A clock is suspect when it is more than a day from the last pass, or more than five minutes from the clock of the
store's server. A host may have been off for months, so where only the last pass speaks against a clock, an hour of
passes that agree with each other settles it. A server's clock that disagrees is never outvoted.
"""

from collections.abc import Iterable

from heartbeat_cli.domain.checking.coverage import HOUR, MISSED, Gap, Watch, missed, watched
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

NEAR = 300.0  # seconds that two clocks may differ, and that a day may be longer: cron's jitter
FAR = 86_400.0 + NEAR  # seconds from the last pass that make a clock suspect
SETTLED = float(HOUR)  # seconds of passes that agree with each other
_SPANS = 50  # of passes that do not agree that are remembered

Span = tuple[float, float]
Stay = tuple[float, float, float]


class Suspect(Record):
    """A suspect clock. `reason` says why; `began` is the start of the first pass under it, `since` of the first of
    those that agree with each other, both by that clock. `trail` is the watch that those passes make, None where the
    clock only differs from the store's: then the watch itself goes on. `gaps` lie between them. `spans` are the times
    of other passes under it: from, to, and by how much the store's clock was ahead then (0: not known). `frame` is by
    how many seconds the store's clock is ahead of the one that the watch goes by. `notified`: people have been
    notified."""

    reason: str
    began: float
    since: float
    trail: Watch | None = None
    gaps: tuple[Span, ...] = ()
    spans: tuple[Stay, ...] = ()
    frame: float = 0.0
    notified: bool = False

    @property
    def passes(self) -> tuple[Stay, ...]:
        """The times, by the suspect clock, that are days or more from those that they really were."""
        return self.spans if self.trail is None else (*self.spans, (self.since, self.trail.ended, 0.0))


class Judgement(Record):
    """Why a clock is suspect (None: it is not), whether it is `far` from the last pass, whether it is `off` the
    store's clock, and the `frame` the watch goes by from now on (see `Suspect`)."""

    reason: str | None
    far: bool = False
    off: bool = False
    frame: float = 0.0


def judge(
    own: Watch | None, others: Iterable[Watch], before: Suspect | None, now: float, ahead: float | None, every: float
) -> Judgement:
    """Judge the clock that says `now`. `own` and `others` are the watches of this host and the others of the store,
    `ahead` by how many seconds the store's clock is ahead of this one (None: the store has none of its own)."""
    old = before.frame if before is not None else 0.0
    off = ahead is not None and abs(ahead) > NEAR
    frame = old if ahead is None else ahead if off else 0.0
    if own is not None and 0 <= now - own.started <= MISSED * every:
        frame = old  # the clock has not jumped: whatever it is off by, it was so before
    others = list(others)
    far = _distance(own, others, now, frame, old, every)
    if far is not None and frame != old:  # is it the store's clock that has jumped?
        frame, far = old, _distance(own, others, now, old, old, every)
    if off and ahead is not None:
        return Judgement(_differs(ahead), far is not None, True, frame)
    if far is not None:
        span = duration(abs(far))
        line = Text("its clock is {span} after the last pass", span=span)
        if far < 0:
            line = Text("its clock is {span} before the last pass", span=span)
        return Judgement(line, True, False, frame)
    if ahead is None and before is not None and before.trail is None:
        return Judgement(before.reason, False, True, frame)  # the store is away: nobody can say that it is right now
    return Judgement(None, frame=frame)


def _differs(ahead: float) -> str:
    if ahead > 0:
        return Text("its clock is {span} behind the store's", span=duration(abs(ahead)))
    return Text("its clock is {span} ahead of the store's", span=duration(abs(ahead)))


def _distance(
    own: Watch | None, others: Iterable[Watch], now: float, frame: float, old: float, every: float
) -> float | None:
    """Seconds from the last pass of all to `now`, negative from a later one back to it, where that is far; else None.
    A time that lies ahead of `now` was noted by a clock that was wrong then, or is that of another host."""
    known = [one.started - frame for one in others]
    if own is not None:
        known += [one + old - frame for one in (own.started, own.ahead) if one]
    passed = [one for one in known if one <= now + NEAR]
    if passed and now - max(passed) > max(FAR, MISSED * every):
        return now - max(passed)
    if own is not None and now - (own.started + old - frame) < -FAR:
        return now - (own.started + old - frame)
    return None


def followed(
    before: Suspect | None, found: Judgement, observer: str, started: float, ended: float, every: float
) -> Suspect:
    """What is known of a clock that is far from the last pass, after one more pass under it."""
    trail = before.trail if before is not None else None
    reason, notified = found.reason or "", before is not None and before.notified
    if before is None or trail is None or not 0 <= started - trail.started <= FAR:
        spans = before.passes[-_SPANS:] if before is not None else ()
        first = Watch(started, ended, every=every, since=started)
        began = before.began if before is not None else started
        return Suspect(reason, began, started, first, (), spans, found.frame, notified)
    gap: Gap | None = missed(trail, observer, started, every)
    gaps = (*before.gaps, (gap.started, gap.ended)) if gap is not None else before.gaps
    after = watched(trail, gap, started, ended, every)
    return before._replace(reason=reason, trail=after, gaps=gaps, frame=found.frame)


def differing(before: Suspect | None, found: Judgement, started: float, ended: float) -> Suspect:
    """What is known of a clock that differs from the store's, after one more pass under it."""
    spans = before.passes if before is not None else ()
    if abs(found.frame) > FAR:
        first, last, ahead = spans[-1] if spans else (0.0, 0.0, 0.0)
        if abs(ahead - found.frame) <= NEAR and 0 <= started - last <= FAR:
            spans = (*spans[:-1], (first, ended, ahead))
        else:
            spans = (*spans[-_SPANS:], (started, ended, found.frame))
    began, notified = (before.began, before.notified) if before is not None else (started, False)
    return Suspect(found.reason or "", began, began, spans=spans, frame=found.frame, notified=notified)


def settled(one: Suspect, found: Judgement) -> bool:
    """Whether the passes under a suspect clock have agreed with each other for long enough to take it for right."""
    return not found.off and one.trail is not None and one.trail.started - one.since >= SETTLED
