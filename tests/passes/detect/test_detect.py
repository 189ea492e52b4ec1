"""Detection: counters, incidents, alerts and outbox move together, once, whoever is killed when."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config.groups import Found
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.errors import StoreError
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.history import passes
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.scene import START, Scene
from tests.parts.stores import elsewhere

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route", evidence={"phase": "connect"})
SLOW = Reading("degraded", 9.0, "slow: 9.00 s (limit 1 s)")
UNSEEN = Reading("unknown", None, "could not look")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    child = TCP | {"depends_on": ["db"]}
    return Scene(store, store_url, tmp_path, {"main": child, "chat": child, "db": TCP | {"severity": "severe"}})


def test_the_third_failing_heartbeat_is_a_fault_reported_once(scene: Scene) -> None:
    assert scene.saw(db=BAD) == scene.saw(db=BAD) == []
    assert scene.outbox == [] and scene.incidents == {}
    assert scene.saw(db=BAD) == ["db opened"]
    assert scene.outbox == ["tcp_down to log: waiting"]
    incident = scene.incidents["db"]
    assert (incident.started, incident.declared) == (START, START + 60)
    assert (incident.cause, incident.severity, incident.held_by) == ("no route", "severe", None)
    assert scene.saw(db=BAD) == []
    (told,) = alerts.between(scene.db, 0, 9e9)
    assert told.details["evidence"] == {"phase": "connect"} and told.reason == "3 failing checks in a row (threshold 3)"
    assert told.title == "db is down" and told.incident == incident.id


def test_two_good_heartbeats_end_it(scene: Scene) -> None:
    for reading in (BAD, BAD, BAD, GOOD):
        scene.saw(db=reading)
    assert "db" in scene.incidents
    assert scene.saw(db=GOOD) == ["db ended"]
    assert scene.incidents == {}
    (closed,) = states.incidents_between(scene.db, START, START + 999)
    assert (closed.started, closed.ended) == (START, START + 120)
    assert scene.outbox == ["tcp_down to log: waiting", "recovered to log: waiting"]


def test_unknown_moves_nothing(scene: Scene) -> None:
    scene.saw(db=BAD)
    scene.saw(db=BAD)
    before = states.states(scene.db)["db"]
    for _ in range(2):
        assert scene.saw(db=UNSEEN) == []
    assert states.states(scene.db)["db"]._replace(unknown_count=0, unknown_since=None) == before
    assert scene.saw(db=BAD) == ["db opened"]


def test_a_dead_parent_is_one_message(scene: Scene) -> None:
    decided = [scene.saw(main=BAD, chat=BAD, db=BAD) for _ in range(4)]
    assert decided[2] == ["db opened", "main held", "chat held"] and decided[3] == []
    assert scene.outbox == ["tcp_down to log: waiting"]
    assert {id_: one.held_by for id_, one in scene.incidents.items()} == {"db": None, "main": "db", "chat": "db"}
    scene.saw(main=GOOD, chat=GOOD, db=GOOD)
    assert scene.saw(main=GOOD, chat=GOOD, db=GOOD) == ["db ended", "main ended", "chat ended"]
    assert scene.outbox == ["tcp_down to log: waiting", "recovered to log: waiting"]


def test_a_child_that_stays_down_after_its_parent_is_reported_then(scene: Scene) -> None:
    for _ in range(3):
        scene.saw(main=BAD, db=BAD)
    for _ in range(2):
        scene.saw(main=BAD, db=GOOD)
    assert scene.saw(main=BAD, db=GOOD) == []
    decided = [scene.saw(main=BAD, db=GOOD) for _ in range(2)]
    assert decided == [[], ["main released"]] or decided == [["main released"], []]
    assert scene.incidents["main"].held_by is None and scene.incidents["main"].started == START
    scene.saw(main=GOOD)
    assert scene.saw(main=GOOD) == ["main ended"]
    assert [line for line in scene.outbox if "main" not in line].count("recovered to log: waiting") == 2


def test_slowness_is_its_own_low_alert_with_an_end(scene: Scene) -> None:
    decided = [scene.saw(db=SLOW) for _ in range(3)]
    assert decided == [[], [], ["db degraded"]] and scene.incidents == {}
    scene.saw(db=GOOD)
    assert scene.saw(db=GOOD) == ["db degraded_ended"]
    assert [(one.type, one.severity) for one in alerts.between(scene.db, 0, 9e9)] == [
        ("degraded_ended", "low"), ("tcp_slow", "low")
    ]  # fmt: skip


def test_many_passes_at_once_are_judged_as_one_by_one(scene: Scene) -> None:
    for reading in (BAD, BAD, BAD, GOOD, GOOD, BAD):
        scene.keep(db=reading)
        scene.now += 30
    assert scene.detect() == ["db opened", "db ended"]
    assert scene.detect() == []
    assert states.states(scene.db)["db"].fail_count == 1
    assert scene.outbox == ["tcp_down to log: waiting", "recovered to log: waiting"]
    scene.now += 5
    assert scene.deliver() == ["tcp_down log sent", "recovered log sent"]


def test_a_dry_run_decides_and_moves_nothing(scene: Scene) -> None:
    for _ in range(3):
        scene.keep(db=BAD)
        scene.now += 30
    assert scene.detect(dry_run=True) == scene.detect(dry_run=True) == ["db opened"]
    assert states.states(scene.db) == {} and scene.incidents == {} and scene.outbox == []
    assert scene.detect() == ["db opened"]


def test_what_is_no_longer_configured_is_passed_over(scene: Scene, store_url: str) -> None:
    for _ in range(3):
        scene.keep(db=BAD, main=BAD)
        scene.now += 30
    smaller = Scene(scene.db, store_url, scene.folder, {"main": TCP})
    smaller.now = scene.now
    assert smaller.detect() == ["main opened"]
    assert smaller.detect() == []


@pytest.mark.parametrize(
    "table", ["heartbeat_outbox", "heartbeat_alert_rows", "heartbeat_incidents", "heartbeat_state"]
)
def test_all_or_nothing(scene: Scene, table: str) -> None:
    """Whatever cannot be written, nothing is: the next detection does it all, and tells it once."""
    scene.saw(db=BAD)
    scene.saw(db=BAD)
    scene.keep(db=BAD)
    before = states.states(scene.db)
    scene.db.run(f"ALTER TABLE {table} RENAME TO out_of_reach")
    with pytest.raises(StoreError):
        scene.detect()
    scene.db.run(f"ALTER TABLE out_of_reach RENAME TO {table}")
    assert states.states(scene.db) == before and scene.incidents == {} and scene.outbox == []
    assert scene.detect() == ["db opened"]
    assert scene.outbox == ["tcp_down to log: waiting"]


_DETECT = """
import json
from heartbeat_cli.config import load as config
from heartbeat_cli.passes.detect import detect
loaded = config.load(json.loads(sys.argv[2]), "heartbeat.toml")
print([v.decision for v in detect.detect(db, loaded, float(sys.argv[3]))])
"""


def test_two_detections_at_once_count_nothing_twice(scene: Scene, store_url: str) -> None:
    import json

    for _ in range(3):
        scene.keep(db=BAD)
        scene.now += 30
    said = elsewhere(store_url, _DETECT, json.dumps(scene.tables), scene.now, times=3)
    assert sorted(said) == ["['opened']\n", "[]\n", "[]\n"]
    assert states.states(scene.db)["db"].fail_count == 3
    assert scene.outbox == ["tcp_down to log: waiting"]


_KILLED = """
import json, os
from heartbeat_cli.config import load as config
from heartbeat_cli.passes.detect import detect
loaded = config.load(json.loads(sys.argv[2]), "heartbeat.toml")
with db.transaction():
    run = detect.DetectionRun(db, loaded, float(sys.argv[3]))
    run.consume()
    print(len(run.verdicts), flush=True)
    os._exit(0)  # the process is gone before its transaction ends
"""


def test_a_detection_killed_before_its_end_has_not_happened(scene: Scene, store_url: str) -> None:
    import json

    for _ in range(3):
        scene.keep(db=BAD)
        scene.now += 30
    assert elsewhere(store_url, _KILLED, json.dumps(scene.tables), scene.now, times=1) == ["1\n"]
    assert states.states(scene.db) == {} and scene.outbox == []
    assert scene.detect() == ["db opened"]


# --- who is told -----------------------------------------------------------------------------------------------------


def silence(scene: Scene, target: str, kind: str = "silence", minutes: float = 60) -> None:
    silences.add(scene.db, Silence("s1", target, kind, scene.now, scene.now + minutes * 60, "night work", "kim"))


def test_a_silence_keeps_the_alert_and_sends_nothing(scene: Scene) -> None:
    silence(scene, "db")
    for _ in range(3):
        scene.saw(db=BAD)
    assert scene.outbox == []
    (told,) = alerts.between(scene.db, 0, 9e9)
    assert told.reason.endswith("; muted: silence s1 (night work)")
    scene.saw(db=GOOD)
    scene.saw(db=GOOD)
    assert scene.outbox == [] and len(alerts.between(scene.db, 0, 9e9)) == 2


def test_who_was_woken_hears_the_end_even_in_a_silence(scene: Scene) -> None:
    for _ in range(3):
        scene.saw(db=BAD)
    silence(scene, "*")
    scene.saw(db=GOOD)
    assert scene.saw(db=GOOD) == ["db ended"]
    assert scene.outbox == ["tcp_down to log: waiting", "recovered to log: waiting"]


def test_an_end_goes_to_those_who_were_notified_of_the_beginning(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    files: dict[str, Any] = {id_: {"kind": "file", "path": str(tmp_path / id_)} for id_ in ("a", "b", "c")}
    before = Scene(store, store_url, tmp_path, {"db": TCP | {"channels": ["a", "b"]}}, files)
    for _ in range(3):
        before.saw(db=BAD)
    after = Scene(store, store_url, tmp_path, {"db": TCP | {"channels": ["b", "c"]}}, files)
    after.now = before.now
    after.saw(db=GOOD)
    after.saw(db=GOOD)
    assert after.outbox == [
        "tcp_down to a: waiting", "tcp_down to b: waiting", "recovered to a: waiting", "recovered to b: waiting"
    ]  # fmt: skip


def test_a_component_may_notify_nobody(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"channels": []}})
    for reading in (BAD, BAD, BAD, GOOD, GOOD):
        scene.saw(db=reading)
    assert scene.outbox == [] and len(alerts.between(scene.db, 0, 9e9)) == 2


# --- what healed it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("good_after", "credited"), [(20.0, True), (110.0, True), (130.0, False)])
def test_what_came_up_after_the_wait_but_in_its_time_was_healed(
    scene: Scene, good_after: float, credited: bool
) -> None:
    """The pass waits some seconds for a restarted component; a slow starter is proven by later passes."""
    from heartbeat_cli.domain.incident import Attempt

    for _ in range(3):
        scene.saw(db=BAD)
    begun = scene.now
    incident = scene.incidents["db"].id
    done = Attempt("x/1", incident, "db", 0, "script", "heartbeat", "here", begun, begun + 1, "done")
    recoveries.save(scene.db, done._replace(verify_until=begun + 60))
    scene.now = begun + good_after
    scene.saw(db=GOOD)
    scene.now += 45
    assert scene.saw(db=GOOD) == ["db ended"]
    assert scene.attempts[0].verified == (begun + good_after if credited else None)


def test_foreign_text_reaches_the_message_harmless(scene: Scene) -> None:
    nasty = Reading("error", None, "nul \0 half \udcff <b>&amp;\x1b[31m 🎉", evidence={"body": "\0\udcff<script>" * 99})
    for _ in range(3):
        scene.saw(db=nasty)
    assert scene.deliver() == ["tcp_down log sent"]
    (message,) = scene.messages
    assert "nul half ?" in message["text"]


def test_a_fault_that_outlasts_its_silence_is_reported_then(store: Database, store_url: str, tmp_path: Path) -> None:
    """A five-minute silence must not hide a fault for days, nor its end."""
    scene = Scene(store, store_url, tmp_path, {"db": TCP})
    silences.add(store, Silence("s", "db", "silence", START - 1, START + 600, "moving", "me"))
    for _ in range(4):
        scene.saw(db=BAD)
        scene.deliver()
    assert scene.messages == []
    scene.now = START + 601
    assert scene.saw(db=BAD) == ["db notified"]
    assert scene.deliver() == ["tcp_down log sent"]
    assert scene.saw(db=BAD) == []
    scene.saw(db=GOOD)
    scene.saw(db=GOOD)
    scene.deliver()
    assert [one["type"] for one in scene.messages] == ["tcp_down", "recovered"]


def test_the_fault_of_what_was_removed_is_closed_and_reported_to_who_was_notified(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    before = Scene(store, store_url, tmp_path, {"db": TCP, "other": TCP})
    for _ in range(3):
        before.saw(db=BAD, other=GOOD)
    after = Scene(store, store_url, tmp_path, {"other": TCP})
    after.now = before.now
    assert after.saw(other=GOOD) == []  # perhaps somebody is at work on the configuration
    after.now += 3600
    assert after.saw(other=GOOD) == ["db closed"]
    assert after.incidents == {} and after.outbox[-1] == "unwatched to log: waiting"
    assert after.saw(other=GOOD) == []


def test_nothing_counts_as_removed_while_a_part_of_the_configuration_leads_nowhere(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """The file that a fleet is read from may be away: its components are not gone."""
    before = Scene(store, store_url, tmp_path, {"db": TCP, "other": TCP})
    for _ in range(3):
        before.saw(db=BAD, other=GOOD)
    block = TCP | {"each": {"from_file": str(tmp_path / "none.json")}}
    after = Scene(store, store_url, tmp_path, {"other": TCP, "{name}": block})
    after.now = before.now + 7_200
    assert after.saw(other=GOOD) == [] and "db" in after.incidents


def test_what_the_entries_of_a_file_made_is_closed_though_it_was_all_that_there_was(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """A pass without a component checks nothing, and detection must close the incident all the same."""
    (tmp_path / "fleet.json").write_text('["db"]')
    fleet = {"{name}": TCP | {"each": {"from_file": str(tmp_path / "fleet.json")}}}
    before = Scene(store, store_url, tmp_path, fleet)
    for _ in range(3):
        before.saw(db=BAD)
    for text, decided in (("[", []), ("[]", ["db closed"])):
        (tmp_path / "fleet.json").write_text(text)
        after = Scene(store, store_url, tmp_path, fleet)
        after.now = before.now + 3_600
        assert after.detect() == decided
    assert after.outbox[-1] == "unwatched to log: waiting"


def test_what_was_removed_is_closed_though_something_else_leads_nowhere(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """Docker has said that it is gone: a file that is away elsewhere has nothing to do with it."""
    box = {"kind": "docker", "match": {"name": "*"}}
    lost = TCP | {"each": {"from_file": str(tmp_path / "none.json")}}
    before = Scene(store, store_url, tmp_path, {"other": TCP})

    def found(*names: str) -> None:
        tables = {**before.tables, "components": {"other": TCP, "boxes": box, "{name}": lost}}
        there = Found({"boxes": names}, frozenset({"boxes"}))
        before.config = configuration.load(tables, "heartbeat.toml", tmp_path, find=lambda folder, groups: there)

    found("web")
    for _ in range(3):
        before.saw(**{"boxes/web": BAD, "other": GOOD})
    found()
    assert before.saw(other=GOOD) == ["boxes/web closed"]


def turn(scene: Scene, now: float, **seen: Reading) -> list[str]:
    """A regular pass of a host, judged."""
    scene.now, me = now, scene.config.observer
    done = passes.Pass(check.pass_id(me, now), me, now, now + 1)
    check.save(scene.db, scene.config, check.Checked(done, seen))
    return scene.detect()


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        ({}, "it is no longer in the configuration"),
        ({"web": TCP | {"observer": "z"}}, "no host checks it any more"),
    ],
)
def test_what_all_hosts_dropped_or_left_to_one_that_there_is_not_is_closed(
    store: Database, store_url: str, tmp_path: Path, later: dict[str, Any], reason: str
) -> None:
    def hosts(components: dict[str, Any]) -> list[Scene]:
        return [Scene(store, store_url, tmp_path, components, heartbeat={"observer": name}) for name in ("a", "b")]

    now, decided = START, list[str]()
    for _ in range(4):
        decided += [said for one in hosts({"web": TCP, "other": TCP}) for said in turn(one, now, web=BAD, other=GOOD)]
        now += 60
    assert "web opened" in decided
    a, b = hosts({"other": TCP} | later)
    for ten in range(1, 18):  # b is off for three hours: it may still have it
        assert "web closed" not in turn(a, now + ten * 600, other=GOOD)
    begun, now = now, now + 3 * 3_600
    while "web closed" not in decided:
        decided += [said for one in (b, a) for said in turn(one, now, other=GOOD)]
        now += 600
    assert abs(now - begun - 3 * 3_600) <= 1_200, "when b is back"
    assert a.incidents == {}
    assert [one.reason for one in alerts.between(store, 0.0, 9e9) if one.type == "unwatched"] == [reason]


def test_what_another_host_checks_is_not_closed(store: Database, store_url: str, tmp_path: Path) -> None:
    there = Scene(store, store_url, tmp_path, {"db": TCP}, heartbeat={"observer": "there"})
    for _ in range(3):
        there.saw(db=BAD)
    here = Scene(store, store_url, tmp_path, {"other": TCP})
    here.now = there.now + 7200
    assert here.saw(other=GOOD) == [] and "db" in here.incidents


SYSTEMD = {"action": "systemd", "unit": "shop.service"}


@pytest.mark.parametrize(
    ("step", "restart"),
    [
        (SYSTEMD, "systemctl restart shop"),
        (SYSTEMD | {"user": True}, "systemctl --user restart shop"),
        (SYSTEMD | {"sudo": True}, "sudo systemctl restart shop"),
        ({"action": "docker", "container": "shop-1"}, "docker restart shop-1"),
        ({"action": "command", "command": ["it", "--token=x"]}, "heartbeat recover --component shop --force"),
        (None, None),
    ],
)
def test_an_alert_knows_how_its_component_is_restarted(
    step: Any, restart: str | None, store: Database, store_url: str, tmp_path: Path
) -> None:
    recovery = {"ladder": [step] if step else []}
    away = {"kind": "agent", "url": "http://192.0.2.1:9/health", "recovery": recovery}
    scene = Scene(store, store_url, tmp_path, {"shop": away, "near": away | {"url": "http://localhost:9/health"}})
    for _ in range(3):
        scene.saw(shop=Reading("error", None, "no"), near=Reading("error", None, "no"))
    told = {one.component: one.details for one in alerts.between(store, 0.0, 9e9)}
    assert (told["shop"].get("restart"), told["shop"].get("local")) == (restart, None)
    assert told["near"]["local"] is True
