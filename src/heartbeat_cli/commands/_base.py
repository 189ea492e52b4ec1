"""What every verb starts from: the configuration and the store, opened when first asked for.

Nothing here needs click: `run`, which cron starts every few seconds, does without it (see `cli.py`).
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from heartbeat_cli.errors import UsageError

_READ_TIMEOUTS = 5.0  # times the store's timeout: what all statements of a verb that only reads may take together
_LOCK_WAIT = 90.0  # seconds that what a person or a job has to say waits for a busy pass: refused, it would be lost


class App:
    """The configuration named on the command line (or found), and the store it names. `path` is set by the root
    command; whoever made the App can ask it afterwards what must not be shown."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path

    @cached_property
    def config(self) -> Any:
        from heartbeat_cli.config import load

        path = load.find(self.path, print_remark)
        if path is not None:
            return load.read(path)
        from heartbeat_cli.config import places
        from heartbeat_cli.discovery import discover

        return load.load(discover.default_tables(), places.BUILT_IN)

    @property
    def secrets(self) -> frozenset[str]:
        """What must never be shown; nothing while no configuration has been read."""
        return self.config.secrets if "config" in self.__dict__ else frozenset()

    @property
    def _folder(self) -> Any:
        """Where this configuration keeps the mirror and the spool of its store. Raises HeartbeatError when another user
        could change what is there."""
        from heartbeat_cli.config import places

        places.require_trusted(self.config)
        return places.store_folder(self.config)

    @contextmanager
    def store(self, *, history: bool = False) -> Iterator[Any]:
        """The open store, brought to this version's tables, for a reader. What was seen without it, and is not in it
        yet, is the newest there is: a reader gets that instead, unless he wants `history` and the store answers. A
        store that is slow to answer each of many questions does not keep him waiting for all of them."""
        db = self._history() if history else self._newest()
        db.time_left = _READ_TIMEOUTS * self.config.heartbeat.store_timeout
        try:
            yield db
        finally:
            db.close()

    @contextmanager
    def configured_store(self) -> Iterator[Any]:
        """The store that the configuration names and nothing in its place."""
        db = self._open(self.config.store)
        try:
            yield db
        finally:
            db.close()

    def _open(self, url: str) -> Any:
        from heartbeat_cli.store.sql import schema

        db = schema.open_store(url, self.config.heartbeat.store_timeout, observer=self.config.observer)
        db.expect_components(len(self.config.components))
        return db

    def _newest(self) -> Any:
        spool = self._open_spool()
        if spool is None:
            return self._open(self.config.store)
        print_remark(f"heartbeat: the store is away, or just back; showing what is kept in {spool.where} meanwhile")
        return spool

    def _history(self) -> Any:
        from heartbeat_cli.errors import StoreError

        spool = self._open_spool()
        try:
            db = self._open(self.config.store)
        except StoreError as error:
            if spool is None:
                raise
            print_remark(f"heartbeat: {error}; showing what is kept in {spool.where} meanwhile")
            return spool
        db.expect_history()
        if spool is not None:
            print_remark(
                f"heartbeat: what is kept in {spool.where} is not in the store yet: the next pass brings it there"
            )
            spool.close()
        return db

    def _open_spool(self) -> Any:
        """The spool that is in use, or None: also when it cannot be read, because then the store is the newest."""
        from heartbeat_cli.errors import StoreError
        from heartbeat_cli.store.standby import spool

        for path in reversed(spool.existing(self._folder)):
            with suppress(StoreError):
                db = self._open(f"sqlite:///{path}")
                if spool.current_outage(db) is not None:
                    return db
                db.close()
        return None

    @contextmanager
    def keeper(self, wait: float = 10.0, begin: Callable[[], None] = lambda: None) -> Iterator[Any]:
        """The keeper of the store, for a pass that writes: only one such pass at a time on a host. `begin` is called
        when it is this one's turn."""
        from heartbeat_cli.config import places
        from heartbeat_cli.store.standby.keeper import Keeper
        from heartbeat_cli.system import lock

        places.require_trusted(self.config)
        with (
            lock.only_one(places.config_folder(self.config), wait) as release,
            lock.beside_earlier(self.config.state_dir, wait),
        ):
            begin()
            with Keeper(self.config, self.now(), release) as keeper:
                keeper.catch_up(self._judge, self.now(), self._rewound)
                try:
                    yield keeper
                finally:
                    for line in keeper.news:
                        print_remark(f"heartbeat: {line}")

    def _judge(self, db: Any, covered: Any) -> None:
        """What the passes of an outage mean, once they are in the store; `covered` when all of it is."""
        from heartbeat_cli.passes.detect import detect
        from heartbeat_cli.passes.housekeeping import outage

        detect.detect(db, self.config, self.now())
        if covered is not None:
            outage.over(db, self.config, covered, self.now())

    def _rewound(self, db: Any, what: Any) -> None:
        """The store knew less than this host, and has just been brought up to that."""
        from heartbeat_cli.passes.housekeeping import rewound

        rewound.tell(db, self.config, what, self.now())

    @contextmanager
    def working_store(self, wait: float = 10.0) -> Iterator[Any]:
        """The store, or the spool in its place, for a verb that writes."""
        with self.keeper(wait) as keeper:
            yield keeper.db
            keeper.refresh_mirror(self.now())

    @contextmanager
    def steering_store(self) -> Iterator[Any]:
        """The store, for a verb that writes a row or two no pass writes: it need not wait for a pass to end. Only while
        the store is away, or what was kept without it is yet to be replayed, it has to take its turn."""
        from heartbeat_cli.errors import StoreError
        from heartbeat_cli.store.standby import spool

        db = None
        if not spool.existing(self._folder):
            with suppress(StoreError):
                db = self._open(self.config.store)
        if db is None:
            with self.working_store(_LOCK_WAIT) as db:
                yield db
            return
        try:
            yield db
            self.remember(db)
        finally:
            db.close()

    def remember(self, db: Any) -> None:
        """Should the store go away before the next pass, that pass must know of what has just been said."""
        from heartbeat_cli.config import places
        from heartbeat_cli.errors import StoreError
        from heartbeat_cli.store.standby import mirror, restored
        from heartbeat_cli.system import lock

        path = self._folder / mirror.NAME
        turn = lock.Shared(places.config_folder(self.config), lock.MIRROR)
        turn.take(alone=True, wait=1.0)
        with suppress(OSError, StoreError):
            head = mirror.head(path)
            if head is None or (head.store == db.identity and not restored.is_behind(db, head)):
                mirror.refresh(path, db, self.config.observer, self.now(), head)
        turn.release()

    def components(self, names: Sequence[str]) -> list[str]:
        """The ids that ids, kinds or globs name. Raises UsageError, naming the nearest, for one that names nothing."""
        from heartbeat_cli.config.settings import suggestion
        from heartbeat_cli.domain.component import matching

        chosen, missed = matching(names, self.config.components)
        if missed:
            lines = [f"no component {name!r}{suggestion(name, self.config.components)}" for name in missed]
            raise UsageError("\n".join(lines))
        return chosen

    def watched(self) -> list[str]:
        """The ids of the components that this host looks at by itself."""
        from heartbeat_cli.domain.component import watched_by

        return [one.id for one in self.config.components.values() if watched_by(one, self.config.observer)]

    @staticmethod
    def now() -> float:
        """The time, rounded to what both stores keep exactly."""
        return round(time.time(), 6)


def print_remark(text: str) -> None:
    """A remark for a person: standard error, so that standard output stays what was asked for. Nobody to hear it is
    no reason to stop a pass."""
    from heartbeat_cli.domain.plain import printable

    with suppress(OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{printable(text)}\n")
            sys.stderr.flush()


def current_user() -> str:
    """Who runs this: the user's name in the password database, or the number of one who is not in it (in a container).
    $LOGNAME is no proof, and may hold anything."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
