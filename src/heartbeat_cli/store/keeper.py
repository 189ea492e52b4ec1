"""The store of a working pass: the configured one, or, while that does not answer, a local spool in its place.

`Keeper.do(work)` runs a piece of work on whichever is in use. When the store fails in the middle, the work is done again
on the spool, so each piece must be repeatable: a pass is keyed by its id, an alert by what happened, an attempt by when.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from heartbeat_cli.config import Config
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store import database, mirror, schema, spool
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.spool import Degraded

T = TypeVar("T")


class Keeper:
    """Open it under the lock only: it replays and throws away spools. A context manager that closes what it opened.

    `degraded` is why the spool is in use (None: the store is); `restored` is a degraded time that ended just now.
    """

    def __init__(self, config: Config, now: float) -> None:
        self._config = config
        self._timeout = config.heartbeat.store_timeout
        self._mirror = config.state_dir / "mirror.json"
        self.degraded: str | None = None
        self.restored: Degraded | None = None
        try:
            self.db = self._open_store(now)
        except StoreError as error:
            self.db = self._open_spool(error, now)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def do(self, work: Callable[[Database], T], now: float) -> T:
        """Do a piece of work, on the spool if the store fails in it. Raises StoreError when the spool fails too."""
        try:
            return work(self.db)
        except StoreError as error:
            if self.degraded is not None:
                raise
            self.db.close()
            self.db = self._open_spool(error, now)
            return work(self.db)

    def refresh_mirror(self, now: float) -> None:
        """Copy what the next pass needs, so that it can go on without the store. A disk that is full is no reason to
        fail a pass that is already kept."""
        if self.degraded is None and self.db.dialect != "sqlite":
            try:
                mirror.write(self._mirror, mirror.snapshot(self.db, self._config.observer, now))
            except OSError:
                return

    def _open_store(self, now: float) -> Database:
        db = database.connect(self._config.store, self._timeout)
        try:
            schema.migrate(db)
            for path in spool.existing(self._config.state_dir):
                self._replay(path, db, now)
        except BaseException:
            db.close()
            raise
        return db

    def _replay(self, path: Path, db: Database, now: float) -> None:
        """A spool goes only after the store has it; one that cannot be read is put aside, never deleted."""
        try:
            kept = database.SQLite(path, self._timeout)
            schema.migrate(kept)
        except StoreError:
            path.rename(path.with_name(f"spool-unreadable-{round(now)}.db"))
            return
        try:
            self.restored = spool.replay(kept, db, now) or self.restored
        finally:
            kept.close()
        spool.discard(path)

    def _open_spool(self, error: StoreError, now: float) -> Database:
        reason = str(error)
        self.degraded = reason
        begun = Degraded(f"{self._config.observer}@{round(now * 1000)}", self._config.observer, now, reason)
        there = spool.existing(self._config.state_dir)
        places = [path for path in there[-1:]] or [f / "spool.db" for f in spool.folders(self._config.state_dir)]
        failures = [reason]
        for path in places:
            try:
                return spool.begin(path, lambda: self._seed(now), begun, self._timeout)
            except (StoreError, OSError) as failed:
                failures.append(str(failed))
        raise StoreError("; ".join(failures))

    def _seed(self, now: float) -> mirror.Snapshot:
        """The mirror; a SQLite store that cannot be written any more can often still be read."""
        if not self._config.store.startswith("sqlite:"):
            return mirror.read(self._mirror)
        try:
            db = database.connect(self._config.store, self._timeout)
        except StoreError:
            return {}
        try:
            return mirror.snapshot(db, self._config.observer, now)
        except StoreError:
            return {}
        finally:
            db.close()
