"""Silences and maintenance, by command and as configured: for which components, from when to when, and why."""

from collections.abc import Iterator

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.windows import Span, Window, next_window, window_at
from heartbeat_cli.domain.component import Component, goes_by
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import storable

CONFIGURED = "configuration"  # `created_by` of those that no command made


class Silence(Record):
    """`kind` is `silence` (no messages) or `maintenance` (no messages, no recovery); `target` an id, kind or glob."""

    id: str
    target: str
    kind: str
    starts: float
    ends: float
    reason: str
    created_by: str

    def covers(self, component: Component, now: float) -> bool:
        return goes_by(component, self.target) and self.starts <= now < self.ends


def add(db: Database, silence: Silence) -> None:
    db.run(
        "INSERT INTO heartbeat_silences (id, target, kind, starts, ends, reason, created_by)"
        " VALUES (?, ?, ?, to_timestamp(?), to_timestamp(?), ?, ?)",
        silence._replace(reason=storable(silence.reason)),
    )


def active(db: Database, now: float) -> list[Silence]:
    """The silences made by a command that are in force or still to come."""
    rows = db.rows(
        "SELECT id, target, kind, starts, ends, reason, created_by FROM heartbeat_silences"
        " WHERE ends > to_timestamp(?) ORDER BY starts, id",
        (now,),
    )
    return [Silence(*row) for row in rows]


def in_force(db: Database, config: Config, now: float) -> list[Silence]:
    """Every silence and maintenance in force, by command and as configured; one for each name that a window has under
    `components`."""
    return [one for one in active(db, now) if one.starts <= now] + [
        _as_silence(window, name, span)
        for window, span in _windows(config, now)
        if span[0] <= now
        for name in window.components
    ]


def planned(config: Config, now: float) -> list[Silence]:
    """The configured windows, each with its current or next time; `target` names all components that it concerns. Those
    that are over for good are left out."""
    return [_as_silence(window, ", ".join(window.components), span) for window, span in _windows(config, now)]


def _windows(config: Config, now: float) -> Iterator[tuple[Window, Span]]:
    if not config.maintenance:
        return
    from zoneinfo import ZoneInfo

    for window in config.maintenance.values():
        zone = ZoneInfo(window.timezone or config.timezone)
        if span := window_at(window, now, zone) or next_window(window, now, zone):
            yield window, span


def _as_silence(window: Window, target: str, span: Span) -> Silence:
    return Silence(window.id, target, window.kind, max(0.0, span[0]), span[1], window.reason, CONFIGURED)


def end(db: Database, id_: str, now: float) -> bool:
    """End a silence now. Returns False when none of that id is in force."""
    changed = db.run(
        "UPDATE heartbeat_silences SET ends = to_timestamp(?) WHERE id = ? AND ends > to_timestamp(?)",
        (now, id_, now),
    )
    return changed > 0
