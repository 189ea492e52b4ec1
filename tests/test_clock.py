"""The clock steps back and forth, the machine sleeps, days have 23 or 25 hours: nothing is wrong, lost or negative.

Every story drives real passes over both stores on a clock of its own.
"""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat_cli.commands.report import rendered
from heartbeat_cli.domain.checking.result import Reading, Status
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.detection.fault_detection import Observation
from heartbeat_cli.domain.detection.replay import Imagined, replay
from heartbeat_cli.domain.reporting.summary import total
from heartbeat_cli.domain.strategy import STRATEGIES
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.check.check import Checked
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.board import board
from heartbeat_cli.store.history import gaps, last_checks, passes, summary
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.beats import Beat, add
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import dashboard, rows
from tests.commands.test_status import NO_READER
from tests.parts.scene import START, Scene
from tests.parts.stores import opened, store, store_url
from tests.parts.verb import heartbeat

__all__ = ["store", "store_url"]

HOUR, DAY = 3600.0, 86_400.0
GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP: dict[str, Any] = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
TRUE = {"kind": "command", "command": ["/bin/true"]}


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    ladder = [{"action": "command", "command": ["/bin/true"]}]
    healed = TCP | {"recovery": {"mode": "on", "ladder": ladder}, "retries": 0, "timeout": 1}
    recovery = {"verify_wait": 0.05, "startup_grace": 60.0}
    return Scene(store, store_url, tmp_path, {"db": healed, "main": TCP}, recovery=recovery)


def saw(scene: Scene, step: float = 30.0, **readings: Reading) -> list[str]:
    """A whole pass as `run` makes it, of what is given here to be seen."""
    done = passes.Pass(f"here@{scene.now}-{len(readings)}", "here", scene.now, scene.now + 0.5)
    check.save(scene.db, scene.config, Checked(done, readings))
    decided = scene.detect()
    scene.recover()
    scene.deliver()
    sane(scene)
    scene.now += step
    return decided


def sane(scene: Scene) -> None:
    """Nothing lies in the future and nothing is shorter than no time at all."""
    now, db = scene.now, scene.db
    for state in states.states(db).values():
        assert state.since <= now and (state.failing_since or 0.0) <= state.since
    for one in states.incidents_between(db, 0.0, 9e9):
        assert one.started <= one.declared and (one.ended is None or one.declared <= one.ended)
        assert one.ended is not None or one.declared <= now
    for attempt in scene.attempts:
        assert attempt.started <= (attempt.finished or attempt.started) <= (attempt.verify_until or 9e9)
        assert attempt.verified is None or attempt.started <= attempt.verified
    assert all(gap.started < gap.ended <= now + HOUR * 48 for gap in gaps.between(db, 0.0, 9e9))
    for id_, state in states.states(db).items():
        row = rows.status_row(scene.config.components[id_], state, last_checks.read(db).get(id_), now)
        assert row["age"] is None or row["age"] >= 0
    day = report.today(now, scene.config.timezone)
    shown = report.report(db, scene.config, report.period(day, day, scene.config.timezone), now)
    assert shown.coverage_percent is None or 0 <= shown.coverage_percent <= 100


def well_shown(scene: Scene) -> None:
    """The page and the report of the day, with no negative figure in them."""
    now, day = scene.now, report.today(scene.now, "UTC")
    shown = report.report(scene.db, scene.config, report.period(day, day, "UTC"), now)
    seen = board.read(scene.db, scene.config, UTC, now)
    page = dashboard.page(seen, scene.config, now)
    for text in (rendered(shown, "text", "en"), rendered(shown, "html", "en"), page):
        assert ">-" not in text.replace(">-<", "") and " -0." not in text


@pytest.mark.parametrize(
    ("when", "step"), [*((n, -HOUR) for n in range(1, 7)), (3, -DAY), (5, -DAY), (4, -45.0), (3, HOUR), (4, DAY)]
)
def test_a_step_at_any_moment_of_a_fault_changes_nothing_but_times(scene: Scene, step: float, when: int) -> None:
    """Good, three bad, two good, good: one fault, told once and its end once, in this order, wherever the step is."""
    for _ in range(4):  # from then on passes are expected
        saw(scene, db=GOOD, main=GOOD)
    decided = []
    for number, reading in enumerate((GOOD, BAD, BAD, BAD, GOOD, GOOD, GOOD)):
        scene.now += step if number == when else 0.0
        decided += saw(scene, db=reading, main=GOOD)
        if number == max(when, 4):
            well_shown(scene)
    slept = ["missed_runs"] if step > 0 else []  # to a process, a clock that jumps ahead and a sleep are the same
    assert [one for one in decided if one.startswith("db")] == ["db opened", "db ended"]
    assert [one for one in decided if one.startswith("here")] == [f"here {one}" for one in slept]
    assert sorted(scene.outbox) == sorted(f"{one} to log: sent" for one in ("recovered", "tcp_down", *slept))
    assert slept or [one["type"] for one in scene.messages] == ["tcp_down", "recovered"]
    assert len(scene.attempts) == 1
    assert scene.db.rows("SELECT count(*) FROM heartbeat_logs") == [(22,)]


@pytest.mark.parametrize("step", [-DAY, -HOUR, DAY])
def test_each_look_is_in_one_day_whatever_the_clock_did(scene: Scene, step: float) -> None:
    scene.now = START + 11.95 * HOUR
    for number in range(24):
        scene.now += step if number == 12 else 0.0
        saw(scene, db=GOOD, main=BAD if number % 9 == 0 else GOOD)
    first = report.today(START - 2 * DAY, "UTC")
    days = [report.report(scene.db, scene.config, report.period(d, d, "UTC")) for d in _days(first, 6)]
    assert sum(total(day.tallies).heartbeats for day in days) == 48


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
    ],
)
def test_a_day_of_a_clock_change_has_every_look_once(
    store: Database, store_url: str, tmp_path: Path, zone: str, day: date, hours: int
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, heartbeat={"timezone": zone})
    first = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() - DAY
    with store.transaction():
        for half in range(72 * 2):
            scene.now = first + 1800 * half
            scene.keep(db=GOOD)
    spans = [report.period(d, d, zone) for d in _days(day - timedelta(days=1), 3)]
    made = [report.report(store, scene.config, span) for span in spans]
    assert total(made[1].tallies).heartbeats == hours * 2
    assert spans[0].end == spans[1].start and spans[1].end == spans[2].start
    all_ = report.report(store, scene.config, report.period(spans[0].first, spans[2].last, zone))
    assert total(all_.tallies) == total([total(one.tallies) for one in made])


def test_a_machine_that_slept(scene: Scene) -> None:
    """Three hours without a pass: a gap, no fault, and two failures before it are still two."""
    for reading in (GOOD, GOOD, GOOD, BAD, BAD):
        saw(scene, db=reading, main=GOOD)
    asleep = scene.now - 30.0 + 0.5
    scene.now += 3 * HOUR
    awake = scene.now
    assert [saw(scene, db=GOOD, main=GOOD) for _ in range(2)] == [[], ["here missed_runs"]]
    (gap,) = gaps.between(scene.db, 0.0, 9e9)
    assert (gap.started, gap.ended, gap.reason) == (asleep, awake, "no pass for 3 h, expected every 1 min")
    day = report.today(START, "UTC")
    shown = report.report(scene.db, scene.config, report.period(day, day, "UTC"), scene.now)
    watched = asleep - START + 30.0
    assert shown.coverage_percent == pytest.approx(100 * watched / (awake - START + 12 * HOUR + 30.0), abs=0.01)


@pytest.mark.parametrize("step", [-DAY, -HOUR])
def test_a_clock_set_back_is_no_gap(scene: Scene, step: float) -> None:
    for number in range(6):
        scene.now += step if number == 3 else 0.0
        saw(scene, db=GOOD, main=GOOD)
    assert gaps.between(scene.db, 0.0, 9e9) == []


def test_a_look_at_one_by_hand_hides_and_makes_no_gap(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": TRUE, "b": TRUE})
    scene.check()
    for _ in range(20):  # cron is dead; somebody looks at `a` every minute
        scene.now += 60
        scene.check("a")
        assert gaps.between(store, 0.0, 9e9) == []
    scene.now += 10
    scene.check()
    (gap,) = gaps.between(store, 0.0, 9e9)
    assert gap.ended - gap.started == pytest.approx(1210, abs=2)
    scene.now += 60
    scene.check("a", "b")  # all of them by hand is as good as a pass
    scene.now += 130
    scene.check()
    assert len(gaps.between(store, 0.0, 9e9)) == 1


def test_components_that_are_looked_at_seldom_make_no_gap(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": TRUE | {"interval": 600}})
    for _ in range(31):
        scene.check()
        scene.now += 60
    assert store.rows("SELECT count(*) FROM heartbeat_passes") == [(4,)]
    assert gaps.between(store, 0.0, 9e9) == []


def test_what_no_pass_came_after_is_not_covered(scene: Scene) -> None:
    """Cron died at noon for good: yesterday's report must not say that all was watched."""
    scene.now = START - 12 * HOUR
    with scene.db.transaction():
        while scene.now < START:
            done = passes.Pass(f"p{scene.now}", "here", scene.now, scene.now)
            check.save(scene.db, scene.config, Checked(done, {"db": GOOD}))
            scene.now += 120
    day = report.today(START, "UTC")
    shown = report.report(scene.db, scene.config, report.period(day, day, "UTC"), START + 20 * HOUR)
    assert shown.coverage_percent == pytest.approx(50.0, abs=0.2)
    assert [gap.reason for gap in shown.gaps] == ["no pass since, expected every 1 min"]
    tomorrow = report.period(day + timedelta(days=5), day + timedelta(days=5), "UTC")
    future = report.report(scene.db, scene.config, tomorrow, START + 20 * HOUR)
    assert future.coverage_percent is None and future.gaps == []


PUSH = {"kind": "push", "period": 600, "grace": 60, "retries": 0}


@pytest.mark.parametrize("asleep", [HOUR, 3 * HOUR, DAY])
def test_a_job_cannot_beat_while_the_machine_sleeps(
    store: Database, store_url: str, tmp_path: Path, asleep: float
) -> None:
    """Or the clock is put forward, which looks the same: a period to beat in, and then it is late all the same."""
    scene = Scene(store, store_url, tmp_path, {"job": PUSH, "up": TRUE})
    add(store, Beat("job", scene.now, "success"))
    said = []
    for _ in range(5):
        said.append(scene.check().readings["job"].status)
        scene.now += 60
    scene.now += asleep
    awake = scene.now
    while scene.now <= awake + 900:
        said.append(scene.check().readings["job"].status)
        scene.now += 60
    assert said == ["healthy"] * (5 + 12) + ["error"] * 4


def test_one_that_was_late_before_the_machine_slept_is_late_after_it(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = Scene(store, store_url, tmp_path, {"job": PUSH, "up": TRUE})
    add(store, Beat("job", scene.now - 700, "success"))
    assert scene.check().readings["job"].status == "error"
    scene.now += HOUR
    assert scene.check().readings["job"].status == "error"


def test_a_run_that_slept_with_the_machine_is_given_that_time(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"job": PUSH | {"max_runtime": 300}, "up": TRUE})
    add(store, Beat("job", scene.now, "start"))
    for wait, expected in ((60, "healthy"), (60, "healthy"), (HOUR, "healthy"), (120, "healthy"), (120, "error")):
        scene.now += wait
        assert scene.check().readings["job"].status == expected


def test_after_a_step_back_it_looks_at_once_and_then_regularly(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": TRUE, "b": TRUE | {"interval": 300}})
    scene.check()
    scene.now -= DAY
    looked = []
    for _ in range(40):
        looked.append("".join(scene.check().readings))
        scene.now += 15
    assert looked == [("ab" if n % 20 == 0 else "a" if n % 2 == 0 else "") for n in range(40)]


@pytest.mark.parametrize("step", [-HOUR, -DAY])
def test_a_message_and_a_lease_do_not_wait_for_the_old_time(
    store: Database, store_url: str, tmp_path: Path, step: float
) -> None:
    """Tried for hours already when the clock goes back: created long ago, next try in half an hour of the old time."""
    place = tmp_path / "missing" / "log"
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, {"log": {"kind": "file", "path": str(place)}})
    for _ in range(3):
        scene.saw(db=BAD)
    for _ in range(9):
        scene.deliver()
        scene.now += 1800
    scene.deliver()
    place.parent.mkdir()
    store.run("UPDATE heartbeat_outbox SET lease_until = to_timestamp(?)", (scene.now + 100,))
    scene.now += step - 30 * 60
    assert [line.split()[0] for line in scene.deliver()] == ["tcp_down"]


def test_a_silence_begun_before_a_step_back_holds_and_is_no_longer_for_it(scene: Scene) -> None:
    saw(scene, db=GOOD, main=GOOD)
    silences.add(scene.db, Silence("s", "*", "maintenance", scene.now, scene.now + HOUR, "work", "ops"))
    scene.now -= DAY
    for _ in range(4):
        saw(scene, db=BAD, main=GOOD)
    assert scene.outbox == [] and scene.attempts == []
    (kept,) = silences.active(scene.db, scene.now)
    assert kept.ends - kept.starts == HOUR and kept.ends <= scene.now + HOUR


def test_a_step_that_has_not_had_its_time_keeps_it_over_a_step_of_the_clock(scene: Scene) -> None:
    for reading in (BAD, BAD, BAD):
        saw(scene, step=20, db=reading, main=GOOD)
    assert len(scene.attempts) == 1
    scene.now -= HOUR
    for reading in (BAD, GOOD, GOOD):
        saw(scene, step=20, db=reading, main=GOOD)
    (attempt,) = scene.attempts
    assert attempt.verified is not None, "it came up in the time it was given"
    assert scene.messages[-1]["type"] == "recovered"


def test_status_says_when_nobody_looks(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text('[heartbeat]\n[components.a]\nkind = "command"\ncommand = ["/bin/true"]\n')
    assert heartbeat(tmp_path, "run").code == 0
    assert heartbeat(tmp_path, "status").err == f"{NO_READER}\n"
    db = opened(f"sqlite:///{tmp_path}/.local/state/heartbeat/heartbeat.db")
    ((name, value),) = db.rows("SELECT name, value FROM heartbeat_settings WHERE name LIKE 'watched/%'")
    preferences.put(db, name, json.dumps([moment - 725 for moment in json.loads(value)[:2]] + [0.0, None]))
    db.close()
    said = heartbeat(tmp_path, "status")
    assert said.err == f"{NO_READER}\nheartbeat: no pass for 12 min: does cron run? `heartbeat doctor` looks\n"
    assert heartbeat(tmp_path, "status", "--format", "json").err == ""
    assert heartbeat(tmp_path, "status", "--format", "nagios").err == ""


# --- looking again sooner -----------------------------------------------------------------------------------------


# How far apart the looks are: the crontab's tick, the strategy, the component's own two intervals; then what they come
# to when it is well and when it is in doubt.
HOURS: list[tuple[int, str, Any, Any, int, int]] = [
    (15, "aggressive", None, None, 15, 15),
    (15, "normal", None, None, 30, 30),
    (15, "normal", 300, None, 300, 30),
    (15, "normal", 300, 15, 300, 15),
    (30, "normal", 300, None, 300, 30),
    (30, "conservative", 300, 10, 300, 30),
    (60, "normal", None, None, 60, 60),  # a crontab that fires once a minute is all there is
    (60, "conservative", 600, None, 600, 60),
    (60, "conservative", 600, 120, 600, 120),
    (30, "normal", 60, 600, 60, 60),  # never less often than when it is well
]


@pytest.mark.parametrize(
    ("store_url", "hour"),
    [  # one of all sorts on PostgreSQL, too: what is due is reckoned here, and only kept there
        *(("sqlite", hour) for hour in HOURS),
        pytest.param("postgres", (15, "normal", 300, 15, 300, 15), marks=pytest.mark.postgres),
    ],
    indirect=["store_url"],
)
def test_a_simulated_hour(
    store: Database, store_url: str, tmp_path: Path, hour: tuple[int, str, Any, Any, int, int]
) -> None:
    """Well, then failing with a threshold never reached, so that it stays suspect: how far apart the looks are."""
    tick, strategy, own, retry, calm, doubtful = hour
    given = {key: value for key, value in (("interval", own), ("retry_interval", retry)) if value is not None}
    scene = Scene(
        store,
        store_url,
        tmp_path,
        {"a": PUSH | {"fail_threshold": 1000, "retries": 0} | given},
        heartbeat={"strategy": strategy},
    )
    assert scene.config.components["a"].retry_interval(STRATEGIES[strategy]) <= calm

    def looks(reading: Reading) -> list[float]:
        looked, began = [], scene.now
        with store.transaction():
            while scene.now < began + HOUR:
                if check.take(store, scene.config, scene.now).readings:
                    looked.append(scene.now)
                    done = passes.Pass(f"p{scene.now}", "here", scene.now, scene.now)
                    check.save(store, scene.config, Checked(done, {"a": reading}))
                    detect.detect(store, scene.config, scene.now)
                scene.now += tick
        return [after - before for before, after in pairwise(looked)]

    assert set(looks(GOOD)) == {calm}
    sooner = looks(BAD)
    assert set(sooner[1:]) == {doubtful}
    assert set(looks(GOOD)[1:]) == {calm}


# --- the same history gives the same incidents ----------------------------------------------------------------------

WORDS: dict[str, Status] = {".": "healthy", "e": "error", "u": "unhealthy", "?": "unknown", "d": "degraded"}
TREE = {
    "db": Component("db", "tcp", None, Common()),
    "main": Component("main", "tcp", None, Common(depends_on=("db",))),
    "web": Component("web", "tcp", None, Common(depends_on=("main",), fail_threshold=2, hold_flapping=False)),
    "job": Component("job", "tcp", None, Common(fail_threshold=3, fail_window=6, recovery_threshold=3)),
}
passes_of_words = st.lists(
    st.tuples(
        st.fixed_dictionaries({}, optional={id_: st.sampled_from("...eeeeu?d") for id_ in TREE}),
        st.sampled_from([30.0] * 12 + [7.5, 600.0, HOUR, -HOUR]),
        st.booleans(),
    ),
    max_size=50,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=passes_of_words)
def test_a_replay_of_what_was_is_what_was(looks: Any, store: Database, store_url: str, tmp_path: Path) -> None:
    """Random histories through the real passes, judged at once or several passes later; then replayed."""
    tables = {
        "db": TCP, "main": TCP | {"depends_on": ["db"]},
        "web": TCP | {"depends_on": ["main"], "fail_threshold": 2, "hold_flapping": False},
        "job": TCP | {"fail_threshold": 3, "fail_window": 6, "recovery_threshold": 3},
    }  # fmt: skip
    _emptied(store)
    scene = Scene(store, store_url, tmp_path, tables)
    with store.transaction():
        for number, (letters, step, judged) in enumerate(looks):
            readings = {id_: Reading(WORDS[letter], 0.1, f"{id_} {letter}") for id_, letter in letters.items()}
            if readings:
                passes.save(store, passes.Pass(f"p{number}", "here", scene.now, scene.now), readings, TREE)
            if judged:
                detect.detect(store, scene.config, scene.now)
            scene.now = round(scene.now + step + 0.001, 6)
        detect.detect(store, scene.config, scene.now)
    _replayed_is_what_was(store, scene.config.components)


def _replayed_is_what_was(db: Database, components: Any) -> None:
    were = [
        Imagined(one.component, one.started, one.declared, one.cause, one.ended, one.held_by, one.relapses)
        for one in states.incidents_between(db, 0.0, 9e9)
    ]
    history = ((id_, Observation(at, status, error)) for id_, at, status, _, error, _ in summary.history(db, 0.0, 9e9))
    assert sorted(replay(history, components, 300.0), key=_key) == sorted(were, key=_key)


def _key(one: Imagined) -> tuple[str, float, float]:
    return one.component, one.started, one.declared


def _emptied(db: Database) -> None:
    of_passes = ("pass_rows", "pending", "log", "samples", "looks")
    for table in (*of_passes, "state", "incidents", "alert_rows", "outbox", "settings"):
        db.run(f"DELETE FROM heartbeat_{table}")


# --- flapping and recovery ------------------------------------------------------------------------------------------


def test_a_flapping_component_is_restarted_once_and_not_at_every_turn(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """Turns of two bad checks and one good: the second fault reopens the incident of the first, and that stays one
    incident with one climb of the ladder, until it is steady."""
    done = tmp_path / "done"
    step = {"action": "command", "command": ["/bin/sh", "-c", f"echo x >> {done}"]}
    web = TCP | {"fail_threshold": 2, "recovery_threshold": 1, "retries": 0, "timeout": 1}
    scene = Scene(
        store, store_url, tmp_path, {"web": web | {"recovery": {"mode": "on", "ladder": [step, step]}}},
        recovery={"verify_wait": 0.05, "startup_grace": 45.0},
    )  # fmt: skip
    decided = [word for _ in range(20) for reading in (BAD, BAD, GOOD) for word in saw(scene, web=reading)]
    assert decided == ["web opened", "web ended", "web reopened"]
    lines = done.read_text().split()
    assert len(lines) == len(scene.attempts) <= 1 + 2, "from the second on both steps were climbed, once"
    assert [one["type"] for one in scene.messages].count("recovery_failed") <= 1
    for _ in range(25):
        decided += saw(scene, web=GOOD)
    assert decided[3:] == ["web ended"] and len(done.read_text().split()) == len(lines)


def test_a_pass_that_was_an_hour_ahead_hides_no_downtime_of_that_hour(scene: Scene) -> None:
    """Down for eleven minutes just after it: the report says so, and no more of the day was watched than was."""
    for _ in range(20):
        saw(scene, 60.0, db=GOOD, main=GOOD)
    scene.now += HOUR
    saw(scene, 60.0, db=GOOD, main=GOOD)
    scene.now -= HOUR
    decided = [word for reading in (BAD,) * 11 + (GOOD,) * 10 for word in saw(scene, 60.0, db=reading, main=GOOD)]
    assert decided == ["db opened", "db ended"]
    day = report.today(START, "UTC")
    shown = report.report(scene.db, scene.config, report.period(day, day, "UTC"), scene.now)
    (incident,) = shown.incidents
    assert incident.ended is not None and incident.ended - incident.started == pytest.approx(720, abs=1)
    down = {one.component: one.down_us / 1e6 for one in shown.tallies}
    assert down == {"db": pytest.approx(660, abs=1), "main": 0}
    assert shown.gaps == []
    assert shown.coverage_percent == pytest.approx(100 * (scene.now - START) / (scene.now - START + 12 * HOUR), abs=0.2)
    while scene.now < START + 1.5 * HOUR:  # past the time of the pass that was ahead
        saw(scene, 60.0, db=GOOD, main=GOOD)
    later = report.report(scene.db, scene.config, report.period(day, day, "UTC"), scene.now)
    assert {one.component: one.down_us / 1e6 for one in later.tallies} == down


def test_what_a_pass_an_hour_ahead_saw_is_not_what_was_at_that_time(scene: Scene) -> None:
    """It saw a failure; an hour later, when its time comes, all is well: no second of it counts as down."""
    saw(scene, 60.0, db=GOOD, main=GOOD)
    scene.now += HOUR + 30
    saw(scene, 60.0, db=BAD, main=GOOD)
    scene.now -= HOUR + 30
    while scene.now < START + 2 * HOUR:
        saw(scene, 60.0, db=GOOD, main=GOOD)
    day = report.today(START, "UTC")
    shown = report.report(scene.db, scene.config, report.period(day, day, "UTC"), scene.now)
    assert {one.component: one.down_us for one in shown.tallies} == {"db": 0, "main": 0}
