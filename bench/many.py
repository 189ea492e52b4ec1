"""Many HTTP components on both stores, whole processes: instant answers, slow answers, and 5 % that never answer.

`HEARTBEAT_BENCH_MANY` takes the numbers (default: 10,100,1000; 10000 is measured where it is named). Slow answers and
hung targets are measured with 1,000 and 10,000 of them; beside 1,000 that answer at once runs a script that makes the
same exchanges with libcurl, and nothing else. Of a world with hung targets a pass is measured before the threshold, the
one that opens the incidents and tells of them, and one while they last; afterwards every component must be in the state
it has to be in, and every incident told once.
Each figure is the median of alternating runs; all is on loopback, and the server of the answers is not counted.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate
from tests.parts.postgres import Server

from bench import _libcurl
from bench._http import answering
from bench._many_world import VERBS, Ground, World, world
from bench._measure import Cost, Rows, alternate, cost, relative, target

_BARE = "python -c pass"
_STORES = ("SQLite", "PostgreSQL")
_LATENCIES = (50, 200)  # ms
_TIMEOUTS = {1_000: 1.0, 10_000: 3.0}  # seconds that a hung target is waited for
_ROUNDS = {1_000: 3, 10_000: 2}  # of worlds with hung targets, each from its beginning
_WHEN = ("first pass", "before the threshold", "incidents opened and told", "while they last")

_OF_LIBCURL = 2.0  # times the CPU of the same exchanges with bare libcurl
_PER_COMPONENT = 0.6  # ms of CPU
_TELLING = 1.0  # the same of the one pass that opens incidents for 5 % of them, words a message of each, and sends it
_BEYOND = 1.0  # seconds of wall time beyond the slowest answer, for each 1,000
_MEMORY = 200.0  # MB
_LINEAR = 1.3  # times what each of 1,000 costs


class Case(NamedTuple):
    """What was measured: `slowest` is the seconds of the slowest answer, for hung targets their timeout."""

    verb: str
    number: int
    store: str
    what: str
    slowest: float

    def __str__(self) -> str:
        return f"{self.verb}, {self.number:,}, {self.store}" + (f", {self.what}" if self.what else "")


Costs = dict[Case, Cost]
_ASKED = 1_000  # exchanges that bare libcurl makes, too
_CURL = Case(_libcurl.NAME, _ASKED, "nothing stored", "", 0.0)


def main() -> Rows:
    numbers = [int(word) for word in os.environ.get("HEARTBEAT_BENCH_MANY", "10,100,1000").split(",")]
    with tempfile.TemporaryDirectory() as folder, Server() as server, answering() as url:
        dsn = server.dsn().replace("postgresql:///", "postgresql://localhost/")
        ground = Ground(Path(folder), url, dsn)
        bare, costs, wrong = _answered(ground, numbers)
        _table("Many HTTP components, healthy", costs, bare)
        hung: Costs = {}
        for number in sorted(_TIMEOUTS.keys() & set(numbers)):
            found, mistakes = _hung(ground, number)
            hung |= found
            wrong += mistakes
        if hung:
            waits = ", ".join(f"{wait:g} s at {number:,}" for number, wait in _TIMEOUTS.items() if number in numbers)
            _table(f"The same, 5 % of them hung, timeout {waits}", hung, bare)
    judged = _judge(costs | hung) + target("components in a wrong state, incidents not told once", wrong, 0)
    print()
    return judged


# --- answers that come -------------------------------------------------------------------------------------------


def _answered(ground: Ground, numbers: Sequence[int]) -> tuple[Cost, Costs, int]:
    """Small worlds in one set of alternating runs, those of 10,000 in another; and how many were not healthy."""
    asked = [(1, 0)] + [(number, 0) for number in numbers]
    asked += [(1_000, latency) for latency in _LATENCIES if 1_000 in numbers]
    asked += [(10_000, _LATENCIES[-1])] * (10_000 in numbers)
    worlds = {
        (number, latency, store): world(ground, store, number, latency)
        for number, latency in asked
        for store in _STORES
    }
    costs: Costs = {}
    bare = cost([sys.executable, "-c", "pass"])
    for few in (True, False):
        chosen = {key: one for key, one in worlds.items() if (one.number < 10_000) == few}
        if not chosen:
            continue
        cases = {_case(verb, key): (one, verb) for key, one in chosen.items() for verb in VERBS}
        runs = {_BARE: lambda: cost([sys.executable, "-c", "pass"])}
        runs |= {str(case): partial(one.pass_, verb) for case, (one, verb) in cases.items()}
        if few and _ASKED in numbers:
            runs[_libcurl.NAME] = _libcurl.run(f"{ground.url}/0", _ASKED)
        found = alternate(runs, 5 if few else 3)
        costs |= {case: found[str(case)] for case in cases}
        bare = found[_BARE] if few else bare
        if few and _ASKED in numbers:
            costs[_CURL] = found[_libcurl.NAME]
    return bare, costs, sum(_unlike(one, "healthy") for one in worlds.values())


def _case(verb: str, key: tuple[int, int, str]) -> Case:
    number, latency, store = key
    return Case(verb, number, store, f"answer after {latency} ms" if latency else "", latency / 1000)


def _unlike(one: World, state: str) -> int:
    """How many components are not in the state they should be in."""
    return one.number - one.states()[(state, "healthy")]


# --- answers that never come -------------------------------------------------------------------------------------


def _hung(ground: Ground, number: int) -> tuple[Costs, int]:
    """Passes of new worlds in turn, and how much of what they came to is not as it must be."""
    seen: dict[Case, list[Cost]] = {}
    wrong, wait = 0, _TIMEOUTS[number]
    for turn in range(_ROUNDS[number]):
        worlds = {store: world(ground, store, number, 0, wait, f"hung{turn}") for store in _STORES}
        for verb, when in (*(("run", when) for when in _WHEN), ("check", _WHEN[-1])):
            for store, one in worlds.items():
                seen.setdefault(Case(verb, number, store, when, wait), []).append(one.pass_(verb))
        for one in worlds.values():
            messages, incidents = one.told()
            wrong += abs(one.states()[("fault", "error")] - one.hung) + abs(_unlike(one, "healthy") - one.hung)
            wrong += abs(incidents - one.hung)
            print(f"{one.name}: {incidents} incidents told, messages: {messages}", flush=True)
    return {case: _median(some) for case, some in seen.items() if case.what != _WHEN[0]}, wrong


def _median(some: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(one, field) for one in some) for field in Cost._fields))


# --- figures -----------------------------------------------------------------------------------------------------


def _table(title: str, costs: Costs, bare: Cost) -> None:
    print(title)
    _print(
        [
            (_BARE, *_figures(bare, 1, bare)),
            *((str(case), *_figures(c, case.number, bare)) for case, c in costs.items()),
        ]
    )


def _figures(one: Cost, number: int, bare: Cost) -> tuple[str, ...]:
    each = f"{one.cpu / number * 1000:.2f}" if number > 1 else ""
    ratio = f"{one.cpu / bare.cpu:.1f}"
    return f"{one.cpu * 1000:.0f}", ratio, each, f"{one.wall * 1000:.0f}", f"{one.memory:.0f}"


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    headers = ["", "CPU ms", "x bare start", "CPU ms each", "wall ms", "peak MB"]
    print(tabulate(rows, headers=headers, disable_numparse=True), end="\n\n", flush=True)


def _judge(costs: Costs) -> Rows:
    judged: Rows = []
    for case, one in costs.items():
        if case.verb == "run" and case.number >= 1_000:
            judged += target(f"CPU ms each, {case}", one.cpu / case.number * 1000, _dear(case))
            beyond = one.wall - case.slowest
            judged += target(f"s beyond the slowest answer, {case}", beyond, _BEYOND * case.number / 1_000)
            judged += target(f"peak MB, {case}", one.memory, _MEMORY)
            judged += _linear(case, costs)
        if _CURL in costs and case.verb == "run" and case.number == _ASKED and not case.what:
            judged += relative(f"CPU, {case}, x bare libcurl", one.cpu / costs[_CURL].cpu, _OF_LIBCURL)
    return judged


def _dear(case: Case) -> float:
    return _TELLING if case.what.endswith(_WHEN[2]) else _PER_COMPONENT


def _linear(case: Case, costs: Mapping[Case, Cost]) -> Rows:
    """What each of 10,000 costs beside each of 1,000 in the same circumstances, the cost of starting left out."""
    fewer = next((one for one in costs if one[:1] + one[2:4] == case[:1] + case[2:4] and one.number == 1_000), None)
    single = next(one for one in costs if one.number == 1 and one.verb == case.verb and one.store == case.store)
    if case.number != 10_000 or fewer is None:
        return []
    many, few = ((costs[one].cpu - costs[single].cpu) / (one.number - 1) for one in (case, fewer))
    return relative(f"times each of 1,000, {case}", many / few, _LINEAR)
