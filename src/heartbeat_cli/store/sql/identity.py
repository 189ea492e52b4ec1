"""The identity of a store: a random id, made once and kept in its settings. Files of the state folder bear it, so that
what was recorded for one store is never written into another."""

import os

from heartbeat_cli.store.sql.database import Database, DatabaseError, Row

LOCAL = "store/"  # how the names of settings begin that belong to one store and never travel to another
STRATEGY = "strategy"  # the setting that holds the name which `heartbeat strategy set` was given
TIDIED = "tidied/"  # and an observer: the hour rolled up to, and when to prune next (tidy.py)
WATCHED = "watched/"  # and an observer: the setting that says how far its regular passes have come (gaps.py)
LAST_SEEN = "sights/"  # and an observer: when it last looked at the others, and what it saw (peer_liveness.py)
_NAME = f"{LOCAL}id"
_LATE = f"{LOCAL}late"  # that it was given its identity when it held passes already
_SUCCEEDS = f"{LOCAL}succeeds/"  # and the identity of a store that was here before

_MAX_LENGTH = 64  # characters of an identity

_SETTING = "(SELECT value FROM heartbeat_settings WHERE name = ?)"
_VERSION = f"SELECT version, {_SETTING}, {_SETTING}, {_SETTING}, {_SETTING}"

_INSERT = "INSERT INTO heartbeat_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"


def version(db: Database, observer: str) -> int:
    """The version of the tables, 0 where there are none. It is read at every opening, and in the same round trip
    `db.identity`, `db.watch_json` (of this observer), `db.clock_ahead` and what every pass reads once."""
    ahead = STRATEGY, TIDIED + observer
    rows = db.rows_with_clock(_VERSION, "FROM heartbeat_schema", (_NAME, WATCHED + observer, *ahead))
    if not rows:
        return 0
    found, given, watch, *values = _checked(db, rows[0], 3 + len(ahead))
    db.read_ahead = dict(zip(ahead, values, strict=True))
    # Files bear the identity in their names: what no heartbeat has given the store is none.
    sound = given and len(given) <= _MAX_LENGTH and given.isascii() and given.isalnum()
    db.identity, db.watch_json = given if sound else "", watch
    return db.whole(found)


def _checked(db: Database, row: Row, length: int) -> Row:
    """The row: a version, then texts. Raises DatabaseError for any other, which a server may send all the same."""
    if len(row) != length or not all(one is None or isinstance(one, str) for one in row[1:]):
        raise DatabaseError(db.where, "sent a value that cannot be read (no settings)")
    return row


def create(db: Database, observer: str) -> None:
    """Give the store an identity unless it has one: of several first starts at once the first one's is used."""
    with db.transaction():
        if db.run(_INSERT, (_NAME, os.urandom(8).hex())) and db.rows("SELECT 1 FROM heartbeat_pass_rows LIMIT 1"):
            db.run(_INSERT, (_LATE, "1"))
    version(db, observer)


def restore(db: Database, earlier: str) -> bool:
    """Give a store its earlier identity back, after it was restored from a backup that is older than identities; that
    it was given one late shows it. Returns False where that is not so. Call it in a transaction."""
    if not db.run("DELETE FROM heartbeat_settings WHERE name = ?", (_LATE,)):
        return False
    db.run("UPDATE heartbeat_settings SET value = ? WHERE name = ?", (earlier, _NAME))
    db.identity = earlier
    return True


def succeeds(db: Database, earlier: str) -> bool:
    """Whether this store replaces the one with the identity `earlier`: it is new and has no pass yet, or a host has
    saved the succession before."""
    rows = db.rows(
        "SELECT NOT EXISTS (SELECT 1 FROM heartbeat_pass_rows)"
        " OR EXISTS (SELECT 1 FROM heartbeat_settings WHERE name = ?)",
        (_SUCCEEDS + earlier,),
    )
    return bool(rows[0][0])


def save_succession(db: Database, earlier: str) -> None:
    """Tell the other hosts of this store that it replaces another one."""
    db.run(_INSERT, (_SUCCEEDS + earlier, "1"))
