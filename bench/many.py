"""Many HTTP components, all healthy, on both stores: what each costs, in a whole `check` and a whole `run`.

Beside them a bare start of Python, and the same verbs with one component, so that what each further one costs is the
difference. `HEARTBEAT_BENCH_MANY` takes the numbers, as in `100,1000,10000` (default: 1000)."""

import os
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate
from tests.parts.postgres import Server

from bench._http import answering
from bench._measure import Cost, alternate, cost, target

_ROUNDS = 5
_BARE = "python -c pass"
_PER_COMPONENT = 0.0006  # seconds of CPU
_VERBS = {"check": ("check", "--all", "--format", "json"), "run": ("run",)}


def main() -> int:
    numbers = [int(word) for word in os.environ.get("HEARTBEAT_BENCH_MANY", "1000").split(",")]
    with tempfile.TemporaryDirectory() as folder, Server() as server, answering() as url:
        dsn = server.dsn().replace("postgresql:///", "postgresql://localhost/")
        runs = {_BARE: lambda: cost([sys.executable, "-c", "pass"])}
        for store in ("sqlite", "postgres"):
            for number in (1, *numbers):
                config = _config(Path(folder), store, dsn, url, number)
                for verb, words in _VERBS.items():
                    argv = [sys.executable, "-m", "heartbeat_cli", "--config", config, *words]
                    runs[f"{verb}, {number}, {store}"] = lambda argv=argv: cost(argv)
        costs = alternate(runs, _ROUNDS)
    _table(costs)
    missed = 0
    for name, one in costs.items():
        verb, number, store = name.split(", ") if ", " in name else (name, "1", "")
        if verb == "run" and number != "1":
            each = (one.cpu - costs[f"run, 1, {store}"].cpu) / (int(number) - 1)
            missed += target(f"CPU ms a component, {name}", each * 1000, _PER_COMPONENT * 1000)
    print()
    return missed


def _table(costs: dict[str, Cost]) -> None:
    rows = []
    for name, one in costs.items():
        number = int(name.split(", ")[1]) if ", " in name else 1
        each = f"{one.cpu / number * 1000:.2f}" if number > 1 else ""
        ratio = one.cpu / costs[_BARE].cpu
        rows.append(
            (name, f"{one.cpu * 1000:.0f}", f"{ratio:.1f}", each, f"{one.wall * 1000:.0f}", f"{one.memory:.0f}")
        )
    print("Many HTTP components, healthy, answers at once")
    headers = ["", "CPU ms", "x bare start", "CPU ms each", "wall ms", "peak MB"]
    print(tabulate(rows, headers=headers, disable_numparse=True), end="\n\n")


def _config(folder: Path, store: str, dsn: str, url: str, number: int) -> str:
    """A configuration of its own, and in PostgreSQL a schema of its own."""
    name = f"{store}{number}"
    where = f"sqlite:///{folder}/{name}.db"
    if store == "postgres":
        import psycopg2

        with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {name}")
        connection.close()
        where = f"{dsn}{'&' if '?' in dsn else '?'}options=-csearch_path%3D{name}"
    blocks = [f'[heartbeat]\nstore = "{where}"\nstate_dir = "{folder}/{name}"']
    blocks += [
        f'[components.c{n}]\nkind = "agent"\nurl = "{url}/c{n}"\ninterval = 0.01\nrecovery = "off"'
        for n in range(number)
    ]
    path = folder / f"{name}.toml"
    path.write_text("\n\n".join(blocks))
    return str(path)
