"""A small local copy of what the next pass needs, refreshed by every good pass: the seed of the spool.

States, open incidents and their attempts, alerts and notifications that are not done with, last looks, beats, silences
and settings, as one JSON file. It holds no history, so its size follows the number of components, not their age.
"""

import json
from binascii import crc32
from pathlib import Path
from typing import Any

from heartbeat_cli.files import write_whole
from heartbeat_cli.store import tables
from heartbeat_cli.store.database import Database

_OPEN = "SELECT id FROM heartbeat_incidents WHERE ended IS NULL"
_LIVE_ALERTS = (
    f"SELECT alert_id FROM heartbeat_alert_rows WHERE incident IN ({_OPEN})"
    " OR incident IN (SELECT id FROM heartbeat_degraded WHERE ended IS NULL)"
    " OR incident IN (SELECT unobserved_alert FROM heartbeat_state WHERE unobserved_alert IS NOT NULL)"
    " UNION SELECT alert_id FROM heartbeat_outbox WHERE state = 'waiting'"
)
_TRIES = 3_600.0  # seconds of tries to deliver that the next passes look back on

_BRAKES_REMEMBER = 2 * 86_400.0  # seconds: the longest window and quiet time that recovery may be given, together

Snapshot = dict[str, list[Any]]
_Wanted = dict[str, tuple[str, tuple[Any, ...]]]  # by table: which rows, and the values in that


def snapshot(db: Database, observer: str, now: float) -> Snapshot:
    """The rows that the next passes of this observer need, by table."""
    wanted: _Wanted = {
        tables.LOOKS.name: ("WHERE observer = ?", (observer,)),
        tables.INCIDENTS.name: ("WHERE ended IS NULL", ()),
        tables.RECOVERIES.name: (
            f"WHERE incident IN ({_OPEN}) OR started >= to_timestamp(?) ORDER BY key",
            (now - _BRAKES_REMEMBER,),
        ),
        tables.BEATS.name: ("ORDER BY key", ()),
        tables.SILENCES.name: ("WHERE ends > to_timestamp(?)", (now,)),
    }
    found, told = (_at_once if db.dialect == "postgres" else _one_by_one)(db, wanted)
    if found[tables.INCIDENTS.name] or told:
        for table in (tables.ALERTS, tables.OUTBOX):
            live = f"WHERE alert_id IN (SELECT alert_id FROM ({_LIVE_ALERTS}) live)"
            found[table.name] = table.select(db, live)
        found[tables.SENDS.name] = tables.SENDS.select(db, "WHERE at > to_timestamp(?) ORDER BY key", (now - _TRIES,))
    return found


_ALWAYS = tuple(table for table in tables.ALL if table not in (tables.ALERTS, tables.OUTBOX, tables.SENDS))


_TOLD = (
    "SELECT 1 FROM heartbeat_outbox WHERE state = 'waiting'"
    " UNION ALL SELECT 1 FROM heartbeat_degraded WHERE ended IS NULL"
    " UNION ALL SELECT 1 FROM heartbeat_state WHERE unobserved_alert IS NOT NULL LIMIT 1"
)


def _one_by_one(db: Database, wanted: _Wanted) -> tuple[Snapshot, bool]:
    """What is always wanted, and whether there is something to tell."""
    found = {table.name: table.select(db, *wanted.get(table.name, ("", ()))) for table in _ALWAYS}
    return found, bool(db.rows(_TOLD))


def _at_once(db: Database, wanted: _Wanted) -> tuple[Snapshot, bool]:
    """The same from PostgreSQL in one round trip. Not so from SQLite, whose JSON gives times too few digits."""
    chosen = [(table, *wanted.get(table.name, ("", ()))) for table in _ALWAYS]
    packed = [table.packed(where) for table, where, _ in chosen]
    params = [value for _, _, values in chosen for value in values]
    ((*rows, told),) = db.rows(f"SELECT {', '.join(packed)}, EXISTS ({_TOLD})", params)
    return {table.name: [tuple(row) for row in some] for table, some in zip(_ALWAYS, rows, strict=True)}, told


def write(path: Path, copy: Snapshot) -> None:
    """Keep a snapshot; raises OSError when the file cannot be written."""
    text = encode(copy)
    write_whole(path, f"{_seal(text)}\n{text}", 0o600)


def read(path: Path) -> Snapshot:
    """The last snapshot; empty where there is none, it is damaged, or it was made for other tables (then the spool
    starts from nothing, and what the store knows comes in when the spool is judged there)."""
    try:
        seal, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return {}
    return decode(text) if seal == _seal(text) else {}


def encode(copy: Snapshot) -> str:
    return json.dumps(copy, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Snapshot:
    found: Snapshot = {name: [tuple(row) for row in rows] for name, rows in json.loads(text).items()}
    return found


def plant(db: Database, copy: Snapshot) -> None:
    """Fill an empty store from a snapshot."""
    for table in tables.ALL:
        table.merge(db, copy.get(table.name, []))


def _seal(text: str) -> str:
    """What a power cut, an editor, or an upgrade that changes the tables breaks."""
    shape = "".join(f"{table.name}({','.join(table.columns)})" for table in tables.ALL)
    return f"{crc32(shape.encode()):08x}{crc32(text.encode()):08x}"
