"""The keeper: the store, or what stands in for it, without the work noticing."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.history import gaps, passes
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database, DatabaseError
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.store.standby.keeper import Keeper
from heartbeat_cli.store.standby.restored import StoreWentBack

NOW = 1_795_348_800.0


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    heartbeat = {"store": f"sqlite:///{tmp_path}/store.db", "state_dir": f"{tmp_path}/state", "observer": "here"}
    loaded = configuration.load({"heartbeat": heartbeat, "components": {}}, f"{tmp_path}/heartbeat.toml")
    yield loaded
    shutil.rmtree(spool.folders(places.store_folder(loaded))[1], ignore_errors=True)


def work_that_fails(*stores: str) -> Callable[[Database], str]:
    def work(db: Database) -> str:
        if any(db.where.endswith(one) for one in stores):
            raise StoreError("gone")
        return db.where

    return work


def test_work_moves_on_from_store_to_spool_to_memory(config: Config) -> None:
    with Keeper(config, NOW) as keeper:
        first, second = (str(folder / "spool.db") for folder in spool.folders(places.store_folder(config)))
        assert keeper.run(lambda db: db.where, NOW).endswith("store.db") and keeper.degraded is None
        assert keeper.run(work_that_fails("store.db"), NOW) == first
        assert keeper.degraded is not None and keeper.degraded.reason == "gone"
        assert keeper.run(work_that_fails("store.db", first), NOW + 1) == second
        assert keeper.degraded.started == NOW, "one outage, whatever it is kept in"
        with pytest.raises(StoreError):
            keeper.run(work_that_fails("db"), NOW)
    assert len(keeper.remarks) == 2


def test_what_has_happened_is_known_wherever_the_pass_goes_on(config: Config) -> None:
    with Keeper(config, NOW) as keeper:
        keeper.record(lambda db: preferences.put(db, "sent", "yes"), NOW)
        keeper.run(work_that_fails("store.db"), NOW)
        assert preferences.get(keeper.db, "sent") == "yes"


def test_it_catches_up_once_and_only_then_throws_away(config: Config) -> None:
    with Keeper(config, NOW) as keeper:
        keeper.run(work_that_fails("store.db"), NOW)
        preferences.put(keeper.db, "strategy", "normal")
    judged: list[object] = []
    for judge in (lambda db, covered: 1 / 0, lambda db, covered: judged.append(covered)):
        with Keeper(config, NOW + 60) as keeper:
            assert len(spool.existing(places.store_folder(config))) == 1
            try:
                keeper.replay_spools(judge, NOW + 60)
            except ZeroDivisionError:
                continue
            assert preferences.get(keeper.db, "strategy") == "normal"
    assert len(judged) == 1 and spool.existing(places.store_folder(config)) == []


# --- whose store, whose spool ----------------------------------------------------------------------------------------


@pytest.fixture
def kept(config: Config) -> Path:
    return places.store_folder(config)


def spooled(config: Config, at: float, name: str = "noted") -> None:
    """An outage in which a person set something."""
    with Keeper(config, at) as keeper:
        keeper.refresh_mirror(at)
        keeper.run(work_that_fails("store.db"), at)
        preferences.put(keeper.db, name, "yes")


def caught_up(config: Config, now: float) -> Keeper:
    """What a pass with a good store makes of what there is."""
    with Keeper(config, now) as keeper:
        keeper.replay_spools(lambda db, covered: None, now)
        assert keeper.degraded is None
    return keeper


def stored(config: Config, name: str) -> str | None:
    with Keeper(config, NOW) as keeper:
        return preferences.get(keeper.db, name)


def pass_in(config: Config, at: float) -> None:
    """A pass that is in the store, so that it is no new one."""
    with Keeper(config, at) as keeper:
        passes.save(keeper.db, Pass("p-1", "here", at, at), {}, {})
        gaps.save_watch(keeper.db, "here", Watch(at, at))
        keeper.refresh_mirror(at)


def replaced(config: Config, folder: Path) -> Path:
    """Another store, in use, takes the place of the configured one; where that one is now."""
    store, hidden = folder / "store.db", folder / "hidden.db"
    store.rename(hidden)
    pass_in(config, NOW)
    return hidden


def test_a_spool_of_another_store_waits_for_that(config: Config, tmp_path: Path, kept: Path) -> None:
    pass_in(config, NOW - 60)
    spooled(config, NOW)
    for name in ("mirror.json", "spool.db"):
        (kept / name).rename(kept / f"kept-{name}")
    hidden = replaced(config, tmp_path)
    for name in ("mirror.json", "spool.db"):
        (kept / f"kept-{name}").replace(kept / name)
    keeper = caught_up(config, NOW + 60)
    assert any("is another store than before" in line for line in keeper.remarks)
    assert any("holds what was seen for another store" in line for line in keeper.remarks)
    assert caught_up(config, NOW + 120).remarks == [], "once a day"
    assert stored(config, "noted") is None and len(spool.aside(kept)) == 1
    hidden.rename(tmp_path / "store.db")
    caught_up(config, NOW + 180)
    assert stored(config, "noted") == "yes" and spool.aside(kept) == spool.existing(kept) == []


def test_a_store_that_was_begun_anew_takes_it_and_it_is_kept_for_the_old_one(
    config: Config, tmp_path: Path, kept: Path
) -> None:
    """The volume was not mounted for a minute: when the old store comes back, it is missing nothing."""
    pass_in(config, NOW - 60)
    spooled(config, NOW)
    (tmp_path / "store.db").rename(tmp_path / "hidden.db")
    told: list[object] = []
    with Keeper(config, NOW + 60) as keeper:
        keeper.replay_spools(lambda db, covered: None, NOW + 60, lambda db, what: told.append(what))
    assert [(one.replaced, one.mirror_until) for one in told if isinstance(one, StoreWentBack)] == [(True, NOW - 60)]
    assert stored(config, "noted") == "yes"
    (tmp_path / "hidden.db").replace(tmp_path / "store.db")
    caught_up(config, NOW + 120)
    assert stored(config, "noted") == "yes" and spool.aside(kept) == []


def test_a_store_that_went_back_is_told_once_and_in_the_transaction_that_mends_it(
    config: Config, tmp_path: Path
) -> None:
    pass_in(config, NOW)
    shutil.copy(tmp_path / "store.db", tmp_path / "backup.db")
    pass_in(config, NOW + 60)
    shutil.copy(tmp_path / "backup.db", tmp_path / "store.db")

    def killed(db: Database, what: StoreWentBack) -> None:
        raise ZeroDivisionError

    with Keeper(config, NOW + 90) as keeper, pytest.raises(ZeroDivisionError):
        keeper.replay_spools(lambda db, covered: None, NOW + 90, killed)
    told: list[StoreWentBack] = []
    for _ in range(2):
        with Keeper(config, NOW + 120) as keeper:
            keeper.replay_spools(lambda db, covered: None, NOW + 120, lambda db, what: told.append(what))
    assert told == [StoreWentBack(False, NOW, NOW + 60)]


@pytest.mark.parametrize("what", ["folder", "fifo", "link"])
def test_trouble_with_the_spool_is_no_trouble_of_the_store(config: Config, kept: Path, what: str) -> None:
    pass_in(config, NOW)
    path = kept / "spool.db"
    {"folder": Path.mkdir, "fifo": os.mkfifo, "link": lambda path: path.symlink_to("/dev/zero")}[what](path)
    (line,) = caught_up(config, NOW).remarks
    assert line.startswith(f"store {path}: is ") or "Is a directory" in line
    assert line.endswith("; the store is used without it, and the file is kept")
    assert caught_up(config, NOW + 60).remarks == [] and path.exists()
    with Keeper(config, NOW + 120) as keeper:  # and when the store fails now, memory stands in
        assert keeper.run(work_that_fails("store.db"), NOW + 120) == str(spool.folders(kept)[1] / "spool.db")


def test_a_mirror_that_knows_no_store_says_nothing_about_it(config: Config, kept: Path) -> None:
    """It was copied while the store could not be given an identity."""
    pass_in(config, NOW)
    path = kept / "mirror.json"
    mirror.write(path, mirror.read(path), mirror.Head("", "here"))
    assert caught_up(config, NOW + 60).remarks == []


def test_a_store_that_fails_in_a_replay_is_trouble_of_the_store(config: Config) -> None:
    spooled(config, NOW)

    def fails(db: Database, covered: object) -> None:
        raise DatabaseError(db.where, "gone")

    with Keeper(config, NOW + 60) as keeper:
        keeper.replay_spools(fails, NOW + 60)
        assert keeper.degraded is not None and keeper.degraded.started == NOW, "the same outage"
    caught_up(config, NOW + 120)
    assert stored(config, "noted") == "yes"


def test_the_mirror_of_a_sqlite_store_is_written_when_something_happened(config: Config, kept: Path) -> None:
    """A quiet pass only notes that it came."""
    pass_in(config, NOW)
    before = (kept / "mirror.json").stat().st_ino
    pass_in(config, NOW + 60)
    assert (kept / "mirror.json").stat().st_ino == before
    head = mirror.head(kept / "mirror.json")
    assert head is not None and head.watched is not None and json.loads(head.watched)[0] == NOW + 60
    with Keeper(config, NOW + 120) as keeper:
        alerts.add(keeper.db, Alert("x", "tcp_down", "high", "t", "a", NOW, None, "r"), ["log"], NOW)
        keeper.refresh_mirror(NOW + 120)
    assert (kept / "mirror.json").stat().st_ino != before
    assert [row[0] for row in mirror.read(kept / "mirror.json")["heartbeat_outbox"]] == ["x/log"]
