"""Components that several hosts check, on both stores: who judges, what is told, what counts as up."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat_cli.commands.replay import _observations
from heartbeat_cli.commands.report import rendered
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.detection.replay import replay
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.history import spans, summary
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.store.state import recoveries, silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.hosts import STEP, Hosts
from tests.parts.scene import Scene
from tests.parts.stores import opened

Make = Callable[..., Hosts]


@pytest.fixture
def hosts(store: Database, store_url: str, tmp_path: Path) -> Make:
    def make(names: str = "ab", **more: Any) -> Hosts:
        return Hosts(store, store_url, tmp_path, names, **more)

    return make


def test_three_rounds_make_a_fault_however_many_check(hosts: Make) -> None:
    three = hosts("abc")
    three.round(a="healthy", b="healthy", c="healthy")
    assert three.round(2, a="error", b="error", c="error") == []
    assert three.state.fail_count == 2
    assert three.round(a="error", b="error", c="error") == ["web opened"]
    assert three.round(2, a="healthy", b="healthy", c="healthy") == ["web ended"]
    assert three.notified() == ["agent_down", "recovered"]


def test_one_of_two_or_of_three_is_no_fault(hosts: Make) -> None:
    three = hosts("abc")
    three.round(a="healthy", b="healthy", c="healthy")
    assert three.round(20, a="healthy", b="error", c="healthy") == []
    assert three.round(20, a="error", b="healthy", c="healthy") == []
    assert (three.state.state, three.notified()) == ("healthy", [])


def test_a_quorum_of_one_believes_anybody(hosts: Make) -> None:
    two = hosts("ab", quorum=1)
    two.round(a="healthy", b="healthy")
    assert two.round(2, a="healthy", b="error") == []
    assert two.round(a="healthy", b="error") == ["web opened"]
    assert two.round(3, a="healthy", b="healthy") == ["web ended"]


def test_the_message_says_who_sees_what(hosts: Make) -> None:
    three = hosts("abc")
    three.round(5, a="healthy", b="error", c="unhealthy")
    found = three.alert("agent_down")
    assert found["reason"] == "3 failing checks in a row (threshold 3); 2 of 3 hosts see it fail (quorum 2)"
    assert [one[:3] for one in found["details"]["votes"]] == [
        ["a", "healthy", ""],
        ["b", "error", "b got error"],
        ["c", "unhealthy", "c got unhealthy"],
    ]
    assert found["details"]["cause"] == "b got error" and found["details"]["evidence"] == {"seen by": "b"}
    assert "b: b got error · c: c got unhealthy · a: healthy" in text(three)


def text(hosts: Hosts) -> str:
    scene = hosts.scenes["a"]
    scene.now = hosts.now
    scene.deliver()
    return "".join(one["text"] for one in scene.messages)


def test_whoever_could_not_check_has_no_say(hosts: Make) -> None:
    two = hosts("ab")
    two.round(a="healthy", b="healthy")
    assert two.round(9, a="error", b="unknown") == ["web unconfirmed"]
    assert two.state.state == "healthy"


def test_when_a_host_is_gone_the_next_one_judges(hosts: Make) -> None:
    three = hosts("abc")
    three.round(2, a="healthy", b="healthy", c="healthy")
    decided = three.round(9, b="error", c="error")
    assert decided.count("web opened") == 1
    assert three.round(9, c="healthy") == ["a observer_silent", "web ended"] or three.state.state == "healthy"


def test_a_fault_that_too_few_can_confirm_is_reported_and_is_none(hosts: Make) -> None:
    two = hosts("ab", quorum=2)
    two.round(2, a="healthy", b="healthy")
    decided = two.round(12, a="error")
    assert "web opened" not in decided and decided.count("web unconfirmed") == 1
    assert states.open_incidents(two.db) == {} and two.state.state == "healthy"
    found = two.alert("unconfirmed")
    assert found["reason"] == "1 of 1 hosts sees it fail (quorum 2)" and found["severity"] == "high"
    two.round(a="healthy")
    assert two.notified()[-1] == "unconfirmed_ended"
    two.round(8, a="error", b="error")
    assert two.notified().count("agent_down") == 1


def test_a_quorum_that_is_never_met_by_one_host_alone(hosts: Make) -> None:
    one = hosts("a", quorum=2)
    assert one.round(9, a="error") == ["web unconfirmed"]
    assert one.notified() == ["unconfirmed"]
    assert one.round(1, a="healthy") == ["web unconfirmed_ended"]
    assert one.notified() == ["unconfirmed", "unconfirmed_ended"]


def test_an_unconfirmed_fault_is_reported_after_as_many_rounds_as_make_a_fault(hosts: Make) -> None:
    """One failing check is a blip here as elsewhere: people would be woken by each of them."""
    one = hosts("a", quorum=2)
    for _ in range(3):
        assert one.round(2, a="error") == [] and one.notified() == []
        one.round(a="healthy")
    assert one.round(2, a="error") == []
    assert one.round(a="error") == ["web unconfirmed"] and one.notified() == ["unconfirmed"]


def test_a_quorum_holds_for_a_host_that_is_alone_though_others_have_none(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """One of its components asks for two hosts and the other for none: without the rest, one host's word would make a
    fault of the first, and restart it."""
    shared, own = ({"kind": "tcp", "host": "192.0.2.1", "port": port} for port in (1, 2))
    scene = Scene(store, store_url, tmp_path, {"shared": shared | {"quorum": 2}, "own": own})
    bad = Reading("error", None, "no route")
    decided = [line for _ in range(4) for line in scene.saw(shared=bad, own=bad)]
    assert "own opened" in decided and "shared opened" not in decided
    assert list(scene.incidents) == ["own"]


def test_an_unconfirmed_fault_that_becomes_a_fault_is_reported_as_that(hosts: Make) -> None:
    two = hosts("ab", quorum=2)
    two.round(5, a="error")
    two.round(5, a="error", b="error")
    two.round(5, a="healthy", b="healthy")
    assert two.notified() == ["unconfirmed", "agent_down", "recovered"]


def test_what_comes_late_is_history(hosts: Make) -> None:
    """A host that was cut off brings an hour of failures: the others saw it well all the time."""
    two = hosts("ab")
    two.round(2, a="healthy", b="healthy")
    begun = two.now
    two.round(120, b="healthy")
    for n in range(100):
        two.keep("a", "error", at=begun + n * STEP)
    assert [one for one in two.check("a", "healthy") if one.startswith("web")] == []
    assert two.state.state == "healthy" and "agent_down" not in two.notified()
    tally = next(iter(spans.tallies(two.db, begun + 300, two.now - 300).values()))
    assert (tally.down_us, tally.up_us) == (0, (two.now - begun - 600) * 1e6)


def test_a_host_whose_clock_is_wrong_does_not_stop_the_others(hosts: Make) -> None:
    two = hosts("ab")
    for skew in (-900.0, 900.0):
        seen: list[str] = []
        for status in ("healthy", "error", "error", "error", "error", "healthy", "healthy", "healthy"):
            two.now += STEP
            seen += two.check("b", status) + two.check("a", status, at=two.now + skew)
        assert (seen.count("web opened"), seen.count("web ended")) == (1, 1), skew
        two.now += 600  # steady, so that the next fault is one of its own


def test_availability_follows_what_they_say_together(hosts: Make) -> None:
    """A whole hour in which one of three cannot reach it: no second of it counts as down, all of it is covered."""
    three = hosts("abc")
    three.round(2, a="healthy", b="healthy", c="healthy")
    start = three.now
    three.round(120, a="healthy", b="healthy", c="error")
    tally = next(iter(spans.tallies(three.db, start, three.now - STEP).values()))
    assert tally.down_us == 0 and tally.up_us == round((three.now - STEP - start) * 1e6)
    start = three.now
    three.round(60, a="error", b="error", c="healthy")
    tally = next(iter(spans.tallies(three.db, start + STEP, three.now - STEP).values()))
    assert tally.up_us == 0 and tally.down_us == round((three.now - 2 * STEP - start) * 1e6)


@pytest.mark.whole
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rounds=st.lists(st.tuples(*[st.sampled_from(("healthy", "error", "unknown", ""))] * 3), min_size=6, max_size=30),
    quorum=st.sampled_from((None, 1, 2, 3)),
)
def test_no_fault_without_its_quorum(rounds: list[tuple[str, ...]], quorum: int | None, tmp_path_factory: Any) -> None:
    """Whatever three hosts see, and whichever of them miss a pass: when an incident opens, as many hosts as are needed
    had seen it fail within the reach of a check."""
    folder = tmp_path_factory.mktemp("quorum")
    url = f"sqlite:///{folder}/store.db"
    with closing(opened(url)) as db:
        three = Hosts(db, url, folder, "abc", **({"quorum": quorum} if quorum else {}))
        last: dict[str, tuple[float, str]] = {}
        for statuses in rounds:
            for name, status in zip("abc", statuses, strict=True):
                if not status:
                    continue
                last[name] = three.now, status
                decided = three.check(name, status)
                fresh = [one for at, one in last.values() if at > three.now - 150]
                if "web opened" in decided:
                    assert fresh.count("error") >= (quorum or len(fresh) // 2 + 1)
                three.now += 1
            three.now += STEP


def test_what_each_host_has_of_its_own_is_never_overruled(hosts: Make) -> None:
    """Two hosts call their own disks `web`: one that is full is told of, whatever the other's is."""
    two = hosts("ab", url="http://localhost:9/health")
    two.round(a="healthy", b="healthy")
    assert two.round(4, a="healthy", b="error") == ["web opened"]
    assert [one[:3] for one in two.alert("agent_down")["details"]["votes"]] == [
        ["a", "healthy", ""],
        ["b", "error", "b got error"],
    ]


def test_what_is_replayed_is_judged_as_it_was(hosts: Make) -> None:
    """The stored checks of three hosts, heard again, make the incidents that were."""
    three = hosts("abc")
    three.round(3, a="healthy", b="healthy", c="healthy")
    three.round(6, a="error", b="healthy", c="healthy")
    three.round(6, a="healthy", b="error", c="error")
    three.round(6, a="healthy", b="healthy", c="error")
    three.round(12, b="error", c="error")
    three.round(6, b="healthy", c="healthy")
    components = three.scenes["a"].config.components
    rows = list(summary.history(three.db, 0.0, 9e9))
    again = replay(_observations(rows, components), components, 300.0)  # type: ignore[arg-type]
    were = states.incidents_between(three.db, 0.0, 9e9)
    assert [len(one.relapses) for one in were] == [1]
    assert [(one.started, one.declared, one.ended, one.relapses) for one in again] == [
        (one.started, one.declared, one.ended, one.relapses) for one in were
    ]


# --- who ends a round ---


@pytest.mark.parametrize("gone", ["a", "b", "c"])
def test_whoever_is_gone_leaves_no_hole(hosts: Make, gone: str) -> None:
    """The others find the fault as fast as they would have with it, and date it right."""
    three, left = hosts("abc"), [one for one in "abc" if one != gone]
    three.round(4, a="healthy", b="healthy", c="healthy")
    three.round(1, **dict.fromkeys(left, "healthy"))
    begun = three.now
    assert "web opened" in three.round(4, **dict.fromkeys(left, "error"))
    assert states.open_incidents(three.db)["web"].started - begun < 2 * STEP


def test_a_host_that_checks_and_never_judges_stops_nobody(hosts: Make) -> None:
    """As one does whose checks are made by another monitoring system: `heartbeat check --format nagios`."""
    three = hosts("abc")
    decided = []
    for status in ("healthy", "healthy", "error", "error", "error", "error", "error"):
        three.keep("a", status)
        decided += three.round(b=status, c=status)
    assert decided == ["web opened"]
    for _ in range(4):
        three.keep("a", "error")
        decided += three.round(b="healthy", c="healthy")
    assert decided == ["web opened", "web ended"], "and its vote is one of three"


def test_one_that_cannot_check_holds_nothing_up_where_one_is_enough(hosts: Make) -> None:
    """Local things of one name: on one host there is no Docker to ask."""
    two = hosts("ab", url="http://localhost:9/health")
    two.round(2, a="healthy", b="unknown")
    assert two.round(4, a="error", b="unknown") == ["web opened"]
    start = two.now
    assert two.round(20, a="healthy", b="unknown") == ["web ended"]
    tally = next(iter(spans.tallies(two.db, start, two.now - STEP).values()))
    assert tally.down_us == 0 and tally.up_us > 0.9 * (two.now - STEP - start) * 1e6


def test_a_clock_that_was_far_ahead_and_is_gone_stops_nobody(hosts: Make) -> None:
    three = hosts("abc")
    three.check("c", "healthy", at=three.now + 86_400.0 * 365)
    three.round(2, a="healthy", b="healthy")
    assert three.round(4, a="error", b="error") == ["web opened"]


# --- doubts ---


def test_an_unconfirmed_fault_that_began_in_a_silence_is_reported_when_that_is_over(hosts: Make) -> None:
    two = hosts("ab", quorum=2)
    two.round(2, a="healthy", b="healthy")
    silences.add(two.db, Silence("s1", "web", "silence", two.now, two.now + 600.0, "at work on it", "me"))
    assert "web unconfirmed" not in two.round(19, a="error") and "unconfirmed" not in two.notified()
    assert two.round(9, a="error").count("web unconfirmed") == 1
    two.round(a="healthy")
    assert [one for one in two.notified() if one.startswith("unconf")] == ["unconfirmed", "unconfirmed_ended"]


def test_an_unconfirmed_fault_is_everybodys(hosts: Make) -> None:
    """Told once, whoever of them leads; and whoever sees it well tells the end."""
    three = hosts("abc", quorum=3)
    three.round(2, a="healthy", b="healthy", c="healthy")
    decided = three.round(12, a="error", b="error") + three.round(12, b="error") + three.round(6, a="error", b="error")
    assert [one for one in decided if one.startswith("web")] == ["web unconfirmed"]
    assert three.round(12, c="healthy").count("web unconfirmed_ended") == 1
    assert [one for one in three.notified() if one.startswith("unconf")] == ["unconfirmed", "unconfirmed_ended"]


# --- clocks ---


@pytest.mark.parametrize("back", [60.0, 2 * 86_400.0])
def test_one_host_whose_clock_is_set_back_moves_nothing_that_is_shared(hosts: Make, back: float) -> None:
    two = hosts("ab")
    two.round(6, a="error", b="error")
    silences.add(two.db, Silence("s1", "web", "silence", two.now - 1, two.now + 86_400, "work", "me"))
    before = states.open_incidents(two.db), two.state, silences.active(two.db, two.now)
    two.keep("a", "error", at=two.now - 30 - back)
    assert (states.open_incidents(two.db), two.state, silences.active(two.db, two.now)) == before
    assert before[2] != []


def test_what_it_has_for_itself_comes_back_with_it(hosts: Make, tmp_path: Path) -> None:
    two = hosts("ab")
    two.round(6, a="error", b="error")
    incident = states.open_incidents(two.db)["web"]
    states.save_incident(two.db, incident._replace(id="mine@1", component="mine"))
    for observer in "ab":
        attempt = Attempt(f"{observer}/1", incident.id, "web", 0, "command", "heartbeat", observer, two.now)
        recoveries.save(two.db, attempt._replace(verify_until=two.now + 60))
    now = two.now - 86_400
    two.keep("a", "error", at=now)
    assert states.open_incidents(two.db)["mine"].started == now
    assert [one.started for one in recoveries.of_incident(two.db, incident.id)] == [now, two.now]


# --- the store is away ---


def spooled(hosts: Hosts, name: str, folder: Path) -> Database:
    """The spool of a host, seeded as its last good pass left it."""
    copy = mirror.snapshot(hosts.db, name, hosts.now)
    begun = Degraded(f"{name}@1", name, hosts.now, "the store does not answer")
    return spool.begin(folder / "spool.db", lambda: copy, begun, 3.0)


def test_without_the_store_one_of_several_neither_judges_nor_heals(hosts: Make, tmp_path: Path) -> None:
    two = hosts("ab", recovery={"ladder": [{"action": "command", "command": ["true"]}]})
    two.round(2, a="healthy", b="healthy")
    db = spooled(two, "a", tmp_path)
    try:
        decided = []
        for _ in range(6):
            decided += two.check("a", "error", db=db)
            two.now += STEP
        assert decided == ["web unconfirmed"] and states.open_incidents(db) == {}
        assert peers.shared_while_apart(db, "a") == {"web"}
    finally:
        db.close()


@pytest.mark.parametrize(("healer", "moves"), [("*", ["held"]), ("a", ["ran"]), ("b", ["held"])])
def test_without_the_store_a_fault_is_left_to_the_one_that_alone_may_heal_it(
    hosts: Make, tmp_path: Path, healer: str, moves: list[str]
) -> None:
    two = hosts("ab", recovery={"ladder": [{"action": "command", "command": ["true"]}]}, healer=healer)
    two.round(5, a="error", b="error")
    db = spooled(two, "a", tmp_path)
    try:
        two.check("a", "error", db=db)
        assert [step.decision for step in two.scenes["a"].recover()] == moves
    finally:
        db.close()


def test_steps_name_the_host_that_took_them(hosts: Make) -> None:
    two = hosts("ab", recovery={"ladder": [{"action": "command", "command": ["true"]}]})
    two.round(5, a="error", b="error")
    scene = two.scenes["b"]
    scene.now = two.now
    assert [step.decision for step in scene.recover("web", forced=True)] == ["ran"]
    two.round(5, a="healthy", b="healthy")
    assert [one[0::3] for one in two.alert("recovered")["details"]["attempts"]] == [["command", "b"]]
    day = report.period(when := report.today(two.now, "UTC"), when, "UTC")
    made = rendered(report.report(two.db, scene.config, day, two.now), "text", "en")
    assert "command on b" in made


def test_nobody_restarts_what_only_a_silent_host_may(hosts: Make) -> None:
    """Its healer is gone: that is said, and needs a person, whoever decides."""
    two = hosts("ab", quorum=1, recovery={"ladder": [{"action": "command", "command": ["true"]}]}, healer="b")
    two.round(2, a="healthy", b="healthy")
    two.round(14, a="healthy")
    two.round(4, a="error")
    said = "held: nobody restarts it: its healer b has made no pass since 12:00; by hand: heartbeat recover"
    assert two.alert("agent_down")["details"]["recovery"] == f"{said} --component web --force"
    scene = two.scenes["a"]
    (step,) = scene.recover("web")
    assert (step.decision, step.name, step.failed) == ("held", "orphaned", True)
    assert scene.recover() == [step] and scene.holds == ["orphaned"], "kept once"
    assert "不會重新啟動：負責的 b 自 12:00 起沒有執行" in translated(step.reason, "zh-HK")
    two.round(b="error", a="error")
    assert [one.name for one in scene.recover()] == ["apart"], "it is back"
    (forced,) = two.scenes["a"].recover("web", forced=True)
    assert forced.decision == "ran"


def test_a_healer_that_never_was_there_is_missed_too(hosts: Make) -> None:
    one = hosts("a", recovery={"ladder": [{"action": "command", "command": ["true"]}]}, healer="web9")
    one.round(4, a="error")
    said = str(one.alert("agent_down")["details"]["recovery"])
    assert "its healer web9 has made no pass; by hand" in said
    assert "負責的 web9 從未執行" in translated(sentences.known(one.scenes["a"].db, said, "zh-HK"), "zh-HK")
    off = hosts("b", recovery={"mode": "off", "ladder": [{"action": "command", "command": ["true"]}]}, healer="web9")
    off.round(4, b="error")
    assert [step.failed for step in off.scenes["b"].recover()] == [False], "nobody is to restart it"


def test_the_alert_says_who_restarts_it(hosts: Make) -> None:
    two = hosts("ab", recovery={"ladder": [{"action": "command", "command": ["true"]}]}, healer="a")
    two.round(5, a="error", b="error")
    assert two.alert("agent_down")["details"]["recovery"] == "held: a restarts it, not this host"
    assert [step.name for step in two.scenes["b"].recover()] == ["apart"]
    two.scenes["a"].now = two.now
    assert [step.decision for step in two.scenes["a"].recover()] == ["ran"]


def outage(hosts: Hosts, folder: Path, rounds: int, **seen: str) -> dict[str, Database]:
    """All of them make these passes on their spools."""
    spools = {}
    for name in seen:
        (folder / f"spool-{name}").mkdir()
        spools[name] = spooled(hosts, name, folder / f"spool-{name}")
    for _ in range(rounds):
        for name, status in seen.items():
            hosts.check(name, status, db=spools[name])
            hosts.now += 1
        hosts.now += STEP - len(seen)
    return spools


def brought(hosts: Hosts, name: str, kept: Database) -> list[str]:
    """What is decided when a host hands its spool in, as `Keeper.catch_up` does."""
    scene, decided = hosts.scenes[name], []
    scene.now, scene.db = hosts.now, hosts.db
    covered = spool.current_outage(kept)
    assert covered is not None
    for _ in spool.replay(kept, hosts.db, name, hosts.now):
        decided += scene.detect()
    spool.finish(kept, hosts.db, covered._replace(ended=hosts.now))
    kept.close()
    return decided + scene.detect()


@pytest.mark.parametrize("rounds", [3, 40])
def test_the_first_one_back_decides_nothing_alone(hosts: Make, tmp_path: Path, rounds: int) -> None:
    """One of three could not reach it while the store was away, and comes back first."""
    three = hosts("abc")
    three.round(3, a="healthy", b="healthy", c="healthy")
    spools = outage(three, tmp_path, rounds, a="error", b="healthy", c="healthy")
    decided = brought(three, "a", spools["a"]) + three.check("a", "error")
    three.now += STEP
    for name, status in {"a": "error", "b": "healthy", "c": "healthy"}.items():
        decided += (brought(three, name, spools[name]) if name != "a" else []) + three.check(name, status)
    decided += three.round(6, a="error", b="healthy", c="healthy")
    assert [one for one in decided if "opened" in one] == [] and three.state.state == "healthy"


def test_an_unconfirmed_fault_found_without_the_store_is_everybodys_once_it_is_back(
    hosts: Make, tmp_path: Path
) -> None:
    """It is written where the other hosts read it, though nothing else changes in that pass."""
    two = hosts("ab")
    two.round(3, a="healthy", b="healthy")
    spools = outage(two, tmp_path, 5, a="error")
    assert "web" not in peers.read(two.db, "b").unconfirmed
    brought(two, "a", spools["a"])
    two.check("a", "error")
    assert "web" in peers.read(two.db, "b").unconfirmed


@pytest.mark.parametrize("rounds", [4, 40])
def test_no_all_clear_of_checks_from_before_the_outage(hosts: Make, tmp_path: Path, rounds: int) -> None:
    """It fails for all of them from the moment the store is away, and goes on failing."""
    three = hosts("abc", quorum=2)
    three.round(3, a="healthy", b="healthy", c="healthy")
    spools = outage(three, tmp_path, rounds, a="error", b="error", c="error")
    decided: list[str] = []
    for name in "abc":
        decided += brought(three, name, spools[name]) + three.check(name, "error")
        three.now += 1
    decided += three.round(5, a="error", b="error", c="error")
    assert decided.count("web opened") == 1 and "web unconfirmed_ended" not in decided
    decided = three.round(4, a="healthy", b="healthy", c="healthy")
    assert [one for one in decided if one.startswith("web")] == ["web ended"]


@pytest.mark.parametrize("status", ["healthy", "error"])
def test_what_each_saw_without_the_store_speaks_for_that_time(hosts: Make, tmp_path: Path, status: str) -> None:
    two = hosts("ab")
    two.round(3, a="healthy", b="healthy")
    start = two.now
    spools = outage(two, tmp_path, 40, a=status, b=status)
    end = two.now
    for name in "ab":
        brought(two, name, spools[name])
    tally = next(iter(spans.tallies(two.db, start + STEP, end - STEP).values()))
    lasted = round((end - start - 2 * STEP) * 1e6)
    assert (tally.up_us, tally.down_us) == ((lasted, 0) if status == "healthy" else (0, lasted))


def test_a_clock_set_back_after_an_outage_makes_nobody_deaf(hosts: Make, tmp_path: Path) -> None:
    """It was a day ahead while the store was away."""
    two = hosts("ab")
    two.round(3, a="healthy", b="healthy")
    now = two.now
    two.now += 86_400.0
    spools = outage(two, tmp_path, 3, a="healthy")
    brought(two, "a", spools["a"])
    two.now = now + 600.0
    assert two.round(12, a="error").count("web opened") == 1
