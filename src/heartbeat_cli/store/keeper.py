"""The store of a working pass: the configured one, or, while that does not answer, a local spool in its place.

`Keeper.do(work)` runs a piece of work on whichever is in use. When the store fails in the middle, the work is done
again on the spool, so each piece must be repeatable: a pass is keyed by its id, an alert by what happened, an attempt
by when it began. `Keeper.note(work)` is for what cannot be done again because it has happened outside (a message is
sent, a rung was run): should the store go away later in the same pass, the spool hears of it, too.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from heartbeat_cli.config import Config
from heartbeat_cli.domain.coverage import Degraded
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store import database, mirror, schema, spool
from heartbeat_cli.store.database import Database, SQLite

T = TypeVar("T")
Judge = Callable[[Database, Degraded | None], object]
_PATIENCE = 3.0  # times the store's timeout: what all its statements of a pass may take together


class Keeper:
    """Open it under the lock only: it replays and throws away spools. A context manager that closes what it opened.

    `degraded` says since when and why the spool is in use (None: the store is), `news` what a person should hear about
    it, once.
    """

    def __init__(self, config: Config, now: float) -> None:
        self._config = config
        self._timeout = config.heartbeat.store_timeout
        self._mirror = config.state_dir / "mirror.json"
        self._prepared: mirror.Snapshot | None = None
        self._noted: list[Callable[[Database], None]] = []
        self.degraded: Degraded | None = None
        self.news: list[str] = []
        try:
            self.db = self._open_store()
        except StoreError as error:
            self.db = self._open_spool(error, now)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def do(self, work: Callable[[Database], T], now: float) -> T:
        """Do a piece of work, on the spool if the store fails in it, and on another spool if that one does. Raises
        StoreError when nothing is left to try."""
        while True:
            db = self.db
            try:
                return work(db)
            except StoreError as error:
                if db is self.db:
                    self.db = self._open_spool(error, now)
                    db.close()

    def note(self, work: Callable[[Database], None], now: float) -> None:
        """Keep what has happened outside, in the store in use and in any that takes its place in this pass."""
        self.do(work, now)
        self._noted.append(work)

    def catch_up(self, judge: Judge, now: float) -> None:
        """Bring what was kept without the store into it. `judge` works on the store after each part, and is told the
        whole time covered after the last; only then is the spool thrown away."""
        if self.degraded is not None:
            return
        for path in spool.existing(self._config.state_dir):
            try:
                self._catch_up(path, judge, now)
            except StoreError as error:
                broken, self.db = self.db, self._open_spool(error, now)
                broken.close()
                return

    def refresh_mirror(self, now: float) -> None:
        """Copy what the next pass needs, so that it can go on without the store. A disk that is full is no reason to
        fail a pass that is already kept, and neither is a store that goes away just now."""
        if self.degraded is None and self.db.dialect != "sqlite":
            with suppress(OSError, StoreError):
                copy, self._prepared = self._prepared, None
                mirror.write(self._mirror, copy or mirror.snapshot(self.db, self._config.observer, now))

    def prepare_mirror(self, db: Database, now: float) -> None:
        """Take the copy for the next `refresh_mirror` inside the transaction that it belongs to: then neither a kill
        nor the end of the store finds time between the two."""
        if db is self.db and self.degraded is None and db.dialect != "sqlite":
            self._prepared = mirror.snapshot(db, self._config.observer, now)

    def _open_store(self) -> Database:
        db = schema.opened(self._config.store, self._timeout, self._timeout * _PATIENCE)
        db.for_components(len(self._config.components))
        return db

    def _catch_up(self, path: Path, judge: Judge, now: float) -> None:
        kept = None
        try:
            kept = self._opened(path)
            covered = spool.since(kept)
            if covered is not None:
                self._replay(kept, covered._replace(ended=max(now, covered.started)), judge, now)
        except StoreError as error:
            if kept is not None:
                kept.close()
            if not _unusable(error, path):
                raise
            self._put_aside(path, error, now)
            return
        kept.close()
        spool.discard(path)

    def _opened(self, path: Path) -> Database:
        """A spool for reading; on a full disk it can be had only alone."""
        for sole in (False, True):
            kept = None
            try:
                kept = SQLite(path, self._timeout, sole=sole)
                schema.migrate(kept)
                return kept
            except StoreError as error:
                if kept is not None:
                    kept.close()
                if sole or _unusable(error, path):
                    raise
        raise AssertionError("unreachable")

    def _replay(self, kept: Database, covered: Degraded, judge: Judge, now: float) -> None:
        for _ in spool.replay(kept, self.db, self._config.observer, now):
            judge(self.db, None)
            self.db.patience = self._timeout * _PATIENCE  # it gets on
        spool.finish(kept, self.db, covered)
        judge(self.db, covered)
        self.refresh_mirror(now)
        lasted = duration(now - covered.started)
        self.news.append(f"store {self.db.where} answers again; what was seen in {lasted} without it is in it now")

    def _put_aside(self, path: Path, error: Exception, now: float) -> None:
        """One that cannot be read, now or ever, must not keep the watch from going on; it is never deleted."""
        self.news.append(f"{error}; kept as {spool.put_aside(path, now)}")

    def _open_spool(self, error: StoreError, now: float) -> Database:
        """The spool that is in use, or the next place for one. Where the failing one was a spool itself, the next goes
        on with what that one holds."""
        there = spool.existing(self._config.state_dir)
        begun = Degraded(f"{self._config.observer}@{round(now * 1000)}", self._config.observer, now, str(error))
        failures = [str(error)]
        for path in self._places(there):
            try:
                db = self._begin(path, begun, now)
            except (StoreError, OSError) as failed:
                failures.append(str(failed))
                continue
            if path not in there:
                self.news.append(f"{error}; going on with {path} until the store answers")
            return db
        raise StoreError("; ".join(failures))

    def _places(self, there: list[Path]) -> list[Path]:
        """Where to go on: with the newest spool there is, unless that is what has just failed, else further on."""
        all_ = [folder / "spool.db" for folder in spool.folders(self._config.state_dir)]
        start = all_.index(there[-1]) if there else 0
        in_use = self.db.where if self.degraded is not None else None
        return [path for path in all_[start:] if str(path) != in_use]

    def _begin(self, path: Path, begun: Degraded, now: float) -> Database:
        try:
            db = spool.begin(path, lambda: self._seed(path, now), self._since(path) or begun, self._timeout)
        except StoreError as error:
            if not path.exists() or not _unusable(error, path):
                raise
            self._put_aside(path, error, now)
            db = spool.begin(path, lambda: self._seed(path, now), begun, self._timeout)
        try:
            self.degraded = spool.since(db)
            for work in self._noted:
                work(db)
        except BaseException:
            db.close()
            raise
        return db

    def _since(self, path: Path) -> Degraded | None:
        """The outage goes on where one spool takes the place of another."""
        earlier = [one for one in spool.existing(self._config.state_dir) if one != path]
        return next((found for one in earlier if (found := self._of(one, spool.since))), None)

    def _seed(self, path: Path, now: float) -> mirror.Snapshot:
        """What an earlier spool holds, or a SQLite store that cannot be written any more but still be read, or the
        mirror."""

        def copy(db: Database) -> mirror.Snapshot:
            return mirror.snapshot(db, self._config.observer, now)

        for one in spool.existing(self._config.state_dir):
            if one != path and (found := self._of(one, lambda db: copy(db) if spool.since(db) else None)):
                return found
        if not self._config.store.startswith("sqlite:///"):
            return mirror.read(self._mirror)
        return self._of(Path(self._config.store.removeprefix("sqlite:///")).expanduser(), copy) or {}

    def _of(self, path: Path, ask: Callable[[Database], T]) -> T | None:
        """What a database file has to say, if it can be read: also on a full disk, where only a sole reader can."""
        try:
            db = self._opened(path)
        except StoreError:
            return None
        try:
            return ask(db)
        except StoreError:
            return None
        finally:
            db.close()


def _unusable(error: StoreError, path: Path) -> bool:
    """Whether it is the spool that is no good, and not the store it is read into, or a disk that is full."""
    if isinstance(error, database.Failure):
        return error.where == str(path) and error.damaged
    return str(error).startswith(f"store {path}: made by a newer")
