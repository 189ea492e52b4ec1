"""Records after every regular pass how far this host's passes have come (the watch), and the gap before the pass if it
came too late. Used by `check`.

First the clock is judged (domain/checking/clock_trust.py). While it is suspect no gap is recorded, nothing is closed or
pruned, and the watch does not follow a clock that has jumped. When the clock is right again, the times written
meanwhile are corrected.
"""

from collections.abc import Mapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.clock_trust import Judgement, Suspect, differing, followed, judge, settled
from heartbeat_cli.domain.checking.coverage import TICK, Gap, Watch, missed, watched
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.history import clock, gaps
from heartbeat_cli.store.sql.database import Database

_WEEK = 7 * 86_400.0
_SETTLED = Text("an hour of passes agrees with it, so it is trusted")
_RIGHT = Text("it agrees with the last pass and the store again")


def suspicion(db: Database, observer: str, now: float) -> str | None:
    """Why the clock of this host is suspect as of `now`, or None. While it is, nothing may be closed by age or
    pruned."""
    watches, suspects = gaps.clocks(db)
    own = watches.pop(observer, None)
    every = TICK if own is None else own.every
    return judge(own, watches.values(), suspects.get(observer), now, db.clock_ahead, every).reason


def held_by_another(db: Database, observer: str, now: float) -> str | None:
    """Why nothing is to be pruned although this host's clock is right: what another host writes under a clock that is
    far off would go, before it can be moved to the time that it belongs to. A week is enough to set a clock right."""
    for host, one in gaps.clocks(db)[1].items():
        if host != observer and one.trail is None and one.spans and now - (one.began + one.frame) <= _WEEK:
            return Text("the clock of {host} is suspect: {reason}", host=host, reason=Text(one.reason))
    return None


def go_on(db: Database, config: Config, started: float, finished: float, tick: float) -> bool:
    """Note a regular pass; returns whether the store has other hosts. Call it in the transaction that keeps the pass;
    all times by this host's clock."""
    observer = config.observer
    others, suspects = gaps.clocks(db)
    own, before = others.pop(observer, None), suspects.get(observer)
    found = judge(own, others.values(), before, started, db.clock_ahead, tick)
    if found.far:
        suspect = followed(before, found, observer, started, finished, tick)
        if settled(suspect, found):
            _believe(db, config, own, others, suspect, tick)
        else:
            gaps.save_suspect(db, observer, suspect)
        return bool(others)
    if before is not None or found.reason is not None:
        own = _near(db, config, own, before, found, (started, finished))
    frame = before.frame if before is not None else 0.0
    if own is not None and started < own.started and found.reason is None:
        _set_back(db, observer, own, others, started, tick, jumped=frame != found.frame)
    if own is not None and frame != found.frame:
        own = own.moved(frame - found.frame)  # as the store's clock shows, this host's has jumped, and not the time
    gap = missed(own, observer, started, tick)
    if gap is not None:
        gaps.save(db, gap)
    gaps.save_watch(db, observer, watched(own, gap, started, finished, tick))
    return bool(others)


def _near(
    db: Database, config: Config, own: Watch | None, before: Suspect | None, found: Judgement, at: tuple[float, float]
) -> Watch | None:
    """A pass (its start and end) that is not far from the last one, under a clock that was suspect before or that
    differs from the store's. Gives the watch with the time in which passes came while it stood still."""
    if found.reason is None and before is not None:
        _put_right(db, config.observer, before, at[0] if own is None else own.ended, at[0])
        _trust(db, config, before, _RIGHT, at[0])
    elif found.reason is not None:
        suspect = differing(before, found, *at)
        if suspect != before:
            gaps.save_suspect(db, config.observer, suspect)
    if own is None or before is None or before.trail is None:
        return own
    seen = sum(last - first for first, last, ahead in before.passes if not ahead)
    seen = min(seen, max(0.0, at[0] - own.started))
    return own._replace(started=own.started + seen, ended=own.ended + seen)


def _put_right(db: Database, observer: str, suspect: Suspect, since: float, now: float) -> None:
    if suspect.passes:
        from heartbeat_cli.store.history import clock_repair

        clock_repair.move(db, observer, suspect.passes, since, now)


def _believe(
    db: Database, config: Config, own: Watch | None, others: Mapping[str, Watch], suspect: Suspect, tick: float
) -> None:
    """Its passes agree: the clock is right, and what it was held against is long ago, or was wrong."""
    observer, trail = config.observer, suspect.trail
    if trail is None:
        return
    since = suspect.since if own is None else min(own.ended, suspect.since)
    _put_right(db, observer, suspect._replace(trail=None), since, suspect.since)
    if own is not None and trail.started < own.started:
        gaps.truncate(db, observer, suspect.since, tick)
        _set_back(db, observer, own, others, trail.started, tick, jumped=True)
    gap = missed(own, observer, suspect.since, tick)
    reasons = [
        Gap(
            observer,
            a,
            b,
            Text("no pass for {span}, expected every {every}", span=duration(b - a), every=duration(tick)),
        )
        for a, b in suspect.gaps
    ]
    for one in (*([gap] if gap else []), *reasons):
        gaps.save(db, one)
    if gap is not None and trail.gap is None:
        trail = trail._replace(gap=(gap.started, gap.ended), owed=gap.ended)
    since = 0.0 if own is not None and own.regular else trail.since
    gaps.save_watch(db, observer, trail._replace(ahead=0.0, since=since))
    _trust(db, config, suspect, _SETTLED, trail.started)


def _trust(db: Database, config: Config, suspect: Suspect, reason: str, now: float) -> None:
    gaps.save_suspect(db, config.observer, None)
    if suspect.notified:
        from heartbeat_cli.passes.alerting import suspect_clock

        suspect_clock.notify_end(db, config, suspect, reason, now)


def _set_back(
    db: Database, observer: str, own: Watch, others: Mapping[str, Watch], now: float, tick: float, *, jumped: bool
) -> None:
    """The clock was set back to `now`, and is trusted. `jumped`: it had been wrong, and not the time."""
    from heartbeat_cli.store.history import clock_repair

    ours_is_wrong = any(one.started > now for one in others.values())
    clock.set_back(db, now, observer if ours_is_wrong else None)
    gaps.truncate(db, observer, now, tick)
    if jumped or (own.gap is not None and own.gap[1] > now):
        clock_repair.ignore_checks_after(db, observer, now)
    if not ours_is_wrong:
        clock_repair.discard_future(db, now)
