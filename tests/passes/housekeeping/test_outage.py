"""Whether an outage of the store is explained by a database that people were notified of."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Incident, Relapse
from heartbeat_cli.passes.housekeeping import outage
from heartbeat_cli.store.outbox import alerts
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


def notified(
    db: Database,
    folder: Path,
    database: dict[str, Any] | None,
    fault: Incident = FAULT,
    channels: Sequence[str] = ("log",),
    more: dict[str, Any] | None = None,
    later: dict[str, float] | None = None,
) -> bool:
    """Whether people are notified of the outage, after these `channels` were of the fault (not before `later`); `more`:
    other channels that there are."""
    tcp = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
    every = {"log": {"kind": "file", "path": str(folder / "log")}, **(more or {})}
    scene = Scene(db, STORE, folder, {"near": tcp} | ({"db": database} if database else {}), every)
    for _ in range(3):
        scene.keep(near=Reading("healthy", 0.1))
        scene.now += 30
    with db.transaction():
        states.save_incident(db, fault)
        about = Alert("db@1/down", "database_down", "high", "db is down", "db", scene.now, fault.id, "")
        alerts.add(db, about, channels, scene.now, later or {})
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


def test_nor_one_that_nobody_was_notified_of(kept: Database, tmp_path: Path) -> None:
    assert notified(kept, tmp_path, SAME | {"severity": "low"}, FAULT, ())


def test_nor_one_that_waits_for_the_end_of_quiet_hours(kept: Database, tmp_path: Path) -> None:
    assert notified(kept, tmp_path, SAME, later={"log": START + 7_200})


def test_nor_one_that_others_were_notified_of(kept: Database, tmp_path: Path) -> None:
    pager = {"pager": {"kind": "file", "path": str(tmp_path / "pager"), "components": ["near"]}}
    assert notified(kept, tmp_path, SAME, more=pager)


def test_one_that_all_were_notified_of_explains_it(kept: Database, tmp_path: Path) -> None:
    later = {"lead": {"kind": "file", "path": str(tmp_path / "lead"), "escalate_after": "1h"}}
    slight = {"wall": {"kind": "file", "path": str(tmp_path / "wall"), "min_severity": "severe"}}
    assert not notified(kept, tmp_path, SAME, more=later | slight)


@pytest.mark.parametrize(
    "change",
    [{"started": START - 3_600}, {"relapses": (Relapse(START - 7_200, START - 3_600, START - 3_600),)}],
)
def test_nor_one_that_began_before(kept: Database, tmp_path: Path, change: dict[str, Any]) -> None:
    assert notified(kept, tmp_path, SAME, FAULT._replace(**change))


def test_one_that_returned_with_the_outage_explains_it(kept: Database, tmp_path: Path) -> None:
    returned = Relapse(START - 3_600, START - 20, START)
    assert not notified(kept, tmp_path, SAME, FAULT._replace(started=START - 7_200, relapses=(returned,)))
