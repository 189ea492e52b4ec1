"""The file of a SQLite store: made for this user alone, and in WAL mode."""

import os
import time
from pathlib import Path
from typing import Any

from heartbeat_cli import trusted


def use_wal(connection: Any, until: float) -> None:
    """Change the journal mode. That wants the file alone for a moment, and SQLite does not wait for it as it does for
    everything else: of several first starts at once all but one would be told `database is locked`."""
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
    Raises OSError for what is no regular file (SQLite would read a device, and wait for a FIFO), or not ours alone."""
    trusted.make_folder(path.parent)
    os.close(trusted.open_file(path, os.O_RDWR | os.O_CREAT))
