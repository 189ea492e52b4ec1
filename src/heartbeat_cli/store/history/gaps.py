"""Gaps: times in which no pass ran although one should have. They are neither up nor down, but not watched."""

import json
from typing import Any

from heartbeat_cli.domain.checking.clock_trust import Suspect
from heartbeat_cli.domain.checking.coverage import HOUR, Gap, Watch, cut, hour_of
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.identity import WATCHED
from heartbeat_cli.store.sql.text import number, understood

_NO_END = 253_402_300_799.0  # the last second that both stores can write as a date
_CLOCK = "clock/"  # and the observer: what is known of its clock while that is suspect, else nothing


def save(db: Database, gap: Gap) -> None:
    """Save a gap; saving it again changes nothing. Checks before it do not count for it, so hours that are rolled up
    become stale."""
    new = db.run(
        "INSERT INTO heartbeat_gaps (observer, started, ended, reason) VALUES (?, to_timestamp(?), to_timestamp(?), ?)"
        " ON CONFLICT (observer, started) DO NOTHING",
        gap,
    )
    if new:
        from heartbeat_cli.store.history import rollups  # with all that figures are made of: no ordinary pass needs it

        rollups.mark_stale(db, gap.observer, gap.started, gap.ended)


def truncate(db: Database, observer: str, now: float, tick: float) -> None:
    """End the gaps of this observer at `now`, to which its clock was set back, because the time after that is being
    watched. `tick` is the interval of passes (seconds). Call it in the transaction that notices."""
    for gap in _ending_after(db, observer, now):
        left = cut((gap.started, gap.ended), now, tick)
        where, key = "WHERE observer = ? AND started = to_timestamp(?)", (observer, gap.started)
        if left is None:
            db.run(f"DELETE FROM heartbeat_gaps {where}", key)
        else:
            reason = Text(
                "no pass for {span}, expected every {every}", span=duration(now - gap.started), every=duration(tick)
            )
            db.run(f"UPDATE heartbeat_gaps SET ended = to_timestamp(?), reason = ? {where}", (now, reason, *key))
        from heartbeat_cli.store.history import rollups

        rollups.mark_stale(db, observer, gap.started, gap.ended)


def _ending_after(db: Database, observer: str, now: float) -> list[Gap]:
    rows = db.rows(
        "SELECT observer, started, ended, reason FROM heartbeat_gaps WHERE observer = ? AND ended > to_timestamp(?)",
        (observer, now),
    )
    return [Gap(*row) for row in rows]


def watch(db: Database, observer: str) -> Watch | None:
    """How far an observer's regular passes have come; None before the first."""
    return parse_watch(preferences.get(db, WATCHED + observer))


def save_watch(db: Database, observer: str, watch: Watch) -> None:
    preferences.put(db, WATCHED + observer, json.dumps(watch))


def watches(db: Database) -> dict[str, Watch]:
    """The watch of every known observer."""
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name LIKE ? ORDER BY name", (WATCHED + "%",))
    return _parse_watches(rows)


def clocks(db: Database) -> tuple[dict[str, Watch], dict[str, Suspect]]:
    """The watch of every known observer, and what is known of clocks that are suspect."""
    rows = db.rows(
        "SELECT name, value FROM heartbeat_settings WHERE name LIKE ? OR name LIKE ? ORDER BY name",
        (WATCHED + "%", _CLOCK + "%"),
    )
    found = {name.removeprefix(_CLOCK): _parse_suspect(text) for name, text in rows if name.startswith(_CLOCK)}
    return _parse_watches(rows), {name: one for name, one in found.items() if one is not None}


def watch_and_suspect(db: Database, observer: str) -> tuple[Watch | None, Suspect | None]:
    """The same of this observer only."""
    names = (WATCHED + observer, _CLOCK + observer)
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name IN (?, ?)", names)
    found: dict[str, str] = dict(rows)
    return parse_watch(found.get(names[0])), _parse_suspect(found.get(names[1]))


def save_suspect(db: Database, observer: str, suspect: Suspect | None) -> None:
    """Save what is known of a suspect clock; None when it is trusted again. That is written as well, because a deleted
    row would not be copied from a spool to the store."""
    preferences.put(db, _CLOCK + observer, "" if suspect is None else json.dumps(suspect))


def forget_watch(db: Database, observer: str) -> bool:
    """Forget an observer. Returns False when it was not known."""
    db.run("DELETE FROM heartbeat_settings WHERE name = ?", (_CLOCK + observer,))
    return db.run("DELETE FROM heartbeat_settings WHERE name = ?", (WATCHED + observer,)) > 0


def _parse_watches(rows: list[tuple[Any, ...]]) -> dict[str, Watch]:
    found = {name.removeprefix(WATCHED): parse_watch(text) for name, text in rows if name.startswith(WATCHED)}
    return {name: one for name, one in found.items() if one is not None}


def parse_watch(text: str | None) -> Watch | None:
    """A watch from its stored form; None where there is none, or none that can be understood."""
    return understood(text, _as_watch)


def _as_watch(stored: list[Any]) -> Watch | None:
    started, ended, ahead, gap, *rest = stored  # the rest came later, and more may come
    between = (number(gap[0]), number(gap[1])) if gap else None
    return Watch(number(started), number(ended), number(ahead), between, *map(number, rest[:3]))


def _parse_suspect(text: str | None) -> Suspect | None:
    return understood(text, _as_suspect)


def _as_suspect(stored: list[Any]) -> Suspect | None:
    reason, began, since, trail, gaps, spans, frame, notified, *_ = stored
    came = _as_watch(trail) if trail else None
    pairs = tuple((number(first), number(last)) for first, last in gaps)
    stays = tuple((number(first), number(last), number(by)) for first, last, by in spans)
    return Suspect(str(reason), number(began), number(since), came, pairs, stays, number(frame), bool(notified))


def first_and_last_pass(db: Database, until: float | None = None) -> tuple[float, float] | None:
    """The start of the first and of the last pass of all (epoch seconds), of those that started by `until`, because a
    clock may have been ahead. Passes that retention has deleted count by their hours. None when there was no pass."""
    from heartbeat_cli.store.history import rollups

    until = _NO_END if until is None else until
    ((hour, later, first, last),) = db.rows(
        "SELECT (SELECT min(hour) FROM heartbeat_hours), (SELECT max(hour) FROM heartbeat_hours WHERE hour <= ?),"
        " (SELECT min(started) FROM heartbeat_pass_rows),"
        " (SELECT max(started) FROM heartbeat_pass_rows WHERE started <= to_timestamp(?))",
        (hour_of(until), until),
    )
    begins = [] if first is None else [first]
    if hour is not None and hour < rollups.first_kept_hour(db):
        begins.append(hour * HOUR)
    ends = [one for one in (last, None if later is None else later * HOUR) if one is not None]
    return (float(min(begins)), float(max(ends))) if begins and ends else None


def pass_spans(db: Database) -> dict[str, tuple[float, float]]:
    """The start of the first and of the last pass of every observer, of those that retention has not deleted (epoch
    seconds)."""
    rows = db.rows(
        "SELECT o.id, min(p.started), max(p.started) FROM heartbeat_pass_rows p"
        " JOIN heartbeat_observers o ON o.key = p.observer GROUP BY o.id"
    )
    return {name: (first, last) for name, first, last in rows}


def between(db: Database, start: float, end: float) -> list[Gap]:
    """The gaps that overlap a span of time, oldest first."""
    rows = db.rows(
        "SELECT observer, started, ended, reason FROM heartbeat_gaps WHERE started < to_timestamp(?)"
        " AND ended >= to_timestamp(?) ORDER BY started, observer",
        (end, start),
    )
    return [Gap(*row) for row in rows]
