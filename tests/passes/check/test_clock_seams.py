"""A wrong clock, where other parts of heartbeat go by what it wrote."""

from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.scene import START, Scene
from tests.passes.alerting.test_suspect_clock import BAD, GOOD, HOUR, TCP, YEAR, run

UNKNOWN = Reading("unknown", None, "no permission")
_KEPT = (
    "SELECT at, component, status FROM heartbeat_log WHERE at < to_timestamp(?) ORDER BY at, component",
    "SELECT started FROM heartbeat_pass_rows WHERE started < to_timestamp(?) ORDER BY started",
    "SELECT started, declared, ended FROM heartbeat_incidents WHERE started < to_timestamp(?) ORDER BY started",
    "SELECT alert_id, alert_time FROM heartbeat_alert_rows WHERE alert_time < to_timestamp(?) ORDER BY alert_id",
    "SELECT id, created, sent FROM heartbeat_outbox WHERE created < to_timestamp(?) ORDER BY id",
    "SELECT id, at FROM heartbeat_sends WHERE at < to_timestamp(?) ORDER BY id",
)


def history(db: Database, until: float) -> list[list[tuple[object, ...]]]:
    return [db.rows(sql, (until,)) for sql in _KEPT]


def test_a_clock_that_goes_back_into_what_was_seen_leaves_that_where_it_was(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """The time it tells is one that really was, with passes, a fault and messages of its own."""
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP}, heartbeat={"locale": "en"})
    for number in range(30):
        run(scene, db=BAD if 10 <= number < 20 else GOOD)
        scene.deliver()
    for _ in range(3):  # asleep for most of each day
        scene.now += 22 * HOUR
        run(scene)
    scene.deliver()
    before = history(store, START + 10 * HOUR)
    began = scene.now
    for number in range(4):
        run(scene, at=START + (12 + number) * 60 + 7, db=BAD)
    run(scene, db=BAD)
    assert history(store, START + 10 * HOUR) == before
    assert scene.incidents["db"].started == pytest.approx(began, abs=120)
    assert store.rows("SELECT count(*) FROM heartbeat_pass_rows WHERE started >= to_timestamp(?)", (began - 1,)) == [
        (5,)
    ]
    started, declared = store.rows("SELECT started, declared FROM heartbeat_incidents WHERE ended IS NULL")[0]
    assert started == pytest.approx(began, abs=120) and declared == pytest.approx(began + 120, abs=120)


def test_since_when_it_could_not_be_checked_is_put_right_too(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP, "web": TCP}, heartbeat={"locale": "en"})
    for _ in range(3):
        run(scene)
    began = scene.now
    for _ in range(2):
        run(scene, at=scene.now - 10 * YEAR, db=UNKNOWN)
    run(scene, db=UNKNOWN)
    since = states.states(store)["db"].unknown_since
    assert since == pytest.approx(began, abs=120)
