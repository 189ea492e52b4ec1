"""A fault that returns soon is the same incident: one trouble, few messages, and no healthy time counted as down."""

import json
from pathlib import Path

import pytest

from heartbeat_cli.commands.report import rendered
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Incident, Relapse
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror
from heartbeat_cli.store.state import recoveries, silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.scene import START, Scene
from tests.parts.stores import opened

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    return Scene(store, store_url, tmp_path, {"web": TCP})


def follow(scene: Scene, looks: str, step: float = 10.0) -> list[str]:
    """Passes that see `web` as the letters say (F fails, S succeeds), each with its delivery; what was decided."""
    decided = []
    for look in looks:
        decided += scene.saw(step, web=BAD if look == "F" else GOOD)
        scene.deliver()
    return decided


def incident(scene: Scene) -> Incident:
    (only,) = states.incidents_between(scene.db, START - 1, scene.now + 1)
    return only


def titles(scene: Scene) -> list[str]:
    return [one["title"] for one in scene.messages]


def test_a_fault_that_returns_soon_reopens_its_incident(scene: Scene) -> None:
    assert follow(scene, "FFFSS") == ["web opened", "web ended"]
    (first,) = states.incidents_between(scene.db, START, scene.now)
    states.acknowledge(scene.db, first.id, scene.now, "kim")  # over: nothing to acknowledge
    assert follow(scene, "SSFFF") == ["web reopened"]
    again = scene.incidents["web"]
    assert (again.id, again.started, again.declared, again.ended) == (first.id, START, START + 20, None)
    assert again.relapses == (Relapse(START + 40, START + 70, START + 90),)
    assert again.redeclared == START + 90 and again.downtime(START + 100) == 40 + 30


def test_the_line_that_it_is_down_again_is_short_and_in_the_thread_of_the_first(scene: Scene) -> None:
    follow(scene, "FFFSSSSFFF")
    first, over, again = scene.messages
    assert [first["type"], over["type"], again["type"]] == ["tcp_down", "recovered", "tcp_down"]
    assert first["thread"] == over["thread"] == again["thread"] == scene.incidents["web"].id
    assert again["title"] == "web is down again, 2 times in 2 min"
    assert "What to do" in first["text"] and "What to do" in again["text"]
    assert ", and failed again 30 s later\n" in again["text"]
    assert "no route" in again["text"] and first["id"] != again["id"]


def test_flapping_by_half_minutes_is_reported_twice_from_the_second_outage_on(scene: Scene) -> None:
    follow(scene, "FFFSSS" * 4)
    assert [one["type"] for one in scene.messages] == ["tcp_down", "recovered", "tcp_down"]
    assert follow(scene, "S" * 40) == ["web ended"]
    assert [one["type"] for one in scene.messages][3:] == ["recovered"]
    assert len(incident(scene).outages) == 4
    assert "It was down 4 times" in scene.messages[-1]["text"]


def test_the_time_it_was_healthy_in_between_is_no_downtime(scene: Scene) -> None:
    """By the incident's outages, whether it was reopened or kept open until it was steady."""
    follow(scene, "FFFSSSFFFSSS" + "S" * 40)
    assert incident(scene).outages == ((START, START + 40), (START + 60, START + 90))
    follow(scene, "FFFSSS")
    assert len(states.incidents_between(scene.db, START, scene.now)) == 2  # it was steady in between


def test_a_relapse_while_the_incident_is_kept_open_is_an_outage_of_it(scene: Scene) -> None:
    follow(scene, "FFFSSFFFSSSSF")
    again = scene.incidents["web"]
    assert again.outages == ((START, START + 40), (START + 50, START + 80), (START + 120, None))
    assert again.downtime(START + 130) == 40 + 30 + 10


def test_a_returned_fault_ends_when_it_has_been_healthy_for_as_long(scene: Scene) -> None:
    follow(scene, "FFFSSSFFF")
    healthy = scene.now
    assert follow(scene, "S" * 30) == []
    assert follow(scene, "S") == ["web ended"]
    assert incident(scene).ended == healthy
    newest = alerts.between(scene.db, 0, 9e9)[0]
    assert newest.reason == "healthy for 5 min after it had returned"
    assert newest.details["ended"] == healthy and newest.details["down"] == 40 + 30


def test_one_that_returns_later_is_a_new_incident(scene: Scene) -> None:
    follow(scene, "FFFSS" + "S" * 32)
    assert follow(scene, "FFF") == ["web opened"]
    assert len(states.incidents_between(scene.db, START, scene.now)) == 2
    assert titles(scene)[-1] == "web is down"


def test_0_switches_it_off(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"web": TCP}, heartbeat={"reopen_within": 0})
    assert follow(scene, "FFFSSFFFSS") == ["web opened", "web ended"] * 2
    assert titles(scene)[2] == "web is down"


def test_without_hold_flapping_each_end_is_reported_at_once(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"web": TCP | {"hold_flapping": False}})
    assert follow(scene, "FFFSSFFFSSFFFSS") == ["web opened", "web ended", *["web reopened", "web ended"] * 2]
    assert [one["type"] for one in scene.messages] == ["tcp_down", "recovered"] * 3
    assert titles(scene)[4] == "web is down again, 3 times in 2 min"


def test_an_acknowledgement_stays_with_the_incident(scene: Scene) -> None:
    follow(scene, "FFF")
    assert states.acknowledge(scene.db, scene.incidents["web"].id, scene.now, "kim")
    follow(scene, "SSFFF")
    assert scene.incidents["web"].acked_by == "kim"


def test_who_was_notified_of_the_end_is_notified_that_it_is_down_again(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    log = {"kind": "file", "path": str(tmp_path / "messages.log")}
    late = {"kind": "file", "path": str(tmp_path / "late.log"), "escalate_after": 60}
    scene = Scene(store, store_url, tmp_path, {"web": TCP}, {"log": log, "late": late})
    follow(scene, "F" * 12 + "SSFFF")
    seen = [line for line in (tmp_path / "late.log").read_text().splitlines() if "again" in line]
    assert len(seen) == 1


def test_a_fault_nobody_was_notified_of_is_reported_in_full_when_it_returns(scene: Scene) -> None:
    silences.add(scene.db, Silence("s1", "web", "silence", START, START + 55, "work", "kim"))
    follow(scene, "FFFSSSFFF")
    assert titles(scene) == ["web is down"] and "What to do" in scene.messages[0]["text"]


def test_a_report_counts_no_healthy_time_as_down(scene: Scene) -> None:
    """The incident is down exactly as long as its checks say, and availability does not know of incidents at all."""
    follow(scene, "SSFFFSSSFFF" + "S" * 40)
    day = report.today(START, scene.config.timezone)
    made = report.report(scene.db, scene.config, report.period(day, day, scene.config.timezone), scene.now)
    (tally,) = made.tallies
    assert tally.down_us == 60_000_000
    (story,) = made.stories
    assert story.lasted == made.downtime["web"] == made.times.repair == 40 + 30, "its first end took two good checks"
    tree = json.loads(rendered(made, "json", "en"))
    (shown,) = tree["incidents"]
    assert shown["duration"] == shown["lasted"] == 70 and len(shown["outages"]) == 2
    assert "down 2 times" in rendered(made, "text", "en")


def test_what_a_spool_judged_is_judged_alike_in_the_store(scene: Scene, tmp_path: Path) -> None:
    """A fault that returns while the store is away: the mirror knows the incident that it reopens."""
    follow(scene, "FFFSS")
    spool = opened(f"sqlite:///{tmp_path}/spool.db")
    mirror.fill(spool, mirror.snapshot(scene.db, "here", scene.now))
    store, began = scene.db, scene.now
    found = []
    for db in (spool, store):
        scene.db, scene.now = db, began
        follow(scene, "FFF")
        found.append((scene.incidents["web"], [one.id for one in alerts.between(db, began, 9e9)]))
    assert found[0] == found[1] and len(found[0][0].relapses) == 1
    spool.close()


def test_relapses_that_nobody_can_read_are_none(scene: Scene) -> None:
    follow(scene, "FFFSSFFF")
    for nonsense in ("", "nonsense", "{}", "[[1]]", '[["a", 1, 2]]', "[1]"):
        scene.db.run("UPDATE heartbeat_incidents SET relapses = ?", (nonsense,))
        assert scene.incidents["web"].relapses == ()


def test_a_parent_that_is_healthy_but_not_steady_explains_no_fault_of_its_children(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP | {"depends_on": ["db"]}})
    for look in "FFFSSSFFFSS":
        scene.saw(10.0, db=BAD if look == "F" else GOOD, web=GOOD)
    assert states.states(scene.db)["db"].state == "recovering"
    decided = [one for _ in range(3) for one in scene.saw(10.0, db=GOOD, web=BAD)]
    assert decided == ["web opened"]


def test_a_ladder_that_was_used_up_stays_used_up_within_the_same_trouble(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    step = {"action": "command", "command": ["/bin/false"], "tries": 1}
    scene = Scene(store, store_url, tmp_path, {"web": TCP | {"recovery": {"ladder": [step]}}})
    follow(scene, "FFF")
    scene.recover()
    follow(scene, "SSFFF")
    (found,) = scene.recover()
    assert found.name == "comes back"  # as it did the first time
    follow(scene, "FF")
    (found,) = scene.recover()
    assert found.name == "exhausted"
    assert len(recoveries.of_incident(scene.db, scene.incidents["web"].id)) == 1
