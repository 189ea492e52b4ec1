"""What an alert knows of the time before a fault, of other components, and of what recovery does next."""

from pathlib import Path
from typing import Any

from heartbeat_cli.domain.checking.result import Reading, unknown
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.remedies import without_secrets
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.history.gaps import Gap
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import START, Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
BLIND = unknown("no right to ask")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
STEP = {"ladder": [{"action": "command", "command": ["true"]}]}


def last(scene: Scene) -> dict[str, Any]:
    """The details of the newest alert."""
    return dict(alerts.between(scene.db, 0.0, 9e9)[0].details)


def test_a_fault_of_the_first_check_after_a_blind_time_says_since_when_nobody_saw_it(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"fail_threshold": 1}})
    scene.saw(db=GOOD)
    for _ in range(4):
        scene.saw(db=BLIND)
    scene.saw(db=BAD)
    down = next(one for one in alerts.between(store, 0.0, 9e9) if one.type == "tcp_down")
    assert down.details["unseen"] == [START + 30, START + 150]


def test_a_gap_between_runs_is_a_time_in_which_nobody_saw_it_and_an_old_one_is_not(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP})
    gaps.save(store, Gap("here", START - 3_600, START - 20, "no runs"))
    for _ in range(3):
        scene.saw(db=BAD, web=GOOD)
    assert last(scene)["unseen"] == [START - 3_600, START]
    scene.now += 3_600
    for _ in range(3):
        scene.saw(web=BAD)
    assert "unseen" not in last(scene)


def test_the_step_comes_now_where_recovery_follows_and_with_the_next_run_where_not(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"recovery": STEP}, "web": TCP | {"recovery": STEP}})
    for _ in range(3):
        scene.saw(db=BAD)
    assert last(scene)["recovery"] == "being done now: step 1 of 1: command true"
    for _ in range(3):
        scene.keep(web=BAD)
        detect.detect(store, scene.config, scene.now, recovers=False)
        scene.now += 30
    assert last(scene)["recovery"] == "with the next heartbeat run or recover: step 1 of 1: command true"


def test_a_child_that_may_still_follow_its_parent_is_not_promised_a_step_at_once(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    child = TCP | {"depends_on": ["db"], "fail_threshold": 1, "recovery": STEP | {"startup_grace": 300}}
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": child})
    for _ in range(4):
        scene.saw(db=BAD, web=BAD)
    for _ in range(3):
        scene.saw(db=GOOD, web=BAD)
    down = next(one for one in alerts.between(store, 0.0, 9e9) if one.component == "web")
    assert down.details["recovery"] == "db, which it depends on, is back; it has 300 s to follow"


def test_only_what_a_budget_may_pay_for_has_it_as_a_likely_cause(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    spent = {"prometheus": {"url": "http://127.0.0.1:1/metrics", "metric": "x"}}
    tokens = {"kind": "budget", "spent": spent, "limit": 1, "timezone": "UTC"}
    agent = {"kind": "agent", "url": "http://user:word@127.0.0.1:1/health?key=1"}
    scene = Scene(store, store_url, tmp_path, {"tokens": tokens, "main": agent, "db": TCP})
    for _ in range(3):
        scene.saw(tokens=BAD)
    assert last(scene)["renews"] == START + 43_200
    for _ in range(3):
        scene.saw(tokens=BAD, main=BAD, db=BAD)
    found = {one.component: one.details for one in alerts.between(store, 0.0, 9e9)}
    assert found["main"]["likely"] == ["tokens", START + 43_200, START] and "likely" not in found["db"]
    assert found["main"]["address"] == "http://127.0.0.1:1/health"


def test_what_is_open_at_an_end_is_counted_and_its_first_ones_are_named(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    ids = ["a", "b", "c", "d", "e"]
    scene = Scene(store, store_url, tmp_path, {id_: TCP | {"name": id_.upper()} for id_ in ids})
    for _ in range(3):
        scene.saw(a=BAD, b=BAD, c=BAD, d=BAD, e=BLIND)
    for _ in range(3):
        scene.saw(a=GOOD, b=BAD, c=BAD, d=BAD, e=BLIND)
    found = last(scene)["open"]
    assert found["faults"] == [3, *(["BCD"[n], START, ""] for n in range(3))] and found["hosts"] == [0]
    assert found["unseen"] == [1, ["E", START]]


def test_another_fault_has_its_cause_in_a_few_words(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP})
    why = Text("{line} (limit {limit})", line=Text("disk {point} full", point="/"), limit="x" * 40)
    for _ in range(3):
        scene.saw(db=Reading("unhealthy", None, why), web=GOOD)
    for _ in range(3):
        scene.saw(db=Reading("unhealthy", None, why), web=BAD)
    assert last(scene)["also_since"] == [[START, "", "disk / full", START - 150, False]]


def earliest(scene: Scene) -> Any:
    """When the other fault that the newest alert of `web` names can have begun."""
    return next(one for one in alerts.between(scene.db, 0.0, 9e9) if one.component == "web").details["also_since"][0][3]


def test_another_fault_began_after_the_last_check_before_it_that_somebody_made(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    seldom = TCP | {"interval": 600, "fail_threshold": 1}
    scene = Scene(store, store_url, tmp_path, {"db": seldom, "web": TCP | {"fail_threshold": 1}})
    scene.saw(db=BAD, web=BAD)
    assert earliest(scene) == START - 1_500
    gaps.save(store, Gap("here", START + 60, START + 3_600, "no runs"))
    scene.now = START + 3_600
    scene.saw(db=GOOD, web=GOOD)
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"fail_threshold": 1}, "web": TCP | {"fail_threshold": 1}})
    scene.now = START + 3_630
    scene.saw(db=GOOD, web=GOOD)
    scene.saw(db=BAD, web=BAD)
    assert earliest(scene) == START + 60, "nobody saw it in that hour"


def test_of_what_fails_only_some_time_after_it_stopped_nobody_knows_when_it_began(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    jobs = {"kind": "progress", "waiting": {"redis": {"command": ["LLEN", "jobs"]}}}
    scene = Scene(
        store, store_url, tmp_path, {"jobs": jobs | {"fail_threshold": 1}, "web": TCP | {"fail_threshold": 1}}
    )
    scene.saw(jobs=BAD, web=BAD)
    assert earliest(scene) is None


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    shown = {
        "https://u:p@api.example.com:8443/v1?key=1#x": "https://api.example.com:8443/v1",
        "http://[::1]:80/": "http://[::1]:80/",
        "http://[::1": "",
        "http://h:99999999/": "",
    }
    assert {url: without_secrets(url) for url in shown} == shown
