"""A daily report over ten million stored heartbeats, PostgreSQL: 60 components at two looks a minute, 57 days.

The looks are made by the server, their rollups by the product itself, as `run` does hour by hour. Measured is what a
fresh process takes for the summary of yesterday; beside it a process that loads that day's rows and adds them up."""

import sys
import tempfile
import time
from pathlib import Path

from tests.parts.postgres import Server

from bench._measure import alternate, cost, table, target
from heartbeat_cli.domain.coverage import hour_of
from heartbeat_cli.store import rollups, schema
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.partitions import ensure_day

_ROUNDS = 5
_COMPONENTS, _STEP, _DAY = 60, 30, 86_400
_LOOKS = 10_000_000
_TODAY = 1_795_305_600  # 2026-11-22 00:00 UTC

_LOG = """
INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts)
SELECT p.started, p.key, c, CASE WHEN s.status = 3 THEN NULL
    ELSE 2000 + c * 700 + mod(abs(hashint4(p.key * 61 + c)), 1000 + c * 300) END, s.status, 1
FROM heartbeat_passes p CROSS JOIN generate_series(1, ?) c
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
FROM heartbeat_passes p WHERE p.started >= to_timestamp(?) AND p.started < to_timestamp(?)
"""
_REPORT = """
import sys
from datetime import date
from pathlib import Path
from heartbeat_cli import config
from heartbeat_cli.passes import report
from heartbeat_cli.store import schema
read = config.read(Path(sys.argv[1]))
db = schema.opened(read.store, 10.0)
made = report.report(db, read, report.period(date(2026, 11, 21), date(2026, 11, 21), "UTC"), float(sys.argv[2]))
assert made.whole.heartbeats == int(sys.argv[3]), made.whole.heartbeats
assert made.whole.response_time(0.95) and made.gauges and made.times.began
"""
_BY_ROWS = """
import sys
import psycopg2
from collections import defaultdict
with psycopg2.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT component, status, response_time FROM heartbeat_logs WHERE timestamp >= to_timestamp(%s)"
                   " AND timestamp < to_timestamp(%s)", (int(sys.argv[2]) - 86400, int(sys.argv[2])))
    counts, times = defaultdict(int), defaultdict(list)
    for component, status, took in cursor.fetchall():
        counts[component, status] += 1
        if took is not None:
            times[component].append(took)
    assert sum(counts.values()) == int(sys.argv[3])
    for values in times.values():
        values.sort()
        values[len(values) * 95 // 100]
"""


def main() -> int:
    settings = {"shared_buffers": "256MB", "work_mem": "32MB", "max_wal_size": "4GB"}
    with tempfile.TemporaryDirectory() as folder, Server(settings=settings) as server:
        dsn = server.dsn().replace("postgresql:///", "postgresql://localhost/")
        config = Path(folder) / "heartbeat.toml"
        config.write_text(_config(dsn, folder))
        db = schema.opened(dsn, 120.0)
        days = -(-_LOOKS // (_COMPONENTS * (_DAY // _STEP)))
        begun = time.monotonic()
        _generate(db, days)
        made = time.monotonic()
        assert rollups.refresh(db, hour_of(_TODAY), float("inf"))
        ((looks,),) = db.rows("SELECT count(*) FROM heartbeat_log")
        rolled = time.monotonic() - made
        print(f"{looks:,} heartbeats made in {made - begun:.0f} s, {days * 24} hours rolled up in {rolled:.0f} s")
        server.execute("VACUUM ANALYZE")
        daily = str(_COMPONENTS * _DAY // _STEP)
        python = [sys.executable, "-c"]
        runs = {
            "python -c pass": lambda: cost([*python, "pass"]),
            "figures of the daily report": lambda: cost([*python, _REPORT, str(config), str(_TODAY + 600), daily]),
            "that day's rows, added up": lambda: cost([*python, _BY_ROWS, dsn, str(_TODAY), daily]),
        }
        costs = alternate(runs, _ROUNDS)
    table("The figures of a daily report over ten million heartbeats, PostgreSQL", costs, "python -c pass")
    report, rows = costs["figures of the daily report"], costs["that day's rows, added up"]
    missed = target("seconds of the figures", report.wall, 1.0)
    missed += target("peak memory, MB", report.memory, 100)
    print(f"  of what adding up the day's rows takes: {report.wall / rows.wall:.0%}\n")
    return missed


def _config(dsn: str, folder: str) -> str:
    lines = [f'[heartbeat]\nstore = "{dsn}"\nstate_dir = "{folder}"\ntimezone = "UTC"\nobserver = "here"']
    names = [f"c{number}" for number in range(1, _COMPONENTS + 1)]
    return "\n".join(lines + [f'[components.{name}]\nkind = "tcp"\nhost = "127.0.0.1"\nport = 9' for name in names])


def _generate(db: Database, days: int) -> None:
    """Passes, looks, a host's samples and an incident every few hours, day by day, as the store keeps them."""
    start = _TODAY - days * _DAY
    db.run(
        "INSERT INTO heartbeat_components (key, id, kind, registered) SELECT c, 'c' || c,"
        " CASE WHEN c = 1 THEN 'host' ELSE 'tcp' END, to_timestamp(?) FROM generate_series(1, ?) c",
        (start, _COMPONENTS),
    )
    for day in range(start, _TODAY, _DAY):
        with db.transaction():
            ensure_day(db, day)
            db.run(
                "INSERT INTO heartbeat_passes (id, observer, started, finished, detected, looks, stale, last_hour)"
                " SELECT 'here@' || t, 'here', to_timestamp(t), to_timestamp(t + 1), to_timestamp(t + 1), ?, t / 3600,"
                " (t + 150) / 3600 FROM generate_series(CAST(? AS INTEGER), ?, ?) t",
                (_COMPONENTS, day, day + _DAY - 1, _STEP),
            )
            db.run(_LOG, (_COMPONENTS, day, day + _DAY))
            db.run(_SAMPLES, (day, day + _DAY))
            db.run(
                "INSERT INTO heartbeat_incidents"
                " (id, component, kind, severity, cause, started, declared, ended, recovery)"
                " SELECT 'c' || c || '@' || t, 'c' || c, 'tcp', 'high', 'no answer', to_timestamp(t),"
                " to_timestamp(t + 60), to_timestamp(t + 270), '' FROM (SELECT t, mod(t / 7200, 60) + 1 AS c"
                " FROM generate_series(CAST(? AS INTEGER), ?, 7200) t) of_day",
                (day, day + _DAY - 1),
            )
