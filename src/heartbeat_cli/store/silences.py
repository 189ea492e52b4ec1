"""Silences and ad hoc maintenance: for whom, from when to when, and why."""

from fnmatch import fnmatchcase
from typing import NamedTuple

from heartbeat_cli.domain.component import Component
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.text import storable


class Silence(NamedTuple):
    """`kind` is `silence` (no messages) or `maintenance` (no messages, no recovery); `target` an id, kind or glob."""

    id: str
    target: str
    kind: str
    starts: float
    ends: float
    reason: str
    created_by: str

    def covers(self, component: Component, now: float) -> bool:
        hit = self.target in (component.id, component.kind) or fnmatchcase(component.id, self.target)
        return hit and self.starts <= now < self.ends


def add(db: Database, silence: Silence) -> None:
    db.run(
        "INSERT INTO heartbeat_silences (id, target, kind, starts, ends, reason, created_by)"
        " VALUES (?, ?, ?, to_timestamp(?), to_timestamp(?), ?, ?)",
        silence._replace(reason=storable(silence.reason)),
    )


def active(db: Database, now: float) -> list[Silence]:
    """Silences that are in force or still to come."""
    rows = db.rows(
        "SELECT id, target, kind, starts, ends, reason, created_by FROM heartbeat_silences"
        " WHERE ends > to_timestamp(?) ORDER BY starts, id",
        (now,),
    )
    return [Silence(*row) for row in rows]


def end(db: Database, id_: str, now: float) -> bool:
    """End a silence now; False when there is none of that id in force."""
    changed = db.run(
        "UPDATE heartbeat_silences SET ends = to_timestamp(?) WHERE id = ? AND ends > to_timestamp(?)",
        (now, id_, now),
    )
    return changed > 0
