"""A store that knows less than the mirror is brought up to it, and what it alone knows stays."""

from pathlib import Path

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.store.history import gaps, passes
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, restored
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.outbox import claim, settle
from tests.parts.stores import opened

NOW = 1_795_348_800.0
COMPONENTS = {id_: Component(id_, "tcp", None) for id_ in "ab"}


def passed(db: Database, at: float, observer: str = "here", judged: bool = True) -> None:
    """A pass over both components, as a run keeps it."""
    passes.save(
        db, Pass(f"p-{round(at)}", observer, at, at + 1), dict.fromkeys("ab", Reading("error", 0.1)), COMPONENTS
    )
    gaps.save_watch(db, observer, Watch(at, at + 1))
    if judged:
        passes.mark_detected(db, [one.key for one in passes.undetected(db, observer)])


def broke(db: Database, component: str, at: float, *channels: str) -> str:
    """An open incident that was raised for these channels."""
    id_ = f"{component}@{round(at)}"
    states.save_incident(db, Incident(id_, component, "tcp", "high", "", at, at))
    states.save_states(db, {component: State(at, "fault", 3, 0)})
    alerts.add(db, Alert(f"{id_}/tcp_down", "tcp_down", "high", "t", component, at, id_, "r"), channels, at)
    return id_


def brought(store: Database, later: Database, *, anew: bool = False) -> restored.StoreWentBack:
    """The store, brought up to what a mirror of `later` knows."""
    copy = mirror.decode(mirror.encode(mirror.snapshot(later, "here", NOW + 900)))
    head = mirror.head_of(later, "here", copy)
    store.watch_json = preferences.get(store, "watched/here")
    return restored.bring_up_to_mirror(store, copy, head, replaced=anew)


def test_what_began_ended_and_was_told_since_the_backup(store: Database, tmp_path: Path) -> None:
    later = opened(f"sqlite:///{tmp_path}/later.db")
    for db in (store, later):
        passed(db, NOW)
        broke(db, "a", NOW, "log", "mail")
    states.save_incident(later, states.open_incidents(later)["a"]._replace(ended=NOW + 30))
    states.save_states(later, {"a": State(NOW + 30)})
    for channel in ("log", "mail"):
        settle(later, claim(later, NOW + 1, channel), None, NOW + 1)
    new = broke(later, "b", NOW + 60, "log")
    settle(later, claim(later, NOW + 61, "log"), None, NOW + 61)
    passed(later, NOW + 60)
    assert brought(store, later) == (False, NOW, NOW + 60)
    assert {id_: one.id for id_, one in states.open_incidents(store).items()} == {"b": new}
    assert {id_: one.state for id_, one in states.states(store).items()} == {"a": "healthy", "b": "fault"}
    assert store.rows("SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'") == [(0,)]
    assert {one.state for one in alerts.deliveries(store, [f"{new}/tcp_down", f"a@{round(NOW)}/tcp_down"])} == {"sent"}
    ((ended,),) = store.rows("SELECT ended FROM heartbeat_incidents WHERE component = 'a'")
    assert ended == NOW + 30, "the mirror still knows what ended within the hour"
    later.close()


def test_what_waited_still_waits(store: Database, tmp_path: Path) -> None:
    """A channel that did not take it: it is not counted as told."""
    later = opened(f"sqlite:///{tmp_path}/later.db")
    for db in (store, later):
        passed(db, NOW)
        broke(db, "a", NOW, "mail")
    passed(later, NOW + 60)
    brought(store, later)
    assert store.rows("SELECT channel FROM heartbeat_outbox WHERE state = 'waiting'") == [("mail",)]
    later.close()


def test_what_came_into_the_store_after_it_was_restored_stays(store: Database, tmp_path: Path) -> None:
    """Another host was there first: its incident is newer than the mirror, its watch is farther."""
    later = opened(f"sqlite:///{tmp_path}/later.db")
    for db in (store, later):
        passed(db, NOW)
        passed(db, NOW, observer="there")
    passed(later, NOW + 60)
    passed(store, NOW + 120, observer="there")
    new = broke(store, "b", NOW + 120, "log")
    states.save_states(later, {"theirs": State(NOW, "fault", 3, 0)})
    states.save_states(store, {"theirs": State(NOW + 120)})  # this host does not look at it
    brought(store, later)
    assert states.open_incidents(store)["b"].id == new and states.states(store)["theirs"].state == "healthy"
    assert {name: one.started for name, one in gaps.watches(store).items()} == {"here": NOW + 60, "there": NOW + 120}
    assert store.rows("SELECT state FROM heartbeat_outbox") == [("waiting",)]
    later.close()


def test_passes_that_waited_to_be_judged_were_judged(store: Database, tmp_path: Path) -> None:
    later = opened(f"sqlite:///{tmp_path}/later.db")
    passed(store, NOW, judged=False)
    passed(later, NOW)
    passed(later, NOW + 60)
    brought(store, later)
    assert passes.undetected(store, "here") == []
    later.close()


def test_silences_settings_and_what_belongs_to_one_store(store: Database, tmp_path: Path) -> None:
    later = opened(f"sqlite:///{tmp_path}/later.db")
    for db in (store, later):
        passed(db, NOW)
        silences.add(db, Silence("old", "a", "silence", NOW, NOW + 9_000, "why", "kim"))
        preferences.put(db, "tidied/here", "[1, 2.0]")
    passed(later, NOW + 60)
    silences.end(later, "old", NOW + 30)
    silences.add(later, Silence("new", "b", "silence", NOW + 40, NOW + 9_000, "why", "kim"))
    preferences.put(later, "strategy", "aggressive")
    preferences.put(later, "tidied/here", "[99, 99.0]")
    brought(store, later)
    assert [one.id for one in silences.active(store, NOW + 70)] == ["new"]
    assert preferences.get(store, "strategy") == "aggressive"
    assert preferences.get(store, "tidied/here") == "[1, 2.0]", "its hours are not those that the mirror's store had"
    later.close()


def test_it_is_behind_only_when_the_pass_is_missing(store: Database) -> None:
    """A clock that was set back leaves an earlier watch, and the pass that was made under the other time."""
    passed(store, NOW)
    copy = mirror.snapshot(store, "here", NOW)
    head = mirror.head_of(store, "here", copy)
    store.watch_json = preferences.get(store, "watched/here")
    assert not restored.is_behind(store, head)
    store.watch_json = "[1.0, 2.0, 0.0, null]"
    assert not restored.is_behind(store, head), "the clock"
    store.run("DELETE FROM heartbeat_pass_rows")
    assert restored.is_behind(store, head)
    assert not restored.is_behind(store, head._replace(watched=None)), "nothing is known"


def test_another_name_inherits(store: Database) -> None:
    passed(store, NOW, observer="old", judged=False)
    passed(store, NOW + 5, observer="other host", judged=False)
    restored.reassign(store, "old", "new")
    assert [one.started for one in passes.undetected(store, "new")] == [NOW]
    assert [one.started for one in passes.undetected(store, "other host")] == [NOW + 5]
