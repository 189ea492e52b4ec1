"""What every verb starts from: the configuration, and the store opened for what the verb is about to do.

`App` has one way to open the store for each intent:

    store_to_read           show the current state
    history_to_read         show what was recorded over days
    store_to_write          write as a pass does: one such process at a time on a host
    store_to_write_at_once  write a row that no pass writes, without waiting for a pass to end
    configured_store        the store that the configuration names, and no substitute
    keeper                  run a pass that goes on without the store

Nothing here needs click: `run`, which cron starts every few seconds, does without it (see `cli.py`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from heartbeat_cli.commands._person import current_user as current_user
from heartbeat_cli.commands._person import print_remark as print_remark
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from heartbeat_cli.config.groups import Found, Group
    from heartbeat_cli.config.types import Config
    from heartbeat_cli.domain.checking.coverage import Degraded
    from heartbeat_cli.store.sql.database import Database
    from heartbeat_cli.store.standby.keeper import Keeper
    from heartbeat_cli.store.standby.restored import StoreWentBack

_READ_TIMEOUTS = 5.0  # times the store's timeout: what all statements of a verb that only reads may take together
_LOCK_WAIT = 90.0  # seconds that a person's or a job's command waits for a busy pass: if it gave up, it would be lost


def _discover(folder: "Path", groups: "Sequence[Group]") -> "Found":
    from heartbeat_cli.discovery.groups import find  # most configurations have no such block

    return find(folder, groups)


@contextmanager
def _closing(db: "Database") -> Iterator["Database"]:
    """Close the store afterwards. Raises StoreError if the work inside fails on a row that has another shape than
    heartbeat made."""
    try:
        with db.reading():
            yield db
    finally:
        db.close()


class App:
    """The configuration named on the command line (or found), and the store it names. `path` is set by the root
    command. `secrets` can still be asked for after the verb has failed."""

    def __init__(self, path: str | None = None, reader: str | None = None) -> None:
        self.path, self.reader = path, reader  # a language, where the configuration is another user's and not read
        self.discovers = False  # what blocks with `match` stand for; else what was found last stands

    @cached_property
    def config(self) -> "Config":
        """The configuration, or the built-in one where there is no file. Raises ConfigError or UsageError."""
        from heartbeat_cli.config import load

        path = load.find(self.path, print_remark)
        if path is not None:
            found = load.read(path, _discover if self.discovers else None)
            if self.discovers and found.fleets:
                from heartbeat_cli.discovery import fleets

                fleets.keep(found)
            return found
        from heartbeat_cli.config import places
        from heartbeat_cli.discovery import discover

        return load.load(discover.default_tables(), places.BUILT_IN)

    @property
    def secrets(self) -> frozenset[str]:
        """The values that must never be shown; empty while no configuration has been read."""
        return self.config.secrets if "config" in self.__dict__ else frozenset()

    @property
    def locale(self) -> str:
        """The reader's language; English while no configuration has been read."""
        return self.config.heartbeat.locale if "config" in self.__dict__ else "en"

    def words(self, text: str) -> str:
        """A sentence of ours in the reader's language, its moments in his time."""
        if "config" not in self.__dict__ and self.reader is None:
            return text
        from heartbeat_cli.views.wording import told

        return told(text, self.reader or self.locale, "UTC" if self.reader else self.config.timezone)

    def remark(self, text: str) -> None:
        """Print a line for a person on standard error, in the reader's language."""
        print_remark(self.words(text))

    @property
    def _store_folder(self) -> "Path":
        """The folder of the store's mirror and spool. Raises HeartbeatError when another user could change what is in
        it."""
        from heartbeat_cli.config import places

        places.require_trusted(self.config)
        return places.store_folder(self.config)

    def store_to_read(self) -> AbstractContextManager["Database"]:
        """The newest data: the spool while one is in use, else the store."""
        return self._limited(self._newest())

    def history_to_read(self) -> AbstractContextManager["Database"]:
        """The store, because a spool has no history; the spool only when the store does not answer."""
        return self._limited(self._history())

    @contextmanager
    def configured_store(self) -> Iterator["Database"]:
        """The store that the configuration names. Raises StoreError when it does not answer, HeartbeatError when
        another user could change what this host keeps beside it."""
        from heartbeat_cli.config import places

        places.require_trusted(self.config)
        with _closing(self._open(self.config.store)) as db:
            yield db

    def _limited(self, db: "Database") -> AbstractContextManager["Database"]:
        """Limit the time of all statements together, so that a reader does not wait for each of many slow answers."""
        db.time_left = _READ_TIMEOUTS * self.config.heartbeat.store_timeout
        return _closing(db)

    def _open(self, url: str) -> "Database":
        from heartbeat_cli.store.sql import schema

        db = schema.open_store(url, self.config.heartbeat.store_timeout, observer=self.config.observer)
        db.expect_components(len(self.config.components))
        return db

    def _newest(self) -> "Database":
        spool = self._open_spool()
        if spool is None:
            return self._open(self.config.store)
        self.remark(
            Text(
                "heartbeat: the store is away, or just back; showing what is kept in {where} meanwhile",
                where=spool.where,
            )
        )
        return spool

    def _history(self) -> "Database":
        from heartbeat_cli.errors import StoreError

        spool = self._open_spool()
        try:
            db = self._open(self.config.store)
        except StoreError as error:
            if spool is None:
                raise
            self.remark(
                Text(
                    "heartbeat: {error}; showing what is kept in {where} meanwhile", error=str(error), where=spool.where
                )
            )
            return spool
        db.expect_history()
        if spool is not None:
            self.remark(
                Text(
                    "heartbeat: what is kept in {where} is not in the store yet: the next pass brings it there",
                    where=spool.where,
                )
            )
            spool.close()
        return db

    def _open_spool(self) -> "Database | None":
        """The spool that is in use; None when there is none that can be read: the store has the newest data then."""
        from heartbeat_cli.errors import StoreError
        from heartbeat_cli.store.standby import spool

        for path in reversed(spool.existing(self._store_folder)):
            with suppress(StoreError):
                db = self._open(f"sqlite:///{path}")
                if spool.current_outage(db) is not None:
                    return db
                db.close()
        return None

    @contextmanager
    def keeper(
        self, wait: float = 10.0, begin: Callable[[], None] = lambda: None, turn: float = 0.0
    ) -> Iterator["Keeper"]:
        """The keeper of the store, under the lock of the pass (see `lock.only_one`). `begin` is called when the lock is
        held. Raises Busy when another process holds it for longer."""
        from heartbeat_cli.config import places
        from heartbeat_cli.store.standby.keeper import Keeper
        from heartbeat_cli.system import lock

        places.require_trusted(self.config)
        with (
            lock.only_one(places.config_folder(self.config), wait, turn) as release,
            lock.beside_earlier(self.config.state_dir, wait),
        ):
            begin()
            with Keeper(self.config, self.now(), release) as keeper:
                keeper.replay_spools(self._detect_replayed, self.now(), self._notify_went_back)
                try:
                    yield keeper
                finally:
                    for line in keeper.remarks:
                        self.remark(Text("heartbeat: {line}", line=line))

    def _detect_replayed(self, db: "Database", covered: "Degraded | None") -> None:
        """Run detection on the passes of an outage, once they are in the store; `covered` is set after the last."""
        from heartbeat_cli.passes.detect import detect
        from heartbeat_cli.passes.housekeeping import outage

        detect.detect(db, self.config, self.now())
        if covered is not None:
            outage.notify_end(db, self.config, covered, self.now())

    def _notify_went_back(self, db: "Database", what: "StoreWentBack") -> None:
        """Raise the alert that the store had lost records that this host's mirror has."""
        from heartbeat_cli.passes.housekeeping import rewound

        rewound.notify(db, self.config, what, self.now())

    @contextmanager
    def store_to_write(self, wait: float = 10.0) -> Iterator["Database"]:
        """The store, or the spool in its place, under the lock of the pass."""
        with self.keeper(wait) as keeper:
            with keeper.db.reading():
                yield keeper.db
            keeper.refresh_mirror(self.now())

    @contextmanager
    def store_to_write_at_once(self) -> Iterator["Database"]:
        """The store without the lock of the pass, for a row or two that no pass writes. While the store is away, or a
        spool is yet to be replayed, the lock is waited for and the spool is written to."""
        from heartbeat_cli.errors import StoreError
        from heartbeat_cli.store.standby import spool

        db = None
        if not spool.existing(self._store_folder):
            with suppress(StoreError):
                db = self._open(self.config.store)
        if db is None:
            with self.store_to_write(_LOCK_WAIT) as db:
                yield db
            return
        with _closing(db):
            yield db
            self.update_mirror(db)

    def update_mirror(self, db: "Database") -> None:
        """Copy what was just written into the mirror, so that the next pass knows it even if the store is away then.
        A mirror that cannot be written is left as it is."""
        from heartbeat_cli.config import places
        from heartbeat_cli.errors import StoreError
        from heartbeat_cli.store.standby import mirror, restored
        from heartbeat_cli.system import lock

        path = self._store_folder / mirror.NAME
        mirror_lock = lock.Shared(places.config_folder(self.config), lock.MIRROR)
        mirror_lock.take(alone=True, wait=1.0)
        with suppress(OSError, StoreError), db.reading():
            head = mirror.head(path)
            if head is None or (head.store == db.identity and not restored.is_behind(db, head)):
                mirror.refresh(path, db, self.config.observer, self.now(), head)
        mirror_lock.release()

    def components(self, names: Sequence[str], exact: bool = False, may: bool = False) -> list[str]:
        """The ids that ids, kinds or globs name (`exact`: ids only; `may`: or may name). UsageError for none."""
        from heartbeat_cli.config.problems import suggestion
        from heartbeat_cli.domain.component import goes_by, matching, may_go_by

        chosen, missed = matching(names, self.config.components, exact, may_go_by if may else goes_by)
        if missed:
            near = {name: suggestion(name, self.config.components) for name in missed}
            lines = (Text("no component {name}{nearest}", name=repr(name), nearest=near[name]) for name in missed)
            raise UsageError("\n".join(map(self.words, lines)))
        return chosen

    def watched(self) -> list[str]:
        """The ids of the components that this host checks by itself."""
        from heartbeat_cli.domain.component import watched_by

        return [one.id for one in self.config.components.values() if watched_by(one, self.config.observer)]

    @staticmethod
    def now() -> float:
        """The time, rounded to what both stores keep exactly."""
        return round(time.time(), 6)
