"""A store of before is taken along: its passes become narrow rows and keep their names, whatever waits still waits."""

import json
import math
from pathlib import Path

from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.store.history import passes, rollups
from heartbeat_cli.store.sql import database, dialects, schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.partitions import ensure_day
from heartbeat_cli.store.standby import spool
from tests.parts.lived import START, Life, live
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores

_VERSION = 4
COMPONENTS = {"c0": Component("c0", "tcp", None)}
_ROWS = (  # observer, seconds after START, process, took, detected
    ("agents-01", 10.000001, 4_194_303, 0.25, True),
    ("agents-01", 40.5, 17, 1.5, True),
    ("it-s.here", 40.5, 17, 0.0, True),
    ("agents-01", 3_700.25, 18, 2.0, False),
)


def of_before(db: Database) -> list[tuple[str, str, float, float]]:
    """A store as version 4 left it, with four passes; their id, observer, start and end."""
    written = []
    with db.transaction():
        db.run("CREATE TABLE heartbeat_schema (version INTEGER NOT NULL)")
        db.run("INSERT INTO heartbeat_schema VALUES (?)", (_VERSION,))
        for migration in schema.MIGRATIONS[:_VERSION]:
            for statement in migration[db.dialect]:
                db.run(dialects.render(statement, db.dialect))
    with db.transaction():
        ensure_day(db, START)
    db.run("INSERT INTO heartbeat_components (key, id, kind, registered) VALUES (1, 'c0', 'tcp', to_timestamp(0))")
    for key, (observer, after, process, took, detected) in enumerate(_ROWS, 7):
        at, hour = START + after, math.floor((START + after) / 3600)
        id_ = f"{observer}@{round(at * 1000)}-{process}"
        db.run(
            "INSERT INTO heartbeat_passes (key, id, observer, started, finished, detected, looks, stale, last_hour)"
            " VALUES (?, ?, ?, to_timestamp(?), to_timestamp(?), to_timestamp(?), 1, ?, ?)",
            (key, id_, observer, at, at + took, at + took if detected else None, hour, hour),
        )
        db.run(
            "INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts)"
            " VALUES (to_timestamp(?), ?, 1, 5, 0, 1)",
            (at, key),
        )
        written.append((id_, observer, at, at + took))
    metrics = '[["disk_used_percent", 1.5, "gauge", {"mount": "/"}]]'
    db.run("INSERT INTO heartbeat_samples (at, component, samples) VALUES (to_timestamp(?), 1, ?)", (START, metrics))
    db.run(
        "INSERT INTO heartbeat_hours (hour, component, healthy, degraded, unhealthy, error, unknown, attempts, flaps,"
        " answered, total_us, up_us, down_us, sketch) VALUES (1, 1, 7, 0, 0, 0, 0, 7, 0, 7, 21, 0, 0, ?)",
        ('{"3": 2, "130": 5}',),
    )
    return written


def test_passes_of_before_keep_what_they_are(store_url: str) -> None:
    db = database.connect(store_url, 10.0)
    written = of_before(db)
    schema.migrate(db)
    assert db.rows("SELECT id, observer, started, finished FROM heartbeat_passes ORDER BY key") == written
    assert db.rows("SELECT pass, observer FROM heartbeat_logs ORDER BY timestamp, observer") == [
        (id_, observer) for id_, observer, *_ in written
    ]
    (waiting,) = passes.undetected(db, "agents-01")
    assert (waiting.key, waiting.started, len(waiting.heartbeats)) == (10, START + 3_700.25, 1)
    assert db.rows("SELECT count(*) FROM heartbeat_pending WHERE stale IS NOT NULL") == [(4,)]
    live(db, Life(1, 60), 120, 121)
    assert db.rows("SELECT max(key) FROM heartbeat_pass_rows")[0][0] >= 11, "the keys go on"
    passes.mark_detected(db, [waiting.key])
    assert rollups.refresh(db, math.floor(START / 3600) + 5, math.inf)
    assert db.rows("SELECT sum(healthy) FROM heartbeat_hours") == [(12,)]
    assert db.rows("SELECT count(*) FROM heartbeat_pending") == [(0,)]
    db.close()


def test_metrics_and_hours_of_before_are_read_as_ever(store_url: str) -> None:
    db = database.connect(store_url, 10.0)
    of_before(db)
    schema.migrate(db)
    ((name, value, component, metadata),) = db.rows(
        "SELECT metric_name, metric_value, component, metadata FROM system_metrics"
    )
    assert (name, value, component) == ("disk_used_percent", 1.5, "c0")
    assert (json.loads(metadata) if isinstance(metadata, str) else metadata) == {"mount": "/"}
    (found,) = rollups.tallies(db, 3_600.0, 7_200.0).values()
    assert (found.counts[0], dict(found.sketch)) == (7, {3: 2, 130: 5})
    db.close()


def test_a_pass_is_kept_once_over_the_change(store_url: str) -> None:
    """Its first try came through although the answer got lost; now it is tried again, by the new version."""
    db = database.connect(store_url, 10.0)
    written = of_before(db)
    schema.migrate(db)
    for id_, observer, started, ended in written:
        done = passes.Pass(id_, observer, started, ended)
        passes.save(db, done, {"c0": Reading("error")}, COMPONENTS)
    assert (
        db.rows("SELECT count(*) FROM heartbeat_pass_rows") == db.rows("SELECT count(*) FROM heartbeat_log") == [(4,)]
    )
    db.close()


def test_a_spool_of_before_is_replayed_once(store_url: str, tmp_path: Path) -> None:
    """The store had taken its first pass before it went away; both were made by the version before."""
    db = database.connect(store_url, 10.0)
    of_before(db)
    kept = database.SQLite(tmp_path / "spool.db", 10.0)
    of_before(kept)
    kept.run("UPDATE heartbeat_passes SET started = started + 0.25, id = id || '1' WHERE key = 10")
    kept.run("UPDATE heartbeat_log SET at = at + 0.25 WHERE pass = 10")
    kept.run("CREATE TABLE heartbeat_seed (copy TEXT NOT NULL)")
    kept.run("INSERT INTO heartbeat_seed VALUES ('{}')")
    for one in (db, kept):
        schema.migrate(one)
    spool.save_degraded(kept, Degraded("d", "agents-01", START, "it was away"))
    for _ in range(2):
        for _ in spool.replay(kept, db, "agents-01", START + 9_000):
            pass
    assert db.rows("SELECT count(*) FROM heartbeat_logs") == [(5,)]
    assert [one.started for one in passes.undetected(db, "agents-01")] == [START + 3_700.25, START + 3_700.5]
    kept.close()
    db.close()
