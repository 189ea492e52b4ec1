"""Spools and stores as files of SQLite: opened for reading also where a full disk allows it to a sole reader only."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.sql import database, schema
from heartbeat_cli.store.sql.database import Database, SQLite

T = TypeVar("T")


def open_spool(path: Path, timeout: float) -> Database:
    """A spool for reading; on a full disk it can be had only alone. Raises StoreError."""
    if path.is_symlink():
        raise database.DatabaseError(str(path), "is a symbolic link")
    for sole in (False, True):
        kept = None
        try:
            kept = SQLite(path, timeout, sole=sole)
            schema.migrate(kept)
            return kept
        except StoreError as error:
            if kept is not None:
                kept.close()
            if sole or is_unusable(error, path):
                raise
    raise AssertionError("unreachable")


def query(path: Path, timeout: float, question: Callable[[Database], T]) -> T | None:
    """What a database file has to say, if it can be read."""
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
    """Whether it is the spool that is no good, and not the store it is read into, or a disk that is full."""
    if isinstance(error, database.DatabaseError):
        return error.where == str(path) and error.damaged
    return str(error).startswith(f"store {path}: made by a newer")
