"""Hours of the log as rows of their own, so that no figure costs more the older the store gets.

A pass bears the first hour whose rollup does not hold it yet (`stale`). Once that hour is over, `refresh` works it out
anew from the log, whole, and moves the mark on to the next hour the pass's looks reach into, or takes it away. So what
arrives late (a spool's replay, a clock that was wrong, another observer's pass) makes its hours stale by itself, and a
kill leaves them stale. Who reads takes the hours that are rolled from here, and everything else from the log.

Hours whose single looks have been forgotten are never worked out anew.
"""

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from heartbeat_cli.domain.checking.coverage import HOUR, LONGEST, hour_of
from heartbeat_cli.domain.checking.gauge import Gauge
from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.store.history import spans
from heartbeat_cli.store.sql import locks, preferences
from heartbeat_cli.store.sql.database import Database

_FIRST_KEPT_HOUR = "forgotten/hours"  # the first hour whose single looks are kept, among the settings
_COUNTS = ", ".join(STATUSES)
_COLUMNS = f"{_COUNTS}, attempts, flaps, answered, total_us, least_us, most_us, median_us, up_us, down_us"
_SUMS = ", ".join(
    f"{word}({name})"
    for name in _COLUMNS.split(", ")
    if name != "median_us"
    for word in [{"least_us": "min", "most_us": "max"}.get(name, "sum")]
)
_GAUGE = "component, metric, label, number, total, least, most, last"

HourRange = tuple[int, int]  # from the first to before the second


class Hourly(NamedTuple):
    """One hour of one component, as a trend wants it: when it began, looks answered and their median (µs), time up and
    down."""

    at: float
    answered: int
    median_us: int | None
    up_us: int
    down_us: int


class Plan(NamedTuple):
    """How a span is read: `rolled`, the stretches of hours to take from the rollups, `live`, what to ask the log."""

    rolled: list[HourRange]
    live: list[tuple[float, float]]


def lock(db: Database) -> None:
    """Until the transaction ends nobody else rolls up, nor makes hours stale that are being rolled up."""
    db.rows_with_lock(locks.ROLLUP, "SELECT 1")


def refresh(db: Database, before: int, deadline: float, *, first: int = 0, judged: bool = True) -> bool:
    """Roll up the stale hours from `first` to before hour `before`, oldest first, each in a transaction of its own,
    until time.monotonic() is past the deadline; True when none is left. `judged`: leave passes that detection has not
    seen alone, for it may be at work on them."""
    only = "AND detected" if judged else ""
    while True:
        ((hour,),) = db.rows(
            f"SELECT min(stale) FROM heartbeat_pending WHERE stale >= ? AND stale < ? {only}", (first, before)
        )
        if hour is None:
            return True
        if time.monotonic() >= deadline:
            return False
        with db.transaction():
            lock(db)
            # The mark goes first: a pass that comes in between is in the hour or stays marked, perhaps both.
            db.run(
                "UPDATE heartbeat_pending SET stale = CASE WHEN last_hour > stale THEN stale + 1 END"
                f" WHERE stale = ? {only}",
                (hour,),
            )
            db.run("DELETE FROM heartbeat_pending WHERE stale IS NULL AND detected")
            if hour >= first_kept_hour(db):
                _roll_up(db, hour)


def mark_stale(db: Database, observer: str, start: float, end: float) -> None:
    """What an observer's looks spoke for from `start` to `end` has changed (that was a gap): their hours are to be
    worked out anew. Call it in the transaction of the change."""
    lock(db)
    hour = hour_of(start)
    touched = db.rows(
        "SELECT p.key, p.started, p.observer, p.last_hour FROM heartbeat_pass_rows p"
        " JOIN heartbeat_observers o ON o.key = p.observer WHERE o.id = ? AND p.started >= to_timestamp(?)"
        " AND p.started < to_timestamp(?) AND p.last_hour >= ?",
        (observer, start - LONGEST, end, hour),
    )  # those that were just made as a rule, and what somebody looked at in the gap
    db.insert(
        "INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)",
        "(?, ?, TRUE, ?, ?)",
        [(key, of, max(hour, hour_of(started)), last) for key, started, of, last in touched],
        "ON CONFLICT (pass) DO UPDATE SET stale = CASE WHEN heartbeat_pending.stale <= excluded.stale"
        " THEN heartbeat_pending.stale ELSE excluded.stale END",
    )


def _roll_up(db: Database, hour: int) -> None:
    """Put an hour's figures in the place of those that are there."""
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
    marks = ", ".join("?" for _ in range(len(_COLUMNS.split(", ")) + 3))
    db.insert(f"INSERT INTO heartbeat_hours (hour, component, {_COLUMNS}, sketch)", f"({marks})", rows)
    if gauges:  # samples are forgotten before looks: what was rolled up of them stays
        db.run("DELETE FROM heartbeat_hour_gauges WHERE hour = ?", (hour,))
        rows = [(hour, key, *one[1:]) for (key, _, _), one in gauges.items()]
        db.insert(f"INSERT INTO heartbeat_hour_gauges (hour, {_GAUGE})", "(?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _median_us(one: Tally) -> int | None:
    found = one.response_time(0.5)
    return None if found is None else round(found * 1e6)


def first_kept_hour(db: Database) -> int:
    """The first hour whose single looks are still kept."""
    return int(preferences.get(db, _FIRST_KEPT_HOUR) or 0)


def forget_before(db: Database, hour: int) -> None:
    """From now on nothing is worked out anew from looks before this hour: they are about to go."""
    preferences.put(db, _FIRST_KEPT_HOUR, str(max(hour, first_kept_hour(db))))


def set_first_kept_hour(db: Database, hour: int) -> None:
    """The mark that `forget` moves is ahead of what has really gone: single looks are kept from this hour on."""
    preferences.put(db, _FIRST_KEPT_HOUR, str(hour))


def plan(db: Database, start: float, end: float) -> Plan:
    """How to read a span. Where single looks are forgotten an hour belongs to the span it begins in."""
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
    """The looks and the time of a span, by the component's key; without `quantiles`, cheaper, and without sketches."""
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
    """Response times of rolled hours in buckets, added up by the store."""
    each = "json_each_text" if db.dialect == "postgres" else "json_each"
    found: dict[int, dict[int, int]] = {}
    if hours:
        rows = db.rows(
            f"SELECT h.component, CAST(b.key AS INTEGER), sum(CAST(b.value AS BIGINT)) FROM heartbeat_hours h,"
            f" {each}(h.sketch) b WHERE {hour_condition(hours)} GROUP BY 1, 2"
        )
        for key, bucket, count in rows:
            found.setdefault(key, {})[bucket] = int(count)
    return found


def hour_condition(hours: Iterable[HourRange]) -> str:
    """The condition on `hour` that selects these stretches."""
    return "(" + " OR ".join(f"(hour >= {a:d} AND hour < {b:d})" for a, b in hours) + ")"


def hourly(db: Database, start: float, end: float) -> dict[int, list[Hourly]]:
    """Every hour of a span, by component key, oldest first; what is cut off of an hour stays out of it."""
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
    """The hosts' and databases' own figures of a span in parts, in the order of time: to be joined, or drawn."""
    return [one for _, one in hourly_gauges(db, names, start, end)]


def hourly_gauges(db: Database, names: Mapping[int, str], start: float, end: float) -> list[tuple[float, Gauge]]:
    """The same with the moment each part begins."""
    way = plan(db, start, end)
    found: list[tuple[float, Gauge]] = []
    if way.rolled:
        rows = db.rows(f"SELECT hour, {_GAUGE} FROM heartbeat_hour_gauges WHERE {hour_condition(way.rolled)}")
        found = [(float(hour * HOUR), Gauge(names.get(key, ""), *rest)) for hour, key, *rest in rows]
    for span in way.live:
        parts = spans.gauges(db, *span)
        found += [(span[0], one._replace(component=names.get(key, ""))) for (key, _, _), one in parts.items()]
    return sorted(found)
