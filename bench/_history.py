"""A store with a long past, made by the server: `COMPONENTS` components looked at every `STEP` seconds for many days.

The rollups over it are made by the product itself, hour by hour, as `run` makes them."""

import time
from pathlib import Path

from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.store.history import rollups
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.partitions import ensure_day

COMPONENTS, STEP, DAY = 60, 30, 86_400
LOOKS = 10_000_000
OBSERVER = "here"
DAYS = -(-LOOKS // (COMPONENTS * (DAY // STEP)))
# The newest rows are what a busy server holds in memory anyway, and no more.
SETTINGS = {"shared_buffers": "256MB", "work_mem": "32MB", "max_wal_size": "4GB"}

_PASSES = """
INSERT INTO heartbeat_pass_rows (started, number, took_us, observer, looks, last_hour)
SELECT to_timestamp(t), 4321, 1000000, 1, ?, (t + 150) / 3600 FROM generate_series(CAST(? AS INTEGER), ?, ?) t
"""
_PENDING = """
INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)
SELECT key, observer, TRUE, CAST(floor(EXTRACT(EPOCH FROM started) / 3600) AS INTEGER), last_hour
FROM heartbeat_pass_rows WHERE started >= to_timestamp(?) AND started < to_timestamp(?)
"""
_LOG = """
INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts)
SELECT p.started, p.key, c, CASE WHEN s.status = 3 THEN NULL
    ELSE 2000 + c * 700 + mod(abs(hashint4(p.key * 61 + c)), 1000 + c * 300) END, s.status, 1
FROM heartbeat_pass_rows p CROSS JOIN generate_series(1, ?) c
CROSS JOIN LATERAL (SELECT CASE WHEN mod(p.key + c * 997, 5000) < 9 THEN 3
    WHEN mod(p.key + c, 400) = 0 THEN 1 ELSE 0 END AS status) s
WHERE p.started >= to_timestamp(?) AND p.started < to_timestamp(?)
"""
_SAMPLES = """
INSERT INTO heartbeat_samples (at, component, samples)
SELECT p.started, 1, jsonb_build_array(
    jsonb_build_array('cpu_percent', 10 + mod(p.key, 50), 'gauge', jsonb_build_object()),
    jsonb_build_array('memory_used_percent', 40 + mod(p.key, 7), 'gauge', jsonb_build_object()),
    jsonb_build_array('disk_used_percent', 50 + p.key / 20000.0, 'gauge', jsonb_build_object('mount', '/')))
FROM heartbeat_pass_rows p WHERE p.started >= to_timestamp(?) AND p.started < to_timestamp(?)
"""
_INCIDENTS = """
INSERT INTO heartbeat_incidents (id, component, kind, severity, cause, started, declared, ended, recovery)
SELECT 'c' || c || '@' || t, 'c' || c, 'tcp', 'high', 'no answer', to_timestamp(t), to_timestamp(t + 60),
    to_timestamp(t + 270), '' FROM (SELECT t, mod(t / 7200, 60) + 1 AS c
    FROM generate_series(CAST(? AS INTEGER), ?, 7200) t) of_day
"""


def config(folder: Path, dsn: str, port: int = 9) -> Path:
    """A configuration of all the components (each a port that is asked for each time), reporting in UTC."""
    lines = [f'[heartbeat]\nstore = "{dsn}"\nstate_dir = "{folder}/state"\ntimezone = "UTC"\nobserver = "{OBSERVER}"']
    lines += [
        f'[components.c{number}]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\ninterval = 0.01'
        for number in range(1, COMPONENTS + 1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "heartbeat.toml"
    path.write_text("\n".join(lines))
    return path


def fill(db: Database, end: int, days: int = DAYS) -> None:
    """The days before moment `end` (epoch seconds), all that a store keeps of them, and print how many and how fast."""
    begun = time.monotonic()
    start = end - days * DAY
    db.run("INSERT INTO heartbeat_observers (key, id) VALUES (1, ?)", (OBSERVER,))
    db.run(
        "INSERT INTO heartbeat_components (key, id, kind, registered) SELECT c, 'c' || c,"
        " CASE WHEN c = 1 THEN 'host' ELSE 'tcp' END, to_timestamp(?)"
        " FROM generate_series(1, ?) c",
        (start, COMPONENTS),
    )
    rolling = 0.0
    for day in range(start, end, DAY):
        until = min(day + DAY, end)
        _fill_day(db, day, until)
        made = time.monotonic()
        assert rollups.refresh(db, hour_of(until), float("inf"))
        db.run("VACUUM heartbeat_pending")  # as autovacuum does, which is off here
        rolling += time.monotonic() - made
    for table, column in (("observers", "key"), ("components", "key")):
        db.rows(
            f"SELECT setval(pg_get_serial_sequence('heartbeat_{table}', '{column}'), (SELECT max({column})"
            f" FROM heartbeat_{table}))"
        )
    took = time.monotonic() - begun - rolling
    db.run("VACUUM ANALYZE")
    ((looks,),) = db.rows("SELECT count(*) FROM heartbeat_log")
    hours = (end - start) // 3600
    print(f"{looks:,} heartbeats made in {took:.0f} s, {hours:,} hours rolled up in {rolling:.0f} s")


def _fill_day(db: Database, start: int, end: int) -> None:
    with db.transaction():
        for moment in (start, end - 1):  # a day from `start` on lies in two days of the calendar
            ensure_day(db, moment)
        db.run(_PASSES, (COMPONENTS, start, end - 1, STEP))
        db.run(_PENDING, (start, end))
        db.run(_LOG, (COMPONENTS, start, end))
        db.run(_SAMPLES, (start, end))
        db.run(_INCIDENTS, (start, end - 1))
