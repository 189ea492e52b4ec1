"""The store of a working pass: the configured one, or, while that does not answer, a local spool in its place.

`Keeper.do(work)` runs a piece of work on whichever is in use. When the store fails in the middle, the work is done
again on the spool, so each piece must be repeatable: a pass is keyed by its id, an alert by what happened, an attempt
by when it began. `Keeper.note(work)` is for what cannot be done again because it has happened outside (a message is
sent, a rung was run): should the store go away later in the same pass, the spool hears of it, too.

Mirror and spools bear the identity of the store they are of. What is of another store than the one that answers is put
aside and told, and comes back with its store. Trouble with a spool is no trouble of the store: that is used.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.sql import identity, schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.system import lock

if TYPE_CHECKING:
    from heartbeat_cli.store.standby.restored import StoreWentBack

T = TypeVar("T")
Detect = Callable[[Database, Degraded | None], object]
OnWentBack = Callable[[Database, "StoreWentBack"], object]
_MIRROR_LOCK_WAIT = 1.0  # seconds that the mirror is waited for: longer than it takes to make
_REMIND_SECONDS = 7 * 86_400.0  # seconds for which people are reminded of a spool that was put aside
_TIMEOUTS_PER_PASS = 3.0  # times the store's timeout: what all its statements of a pass may take together


class Keeper:
    """Open it under the lock only: it replays and throws away spools. A context manager that closes what it opened.
    After `unlock` it works on the store alone: what fails there is for the caller, and no spool is opened any more.

    `degraded` says since when and why the spool is in use (None: the store is), `remarks` what a person should hear about
    it, once.
    """

    def __init__(self, config: Config, now: float, release: Callable[[], None] = lambda: None) -> None:
        self._config, self._release = config, release
        self._timeout = config.heartbeat.store_timeout
        self._folder = places.store_folder(config)
        self._mirror = self._folder / mirror.NAME
        self._mirror_turn = lock.Shared(places.config_folder(config), lock.MIRROR)
        self._prepared: mirror.Snapshot | None = None
        self._troubles: list[str] = []
        self._noted: list[Callable[[Database], None]] = []
        self._unlocked = False
        self.degraded: Degraded | None = None
        self.remarks: list[str] = []
        strangers = self._take_over()
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
        self._mirror_turn.release()
        self.db.close()

    def unlock(self) -> bool:
        """Give the lock of the pass back, for work that others need not wait for; False while a spool is in use, which
        must not be replayed and thrown away meanwhile."""
        if self.degraded is None and not self._unlocked:
            self._unlocked = True
            self.db.time_left = None  # whoever works on has a deadline of his own
            self._release()
        return self._unlocked

    def run(self, work: Callable[[Database], T], now: float) -> T:
        """Do a piece of work, on the spool if the store fails in it, and on another spool if that one does. Raises
        StoreError when nothing is left to try."""
        while True:
            db = self.db
            try:
                return work(db)
            except StoreError as error:
                if self._unlocked:
                    raise
                if db is self.db:
                    self.db = self._open_spool(error, now)
                    db.close()

    def record(self, work: Callable[[Database], None], now: float) -> None:
        """Keep what has happened outside, in the store in use and in any that takes its place in this pass."""
        self.run(work, now)
        self._noted.append(work)

    def replay_spools(self, judge: Detect, now: float, rewound: OnWentBack = lambda db, what: None) -> None:
        """Bring what was kept without the store into it. `judge` works on the store after each part, and is told the
        whole time covered after the last; only then is the spool thrown away. Of a store that knows less than the
        mirror `rewound` is told, in the transaction that brings it up to that."""
        if self.degraded is not None:
            return
        try:
            self._recognise(now, rewound)
            kept = spool.aside(self._folder)
            for path in [one for one in kept if spool.identity_of_aside(one) == self.db.identity] + spool.existing(
                self._folder
            ):
                self._catch_up(path, judge, now)
        except StoreError as error:
            broken, self.db = self.db, self._open_spool(error, now)
            broken.close()
            return
        for path in spool.aside(self._folder, now - _REMIND_SECONDS):
            self._troubles.append(f"{path}: holds what was seen for another store, and is kept until that is back")
        self._say(now)

    def _say(self, now: float) -> None:
        """Say what is wrong with spools, once a day while it stays so."""
        told = places.config_folder(self._config) / "spool.trouble"
        if self._troubles or told.exists():
            from heartbeat_cli.system import once

            self.remarks += once.news_of(told, self._troubles, now)
            self._troubles = []

    @property
    def recorded(self) -> list[Callable[[Database], None]]:
        """What `record` has kept so far."""
        return list(self._noted)

    def refresh_mirror(self, now: float) -> bool:
        """Copy what the next pass needs, so that it can go on without the store. A disk that is full is no reason to
        fail a pass that is already kept, and neither is a store that goes away just now: then it returns False."""
        copied = self.degraded is not None
        if not copied:
            self._mirror_turn.take(alone=True, wait=_MIRROR_LOCK_WAIT)
            with suppress(OSError, StoreError):
                copy, self._prepared = self._prepared, None
                self._head = mirror.refresh(self._mirror, self.db, self._config.observer, now, self._head, copy)
                copied = True
            self._mirror_turn.release()
        return copied

    def prepare_mirror(self, db: Database, now: float) -> None:
        """Take the copy for the next `refresh_mirror` inside the transaction that it belongs to: then neither a kill
        nor the end of the store finds time between the two."""
        if db is self.db and self.degraded is None and db.dialect != "sqlite":
            self._mirror_turn.take(
                alone=True, wait=_MIRROR_LOCK_WAIT
            )  # until it is written: no newer copy comes in between
            self._prepared = mirror.snapshot(db, self._config.observer, now)

    def _open_store(self) -> Database:
        db = schema.open_store(
            self._config.store, self._timeout, self._timeout * _TIMEOUTS_PER_PASS, self._config.observer
        )
        db.expect_components(len(self._config.components))
        return db

    def _take_over(self) -> list[Path]:
        """Take what is this configuration's and lies elsewhere; what is nobody's."""
        state_dir, found = self._config.state_dir, list[Path]()
        if not self._folder.is_dir() or spool.existing(state_dir) or self._config.source == places.BUILT_IN:
            from heartbeat_cli.store.standby import takeover

            takeover.take_over(self._config)
            found = takeover.strangers(self._config)
        return found

    def _recognise(self, now: float, rewound: OnWentBack) -> None:
        """See whether the store is the one that the mirror was copied from, and knows at least as much."""
        head, db, observer = self._head, self.db, self._config.observer
        if head is None or not (head.store and db.identity) or head.agrees(db, observer):
            return
        from heartbeat_cli.store.standby import restored  # an ordinary pass does without it

        found = restored.reconcile(db, self._mirror, head, observer, rewound)
        if found is None:
            self.remarks.append(f"{db.where}: is another store than before; what was kept for that one is left alone")
            self._head = mirror.swap(self._mirror, head.store, db.identity)
            self._recognise(now, rewound)
        elif found:
            self._head = None
            self.refresh_mirror(now)

    def _catch_up(self, path: Path, judge: Detect, now: float) -> None:
        """Bring one spool into the store. What is wrong with the spool is noted, and the file kept; only what is wrong
        with the store raises StoreError."""
        from heartbeat_cli.store.standby import spool_files

        kept, of = None, ""
        try:
            kept = spool_files.open_spool(path, self._timeout)
            of = spool.store_identity(kept) or self.db.identity
            ours = of == self.db.identity or identity.succeeds(self.db, of)
            since = spool.current_outage(kept)
            if ours and of != self.db.identity:
                identity.save_succession(self.db, of)  # should this be killed, the next run goes on
            if ours and since is not None:
                self._replay(kept, spool.covered_time(kept, since, self._config.observer, now), judge, now)
            if of != self.db.identity:
                kept.rows("PRAGMA wal_checkpoint(TRUNCATE)")  # then the file can be moved alone
        except StoreError as error:
            if kept is not None:
                kept.close()
            if spool_files.is_unusable(error, path):
                self._put_aside(path, error, now)
            elif kept is None or getattr(error, "where", None) == str(path):
                self._troubles.append(f"{error}; the store is used without it, and the file is kept")
            else:
                raise
            return
        kept.close()
        with suppress(OSError):  # then it is done again by the next pass, and twice is once
            spool.put_aside(path, now, of) if of != self.db.identity else spool.discard(path)

    def _replay(self, kept: Database, covered: Degraded, judge: Detect, now: float) -> None:
        for _ in spool.replay(kept, self.db, self._config.observer, now):
            judge(self.db, None)
            self.db.time_left = self._timeout * _TIMEOUTS_PER_PASS  # it gets on
        spool.finish(kept, self.db, covered)
        judge(self.db, covered)
        self.refresh_mirror(now)
        lasted = duration(now - covered.started)
        self.remarks.append(f"store {self.db.where} answers again; what was seen in {lasted} without it is in it now")

    def _put_aside(self, path: Path, error: Exception, now: float) -> None:
        """One that cannot be read, now or ever, must not keep the watch from going on; it is never deleted."""
        try:
            self.remarks.append(f"{error}; kept as {spool.put_aside(path, now)}")
        except OSError as failed:
            self._troubles.append(f"{error}; it cannot be moved out of the way: {failed.strerror}")

    def _open_spool(self, error: StoreError, now: float) -> Database:
        """The spool that is in use, or the next place for one. Where the failing one was a spool itself, the next goes
        on with what that one holds."""
        from heartbeat_cli.store.standby import spool_locator  # an ordinary pass does without it

        there = spool.existing(self._folder)
        begun = Degraded(f"{self._config.observer}@{round(now * 1000)}", self._config.observer, now, str(error))
        failures = [str(error)]
        for path in spool_locator.places(self._folder, self.db.where if self.degraded is not None else None):
            try:
                db = self._begin(path, spool_locator.earlier_outage(self._folder, path, self._timeout) or begun, now)
            except (StoreError, OSError) as failed:
                failures.append(str(failed))
                continue
            if path not in there:
                self.remarks.append(f"{error}; going on with {path} until the store answers")
            return db
        raise StoreError("; ".join(failures))

    def _begin(self, path: Path, begun: Degraded, now: float) -> Database:
        from heartbeat_cli.store.standby import spool_files, spool_locator

        def seed() -> mirror.Snapshot:
            return spool_locator.seed(self._config, path, now)

        of = self._head.store if self._head else ""
        try:
            db = spool.begin(path, seed, begun, self._timeout, of)
        except StoreError as error:
            if not path.exists() or not spool_files.is_unusable(error, path):
                raise
            self._put_aside(path, error, now)
            db = spool.begin(path, seed, begun, self._timeout, of)
        try:
            self.degraded = spool.current_outage(db)
            for work in self._noted:
                work(db)
        except BaseException:
            db.close()
            raise
        return db
