"""Adds up a span of the log, in the database: checks by status, response times in buckets, time up and down.

A check with a result (healthy or degraded: up; unhealthy or error: down) counts for its component until the first of:
the next check with a result by any observer, the next check of its own observer (with a result or not), the end of its
reach, the end of the span. It does not count for the gaps of its observer. A check that the other hosts have overruled
has no reach, and counts for no time. All other time is neither up nor down. Times are whole microseconds and sums whole
numbers, so that the parts of a span add up to the whole exactly, on both databases.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from heartbeat_cli.domain.checking.coverage import LONGEST, REACH, hour_of
from heartbeat_cli.domain.checking.gauge import KINDS, METRICS, Gauge
from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.reporting.quantiles import DOUBLINGS, EXACT, PARTS
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.store.sql.database import Database, Row
from heartbeat_cli.store.sql.dialects import render

# As domain/quantiles.py counts.
_BUCKET = (
    f"CASE WHEN response_us < {EXACT} THEN response_us"
    + "".join(f" WHEN response_us < {EXACT << n} THEN {n * PARTS} + (response_us >> {n})" for n in range(1, DOUBLINGS))
    + " END"
)
_COUNTS = ", ".join(f"sum(CASE WHEN inside AND status = {n} THEN 1 ELSE 0 END)" for n in range(len(STATUSES)))
_WITHOUT_GAPS = "until - since"
_LESS_GAPS = """{greatest}(0, until - since - COALESCE((
    SELECT sum({least}(until, {us:g.ended}) - {greatest}(since, {us:g.started})) FROM heartbeat_gaps g
    WHERE g.observer = spans.observer AND g.ended > to_timestamp(:start) AND g.started < to_timestamp(:end)
    AND {us:g.started} < until AND {us:g.ended} > since), 0))"""
# In microseconds: `t` is when the check was made, `own_next` the observer's next check, `next_known` the next check of
# any observer that had a result, and `since` to `until` the part of the span that the check counts for.
_TALLIES = """WITH checks AS (
    SELECT l.component, o.id AS observer, l.pass, {us:l.at} AS t, l.status, l.response_us, l.attempts & 63 AS attempts,
        COALESCE(l.reach, {reach}) * CAST(1000000 AS BIGINT) AS reach
    FROM heartbeat_log l LEFT JOIN heartbeat_pass_rows p ON p.key = l.pass AND p.started >= to_timestamp(:first)
    LEFT JOIN heartbeat_observers o ON o.key = p.observer
    WHERE l.at >= to_timestamp(:first) AND l.at < to_timestamp(:end) AND l.component BETWEEN :lowest AND :highest
), neighbours AS (
    SELECT checks.*, lag(t) OVER mine AS own_next, lead(t + reach) OVER mine AS reached,
        lead(status) OVER mine AS before,
        min(CASE WHEN status <> 4 AND reach > 0 THEN t END) OVER (PARTITION BY component ORDER BY t DESC, pass DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS next_known
    FROM checks WINDOW mine AS (PARTITION BY component, observer ORDER BY t DESC, pass DESC)
), spans AS (
    SELECT neighbours.*, t >= :start_us AS inside, {greatest}(t, :start_us) AS since,
        {least}(t + reach, COALESCE(own_next, :end_us), COALESCE(next_known, :end_us), :end_us) AS until,
        CASE WHEN t >= :start_us THEN {bucket} END AS bucket
    FROM neighbours
), weighed AS (
    SELECT spans.*, CASE WHEN until <= since OR status = 4 THEN 0 ELSE {lasted} END AS lasted FROM spans
)
SELECT component, bucket, {counts}, sum(CASE WHEN inside THEN attempts ELSE 0 END),
    sum(CASE WHEN inside AND status <> 4 AND before <> 4 AND (status <= 1) <> (before <= 1) AND reached >= t
        THEN 1 ELSE 0 END),
    sum(CASE WHEN inside AND response_us IS NOT NULL THEN 1 ELSE 0 END),
    COALESCE(sum(CASE WHEN inside THEN response_us END), 0), min(CASE WHEN inside THEN response_us END),
    max(CASE WHEN inside THEN response_us END), sum(CASE WHEN status <= 1 THEN lasted ELSE 0 END),
    sum(CASE WHEN status IN (2, 3) THEN lasted ELSE 0 END)
FROM weighed GROUP BY component, bucket"""
_GAUGES = """WITH measured AS (
    SELECT s.component, s.at, {metric_name} AS metric, {metric_label} AS label, {metric_milli} AS milli
    FROM heartbeat_samples s JOIN heartbeat_components c ON c.key = s.component, {items:s.samples} m
    WHERE s.at >= to_timestamp(:start) AND s.at < to_timestamp(:end) AND c.kind IN ({kinds})
    AND {metric_name} IN ({metrics})
), placed AS (
    SELECT measured.*, row_number() OVER (PARTITION BY component, metric, label ORDER BY at DESC, milli DESC) AS place
    FROM measured WHERE milli IS NOT NULL
)
SELECT component, metric, label, count(*), sum(milli), min(milli), max(milli), max(CASE WHEN place = 1 THEN milli END)
FROM placed GROUP BY component, metric, label"""
_SIZE = len(STATUSES)
_ANSWERED, _LEAST = _SIZE + 2, _SIZE + 4  # where these stand in a row, after component and bucket
_COMPONENTS_AT_A_TIME = 500  # of a hundred buckets each, of 90 bytes a row, half of what may be answered
_MAX_KEY = 2_147_483_647


def tallies(db: Database, start: float, end: float) -> dict[int, Tally]:
    """Add up the log from `start` to before `end` (epoch seconds), by the component's key; the ids are left empty."""
    if end <= start:
        return {}
    span = {"start": start, "end": end}
    ((gaps, components),) = db.rows(
        "SELECT EXISTS (SELECT 1 FROM heartbeat_gaps WHERE ended > to_timestamp(:start)"
        " AND started < to_timestamp(:end)), (SELECT count(*) FROM heartbeat_components)",
        span,
    )
    lasted = _LESS_GAPS if gaps else _WITHOUT_GAPS
    sql = render(_TALLIES, db.dialect, reach=str(REACH), bucket=_BUCKET, counts=_COUNTS, lasted=lasted)
    span |= {"start_us": round(start * 1e6), "end_us": round(end * 1e6), "first": _first_relevant_pass(db, start)}
    found: dict[int, Tally] = {}
    for lowest, highest in _parts(db) if components > _COMPONENTS_AT_A_TIME else [(0, _MAX_KEY)]:
        found |= _merge_buckets(db.rows(sql, {**span, "lowest": lowest, "highest": highest}))
    return found


def _parts(db: Database) -> list[tuple[int, int]]:
    """The lowest and the highest key of some components at a time: each has a row for each bucket of its response
    times, and what the server may answer at once is limited."""
    rows = db.rows(
        "SELECT min(key), max(key) FROM (SELECT key, (row_number() OVER (ORDER BY key) - 1) / ? AS part"
        " FROM heartbeat_components) keys GROUP BY part ORDER BY part",
        (_COMPONENTS_AT_A_TIME,),
    )
    return [(lowest, highest) for lowest, highest in rows]


def _first_relevant_pass(db: Database, start: float) -> float:
    """The start of the first pass whose checks may count for the time from `start` on (epoch seconds)."""
    ((found,),) = db.rows(
        "SELECT min(started) FROM heartbeat_pass_rows WHERE started >= to_timestamp(?) AND started < to_timestamp(?)"
        " AND last_hour >= ?",
        (start - LONGEST, start, hour_of(start)),
    )
    return start if found is None else float(found)


def _merge_buckets(rows: Iterable[Row]) -> dict[int, Tally]:
    """Merge rows, one for each component and bucket, into one tally for each component."""
    sums: dict[int, Sequence[Any]] = {}
    sketches: dict[int, dict[int, int]] = {}
    extremes: dict[int, list[int]] = {}
    for component, bucket, *figures in rows:
        added = (*figures[:_LEAST], *figures[_LEAST + 2 :])
        sums[component] = [a + b for a, b in zip(sums[component], added, strict=True)] if component in sums else added
        if bucket is not None:
            sketches.setdefault(component, {})[int(bucket)] = int(figures[_ANSWERED])
        if figures[_LEAST] is not None:
            extremes.setdefault(component, []).extend(figures[_LEAST : _LEAST + 2])
    found = {}
    for component, whole in sums.items():
        attempts, flaps, answered, total, up, down = map(int, whole[_SIZE:])
        times = extremes.get(component, [])
        least, most = min(times, default=None), max(times, default=None)
        counts = tuple(map(int, whole[:_SIZE]))
        sketch = sketches.get(component, {})
        one = Tally("", "", counts, answered, total, attempts, flaps, least, most, up, down, sketch)
        if one.heartbeats or one.covered_us:
            found[component] = one
    return found


def gauges(db: Database, start: float, end: float) -> dict[tuple[int, str, str], Gauge]:
    """Add up the hosts' and databases' own figures of a span (epoch seconds), by component key, metric and label."""
    if end <= start:
        return {}
    sql = render(_GAUGES, db.dialect, kinds=_quoted(KINDS), metrics=_quoted(METRICS))
    rows = db.rows(sql, {"start": start, "end": end})
    return {(key, metric, label): Gauge("", metric, label, *map(int, rest)) for key, metric, label, *rest in rows}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def sketch_json(sketch: dict[int, int]) -> str:
    return json.dumps(sketch, separators=(",", ":"), sort_keys=True)
