"""How many messages a bad night makes: few, and none that matters is missing."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.scene import START, Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
CHILDREN = [f"c{number}" for number in range(30)]


@pytest.fixture
def family(store: Database, store_url: str, tmp_path: Path) -> Scene:
    """db; proxy needs db; thirty need the proxy."""
    own = {"proxy": TCP | {"depends_on": ["db"]}, **dict.fromkeys(CHILDREN, TCP | {"depends_on": ["proxy"]})}
    return Scene(store, store_url, tmp_path, {**own, "db": TCP})


def all_(**readings: Reading) -> dict[str, Any]:
    return dict.fromkeys([*CHILDREN, "proxy", "db"], BAD) | readings


def notified(scene: Scene) -> list[tuple[str, str, list[str]]]:
    """Component, type and those named as depending on it, of every alert, in order."""
    made = reversed(alerts.between(scene.db, 0, 9e9))
    return [(one.component, one.type, list(one.details.get("held", []))) for one in made]


def test_thirty_children_fail_with_their_parent_and_make_one_message(family: Scene) -> None:
    for _ in range(5):
        family.saw(**all_())
        family.deliver()
    assert notified(family) == [("db", "tcp_down", ["proxy", *CHILDREN])]
    assert len(family.messages) == 1
    for _ in range(2):
        family.saw(**dict.fromkeys([*CHILDREN, "proxy", "db"], GOOD))
    family.deliver()
    assert notified(family)[1:] == [("db", "recovered", [])]
    assert family.incidents == {} and len(family.messages) == 2


def test_children_that_fail_only_after_it_are_reported_to_nobody_either(family: Scene) -> None:
    for _ in range(3):
        family.saw(db=BAD, proxy=GOOD)
    for _ in range(5):
        family.saw(**all_())
    assert notified(family) == [("db", "tcp_down", [])]
    assert len(family.incidents) == 32


def test_a_child_that_is_not_well_after_its_parent_is_named_and_then_reported(family: Scene) -> None:
    for _ in range(3):
        family.saw(**all_())
    well = dict.fromkeys([*CHILDREN, "proxy", "db"], GOOD) | {"c7": BAD}
    for _ in range(5):
        family.saw(**well)
    assert notified(family) == [
        ("db", "tcp_down", ["proxy", *CHILDREN]), ("db", "recovered", ["c7"]), ("c7", "tcp_down", [])
    ]  # fmt: skip
    newest = alerts.between(family.db, 0, 9e9)[0]
    assert newest.details["waited_for"] == "proxy" and newest.details["started"] == START


TO_AND_FRO = [*[GOOD, BAD] * 8, BAD, BAD, *[GOOD, GOOD, BAD] * 20]


def test_a_flapping_component_makes_two_messages(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP})
    for reading in [*TO_AND_FRO, *[GOOD] * 30]:
        scene.saw(db=reading)
        scene.deliver()
    assert [one["type"] for one in scene.messages] == ["tcp_down", "recovered"]
    assert scene.incidents == {}


def test_what_flaps_stays_acknowledged_and_its_messages_say_that_it_flaps(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, heartbeat={"remind_after": 600})
    for reading in TO_AND_FRO:
        scene.saw(db=reading)
        scene.deliver()
    newest = alerts.between(scene.db, 0, 9e9)[0]
    assert newest.type == "reminder" and newest.details["flapping"] is True
    states.acknowledge(scene.db, scene.incidents["db"].id, scene.now, "kim")
    for reading in [GOOD, GOOD, BAD] * 20:
        scene.saw(db=reading)
    assert alerts.between(scene.db, 0, 9e9)[0] == newest


def test_a_digest_names_its_components_and_its_ends_say_how_many_are_left(family: Scene) -> None:
    scene = Scene(family.db, family.tables["heartbeat"]["store"], family.folder, {"a": TCP, "b": TCP, "c": TCP})
    for _ in range(3):
        scene.saw(a=BAD, b=BAD, c=GOOD)
    scene.deliver()
    for _ in range(2):
        scene.saw(a=GOOD, b=GOOD, c=GOOD)
    scene.deliver()
    assert [one["title"] for one in scene.messages] == [
        "a and b down",
        "a and b recovered; nothing is in fault any more",
    ]


def test_a_digest_of_ends_does_not_sound_as_if_something_broke(family: Scene) -> None:
    scene = Scene(family.db, family.tables["heartbeat"]["store"], family.folder, {"a": TCP, "b": TCP, "c": TCP})
    for _ in range(3):
        scene.saw(a=BAD, b=BAD, c=BAD)
    scene.deliver()
    for _ in range(2):
        scene.saw(a=GOOD, b=GOOD, c=BAD)
    scene.deliver()
    assert scene.messages[-1]["title"] == "a and b recovered; still in fault: 1 of 3 components"
