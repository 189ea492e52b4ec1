"""Components that cannot be checked, on both stores: who is notified, of what, and when it ends."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.config.groups import Found
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.check.check import Checked, save
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views.messages import message
from tests.parts.hosts import Hosts
from tests.parts.scene import START, Scene
from tests.parts.stores import opened

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
DAEMON = Text("Docker cannot be reached: {text}", text=Text("connection refused"))
UNSEEN = Reading("unknown", None, DAEMON)
BOXES: dict[str, Any] = {name: {"kind": "docker", "container": f"box-{name}"} for name in "abc"}
DB = {"kind": "database", "dsn": "postgresql://nobody@127.0.0.1:1/x"}
LOG: dict[str, Any] = {"kind": "file"}
Make = Callable[..., Scene]


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Make:
    def make(components: Any = BOXES, channels: Any = None, **sections: Any) -> Scene:
        if channels is not None:
            channels = {name: LOG | {"path": str(tmp_path / f"{name}.log")} | one for name, one in channels.items()}
        return Scene(store, store_url, tmp_path, components, channels, **sections)

    return make


def notified(scene: Scene) -> list[tuple[str, str, str, list[str]]]:
    """Every alert, oldest first: type, severity, title, who hears of it."""
    made = sorted(alerts.between(scene.db, 0, 9e9), key=lambda one: (one.at, one.id))
    sent = alerts.deliveries(scene.db, [one.id for one in made])
    return [
        (one.type, one.severity, one.title, sorted(row.channel for row in sent if row.alert_id == one.id))
        for one in made
    ]


def newest(scene: Scene) -> Alert:
    return sentences.known(scene.db, alerts.between(scene.db, 0, 9e9)[0], "zh-HK")


def flags(scene: Scene) -> dict[str, bool]:
    return {id_: state.unobserved for id_, state in states.states(scene.db).items()}


def test_a_login_that_is_taken_away_is_reported_and_so_is_its_return(scene: Make) -> None:
    one = scene({"db": DB})
    one.saw(db=GOOD)
    closed = Reading(
        "unknown", None, '127.0.0.1:1 does not let heartbeat in: role "heartbeat" is not permitted to log in'
    )
    assert one.saw(db=closed) == one.saw(db=closed) == [] and notified(one) == []
    assert one.saw(db=closed)[0] == "db unobserved"
    assert notified(one) == [("database_unobserved", "high", "db cannot be checked", ["log"])]
    alert = newest(one)
    assert alert.details["cause"] == closed.error and alert.details["started"] == START + 30
    assert alert.reason == "3 checks in a row could not be made (threshold 3)"
    for _ in range(5):
        assert one.saw(db=closed) == []
    state = states.states(one.db)["db"]
    assert (state.state, state.unobserved, one.incidents) == ("healthy", True, {})
    assert one.saw(db=GOOD)[0] == "db observed_again"
    assert notified(one)[1:] == [("observed_again", "low", "db can be checked again", ["log"])]
    assert newest(one).incident == alert.incident and not flags(one)["db"]


def test_what_was_never_checked_is_reported_too(scene: Make) -> None:
    one = scene({"a": BOXES["a"]})
    assert next(line for _ in range(3) for line in one.saw(a=UNSEEN)) == "a unobserved"
    assert notified(one) == [("docker_unobserved", "high", "a cannot be checked", ["log"])]
    assert not states.states(one.db)["a"].judged


@pytest.mark.parametrize(
    ("component", "severity"),
    [
        ({"kind": "service", "unit": "x.service"}, "medium"),
        ({"kind": "service", "unit": "x.service", "severity": "low"}, "low"),
        (DB, "high"),
        (DB | {"severity": "medium"}, "medium"),
    ],
)
def test_it_is_never_graver_than_a_fault(scene: Make, component: Any, severity: str) -> None:
    one = scene({"x": component})
    for _ in range(3):
        one.saw(x=UNSEEN)
    assert notified(one)[0][1] == severity


def test_the_threshold_is_configured(scene: Make) -> None:
    one = scene({"a": BOXES["a"]}, heartbeat={"unobserved_after": 5})
    for _ in range(4):
        assert one.saw(a=UNSEEN) == []
    assert one.saw(a=UNSEEN)[0] == "a unobserved"
    assert newest(one).reason == "5 checks in a row could not be made (threshold 5)"


def test_one_cause_is_one_message_that_names_them_all(scene: Make) -> None:
    one = scene()
    one.saw(a=GOOD, b=GOOD, c=GOOD)
    for _ in range(3):
        one.saw(a=UNSEEN, b=UNSEEN, c=UNSEEN)
    assert notified(one) == [("docker_unobserved", "high", "a, b, c cannot be checked", ["log"])]
    assert newest(one).details["components"] == ["a", "b", "c"]
    one.saw(a=GOOD, b=UNSEEN, c=UNSEEN)
    one.saw(a=GOOD, b=GOOD, c=UNSEEN)
    assert len(notified(one)) == 1, "two of three say nothing of the third"
    one.saw(a=GOOD, b=GOOD, c=BAD)
    assert notified(one)[1:] == [("observed_again", "low", "a, b, c can be checked again", ["log"])]


@pytest.mark.parametrize(("fleet", "ends"), [("[", []), ("[]", ["observed_again"])])
def test_what_a_file_that_cannot_be_read_held_is_not_observed_again(scene: Make, fleet: str, ends: list[str]) -> None:
    one = scene()
    for _ in range(3):
        one.saw(a=UNSEEN, b=UNSEEN, c=UNSEEN)
    (one.folder / "fleet.json").write_text(fleet)
    less = scene({"a": BOXES["a"], "b": BOXES["b"], "{name}": BOXES["c"] | {"each": {"from_file": "fleet.json"}}})
    less.now = one.now
    less.saw(a=GOOD, b=GOOD)
    assert [kind for kind, *_ in notified(less)][1:] == ends


def test_what_was_removed_while_unobserved_ends_and_is_notified_of_anew(scene: Make) -> None:
    one = scene({"a": BOXES["a"], "b": BOXES["b"]})
    for _ in range(3):
        one.saw(a=UNSEEN, b=GOOD)
    less = scene({"b": BOXES["b"]})
    less.now = one.now
    assert less.saw(b=GOOD) == [] and flags(less)["a"], "perhaps somebody is at work on the configuration"
    less.now += 3600
    assert less.saw(b=GOOD) == ["a unwatched"]
    assert notified(less)[1:] == [("unwatched", "low", "a is no longer watched", ["log"])]
    assert list(flags(less)) == ["b"] and less.saw(b=GOOD) == []
    one.now = less.now
    for _ in range(3):
        one.saw(a=UNSEEN, b=GOOD)
    assert [kind for kind, *_ in notified(one)][2:] == ["docker_unobserved"]


def test_the_last_component_may_go_while_it_is_unobserved(scene: Make) -> None:
    one = scene({"a": BOXES["a"]})
    for _ in range(3):
        one.saw(a=UNSEEN)
    none = scene({})
    none.now = one.now + 3600
    assert none.detect() == ["a unwatched"] and flags(none) == {}


def test_what_another_host_checks_is_left_to_it(scene: Make, store: Database, store_url: str, tmp_path: Path) -> None:
    there = scene({"a": BOXES["a"]}, heartbeat={"observer": "there"})
    for _ in range(3):
        there.saw(a=UNSEEN)
    here = scene({"b": BOXES["b"]})
    here.now = there.now + 3600
    there.now = here.now - 30
    there.saw(a=UNSEEN)
    assert here.saw(b=GOOD) == [] and flags(here)["a"]


def test_what_stood_for_a_fleet_ends_when_the_file_is_there(scene: Make) -> None:
    block = BOXES["c"] | {"each": {"from_file": "fleet.json"}}
    one = scene({"box-{name}": block, "a": BOXES["a"]})
    for _ in range(3):
        memory = one.check("box-_", dry_run=True).readings["box-_"].memory
        one.saw(**{"a": GOOD, "box-_": UNSEEN._replace(memory=memory)})
    (one.folder / "fleet.json").write_text("[]")
    known = scene({"box-{name}": block, "a": BOXES["a"]})
    known.now = one.now
    assert known.saw(a=GOOD) == ["box-_ observed_again"] and list(flags(known)) == ["a"]
    assert notified(known)[1:] == [("observed_again", "low", "box-_ can be checked again", ["log"])]


def test_what_stands_for_a_block_on_two_hosts_ends_with_the_last_and_is_notified_of_anew(
    scene: Make, store: Database
) -> None:
    """Neither host waits for the check that the other one has left of it."""
    block = {"kind": "docker", "match": {"name": "web*"}, "interval": 1}
    hosts = {name: scene(BOXES, heartbeat={"observer": name, "unobserved_after": 2}) for name in ("there", "here")}
    for one in hosts.values():
        one.tables["components"] = {"tick": {"kind": "file", "path": "/etc/passwd", "interval": 1}, "boxes": block}
    now = START

    def turns(known: str, times: int = 3) -> list[str]:
        """Passes of both; of these hosts the Engine says that it has nothing."""
        nonlocal now
        decided = []
        for _ in range(times):
            for name, one in hosts.items():
                there = Found({"boxes": []}, frozenset({"boxes"})) if name in known.split() else Found()
                one.config = load.load(one.tables, "f", one.folder, find=lambda folder, groups, there=there: there)
                one.now = now = now + 1
                one.check()
                decided += [said for said in one.detect() if said.startswith("boxes")]
            now += 30
        return decided

    ended = ["boxes observed_again"]
    assert "boxes docker_unobserved" in turns("")
    assert turns("there") == [] and set(flags(hosts["here"])) == {"boxes", "tick"}, "here it is away"
    assert turns("there here") == ended and list(flags(hosts["here"])) == ["tick"]
    assert [kind for kind, *_ in notified(hosts["here"])] == ["docker_unobserved", "observed_again"]
    assert "boxes docker_unobserved" in turns("")
    assert turns("here there") == ended
    assert store.rows("SELECT count(*) FROM heartbeat_looks WHERE component = 'boxes'") == [(1,)]
    assert "boxes docker_unobserved" in turns("here"), "the check that is left keeps nothing back"
    assert turns("here there") == ended


def test_their_own_names_and_timeouts_are_no_cause_of_their_own(scene: Make) -> None:
    one = scene()
    for _ in range(3):
        reasons = {
            "a": "Docker did not answer about box-a within 5 s",
            "b": "Docker did not answer about box-b within 2.5 s",
            "c": "Docker answered 500: disk full",
        }
        one.saw(**{id_: Reading("unknown", None, text) for id_, text in reasons.items()})
    assert [title for _, _, title, _ in notified(one)] == ["a, b cannot be checked", "c cannot be checked"]


def test_five_hundred_are_one_message_that_a_chat_takes(scene: Make) -> None:
    one = scene({f"box-{n:03d}": {"kind": "docker", "container": f"box-{n:03d}"} for n in range(500)})
    for _ in range(3):
        one.saw(**dict.fromkeys(one.config.components, UNSEEN))
    expected = "box-000, box-001, box-002, box-003, box-004, box-005 and 494 more cannot be checked"
    assert [title for _, _, title, _ in notified(one)] == [expected]
    assert one.deliver() == ["docker_unobserved log sent"]
    (sent,) = one.messages
    assert "box-059 and 440 more" in sent["text"] and len(sent["title"] + sent["text"]) < 4_000


def test_a_name_that_is_a_common_word_parts_nobody(scene: Make) -> None:
    one = scene()
    for _ in range(3):
        one.saw(a=Reading("unknown", None, "not a socket"), b=Reading("unknown", None, "not a socket"))
    assert [title for _, _, title, _ in notified(one)] == ["a, b cannot be checked"]


def test_one_that_is_checked_less_often_joins_without_a_second_alarm(scene: Make) -> None:
    one = scene()
    for _ in range(2):
        one.saw(a=UNSEEN, b=UNSEEN)
    one.saw(a=UNSEEN, b=UNSEEN, c=UNSEEN)  # its first failing check: 60 s after theirs
    assert len(notified(one)) == 1
    one.saw(c=UNSEEN)
    assert one.saw(c=UNSEEN)[0] == "c unobserved"
    assert len(notified(one)) == 1 and flags(one) == dict.fromkeys("abc", True)
    one.saw(a=GOOD, b=GOOD)
    assert len(notified(one)) == 1
    one.saw(c=GOOD)
    assert [type_ for type_, *_ in notified(one)] == ["docker_unobserved", "observed_again"]


def test_the_same_reason_hours_later_is_a_new_case(scene: Make) -> None:
    one = scene()
    for _ in range(3):
        one.saw(a=UNSEEN)
    one.now += 7_200
    for _ in range(3):
        one.saw(a=UNSEEN, b=UNSEEN)
    assert [title for _, _, title, _ in notified(one)] == ["a cannot be checked", "b cannot be checked"]
    one.saw(b=GOOD)
    assert notified(one)[-1][2] == "b can be checked again"


def test_every_channel_hears_once_of_what_it_takes(scene: Make) -> None:
    channels = {
        "all": {},
        "of_b": {"components": ["b"]},
        "of_c": {"components": ["c"]},
        "grave": {"min_severity": "severe"},
    }
    one = scene(channels=channels)
    for _ in range(2):
        one.saw(a=UNSEEN, b=UNSEEN)
    one.saw(a=UNSEEN, b=UNSEEN, c=UNSEEN)
    expected = [("a, b cannot be checked", ["all"]), ("b cannot be checked", ["of_b"])]
    assert [(title, who) for _, _, title, who in notified(one)] == expected
    one.saw(c=UNSEEN)
    one.saw(c=UNSEEN)
    expected.append(("c cannot be checked", ["of_c"]))
    assert [(title, who) for _, _, title, who in notified(one)] == expected, "who knows of the cause is not told again"
    one.saw(a=GOOD, b=GOOD, c=GOOD)
    ends = {title: who for type_, _, title, who in notified(one) if type_ == "observed_again"}
    assert ends == {
        "a, b can be checked again": ["all"],
        "b can be checked again": ["of_b"],
        "c can be checked again": ["of_c"],
    }


def test_a_channel_that_is_notified_late_is_notified_now_where_there_is_no_other(scene: Make) -> None:
    """Nothing escalates what nobody can acknowledge."""
    one = scene(channels={"late": {"escalate_after": 600}})
    for _ in range(3):
        one.saw(a=UNSEEN)
    assert notified(one)[0][3] == ["late"]
    both = {"first": {}, "late": {"escalate_after": 600}}
    two = scene({"b": BOXES["b"]}, channels=both)
    for _ in range(40):
        two.saw(b=UNSEEN)
    assert notified(two)[-1][3] == ["first"]


def test_an_end_goes_out_in_quiet_hours_if_its_beginning_did(scene: Make) -> None:
    one = scene(channels={"night": {"quiet_hours": "00:00-23:59", "quiet_severity": "medium"}})
    for _ in range(3):
        one.saw(a=UNSEEN)
    assert one.deliver() == ["docker_unobserved night sent"]
    one.saw(a=GOOD)
    assert one.deliver() == ["observed_again night sent"]
    two = scene({"x": {"kind": "service", "unit": "x.service"}}, {"night": {"quiet_hours": "00:00-23:59"}})
    two.now = one.now
    for _ in range(3):
        two.saw(x=UNSEEN)
    assert "service_unobserved" in [type_ for type_, *_ in notified(two)]
    assert two.deliver() == [], "what is medium waits for the morning"


def test_nothing_reminds(scene: Make) -> None:
    one = scene(heartbeat={"remind_after": 60})
    for _ in range(20):
        one.saw(a=UNSEEN)
    assert [type_ for type_, *_ in notified(one)] == ["docker_unobserved"]


def test_a_silence_keeps_it_back_until_it_is_over(scene: Make) -> None:
    one = scene()
    silences.add(one.db, Silence("s1", "docker", "silence", START, START + 200, "known", "me"))
    for _ in range(5):
        one.saw(a=UNSEEN, b=UNSEEN)
    assert notified(one) == [] and flags(one)["a"], "views say it all the same"
    one.now = START + 210
    one.saw(a=UNSEEN, b=UNSEEN)
    assert notified(one) == [("docker_unobserved", "high", "a, b cannot be checked", ["log"])]
    silences.add(one.db, Silence("s2", "docker", "silence", one.now, one.now + 500, "known", "me"))
    one.saw(a=GOOD, b=GOOD)
    assert notified(one)[-1][:1] + notified(one)[-1][3:] == ("observed_again", ["log"]), "who was told hears the end"


def test_what_came_and_went_in_a_silence_is_never_reported(scene: Make) -> None:
    one = scene()
    silences.add(one.db, Silence("s1", "docker", "silence", START, START + 9_000, "known", "me"))
    for _ in range(5):
        one.saw(a=UNSEEN)
    assert one.saw(a=GOOD) == ["a observed_again"] and notified(one) == []


def test_maintenance_does_not_count(scene: Make) -> None:
    one = scene()
    one.saw(a=UNSEEN)
    silences.add(one.db, Silence("m1", "a", "maintenance", one.now, one.now + 290, "upgrade", "me"))
    for _ in range(9):
        assert one.saw(a=UNSEEN) == []
    assert states.states(one.db)["a"].unknown_count == 1, "nor is it forgotten"
    one.now += 30
    assert one.saw(a=UNSEEN) == []
    assert one.saw(a=UNSEEN)[0] == "a unobserved"


def test_what_waits_for_its_first_beat_is_not_expected(scene: Make) -> None:
    one = scene({"job": {"kind": "push", "period": 3600}})
    nothing = Reading("unknown", None, "no beat yet, expected every 1 h")
    for _ in range(9):
        assert one.saw(job=nothing) == []
    one.saw(job=GOOD)
    for _ in range(2):
        one.saw(job=Reading("unknown", None, "heartbeat's own fault"))
    assert one.saw(job=Reading("unknown", None, "heartbeat's own fault"))[0] == "job unobserved"


def test_a_host_that_is_cut_off_is_reported_and_not_each_of_its_components(scene: Make) -> None:
    """What is remote is explained by it; what is local and cannot be checked is not."""
    remote = {"kind": "tcp", "host": "192.0.2.1", "port": 9}
    one = scene({"far": remote, "near": BOXES["a"]})
    blind = "this host is cut off: 192.0.2.53:53 did not answer either"
    for _ in range(4):
        readings = {"far": Reading("unknown", None, f"{blind}; seen: no route"), "near": UNSEEN}
        done = Pass(f"here@{one.now}", "here", one.now, one.now + 0.5, blind)
        save(one.db, one.config, Checked(done, readings))
        one.detect()
        one.now += 30
    assert [type_ for type_, *_ in notified(one)] == ["observer_blind", "docker_unobserved"]
    assert flags(one) == {"far": False, "near": True}


def test_what_depends_on_a_fault_waits_for_its_end(scene: Make) -> None:
    one = scene({"daemon": {"kind": "docker", "daemon": True}, "a": BOXES["a"] | {"depends_on": ["daemon"]}})
    for _ in range(5):
        one.saw(daemon=BAD, a=UNSEEN)
    assert [type_ for type_, *_ in notified(one)] == ["docker_down"]
    one.saw(daemon=GOOD, a=UNSEEN)
    one.saw(daemon=GOOD, a=UNSEEN)
    assert [type_ for type_, *_ in notified(one)] == ["docker_down", "docker_unobserved", "recovered"] or [
        type_ for type_, *_ in notified(one)
    ] == ["docker_down", "recovered", "docker_unobserved"]


def test_unknown_never_heals_and_never_ends_a_fault(scene: Make) -> None:
    one = scene({"a": BOXES["a"]})
    for _ in range(3):
        one.saw(a=BAD)
    for _ in range(10):
        one.saw(a=UNSEEN)
    assert "a" in one.incidents and flags(one)["a"]
    assert [type_ for type_, *_ in notified(one)][:2] == ["docker_down", "docker_unobserved"]
    one.saw(a=GOOD)
    assert "ended" in " ".join(one.saw(a=GOOD))


def test_a_dry_run_says_it_and_keeps_nothing(scene: Make) -> None:
    one = scene()
    for _ in range(2):
        one.saw(a=UNSEEN)
    one.keep(a=UNSEEN)
    assert one.detect(dry_run=True)[0] == "a unobserved"
    assert notified(one) == [] and not flags(one)["a"]
    assert one.detect()[0] == "a unobserved"


def test_many_passes_at_once_are_reported_as_one_by_one(scene: Make) -> None:
    one = scene()
    for reading in (UNSEEN, UNSEEN, UNSEEN, GOOD, UNSEEN, UNSEEN, UNSEEN):
        one.keep(a=reading, b=reading)
        one.now += 30
    one.detect()
    types = [type_ for type_, *_ in notified(one)]
    assert sorted(types) == ["docker_unobserved", "docker_unobserved", "observed_again"]
    assert {title for _, _, title, _ in notified(one)} == {"a, b cannot be checked", "a, b can be checked again"}


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
def test_its_messages_read_well(scene: Make, locale: str) -> None:
    one = scene(heartbeat={"locale": locale})
    for _ in range(3):
        one.saw(a=UNSEEN, b=UNSEEN)
    said = message(newest(one), locale, "UTC", ())
    words = {
        "en": [
            "a, b cannot be checked",
            "It concerns: a, b",
            "whether it works is not known",
            "docker info",
            "3 checks in",
        ],
        "zh-HK": ["無法檢查 a、b", "涉及組件：a、b", "未能得知是否正常", "docker info", "連續 3 次未能"],
    }[locale]
    for text in words:
        assert text in f"{said.title}\n{said.text}"
    one.saw(a=GOOD, b=GOOD)
    over = message(newest(one), locale, "UTC", ())
    assert ("can be checked again" in over.title) == (locale == "en")
    assert "2 min" in over.text or "2 分鐘" in over.text, "how long it lasted"
    assert {"en": "well", "zh-HK": "正常"}[locale] not in over.title + over.text, "it says nothing of how it is"
    assert "heartbeat status" in over.text, "but where to see that"


def test_an_outage_of_the_store_loses_neither_the_count_nor_the_end(scene: Make, tmp_path: Path) -> None:
    """Told in the spool, it is not told again in the store; the end reaches those who heard of the beginning."""
    one = scene()
    for _ in range(2):
        one.saw(a=UNSEEN, b=UNSEEN)
    whole = one.db
    with closing(_spool(one, tmp_path)) as away:
        one.db = away
        assert one.saw(a=UNSEEN, b=UNSEEN)[0] == "a unobserved"
        one.db = whole
        _bring_back(away, one)
    assert notified(one) == [("docker_unobserved", "high", "a, b cannot be checked", ["log"])]
    assert one.deliver() == ["docker_unobserved log sent"]
    with closing(_spool(one, tmp_path)) as away:
        one.db = away
        one.saw(a=GOOD, b=GOOD)
        assert notified(one)[-1] == ("observed_again", "low", "a, b can be checked again", ["log"])
        one.db = whole
        _bring_back(away, one)
    assert [type_ for type_, *_ in notified(one)] == ["docker_unobserved", "observed_again"]
    assert flags(one) == {"a": False, "b": False}


def _spool(one: Scene, folder: Path) -> Database:
    from heartbeat_cli.domain.checking.coverage import Degraded

    copy = mirror.decode(mirror.encode(mirror.snapshot(one.db, "here", one.now)))
    begun = Degraded(f"here@{one.now}", "here", one.now, "gone", None)
    path = folder / f"spool-{one.now:.0f}" / "spool.db"
    return spool.begin(path, lambda: copy, begun, 10.0)


def _bring_back(away: Database, one: Scene) -> None:
    for _ in spool.replay(away, one.db, "here", one.now):
        one.detect()


def test_a_component_that_any_host_sees_is_observed(store: Database, store_url: str, tmp_path: Path) -> None:
    three = Hosts(store, store_url, tmp_path, "abc")
    three.round(a="healthy", b="healthy", c="healthy")
    three.round(9, a="unknown", b="healthy", c="unknown")
    assert not three.state.unobserved and three.notified() == []
    three.round(9, a="unknown", b="error", c="unknown")
    assert not three.state.unobserved and "agent_unobserved" not in three.notified()
    three.round(3, a="unknown", b="unknown", c="unknown")
    assert three.state.unobserved and three.notified()[-1] == "agent_unobserved"
    three.round(1, a="unknown", b="unknown", c="healthy")
    three.round(1, a="unknown", b="unknown", c="healthy")
    assert not three.state.unobserved and three.notified()[-1] == "observed_again"


def test_the_tables_of_an_earlier_version_get_the_columns(store: Database, store_url: str) -> None:
    assert opened(store_url).rows("SELECT unobserved, unknown_count FROM heartbeat_state") == []
