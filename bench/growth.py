"""What a heartbeat takes in the store, and what the years cost: bytes under two deployments and both stores; a whole
`run` on an empty store, on ones with many days, and on ten million heartbeats; reports and the dashboard on those.

Everything is written by the product itself, but for the ten million, which the server makes (`_history`). SQLite tells
what each table takes only where it was built to (`dbstat`)."""

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tabulate import tabulate
from tests.parts.lived import Life, live, sizes
from tests.parts.postgres import Server, fresh_database

from bench import _history
from bench._measure import Cost, Rows, alternate, cost, heartbeat, relative, table, target
from heartbeat_cli.config.sections import Retention
from heartbeat_cli.store.sql import schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.partitions import PARTITIONED, ensure_day

_ROUNDS = 9
_DAY = 86_400
_BYTES = 69
_LIVES = {
    "8 at 15 s": (Life(8, 15, hosts=1), 5_760),
    "8 at 15 s, 5 % failing": (Life(8, 15, failing=20, hosts=1), 5_760),
    "1,000 at 60 s": (Life(1_000, 60, hosts=20), 180),
}
_DAYS = (90, 400)
_REPORT = """
import sys
from datetime import date
from pathlib import Path
from heartbeat_cli.config import load as config
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.sql import schema
read = config.read(Path(sys.argv[1]))
db = schema.open_store(read.store, 10.0)
day = date.fromisoformat(sys.argv[2])
made = report.report(db, read, report.period(day, day, "UTC"), float(sys.argv[3]))
assert made.whole.heartbeats == int(sys.argv[4]), made.whole.heartbeats
assert made.whole.response_time(0.95) and made.gauges and made.times.began
"""
_BY_ROWS = """
import sys
import psycopg2
from collections import defaultdict
with psycopg2.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT component, status, response_time FROM heartbeat_logs WHERE timestamp >= %s::timestamptz"
                   " AND timestamp < %s::timestamptz + interval '1 day'", (sys.argv[2] + " 00:00+00",) * 2)
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


def main() -> Rows:
    judged: Rows = []
    with tempfile.TemporaryDirectory() as name, Server(settings=_history.SETTINGS) as server:
        folder = Path(name)
        judged += _bytes(folder, server)
        with ExitStack() as stack:
            port = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=4_096))).getsockname()[1]
            judged += _years(folder, server, port, stack)
    return judged


def _bytes(folder: Path, server: Server) -> Rows:
    rows, judged = [], Rows()
    for store in ("PostgreSQL", "SQLite"):
        for name, (life, number) in _LIVES.items():
            with _opened(folder, server, store) as db:
                live(db, life, 0, number // 4)
                first = sizes(db)
                live(db, life, number // 4, number)
                row = _row(life, _each(first, sizes(db), life, number))
            rows.append((f"{store}, {name}", *(f"{value:,.1f}" for value in row)))
            if store == "PostgreSQL" and not life.failing:
                judged += target(f"bytes a heartbeat with its share of the pass, {name}", row[1], _BYTES)
                judged += target(f"MB a day, samples and hours too, {name}", row[4], 100)
    print("\nBytes a heartbeat, indexes included, and what that comes to")
    headers = [
        "",
        "in the log",
        "with its pass",
        "hours of it",
        "host's samples",
        "MB a day",
        "MB in 30 days",
        "MB kept",
    ]
    print(tabulate(rows, headers=headers, disable_numparse=True), end="\n\n")
    return judged


def _each(first: dict[str, int], last: dict[str, int], life: Life, number: int) -> dict[str, float]:
    """Bytes by table: a table cut into days begins anew every day, and counts whole; of others counts what they grow by
    from the first quarter of the passes on."""
    looks = life.components * number
    grown = {table: (size - first[table]) / (looks - looks // 4) for table, size in last.items()}
    return grown | {table: last[table] / looks for table in PARTITIONED}


def _row(life: Life, each: dict[str, float]) -> tuple[float, ...]:
    """Bytes of a heartbeat: the log alone, with pass rows, the hours over it; of a host's look, its samples; MB a day,
    in 30 days, and under the default retention."""
    keep = Retention()
    log = each["heartbeat_log"]
    looks = log + each["heartbeat_pass_rows"]
    hours = each["heartbeat_hours"] + each["heartbeat_hour_gauges"]
    samples = each["heartbeat_samples"]
    daily = [one * life.daily / 1e6 for one in (looks, hours, samples)]
    kept = (keep.heartbeats_days, keep.rollups_days, keep.metrics_days)
    a_host = samples * life.components / life.hosts
    return (
        log,
        looks,
        hours,
        a_host,
        sum(daily),
        30 * sum(daily),
        sum(a * b for a, b in zip(daily, kept, strict=True)),
    )


@contextmanager
def _opened(folder: Path, server: Server, store: str) -> Iterator[Database]:
    with ExitStack() as stack:
        if store == "SQLite":
            url = f"sqlite:///{folder}/{time.monotonic_ns()}.db"
        else:
            url = stack.enter_context(fresh_database(server.dsn()))
        yield stack.enter_context(closing(schema.open_store(url, 300.0)))


def _years(folder: Path, server: Server, port: int, stack: ExitStack) -> Rows:
    now = int(time.time()) // _history.STEP * _history.STEP
    configs = {}
    for name, days in (("empty", 1), *((f"{days} days", days) for days in _DAYS), ("10 million", 0)):
        dsn = stack.enter_context(fresh_database(server.dsn()))
        configs[name] = _history.config(folder / name.replace(" ", ""), dsn, port)
        with closing(schema.open_store(dsn, 600.0)) as db:
            if days:
                for day in range(days):
                    ensure_day(db, now - day * _DAY)
            else:
                _history.fill(db, now)
    yesterday = datetime.fromtimestamp(now - _DAY, UTC).strftime("%Y-%m-%d")
    runs = {"python -c pass": lambda: cost([sys.executable, "-c", "pass"])}
    for name, config in configs.items():
        runs[f"run, {name}"] = lambda config=config: cost(heartbeat(config, "run"))  # type: ignore[misc]
    costs = alternate(runs, _ROUNDS)
    table(f"A whole run of {_history.COMPONENTS} ports, PostgreSQL", costs, "python -c pass")
    ratio = {name: costs[f"run, {name}"].cpu / costs["run, empty"].cpu for name in configs}
    wall = {name: costs[f"run, {name}"].wall / costs["run, empty"].wall for name in configs}
    judged = relative("CPU of a run with ten million heartbeats, of an empty store's", ratio["10 million"], 1.1)
    judged += relative("wall time of the same", wall["10 million"], 1.1)
    print("  " + ", ".join(f"{name}: CPU {ratio[name]:.2f}, wall {wall[name]:.2f}" for name in configs), end="\n\n")
    return judged + _reading(folder, configs["10 million"], dsn, yesterday, now)


def _reading(folder: Path, config: Path, dsn: str, day: str, now: int) -> Rows:
    daily = str(_history.COMPONENTS * _DAY // _history.STEP)
    python = [sys.executable, "-c"]
    runs = {
        "python -c pass": lambda: cost([*python, "pass"]),
        "figures of the daily report": lambda: cost([*python, _REPORT, str(config), day, str(now), daily]),
        "that day's rows, added up": lambda: cost([*python, _BY_ROWS, dsn, day, daily]),
        "report --date": lambda: cost(heartbeat(config, "report", "--date", day)),
        "dashboard": lambda: cost(heartbeat(config, "dashboard", "-o", f"{folder}/page.html")),
        "status": lambda: cost(heartbeat(config, "status"), (0, 1)),
    }
    costs: dict[str, Cost] = alternate(runs, _ROUNDS // 2)
    table("Reading a store of ten million heartbeats, PostgreSQL", costs, "python -c pass")
    judged: Rows = []
    for name in ("report --date", "dashboard"):
        judged += target(f"seconds of {name}", costs[name].wall, 1.0)
        judged += target(f"peak memory of {name}, MB", costs[name].memory, 100)
    print()
    return judged
