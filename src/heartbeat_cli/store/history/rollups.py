"""Hourly rollups of the log, so that no figure costs more the older the store gets.

Each pending pass has a mark, `stale`: the first hour whose rollup does not include it yet. Once that hour is over,
`refresh` computes it from the log as a whole, and moves the mark on to the next hour that the pass's checks count for,
or removes it. So what arrives late (the replay of a spool, a clock that was wrong, another observer's pass) makes its
hours stale by itself, and a killed process leaves them stale. Readers take the hours that are rolled up from here, and
everything else from the log.

Hours whose checks retention has deleted are never computed again.
"""

import time
from collections.abc import Iterable, Mapping

from heartbeat_cli.domain.checking.coverage import HOUR, LONGEST, hour_of
from heartbeat_cli.domain.checking.gauge import Gauge
from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.store.history import spans
from heartbeat_cli.store.sql import locks, preferences
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.dialects import render
from heartbeat_cli.store.sql.text import number, understood

_FIRST_KEPT_HOUR = "forgotten/hours"  # the setting with the first hour whose checks are still in the log
_COUNTS = ", ".join(STATUSES)
_COLUMNS = f"{_COUNTS}, attempts, flaps, answered, total_us, least_us, most_us, median_us, up_us, down_us"
_SUMS = ", ".join(
    f"{word}({name})"
    for name in _COLUMNS.split(", ")
    if name != "median_us"
    for word in [{"least_us": "min", "most_us": "max"}.get(name, "sum")]
)
_GAUGE = "component, metric, label, number, total, least, most, last"

HourRange = tuple[int, int]  # the first hour, and the one after the last


class Hourly(Record):
    """One hour of one component, as trends use it: when it began (epoch seconds), checks with a response time and their
    median, time up and down (microseconds)."""

    at: float
    answered: int
    median_us: int | None
    up_us: int
    down_us: int


class Plan(Record):
    """How a span is read: `rolled` are the hours to take from the rollups, `live` the spans to add up from the log."""

    rolled: list[HourRange]
    live: list[tuple[float, float]]


def lock(db: Database) -> None:
    """Keep others from rolling up, and from marking hours stale, until the transaction ends."""
    db.rows_with_lock(locks.ROLLUP, "SELECT 1")


def refresh(db: Database, before: int, deadline: float, *, first: int = 0, detected_only: bool = True) -> bool:
    """Roll up the stale hours from `first` to before hour `before`, oldest first, each in a transaction of its own,
    until time.monotonic() is past the deadline. Returns whether none is left. `detected_only` skips passes that
    detection has not consumed, because it may be at work on them."""
    only = "AND detected" if detected_only else ""
    while True:
        sql = f"SELECT min(stale) FROM heartbeat_pending WHERE stale >= :first AND stale < :before {only}"
        ((hour,),) = db.rows(sql, {"first": first, "before": before})
        if hour is None:
            return True
        if time.monotonic() >= deadline:
            return False
        with db.transaction():
            lock(db)
            # The mark is moved first: a pass that arrives in between is in the hour, or stays marked, or both.
            db.run(
                "UPDATE heartbeat_pending SET stale = CASE WHEN last_hour > stale THEN stale + 1 END"
                f" WHERE stale = ? {only}",
                (hour,),
            )
            db.run("DELETE FROM heartbeat_pending WHERE stale IS NULL AND detected")
            if hour >= first_kept_hour(db):
                _roll_up(db, hour)


def mark_stale(db: Database, observer: str, start: float, end: float) -> None:
    """Have the hours of an observer's checks from `start` to `end` rolled up again, because what they count for has
    changed (there was a gap). Call it in the transaction of the change."""
    lock(db)
    hour = hour_of(start)
    touched = db.rows(
        "SELECT p.key, p.started, p.observer, p.last_hour FROM heartbeat_pass_rows p"
        " JOIN heartbeat_observers o ON o.key = p.observer WHERE o.id = :observer AND p.started >= to_timestamp(:first)"
        " AND p.started < to_timestamp(:end) AND p.last_hour >= :hour",
        {"observer": observer, "first": start - LONGEST, "end": end, "hour": hour},
    )  # as a rule those just before the gap, and checks that a person made in it
    db.insert(
        "INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)",
        "(?, ?, TRUE, ?, ?)",
        [(key, of, max(hour, hour_of(started)), last) for key, started, of, last in touched],
        "ON CONFLICT (pass) DO UPDATE SET stale = CASE WHEN heartbeat_pending.stale <= excluded.stale"
        " THEN heartbeat_pending.stale ELSE excluded.stale END",
    )


def _roll_up(db: Database, hour: int) -> None:
    """Replace the rollup of an hour."""
    start, end = float(hour * HOUR), float((hour + 1) * HOUR)
    found, gauges = spans.tallies(db, start, end), spans.gauges(db, start, end)
    db.run("DELETE FROM heartbeat_hours WHERE hour = ?", (hour,))
    rows = [
        (
            *(hour, key, *one.counts, one.attempts, one.flaps, one.answered, one.total_us, one.least_us, one.most_us),
            *(_median_us(one), one.up_us, one.down_us, spans.sketch_json(dict(one.sketch))),
        )
        for key, one in found.items()
    ]
    columns = f"hour, component, {_COLUMNS}, sketch"
    db.insert(f"INSERT INTO heartbeat_hours ({columns})", f"({placeholders(columns.split(', '))})", rows)
    if gauges:  # samples are deleted before checks: their rollup stays
        db.run("DELETE FROM heartbeat_hour_gauges WHERE hour = ?", (hour,))
        rows = [(hour, key, *one[1:]) for (key, _, _), one in gauges.items()]
        db.insert(f"INSERT INTO heartbeat_hour_gauges (hour, {_GAUGE})", "(?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _median_us(one: Tally) -> int | None:
    found = one.response_time(0.5)
    return None if found is None else round(found * 1e6)


def first_kept_hour(db: Database) -> int:
    """The first hour whose checks are still in the log."""
    return int(understood(preferences.get(db, _FIRST_KEPT_HOUR), number) or 0)


def forget_before(db: Database, hour: int) -> None:
    """Never roll up an hour before this one again: its checks are about to be deleted."""
    preferences.put(db, _FIRST_KEPT_HOUR, str(max(hour, first_kept_hour(db))))


def set_first_kept_hour(db: Database, hour: int) -> None:
    """Set the first hour whose checks are in the log, where `forget_before` has set it too late."""
    preferences.put(db, _FIRST_KEPT_HOUR, str(hour))


def plan(db: Database, start: float, end: float) -> Plan:
    """How to read a span. An hour whose checks are deleted belongs to the span it begins in."""
    gone = first_kept_hour(db)
    first = -hour_of(-start)
    last = max(hour_of(end), min(-hour_of(-end), gone))
    if first > last or start >= end:
        return Plan([], [(start, end)] if start < end else [])
    marked = db.rows(
        "SELECT DISTINCT stale, last_hour FROM heartbeat_pending WHERE stale IS NOT NULL AND stale < ?"
        " AND last_hour >= ?",
        (last, first),
    )
    stale = {hour for a, b in marked for hour in range(max(a, first, gone), min(b + 1, last))}
    rolled: list[HourRange] = []
    for hour in range(first, last):
        if hour not in stale:
            if rolled and rolled[-1][1] == hour:
                rolled[-1] = (rolled[-1][0], hour + 1)
            else:
                rolled.append((hour, hour + 1))
    live = [(float(hour * HOUR), float((hour + 1) * HOUR)) for hour in sorted(stale)]
    edges = [(start, first * HOUR), (last * HOUR, end)]
    live += [(float(a), float(b)) for a, b in edges if a < b and b > gone * HOUR]
    return Plan(rolled, sorted(live))


def tallies(db: Database, start: float, end: float, *, quantiles: bool = True) -> dict[int, Tally]:
    """Add up checks and time of a span, by the component's key. Without `quantiles` it is cheaper, and has no
    sketches."""
    way = plan(db, start, end)
    found = _rolled_tallies(db, way.rolled)
    if quantiles:
        for key, sketch in _sketches(db, way.rolled).items():
            found[key] = found[key]._replace(sketch=sketch)
    for span in way.live:
        for key, one in spans.tallies(db, *span).items():
            found[key] = found[key].plus(one) if key in found else one
    return found


def _rolled_tallies(db: Database, hours: list[HourRange]) -> dict[int, Tally]:
    if not hours:
        return {}
    rows = db.rows(f"SELECT component, {_SUMS} FROM heartbeat_hours WHERE {hour_condition(hours)} GROUP BY component")
    found = {}
    for key, *figures in rows:
        counts, rest = tuple(map(int, figures[: len(STATUSES)])), figures[len(STATUSES) :]
        attempts, flaps, answered, total, least, most, up, down = rest
        numbers = (int(answered), int(total), int(attempts), int(flaps), least, most, int(up), int(down))
        found[key] = Tally("", "", counts, *numbers)
    return found


def _sketches(db: Database, hours: list[HourRange]) -> dict[int, dict[int, int]]:
    """Response times of rolled hours in buckets, added up by the database."""
    found: dict[int, dict[int, int]] = {}
    if hours:
        rows = db.rows(
            render(
                "SELECT h.component, CAST(b.key AS INTEGER), sum(CAST(b.value AS BIGINT)) FROM heartbeat_hours h,"
                " {pairs:h.sketch} b WHERE {hours} AND {pair} GROUP BY 1, 2",
                db.dialect,
                hours=hour_condition(hours),
            )
        )
        for key, bucket, count in rows:
            found.setdefault(key, {})[bucket] = int(count)
    return found


def hour_condition(hours: Iterable[HourRange]) -> str:
    """The condition on `hour` that selects these hours."""
    return "(" + " OR ".join(f"(hour >= {a:d} AND hour < {b:d})" for a, b in hours) + ")"


def hourly(db: Database, start: float, end: float) -> dict[int, list[Hourly]]:
    """Every hour of a span, by component key, oldest first. Of hours that the span cuts only the part in it counts."""
    way = plan(db, start, end)
    found: dict[int, list[Hourly]] = {}
    if way.rolled:
        rows = db.rows(
            "SELECT component, hour, answered, median_us, up_us, down_us FROM heartbeat_hours"
            f" WHERE {hour_condition(way.rolled)}"
        )
        for key, hour, *figures in rows:
            found.setdefault(key, []).append(Hourly(float(hour * HOUR), *figures))
    for span in way.live:
        for key, one in spans.tallies(db, *span).items():
            row = Hourly(span[0], one.answered, _median_us(one), one.up_us, one.down_us)
            found.setdefault(key, []).append(row)
    return {key: sorted(rows) for key, rows in found.items()}


def gauges(db: Database, names: Mapping[int, str], start: float, end: float) -> list[Gauge]:
    """The hosts' and databases' own figures of a span, in parts, oldest first."""
    return [one for _, one in hourly_gauges(db, names, start, end)]


def hourly_gauges(db: Database, names: Mapping[int, str], start: float, end: float) -> list[tuple[float, Gauge]]:
    """The same, each with the moment its part begins (epoch seconds)."""
    way = plan(db, start, end)
    found: list[tuple[float, Gauge]] = []
    if way.rolled:
        rows = db.rows(f"SELECT hour, {_GAUGE} FROM heartbeat_hour_gauges WHERE {hour_condition(way.rolled)}")
        found = [(float(hour * HOUR), Gauge(names.get(key, ""), *rest)) for hour, key, *rest in rows]
    for span in way.live:
        parts = spans.gauges(db, *span)
        found += [(span[0], one._replace(component=names.get(key, ""))) for (key, _, _), one in parts.items()]
    return sorted(found)
