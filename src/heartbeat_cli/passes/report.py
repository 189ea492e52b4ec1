"""The last room: a span of days as figures, incidents, attempts and alerts."""

from datetime import date, datetime, time, timedelta

from heartbeat_cli.config import Config
from heartbeat_cli.domain.coverage import Gap, covered_percent
from heartbeat_cli.domain.summary import Period, Summary
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


def report(db: Database, config: Config, span: Period) -> Summary:
    """The summary of a period."""
    told = [alert for alert in alerts.between(db, span.start, span.end) if alert.type != "report"]
    missed = gaps.between(db, span.start, span.end)
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
    return covered_percent(unwatched, span.start, min(span.end, max(edges[1], span.start)))
