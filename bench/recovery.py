"""At least 100 faults of thirteen sorts in real Docker and real systemd, and `heartbeat run` again and again.

Slow starters and those that nothing heals are broken first, all at once; they go on beside the others, which are broken
six at a time. The seconds are from the declaration of the incident to the moment at which the attempt was verified
(two good checks), both as the store has them. Restarts are counted by Docker's events and by systemd's starts of the
unit. `alerts` are those of the type recovery_failed.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate
from tests.parts import recovery_faults as faults
from tests.parts.recovery_faults import Part
from tests.parts.recovery_world import Fault, World
from tests.parts.systemd import SystemdBox, booted

from bench._measure import Rows, target

_AT_ONCE = 6
_GRACE = 62.0  # seconds: the startup_grace that most parts have, and a little
_PATIENCE = 60.0  # seconds after which what is broken is left to itself and the next is broken
_INSTANT, _ALL_HEALED = 10.0, 99.0


class Sort(NamedTuple):
    """One row: how many of it, and what must come of it (`slow`: restarted once each, however long it takes)."""

    name: str
    many: int
    make: Callable[[int], Part]
    slow: bool = False
    budget: int = 0


def sorts(box: SystemdBox) -> list[Sort]:
    return [
        Sort("killed", 10, faults.killed),
        Sort("stopped by itself, exit 0", 10, faults.stopped),
        Sort("paused", 10, faults.paused),
        Sort("unhealthy but running", 6, faults.unhealthy),
        Sort("crash loop, cured by a restart", 10, faults.crash_loop_cured),
        Sort("out of memory", 10, faults.out_of_memory),
        Sort("port dead, process lives", 10, faults.port_dead),
        Sort("unit failed", 10, partial(faults.unit_failed, box)),
        Sort("unit hung", 10, partial(faults.unit_hung, box)),
        Sort("database refuses connections", 6, faults.database_refusing),
        Sort("slow start, 20 s", 8, faults.slow_start, slow=True),
        Sort("crash loop, not cured", 6, faults.crash_loop, budget=1),
        Sort("well for 4 s, then ends", 4, faults.short_lived, budget=faults.BUDGET),
    ]


def main() -> Rows:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, booted("host") as box:
        made = {sort: [sort.make(number) for number in range(1, sort.many + 1)] for sort in sorts(box)}
        parts = [part for some in made.values() for part in some]
        with World(Path(folder), parts, box) as world:
            started = time.monotonic()
            world.settle()
            # What has just been started is given its startup_grace to come up, and rightly not restarted in it.
            time.sleep(max(0.0, started + _GRACE - time.monotonic()))
            later = _break_all(world, made)
            found = {one.part.id: one for one in world.outcomes()}
            passes = world.passes
    results = {sort: [found[part.id] for part in some] for sort, some in made.items()}
    took = time.monotonic() - begun
    print(f"{len(parts)} faults in real Docker and real systemd, {passes} passes, {took:.0f} s")
    print(tabulate([_row(*one) for one in results.items()], headers=_HEADS, disable_numparse=True))
    _explain(results)
    return _targets(results, later)


def _break_all(world: World, made: dict[Sort, list[Part]]) -> int:
    """Break everything; the steps that were still taken after all was over."""
    beside = [part for sort, some in made.items() if sort.slow or sort.budget for part in some]
    columns = [some for sort, some in made.items() if not (sort.slow or sort.budget)]
    instant = [part for row in zip_longest(*columns) for part in row if part is not None]
    world.inject(beside)
    for _ in range(2):
        world.run()
    for n in range(0, len(instant), _AT_ONCE):
        some = instant[n : n + _AT_ONCE]
        world.inject(some)
        world.run_until(partial(world.over, some), _PATIENCE)
    world.run_until(partial(world.over, [*beside, *instant]), _PATIENCE)
    steps = world.attempts()
    for _ in range(5):
        world.run()
    return world.attempts() - steps


_HEADS = ["sort", "faults", "healed %", "median s", "worst s", "restarts each", "alerts", "target", ""]


def _row(sort: Sort, some: Sequence[Fault]) -> tuple[object, ...]:
    seconds = [one.verified for one in some if one.verified is not None] if not sort.budget else []
    restarts = sorted({one.restarts for one in some})
    aim = f"{_ALL_HEALED:g} %, < {_INSTANT:g} s"
    if sort.slow:
        aim = f"{_ALL_HEALED:g} %, 1 restart"
    elif sort.budget:
        aim = f"at most {sort.budget} restarts, 1 alert each"
    return (
        sort.name,
        len(some),
        f"{_healed(some):.0f}" if not sort.budget else "-",
        f"{statistics.median(seconds):.1f}" if seconds else "-",
        f"{max(seconds):.1f}" if seconds else "-",
        f"{restarts[0]}" if len(restarts) == 1 else f"{restarts[0]} to {restarts[-1]}",
        sum(one.failed_alerts for one in some),
        aim,
        "" if _met(sort, some) else "MISS",
    )


def _met(sort: Sort, some: Sequence[Fault]) -> bool:
    if sort.budget:
        return all(one.given_up and 0 < one.restarts <= sort.budget for one in some)
    if _healed(some) < _ALL_HEALED:
        return False
    if sort.slow:
        return all(one.restarts == 1 for one in some)
    return max(one.verified or 0.0 for one in some) < _INSTANT


def _healed(some: Sequence[Fault]) -> float:
    return 100.0 * sum(one.healed for one in some) / len(some)


def _explain(results: dict[Sort, list[Fault]]) -> None:
    """What became of each that was to be healed and was not, or was restarted more often than it may."""
    for sort, some in results.items():
        for one in some:
            good = one.given_up and one.restarts <= sort.budget if sort.budget else one.healed
            if not good:
                seen = f"declared {one.declared}, really well {one.well}, ended {one.ended}, restarts {one.restarts}"
                print(f"  {one.part.id}: {seen}: {one.last}")
    print()


def _targets(results: dict[Sort, list[Fault]], later: int) -> Rows:
    every = [one for some in results.values() for one in some]
    healable = [one for sort, some in results.items() if not sort.budget for one in some]
    instant = [one for sort, some in results.items() if not sort.budget and not sort.slow for one in some]
    braked = [(sort, one) for sort, some in results.items() if sort.budget for one in some]
    slow = [one for sort, some in results.items() if sort.slow for one in some]
    judged = target("faults short of 100", max(0, 100 - len(every)), 0)
    judged += target("of those that can be healed, not healed, %", 100 - _healed(healable), 100 - _ALL_HEALED)
    judged += target("worst s from detection to verified, instant starters", _worst(instant), _INSTANT)
    judged += target("slow starters not restarted exactly once", sum(one.restarts != 1 for one in slow), 0)
    over = sum(not (one.given_up and one.restarts <= sort.budget) for sort, one in braked)
    judged += target("of those that nothing heals, not stopped at the budget with one alert", over, 0)
    judged += target("steps taken after that", later, 0)
    print()
    return judged


def _worst(some: Sequence[Fault]) -> float:
    return max((one.verified for one in some if one.verified is not None), default=0.0)
