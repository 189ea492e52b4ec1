"""Repairs what a wrong clock has left in the store, once the clock is right: see `passes/alerting/suspect_clock.py`.

`move` moves what was written under a clock that was days or years off to the time when it was really written.
`discard_future` removes what lies in the future after a clock was wrong for so long that it was trusted.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from heartbeat_cli.domain.checking.clock_trust import Span, Stay
from heartbeat_cli.domain.checking.coverage import HOUR, hour_of
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.history import rollups
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.dialects import render
from heartbeat_cli.store.sql.identity import LOCAL
from heartbeat_cli.store.sql.partitions import ensure_day
from heartbeat_cli.store.sql.text import number, understood

_DAY = 86_400
_MAX_DAYS = 400  # for which partitions are made at most
_MAX_AHEAD = 7_200.0  # seconds that times written by a pass may be ahead of it: a next try, the end of a grace period
_TIMES = {
    "heartbeat_state": ("since", "failing_since", "unknown_since"),
    "heartbeat_incidents": ("started", "declared", "ended", "acked"),
    "heartbeat_alert_rows": ("alert_time",),
    "heartbeat_outbox": ("created", "next_try", "lease_until", "sent", "failing_since"),
    "heartbeat_sends": ("at",),
    "heartbeat_recoveries": ("started", "finished", "verify_until", "verified"),
    "heartbeat_beats": ("at",),
    "heartbeat_looks": ("at", "before", "ended"),
}
_MOVED_SETTING = f"{LOCAL}moved/"  # and the observer: the setting with the spans that its passes were moved from
_MAX_MOVED = 50


def move(db: Database, observer: str, spans: Iterable[Stay], since: float, now: float) -> None:
    """Move what was written in `spans` under a wrong clock to when it was really written. The clock of this observer is
    right at `now` and was wrong for some time after its pass at `since`. Where the store's clock does not tell the real
    time, it is the middle between the two. Call it in the transaction of the pass that noticed."""
    spans = list(spans)
    trusted = _last_trusted_pass(db, observer, spans, now)
    for first, last, ahead in spans:
        # Not later than now; by whole seconds, which SQLite's numbers bear without loss.
        by = ahead or min((since + now) / 2 - (first + last) / 2, now - 1 - last) // 1
        for day in range(int(first + by) // _DAY, int(last + by) // _DAY + 1)[:_MAX_DAYS]:
            ensure_day(db, float(day * _DAY))
        wrong = _WrongPasses(observer, trusted, (first, last), by)
        _move_times(db, wrong)
        _move_passes(db, wrong)
    _save_moved(db, observer, [(first, last) for first, last, _ in spans])


class _WrongPasses(Record):
    """The passes of an observer that were made under a wrong clock: of the `span` by that clock, and after the pass
    with the key `trusted`, which is the last one under a clock that was right. They are to be moved `by` seconds."""

    observer: str
    trusted: int
    span: Span
    by: float

    def values(self) -> dict[str, Any]:
        """The values that `_WRONG` and `_moved` name."""
        first, last = self.span
        return {"observer": self.observer, "trusted": self.trusted, "first": first, "last": last, "by": self.by}


def _within(column: str, first: str = "first", last: str = "last") -> str:
    """The condition that a time lies between these two values."""
    return f"{column} >= to_timestamp(:{first}) AND {column} <= to_timestamp(:{last})"


def _moved(column: str) -> str:
    """A time moved by the seconds of `:by`."""
    return f"({column} + (to_timestamp(:by) - to_timestamp(0)))"


_OWN = "observer = (SELECT key FROM heartbeat_observers WHERE id = :observer)"
_WRONG = f"{_OWN} AND key > :trusted AND {_within('started')}"  # rows of heartbeat_pass_rows


def _last_trusted_pass(db: Database, observer: str, spans: Sequence[Stay], now: float) -> int:
    """The key of this observer's newest pass before `now` that lies in none of the spans; 0 where there is none."""
    outside, values = "", {"observer": observer, "now": now}
    for place, (first, last, _) in enumerate(spans):
        outside += f" AND NOT ({_within('started', f'first_{place}', f'last_{place}')})"
        values |= {f"first_{place}": first, f"last_{place}": last}
    sql = f"SELECT max(key) FROM heartbeat_pass_rows WHERE started < to_timestamp(:now) AND {_OWN}{outside}"
    ((key,),) = db.rows(sql, values)
    return key or 0


def _move_times(db: Database, wrong: _WrongPasses) -> None:
    """Move the times of all tables but those of the passes. Where the span of the wrong clock also holds passes that
    were really made then, only times that equal the start of a wrong pass are moved, because only they are known to be
    wrong."""
    values = wrong.values() | {"until": wrong.span[1] + _MAX_AHEAD}
    window = _within("started", "first", "until")
    mixed = bool(db.rows(f"SELECT 1 FROM heartbeat_pass_rows WHERE {window} AND NOT ({_WRONG}) LIMIT 1", values))
    for table, columns in _TIMES.items():
        for column in columns:
            which = _within(column, "first", "until")
            if mixed:
                which = f"{column} IN (SELECT started FROM heartbeat_pass_rows WHERE {_WRONG})"
            db.run(f"UPDATE {table} SET {column} = {_moved(column)} WHERE {which}", values)
    if not mixed:
        times = f"starts = {_moved('starts')}, ends = {_moved('ends')}"
        db.run(f"UPDATE heartbeat_silences SET {times} WHERE {_within('starts', 'first', 'until')}", values)


def _move_passes(db: Database, wrong: _WrongPasses) -> None:
    """Move the passes with their checks and metrics, and have their hours rolled up again."""
    values = wrong.values()
    at, passes = f"SET at = {_moved('at')} WHERE {_within('at')}", f"FROM heartbeat_pass_rows WHERE {_WRONG}"
    db.run(f"UPDATE heartbeat_log {at} AND pass IN (SELECT key {passes})", values)
    db.run(f"UPDATE heartbeat_samples {at} AND at IN (SELECT started {passes})", values)
    sql = render(
        "UPDATE heartbeat_pass_rows SET started = {moved},"
        " last_hour = last_hour - {hour:started} + {hour:{moved}} + 1 WHERE {wrong}",
        db.dialect,
        moved=_moved("started"),
        wrong=_WRONG,
    )
    db.run(sql, values)
    first, last = wrong.span
    sql = render(
        "{insert} WHERE {wrong}"
        " ON CONFLICT (pass) DO UPDATE SET stale = excluded.stale, last_hour = excluded.last_hour",
        db.dialect,
        insert=_INSERT_STALE,
        wrong=_WRONG,
    )
    db.run(sql, values | {"first": first + wrong.by, "last": last + wrong.by})
    rollups.mark_stale(db, wrong.observer, first, last)  # the hours that they have left


_INSERT_STALE = (
    "INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)"
    " SELECT key, observer, TRUE, {hour:started}, last_hour FROM heartbeat_pass_rows"
)


def _save_moved(db: Database, observer: str, spans: list[Span]) -> None:
    before = understood(preferences.get(db, _MOVED_SETTING + observer), _pairs) or []
    preferences.put(db, _MOVED_SETTING + observer, json.dumps([*before, *spans][-_MAX_MOVED:]))


def was_moved(db: Database, observer: str, started: float) -> bool:
    """Whether a pass of this observer that started then was moved to another time."""
    spans = understood(preferences.get(db, _MOVED_SETTING + observer), _pairs) or []
    return any(first <= started <= last for first, last in spans)


def _pairs(stored: list[Any]) -> list[tuple[float, float]]:
    return [(number(first), number(last)) for first, last in stored]


def discard_future(db: Database, now: float) -> None:
    """Remove rollups that lie ahead of `now`, have hours that are not over rolled up again when they are, and set the
    first hour whose checks are in the log to what is really there."""
    rollups.lock(db)
    hour = hour_of(now)
    db.run("DELETE FROM heartbeat_hours WHERE hour > ?", (hour,))
    db.run("DELETE FROM heartbeat_hour_gauges WHERE hour > ?", (hour,))
    _mark_hours_stale(db, "started >= to_timestamp(:at)", float((hour + 1) * HOUR))
    if rollups.first_kept_hour(db) <= hour:
        return
    ((first,),) = db.rows("SELECT min(started) FROM heartbeat_pass_rows WHERE started <= to_timestamp(?)", (now,))
    rollups.set_first_kept_hour(db, hour if first is None else hour_of(first))
    # While it was too late, hours counted as rolled up that were not, or not to their end.
    whole = "SELECT hour FROM heartbeat_hours WHERE hour < (SELECT max(hour) FROM heartbeat_hours)"
    _mark_hours_stale(db, "started <= to_timestamp(:at) AND {hour:started} NOT IN (" + whole + ")", now)


def _mark_hours_stale(db: Database, which: str, at: float) -> None:
    """Have the hours that these passes began in rolled up again; `which` is a condition with the value `:at`."""
    sql = render(
        "{insert} WHERE {which} ON CONFLICT (pass) DO UPDATE SET stale ="
        " CASE WHEN heartbeat_pending.stale <= excluded.stale THEN heartbeat_pending.stale ELSE excluded.stale END",
        db.dialect,
        insert=_INSERT_STALE,
        which=which,
    )
    db.run(sql, {"at": at})


def ignore_checks_after(db: Database, observer: str, now: float) -> None:
    """Let the checks of this observer after `now` count for no time: they were made under a clock that had jumped
    ahead."""
    later = "SELECT p.key FROM heartbeat_pass_rows p JOIN heartbeat_observers o ON o.key = p.observer WHERE o.id = ?"
    db.run(
        f"UPDATE heartbeat_log SET reach = 0 WHERE at > to_timestamp(?) AND pass IN ({later}"
        " AND p.started > to_timestamp(?))",
        (now, observer, now),
    )
