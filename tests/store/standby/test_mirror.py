"""The mirror: what the next pass needs, and nothing else; damaged in any way, it is as if there were none."""

from pathlib import Path

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident, Relapse
from heartbeat_cli.store.history import passes
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror
from heartbeat_cli.store.state import beats, states
from heartbeat_cli.store.state.beats import Beat
from tests.parts.stores import opened

NOW = 1_795_348_800.25


def filled(db: Database) -> mirror.Snapshot:
    """A store with one of everything that matters, and its snapshot."""
    passes.save(db, Pass("p", "here", NOW, NOW), {"a": Reading("error", 0.1)}, {"a": Component("a", "tcp", None)})
    states.save_states(db, {"a": State(NOW, "fault", 3, 0, True, NOW)})
    states.save_incident(db, Incident("a@1", "a", "tcp", "high", "「壞」", NOW, NOW))
    alerts.add(db, Alert("a@1/down", "tcp_down", "high", "t", "a", NOW, "a@1", "r"), ["log"], NOW)
    over = Incident("over", "a", "tcp", "high", "", NOW - 90, NOW - 90, NOW - 5)  # it may be reopened
    states.save_incident(db, over.with_relapse(Relapse(NOW - 60.25, NOW - 30.5, NOW - 20)))
    states.save_incident(db, Incident("old", "a", "tcp", "high", "", NOW - 9_000, NOW - 9_000, NOW - 3_601))
    beats.add(db, Beat("a", NOW, "success"))
    return mirror.snapshot(db, "here", NOW)


def test_a_snapshot_comes_back_as_it_was(store: Database, tmp_path: Path) -> None:
    copy = filled(store)
    assert sorted(row[0] for row in copy["heartbeat_incidents"]) == ["a@1", "over"]
    mirror.write(tmp_path / "mirror.json", copy, mirror.head_of(store, "here", copy))
    found = mirror.read(tmp_path / "mirror.json")
    assert {name: [tuple(row) for row in rows] for name, rows in copy.items()} == found
    spool = opened(f"sqlite:///{tmp_path}/spool.db")
    mirror.fill(spool, found)
    assert mirror.snapshot(spool, "here", NOW) == copy
    assert states.states(spool) == states.states(store)
    spool.close()


def test_there_may_be_none(tmp_path: Path) -> None:
    assert mirror.read(tmp_path / "mirror.json") == {}


@pytest.mark.parametrize("place", [0, 5, 12, 40, -2])
def test_any_changed_character_makes_it_none(store: Database, tmp_path: Path, place: int) -> None:
    path = tmp_path / "mirror.json"
    mirror.refresh(path, store, "here", NOW, None, filled(store))
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert mirror.read(path) == {}


def test_half_of_it_is_none(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "mirror.json"
    mirror.refresh(path, store, "here", NOW, None, filled(store))
    data = path.read_bytes()
    for size in (0, 10, 17, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        assert mirror.read(path) == {}
