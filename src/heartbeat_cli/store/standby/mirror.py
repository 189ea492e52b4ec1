"""The mirror: a small local copy of what the next pass needs, refreshed by every good pass. A spool starts from it.

It has states, incidents that are open or may be reopened, with their attempts, alerts and notifications that are not
done with, last checks, beats, silences and settings, as one JSON file. It has no history, and of what only other hosts
check nothing that is healthy, so its size depends on the number of components that this host checks. Its first line,
the head, says which store it was copied from and how far that had come. Every pass reads the head, to notice a store
that is another one, or that has lost records.
"""

import json
import os
from binascii import crc32
from contextlib import suppress
from pathlib import Path
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.history.passes import SHARED_SETTING
from heartbeat_cli.store.sql import tables
from heartbeat_cli.store.sql.conditions import checked_by
from heartbeat_cli.store.sql.database import Database, DatabaseError, Row
from heartbeat_cli.store.sql.identity import LAST_SEEN, LOCAL, WATCHED
from heartbeat_cli.store.sql.text import understood
from heartbeat_cli.store.state import states
from heartbeat_cli.system.files import open_own, read_own, write_own

_REOPEN_SECONDS = 3_600.0  # seconds after its end in which an incident may be reopened: the limit of `reopen_within`
_LIVE = "ended IS NULL OR ended > to_timestamp(?)"
_LIVE_INCIDENTS = f"SELECT id FROM heartbeat_incidents WHERE {_LIVE}"
_LIVE_ALERTS = (
    f"SELECT alert_id FROM heartbeat_alert_rows WHERE incident IN ({_LIVE_INCIDENTS})"
    " OR incident IN (SELECT id FROM heartbeat_degraded WHERE ended IS NULL)"
    " OR incident IN (SELECT unobserved_alert FROM heartbeat_state WHERE unobserved_alert IS NOT NULL)"
    " UNION SELECT alert_id FROM heartbeat_outbox WHERE state = 'waiting'"
)
# Settings of other hosts that only they read, and that grow with the number of hosts or of what these check.
_OF_ONE_HOST = (LAST_SEEN, SHARED_SETTING)
_SETTINGS = "name NOT LIKE ?" + " AND (name NOT LIKE ? OR name = ?)" * len(_OF_ONE_HOST)
_SENDS_SECONDS = 3_600.0  # seconds of sends that the next passes need

NAME = "mirror.json"
REFUSED = "mirror-refused.json"  # one whose rows its own store would not take
_PROGRESS_FILE = "passed"  # the file beside it that says when the last pass into a SQLite store began
_MAX_BYTES = 256_000_000  # bytes: more than any store's mirror takes
_MAX_HEAD_BYTES = 4_096  # bytes that the head takes at most

_ATTEMPTS_SECONDS = 2 * 86_400.0  # seconds: the longest budget window and rearm time of recovery, together

Snapshot = dict[str, list[Any]]
_Wanted = dict[str, tuple[str, tuple[Any, ...]]]  # by table: which rows, and the values in that


class Head(Record):
    """Which store a mirror was copied from (its identity, '' where that is not known), for which observer, how far the
    passes of that observer had come (as `gaps` stores it), and, of a SQLite store, the fingerprint of its content."""

    store: str
    observer: str
    watched: str | None = None
    mark: str = ""

    def agrees(self, db: Database, observer: str) -> bool:
        """Whether this is the mirror of that store, for this observer, and the store has at least as many records."""
        if (self.store, self.observer) != (db.identity, observer):
            return False
        known, found = gaps.parse_watch(self.watched), gaps.parse_watch(db.watch_json)
        return known is None or (found is not None and known.started <= found.started)


def snapshot(db: Database, observer: str, now: float) -> Snapshot:
    """The rows that the next passes of this observer need, by table."""
    others = [value for prefix in _OF_ONE_HOST for value in (f"{prefix}%", prefix + observer)]
    wanted: _Wanted = {
        tables.SETTINGS.name: (f"WHERE {_SETTINGS}", (f"{LOCAL}%", *others)),
        tables.COMPONENTS.name: (
            f"WHERE id {checked_by(db)}",
            (observer,),
        ),
        tables.STATE.name: (f"WHERE {states.needed_condition(db)}", (observer,)),
        tables.LAST_CHECKS.name: ("WHERE observer = ?", (observer,)),
        tables.INCIDENTS.name: (f"WHERE {_LIVE}", (now - _REOPEN_SECONDS,)),
        tables.RECOVERIES.name: (
            f"WHERE incident IN ({_LIVE_INCIDENTS}) OR started >= to_timestamp(?) ORDER BY key",
            (now - _REOPEN_SECONDS, now - _ATTEMPTS_SECONDS),
        ),
        tables.BEATS.name: ("ORDER BY key", ()),
        tables.SILENCES.name: ("WHERE ends > to_timestamp(?)", (now,)),
    }
    found, to_notify = (_select_in_one_query if db.dialect == "postgres" else _select_each)(db, wanted)
    if found[tables.INCIDENTS.name] or to_notify:
        for table in (tables.ALERTS, tables.OUTBOX):
            live = f"WHERE alert_id IN (SELECT alert_id FROM ({_LIVE_ALERTS}) live)"
            found[table.name] = table.select(db, live, (now - _REOPEN_SECONDS,))
        found[tables.SENDS.name] = tables.SENDS.select(
            db, "WHERE at > to_timestamp(?) ORDER BY key", (now - _SENDS_SECONDS,)
        )
        found[tables.TEXTS.name] = _texts(db, found)
    return found


def _texts(db: Database, found: Snapshot) -> list[Any]:
    """What the lines in these rows were made of; those in an alert's details, too."""
    from heartbeat_cli.domain.text import strings
    from heartbeat_cli.store.sql import sentences  # of use while something is wrong

    lines = {one for rows in found.values() for row in rows for one in row if isinstance(one, str)}
    details = tables.ALERTS.columns.index("details")
    for row in found[tables.ALERTS.name]:
        lines.update(understood(row[details], lambda value: list(strings(value))) or ())
    return sentences.rows(db, lines)


_SELDOM = (tables.ALERTS, tables.OUTBOX, tables.SENDS, tables.TEXTS)
_ALWAYS = tuple(table for table in tables.ALL if table not in _SELDOM)


_ANYTHING_TO_NOTIFY = (
    "SELECT 1 FROM heartbeat_outbox WHERE state = 'waiting'"
    " UNION ALL SELECT 1 FROM heartbeat_degraded WHERE ended IS NULL"
    " UNION ALL SELECT 1 FROM heartbeat_state WHERE unobserved_alert IS NOT NULL LIMIT 1"
)


def _select_each(db: Database, wanted: _Wanted) -> tuple[Snapshot, bool]:
    """The tables that are always copied, and whether there is anything to notify people of."""
    found = {table.name: table.select(db, *wanted.get(table.name, ("", ()))) for table in _ALWAYS}
    return found, bool(db.rows(_ANYTHING_TO_NOTIFY))


def _select_in_one_query(db: Database, wanted: _Wanted) -> tuple[Snapshot, bool]:
    """The same from PostgreSQL in one round trip. It is not used for SQLite, whose JSON has too few digits for
    times."""
    chosen = [(table, *wanted.get(table.name, ("", ()))) for table in _ALWAYS]
    packed = [table.json_rows(where) for table, where, _ in chosen]
    params = [value for _, _, values in chosen for value in values]
    ((*rows, to_notify),) = db.rows(f"SELECT {', '.join(packed)}, EXISTS ({_ANYTHING_TO_NOTIFY})", params)
    return {table.name: _unpacked(db, table, text) for table, text in zip(_ALWAYS, rows, strict=True)}, to_notify


def _unpacked(db: Database, table: tables.PortableTable, text: object) -> list[Row]:
    """The rows that the server packed into JSON. Raises DatabaseError where it holds none, or others than the table
    has: a column has one type for all rows, so that the first tells."""
    try:
        found = foreign_json.parse(text) if isinstance(text, str) else None
    except foreign_json.NotJson:
        found = None
    if not isinstance(found, list) or not all(isinstance(row, list) for row in found):
        raise DatabaseError(db.where, "sent a value that cannot be read (no rows in JSON)")
    if found and not (len(found[0]) == len(table.columns) and table.is_as_made(found[0])):
        raise DatabaseError(db.where, f"{table.name} has columns of other types than heartbeat made; was it altered?")
    return [tuple(row) for row in found]


# Every part of it uses an index or a small table: it is run at every pass, however old the store is.
_FINGERPRINT = (
    "SELECT (SELECT group_concat(id || ' ' || coalesce(held_by, '') || coalesce(acked, '')) FROM"
    " (SELECT * FROM heartbeat_incidents WHERE ended IS NULL ORDER BY id)),"
    " (SELECT max(rowid) FROM heartbeat_alert_rows), (SELECT max(key) FROM heartbeat_sends),"
    " (SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'),"
    " (SELECT group_concat(key || outcome || coalesce(verified, '')) FROM"
    " (SELECT * FROM heartbeat_recoveries ORDER BY key DESC LIMIT 32)),"
    " (SELECT group_concat(component || state) FROM"
    " (SELECT component, state FROM heartbeat_state WHERE state IN ('fault', 'recovering') OR degraded ORDER BY 1)),"
    " (SELECT count(*) || ' ' || total(ends) FROM heartbeat_silences),"
    " (SELECT value FROM heartbeat_settings WHERE name = 'strategy'),"
    " (SELECT value FROM heartbeat_settings WHERE name = ?)"
)


def fingerprint(db: Database, observer: str) -> tuple[str, str | None]:
    """Returns what tells whether a SQLite store must be copied again, and how far the observer's passes have come. The
    fingerprint changes when something began, ended, was notified or was done. Most passes change nothing, and make no
    copy."""
    *seen, watched = db.rows(_FINGERPRINT, (WATCHED + observer,))[0]
    return f"{crc32(json.dumps(seen).encode()):08x}", watched


def head_of(db: Database, observer: str, copy: Snapshot, mark: str = "") -> Head:
    """The head for a copy that was just made of this store."""
    watched = next((value for name, value in copy.get(tables.SETTINGS.name, ()) if name == WATCHED + observer), None)
    return Head(db.identity, observer, watched, mark)


def save_progress(path: Path, watched: str | None) -> None:
    """Note in a file beside the mirror how far the passes have come since it was copied. Raises OSError."""
    if (known := gaps.parse_watch(watched)) is not None:
        beside = path.with_name(_PROGRESS_FILE)
        try:
            handle = open_own(beside, os.O_WRONLY | os.O_CREAT)
        except OSError:  # of another user, or no regular file: the next pass makes a new one
            os.unlink(beside)
            raise
        try:
            os.pwrite(handle, f"{known.started:018.6f}\n".encode(), 0)
        finally:
            os.close(handle)


def _newest_progress(path: Path, watched: str | None) -> str | None:
    """How far the passes have come, by the mirror or by the file beside it."""
    known = gaps.parse_watch(watched)
    if known is None:  # or it cannot be understood: it came from the store
        return None
    with suppress(OSError, ValueError):
        at = float(read_own(path.with_name(_PROGRESS_FILE), _MAX_HEAD_BYTES))
        if at > known.started:
            return json.dumps(known._replace(started=at, ended=max(at, known.ended)))
    return watched


def refresh(
    path: Path, db: Database, observer: str, now: float, known: Head | None, copy: Snapshot | None = None
) -> Head:
    """Bring the mirror up to date. `known` is its current head, `copy` a snapshot that was made already. Returns the
    new head. Raises OSError or StoreError when that cannot be done."""
    seen = ""
    if db.dialect == "sqlite":
        seen, watched = fingerprint(db, observer)
        if known is not None and (known.store, known.observer, known.mark) == (db.identity, observer, seen):
            save_progress(path, watched)
            return known
    copy = copy or snapshot(db, observer, now)
    head = head_of(db, observer, copy, seen)
    write(path, copy, head)
    return head


def write(path: Path, copy: Snapshot, head: Head) -> None:
    """Write a snapshot. Raises OSError when the file cannot be written."""
    text, about = encode(copy), json.dumps(head, ensure_ascii=False)
    write_own(path, f"{_checksum(text)} {crc32(about.encode()):08x} {about}\n{text}")


def head(path: Path) -> Head | None:
    """The head of the mirror, without reading the rest; None where there is no mirror, an earlier version wrote it, or
    it is damaged."""
    with suppress(OSError, ValueError):
        line = read_own(path, _MAX_BYTES, _MAX_HEAD_BYTES).partition(b"\n")[0].decode()
        _, sum_, about = line.split(" ", 2)
        if sum_ == f"{crc32(about.encode()):08x}":
            found = Head(*json.loads(about))
            return found._replace(watched=_newest_progress(path, found.watched))
    return None


def swap(path: Path, old: str, new: str) -> Head | None:
    """Put the mirror of the store `old` aside, and take that of the store `new` if it was put aside before. Returns its
    head. A mirror that cannot be moved is overwritten by the next one."""
    with suppress(OSError):
        path.replace(path.with_name(f"mirror-of-{old}.json"))
    with suppress(OSError):
        path.with_name(_PROGRESS_FILE).unlink(missing_ok=True)
        path.with_name(f"mirror-of-{new}.json").replace(path)
    return head(path)


def read(path: Path) -> Snapshot:
    """The last snapshot; empty where there is none, it is damaged, or it was made for other tables. Then the spool
    starts empty, and detection in the store adds what the store knows."""
    try:
        line, _, text = read_own(path, _MAX_BYTES).decode().partition("\n")
    except (OSError, ValueError):
        return {}
    seal, *rest = line.split(" ", 2)  # an earlier version wrote the seal alone
    sound = not rest or (len(rest) == 2 and rest[0] == f"{crc32(rest[1].encode()):08x}")
    return usable(decode(text)) if sound and seal == _checksum(text) else {}


def encode(copy: Snapshot) -> str:
    return json.dumps(copy, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Snapshot:
    found: Snapshot = {name: [tuple(row) for row in rows] for name, rows in json.loads(text).items()}
    return found


def usable(copy: Snapshot) -> Snapshot:
    """The rows of a snapshot as a store can hold them. One that does not fit is left out: it would end every pass."""
    return {table.name: table.usable(copy.get(table.name, [])) for table in tables.ALL}


def fill(db: Database, copy: Snapshot) -> None:
    """Fill an empty store from a snapshot."""
    for table in tables.ALL:
        table.merge(db, copy.get(table.name, []))


def _checksum(text: str) -> str:
    """Changes with the text, and with the tables and columns of this version."""
    shape = "".join(f"{table.name}({','.join(table.columns)})" for table in tables.ALL)
    return f"{crc32(shape.encode()):08x}{crc32(text.encode()):08x}"
