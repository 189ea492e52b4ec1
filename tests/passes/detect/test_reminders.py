"""Told again, told to others, told later, not told: what happens to a fault that lasts."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.alerting.enqueue import enqueue_alert
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.scene import START, Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route", evidence={"phase": "connect"})
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
HOUR = 3600.0


@pytest.fixture
def made(store: Database, store_url: str, tmp_path: Path) -> Any:
    """make(channels={name: common keys}, …) gives a scene with file channels of these names."""

    def make(channels: dict[str, dict[str, Any]] | None = None, components: Any = None, **sections: Any) -> Scene:
        files = {
            name: {"kind": "file", "path": str(tmp_path / f"{name}.log"), "digest": False} | keys
            for name, keys in (channels or {"log": {}}).items()
        }
        files.get("log", {})["path"] = str(tmp_path / "messages.log")
        return Scene(store, store_url, tmp_path, components or {"db": TCP}, files, **sections)

    return make


def down(scene: Scene, **readings: Reading) -> float:
    """Three failing checks; returns when the fault was declared."""
    for _ in range(3):
        scene.saw(**(readings or {"db": BAD}))
    scene.deliver()
    return scene.now - 30


def at(scene: Scene, moment: float, **readings: Reading) -> list[str]:
    """A pass at a moment, and what it delivered."""
    scene.now = moment
    scene.saw(**(readings or {"db": BAD}))
    return scene.deliver()


def up(scene: Scene, moment: float) -> list[str]:
    scene.now = moment
    scene.saw(db=GOOD)
    scene.saw(db=GOOD)
    return scene.deliver()


# --- reminders -------------------------------------------------------------------------------------------------------


def test_a_fault_that_lasts_is_reported_again_ever_more_rarely(made: Any) -> None:
    scene = made()
    begun = down(scene)
    notified = [hour for hour in range(1, 100) if at(scene, begun + hour * HOUR)]
    assert notified == [4, 12, 28, 52, 76], "after 4, 8, 16 hours, then daily"
    newest = alerts.between(scene.db, 0, 9e9)[0]
    assert newest.id == f"{scene.incidents['db'].id}/reminder-5" and newest.type == "reminder"
    assert newest.reason == "reminder 5: still in fault 3 d 4 h after the first failing check, not acknowledged"
    facts = newest.details
    assert (facts["number"], facts["started"], facts["cause"], facts["last"]) == (
        5,
        START,
        "no route",
        ["error", "no route"],
    )
    assert facts["evidence"] == {"phase": "connect"} and facts["attempts"] == []
    assert up(scene, begun + 100 * HOUR) == ["recovered log sent"]


@pytest.mark.parametrize(("after", "notified"), [(0, []), (3600, [1, 3]), (172_800, [])])
def test_how_soon_is_the_users_choice(made: Any, after: int, notified: list[int]) -> None:
    scene = made(heartbeat={"remind_after": after})
    begun = down(scene)
    assert [hour for hour in range(1, 7) if at(scene, begun + hour * HOUR)] == notified


def test_what_is_acknowledged_is_not_reported_again_until_that_is_taken_back(made: Any) -> None:
    scene = made()
    begun = down(scene)
    incident = scene.incidents["db"].id
    states.acknowledge(scene.db, incident, scene.now, "kim")
    assert at(scene, begun + 30 * HOUR) == []
    states.acknowledge(scene.db, incident, None, None)
    assert at(scene, begun + 31 * HOUR) == ["reminder-1 log sent"]


def test_an_acknowledgement_ends_with_its_incident(made: Any) -> None:
    scene = made(heartbeat={"reopen_within": 0})
    begun = down(scene)
    states.acknowledge(scene.db, scene.incidents["db"].id, scene.now, "kim")
    assert up(scene, begun + HOUR) == ["recovered log sent"]
    again = down(scene)
    assert scene.incidents["db"].acked is None
    assert at(scene, again + 5 * HOUR) == ["reminder-1 log sent"]


def test_in_a_silence_nobody_is_reminded_but_then(made: Any) -> None:
    scene = made()
    begun = down(scene)
    silences.add(scene.db, Silence("s", "db", "silence", begun, begun + 6 * HOUR, "night", "kim"))
    assert at(scene, begun + 5 * HOUR) == []
    assert at(scene, begun + 6 * HOUR) == ["reminder-1 log sent"]


def test_nobody_is_reminded_of_what_seems_to_be_over(made: Any) -> None:
    scene = made()
    begun = down(scene)
    assert at(scene, begun + 5 * HOUR, db=GOOD) == []
    assert at(scene, begun + 5 * HOUR + 30, db=BAD) == ["reminder-1 log sent"]


def test_children_that_are_held_are_not_reported_but_named(made: Any) -> None:
    scene = made(components={"main": TCP | {"depends_on": ["db"]}, "db": TCP})
    begun = down(scene, db=BAD, main=BAD)
    assert at(scene, begun + 5 * HOUR, db=BAD, main=BAD) == ["reminder-1 log sent"]
    (reminder, _) = alerts.between(scene.db, 0, 9e9)
    assert reminder.component == "db" and reminder.details["held"] == ["main"]


def test_only_who_has_the_first_message_is_reminded(made: Any) -> None:
    scene = made({"log": {}, "away": {"path": "/nowhere/at/all"}, "picky": {"min_severity": "severe"}})
    begun = down(scene)
    assert [one for one in at(scene, begun + 5 * HOUR) if one.startswith("reminder")] == ["reminder-1 log sent"]


def test_after_a_restart_nothing_is_reported_twice(made: Any) -> None:
    scene = made()
    begun = down(scene)
    assert at(scene, begun + 4 * HOUR) == ["reminder-1 log sent"]
    scene.keep(db=BAD)
    scene.now += 1
    scene.keep(db=BAD)
    assert scene.detect() == [] and scene.deliver() == []


# --- escalation ------------------------------------------------------------------------------------------------------

PAGER = {"log": {}, "pager": {"escalate_after": 900}}


def test_a_fault_that_nobody_sees_to_is_escalated_and_its_end_follows(made: Any) -> None:
    scene = made(PAGER)
    begun = down(scene)
    assert scene.outbox == ["tcp_down to log: sent"]
    assert at(scene, begun + 899) == []
    assert at(scene, begun + 900) == ["escalated-900 pager sent"]
    assert at(scene, begun + 1800) == []
    newest = alerts.between(scene.db, 0, 9e9)[0]
    assert newest.reason == "escalated: still in fault 15 min after the first message, not acknowledged"
    assert newest.details["told_after"] == 900 and newest.details["cause"] == "no route"
    assert sorted(up(scene, begun + HOUR)) == ["recovered log sent", "recovered pager sent"]


def test_what_ends_in_time_is_escalated_to_nobody(made: Any) -> None:
    scene = made(PAGER)
    begun = down(scene)
    assert up(scene, begun + 800) == ["recovered log sent"]
    assert at(scene, begun + HOUR, db=GOOD) == []


def test_nor_what_is_acknowledged_or_silenced(made: Any) -> None:
    scene = made(PAGER)
    begun = down(scene)
    states.acknowledge(scene.db, scene.incidents["db"].id, scene.now, "kim")
    assert at(scene, begun + HOUR) == []
    states.acknowledge(scene.db, scene.incidents["db"].id, None, None)
    silences.add(scene.db, Silence("s", "db", "silence", begun, begun + 2 * HOUR, "night", "kim"))
    assert at(scene, begun + 1.5 * HOUR) == []
    assert at(scene, begun + 2 * HOUR) == ["escalated-900 pager sent"]


def test_what_a_silence_kept_back_is_escalated_only_after_others_had_their_time(made: Any) -> None:
    scene = made(PAGER)
    silences.add(scene.db, Silence("s", "db", "silence", START - 1, START + 2 * HOUR, "night", "kim"))
    down(scene)
    assert at(scene, START + 2 * HOUR) == ["tcp_down log sent"]
    assert at(scene, START + 2 * HOUR + 899) == []
    assert at(scene, START + 2 * HOUR + 900) == ["escalated-900 pager sent"]


def test_each_has_a_patience_of_its_own_and_wants_what_it_wants(made: Any) -> None:
    scene = made(
        {"b": {"escalate_after": 600}, "a": {"escalate_after": 60}, "other": {"escalate_after": 60, "components": []}}
    )
    begun = down(scene)
    assert scene.outbox == []
    assert at(scene, begun + 60) == ["escalated-60 a sent"]
    assert at(scene, begun + 600) == ["escalated-600 b sent"]
    assert sorted(up(scene, begun + 700)) == ["recovered a sent", "recovered b sent"]


def failed_alert(scene: Scene) -> Alert:
    incident = scene.incidents["db"]
    return Alert(
        f"{incident.id}/recovery_failed", "recovery_failed", "high", "t", "db", scene.now, incident.id, "tried all"
    )


@pytest.mark.parametrize(("acked", "notified"), [(False, ["log", "pager"]), (True, ["log"])])
def test_when_recovery_gives_up_it_is_escalated_at_once(made: Any, acked: bool, notified: list[str]) -> None:
    scene = made(PAGER)
    begun = down(scene)
    if acked:
        states.acknowledge(scene.db, scene.incidents["db"].id, scene.now, "kim")
    enqueue_alert(scene.db, scene.config, failed_alert(scene), scene.config.components["db"], [], scene.now)
    assert sorted(scene.deliver()) == [f"recovery_failed {one} sent" for one in notified]
    assert at(scene, begun + HOUR) == [], "and not once more"
    assert sorted(up(scene, begun + 2 * HOUR)) == [f"recovered {one} sent" for one in notified]


def test_what_recovery_said_in_a_silence_is_reported_after_it(made: Any) -> None:
    scene = made()
    begun = down(scene)
    quiet = Silence("s", "db", "silence", begun, begun + HOUR, "night", "kim")
    silences.add(scene.db, quiet)
    enqueue_alert(scene.db, scene.config, failed_alert(scene), scene.config.components["db"], [quiet], scene.now)
    assert at(scene, begun + 600) == []
    assert at(scene, begun + HOUR) == ["recovery_failed log sent"]


# --- routing ---------------------------------------------------------------------------------------------------------


def test_routing_decides_who_hears_of_the_beginning_and_nothing_who_hears_of_the_end(made: Any) -> None:
    scene = made(
        {"log": {}, "severe": {"min_severity": "severe"}, "web": {"components": ["w*"]}}, {"db": TCP, "web": TCP}
    )
    begun = down(scene)
    assert scene.outbox == ["tcp_down to log: sent"]
    after = made({"log": {"min_severity": "severe"}, "severe": {}, "web": {}}, {"db": TCP, "web": TCP})
    after.now = scene.now
    assert up(after, begun + HOUR) == ["recovered log sent"]


def test_the_end_of_slowness_goes_to_who_heard_of_it(made: Any) -> None:
    slow = Reading("degraded", 9.0, "slow: 9.00 s (limit 1 s)")
    scene = made({"log": {}, "grave": {"min_severity": "medium"}})
    for reading in (slow, slow, slow):
        scene.saw(db=reading)
    silenced = made({"log": {"min_severity": "high"}, "grave": {}})
    silenced.now = scene.now
    silenced.saw(db=GOOD)
    silenced.saw(db=GOOD)
    assert scene.outbox == ["tcp_slow to log: waiting", "degraded_ended to log: waiting"]


SLOW = Reading("degraded", 9.0, "slow: 9.00 s (limit 1 s)")


def test_slowness_that_outlasts_its_silence_is_reported_then_and_so_is_its_end(made: Any) -> None:
    scene = made()
    silences.add(scene.db, Silence("s", "db", "silence", START - 1, START + HOUR, "night", "kim"))
    for _ in range(4):
        assert at(scene, scene.now, db=SLOW) == []
    assert at(scene, START + HOUR, db=SLOW) == ["tcp_slow log sent"]
    assert at(scene, START + HOUR + 60, db=SLOW) == []
    assert up(scene, START + 2 * HOUR) == ["degraded_ended log sent"]


def test_slowness_that_ends_in_its_silence_is_reported_to_nobody(made: Any) -> None:
    scene = made()
    silences.add(scene.db, Silence("s", "db", "silence", START - 1, START + HOUR, "night", "kim"))
    for _ in range(3):
        scene.saw(db=SLOW)
    assert up(scene, START + 600) == []
    for _ in range(2):
        assert at(scene, scene.now, db=SLOW) == []
    scene.now = START + HOUR
    assert [at(scene, scene.now, db=SLOW), at(scene, scene.now, db=SLOW)] == [["tcp_slow log sent"], []], "once, anew"


# --- quiet hours (START is noon in UTC) ------------------------------------------------------------------------------

NIGHT = {"heartbeat": {"timezone": "UTC"}}
QUIET = {"log": {"quiet_hours": "12:00-20:00"}, "other": {}}
MEDIUM = {"db": TCP | {"severity": "medium"}}


def test_in_quiet_hours_what_is_slight_waits_until_they_end(made: Any) -> None:
    scene = made(QUIET, MEDIUM, **NIGHT)
    scene.now = START + 60
    down(scene)
    assert scene.outbox == ["tcp_down to log: waiting", "tcp_down to other: sent"]
    assert up(scene, START + HOUR) == ["recovered other sent"], "its end waits, too, and neither is lost"
    assert at(scene, START + 8 * HOUR - 60, db=GOOD) == []
    assert at(scene, START + 8 * HOUR, db=GOOD) == ["tcp_down log sent", "recovered log sent"]


def test_in_quiet_hours_what_is_grave_is_reported_at_once(made: Any) -> None:
    scene = made(QUIET, **NIGHT)
    scene.now = START + 60
    begun = down(scene)
    assert scene.outbox == ["tcp_down to log: sent", "tcp_down to other: sent"]
    assert sorted(up(scene, begun + HOUR)) == ["recovered log sent", "recovered other sent"]


def test_a_reminder_waits_for_the_morning_and_the_next_one_for_it(made: Any) -> None:
    scene = made({"log": {"quiet_hours": "13:00-12:30"}}, MEDIUM, **NIGHT)
    scene.now = START + 1860
    begun = down(scene)
    assert scene.outbox == ["tcp_down to log: sent"]
    assert [at(scene, begun + hour * HOUR) for hour in (4, 13, 22)] == [[], [], []]
    assert scene.outbox.count("reminder to log: waiting") == 1
    assert at(scene, START + 24.5 * HOUR) == ["reminder-1 log sent"]


def test_what_was_reported_only_in_the_morning_is_not_reported_again_at_once(made: Any) -> None:
    scene = made({"log": {"quiet_hours": "12:00-20:00"}}, MEDIUM, **NIGHT)
    scene.now = START + 60
    down(scene)
    assert at(scene, START + 8 * HOUR) == ["tcp_down log sent"]
    assert at(scene, START + 8 * HOUR + 30) == [] == at(scene, START + 12 * HOUR)
    assert at(scene, START + 12 * HOUR + 30) == ["reminder-1 log sent"]


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
def test_the_morning_brings_all_of_the_night_together(made: Any, locale: str) -> None:
    log = {"quiet_hours": "12:00-20:00", "digest": True}
    scene = made(
        {"log": log}, {"db": MEDIUM["db"], "web": MEDIUM["db"]}, heartbeat={"timezone": "UTC", "locale": locale}
    )
    scene.now = START + 60
    down(scene)
    assert up(scene, START + HOUR) == []
    down(scene, web=BAD)
    assert scene.messages == []
    at(scene, START + 8 * HOUR, db=GOOD, web=BAD)
    assert {line.partition(": ")[2] for line in scene.outbox} == {"sent"} and len(scene.outbox) == 3
    (only,) = scene.messages
    lines = [line for line in only["text"].splitlines() if line[:1] in ("🔴", "🟢", "↳")]
    red, green, since = lines[0], lines[-3], lines[-1]
    assert red.startswith("🔴 web") and green.startswith("🟢 db") and "12:01:00" in since and "no route" in since
    assert only["severity"] == "medium" and len(only["threads"]) == 2


def test_a_night_that_is_over_makes_one_message_that_asks_for_nothing(made: Any) -> None:
    scene = made({"log": {"quiet_hours": "12:00-20:00", "digest": True}}, MEDIUM, **NIGHT)
    for begun in (START + 60, START + 2 * HOUR):
        scene.now = begun
        down(scene)
        assert up(scene, begun + HOUR) == []
    assert at(scene, START + 8 * HOUR, db=GOOD)
    (only,) = scene.messages
    assert (only["title"], only["severity"], len(only["threads"])) == (
        "db recovered; nothing is in fault any more",
        "low",
        2,
    )
    assert only["text"].count("db has recovered") == 2 and "🔴" not in only["text"] and "What to do" not in only["text"]


def test_what_was_tried_already_shares_a_message_with_its_end(made: Any, tmp_path: Path) -> None:
    away = {"quiet_hours": "12:00-20:00", "digest": True, "path": str(tmp_path / "dir" / "log")}
    scene = made({"away": away}, MEDIUM, **NIGHT)
    scene.now = START + 60
    down(scene)
    at(scene, START + 8 * HOUR)  # in vain
    up(scene, START + 8 * HOUR + 30)
    (tmp_path / "dir").mkdir()
    assert at(scene, START + 9 * HOUR, db=GOOD) == ["tcp_down away sent", "recovered away sent"]
    assert len((tmp_path / "dir" / "log").read_text().splitlines()) == 1
