"""Deletes what is older than the configuration says. Hourly rollups are kept longer than the checks they are made of.

Checks and metrics are deleted by whole days (UTC), after their hours have been rolled up. What the counters of
`heartbeat metrics` count is added up when it is deleted, so that they never fall.
"""

import math
import time
from collections import Counter
from collections.abc import Callable

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.checking.coverage import HOUR, hour_of
from heartbeat_cli.store.history import rollups
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.partitions import drop_before

_DAY = 86_400.0
_SECONDS_AT_A_TIME = 6 * HOUR  # of a SQLite table that is deleted at a time: others want to write, too
_PAGES_AT_A_TIME = 2_000  # given back to the disk at a time
# The notifications and attempts of an open incident stay.
_OF_NO_OPEN_INCIDENT = (
    "AND (incident IS NULL OR incident NOT IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL))"
)
_ALERTS_DONE = f"{_OF_NO_OPEN_INCIDENT} AND alert_id NOT IN (SELECT alert_id FROM heartbeat_outbox)"
_NOTIFICATIONS_DONE = (
    "AND state <> 'waiting' AND alert_id NOT IN (SELECT a.alert_id FROM heartbeat_alert_rows a"
    " JOIN heartbeat_incidents i ON i.id = a.incident WHERE i.ended IS NULL)"
)
_DETECTED = "AND key NOT IN (SELECT pass FROM heartbeat_pending WHERE NOT detected)"
_OF_NO_ALERT = "AND alert_id NOT IN (SELECT alert_id FROM heartbeat_alert_rows)"
# Components that were found come and go, with names that others choose.
_FOUND = "%/%"  # only their ids have a slash
_FOUND_DAYS = 7  # that is kept of one that nobody checks any more
_KEYS_AT_A_TIME = 20_000
_FEW_HOURS = 24  # with checks: so few of one that is gone go with its checks, and not with the hours of others
_UNCHECKED = """component LIKE ? AND component NOT IN (SELECT component FROM heartbeat_looks)
    AND component NOT IN (SELECT component FROM heartbeat_incidents WHERE ended IS NULL)"""
_GONE = """FROM heartbeat_components c WHERE c.id LIKE ? AND c.registered < to_timestamp(?)
    AND NOT EXISTS (SELECT 1 FROM heartbeat_looks l WHERE l.component = c.id)
    AND NOT EXISTS (SELECT 1 FROM heartbeat_state s WHERE s.component = c.id)"""
_SHORT_LIVED = f"""SELECT component FROM heartbeat_hours WHERE component IN (SELECT c.key {_GONE})
    GROUP BY component HAVING count(*) < ? AND max(hour) < ?"""
_VERIFIED = "CASE WHEN verified IS NULL THEN '' ELSE 'verified' END"


def prune(db: Database, limits: Retention, now: float, deadline: float = math.inf) -> dict[str, int] | None:
    """Delete what is older than `limits` says; open incidents stay. Returns rows (or day partitions) deleted by table,
    None when time.monotonic() passed the deadline before the end: the next call goes on."""
    checks, metrics = (_midnight(now - days * _DAY) for days in (limits.heartbeats_days, limits.metrics_days))
    if not rollups.refresh(db, hour_of(max(checks, metrics)), deadline, detected_only=False):
        return None
    with db.transaction():
        rollups.forget_before(db, hour_of(checks))
    gone = {
        "heartbeat_log": _drop(db, "heartbeat_log", checks, deadline),
        "heartbeat_samples": _drop(db, "heartbeat_samples", metrics, deadline),
    }
    with db.transaction():
        gone |= _small_tables(db, limits, now, checks, min(checks, metrics))
    done = _vacuum(db, deadline) and time.monotonic() < deadline
    return gone if done else None


def _small_tables(db: Database, limits: Retention, now: float, checks: float, single: float) -> dict[str, int]:
    hours = hour_of(min(now - limits.rollups_days * _DAY, single))  # no hour is deleted before the checks it is made of
    incidents = now - limits.incidents_days * _DAY
    said = int(min(incidents, checks) // _DAY) - 1
    return {
        "heartbeat_hours": db.run("DELETE FROM heartbeat_hours WHERE hour < ?", (hours,)),
        "heartbeat_hour_gauges": db.run("DELETE FROM heartbeat_hour_gauges WHERE hour < ?", (hours,)),
        "heartbeat_passes": _delete(db, "heartbeat_pass_rows", "started", checks, _DETECTED),
        "heartbeat_outbox": _delete_and_count(
            db, "notifications", "channel, state", "heartbeat_outbox", "created", incidents
        ),
        "heartbeat_alert_rows": _delete_and_count(
            db, "alerts", "alert_type, severity", "heartbeat_alert_rows", "alert_time", incidents
        ),
        "heartbeat_sends": _delete(db, "heartbeat_sends", "at", incidents, _OF_NO_ALERT),
        "heartbeat_recoveries": _delete_and_count(
            db, "recoveries", f"outcome, {_VERIFIED}", "heartbeat_recoveries", "started", incidents
        ),
        "heartbeat_incidents": _delete(db, "heartbeat_incidents", "ended", incidents),
        "heartbeat_silences": _delete(db, "heartbeat_silences", "ends", incidents),
        "heartbeat_gaps": _delete(db, "heartbeat_gaps", "ended", min(incidents, hours * HOUR)),
        "heartbeat_texts": db.run("DELETE FROM heartbeat_texts WHERE day < ?", (said,)),
        "heartbeat_degraded": _delete(db, "heartbeat_degraded", "ended", min(incidents, hours * HOUR)),
        **_found_components(db, max(checks, now - _FOUND_DAYS * _DAY), single),
    }


def _found_components(db: Database, checked: float, single: float) -> dict[str, int]:
    """Forget what was found once and has not been checked since `checked`; when its checks and metrics are deleted,
    those before `single`, also its hours where they are few, and its name where it has none: who names what is found
    could name others in each pass, and each would have its hours for as long as those of all others are kept."""
    looks = db.run("DELETE FROM heartbeat_looks WHERE component LIKE ? AND at < to_timestamp(?)", (_FOUND, checked))
    states = db.run(f"DELETE FROM heartbeat_state WHERE {_UNCHECKED}", (_FOUND,))
    names = 0
    if db.rows(f"SELECT 1 {_GONE} LIMIT 1", (_FOUND, single)):  # only then are all hours gone through
        short = [key for (key,) in db.rows(_SHORT_LIVED, (_FOUND, single, _FEW_HOURS, hour_of(single)))]
        for at in range(0, len(short), _KEYS_AT_A_TIME):
            some = short[at : at + _KEYS_AT_A_TIME]
            for table in ("heartbeat_hours", "heartbeat_hour_gauges"):
                db.run(f"DELETE FROM {table} WHERE component IN ({placeholders(some)})", some)
        used = "SELECT component FROM heartbeat_hours"
        names = db.run(
            f"DELETE FROM heartbeat_components WHERE key IN (SELECT c.key {_GONE}) AND key NOT IN ({used})",
            (_FOUND, single),
        )
    return {"heartbeat_looks": looks, "heartbeat_state": states, "heartbeat_components": names}


_CONDITIONS = {
    "heartbeat_outbox": _NOTIFICATIONS_DONE,
    "heartbeat_alert_rows": _ALERTS_DONE,
    "heartbeat_recoveries": _OF_NO_OPEN_INCIDENT,
}


def _delete_and_count(db: Database, what: str, columns: str, table: str, column: str, before: float) -> int:
    """Delete rows, and add them to the counts that are kept for ever."""
    sql = f"DELETE FROM {table} WHERE {column} < to_timestamp(?) {_CONDITIONS[table]} RETURNING {columns}"
    gone = Counter(db.rows(sql, (before,)))
    db.insert(
        "INSERT INTO heartbeat_forgotten (what, first, second, number)",
        "(?, ?, ?, ?)",
        [(what, *kind, number) for kind, number in gone.items()],
        "ON CONFLICT (what, first, second) DO UPDATE SET number = heartbeat_forgotten.number + excluded.number",
    )
    return sum(gone.values())


def _delete(db: Database, table: str, column: str, before: float, also: str = "") -> int:
    return db.run(f"DELETE FROM {table} WHERE {column} < to_timestamp(?) {also}", (before,))


def _drop(db: Database, table: str, before: float, deadline: float) -> int:
    """Delete rows in SQLite, some hours at a time, and day partitions in PostgreSQL, some days at a time."""
    some = _drop_rows if db.dialect == "sqlite" else _drop_days
    return _repeat(lambda: some(db, table, before, math.isfinite(deadline)), deadline)


def _drop_days(db: Database, table: str, before: float, in_pass: bool) -> int:
    with db.transaction():
        if in_pass:
            # It does not wait for a table that somebody reads: everybody else would wait behind it.
            db.rows("SET LOCAL lock_timeout = 300")
        return drop_before(db, table, before)


def _drop_rows(db: Database, table: str, before: float, _in_pass: bool) -> int:
    ((oldest,),) = db.rows(f"SELECT min(at) FROM {table}")
    if oldest is None or oldest >= before:
        return 0
    with db.transaction():
        return drop_before(db, table, min(before, oldest + _SECONDS_AT_A_TIME))


def _repeat(step: Callable[[], int], deadline: float) -> int:
    total = 0
    while time.monotonic() < deadline and (some := step()):
        total += some
    return total


def _vacuum(db: Database, deadline: float) -> bool:
    """Give empty pages of a SQLite file back to the disk (where the file was made for that). Returns False when some
    are left."""
    if db.dialect != "sqlite" or db.rows("PRAGMA auto_vacuum") != [(2,)]:
        return True
    while (free := db.rows("PRAGMA freelist_count")[0][0]) and time.monotonic() < deadline:
        db.rows(f"PRAGMA incremental_vacuum({_PAGES_AT_A_TIME})")
        if db.rows("PRAGMA freelist_count")[0][0] >= free:
            return True  # a reader still needs them
    return not free


def _midnight(at: float) -> float:
    return at // _DAY * _DAY
