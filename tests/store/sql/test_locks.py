"""The advisory locks: every number once, and none outside the module that holds them."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.history import passes, rollups
from heartbeat_cli.store.sql import locks, partitions
from heartbeat_cli.store.sql.database import Database, connect
from heartbeat_cli.store.state import recoveries

NUMBERS = {name: number for name, number in vars(locks).items() if name.isupper()}


def test_no_two_locks_have_the_same_number() -> None:
    """Two that share one make passes wait that have nothing to do with each other."""
    assert len(set(NUMBERS.values())) == len(NUMBERS) >= 5


def test_numbers_that_earlier_versions_take_stay() -> None:
    """While hosts are updated one by one, an old and a new one must still take turns."""
    assert (
        NUMBERS.items()
        >= {"SCHEMA": 7_230_114, "DETECTION": 7_230_115, "RECOVERY": 7_230_116, "ROLLUP": 7_230_117}.items()
    )


def test_every_lock_that_is_taken_stands_in_that_module() -> None:
    for path in Path(locks.__file__).parents[1].rglob("*.py"):
        text = path.read_text()
        assert path.name == "locks.py" or not re.search(r"7_?230_?\d{3}\b", text), path
        for number in re.findall(r"pg_advisory\w*\(\?\)\", \((.*?),\)|rows_with_lock\(\s*([^,]*),", text):
            assert "".join(number).startswith(("locks.", "self")), f"{path}: {number}"


TURNS: dict[str, Callable[[Database], object]] = {
    "detection": lambda db: passes.undetected(db, "here"),
    "recovery": recoveries.lock,
    "rollup": rollups.lock,
    "partitions": lambda db: partitions.ensure_day(db, 86_400.0),
}


@pytest.mark.postgres
@pytest.mark.parametrize("name", TURNS)
def test_a_turn_of_a_host_that_froze_in_it_comes_to_the_next_one(database_with_tables: str, name: str) -> None:
    """It holds its transaction open and says nothing any more; when it wakes, that is gone, and it is told so."""
    frozen, here = (connect(database_with_tables, 0.5) for _ in range(2))
    with closing(frozen), closing(here), pytest.raises(StoreError, match="idle-in-transaction"), frozen.transaction():
        TURNS[name](frozen)
        with here.transaction():
            TURNS[name](here)
        frozen.rows("SELECT 1")


@pytest.mark.postgres
def test_limits_of_a_transaction_do_not_outlive_it(database_with_tables: str) -> None:
    """A pooler hands the session on to others."""
    asked = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")

    def limits(db: Database) -> list[str]:
        return [db.rows(f"SHOW {name}")[0][0] for name in asked]

    with closing(connect(database_with_tables, 2.0)) as db:
        before = limits(db)
        with db.transaction():
            assert limits(db)[:3] == ["1800ms", "1800ms", "4s"]
        assert limits(db) == before
