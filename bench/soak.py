"""Two thousand passes back to back, with faults in what is watched, in who is told, and in the store itself: nothing
grows (time, memory, files, connections, locks, tables that hold what is now), and everything is told of, once.

Each pass is a process, thirty seconds after the one before by its own clock; twice the host is asleep for a day, so
that rollups, retention and midnights are crossed. Compared are the passes in which nothing happened, by fifths of the
run; CPU and wall time are in units of the same pass of a twin that never grows old, made beside them, because a
machine is not always as fast.
$HEARTBEAT_BENCH_SOAK says how many passes (2,000; a quarter of that on SQLite)."""

import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from bench._measure import Rows, target
from bench._soak_left import BOUNDED, STEADY, Left, Size
from bench._soak_run import Pass, Soak, soak
from bench._soak_script import STEP

_PASSES, _LEAST = 2_000, 100
_GROWTH = 10.0  # percent
_NEAR = 100  # passes: how far away a yardstick may be
_POINTS = 400  # of a slope, evenly chosen


_TABLES = ["table", "rows, first fifth", "at the end", "MB, first fifth", "at the end", "dead rows, most"]


class Line(NamedTuple):
    """A figure by fifths: medians of the first and last one; percent of growth between them, and over the whole run
    along the median slope of all pairs (Theil and Sen)."""

    name: str
    first: float
    last: float
    growth: float
    slope: float


def main() -> Rows:
    passes = int(os.environ.get("HEARTBEAT_BENCH_SOAK", _PASSES))
    judged: Rows = []
    for store, many in (("postgres", passes), ("sqlite", max(_LEAST, passes // 4))):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            lived = soak(Path(folder), store, many, seed=1)
            judged += shown(store, lived, time.monotonic() - begun)
    return judged


def shown(store: str, lived: Soak, took: float) -> Rows:
    """Print what came of one, and its targets."""
    name = {"postgres": "PostgreSQL", "sqlite": "SQLite"}[store]
    hours = lived.script.seconds(lived.script.passes) / 3_600
    print(f"{len(lived.passes):,} passes on {name} in {took:.0f} s, {hours:.0f} hours by their own clock")
    print(tabulate(_happened(lived), disable_numparse=True))
    lines = costs(lived)
    rows = [(one.name, *(f"{x:.4g}" for x in one[1:3]), f"{one.growth:+.1f}", f"{one.slope:+.1f}") for one in lines]
    heads = ["passes in which nothing happened", "first fifth", "last fifth", "growth %", "along the slope %"]
    print(tabulate(rows, headers=heads, disable_numparse=True))
    print(tabulate(_left(lived), headers=["", "first fifth", "last fifth", "all"], disable_numparse=True))
    print(tabulate(_tables(lived), headers=_TABLES))
    print(*lived.failed, *lived.verdict.wrong, sep="\n")
    judged = _targets(lived, {one.name: one for one in lines})
    print()
    return judged


# --- what it cost ---


def plain(lived: Soak) -> list[Pass]:
    """The passes that compare: nothing happened in them, no page was drawn, no hour was over."""
    second = lived.script.seconds
    return [
        one
        for one in lived.passes
        if one.plain and not one.drew and second(one.number) // 3_600 == (second(one.number) - STEP) // 3_600
    ]


def costs(lived: Soak) -> list[Line]:
    """CPU, wall time, memory, and what else is counted in each."""
    quiet = plain(lived)
    drawn = [one for one in lived.passes if one.calm and one.drew]

    def per(which: int, value: Callable[[Pass], float]) -> Callable[[Pass], float]:
        return lambda one: value(one) / _yardstick(lived, one.number, which)

    def line(name: str, value: Callable[[Pass], float], passes: Sequence[Pass] = quiet) -> Line:
        return _line(name, [(one.number, value(one)) for one in passes], lived.script.passes)

    return [
        line("CPU, ms", lambda one: one.run.cpu * 1_000),
        line("CPU, x the twin's", per(0, lambda one: one.run.cpu)),
        line("wall, ms", lambda one: one.run.wall * 1_000),
        line("wall, x the twin's", per(1, lambda one: one.run.wall)),
        line("peak memory, MB", lambda one: one.run.memory),
        line("open files, most", lambda one: one.run.files),
        line("threads, most", lambda one: one.run.threads),
        line("mirror, bytes", lambda one: one.left.mirror if one.left else 0),
        line("CPU of passes that draw the page, x the twin's", per(0, lambda one: one.run.cpu), drawn),
        line("their peak memory, MB", lambda one: one.run.memory, drawn),
    ]


def _yardstick(lived: Soak, number: int, which: int) -> float:
    return statistics.median(both[which] for at, both in lived.yardsticks.items() if abs(at - number) <= _NEAR)


def _line(name: str, points: Sequence[tuple[int, float]], passes: int) -> Line:
    first = statistics.median(value for number, value in points if number < passes / 5)
    last = statistics.median(value for number, value in points if number >= passes * 4 / 5)
    some = points[:: max(1, len(points) // _POINTS)]
    slope = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(some, 2))
    middle = statistics.median(value for _, value in points) or 1.0
    return Line(name, first, last, 100 * (last / first - 1) if first else 0.0, 100 * slope * passes / middle)


# --- what it left ---


def _fifths(lived: Soak) -> tuple[list[Pass], list[Pass]]:
    """Of the passes in which nothing was amiss."""
    calm, many = [one for one in lived.passes if one.calm and one.left], lived.script.passes
    return [one for one in calm if one.number < many / 5], [one for one in calm if one.number >= many * 4 / 5]


def _stay(field: str, passes: Sequence[Pass]) -> set[str]:
    """The files that are there after most of the passes. What a killed pass left half written is swept later."""
    seen = Counter(name for one in passes if one.left for name in getattr(one.left, field))
    return {name for name, times in seen.items() if times > len(passes) / 2}


def _most(field: str, passes: Iterable[Pass]) -> int:
    found = [getattr(one.left, field) for one in passes if one.left]
    return max((one if isinstance(one, int) else len(one) for one in found), default=0)


_WORDS = {
    "state": "files in the state folder",
    "public": "files beside the page",
    "elsewhere": "files in the temporary folder, the home, /dev/shm",
    "connections": "connections",
    "idle": "idle in a transaction",
    "locks": "locks",
    "waiting": "messages that wait",
}


def _left(lived: Soak) -> list[tuple[str, ...]]:
    """The most after any pass: of the calm ones by fifths, and of all."""
    first, last = _fifths(lived)
    assert set(_WORDS) < set(Left._fields)
    rows = [(words, *(f"{_most(key, some)}" for some in (first, last, lived.passes))) for key, words in _WORDS.items()]
    orphans = [f"{max(one.run.orphans for one in some)}" for some in (first, last, lived.passes)]
    return [*rows, ("processes left behind", *orphans)]


def _tables(lived: Soak) -> list[tuple[object, ...]]:
    """At the end of the first fifth and at the end."""
    early, end = (some[-1] for some in _sizes(lived))
    rest = sorted({*end.rows, *end.size} - {*STEADY})
    return [
        (
            name.removeprefix("heartbeat_"),
            early.rows.get(name, ""),
            end.rows.get(name, ""),
            f"{early.size.get(name, 0) / 1e6:.2f}",
            f"{end.size.get(name, 0) / 1e6:.2f}",
            max(one.dead.get(name, 0) for one in lived.sizes),
        )
        for name in (*STEADY, *rest)
    ]


# --- the verdict ---


def _happened(lived: Soak) -> list[tuple[str, int]]:
    script = lived.script
    return [
        ("passes in which nothing happened, compared", len(plain(lived))),
        ("passes killed", sum(one.run.killed for one in lived.passes)),
        ("faults that must be told of", sum(one.lasting for one in script.troubles)),
        ("blips and moods that must not", sum(not one.lasting and one.what != "store" for one in script.troubles)),
        ("troubles of the store", sum(one.what == "store" for one in script.troubles)),
        ("incidents", lived.verdict.incidents),
        ("messages taken by three channels", lived.verdict.messages),
        ("messages taken again, their answer lost", lived.verdict.again),
    ]


def _targets(lived: Soak, lines: dict[str, Line]) -> Rows:
    first, last = _fifths(lived)
    sums = [max(sum(one.rows.get(name, 0) for name in STEADY) for one in some) for some in _sizes(lived)]
    judged = target("passes that failed", len(lived.failed), 0)
    for name in ("CPU, x the twin's", "wall, x the twin's", "peak memory, MB"):
        judged += target(f"growth of {name}, %", max(lines[name].growth, lines[name].slope), _GROWTH)
    for field in ("state", "public", "elsewhere"):
        new = _stay(field, last) - _stay(field, first)
        judged += target(f"{_WORDS[field]} that are new in the last fifth and stay", len(new), 0)
        print(*(f"    {name}" for name in sorted(new)), sep="\n", end="\n" if new else "")
    for field in ("connections", "idle", "locks"):
        judged += target(f"{_WORDS[field]} after any pass", _most(field, lived.passes), 0)
    judged += target("processes left behind by any pass", max(one.run.orphans for one in lived.passes), 0)
    judged += target("growth of rows that hold what is now (components, looks, states)", sums[1] - sums[0], 0)
    for name, most in BOUNDED.items():
        judged += target(f"rows of {name} at the end", lived.sizes[-1].rows.get(name, 0), most)
    judged += target("spools left", sum("spool" in name for name in lived.names), 0)
    return judged + target("incidents and messages lost, told twice, or of nothing", len(lived.verdict.wrong), 0)


def _sizes(lived: Soak) -> tuple[list[Size], list[Size]]:
    many = lived.script.passes
    first = [one for one in lived.sizes if one.number < many / 5]
    return first, [one for one in lived.sizes if one.number >= many * 4 / 5]
