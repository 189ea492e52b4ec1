"""Retention, partitions and roll-ups of `hosts`, with two years of history that the server makes."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from bench._hosts_world import World
from bench._measure import Cost, Rows, target
from heartbeat_cli.store.sql import schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.identity import TIDIED
from heartbeat_cli.store.sql.partitions import ensure_day

_DAYS, _DAY, _HOUR = 730, 86_400, 3_600
_STEP = 60  # seconds between passes of the hour that is rolled up
_KEPT, _HOURS_KEPT = 90, 400  # days: the defaults of [retention]
_BEYOND, _ROLLED = 1.5, 8.0  # seconds that pruning may take of a pass, and rolling up an hour of ten thousand
_NUMBER = 4_321  # the process of a pass that was made here

_PASSES = f"""
INSERT INTO heartbeat_pass_rows (started, number, took_us, observer, looks, last_hour)
SELECT to_timestamp(t), {_NUMBER}, 1000000, o.key, ?, t / 3600
FROM generate_series(CAST(? AS INTEGER), ?, ?) t, heartbeat_observers o
"""
_LOG = f"""
INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts)
SELECT p.started, p.key, c.key, 2000 + mod(abs(hashint4(p.key * 61 + c.key)), 90000), 0, 1
FROM heartbeat_pass_rows p JOIN heartbeat_observers o ON o.key = p.observer
JOIN heartbeat_components c ON c.id LIKE replace(o.id, 'host', 'h') || ?
WHERE p.started >= to_timestamp(?) AND p.started < to_timestamp(?) AND p.number = {_NUMBER}
"""
_PENDING = f"""
INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)
SELECT key, observer, TRUE, last_hour, last_hour FROM heartbeat_pass_rows
WHERE started >= to_timestamp(?) AND started < to_timestamp(?) AND number = {_NUMBER}
"""
_HOURS = """
INSERT INTO heartbeat_hours (hour, component, healthy, degraded, unhealthy, error, unknown, attempts, flaps, answered,
    total_us, least_us, most_us, median_us, up_us, down_us, sketch)
SELECT h, c.key, 60, 0, 0, 0, 0, 60, 0, 60, 3000000, 2000, 92000, 50000, 3600000000, 0,
    '{"120":9,"140":14,"160":20,"180":12,"200":5}'
FROM generate_series(CAST(? AS INTEGER), ?, ?) h, heartbeat_components c
"""
_SETTING = """
INSERT INTO heartbeat_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


def main(dsn: str, world: World, components: int) -> Rows:
    """Fill the store of the world, and measure rounds in which one host tidies; returns each figure with its target."""
    now = int(time.time())
    with _opened(dsn) as db:
        _fill(db, now, components)
        usual = [_round(db, world, None) for _ in range(3)][-1]
        costs = {"nothing to tidy": usual}
        first = _round(db, world, prune=True)
        costs["first of several passes that drop 640 days"] = first
        passes = 1
        while _days(db) > _KEPT + 2 and passes < 20:
            _round(db, world, prune=True)
            passes += 1
        _one_more_day(db, now, components)
        costs["a day more is pruned"] = _round(db, world, prune=True)
        left = _days(db) - _KEPT - 2
        _hour(db, now, components)
        costs["an hour of all is rolled up"] = _round(db, world, prune=False)
        ((stale,),) = db.rows("SELECT count(*) FROM heartbeat_pending WHERE stale < ?", (now // _HOUR,))
    return _judge(costs, usual, left, passes, stale)


def _judge(costs: dict[str, list[Cost]], usual: list[Cost], left: int, passes: int, stale: int) -> Rows:
    print(
        f"\n{len(usual)} hosts at once, two years of history: seconds of the host that tidies, and of the slowest other"
    )
    judged: Rows = []
    for name, some in costs.items():
        limit = _ROLLED if "rolled up" in name else _BEYOND
        others = max((one.wall for one in some[1:]), default=0.0)
        print(f"  {name}: {some[0].wall:.2f} s, {others:.2f} s; peak {some[0].memory:.0f} MB")
        judged += target(f"seconds more than usual, {name}", some[0].wall - usual[0].wall, limit)
    judged += target("passes until 640 days are dropped", passes, 10)
    return judged + target("days too many and hours that are not rolled up", max(0, left) + stale, 0)


@contextmanager
def _opened(dsn: str) -> Iterator[Database]:
    with closing(schema.open_store(dsn, 600.0)) as db:
        yield db


def _round(db: Database, world: World, prune: bool | None) -> list[Cost]:
    """A pass of every host; the first one prunes (True), rolls up (False), or has nothing to tidy (None)."""
    hour = int(time.time()) // _HOUR
    if prune is not None:
        value = json.dumps([hour - 1, 0.0 if prune else time.time() + _DAY])
        db.run(_SETTING, (f"{TIDIED}host0", value))
    return world.round_()


def _fill(db: Database, now: int, components: int) -> None:
    """A pass of every host each day for two years, and the hours of one in ten of those days."""
    begun = time.monotonic()
    for ago in range(_DAYS, 0, -1):
        at = (now // _DAY - ago) * _DAY
        with db.transaction():
            ensure_day(db, at)
            db.run(_PASSES, (components, at, at, 1))
            db.run(_LOG, ("-%", at, at + _DAY))
            if ago % 10 == 0:
                db.run(_HOURS, (at // _HOUR, at // _HOUR, 1))
    db.run("VACUUM ANALYZE")
    ((checks,),) = db.rows("SELECT count(*) FROM heartbeat_log")
    ((hours,),) = db.rows("SELECT count(*) FROM heartbeat_hours")
    print(f"{checks:,} checks on {_DAYS} days and {hours:,} hours made in {time.monotonic() - begun:.0f} s", flush=True)


def _one_more_day(db: Database, now: int, components: int) -> None:
    """What a day leaves to retention: its partition, its passes, and the hours of the day before `rollups_days`."""
    at = (now // _DAY - _KEPT - 1) * _DAY
    with db.transaction():
        ensure_day(db, at)
        db.run(_PASSES, (components, at, at + _DAY - 1, _STEP))
        first = (now // _DAY - _HOURS_KEPT - 1) * 24
        db.run("DELETE FROM heartbeat_hours WHERE hour >= ? AND hour < ?", (first, first + 24))
        db.run(_HOURS, (first, first + 23, 1))


def _hour(db: Database, now: int, components: int) -> None:
    """The last hour, with a pass of every host each minute that no roll-up includes yet."""
    at = (now // _HOUR - 1) * _HOUR
    with db.transaction():
        ensure_day(db, at)
        db.run(_PASSES, (components, at, at + _HOUR - 1, _STEP))
        db.run(_LOG, ("-%", at, at + _HOUR))
        db.run(_PENDING, (at, at + _HOUR))
    db.run("ANALYZE")


def _days(db: Database) -> int:
    return int(db.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = CAST('heartbeat_log' AS regclass)")[0][0])
