"""Replays spools into the store that they stood in for, once it answers again.

Trouble with a spool is no trouble of the store: it becomes a line for people, the file is kept, and the store is used
without it.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.sql import identity
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool, spool_files

Detect = Callable[[Database, Degraded | None], object]


class Replay:
    """Replays spools into the open store `db`.

    `detect(db, None)` runs detection on the store after each part; after the last one it is called with the time that
    the spool covered. `extend` gives the store its full time for the next part, `finished` is called after each spool.
    `remarks` are lines to be said once, `troubles` lines to be said for as long as they hold.
    """

    def __init__(
        self, config: Config, db: Database, detect: Detect, extend: Callable[[], None], finished: Callable[[], object]
    ) -> None:
        self._timeout, self._observer = config.heartbeat.store_timeout, config.observer
        self._db, self._detect, self._extend, self._finished = db, detect, extend, finished
        self.remarks: list[str] = []
        self.troubles: list[str] = []

    def replay(self, path: Path, now: float) -> None:
        """Replay one spool and throw it away; put it aside when it is of another store. Raises StoreError when the
        store fails."""
        spool_db, store = None, ""
        try:
            spool_db = spool_files.open_spool(path, self._timeout)
            store = spool.store_identity(spool_db) or self._db.identity
            if self._takes_over(store) and (outage := spool.current_outage(spool_db)) is not None:
                self._replay(spool_db, spool.covered_time(spool_db, outage, self._observer, now), now)
            if store != self._db.identity:
                spool_db.rows("PRAGMA wal_checkpoint(TRUNCATE)")  # then the file can be moved alone
        except StoreError as error:
            if spool_db is not None:
                spool_db.close()
            self._keep(path, error, opened=spool_db is not None, now=now)
            return
        spool_db.close()
        with suppress(OSError):  # then the next pass does it again, and replaying twice changes nothing
            spool.put_aside(path, now, store) if store != self._db.identity else spool.discard(path)

    def _takes_over(self, store: str) -> bool:
        """Whether the store is the one with this identity, or replaces it."""
        if store == self._db.identity:
            return True
        if not identity.succeeds(self._db, store):
            return False
        identity.save_succession(self._db, store)  # if this process is killed, the next run goes on
        return True

    def _replay(self, spool_db: Database, covered: Degraded, now: float) -> None:
        for _ in spool.replay(spool_db, self._db, self._observer, now):
            self._detect(self._db, None)
            self._extend()
        spool.finish(spool_db, self._db, covered)
        self._detect(self._db, covered)
        self._finished()
        lasted = duration(now - covered.started)
        where = self._db.where
        self.remarks.append(f"store {where} answers again; what was seen in {lasted} without it is in it now")

    def _keep(self, path: Path, error: StoreError, *, opened: bool, now: float) -> None:
        """Keep a spool that failed. Raises the error when the store has failed instead."""
        if spool_files.is_unusable(error, path):
            line, moved = spool_files.put_aside_unreadable(path, error, now)
            (self.remarks if moved else self.troubles).append(line)
        elif not opened or getattr(error, "where", None) == str(path):
            self.troubles.append(f"{error}; the store is used without it, and the file is kept")
        else:
            raise error
