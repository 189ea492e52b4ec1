"""Generated life with known truth: what each attempt at a component would see, and when it was really down.

Real faults are spells in which every attempt fails, or that are down for 3 of every 5 minutes (flapping). All else is
noise that must not become an incident: single lost attempts, bursts in which half of the attempts are lost, slow
spells, planned restarts, and the observer's own loss of the network (its reference target fails too).
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

DAY = 86_400.0


class Spell(NamedTuple):
    """From `start` to before `end` (seconds): `kind` is fault, burst, slow, restart, blind or flapping."""

    kind: str
    start: float
    end: float


class Attempt(NamedTuple):
    """One attempt to look: whether it failed, and whether the observer was cut off."""

    failed: bool
    slow: bool
    blind: bool


class World:
    """One component over `days`, with blips of probability `blips` an attempt. Seeded: the same again each time."""

    def __init__(self, seed: int, days: int, blips: float) -> None:
        self._chance = random.Random(seed)
        self.blips = blips
        self.end = days * DAY
        self.spells = sorted(self._spells(days), key=lambda one: one.start)
        self._active: list[Spell] = []
        self._next = 0

    def _spells(self, days: int) -> Iterator[Spell]:
        """About one of each kind every few days; real ones keep their distance, so that truth stays countable."""
        chance, at = self._chance, DAY / 4
        while at < days * DAY:
            kind = chance.choice(["fault", "fault", "fault", "flapping", "burst", "slow", "restart", "blind"])
            length = {
                "fault": lambda: chance.choice([150.0, 180.0, 300.0, 600.0, 1_800.0, 7_200.0, 21_600.0]),
                "flapping": lambda: chance.uniform(1_800, 5_400),
                "burst": lambda: chance.uniform(20, 50),
                "slow": lambda: chance.uniform(300, 3_600),
                "restart": lambda: chance.uniform(5, 60),
                "blind": lambda: chance.uniform(60, 1_800),
            }[kind]()
            yield Spell(kind, at, at + length)
            at += length + chance.uniform(0.1 * DAY, 0.5 * DAY)

    def faults(self) -> list[Spell]:
        """What should be told of: steady faults, and each flapping as one."""
        return [one for one in self.spells if one.kind in ("fault", "flapping") and one.end <= self.end]

    def attempt(self, at: float) -> Attempt:
        """What one attempt at a moment meets; moments must not go back."""
        while self._next < len(self.spells) and self.spells[self._next].start <= at:
            self._active.append(self.spells[self._next])
            self._next += 1
        self._active = [one for one in self._active if one.end > at]
        kinds = {one.kind for one in self._active}
        failed = bool(kinds & {"fault", "restart", "blind"}) or self._chance.random() < self.blips
        failed = failed or any(one.kind == "flapping" and (at - one.start) % 300 < 180 for one in self._active)
        failed = failed or ("burst" in kinds and self._chance.random() < 0.5)
        return Attempt(failed, "slow" in kinds, "blind" in kinds)
