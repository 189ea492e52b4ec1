"""The keeper: the store, or what stands in for it, without the work noticing."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heartbeat_cli import config as configuration
from heartbeat_cli.config import Config
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store import preferences, spool
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.keeper import Keeper

NOW = 1_795_348_800.0


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    heartbeat = {"store": f"sqlite:///{tmp_path}/store.db", "state_dir": f"{tmp_path}/state", "observer": "here"}
    yield configuration.load({"heartbeat": heartbeat, "components": {}}, "test")
    shutil.rmtree(spool.folders(tmp_path / "state")[1], ignore_errors=True)


def work_that_fails(*stores: str) -> Callable[[Database], str]:
    def work(db: Database) -> str:
        if any(db.where.endswith(one) for one in stores):
            raise StoreError("gone")
        return db.where

    return work


def test_work_moves_on_from_store_to_spool_to_memory(config: Config) -> None:
    first, second = (str(folder / "spool.db") for folder in spool.folders(config.state_dir))
    with Keeper(config, NOW) as keeper:
        assert keeper.do(lambda db: db.where, NOW).endswith("store.db") and keeper.degraded is None
        assert keeper.do(work_that_fails("store.db"), NOW) == first
        assert keeper.degraded is not None and keeper.degraded.reason == "gone"
        assert keeper.do(work_that_fails("store.db", first), NOW + 1) == second
        assert keeper.degraded.started == NOW, "one outage, whatever it is kept in"
        with pytest.raises(StoreError):
            keeper.do(work_that_fails("db"), NOW)
    assert len(keeper.news) == 2


def test_what_has_happened_is_known_wherever_the_pass_goes_on(config: Config) -> None:
    with Keeper(config, NOW) as keeper:
        keeper.note(lambda db: preferences.put(db, "sent", "yes"), NOW)
        keeper.do(work_that_fails("store.db"), NOW)
        assert preferences.get(keeper.db, "sent") == "yes"


def test_it_catches_up_once_and_only_then_throws_away(config: Config) -> None:
    with Keeper(config, NOW) as keeper:
        keeper.do(work_that_fails("store.db"), NOW)
        preferences.put(keeper.db, "strategy", "normal")
    judged: list[object] = []
    for judge in (lambda db, covered: 1 / 0, lambda db, covered: judged.append(covered)):
        with Keeper(config, NOW + 60) as keeper:
            assert len(spool.existing(config.state_dir)) == 1
            try:
                keeper.catch_up(judge, NOW + 60)
            except ZeroDivisionError:
                continue
            assert preferences.get(keeper.db, "strategy") == "normal"
    assert len(judged) == 1 and spool.existing(config.state_dir) == []
