"""What a span of the log comes to, worked out by the store: looks counted, response times in buckets, time weighed.

A look that found out something (healthy or degraded: up; unhealthy or error: down) speaks for its component until the
next such look by anybody, the next look of its own observer (which may have found out nothing), the end of its reach
or of the span, whichever comes first; and not for the time that is a gap of its observer. One that the other hosts
overrule has no reach, and speaks for nothing. All else is neither up nor down. Times are whole microseconds and sums
whole numbers, so parts add up to the whole to the digit, on both stores.
"""

import json
from collections.abc import Iterable

from heartbeat_cli.domain.checking.coverage import LONGEST, REACH, hour_of
from heartbeat_cli.domain.checking.gauge import KINDS, METRICS, Gauge
from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.reporting.quantiles import DOUBLINGS, EXACT, PARTS
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.store.sql.database import Database, Row

_WORDS = {
    "sqlite": {
        "us": "CAST(round({0} * 1000000) AS INTEGER)",
        "least": "min",
        "most": "max",
        "name": "json_extract(m.value, '$[0]')",
        "label": "COALESCE(json_extract(m.value, '$[3].mount'), '')",
        "milli": "CAST(json_extract(m.value, '$[1]') * 1000 + 0.5 AS INTEGER)",
        "each": "json_each(s.samples) m",
    },
    "postgres": {
        "us": "CAST(round(EXTRACT(EPOCH FROM {0}) * 1000000) AS BIGINT)",
        "least": "least",
        "most": "greatest",
        "name": "m.value ->> 0",
        "label": "COALESCE(m.value -> 3 ->> 'mount', '')",
        "milli": "CAST(floor(CAST(m.value ->> 1 AS DOUBLE PRECISION) * 1000 + 0.5) AS BIGINT)",
        "each": "LATERAL json_array_elements(s.samples) m",
    },
}
# As domain/quantiles.py counts.
_BUCKET = (
    f"CASE WHEN response_us < {EXACT} THEN response_us"
    + "".join(f" WHEN response_us < {EXACT << n} THEN {n * PARTS} + (response_us >> {n})" for n in range(1, DOUBLINGS))
    + " END"
)
_COUNTS = ", ".join(f"sum(CASE WHEN inside AND status = {n} THEN 1 ELSE 0 END)" for n in range(len(STATUSES)))
_MISSED = """{most}(0, until - since - COALESCE((
    SELECT sum({least}(until, {us:g.ended}) - {most}(since, {us:g.started})) FROM heartbeat_gaps g
    WHERE g.observer = spans.observer AND g.ended > to_timestamp(?) AND g.started < to_timestamp(?)
    AND {us:g.started} < until AND {us:g.ended} > since), 0))"""
_FIGURES = f"""WITH looks AS (
    SELECT l.component, o.id AS observer, l.pass, {{us:l.at}} AS t, l.status, l.response_us, l.attempts,
        COALESCE(l.reach, {REACH}) * CAST(1000000 AS BIGINT) AS reach
    FROM heartbeat_log l LEFT JOIN heartbeat_pass_rows p ON p.key = l.pass AND p.started >= to_timestamp(?)
    LEFT JOIN heartbeat_observers o ON o.key = p.observer
    WHERE l.at >= to_timestamp(?) AND l.at < to_timestamp(?)
), told AS (
    SELECT looks.*, lag(t) OVER mine AS own_next, lead(t + reach) OVER mine AS reached,
        lead(status) OVER mine AS before,
        min(CASE WHEN status <> 4 AND reach > 0 THEN t END) OVER (PARTITION BY component ORDER BY t DESC, pass DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS next_known
    FROM looks WINDOW mine AS (PARTITION BY component, observer ORDER BY t DESC, pass DESC)
), spans AS (
    SELECT told.*, t >= ? AS inside, {{most}}(t, ?) AS since,
        {{least}}(t + reach, COALESCE(own_next, ?), COALESCE(next_known, ?), ?) AS until,
        CASE WHEN t >= ? THEN {_BUCKET} END AS bucket
    FROM told
), weighed AS (
    SELECT spans.*, CASE WHEN until <= since OR status = 4 THEN 0 ELSE {{lasted}} END AS lasted FROM spans
)
SELECT component, bucket, {_COUNTS}, sum(CASE WHEN inside THEN attempts ELSE 0 END),
    sum(CASE WHEN inside AND status <> 4 AND before <> 4 AND (status <= 1) <> (before <= 1) AND reached >= t
        THEN 1 ELSE 0 END),
    sum(CASE WHEN inside AND response_us IS NOT NULL THEN 1 ELSE 0 END),
    COALESCE(sum(CASE WHEN inside THEN response_us END), 0), min(CASE WHEN inside THEN response_us END),
    max(CASE WHEN inside THEN response_us END), sum(CASE WHEN status <= 1 THEN lasted ELSE 0 END),
    sum(CASE WHEN status IN (2, 3) THEN lasted ELSE 0 END)
FROM weighed GROUP BY component, bucket"""
_GAUGES = f"""WITH measured AS (
    SELECT s.component, s.at, {{name}} AS metric, {{label}} AS label, {{milli}} AS milli
    FROM heartbeat_samples s JOIN heartbeat_components c ON c.key = s.component, {{each}}
    WHERE s.at >= to_timestamp(?) AND s.at < to_timestamp(?) AND c.kind IN ({", ".join(f"'{one}'" for one in KINDS)})
    AND {{name}} IN ({", ".join(f"'{one}'" for one in METRICS)})
), placed AS (
    SELECT measured.*, row_number() OVER (PARTITION BY component, metric, label ORDER BY at DESC, milli DESC) AS place
    FROM measured WHERE milli IS NOT NULL
)
SELECT component, metric, label, count(*), sum(milli), min(milli), max(milli), max(CASE WHEN place = 1 THEN milli END)
FROM placed GROUP BY component, metric, label"""
_SIZE = len(STATUSES)


def tallies(db: Database, start: float, end: float) -> dict[int, Tally]:
    """What the log says of the time from `start` to before `end`, by the component's key; ids are left empty."""
    if end <= start:
        return {}
    first, last = round(start * 1e6), round(end * 1e6)
    begin = _first_relevant_pass(db, start)
    gaps = db.rows(
        "SELECT 1 FROM heartbeat_gaps WHERE ended > to_timestamp(?) AND started < to_timestamp(?) LIMIT 1", (start, end)
    )
    sql = _render(db, _FIGURES.replace("{lasted}", _MISSED if gaps else "until - since"))
    bounds = (start, end) if gaps else ()
    rows = db.rows(sql, (begin, begin, end, first, first, last, last, last, first, *bounds))
    return _merge_buckets(rows)


def _first_relevant_pass(db: Database, start: float) -> float:
    """When the first look was that may still speak for the time from `start` on."""
    ((found,),) = db.rows(
        "SELECT min(started) FROM heartbeat_pass_rows WHERE started >= to_timestamp(?) AND started < to_timestamp(?)"
        " AND last_hour >= ?",
        (start - LONGEST, start, hour_of(start)),
    )
    return start if found is None else float(found)


def _merge_buckets(rows: Iterable[Row]) -> dict[int, Tally]:
    """A row a component and bucket, as one tally a component."""
    found: dict[int, Tally] = {}
    for component, bucket, *figures in rows:
        counts, rest = tuple(map(int, figures[:_SIZE])), figures[_SIZE:]
        attempts, flaps, answered, total, least, most, up, down = (None if n is None else int(n) for n in rest)
        sketch = {int(bucket): answered or 0} if bucket is not None else {}
        one = Tally(
            *("", "", counts, answered or 0, total or 0, attempts or 0, flaps or 0),
            *(least, most, up or 0, down or 0, sketch),
        )
        found[component] = found[component].plus(one) if component in found else one
    return {key: one for key, one in found.items() if one.heartbeats or one.covered_us}


def gauges(db: Database, start: float, end: float) -> dict[tuple[int, str, str], Gauge]:
    """The hosts' and databases' own figures of a span of the samples, by component key, metric and label."""
    rows = db.rows(_render(db, _GAUGES), (start, end)) if end > start else []
    return {(key, metric, label): Gauge("", metric, label, *map(int, rest)) for key, metric, label, *rest in rows}


def sketch_json(sketch: dict[int, int]) -> str:
    return json.dumps(sketch, separators=(",", ":"), sort_keys=True)


def _render(db: Database, sql: str) -> str:
    words = dict(_WORDS[db.dialect])
    moment = words.pop("us")
    for word, meaning in words.items():
        sql = sql.replace("{" + word + "}", meaning)
    while "{us:" in sql:
        head, _, rest = sql.partition("{us:")
        column, _, tail = rest.partition("}")
        sql = head + moment.format(column) + tail
    return sql
