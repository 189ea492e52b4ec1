"""Whole processes measured from outside: CPU, wall time and peak memory, medians of alternating runs."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

# As installed: compiled once, by the warm-up at the latest, and not anew in every run.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Cost(NamedTuple):
    """Seconds of CPU and wall time, megabytes (1e6 bytes) of peak memory."""

    cpu: float
    wall: float
    memory: float


# A process's peak memory counts what it was before exec, so the measured one is started by something small.
_LAUNCHER = """
import os, sys, time
begun = time.perf_counter()
null = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - begun
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024 / 1e6)
"""


def cost(argv: Sequence[str], codes: tuple[int, ...] = (0,)) -> Cost:
    """What one run of a program took, with everything it started and waited for."""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *argv]
    done = subprocess.run(launcher, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    code, cpu, wall, memory = done.stdout.split()
    if int(code) not in codes:
        raise RuntimeError(f"{argv}: exit {code}: {done.stderr}")
    return Cost(float(cpu), float(wall), float(memory))


def heartbeat(config: Path, *words: str) -> list[str]:
    """The installed program, as cron starts it."""
    return [str(Path(sys.executable).with_name("heartbeat")), "--config", str(config), *words]


def alternate(runs: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, Cost]:
    """The median cost of each, over rounds in which each runs once after one unmeasured warm-up."""
    seen: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            one = run()
            if number:
                seen[name].append(one)
    return {
        name: Cost(*(statistics.median(getattr(one, field) for one in many) for field in Cost._fields))
        for name, many in seen.items()
    }


def table(title: str, costs: Mapping[str, Cost], bare: str) -> None:
    """Print costs with each one's ratio to the CPU of `bare`."""
    rows = [
        (name, f"{c.cpu * 1000:.0f}", f"{c.cpu / costs[bare].cpu:.1f}", f"{c.wall * 1000:.0f}", f"{c.memory:.0f}")
        for name, c in costs.items()
    ]
    print(title)
    print(tabulate(rows, headers=["", "CPU ms", "x bare start", "wall ms", "peak MB"], disable_numparse=True))
    print()


class Row(NamedTuple):
    """One figure of a case and the most that it may be (None: it is only told). `ratio`: it is a ratio to what ran
    beside it, so that it can be compared with one of another day or machine."""

    what: str
    figure: float
    most: float | None
    ratio: bool = False

    @property
    def met(self) -> bool:
        return self.most is None or self.figure <= self.most


Rows = list[Row]


def relative(text: str, value: float, limit: float | None) -> Rows:
    """The same of a ratio to what ran beside it; None: it is only told, and compared with the recorded one."""
    return _told(Row(text, value, limit, ratio=True))


def target(text: str, value: float, limit: float) -> Rows:
    """Print a figure and whether it is at most `limit`; returns its row."""
    return _told(Row(text, float(value), limit))


def _told(row: Row) -> Rows:
    text, value, limit = row[:3]
    judged = "    " if limit is None else "met " if row.met else "MISS"
    print(f"  {judged} {text}: {value:.3g}" + ("" if limit is None else f" (target {limit:g})"))
    return [row]
