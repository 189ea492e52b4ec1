"""Several hosts on one PostgreSQL, each with 1,000 components of its own: what a pass asks of the store, how long it
waits for the others, and how that grows with their number; then retention and partitions under two years of history.

`HEARTBEAT_BENCH_HOSTS` takes the numbers of hosts (default: 1,2,5,10), `HEARTBEAT_BENCH_HOSTS_COMPONENTS` the
components of each (default: 1000). Statements and bytes are counted by a relay, and how long a pass holds the lock of
all detections is measured, one pass at a time: of ten passes on two cores, who has the lock waits for a core. All other
figures are of passes that begin at the same moment, without the relay. A cost of all hosts together counts as linear
when the exponent that fits it best is at most 1.05, and where time was measured 0.1 more.
"""

import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate
from tests.parts.postgres import Server, fresh_database
from tests.parts.postgres_wire import Relay, Traffic, relay

from bench import _hosts_years
from bench._fit import exponent
from bench._hosts_world import Seen, World, watched, world
from bench._http import answering
from bench._measure import Cost, Rows, cost, heartbeat, target

_ROUNDS, _WARM = 5, 2
_COUNTED = 3  # hosts whose statements and bytes are counted
_ALONE = 12  # passes whose time in the lock is measured: each is sampled a few times only
_LINEAR, _NOISE = 1.05, 0.1
_COMPANY = 5  # statements of a pass that other hosts cost, however many they are
_SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "100"}


class Measured(NamedTuple):
    """What so many hosts cost: traffic of a pass (mean), seconds that one by itself holds the lock (mean), costs of the
    passes by round, what the server did in all rounds."""

    hosts: int
    traffic: Traffic
    held: float
    rounds: list[list[Cost]]
    seen: Seen

    @property
    def passes(self) -> int:
        return self.hosts * len(self.rounds)

    @property
    def cpu(self) -> float:
        return sum(one.cpu for round_ in self.rounds for one in round_) / self.passes

    @property
    def wall(self) -> float:
        return statistics.median(one.wall for round_ in self.rounds for one in round_)

    @property
    def until_all_are_done(self) -> float:
        return statistics.median(max(one.wall for one in round_) for round_ in self.rounds)


def main() -> Rows:
    numbers = [int(word) for word in os.environ.get("HEARTBEAT_BENCH_HOSTS", "1,2,5,10").split(",")]
    components = int(os.environ.get("HEARTBEAT_BENCH_HOSTS_COMPONENTS", "1000"))
    found: list[Measured] = []
    judged: Rows = []
    with tempfile.TemporaryDirectory() as name, Server(settings=_SETTINGS) as server, answering() as url:
        for hosts in numbers:
            with fresh_database(server.dsn()) as dsn, relay(server.port) as counting:
                one = world(Path(name) / str(hosts), dsn, counting.port, url, hosts, components)
                found.append(_measure(server, dsn, one, counting))
                print(f"{hosts} hosts measured", flush=True)
                if hosts == numbers[-1]:
                    _table(found, components)
                    judged = _judge(found)
                    judged += _hosts_years.main(dsn, one, components)
    print()
    return judged


def _measure(server: Server, dsn: str, one: World, counting: Relay) -> Measured:
    for _ in range(_WARM):
        one.round_()
    server.execute("VACUUM ANALYZE", dsn.rpartition("/")[2].partition("?")[0])  # autovacuum is off
    traffic = [_counted(config, counting) for config in one.counted[:_COUNTED]]
    mean = Traffic(*(round(sum(some) / len(traffic)) for some in zip(*traffic, strict=True)))
    some = one.straight[:_COUNTED]
    alone = [some[number % len(some)] for number in range(_ALONE)]
    with watched(server, dsn) as by_itself:
        for config in alone:
            cost(heartbeat(config, "run"))
    with watched(server, dsn) as meanwhile:
        rounds = [one.round_() for _ in range(_ROUNDS)]
    return Measured(len(one.straight), mean, by_itself.seen.held / len(alone), rounds, meanwhile.seen)


def _counted(config: Path, counting: Relay) -> Traffic:
    for _ in range(2):  # the first pass of a configuration makes its files
        counting.taken()
        cost(heartbeat(config, "run"))
    return counting.taken()


# Of a round of all hosts: what it is called, its figure, and whether it is a time.
_GROWTH: tuple[tuple[str, Callable[[Measured], float], bool], ...] = (
    ("bytes to the server", lambda one: one.hosts * one.traffic.sent, False),
    ("bytes from the server", lambda one: one.hosts * one.traffic.received, False),
    ("CPU of the passes", lambda one: one.hosts * one.cpu, True),
    ("CPU of the server", lambda one: one.seen.cpu, True),
    ("time that the lock is held", lambda one: one.hosts * one.held, True),
    ("time until all are done", lambda one: one.until_all_are_done, True),
)


def _table(found: list[Measured], components: int) -> None:
    print(f"A pass on PostgreSQL, {components:,} components each host, all hosts at once")
    rows = [
        (
            one.hosts,
            one.traffic.statements,
            f"{one.traffic.sent / 1e3:.0f}",
            f"{one.traffic.received / 1e3:.0f}",
            f"{one.cpu * 1e3:.0f}",
            f"{one.seen.cpu / one.passes * 1e3:.0f}",
            f"{one.held * 1e3:.0f}",
            *(f"{figure / one.passes * 1e3:.0f}" for figure in (one.seen.turns, one.seen.rows)),
            f"{one.wall * 1e3:.0f}",
            f"{one.until_all_are_done * 1e3:.0f}",
        )
        for one in found
    ]
    headers = ["hosts", "statements", "kB sent", "kB received", "CPU ms", "server's CPU ms", "lock held ms"]
    headers += ["waited for it ms", "waited for rows ms", "wall ms", "all done ms"]
    print(tabulate(rows, headers=headers, disable_numparse=True), end="\n\n", flush=True)


def _judge(found: list[Measured]) -> Rows:
    judged: Rows = []
    if len(found) < 2:
        return judged
    for name, figure, timed in _GROWTH:
        grown = exponent({one.hosts: figure(one) for one in found})
        judged += target(f"exponent by hosts, {name}", grown, _LINEAR + _NOISE * timed)
    company = max(one.traffic.statements for one in found) - found[0].traffic.statements
    judged += target("statements of a pass, more than on the fewest hosts", company, _COMPANY)
    waits = sum(one.seen.rows / one.passes for one in found)
    return judged + target("seconds that a pass waited for rows of others", waits, 0.001)
