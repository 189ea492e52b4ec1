"""A host that makes no more passes is told of by the others, once, and once when it is back."""

from pathlib import Path

import pytest

from heartbeat_cli.store import gaps, preferences, silences
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.silences import Silence
from tests.parts.hosts import STEP, Hosts


@pytest.fixture
def hosts(store: Database, store_url: str, tmp_path: Path) -> Hosts:
    three = Hosts(store, store_url, tmp_path, "abc")
    three.round(2, a="healthy", b="healthy", c="healthy")
    return three


def test_a_silent_host_is_told_of_once_and_its_return_too(hosts: Hosts) -> None:
    assert hosts.round(9, a="healthy", c="healthy") == [], "five minutes are not over"
    assert hosts.round(3, a="healthy", c="healthy") == ["b observer_silent"]
    assert hosts.round(50, a="healthy", c="healthy") == []
    assert hosts.told() == ["observer_silent"]
    found = hosts.alert("observer_silent")
    assert (found["component"], found["severity"]) == ("b", "high")
    assert found["reason"].startswith("no pass for 5 min") and found["details"]["observer"] in ("a", "c")
    assert hosts.round(1, b="healthy") == ["b missed_runs"], "it says so itself, to whoever heard of it"
    assert hosts.told() == ["observer_silent", "observer_back"]
    assert hosts.round(5, a="healthy", b="healthy", c="healthy") == []
    assert hosts.told() == ["observer_silent", "observer_back"]


def test_one_that_kept_watching_without_the_store_is_back_too(hosts: Hosts) -> None:
    """No gap of its own: what it missed was the store, and the others saw only that."""
    begun = hosts.now
    hosts.round(20, a="healthy", c="healthy")
    for n in range(20):
        hosts.keep("b", "healthy", at=begun + n * STEP)
    assert hosts.look("b", "healthy") == []
    assert hosts.round(1, a="healthy", c="healthy") == ["b observer_back"]
    assert hosts.told() == ["observer_silent", "observer_back"]


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
    assert "observer_silent" not in hosts.told()


def test_what_only_it_looked_at_is_named(store: Database, store_url: str, tmp_path: Path) -> None:
    one, two = Hosts(store, store_url, tmp_path, "a"), Hosts(store, store_url, tmp_path, "b", interval=600)
    one.scenes["b"] = two.scenes["b"]
    one.round(2, a="healthy", b="healthy")
    store.run("UPDATE heartbeat_looks SET component = 'mine' WHERE observer = 'b'")
    one.round(13, a="healthy")
    assert one.alert("observer_silent")["details"]["text"] == "Nobody looks at these now: mine"


@pytest.mark.parametrize(("healer", "said"), [("b", "Nobody restarts these now: web"), ("[ab]", None), ("*", None)])
def test_what_only_it_may_restart_is_named(
    healer: str, said: str | None, store: Database, store_url: str, tmp_path: Path
) -> None:
    ladder = {"ladder": [{"action": "command", "command": ["true"]}]}
    two = Hosts(store, store_url, tmp_path, "ab", healer=healer, recovery=ladder)
    two.round(2, a="healthy", b="healthy")
    two.round(13, a="healthy")
    assert two.alert("observer_silent")["details"].get("text") == said


def test_a_silence_keeps_it_back(hosts: Hosts) -> None:
    silences.add(hosts.db, Silence("s1", "b", "silence", hosts.now, hosts.now + 400, "moving", "me"))
    decided = hosts.round(14, a="healthy", c="healthy")
    assert decided == ["b observer_silent"] and hosts.told() == []
    assert "muted: silence s1" in hosts.alert("observer_silent")["reason"]
    hosts.round(2, a="healthy", b="healthy", c="healthy")
    assert hosts.told() == ["missed_runs"], "nobody had heard, so it is a gap like any other"


def test_one_that_is_forgotten_is_missed_no_more(hosts: Hosts) -> None:
    assert gaps.forget_watch(hosts.db, "b") and not gaps.forget_watch(hosts.db, "b")
    assert hosts.round(20, a="healthy", c="healthy") == []
    hosts.round(1, b="healthy")
    assert set(gaps.watches(hosts.db)) == {"a", "b", "c"}


def test_a_watch_kept_by_an_earlier_version_is_understood(hosts: Hosts) -> None:
    preferences.put(hosts.db, "watched/old", "[1.0, 2.0, 0.0, null]")
    assert gaps.watches(hosts.db)["old"].every == 60.0
