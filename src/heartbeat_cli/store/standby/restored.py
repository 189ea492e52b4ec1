"""Brings a store that has fewer records than this host's mirror up to the mirror: one that was restored from a backup,
or a new one that replaces another.

So no fault is reported or ended twice, and no recovery step is taken beyond its budget. The heartbeats between the
backup and the mirror are lost, and count as not checked. Everything here runs in one transaction with its alert.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.history.passes import observer_keys
from heartbeat_cli.store.sql import identity, tables
from heartbeat_cli.store.sql.database import Database, Row, placeholders
from heartbeat_cli.store.sql.identity import TIDIED, WATCHED
from heartbeat_cli.store.standby import mirror
from heartbeat_cli.store.standby.mirror import Head, Snapshot

_REMARK = "notified before the store went back in time"


class StoreWentBack(Record):
    """A store with fewer records than the mirror: `replaced` by a new one, or restored. The store's records end at
    `store_until` (epoch seconds; None: it has none of this host), those of the mirror at `mirror_until`."""

    replaced: bool
    store_until: float | None
    mirror_until: float


OnWentBack = Callable[[Database, StoreWentBack], object]


def reconcile(db: Database, path: Path, head: Head, observer: str, on_went_back: OnWentBack) -> bool | None:
    """Handle a mirror and a store that do not agree. Returns whether the store was brought up to the mirror, None when
    it is another store. `on_went_back` raises the alert, in the same transaction."""
    if head.store == db.identity and head.observer != observer:
        with db.transaction():
            reassign(db, head.observer, observer)
        return True
    replaced = head.store != db.identity
    if replaced and not identity.succeeds(db, head.store):
        with db.transaction():
            if not (_shares_a_component(db, mirror.read(path)) and identity.restore(db, head.store)):
                return None
        replaced = False
    copy = mirror.read(path) if replaced or is_behind(db, head) else {}
    if copy:
        with db.transaction():
            on_went_back(db, bring_up_to_mirror(db, copy, head, replaced=replaced))
            if replaced:
                identity.save_succession(db, head.store)
    return bool(copy)


def _shares_a_component(db: Database, copy: Snapshot) -> bool:
    """Whether store and mirror hold a component that was registered at the same moment, so they belong together."""
    known = set(db.rows("SELECT id, registered FROM heartbeat_components"))
    return any((id_, registered) in known for id_, _, registered in copy.get(tables.COMPONENTS.name, ()))


def is_behind(db: Database, head: Head) -> bool:
    """Whether the store, which is the mirror's own, does not have the last pass that the mirror knows of."""
    known = gaps.parse_watch(head.watched)
    if known is None or head.agrees(db, head.observer):
        return False
    # A clock that was set back, or `observers --forget`, leaves the pass where it is.
    sql = (
        "SELECT 1 FROM heartbeat_pass_rows WHERE started = to_timestamp(?)"
        " AND observer = (SELECT key FROM heartbeat_observers WHERE id = ?)"
    )
    if db.rows(sql, (known.started, head.observer)):
        return False
    from heartbeat_cli.store.history import clock_repair

    return not clock_repair.was_moved(db, head.observer, known.started)


def reassign(db: Database, before: str, after: str) -> None:
    """Assign the passes that wait for detection to the new name of an observer that was renamed."""
    keys = observer_keys(db, [before, after])
    sql = "UPDATE heartbeat_pending SET observer = ? WHERE NOT detected AND observer = ?"
    db.run(sql, (keys[after], keys[before]))


def bring_up_to_mirror(db: Database, copy: Snapshot, head: Head, *, replaced: bool) -> StoreWentBack:
    """Write the records of the mirror into a store. In a restored one, also end what it has as open and the mirror as
    ended."""
    known, found = gaps.parse_watch(head.watched), gaps.parse_watch(db.watch_json)
    until = known.started if known else 0.0
    if not replaced:
        _end_incidents(db, copy, until)
        _end_silences(db, copy, until)
        _mark_sent(db, copy, until)
        _mark_detected(db, head.observer, until)
    mine = {row[1] for row in copy.get(tables.LAST_CHECKS.name, ())}
    for table in tables.ALL:
        rows = copy.get(table.name, [])
        if table is tables.SETTINGS:
            rows = _settings(db, rows, head)
        elif table is tables.COMPONENTS:
            there = {row[0] for row in db.rows("SELECT id FROM heartbeat_components")}
            rows = [row for row in rows if row[0] not in there]
        elif table is tables.STATE and not replaced:  # what only others check they have changed since, or will replay
            rows = [row for row in rows if row[0] in mine]
        table.merge(db, rows)
    return StoreWentBack(replaced, found.started if found else None, until)


def _settings(db: Database, rows: Sequence[Row], head: Head) -> list[Row]:
    """The settings that are copied: the later watch of each observer, and nothing that is true only of the rows of the
    other store."""
    there: dict[str, str] = dict(db.rows("SELECT name, value FROM heartbeat_settings"))
    found = []
    for name, value in [*rows, *([(WATCHED + head.observer, head.watched)] if head.watched else [])]:
        if name.startswith(TIDIED):
            continue
        if name.startswith(WATCHED):
            theirs, ours = gaps.parse_watch(there.get(name)), gaps.parse_watch(value)
            if theirs is not None and ours is not None and theirs.started > ours.started:
                continue
        there[name] = value
        found.append((name, value))
    return list(dict(found).items())


def _end_incidents(db: Database, copy: Snapshot, until: float) -> None:
    """End the incidents that were open in the backup and are not open in the mirror: their end was reported then."""
    key, end = (tables.INCIDENTS.columns.index(name) for name in ("id", "ended"))
    open_ = {row[key] for row in copy.get(tables.INCIDENTS.name, ()) if row[end] is None}
    rows = db.rows(
        "SELECT id, declared FROM heartbeat_incidents WHERE ended IS NULL AND declared <= to_timestamp(?)", (until,)
    )
    for id_, declared in rows:
        if id_ not in open_:
            sql = "UPDATE heartbeat_incidents SET ended = to_timestamp(?) WHERE id = ?"
            db.run(sql, (max(until, declared), id_))


def _end_silences(db: Database, copy: Snapshot, until: float) -> None:
    kept = _column(tables.SILENCES, copy, "id")
    rows = db.rows(
        "SELECT id FROM heartbeat_silences WHERE starts <= to_timestamp(?) AND ends > to_timestamp(?)", (until, until)
    )
    gone = [id_ for (id_,) in rows if id_ not in kept]
    for id_ in gone:
        db.run("UPDATE heartbeat_silences SET ends = to_timestamp(?) WHERE id = ?", (until, id_))


def _mark_sent(db: Database, copy: Snapshot, until: float) -> None:
    """Mark as sent the notifications that waited in the backup and do not wait in the mirror."""
    waiting = _column(tables.OUTBOX, copy, "id")
    rows = db.rows("SELECT id FROM heartbeat_outbox WHERE state = 'waiting' AND created <= to_timestamp(?)", (until,))
    sent_since = [id_ for (id_,) in rows if id_ not in waiting]
    for start in range(0, len(sent_since), 500):
        part = sent_since[start : start + 500]
        db.run(
            "UPDATE heartbeat_outbox SET state = 'sent', sent = to_timestamp(?), lease_until = NULL, note = ?"
            f" WHERE id IN ({placeholders(part)})",
            (until, _REMARK, *part),
        )


def _mark_detected(db: Database, observer: str, until: float) -> None:
    """Mark as detected the passes that waited for detection when the backup was made."""
    db.run(
        "UPDATE heartbeat_pending SET detected = TRUE WHERE NOT detected AND pass IN (SELECT key FROM"
        " heartbeat_pass_rows WHERE started <= to_timestamp(?)"
        " AND observer = (SELECT key FROM heartbeat_observers WHERE id = ?))",
        (until, observer),
    )


def _column(table: tables.PortableTable, copy: Snapshot, name: str) -> set[Any]:
    place = table.columns.index(name)
    return {row[place] for row in copy.get(table.name, ())}
