"""Times in which no pass ran although one should have: neither up nor down, but not watched."""

import json

from heartbeat_cli.domain.coverage import Gap, Watch
from heartbeat_cli.store import preferences
from heartbeat_cli.store.database import Database

_WATCH = "watched/"  # and the observer: among the settings, which travel to the spool and back


def note(db: Database, gap: Gap) -> None:
    """Record a gap; the same one twice is one."""
    db.run(
        "INSERT INTO heartbeat_gaps (observer, started, ended, reason) VALUES (?, to_timestamp(?), to_timestamp(?), ?)"
        " ON CONFLICT (observer, started) DO NOTHING",
        gap,
    )


def watch(db: Database, observer: str) -> Watch | None:
    """How far an observer's regular passes have come; None before the first."""
    return _watch(preferences.get(db, _WATCH + observer))


def keep_watch(db: Database, observer: str, watch: Watch) -> None:
    preferences.put(db, _WATCH + observer, json.dumps(watch))


def watches(db: Database) -> list[Watch]:
    """The watch of every observer there ever was."""
    rows = db.rows("SELECT value FROM heartbeat_settings WHERE name LIKE ?", (_WATCH + "%",))
    return [found for (text,) in rows if (found := _watch(text)) is not None]


def _watch(text: str | None) -> Watch | None:
    if text is None:
        return None
    started, ended, ahead, gap = json.loads(text)
    return Watch(started, ended, ahead, (gap[0], gap[1]) if gap else None)


def edges(db: Database, end: float) -> tuple[float, float] | None:
    """When the first pass of all, and the last one before `end`, started; None when there was none."""
    sql = "SELECT (SELECT min(started) FROM heartbeat_passes), (SELECT max(started) FROM heartbeat_passes"
    ((first, last),) = db.rows(sql + " WHERE started < to_timestamp(?))", (end,))
    return None if first is None or last is None else (first, last)


def between(db: Database, start: float, end: float) -> list[Gap]:
    """The gaps that touch a span of time, oldest first."""
    rows = db.rows(
        "SELECT observer, started, ended, reason FROM heartbeat_gaps WHERE started < to_timestamp(?)"
        " AND ended >= to_timestamp(?) ORDER BY started, observer",
        (end, start),
    )
    return [Gap(*row) for row in rows]
