"""What the dashboard adds to a pass of the example deployment: PostgreSQL store, a day of looks every 30 seconds and 90
days of hours behind it. A page that is due is read from the store, rendered and written; else a question is asked."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._deployment import deployment
from bench._measure import Rows, alternate, cost, heartbeat, table, target
from heartbeat_cli.store.sql import schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.partitions import ensure_day

_ROUNDS = 15
_HOUR, _DAY, _STEP = 3_600, 86_400, 30
_DAYS = 90

_HOURS = """
INSERT INTO heartbeat_hours (hour, component, healthy, degraded, unhealthy, error, unknown, attempts, flaps, answered,
    total_us, least_us, most_us, median_us, up_us, down_us, sketch)
SELECT h, c.key, 118, 0, 0, 2, 0, 120, 0, 118, 4720000, 9000, 90000, 40000, 3540000000, 60000000, '{}'
FROM generate_series(CAST(? AS INTEGER), ?) h CROSS JOIN heartbeat_components c
ON CONFLICT DO NOTHING
"""
_OBSERVER = "INSERT INTO heartbeat_observers (id) VALUES ('past')"
_PASSES = """
INSERT INTO heartbeat_pass_rows (started, number, took_us, observer, looks, last_hour)
SELECT to_timestamp(t), 0, 1000000, o.key, 9, t / 3600
FROM generate_series(CAST(? AS INTEGER), ?, ?) t CROSS JOIN heartbeat_observers o WHERE o.id = 'past'
"""
_LOOKS = """
INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts)
SELECT p.started, p.key, c.key, 9000 + mod(abs(hashint4(p.key * 61 + c.key)), 9000), 0, 1
FROM heartbeat_passes p CROSS JOIN heartbeat_components c WHERE p.observer = 'past'
"""
_SAMPLES = """
INSERT INTO heartbeat_samples (at, component, samples)
SELECT p.started, c.key, jsonb_build_array(
    jsonb_build_array('cpu_percent', 10 + mod(p.key, 50), 'gauge', jsonb_build_object()),
    jsonb_build_array('memory_used_percent', 40 + mod(p.key, 7), 'gauge', jsonb_build_object()),
    jsonb_build_array('disk_used_percent', 50, 'gauge', jsonb_build_object('mount', '/')))
FROM heartbeat_passes p CROSS JOIN heartbeat_components c WHERE p.observer = 'past' AND c.kind = 'host'
"""


def main() -> Rows:
    with tempfile.TemporaryDirectory() as folder, deployment(Path(folder)) as parts:
        page = f'{parts.config.read_text()}\n[dashboard]\nfile = "{folder}/page.html"\n'
        configs = {
            "heartbeat run, no page": parts.config.read_text(),
            "heartbeat run, page not due": f"{page}interval = 86400\n",
            "heartbeat run, page written": f"{page}interval = 0\n",
        }
        runs = {"python -c pass": lambda: cost([sys.executable, "-c", "pass"])}
        for number, (name, text) in enumerate(configs.items()):
            file = Path(folder) / f"{number}.toml"
            file.write_text(text)
            argv = heartbeat(file, "run")
            runs[name] = lambda argv=argv: cost(argv)  # type: ignore[misc]
            subprocess.run(argv, check=True)
        db = schema.open_store(parts.dsn, 120.0)
        _fill(db, int(time.time()) - 60)
        db.close()
        costs = alternate(runs, _ROUNDS)
    table("What the dashboard adds to a pass of the example deployment, PostgreSQL store", costs, "python -c pass")
    without, idle, written = (costs[name] for name in configs)
    print(f"  a page that is not due adds {(idle.cpu - without.cpu) * 1000:.0f} ms CPU")
    judged = target("CPU milliseconds that a written page adds", (written.cpu - without.cpu) * 1000, 100)
    print()
    return judged


def _fill(db: Database, now: int) -> None:
    """A day of looks before `now`, and the hours of 90 days."""
    for day in (now - _DAY, now):
        ensure_day(db, day)
    with db.transaction():
        db.run(_OBSERVER)
        db.run(_PASSES, (now - _DAY, now, _STEP))
        db.run(_LOOKS)
        db.run(_SAMPLES)
        db.run(_HOURS, (now // _HOUR - 24 * _DAYS, now // _HOUR - 1))
    db.run("ANALYZE")
