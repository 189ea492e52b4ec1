"""The last room: a span of days as figures, incidents, attempts and alerts."""

from datetime import date, datetime, time, timedelta

from heartbeat_cli.config import Config
from heartbeat_cli.domain.coverage import Gap, covered_percent, unfinished
from heartbeat_cli.domain.summary import Period, Summary
from heartbeat_cli.passes import check
from heartbeat_cli.store import alerts, gaps, recoveries, spool, states, summary
from heartbeat_cli.store.database import Database


def period(first: date, last: date, timezone: str) -> Period:
    """The days from `first` to `last` as the zone cuts them: a day of a clock change has 23 or 25 hours."""
    return Period(first, last, _midnight(first, timezone), _midnight(last + timedelta(days=1), timezone))


def today(now: float, timezone: str) -> date:
    """The local date of a moment."""
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(now, ZoneInfo(timezone)).date()


def _midnight(day: date, timezone: str) -> float:
    from zoneinfo import ZoneInfo

    return datetime.combine(day, time(), ZoneInfo(timezone)).timestamp()


def report(db: Database, config: Config, span: Period, now: float | None = None) -> Summary:
    """The summary of a period; with `now`, one that no pass has come after is not watched to its end either."""
    told = [alert for alert in alerts.between(db, span.start, span.end) if alert.type not in ("report", "test")]
    missed = gaps.between(db, span.start, span.end)
    if now is not None and (gap := _unfinished(db, config, min(span.end, now))) and gap.ended > span.start:
        missed.append(gap)
    return Summary(
        span,
        config.timezone,
        {one.id: one.name for one in config.components.values()},
        summary.tallies(db, span.start, span.end),
        states.incidents_between(db, span.start, span.end),
        recoveries.between(db, span.start, span.end),
        told,
        alerts.deliveries(db, [alert.id for alert in told]),
        missed,
        spool.degraded_between(db, span.start, span.end),
        _coverage(db, span, missed),
    )


def _coverage(db: Database, span: Period, missed: list[Gap]) -> float | None:
    """Share of the period, as far as it has come, that was watched: before the first pass of all nothing was, and
    after the last one nothing is known yet."""
    edges = gaps.edges(db, span.end)
    if edges is None or edges[0] >= span.end:
        return None
    unwatched = [*missed, Gap("", min(span.start, edges[0]), edges[0], "not yet installed")]
    known = max(edges[1], span.start, *(gap.ended for gap in missed))
    return covered_percent(unwatched, span.start, min(span.end, known))


def _unfinished(db: Database, config: Config, until: float) -> Gap | None:
    """The time since the last regular pass of all, when another should have come by then."""
    watches = gaps.watches(db)
    if not watches:
        return None
    last = max(watches, key=lambda one: one.ended)
    return unfinished(last, config.observer, until, check.expected_every(db, config))
