"""1,000 healthy HTTP checks that are answered at once, by heartbeat and by others, each as its manual has it.

What is installed takes part: check_http (package monitoring-plugins-basic), blackbox_exporter (package
prometheus-blackbox-exporter) and Monit. The residents are measured over one round of checks, without their start.
Gatus and Uptime Kuma are in no package of Debian, and take no part."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tabulate import tabulate
from tests.parts.postgres import Server

from bench import _libcurl
from bench._http import answering
from bench._many_world import Ground, world
from bench._measure import Cost, Rows, alternate, cost, relative
from bench._peers import BLACKBOX, MONIT, NAGIOS, peers

_MANY, _ROUNDS = 1_000, 5
_BARE = "python -c pass"
_HEARTBEAT = {"SQLite": "heartbeat run, SQLite", "PostgreSQL": "heartbeat run, PostgreSQL"}
_STORED = {
    **dict.fromkeys(_HEARTBEAT.values(), "every check, its figures, states, incidents"),
    MONIT: "the newest result of each",
}
_DECIDED = {**dict.fromkeys(_HEARTBEAT.values(), "faults, recovery, messages"), MONIT: "faults, restarts, messages"}
_HEADS = ["", "CPU ms a check", "wall ms", "peak MB", "stored", "decided"]
_LIMITS = {NAGIOS: 0.5, BLACKBOX: 1.0, MONIT: None}  # times what each of them spends


def main() -> Rows:
    with tempfile.TemporaryDirectory() as name, Server() as server, answering() as url, ExitStack() as stack:
        dsn = server.dsn().replace("postgresql:///", "postgresql://localhost/")
        ground = Ground(Path(name), url, dsn)
        others, absent = peers(stack, ground.folder, url, _MANY)
        worlds = {own: world(ground, store, _MANY, mark="beside") for store, own in _HEARTBEAT.items()}
        runs = {_BARE: lambda: cost([sys.executable, "-c", "pass"]), _libcurl.NAME: _libcurl.run(f"{url}/0", _MANY)}
        runs |= {own: one.pass_ for own, one in worlds.items()}
        costs = alternate({**runs, **others}, _ROUNDS)
        for own, one in worlds.items():
            assert one.states()[("healthy", "healthy")] == _MANY, f"{own}: not everything is healthy"
    print(f"{_MANY:,} HTTP checks, healthy, answered at once")
    rows = [(who, *_figures(one), _STORED.get(who, "-"), _DECIDED.get(who, "-")) for who, one in costs.items()]
    rows += [(who, *["not installed"] * 5) for who in absent]
    print(tabulate(rows, headers=_HEADS, disable_numparse=True))
    print()
    judged = Rows()
    for who, limit in _LIMITS.items():
        for own in _HEARTBEAT.values() if who in costs else ():
            judged += relative(f"CPU, {own}, x {who}", costs[own].cpu / costs[who].cpu, limit)
    print()
    return judged


def _figures(one: Cost) -> tuple[str, ...]:
    return f"{one.cpu / _MANY * 1000:.3f}", f"{one.wall * 1000:.0f}", f"{one.memory:.0f}"
