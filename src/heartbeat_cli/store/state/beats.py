"""Beats: signs of life that components report themselves (`heartbeat beat`)."""

from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import storable

MAX_BEATS = 20  # those that a check needs; older ones are deleted when new ones come


class Beat(Record):
    """One report: `event` is success, start or fail; `rid` pairs a start with its end."""

    component: str
    at: float
    event: str
    exit_code: int | None = None
    message: str | None = None
    rid: str | None = None


def add(db: Database, beat: Beat) -> None:
    """Save a beat, and delete those that no check needs any more."""
    beat = beat._replace(message=storable(beat.message), rid=storable(beat.rid))
    with db.transaction():
        db.run(
            "INSERT INTO heartbeat_beats (component, at, event, exit_code, message, rid)"
            " VALUES (?, to_timestamp(?), ?, ?, ?, ?) ON CONFLICT (component, at, event) DO NOTHING",
            beat,
        )
        db.run(
            "DELETE FROM heartbeat_beats WHERE component = ? AND key <= (SELECT key FROM heartbeat_beats"
            " WHERE component = ? ORDER BY key DESC LIMIT 1 OFFSET ?)",
            (beat.component, beat.component, MAX_BEATS),
        )


def recent(db: Database, component: str) -> dict[str, Any]:
    """What a push monitor is given as memory: the last beats, oldest first, and when the component was registered."""
    rows = db.rows(
        "SELECT at, event, exit_code, message, rid FROM heartbeat_beats WHERE component = ? ORDER BY key DESC LIMIT ?",
        (component, MAX_BEATS),
    )
    known = db.rows("SELECT registered FROM heartbeat_components WHERE id = ?", (component,))
    names = ("at", "event", "exit_code", "message", "rid")
    beats = [dict(zip(names, row, strict=True)) for row in reversed(rows)]
    return {"beats": beats, "registered": known[0][0] if known else None}
