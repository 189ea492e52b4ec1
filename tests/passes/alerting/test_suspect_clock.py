"""A clock that is days or years off: nothing is lost by it, people hear of it once, and once when it is over."""

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.reporting.summary import total
from heartbeat_cli.passes.check import check, clock
from heartbeat_cli.passes.check.check import Checked
from heartbeat_cli.passes.housekeeping import tidy
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.board import board
from heartbeat_cli.store.history import gaps, passes, retention, rollups, summary
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.scene import START, Scene

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0
GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "interval": 60, "recovery": {"mode": "off"}}


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    """Watched for three hours, with one fault that is over."""
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP}, heartbeat={"locale": "en"})
    with store.transaction():
        for number in range(180):
            run(scene, db=BAD if 60 <= number < 70 else GOOD)
    assert scene.outbox == ["tcp_down to log: waiting", "recovered to log: waiting"]
    scene.deliver()
    return scene


def run(scene: Scene, at: float | None = None, db: Reading = GOOD) -> list[str]:
    """What `run` does every minute, at another time than it should be if `at` is given. Returns what was decided."""
    right, scene.now = scene.now, scene.now if at is None else at
    name = scene.config.observer
    done = passes.Pass(f"{name}@{scene.now}", name, scene.now, scene.now + 0.5)
    with scene.db.transaction():
        check.save(scene.db, scene.config, Checked(done, {"db": db, "web": GOOD}))
        decided = scene.detect()
    tidy.tidy(scene.db, scene.config, scene.now)
    scene.now = right + 60
    return decided


def kept(db: Database) -> dict[str, int]:
    tables = ("log", "pass_rows", "incidents", "alert_rows", "sends", "outbox")
    return {name: int(db.rows(f"SELECT count(*) FROM heartbeat_{name}")[0][0]) for name in tables}


def of_the_day(scene: Scene) -> Any:
    day = report.today(START, "UTC")
    return report.report(scene.db, scene.config, report.period(day, day, "UTC"), scene.now)


@pytest.mark.parametrize("jump", [2 * DAY, 400 * DAY, 10 * YEAR, -2 * DAY, -10 * YEAR])
def test_one_pass_under_a_wrong_clock_loses_nothing(scene: Scene, jump: float) -> None:
    """The history, the figures, the marks and the messages are afterwards what they would have been without it."""
    before = kept(scene.db)
    assert run(scene, at=scene.now + jump) == ["here clock_suspect"]
    assert [run(scene) for _ in range(3)] == [[], [], []]
    after = kept(scene.db)
    assert after["log"] == before["log"] + 8 and after["pass_rows"] == before["pass_rows"] + 4
    assert (after["incidents"], after["alert_rows"]) == (before["incidents"], before["alert_rows"] + 2)
    assert scene.db.rows("SELECT count(*) FROM heartbeat_log WHERE at > to_timestamp(?)", (scene.now,)) == [(0,)]
    assert gaps.between(scene.db, -9e9, 9e9) == []
    shown = of_the_day(scene)
    figures = total(shown.tallies)
    assert figures.heartbeats == after["log"]
    assert figures.down_us == pytest.approx(600e6, abs=61e6), "as long as the fault lasted"
    assert figures.up_us + figures.down_us == pytest.approx(2 * 184 * 60e6, rel=0.02)
    assert shown.coverage_percent == pytest.approx(100 * (184 / 60) / (12 + 184 / 60), abs=0.2)


@pytest.mark.parametrize("jump", [10 * YEAR, -10 * YEAR])
def test_it_is_reported_once_and_once_when_it_is_over(scene: Scene, jump: float) -> None:
    told = [run(scene, at=scene.now + jump) for _ in range(5)]
    assert told == [["here clock_suspect"], [], [], [], []]
    assert [run(scene) for _ in range(4)] == [[]] * 4, "and no run was missed"
    scene.deliver()
    began, over = scene.messages[-2:]
    assert [began["type"], over["type"]] == ["clock_suspect", "recovered"]
    assert began["title"].endswith("here: its clock cannot be trusted") and began["severity"] == "medium"
    side = "after" if jump > 0 else "before"
    assert f"its clock is 3650 d {side} the last pass" in began["text"].replace("3649 d 23 h", "3650 d")
    assert over["title"].endswith("here: its clock can be trusted again")
    assert "agrees with the last pass" in over["text"]


@pytest.mark.parametrize("jump", [10 * YEAR, -10 * YEAR])
def test_what_still_goes_on_under_a_wrong_clock_keeps_its_begin(scene: Scene, jump: float) -> None:
    began = scene.now
    for _ in range(4):
        run(scene, db=BAD)
    run(scene, at=scene.now + jump, db=BAD)
    run(scene, at=scene.now + jump, db=GOOD)  # its end begins under the wrong clock
    ended = scene.now
    for _ in range(3):
        run(scene, db=GOOD)
    last = states.incidents_between(scene.db, began - 1, 9e9)[-1]
    assert last.started == began and last.ended is not None
    assert ended - 120 <= last.ended <= ended + 180 and last.declared <= last.ended
    assert all(one.at <= scene.now for one in alerts.between(scene.db, -9e9, 99e9))


def test_a_fault_that_began_under_a_wrong_clock_began_when_it_did(scene: Scene) -> None:
    began = scene.now
    for _ in range(4):
        run(scene, at=scene.now - 10 * YEAR, db=BAD)
    run(scene, db=BAD)
    assert scene.incidents["db"].started == pytest.approx(began, abs=60)
    assert states.states(scene.db)["db"].since == pytest.approx(began + 120, abs=60)


def test_under_a_wrong_clock_no_incident_is_closed_for_its_age(scene: Scene) -> None:
    """What the configuration does not have is closed when nobody has checked it for an hour: not by a wrong clock."""
    for _ in range(4):
        run(scene, db=BAD)
    del scene.config.components["db"]  # type: ignore[attr-defined]
    moment = scene.now + 10 * YEAR
    done = passes.Pass(f"here@{moment}", "here", moment, moment + 0.5)
    right, scene.now = scene.now, moment
    check.save(scene.db, scene.config, Checked(done, {"web": GOOD}))
    assert scene.detect() == ["here clock_suspect"] and "db" in scene.incidents
    scene.now = right + 2 * HOUR
    done = passes.Pass(f"here@{scene.now}", "here", scene.now, scene.now + 0.5)
    check.save(scene.db, scene.config, Checked(done, {"web": GOOD}))
    assert scene.detect() == ["db closed"]


def test_after_a_hundred_days_off_it_goes_on_after_an_hour(scene: Scene) -> None:
    """The clock is right: it is doubted for an hour of passes, then the gap is known and retention goes on."""
    last = scene.now - 60 + 0.5
    scene.now = back = scene.now + 100 * DAY
    said = [run(scene) for _ in range(62)]
    assert said[0] == ["here clock_suspect"] and said[60] == ["here missed_runs"]
    assert [one for one in said if one] == [said[0], said[60]]
    (gap,) = gaps.between(scene.db, 0.0, 9e9)
    assert (gap.started, gap.ended) == (last, back)
    assert clock.suspicion(scene.db, "here", scene.now) is None
    assert scene.db.rows("SELECT count(*) FROM heartbeat_log") == [(62 * 2,)], "what had had its time is gone"
    told = {one.type: one.reason for one in alerts.between(scene.db, back, 9e9)}
    assert told.keys() == {"clock_suspect", "recovered", "missed_runs"}
    assert told["recovered"].startswith("an hour of passes agrees with it")


def test_passes_that_do_not_agree_settle_nothing(scene: Scene) -> None:
    """A clock that is another year off each time is wrong however long that lasts, and no pass is lost."""
    before = kept(scene.db)
    right = scene.now
    for number in range(1, 6):
        scene.now = right + 25 * 60 * number
        assert run(scene, at=scene.now + number * YEAR) == ["here clock_suspect"] * (number == 1)
    assert kept(scene.db)["log"] == before["log"] + 10
    scene.now = right + 3 * HOUR
    run(scene)
    assert scene.db.rows("SELECT count(*) FROM heartbeat_log WHERE at > to_timestamp(?)", (scene.now,)) == [(0,)]
    assert len(gaps.between(scene.db, 0.0, 9e9)) == 1


def test_marks_that_an_earlier_wrong_clock_left_in_the_future_are_taken_back(scene: Scene) -> None:
    """As a pass at +10 years of an earlier version left them: reports stayed empty, and rollups never came again."""
    db, ahead = scene.db, scene.now + 10 * YEAR
    run(scene)
    before = gaps.watch(db, "here")
    assert before is not None
    hour = int(ahead // HOUR)
    gaps.save(db, gaps.Gap("here", scene.now - 60, ahead, "no pass for 3650 d"))
    gaps.save_watch(db, "here", before._replace(started=ahead, ended=ahead + 1, gap=(scene.now - 60, ahead)))
    preferences.put(db, "forgotten/hours", str(hour))
    preferences.put(db, "tidied/here", json.dumps([hour, ahead + DAY]))
    db.run(f"UPDATE heartbeat_hours SET hour = {hour} WHERE hour = (SELECT min(hour) FROM heartbeat_hours)")
    for _ in range(62):
        run(scene)
    assert rollups.first_kept_hour(db) <= int(START // HOUR)
    assert gaps.between(db, 0.0, 9e9) == []
    watch = gaps.watch(db, "here")
    assert watch is not None and watch.started == scene.now - 60 and watch.ahead == 0.0
    assert total(of_the_day(scene).tallies).heartbeats == 2 * 243
    for _ in range(61):
        run(scene)
    assert db.rows("SELECT max(hour) FROM heartbeat_hours") == [(int(scene.now // HOUR) - 1,)]


def test_the_store_can_be_pruned_and_shown_after_a_wrong_pass(scene: Scene) -> None:
    run(scene, at=scene.now + 10 * YEAR)
    run(scene)
    assert retention.prune(scene.db, Retention(), scene.now) is not None
    assert total(of_the_day(scene).tallies).heartbeats == 2 * 182
    assert board.read(scene.db, scene.config, UTC, scene.now) is not None
    assert len(list(summary.history(scene.db, 0.0, 9e9))) == 2 * 182


# --- the store's own clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [HOUR + 7, -HOUR + 7, 10 * YEAR])
def test_a_store_that_tells_another_time_is_believed_rather_than_the_host(scene: Scene, off: float) -> None:
    """Only PostgreSQL has a clock of its own; here it is what the connection would have measured."""
    scene.db.clock_ahead = 0.0
    before = kept(scene.db)
    scene.db.clock_ahead = -off
    assert [run(scene, at=scene.now + off) for _ in range(3)] == [["here clock_suspect"], [], []]
    assert clock.suspicion(scene.db, "here", scene.now + off) is not None
    marks = preferences.get(scene.db, "forgotten/hours"), preferences.get(scene.db, "tidied/here")
    for _ in range(90):  # however long it lasts
        assert run(scene, at=scene.now + off) == []
    assert marks == (preferences.get(scene.db, "forgotten/hours"), preferences.get(scene.db, "tidied/here"))
    scene.db.clock_ahead = 0.0
    assert [run(scene) for _ in range(3)] == [[], [], []]
    assert gaps.between(scene.db, -9e9, 9e9) == [], "every run came"
    assert kept(scene.db)["log"] == before["log"] + 2 * 96
    assert sorted(scene.outbox[2:]) == ["clock_suspect to log: waiting", "recovered to log: waiting"]


def test_a_host_that_is_off_for_good_still_notices_that_it_did_not_run(scene: Scene) -> None:
    """Six minutes ahead of the store for days: its passes and gaps are known as ever."""
    scene.now += 360
    scene.db.clock_ahead = -360.0
    assert [run(scene) for _ in range(3)] == [["here clock_suspect"], [], []]
    scene.now += HOUR
    assert [run(scene) for _ in range(3)] == [[], ["here missed_runs"], []]
    watch = gaps.watch(scene.db, "here")
    assert watch is not None and watch.started == scene.now - 60


def test_a_store_whose_clock_jumps_does_not_take_the_watch_along(scene: Scene) -> None:
    scene.db.clock_ahead = 10 * YEAR
    assert [run(scene) for _ in range(3)] == [["here clock_suspect"], [], []]
    watch = gaps.watch(scene.db, "here")
    assert watch is not None and watch.started == scene.now - 60
    scene.db.clock_ahead = 0.0
    assert [run(scene) for _ in range(2)] == [[], []]
    assert gaps.between(scene.db, -9e9, 9e9) == []


def test_of_several_hosts_one_may_have_been_off_for_months(scene: Scene) -> None:
    """The newest pass of the store is what a clock is held against: the others' are as good as its own."""
    watch = gaps.watch(scene.db, "here")
    assert watch is not None
    scene.now += 100 * DAY
    gaps.save_watch(scene.db, "other", watch._replace(started=scene.now - 30, ended=scene.now - 29))
    assert run(scene) == []
    assert clock.suspicion(scene.db, "here", scene.now) is None


def test_no_host_prunes_what_another_wrote_under_a_clock_that_is_years_behind(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """It is to be moved to when it was written: pruned before that, it would be lost."""
    bad = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP}, heartbeat={"observer": "bad"})
    good = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP}, heartbeat={"observer": "good"})
    for scene in (bad, good):
        run(scene)
    preferences.put(store, "tidied/good", json.dumps([None, START - DAY]))  # it is time to prune
    store.clock_ahead = 10 * YEAR
    run(bad, at=bad.now - 10 * YEAR)
    assert clock.held_by_another(store, "good", good.now) == (
        "the clock of bad is suspect: its clock is 3650 d behind the store's"
    )
    store.clock_ahead = 0.0
    run(good)
    assert kept(store)["log"] == 8
    assert clock.held_by_another(store, "good", good.now + 8 * DAY) is None, "who is away for good holds up nobody"
    run(bad)
    run(good)
    assert kept(store)["log"] == 12 and clock.held_by_another(store, "good", good.now) is None
    assert store.rows("SELECT count(*) FROM heartbeat_log WHERE at < to_timestamp(?)", (START,)) == [(0,)]


def test_the_clock_of_the_server_is_read_on_the_way(store: Database) -> None:
    """Whole seconds: where both are on one host there is no difference, however slow the answer."""
    assert store.clock_ahead == (None if store.dialect == "sqlite" else 0.0)
