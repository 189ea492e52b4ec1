"""The store of a pass: the configured one, or, while that does not answer, a local spool in its place.

`Keeper.run(work)` runs a piece of work on whichever is in use. When the store fails during it, the work is run again on
the spool, so each piece must be repeatable: a pass is identified by its id, an alert by what happened, an attempt by
when it began. `Keeper.record(work)` is for what has happened outside and cannot be repeated (a message was sent, a
recovery step was run): when the store fails later in the same pass, it is written into the spool, too.

Mirror and spools bear the identity of their store. Those of another store than the one that answers are put aside,
which people are told, and are used again when their store is back. Trouble with a spool is no trouble of the store.

The rest is apart: `spool_locator` finds where a spool goes and what it starts with, `spool_replay` brings spools into
the store, `restored` handles a store that has lost records. An ordinary pass imports none of them.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.sql import schema
from heartbeat_cli.store.sql.database import Database, DatabaseError
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.system import lock, trusted

if TYPE_CHECKING:
    from heartbeat_cli.store.standby.restored import OnWentBack
    from heartbeat_cli.store.standby.spool_replay import Detect

T = TypeVar("T")
_MIRROR_LOCK_WAIT = 1.0  # seconds: longer than it takes to write the mirror
_REMIND_SECONDS = 7 * 86_400.0  # seconds for which people are reminded of a spool that was put aside
_TIMEOUTS_PER_PASS = 3.0  # times the store's timeout: what all its statements of a pass may take together


class Keeper:
    """A context manager that opens the store, or a spool, and closes it. Use it under the lock of the pass only: it
    replays and throws away spools. After `unlock` it works on the store alone: errors go to the caller, and no spool is
    opened any more.

    db: the store or the spool in use
    degraded: since when and why a spool is in use; None while the store is
    remarks: lines about all this, to be said to a person once
    """

    def __init__(self, config: Config, now: float, release: Callable[[], None] = lambda: None) -> None:
        self._config, self._release = config, release
        self._timeout = config.heartbeat.store_timeout
        self._folder = places.store_folder(config)
        self._mirror = self._folder / mirror.NAME
        self._mirror_lock = lock.Shared(places.config_folder(config), lock.MIRROR)
        self._prepared: mirror.Snapshot | None = None
        self._troubles: list[str] = []
        self._noted: list[Callable[[Database], None]] = []
        self._unlocked = False
        self.degraded: Degraded | None = None
        self.remarks: list[str] = []
        strangers = self._take_over()
        with suppress(OSError):  # now, while the disk is not full: it holds the name of the spool in memory
            trusted.make_folder(self._folder)
        self._head = mirror.head(self._mirror)
        try:
            self.db = self._open_store()
        except StoreError as error:
            self.db = self._open_spool(error, now)
        self._troubles += [f"{one}: is not of this configuration; it is left alone" for one in strangers]

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mirror_lock.release()
        self.db.close()

    def unlock(self) -> bool:
        """Release the lock of the pass, for work that others need not wait for. Returns False while a spool is in use,
        which nobody else may replay and throw away meanwhile."""
        if self.degraded is None and not self._unlocked:
            self._unlocked = True
            self.db.time_left = None  # the work that follows has a deadline of its own
            self._release()
        return self._unlocked

    def extend(self) -> None:
        """Give the statements of another pass their time."""
        if self.degraded is None:
            self.db.time_left = self._timeout * _TIMEOUTS_PER_PASS

    def run(self, work: Callable[[Database], T], now: float) -> T:
        """Run a piece of work and return its result. When the store fails in it, it is run on a spool, and when that
        fails, on another one. Raises StoreError when nothing is left to try."""
        while True:
            db = self.db
            try:
                with db.reading():
                    return work(db)
            except StoreError as error:
                if self._unlocked:
                    raise
                if db is self.db:
                    self.db = self._open_spool(error, now)
                    db.close()

    def record(self, work: Callable[[Database], None], now: float) -> None:
        """Write what has happened outside, into the store in use and into any that replaces it in this pass."""
        self.run(work, now)
        self._noted.append(work)

    def replay_spools(self, detect: "Detect", now: float, on_went_back: "OnWentBack" = lambda db, what: None) -> None:
        """Compare the store with the mirror, then replay what was recorded without it (see `spool_replay.Replay` for
        `detect`). `on_went_back` is called when the store has lost records that the mirror has, in the transaction that
        restores them."""
        if self.degraded is not None:
            return
        try:
            with self.db.reading():
                self._reconcile(now, on_went_back)
                aside = [one for one in spool.aside(self._folder) if spool.identity_of_aside(one) == self.db.identity]
                if paths := aside + spool.existing(self._folder):
                    self._replay(paths, detect, now)
                    self.db.rows("SELECT 1")  # copying for the mirror may have been too much for the connection
        except StoreError as error:
            broken, self.db = self.db, self._open_spool(error, now)
            broken.close()
            return
        for path in spool.aside(self._folder, now - _REMIND_SECONDS):
            self._troubles.append(f"{path}: holds what was seen for another store, and is kept until that is back")
        self._report_troubles(now)

    def _replay(self, paths: list[Path], detect: "Detect", now: float) -> None:
        from heartbeat_cli.store.standby import spool_replay

        replay = spool_replay.Replay(self._config, self.db, detect, self.extend, lambda: self.refresh_mirror(now))
        try:
            for path in paths:
                replay.replay(path, now)
        finally:
            self.remarks += replay.remarks
            self._troubles += replay.troubles

    def _report_troubles(self, now: float) -> None:
        """Say what is wrong with spools, once a day while it lasts."""
        reported = places.config_folder(self._config) / "spool.trouble"
        if self._troubles or reported.exists():
            from heartbeat_cli.system import once

            self.remarks += once.news_of(reported, self._troubles, now)
            self._troubles = []

    @property
    def recorded(self) -> list[Callable[[Database], None]]:
        """What `record` has kept so far."""
        return list(self._noted)

    def refresh_mirror(self, now: float) -> bool:
        """Copy what the next pass needs to go on without the store. Returns False when that fails, because the disk is
        full or the store has just gone away: the pass itself is stored, and does not fail."""
        copied = self.degraded is not None
        if not copied:
            self._mirror_lock.take(alone=True, wait=_MIRROR_LOCK_WAIT)
            with suppress(OSError, StoreError), self.db.reading():
                copy, self._prepared = self._prepared, None
                self._head = mirror.refresh(self._mirror, self.db, self._config.observer, now, self._head, copy)
                copied = True
            self._mirror_lock.release()
        return copied

    def prepare_mirror(self, db: Database, now: float) -> None:
        """Take the copy for the next `refresh_mirror` inside the transaction that it belongs to, so that a kill or the
        end of the store cannot come between the two."""
        if db is self.db and self.degraded is None and db.dialect != "sqlite":
            self._mirror_lock.take(
                alone=True, wait=_MIRROR_LOCK_WAIT
            )  # until it is written, so that no newer copy is overwritten
            self._prepared = mirror.snapshot(db, self._config.observer, now)

    def _open_store(self) -> Database:
        db = schema.open_store(
            self._config.store, self._timeout, self._timeout * _TIMEOUTS_PER_PASS, self._config.observer
        )
        db.expect_components(len(self._config.components))
        return db

    def _take_over(self) -> list[Path]:
        """Move files of this configuration that lie elsewhere to its folder. Returns spools that belong to no
        configuration."""
        state_dir, found = self._config.state_dir, list[Path]()
        if not self._folder.is_dir() or spool.existing(state_dir) or self._config.source == places.BUILT_IN:
            from heartbeat_cli.store.standby import takeover

            takeover.take_over(self._config)
            found = takeover.strangers(self._config)
        return found

    def _reconcile(self, now: float, on_went_back: "OnWentBack") -> None:
        """Compare the store with the head of the mirror: is it the same store, and has it as many records?"""
        head, db, observer = self._head, self.db, self._config.observer
        if head is None or not (head.store and db.identity) or head.agrees(db, observer):
            return
        from heartbeat_cli.store.standby import restored

        try:
            found = restored.reconcile(db, self._mirror, head, observer, on_went_back)
        except DatabaseError as error:
            if not error.refused or error.where != db.where:
                raise
            # The mirror is only a copy: if it stopped every pass, this host would stay off a sound store.
            kept = self._mirror.with_name(mirror.REFUSED)
            with suppress(OSError):  # then the next mirror is written over it
                self._mirror.replace(kept)
            self._head = None
            text = Text("{error}; nothing was restored from the mirror, which is kept as {path}")
            self.remarks.append(text.with_values(error=str(error), path=str(kept)))
            return
        if found is None:
            self.remarks.append(f"{db.where}: is another store than before; what was kept for that one is left alone")
            self._head = mirror.swap(self._mirror, head.store, db.identity)
            self._reconcile(now, on_went_back)
        elif found:
            self._head = None
            self.refresh_mirror(now)

    def _open_spool(self, error: StoreError, now: float) -> Database:
        """Open the spool that is in use, or a new one in the next place. When the failing store is a spool itself, the
        next one starts with what that holds. Raises StoreError when there is no place left."""
        from heartbeat_cli.store.standby import spool_locator

        there = spool.existing(self._folder)
        begun = Degraded(
            f"{self._config.observer}@{round(now * 1000)}", self._config.observer, now, one_line(str(error), 1_000)
        )
        failures = [str(error)]
        for path in spool_locator.places(self._folder, self.db.where if self.degraded is not None else None):
            try:
                db = self._begin_spool(
                    path, spool_locator.earlier_outage(self._folder, path, self._timeout) or begun, now
                )
            except (StoreError, OSError) as failed:
                failures.append(str(failed))
                continue
            if path not in there:
                self.remarks.append(
                    Text("{error}; going on with {path} until the store answers", error=str(error), path=str(path))
                )
            return db
        raise StoreError(joined(failures))

    def _begin_spool(self, path: Path, begun: Degraded, now: float) -> Database:
        from heartbeat_cli.store.standby import spool_files, spool_locator

        def seed() -> mirror.Snapshot:
            return spool_locator.seed(self._config, path, now)

        store = self._head.store if self._head else ""
        try:
            db = spool.begin(path, seed, begun, self._timeout, store)
        except StoreError as error:
            if not path.exists() or not spool_files.is_unusable(error, path):
                raise
            line, moved = spool_files.put_aside_unreadable(path, error, now)
            (self.remarks if moved else self._troubles).append(line)
            db = spool.begin(path, seed, begun, self._timeout, store)
        db.observer, db.is_apart = self._config.observer, True
        try:
            self.degraded = spool.current_outage(db)
            for work in self._noted:
                work(db)
        except BaseException:
            db.close()
            raise
        return db
