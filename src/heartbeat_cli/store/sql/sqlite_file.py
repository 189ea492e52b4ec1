"""The file of a SQLite store: made for this user alone, and in WAL mode."""

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any

from heartbeat_cli.system import trusted

SIDES = ("", "-wal", "-shm", "-journal")  # a database, and what SQLite keeps beside it


def use_wal(connection: Any, until: float) -> None:
    """Change the journal mode to WAL. That needs the file alone for a moment, which SQLite does not wait for by itself:
    of several first starts at once all but one would fail with `database is locked`. `until` is a time.monotonic()."""
    import sqlite3

    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() >= until:
                raise
            time.sleep(0.02)


def prepare(path: Path) -> None:
    """Make the folder (0700) and the file (0600) where they are missing, before SQLite makes them readable to all.
    Raises OSError for a path that is no regular file (SQLite would read a device, and wait for a FIFO), or not ours
    alone.

    SQLite takes whatever has the name of its journal, or of the files that its processes share, for its own. So nobody
    else may be able to put a file there, not even into a folder with the sticky bit.
    """
    trusted.make_folder(path.parent)
    trusted.check_alone(path.parent)
    for side in SIDES:
        _check(f"{path}{side}")
    os.close(trusted.open_file(path, os.O_RDWR | os.O_CREAT))


def _check(path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        if path.endswith(SIDES[1:]):  # the database itself may be a link of ours
            raise OSError(errno.EINVAL, f"{path} is not a regular file; remove it", path)
    elif found.st_uid == 0 and not os.access(path, os.R_OK | os.W_OK) and os.path.lexists(path):  # another run deletes
        raise trusted.left_by_root(path)
    elif not trusted.is_ours(found):
        trusted.check(path)
