"""What a wrong clock left in the store is put right once the clock is: see `passes/watching.py`.

`move` brings what was written under a clock that was days or years off to the time it was written in. `marks` takes
back what lies in the future after a clock that was wrong for so long that it was believed.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from heartbeat_cli.domain.checking.clock_trust import Span, Stay
from heartbeat_cli.domain.checking.coverage import HOUR, hour_of
from heartbeat_cli.store.history import rollups
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.dialects import render
from heartbeat_cli.store.sql.identity import LOCAL
from heartbeat_cli.store.sql.partitions import ensure_day

_DAY = 86_400
_MAX_DAYS = 400  # that partitions are made for at most
_MAX_AHEAD = 7_200.0  # seconds that what a pass notes may lie ahead of it: a next try, the end of a grace
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
_WITHIN = "{0} >= to_timestamp(?) AND {0} <= to_timestamp(?)"
_MOVED_SETTING, _MAX_MOVED = (
    f"{LOCAL}moved/",
    50,
)  # and the observer: the setting with the spans that its passes were moved from
_MOVED = "({0} + (to_timestamp(?) - to_timestamp(?)))"


def move(db: Database, observer: str, spans: Iterable[Stay], since: float, now: float) -> None:
    """Move what was written in `spans` under a wrong clock to when it was really written. The clock of this observer is
    right at `now` and was wrong for some time after its pass at `since`. Where the store's clock does not tell the real
    time, it is the middle between the two. Call it in the transaction of the pass that noticed."""
    spans = list(spans)
    right = _last_trusted_pass(db, observer, spans, now)
    for first, last, ahead in spans:
        # Not later than now; by whole seconds, which SQLite's numbers bear without loss.
        by = ahead or min((since + now) / 2 - (first + last) / 2, now - 1 - last) // 1
        for day in range(int(first + by) // _DAY, int(last + by) // _DAY + 1)[:_MAX_DAYS]:
            ensure_day(db, float(day * _DAY))
        _move_times(db, _WrongPasses(observer, right), (first, last), by)
        _move_passes(db, _WrongPasses(observer, right), (first, last), by)
    _save_moved(db, observer, [(first, last) for first, last, _ in spans])


class _WrongPasses(NamedTuple):
    """Of an observer the passes that were made after the one with the key `right`, which was the last under a clock
    that could be trusted."""

    observer: str
    right: int

    def passes(self, span: Span) -> tuple[str, tuple[Any, ...]]:
        """Which rows of `heartbeat_pass_rows` were made by the wrong clock in that span, as a condition."""
        of = "observer = (SELECT key FROM heartbeat_observers WHERE id = ?) AND key > ?"
        return f"{of} AND {_WITHIN.format('started')}", (self.observer, self.right, *span)


def _last_trusted_pass(db: Database, observer: str, spans: Sequence[Stay], now: float) -> int:
    """The key of this observer's newest pass before `now` that lies in none of the spans; 0 where there is none."""
    outside = "".join(f" AND NOT ({_WITHIN.format('started')})" for _ in spans)
    sql = (
        "SELECT max(key) FROM heartbeat_pass_rows WHERE started < to_timestamp(?)"
        f" AND observer = (SELECT key FROM heartbeat_observers WHERE id = ?){outside}"
    )
    ((key,),) = db.rows(sql, (now, observer, *(moment for first, last, _ in spans for moment in (first, last))))
    return key or 0


def _move_times(db: Database, mine: _WrongPasses, span: Span, by: float) -> None:
    """What was written beside the passes of a span. Where the wrong clock told a time that really was, with passes in
    it, only what bears the very moment of a wrong pass is known to be of it."""
    wrong, those = mine.passes(span)
    within = (span[0], span[1] + _MAX_AHEAD)
    real = f"SELECT 1 FROM heartbeat_pass_rows WHERE {_WITHIN.format('started')} AND NOT ({wrong}) LIMIT 1"
    mixed = bool(db.rows(real, (*within, *those)))
    for table, columns in _TIMES.items():
        for column in columns:
            which, values = _WITHIN.format(column), tuple[Any, ...](within)
            if mixed:
                which, values = f"{column} IN (SELECT started FROM heartbeat_pass_rows WHERE {wrong})", those
            db.run(f"UPDATE {table} SET {column} = {_MOVED.format(column)} WHERE {which}", (by, 0.0, *values))
    if not mixed:
        sql = f"UPDATE heartbeat_silences SET starts = {_MOVED}, ends = {_MOVED.format('ends')} WHERE {_WITHIN}"
        db.run(sql.format("starts"), (by, 0.0, by, 0.0, *within))


def _move_passes(db: Database, mine: _WrongPasses, span: Span, by: float) -> None:
    """The passes of a span, with all that was seen in them. Their hours are to be worked out anew."""
    which, those = mine.passes(span)
    at, of = f"SET at = {_MOVED.format('at')} WHERE {_WITHIN.format('at')}", (by, 0.0, *span, *those)
    db.run(f"UPDATE heartbeat_log {at} AND pass IN (SELECT key FROM heartbeat_pass_rows WHERE {which})", of)
    db.run(f"UPDATE heartbeat_samples {at} AND at IN (SELECT started FROM heartbeat_pass_rows WHERE {which})", of)
    started = _MOVED.format("started")
    sql = (
        f"UPDATE heartbeat_pass_rows SET started = {started},"
        f" last_hour = last_hour - {{hour:started}} + {{hour:{started}}} + 1 WHERE {which}"
    )
    db.run(render(sql, db.dialect), (by, 0.0, by, 0.0, *those))
    sql = (
        "INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour) SELECT key, observer, TRUE,"
        f" {{hour:started}}, last_hour FROM heartbeat_pass_rows WHERE {which}"
        " ON CONFLICT (pass) DO UPDATE SET stale = excluded.stale, last_hour = excluded.last_hour"
    )
    db.run(render(sql, db.dialect), mine.passes((span[0] + by, span[1] + by))[1])
    rollups.mark_stale(db, mine.observer, *span)  # whoever rolled up the hours that they have left


def _save_moved(db: Database, observer: str, spans: list[Span]) -> None:
    before = json.loads(preferences.get(db, _MOVED_SETTING + observer) or "[]")
    preferences.put(db, _MOVED_SETTING + observer, json.dumps([*before, *spans][-_MAX_MOVED:]))


def was_moved(db: Database, observer: str, started: float) -> bool:
    """Whether a pass of this observer that is not there any more was moved away from that moment."""
    spans = json.loads(preferences.get(db, _MOVED_SETTING + observer) or "[]")
    return any(first <= started <= last for first, last in spans)


def discard_future(db: Database, now: float) -> None:
    """Take back the marks and rollups that lie ahead of `now`: hours that are not over are rolled up again when they
    are, and single heartbeats are forgotten no further than they have gone."""
    rollups.lock(db)
    hour = hour_of(now)
    db.run("DELETE FROM heartbeat_hours WHERE hour > ?", (hour,))
    db.run("DELETE FROM heartbeat_hour_gauges WHERE hour > ?", (hour,))
    _mark_hours_stale(db, "started >= to_timestamp(?)", float((hour + 1) * HOUR))
    if rollups.first_kept_hour(db) <= hour:
        return
    ((first,),) = db.rows("SELECT min(started) FROM heartbeat_pass_rows WHERE started <= to_timestamp(?)", (now,))
    rollups.set_first_kept_hour(db, hour if first is None else hour_of(first))
    # Under that mark hours counted as rolled up that were not, or not to their end.
    whole = "SELECT hour FROM heartbeat_hours WHERE hour < (SELECT max(hour) FROM heartbeat_hours)"
    _mark_hours_stale(db, f"started <= to_timestamp(?) AND {{hour:started}} NOT IN ({whole})", now)


def _mark_hours_stale(db: Database, which: str, at: float) -> None:
    """The hours that these passes began in are to be rolled up anew."""
    sql = (
        "INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour) SELECT key, observer, TRUE,"
        f" {{hour:started}}, last_hour FROM heartbeat_pass_rows WHERE {which}"
        " ON CONFLICT (pass) DO UPDATE SET stale = CASE WHEN heartbeat_pending.stale <= excluded.stale"
        " THEN heartbeat_pending.stale ELSE excluded.stale END"
    )
    db.run(render(sql, db.dialect), (at,))


def ignore_checks_after(db: Database, observer: str, now: float) -> None:
    """What this observer saw after `now` was seen under a clock that had jumped ahead: it speaks for no time."""
    later = "SELECT p.key FROM heartbeat_pass_rows p JOIN heartbeat_observers o ON o.key = p.observer WHERE o.id = ?"
    db.run(
        f"UPDATE heartbeat_log SET reach = 0 WHERE at > to_timestamp(?) AND pass IN ({later}"
        " AND p.started > to_timestamp(?))",
        (now, observer, now),
    )
