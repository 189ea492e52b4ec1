"""Whether an outage of the store is explained by a database that people know to be in fault."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.passes.housekeeping import outage
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.scene import START, Scene

STORE = "postgresql://heartbeat:secret@db.example:6432/heartbeat"
SAME = {"kind": "database", "dsn": "host=db.example port=6432 dbname=shop user=shop"}
BEGUN = Degraded("here@1", "here", START, "the store does not answer")
FAULT = Incident("db@1", "db", "database", "high", "no connection", START, START)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Database]:
    with closing(spool.begin(tmp_path / "spool.db", dict, BEGUN, 3.0)) as db:
        yield db


def notified(db: Database, folder: Path, database: dict[str, Any] | None, fault: Incident = FAULT) -> bool:
    tcp = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
    scene = Scene(db, STORE, folder, {"near": tcp} | ({"db": database} if database else {}))
    for _ in range(3):
        scene.keep(near=Reading("healthy", 0.1))
        scene.now += 30
    with db.transaction():
        states.save_incident(db, fault)
    outage.notify(db, scene.config, BEGUN, scene.now)
    return "store_unreachable to log: waiting" in scene.outbox


def test_a_fault_of_the_stores_own_server_explains_it(kept: Database, tmp_path: Path) -> None:
    assert not notified(kept, tmp_path, SAME)


@pytest.mark.parametrize(
    "database",
    [
        None,
        SAME | {"observer": "there"},
        SAME | {"dsn": "host=db.example dbname=heartbeat"},
        SAME | {"dsn": "postgresql://nobody@127.0.0.1:9/analytics"},
        SAME | {"dsn": "service=store"},
    ],
)
def test_one_of_another_server_or_host_does_not(kept: Database, tmp_path: Path, database: dict[str, Any]) -> None:
    assert notified(kept, tmp_path, database)


@pytest.mark.parametrize("change", [{"acked": START, "acked_by": "kim"}, {"held_by": "net"}])
def test_nor_one_that_nobody_hears_of(kept: Database, tmp_path: Path, change: dict[str, Any]) -> None:
    assert notified(kept, tmp_path, SAME, FAULT._replace(**change))


def test_nor_one_that_is_silenced(kept: Database, tmp_path: Path) -> None:
    silences.add(kept, Silence("s", "db", "silence", START, START + 600, "", "kim"))
    assert notified(kept, tmp_path, SAME)


def test_a_store_with_several_hosts_is_explained_by_all_of_them(kept: Database, tmp_path: Path) -> None:
    both = SAME | {"dsn": "host=other.example,db.example port=5432,6432"}
    assert not notified(kept, tmp_path, both)
