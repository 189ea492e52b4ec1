"""A host that makes no more passes is told of by the others, once, and once when it is back."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.history import gaps, passes
from heartbeat_cli.store.quorum import peer_liveness
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences
from heartbeat_cli.store.state.silences import Silence
from tests.parts.hosts import STEP, Hosts
from tests.parts.scene import Scene


@pytest.fixture
def hosts(store: Database, store_url: str, tmp_path: Path) -> Hosts:
    three = Hosts(store, store_url, tmp_path, "abc")
    three.round(3, a="healthy", b="healthy", c="healthy")
    return three


def test_a_silent_host_is_reported_once_and_its_return_too(hosts: Hosts) -> None:
    assert hosts.round(9, a="healthy", c="healthy") == [], "five minutes are not over"
    assert hosts.round(3, a="healthy", c="healthy") == ["b observer_silent"]
    assert hosts.round(50, a="healthy", c="healthy") == []
    assert hosts.notified() == ["observer_silent"]
    found = hosts.alert("observer_silent")
    assert (found["component"], found["severity"]) == ("b", "high")
    assert found["reason"].startswith("no pass for 5 min") and found["details"]["observer"] in ("a", "c")
    assert hosts.round(2, b="healthy") == ["b missed_runs"], "it says so itself, to whoever heard of it"
    assert hosts.notified() == ["observer_silent", "observer_back"]
    last = found["details"]["started"]  # the end of its last pass; else the message would say that it was away for ages
    assert hosts.alert("observer_back")["details"]["started"] == pytest.approx(last, abs=0.001)
    assert hosts.round(5, a="healthy", b="healthy", c="healthy") == []
    assert hosts.notified() == ["observer_silent", "observer_back"]


def test_one_that_kept_watching_without_the_store_is_back_too(hosts: Hosts) -> None:
    """No gap of its own: what it missed was the store, and the others saw only that."""
    begun = hosts.now
    hosts.round(20, a="healthy", c="healthy")
    for n in range(20):
        hosts.keep("b", "healthy", at=begun + n * STEP)
    assert hosts.check("b", "healthy") == []
    assert hosts.round(1, a="healthy", c="healthy") == ["b observer_back"]
    assert hosts.notified() == ["observer_silent", "observer_back"]


def test_whoever_was_away_itself_accuses_nobody(hosts: Hosts) -> None:
    """After a power cut the first one up waits for the others as long as ever."""
    hosts.now += 3_600
    assert [one for one in hosts.round(9, a="healthy") if "observer" in one] == []
    hosts.now += 3_600
    assert [one for one in hosts.round(2, a="healthy") if "observer" in one] == []
    assert hosts.round(12, a="healthy") == ["b observer_silent", "c observer_silent"]


@pytest.mark.parametrize("skew", [-7_200.0, 7_200.0])
def test_a_wrong_clock_is_no_silence(hosts: Hosts, skew: float) -> None:
    for _ in range(30):
        hosts.round(1, a="healthy", c="healthy")
        hosts.keep("b", "healthy", at=hosts.now + skew)
    assert "observer_silent" not in hosts.notified()


def test_what_only_it_checked_is_named(store: Database, store_url: str, tmp_path: Path) -> None:
    one, two = Hosts(store, store_url, tmp_path, "a"), Hosts(store, store_url, tmp_path, "b", interval=600)
    one.scenes["b"] = two.scenes["b"]
    one.round(3, a="healthy", b="healthy")
    store.run("UPDATE heartbeat_looks SET component = 'mine' WHERE observer = 'b'")
    one.round(13, a="healthy")
    assert (
        one.alert("observer_silent")["details"]["text"] == "Nobody checks these now, so how they are is not known: mine"
    )


def test_faults_that_others_see_themselves_do_not_come_from_the_silence(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    both = Hosts(store, store_url, tmp_path, "ab", quorum=1)
    both.round(4, a="unhealthy", b="healthy")
    both.round(13, a="unhealthy")
    apart = "The fault of web does not come from this silence: it is seen by a"
    assert both.alert("observer_silent")["details"]["text"] == apart


def test_a_fault_that_is_over_is_not_named(store: Database, store_url: str, tmp_path: Path) -> None:
    both = Hosts(store, store_url, tmp_path, "ab", quorum=1)
    both.round(4, a="healthy", b="unhealthy")
    both.round(13, a="healthy")
    assert "text" not in both.alert("observer_silent")["details"]


@pytest.mark.parametrize(("healer", "said"), [("b", "Nobody restarts these now: web"), ("[ab]", None), ("*", None)])
def test_what_only_it_may_restart_is_named(
    healer: str, said: str | None, store: Database, store_url: str, tmp_path: Path
) -> None:
    ladder = {"ladder": [{"action": "command", "command": ["true"]}]}
    two = Hosts(store, store_url, tmp_path, "ab", healer=healer, recovery=ladder)
    two.round(6, a="healthy", b="healthy")
    two.round(13, a="healthy")
    assert two.alert("observer_silent")["details"].get("text") == said


def test_a_silence_keeps_it_back(hosts: Hosts) -> None:
    silences.add(hosts.db, Silence("s1", "b", "silence", hosts.now, hosts.now + 14 * STEP, "moving", "me"))
    decided = hosts.round(14, a="healthy", c="healthy")
    assert decided == ["b observer_silent"] and hosts.notified() == []
    assert "muted: silence s1" in hosts.alert("observer_silent")["reason"]
    hosts.round(2, b="healthy", a="healthy", c="healthy")
    assert hosts.notified() == ["missed_runs"], "nobody had heard, so it is a gap like any other"


def test_what_a_silence_kept_back_is_reported_when_it_is_over(hosts: Hosts) -> None:
    silences.add(hosts.db, Silence("s1", "b", "silence", hosts.now, hosts.now + 600, "reboot", "me"))
    assert hosts.round(20, a="healthy", c="healthy") == ["b observer_silent"] and hosts.notified() == []
    assert hosts.round(50, a="healthy", c="healthy") == ["b notified"]
    assert hosts.notified() == ["observer_silent"]
    assert hosts.round(2, b="healthy") == ["b missed_runs"]
    assert hosts.notified() == ["observer_silent", "observer_back"]


@pytest.mark.parametrize("every", [60.0, 301.0, 600.0, 3_600.0])
def test_hosts_that_check_seldom_notice_it_too(store: Database, store_url: str, tmp_path: Path, every: float) -> None:
    two = Hosts(store, store_url, tmp_path, "ab", interval=every)

    def turns(times: int, *names: str) -> list[str]:
        decided = []
        for _ in range(times):
            for name in names:
                scene = two.scenes[name]
                scene.now = two.now
                done = passes.Pass(check.pass_id(name, two.now), name, two.now, two.now + 0.5)
                seen = check.Checked(done, {"web": Reading("healthy", 0.1)}, every)
                check.save(two.db, scene.config, seen)
                decided += scene.detect()
                two.now += 1
            two.now += every - len(names)
        return decided

    turns(4, "a", "b")
    assert turns(8, "a") == ["b observer_silent"]


def test_a_check_or_two_by_hand_make_no_host_that_is_missed(hosts: Hosts) -> None:
    """On a laptop, say, or while it is set up; from the third regular pass on it is."""
    hosts.db.run("DELETE FROM heartbeat_settings WHERE name = 'watched/b'")
    hosts.check("b", "healthy")
    assert hosts.round(40, a="healthy", c="healthy") == []
    assert hosts.check("b", "healthy") == [], "nor does it miss what nobody expected"
    assert hosts.round(40, a="healthy", c="healthy") == []
    hosts.round(3, a="healthy", b="healthy", c="healthy")
    assert hosts.round(14, a="healthy", c="healthy") == ["b observer_silent"]


@pytest.mark.parametrize("later", [{"interval": 3_600}, {"interval": 60, "observer": "z"}])
def test_one_that_has_hardly_anything_to_check_is_there(
    store: Database, store_url: str, tmp_path: Path, later: dict[str, Any]
) -> None:
    """Its configuration changes; cron goes on running it every minute."""
    one = Hosts(store, store_url, tmp_path, "a")
    job = {"kind": "command", "command": ["true"], "interval": 60}
    (tmp_path / "b").mkdir()
    before, after = (
        Scene(store, store_url, tmp_path / "b", {"job": one}, heartbeat={"observer": "b"}) for one in (job, job | later)
    )
    decided = []
    for minute in range(70):
        decided += one.check("a", "healthy")
        scene = before if minute < 6 else after
        scene.now = one.now + 1
        scene.check()
        decided += scene.detect()
        one.now += 60
    assert decided == []
    assert gaps.between(store, 0.0, 9e9) == []


def test_what_others_check_seldom_and_what_was_removed_long_ago_is_not_named(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    one = Hosts(store, store_url, tmp_path, "ab", interval=600)
    one.check("b", "healthy")
    store.run("UPDATE heartbeat_looks SET component = 'removed'")
    one.now += 86_400
    one.round(3, a="healthy", b="healthy")
    one.round(1, a="healthy")
    at = one.now
    for _ in range(16):
        one.round(1, a="healthy")
        store.run("UPDATE heartbeat_looks SET at = to_timestamp(?) WHERE observer = 'a'", (at,))
    assert "text" not in one.alert("observer_silent")["details"]


def test_who_is_silent_stands_where_this_host_has_seen_it_and_not_with_clocks(hosts: Hosts) -> None:
    for _ in range(4):
        hosts.round(1, a="healthy", c="healthy")
        hosts.check("b", "healthy", at=hosts.now - 400)
    watches = gaps.watches(hosts.db)
    assert peer_liveness.silent(hosts.db, "a", watches, hosts.now) == {}
    assert set(peer_liveness.silent(hosts.db, "elsewhere", watches, hosts.now)) == {"b"}, (
        "it has only the clocks to go by"
    )
    hosts.round(15, a="healthy", c="healthy")
    (since,) = peer_liveness.silent(hosts.db, "a", gaps.watches(hosts.db), hosts.now).values()
    assert hosts.now - 15 * 30 - 30 < since <= hosts.now - 15 * 30


def test_one_that_is_forgotten_is_missed_no_more(hosts: Hosts) -> None:
    assert gaps.forget_watch(hosts.db, "b") and not gaps.forget_watch(hosts.db, "b")
    assert hosts.round(20, a="healthy", c="healthy") == []
    hosts.round(1, b="healthy")
    assert set(gaps.watches(hosts.db)) == {"a", "b", "c"}


def test_a_watch_kept_by_an_earlier_version_is_understood(hosts: Hosts) -> None:
    preferences.put(hosts.db, "watched/old", "[1.0, 2.0, 0.0, null]")
    preferences.put(hosts.db, "watched/older", "[1.0, 2.0, 0.0, [0.5, 1.0], 30.0]")
    preferences.put(hosts.db, "watched/newer", "[1.0, 2.0, 0.0, null, 30.0, 1.0, true]")
    known = gaps.watches(hosts.db)
    assert [known[name].every for name in ("old", "older", "newer")] == [60.0, 30.0, 30.0]
    assert [known[name].regular for name in ("old", "older", "newer")] == [True, True, False]
