"""Which store this is: a random id, made once and kept in its settings. Files of the state folder bear it, so that what
was kept for one store is never taken into another."""

import os

from heartbeat_cli.store.sql.database import Database

LOCAL = "store/"  # how the names of settings begin that belong to one store and never travel to another
WATCHED = "watched/"  # and an observer: the setting that says how far its regular passes have come (gaps.py)
_NAME = f"{LOCAL}id"
_LATE = f"{LOCAL}late"  # that it was given its identity when it held passes already
_SUCCEEDS = f"{LOCAL}succeeds/"  # and the identity of a store that was here before

_VERSION = (
    "SELECT version, (SELECT value FROM heartbeat_settings WHERE name = ?),"
    " (SELECT value FROM heartbeat_settings WHERE name = ?)"
)

_INSERT = "INSERT INTO heartbeat_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"


def version(db: Database, observer: str) -> int:
    """The version of the tables, 0 for a store that has none. Every opening asks for it, so the identity, how far the
    observer has come, and the server's clock are read in the same round trip, into `db.identity`, `db.watch_json` and
    `db.clock_ahead`."""
    rows = db.rows_with_clock(_VERSION, "FROM heartbeat_schema", (_NAME, WATCHED + observer))
    if not rows:
        return 0
    found, db.identity, db.watch_json = rows[0][0], rows[0][1] or "", rows[0][2]
    return int(found)


def create(db: Database, observer: str) -> None:
    """Give the store an identity unless it has one: of several first starts the second one finds that of the first."""
    with db.transaction():
        if db.run(_INSERT, (_NAME, os.urandom(8).hex())) and db.rows("SELECT 1 FROM heartbeat_pass_rows LIMIT 1"):
            db.run(_INSERT, (_LATE, "1"))
    version(db, observer)


def restore(db: Database, earlier: str) -> bool:
    """Give a store back the identity that it had: it was restored from a backup that is older than identities, as its
    being given one late shows. False where that is not so. Call it in a transaction."""
    if not db.run("DELETE FROM heartbeat_settings WHERE name = ?", (_LATE,)):
        return False
    db.run("UPDATE heartbeat_settings SET value = ? WHERE name = ?", (earlier, _NAME))
    db.identity = earlier
    return True


def succeeds(db: Database, earlier: str) -> bool:
    """Whether this store replaces the one with the identity `earlier`: it is new and holds no pass yet, or a host has
    noted the succession before."""
    rows = db.rows(
        "SELECT NOT EXISTS (SELECT 1 FROM heartbeat_pass_rows)"
        " OR EXISTS (SELECT 1 FROM heartbeat_settings WHERE name = ?)",
        (_SUCCEEDS + earlier,),
    )
    return bool(rows[0][0])


def save_succession(db: Database, earlier: str) -> None:
    """Note for the other hosts of this store that it replaces another one."""
    db.run(_INSERT, (_SUCCEEDS + earlier, "1"))
