"""Reads a span of days as figures, incidents, attempts, alerts and trends.

All of it from rollups and small tables: the log is only asked for hours that are not rolled up, and parts of hours.
"""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Literal

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.channel import reach_people
from heartbeat_cli.domain.checking.coverage import HOUR, Gap, Watch, common, covered_percent, hour_of, unfinished, union
from heartbeat_cli.domain.checking.gauge import Gauge, joined
from heartbeat_cli.domain.reporting import availability, trends
from heartbeat_cli.domain.reporting.summary import Period, Standing, Stretch, Summary, total
from heartbeat_cli.domain.reporting.trends import Comparison, Forecast, Hour, Shift
from heartbeat_cli.errors import StoreError
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.history import gaps, last_checks, rollups, summary
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import unconfirmed
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import recoveries, states

_ROLLING = 3.0  # seconds a report may spend on rolling up what no pass has
_LIMITED = ("disk_used_percent", "connections_used_percent")  # what has an end
_FORECAST = 14 * 86_400.0  # seconds back that a forecast is made of
_SHIFT = 48 * 3_600.0  # and a change of response times
_BY_HOUR = 8  # days up to which a period is drawn by the hour, longer ones by the day


def period(first: date, last: date, timezone: str, *, unit: Literal["", "week", "month"] = "") -> Period:
    """The days from `first` to `last` as the zone cuts them: a day of a clock change has 23 or 25 hours."""
    return Period(first, last, _midnight(first, timezone), _midnight(last + timedelta(days=1), timezone), unit)


def today(now: float, timezone: str) -> date:
    """The local date of a moment."""
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(now, ZoneInfo(timezone)).date()


def _midnight(day: date, timezone: str) -> float:
    from zoneinfo import ZoneInfo

    return datetime.combine(day, clock_time(), ZoneInfo(timezone)).timestamp()


def report(db: Database, config: Config, span: Period, now: float | None = None) -> Summary:
    """The summary of a period; with `now`, one that no pass has come after is not watched to its end either."""
    until = span.end if now is None else max(span.start, min(span.end, now))
    missed, seen = _missed(db, config, span, until, now)
    _roll_up(db, span, until)
    tallies = summary.tallies(db, span.start, span.end, known=until, seen=seen)
    raised = [alert for alert in alerts.between(db, span.start, span.end) if alert.type not in ("report", "test")]
    incidents = states.incidents_between(db, span.start, span.end)
    attempts = recoveries.between(db, span.start, span.end)
    degraded = spool.degraded_between(db, span.start, span.end)
    made = Summary(
        span,
        config.timezone,
        {one.id: one.name for one in config.components.values()},
        tallies,
        incidents,
        attempts,
        raised,
        alerts.deliveries(db, [alert.id for alert in raised]),
        missed,
        degraded,
        _coverage(db, span, missed, now),
        until,
        total(tallies),
        gap_seconds=union(((one.started, one.ended) for one in missed), span.start, until),
        degraded_seconds=union(((one.started, one.ended) for one in degraded), span.start, until),
        hosts=len(gaps.watches(db)),
        reaches_person=reach_people((one.kind, one.broken) for one in config.channels.values()),
        unconfirmed=tuple(one for one in unconfirmed.current(db, config.components.values()) if one.since < span.end),
    )
    made = _with_what_stands(db, config, made)
    made = _with_trends(db, _with_availability(db, made, config.report.target))
    return sentences.known(db, made, config.heartbeat.locale)


def _with_what_stands(db: Database, config: Config, made: Summary) -> Summary:
    """What cannot be checked, and what fails and is not in fault yet, as far as that began before the period ended."""
    last = last_checks.read(db)
    found: dict[str, list[Standing]] = {"unobserved": [], "failing": []}
    for id_, state in sorted(states.states(db).items()):
        since = state.unknown_since if state.unobserved else state.failing_since if state.state == "suspect" else None
        if id_ in config.components and since is not None and since < made.period.end:
            error = last[id_].error if id_ in last else None
            found["unobserved" if state.unobserved else "failing"].append(Standing(id_, since, error or ""))
    unobserved, failing = (tuple(found[key]) for key in ("unobserved", "failing"))
    still = {one.component for one in unobserved}
    begun = [one for one in reversed(made.alerts) if one.type.endswith("_unobserved")]
    ended = [one for one in alerts.observed_again(db, made.period.start) if one.began < made.period.end]
    unseen = dict.fromkeys(id_ for one in (*begun, *ended) for id_ in one.members)
    over = tuple(id_ for id_ in unseen if id_ not in still)
    return made._replace(unobserved=unobserved, failing=failing, unseen=over)


def _with_availability(db: Database, made: Summary, target: float) -> Summary:
    """What the incidents and the time come to."""
    span, whole, until = made.period, made.whole, made.until
    about = recoveries.of_incidents_between(db, span.start, span.end)
    used = whole.down_us / len(made.tallies) if made.tallies else 0
    return made._replace(
        stories=availability.stories(made.incidents, about, until),
        times=availability.times(made.incidents, whole.up_us / 1e6, span.start, span.end),
        recovery=availability.recoveries(made.attempts),
        flakiest=availability.flakiest(
            made.incidents, {one.component: (one.flaps, one.failing) for one in made.tallies}, span.start, span.end
        ),
        budget=availability.budget(target, span.start, span.end, used),
        budgets={one.component: availability.budget(target, span.start, span.end, one.down_us) for one in made.tallies},
        downtime=availability.downtime(made.incidents, span.start, until),
    )


def _with_trends(db: Database, made: Summary) -> Summary:
    """Which way things go, as of the end of the period."""
    names = summary.names(db)
    gauges = rollups.hourly_gauges(db, names, made.until - _FORECAST, made.until)
    span = made.period
    return made._replace(
        gauges=joined(rollups.gauges(db, names, span.start, made.until)),
        comparisons=tuple(_comparison(db, name, *days) for name, days in _earlier(span, made.timezone).items()),
        shifts=_shifts(db, names, made.until),
        forecasts=_forecasts(gauges),
        stretches=_stretches(db, names, made),
        curves=tuple(one for one in gauges if one[0] >= span.start),
    )


def _stretches(db: Database, names: dict[int, str], made: Summary) -> dict[str, tuple[Stretch, ...]]:
    """Each component part by part."""
    span = made.period
    found: dict[str, list[Stretch]] = {}
    if (span.last - span.first).days < _BY_HOUR:
        for key, hours in rollups.hourly(db, span.start, made.until).items():
            found[names.get(key, "")] = [Stretch(h.at, h.median_us, h.up_us, h.down_us) for h in hours]
    else:
        day = span.first
        while day <= span.last and (start := _midnight(day, made.timezone)) < made.until:
            day += timedelta(days=1)
            end = min(_midnight(day, made.timezone), made.until)
            for key, one in rollups.tallies(db, start, end, quantiles=False).items():
                mean = one.total_us / one.answered if one.answered else None
                found.setdefault(names.get(key, ""), []).append(Stretch(start, mean, one.up_us, one.down_us))
    return {id_: tuple(found[id_]) for id_ in sorted(found)}


def _roll_up(db: Database, span: Period, until: float) -> None:
    """What this report reads often is worth being rolled up now; where that cannot be, the log is asked instead."""
    with suppress(StoreError):
        rollups.refresh(db, hour_of(until), time.monotonic() + _ROLLING, first=hour_of(span.start))


def _earlier(span: Period, timezone: str) -> dict[str, tuple[float, float]]:
    """The spans to compare with, by name."""
    length = (span.last - span.first).days + 1

    def days(first: date, last: date) -> tuple[float, float]:
        return _midnight(first, timezone), _midnight(last + timedelta(days=1), timezone)

    def before(number: int) -> tuple[float, float]:
        return days(span.first - timedelta(days=number), span.first - timedelta(days=1))

    found = {"day_before": before(1)} if length == 1 else {}
    if length < 7:  # beside seven days "last_7" is the same
        week = timedelta(days=7)
        found["week_before"] = days(span.first - week, span.last - week)
    return found | {"last_7": before(7), "last_30": before(30)}


def _comparison(db: Database, name: str, start: float, end: float) -> Comparison:
    short = not name.startswith("last")
    whole = total(rollups.tallies(db, start, end, quantiles=short).values())
    began = states.began_between(db, start, end)
    shares = whole.healthy_percent, whole.availability_percent
    p95 = whole.response_time(0.95) if short else None
    return Comparison(name, start, end, whole.heartbeats, began, *shares, whole.average_response_time, p95)


def _shifts(db: Database, names: dict[int, str], until: float) -> tuple[Shift, ...]:
    found = []
    for key, hours in rollups.hourly(db, until - _SHIFT, until).items():
        known = [Hour(one.at, one.median_us, one.answered) for one in hours if one.median_us is not None]
        if (one := trends.shift(names.get(key, ""), known)) is not None:
            found.append(one)
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.component)))


def _forecasts(gauges: Sequence[tuple[float, Gauge]]) -> tuple[Forecast, ...]:
    levels: dict[tuple[str, str, str], list[trends.Point]] = {}
    for at, one in gauges:
        if one.metric in _LIMITED:
            levels.setdefault(one[:3], []).append((at, one.mean))
    made = (trends.forecast(*name, points) for name, points in sorted(levels.items()))
    return tuple(sorted((one for one in made if one is not None), key=lambda one: one.days))


def _missed(
    db: Database, config: Config, span: Period, until: float, now: float | None
) -> tuple[list[Gap], float | None]:
    """The gaps of the period, one that still goes on included, and since when that one does."""
    missed = _of_all(db, gaps.between(db, span.start, span.end), until if now is None else now)
    # Judged as of now, so that a day that ended a minute into it knows of it as the days after do.
    gap = None if now is None else _unfinished(db, config, now)
    if gap is None or gap.started >= until or gap.ended <= span.start:
        return missed, None
    return [*(one for one in missed if one.started < gap.started), gap._replace(ended=until)], max(
        span.start, gap.started
    )


def _of_all(db: Database, missed: list[Gap], now: float) -> list[Gap]:
    """With several hosts, the times in which none watched: one does not before its first pass, and after its last."""
    watches = gaps.watches(db)
    if len({*watches, *(one.observer for one in missed)}) < 2:
        return missed
    known = gaps.pass_spans(db)
    begun = min((first for first, _ in known.values()), default=now) + HOUR  # before that only hours are remembered
    of = []
    for host, (first, last) in known.items():
        watch = watches.get(host, Watch(last, last))
        own = [one for one in missed if one.observer == host]
        if host not in watches and not own:
            continue  # a check or two of named components, by hand
        before = [Gap(host, -math.inf, first, "")] if first > begun else []
        after = unfinished(watch, host, now, watch.every)
        of.append([*before, *own, *([after] if after else [])])
    return common(of) if of else missed


def _coverage(db: Database, span: Period, missed: list[Gap], now: float | None) -> float | None:
    """Share of the period, as far as it has come, that was watched: before the first pass of all nothing was, and
    after the last one nothing is known yet."""
    edges = gaps.first_and_last_pass(db, now)
    if edges is None or edges[0] >= span.end:
        return None
    unwatched = [*missed, Gap("", min(span.start, edges[0]), edges[0], "not yet installed")]
    known = max(edges[1], span.start, *(gap.ended for gap in missed))
    return covered_percent(unwatched, span.start, min(span.end, known))


def _unfinished(db: Database, config: Config, now: float) -> Gap | None:
    """The time since the last regular pass of all, when another should have come by now."""
    watches = gaps.watches(db)
    if not watches:
        return None
    last = max(watches.values(), key=lambda one: one.ended)
    return unfinished(last, config.observer, now, check.expected_every(db, config))
