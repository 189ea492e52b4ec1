"""Spools and SQLite stores as files: opened for reading, also on a full disk, which only a sole reader can do."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.sql import database, schema
from heartbeat_cli.store.sql.database import Database, SQLite
from heartbeat_cli.store.standby import spool

T = TypeVar("T")


def open_spool(path: Path, timeout: float) -> Database:
    """Open a spool for reading; on a full disk that works for a sole reader only. Raises StoreError."""
    if path.is_symlink():
        raise database.DatabaseError(str(path), "is a symbolic link")
    for sole in (False, True):
        db = None
        try:
            db = SQLite(path, timeout, sole=sole)
            schema.migrate(db)
            return db
        except StoreError as error:
            if db is not None:
                db.close()
            if sole or is_unusable(error, path):
                raise
    raise AssertionError("unreachable")


def query(path: Path, timeout: float, question: Callable[[Database], T]) -> T | None:
    """The answer of a database file to a question; None when it cannot be read."""
    try:
        db = open_spool(path, timeout)
    except StoreError:
        return None
    try:
        return question(db)
    except StoreError:
        return None
    finally:
        db.close()


def is_unusable(error: StoreError, path: Path) -> bool:
    """Whether the spool itself is damaged or of a newer version, and not the store or a full disk the trouble."""
    if isinstance(error, database.DatabaseError):
        return error.where == str(path) and error.damaged
    return str(error).startswith(f"store {path}: made by a newer")


def put_aside_unreadable(path: Path, error: Exception, now: float) -> tuple[str, bool]:
    """Move a spool that cannot be read out of the way, so that the pass can go on. It is never deleted. Returns a line
    that says so, and whether the file was moved."""
    try:
        return f"{error}; kept as {spool.put_aside(path, now)}", True
    except OSError as failed:
        return f"{error}; it cannot be moved out of the way: {failed.strerror}", False
