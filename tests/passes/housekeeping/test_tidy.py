"""What `run` does when all else is done: rolls up an hour that is over, lets old days go; neither costs a pass much."""

import math
import sqlite3
import time
from pathlib import Path

import pytest

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.passes.housekeeping import tidy
from heartbeat_cli.store.board import figures
from heartbeat_cli.store.history import retention, rollups
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import database, dialects, schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries
from tests.parts.outage import Outage
from tests.parts.postgres import session
from tests.parts.scene import START, Scene
from tests.parts.stores import opened
from tests.parts.verb import heartbeat

DAY = 86_400.0
GOOD = Reading("healthy", 0.1)


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    return Scene(store, store_url, tmp_path, {"db": {"kind": "tcp", "host": "127.0.0.1", "port": 1}})


def hours(db: Database) -> int:
    return int(db.rows("SELECT count(*) FROM heartbeat_hours")[0][0])


def statements(scene: Scene, now: float) -> int:
    before = scene.db.statements
    tidy.tidy(scene.db, scene.config, now)
    return scene.db.statements - before


def test_an_hour_is_rolled_up_by_the_first_pass_after_it(scene: Scene) -> None:
    scene.saw(db=GOOD)
    assert statements(scene, START + 60) > 1  # the first of all
    assert hours(scene.db) == 0
    assert statements(scene, START + 120) == statements(scene, START + 3599) == 1
    tidy.tidy(scene.db, scene.config, START + 3600)
    assert hours(scene.db) == 1
    assert statements(scene, START + 3660) == 1


def test_old_days_go_once_a_day(scene: Scene) -> None:
    for ago in (100, 99.9, 0):
        scene.now = START - ago * DAY
        scene.saw(db=GOOD)

    def kept() -> int:
        return int(scene.db.rows("SELECT count(*) FROM heartbeat_log")[0][0])

    tidy.tidy(scene.db, scene.config, START - 10.5 * DAY)
    assert (kept(), hours(scene.db)) == (3, 2)
    tidy.tidy(scene.db, scene.config, START - 9.6 * DAY)  # not a day later
    assert kept() == 3
    tidy.tidy(scene.db, scene.config, START - 8 * DAY)
    assert (kept(), hours(scene.db)) == (1, 2)
    tidy.tidy(scene.db, scene.config, START - 400 * DAY)  # a clock set back does not stop it for ever
    tidy.tidy(scene.db, scene.config, START + 100 * DAY)
    assert kept() == 0


@pytest.mark.postgres
def test_a_table_somebody_reads_is_left_for_later(database: str, tmp_path: Path) -> None:
    db = opened(database)
    scene = Scene(db, database, tmp_path, {"db": {"kind": "tcp", "host": "127.0.0.1", "port": 1}})
    scene.saw(db=GOOD)
    later = START + 100 * DAY
    with session(database, "SELECT * FROM heartbeat_log"):
        tidy.tidy(db, scene.config, later)
        assert db.rows("SELECT count(*) FROM heartbeat_log") == [(1,)]
        assert statements(scene, later + 60) == 1
    tidy.tidy(db, scene.config, later + 700)
    assert db.rows("SELECT count(*) FROM heartbeat_log") == [(0,)]
    db.close()


def test_a_store_that_is_gone_is_no_reason_to_fail(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    scene = Scene(opened(url), url, tmp_path, {"db": {"kind": "tcp", "host": "127.0.0.1", "port": 1}})
    scene.db.run("DROP TABLE heartbeat_settings")
    tidy.tidy(scene.db, scene.config, START)
    scene.db.close()


def test_without_time_the_next_pass_goes_on(scene: Scene) -> None:
    for n in range(3):
        scene.now = START - 100 * DAY + n * DAY
        scene.saw(db=GOOD)
    assert retention.prune(scene.db, Retention(), START, time.monotonic()) is None
    assert scene.db.rows("SELECT count(*) FROM heartbeat_log") == [(3,)]
    assert retention.prune(scene.db, Retention(), START, math.inf) is not None
    assert scene.db.rows("SELECT count(*) FROM heartbeat_log") == [(0,)]


def test_run_rolls_up_by_itself(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    path = tmp_path / ".local/state/heartbeat/heartbeat.db"
    with sqlite3.connect(path) as db:
        db.execute("UPDATE heartbeat_log SET at = at - 7200")
        db.execute("UPDATE heartbeat_pass_rows SET started = started - 7200, last_hour = last_hour - 2")
        db.execute("UPDATE heartbeat_pending SET stale = stale - 2, last_hour = last_hour - 2")
        db.execute("UPDATE heartbeat_settings SET value = '[null, 9e9]' WHERE name LIKE 'tidied/%'")
    thing.run()
    assert db.execute("SELECT count(*) > 0 FROM heartbeat_hours").fetchone() == (1,)
    db.close()


def test_counters_do_not_fall(scene: Scene) -> None:
    db = scene.db
    for n, ago in enumerate((900, 899, 1)):
        at = START - ago * DAY
        alerts.add(db, Alert(f"a{n}", "tcp_down", "high", "t", "db", at, None, "r"), ["log", "mail"], at)
        tried = Attempt(f"r{n}", None, "db", 0, "script", "heartbeat", "here", at, outcome="done")
        recoveries.save(db, tried._replace(verified=at if n else None))
    db.run("UPDATE heartbeat_outbox SET state = CASE channel WHEN 'log' THEN 'sent' ELSE 'failed' END")
    before = figures.read(db, "here", START)
    for now in (START - 169.5 * DAY, START, START):  # one goes, another one, none
        retention.prune(db, Retention(), now)
        after = figures.read(db, "here", START)
        assert (after.alerts, after.notifications, after.attempts) == (
            *(before.alerts, before.notifications, before.attempts),
        )
    assert db.rows("SELECT count(*) FROM heartbeat_alert_rows") == [(1,)]
    assert before.notifications == {("log", "sent"): 3, ("mail", "failed"): 3}
    assert before.attempts == {("done", False): 1, ("done", True): 2}


def test_metrics_shows_what_was_pruned(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    with sqlite3.connect(tmp_path / ".local/state/heartbeat/heartbeat.db") as db:
        db.execute("INSERT INTO heartbeat_forgotten VALUES ('alerts', 'tcp_down', 'high', 7)")
    assert 'heartbeat_alerts_total{severity="high",type="tcp_down"} 7' in heartbeat(tmp_path, "metrics").out
    db.close()


def test_a_store_of_before_is_rolled_up_from_its_log(store_url: str) -> None:
    db = database.connect(store_url, 10.0)
    with db.transaction():
        db.run("CREATE TABLE heartbeat_schema (version INTEGER NOT NULL)")
        db.run("INSERT INTO heartbeat_schema VALUES (1)")
        for statement in schema.MIGRATIONS[0][db.dialect]:
            db.run(dialects.render(statement, db.dialect))
    if db.dialect == "postgres":
        db.run("CREATE TABLE one_day PARTITION OF heartbeat_log FOR VALUES FROM ('2026-11-22') TO ('2026-11-23')")
    db.run("INSERT INTO heartbeat_components (key, id, kind, registered) VALUES (1, 'a', 'tcp', to_timestamp(0))")
    for n in range(3):
        at = START + 3540 + 30 * n
        db.run(
            "INSERT INTO heartbeat_passes (key, id, observer, started, finished, detected, looks) VALUES"
            " (?, ?, 'here', to_timestamp(?), to_timestamp(?), to_timestamp(?), 1)",
            (n, str(n), at, at, at),
        )
        db.run(
            "INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts)"
            " VALUES (to_timestamp(?), ?, 1, 5, 0, 1)",
            (at, n),
        )
    schema.migrate(db)
    for _ in range(2):
        (found,) = rollups.tallies(db, START, START + 7200).values()
        assert (found.counts[0], found.up_us) == (3, 210_000_000)
        assert rollups.refresh(db, math.floor(START / 3600) + 5, math.inf)
    assert hours(db) == 2
    db.close()
