"""Precision, recall and delay of incidents over generated months, for the default settings and for a plain counter.

The plain counter has three strikes: no second try within a look, no reference target, no sooner look at a suspect.

A blip is one lost attempt (a packet, a busy moment), independent of the next attempt half a second later; a burst
loses half of the attempts for up to 50 seconds. An incident is right when it overlaps a real fault; a fault is found
when an incident overlaps it. Incidents within a flapping spell (down 3 of every 5 minutes, slow enough for each time to
be a fault of its own) count for recall only. The delay is from the first failing check a watcher with this interval
could have made, to the declaration; the least possible is two more looks.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from tabulate import tabulate

from bench._measure import Rows, target
from bench._world import Attempt, Spell, World
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.detection.attribution import advance
from heartbeat_cli.domain.detection.fault_detection import Observation, State
from heartbeat_cli.domain.strategy import STRATEGIES

_DAYS, _WORLDS = 30, 12
_INTERVAL = 60.0  # a component's own interval, as in the example deployment
_PACE = STRATEGIES["normal"]
_DEFAULT = Component("it", "agent", None, Common(interval=_INTERVAL))
_PLAIN = Component("it", "agent", None, Common(interval=_INTERVAL, retries=0, hold_flapping=False))


class Declared(NamedTuple):
    """One incident that was declared."""

    started: float
    declared: float
    ended: float


class Score(NamedTuple):
    """How a watcher did over all worlds."""

    incidents: int
    right: int
    faults: int
    found: int
    delays: list[float]
    per_flapping: float

    @property
    def precision(self) -> float:
        return 100.0 * self.right / self.incidents if self.incidents else 100.0

    @property
    def recall(self) -> float:
        return 100.0 * self.found / self.faults


def defaults(world: World, at: float) -> Status:
    """One look with the default settings: a failing attempt is made again, and blindness is known for what it is."""
    for number in range(1 + _DEFAULT.common.retries):
        seen = world.attempt(at + 0.5 * number)
        if not seen.failed:
            return _answer(seen)
    return "unknown" if seen.blind else "error"


def three_strikes(world: World, at: float) -> Status:
    """One look that is one attempt."""
    seen = world.attempt(at)
    return "error" if seen.failed else _answer(seen)


def _answer(seen: Attempt) -> Status:
    return "degraded" if seen.slow else "healthy"


def watch(world: World, component: Component, look: Callable[[World, float], Status], sooner: bool) -> list[Declared]:
    """The incidents that a watcher declares over a world."""
    states: dict[str, State] = {}
    found: list[Declared] = []
    at = 0.0
    while at < world.end:
        states["it"], events = advance(component, Observation(at, look(world, at)), states, {"it": component})
        for event in events:
            if event.name == "opened":
                found.append(Declared(event.started, event.at, world.end))
            elif event.name == "ended":
                found[-1] = found[-1]._replace(ended=event.at)
        unsettled = states["it"].state in ("suspect", "recovering")
        at += component.retry_interval(_PACE) if sooner and unsettled else _INTERVAL
    return found


def score(component: Component, look: Callable[[World, float], Status], blips: float, sooner: bool) -> Score:
    incidents = right = faults = caught = 0
    delays: list[float] = []
    in_flapping = flappings = 0
    for seed in range(_WORLDS):
        world = World(seed, _DAYS, blips)
        real, declared = world.faults(), watch(world, component, look, sooner)
        faults += len(real)
        flapping = [one for one in real if one.kind == "flapping"]
        flappings += len(flapping)
        steady = [one for one in declared if not any(_overlap(one, spell) for spell in flapping)]
        in_flapping += len(declared) - len(steady)
        incidents += len(steady)
        right += sum(any(_overlap(one, fault) for fault in real) for one in steady)
        for fault in real:
            hits = [one for one in declared if _overlap(one, fault)]
            caught += bool(hits)
            if hits:
                first_look = -(-fault.start // _INTERVAL) * _INTERVAL
                delays.append(hits[0].declared - first_look)
    return Score(incidents, right, faults, caught, delays, in_flapping / flappings)


def _overlap(one: Declared, fault: Spell) -> bool:
    return one.started < fault.end and one.declared >= fault.start and one.started >= fault.start - 3 * _INTERVAL


def main() -> Rows:
    rows, scores = [], {}
    for blips in (0.0, 0.01, 0.05, 0.10):
        for name, args in (
            ("heartbeat, defaults", (_DEFAULT, defaults, blips, True)),
            ("three strikes", (_PLAIN, three_strikes, blips, False)),
        ):
            one = scores[name, blips] = score(*args)
            middle = statistics.median(one.delays)
            figures = (
                one.faults,
                one.incidents,
                f"{one.precision:.2f}",
                f"{one.recall:.2f}",
                f"{middle:.0f}",
                f"{one.per_flapping:.1f}",
            )
            rows.append((f"{blips:.0%}", name, *figures))
    print(f"Incidents against known truth: {_WORLDS} components, {_DAYS} days each, a look every {_INTERVAL:g} s")
    heads = ["blips", "", "real faults", "incidents", "precision %", "recall %", "median delay s", "told per flapping"]
    print(tabulate(rows, headers=heads, disable_numparse=True))
    print()
    at5 = scores["heartbeat, defaults", 0.05]
    judged = target("precision short of 100 %, 5 % blips", 100 - at5.precision, 0.5)
    judged += target("recall short of 100 %, 5 % blips", 100 - at5.recall, 0.5)
    least = 2 * _DEFAULT.retry_interval(_PACE)
    judged += target(
        "median delay beyond the least possible, in looks", (statistics.median(at5.delays) - least) / _INTERVAL, 1
    )
    print()
    return judged
