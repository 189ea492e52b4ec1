"""The store of a working pass: the configured one, or, while that does not answer, a local spool in its place.

`Keeper.do(work)` runs a piece of work on whichever is in use. When the store fails in the middle, the work is done
again on the spool, so each piece must be repeatable: a pass is keyed by its id, an alert by what happened, an attempt
by when it began.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from heartbeat_cli.config import Config
from heartbeat_cli.domain.coverage import Degraded
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store import database, mirror, schema, spool
from heartbeat_cli.store.database import Database

T = TypeVar("T")


class Keeper:
    """Open it under the lock only: it replays and throws away spools. A context manager that closes what it opened.

    `degraded` is why the spool is in use (None: the store is), `news` what a person should hear about it, once.
    """

    def __init__(self, config: Config, now: float) -> None:
        self._config = config
        self._timeout = config.heartbeat.store_timeout
        self._mirror = config.state_dir / "mirror.json"
        self.degraded: str | None = None
        self.news: list[str] = []
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
        db = self.db
        try:
            return work(db)
        except StoreError as error:
            if db is self.db:
                if self.degraded is not None:
                    raise
                self.db = self._open_spool(error, now)
                db.close()
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
            covered = spool.replay(kept, db, now)
        finally:
            kept.close()
        spool.discard(path)
        if covered is not None:
            lasted = duration(now - covered.started)
            self.news.append(f"store {db.where} answers again; what was seen in {lasted} without it is in it now")

    def _open_spool(self, error: StoreError, now: float) -> Database:
        self.degraded = str(error)
        name = f"{self._config.observer}@{round(now * 1000)}"
        begun = Degraded(name, self._config.observer, now, self.degraded)
        there = spool.existing(self._config.state_dir)
        places = there[-1:] or [folder / "spool.db" for folder in spool.folders(self._config.state_dir)]
        failures = [self.degraded]
        for path in places:
            try:
                db = spool.begin(path, lambda: self._seed(now), begun, self._timeout)
            except (StoreError, OSError) as failed:
                failures.append(str(failed))
                continue
            if not there:
                self.news.append(f"{self.degraded}; going on with {path} until the store answers")
            return db
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
