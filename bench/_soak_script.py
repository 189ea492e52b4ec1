"""What happens during a soak, pass by pass: a script made beforehand from a seed, so that it is known what must come.

In cycles of fifty passes: trouble in the first half, calm in the second. A fault takes at least five passes, of which
at most two are killed, so it must be declared; a blip takes one, so it must not.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

CYCLE = 50
STEP = 30.0  # seconds on the passes' clock from one to the next: that of the strategy `normal`
AGENTS = ("main", "chat", "coding", "weather")
SWITCHES = ("mailq", "redis")  # a command and a port
ALWAYS = (*AGENTS, *SWITCHES, "quiet", "worker", "job")
SLEEP = 26 * 3600.0  # seconds for which the host is twice asleep, so that days end and retention has something to do
_HOWS = ("503", "says fail", "garbage", "reset", "cut short", "hang")
_STORE = {
    "postgres": (("stop", 6), ("restart", 1), ("pause", 2), ("cut", 3), ("stop", 2)),
    "sqlite": (("hold", 6), ("hold", 2)),
}
_MOODS = {
    "hook": ("500", "took, then 500", "429", "reset", "took, then reset"),
    "mail": ("451", "reset", "took, then reset", "took, then dropped"),
}
_SETTLES = 3  # passes after the end of trouble that still deal with it


class Trouble(NamedTuple):
    """What is amiss from pass `first` to pass `last`; `lasting` says that a fault must be made of it."""

    what: str
    how: str
    first: int
    last: int
    lasting: bool = False


class Script:
    """`passes` of it, from that cycle on; `box` whether there is a container. `killed` are the passes that are."""

    def __init__(self, seed: int, passes: int, store: str, box: bool, cycle: int = 0) -> None:
        self._chance = random.Random(seed)
        self._store, self._box = store, box
        self.passes = passes
        self.troubles: list[Trouble] = []
        self.killed: set[int] = set()
        self.acks: set[int] = set()
        self._last: set[str] = set()
        for number in range(passes // CYCLE):
            self._write(cycle + number, number * CYCLE)
        self.asleep = {passes // 3, 2 * passes // 3} if passes >= 10 * CYCLE else set()  # before these passes

    def _write(self, cycle: int, start: int) -> None:
        chance = self._chance
        self.troubles += self._faults(start)
        if cycle % 5 == 2:
            self.troubles.append(Trouble("quiet", "missing", start + 5, start + 10, True))
        if cycle % 5 == 3:
            self.acks.add(start + 18)
        if cycle % 4 == 1:
            self.troubles.append(Trouble("worker", "removed", start + 6, start + 10, True))
        if cycle % 6 == 4:
            self.troubles.append(Trouble("job", "late", start + 1, start + 29, True))
        elif cycle % 6 == 1:
            self.troubles.append(Trouble("job", "fails", start + 10, start + 19, True))
        if self._box and cycle % 8 == 2:
            self.troubles.append(Trouble("box", "killed", start + 5, start + 5, True))
        self.troubles += self._of_store(cycle, start)
        for channel, moods in _MOODS.items():
            if chance.random() < 0.5:
                self.troubles.append(Trouble(channel, chance.choice(moods), start + 4, start + chance.randint(12, 20)))
        self.killed.update(start + chance.randint(1, 22) for _ in range(2))

    def _faults(self, start: int) -> Iterator[Trouble]:
        """Two faults and a blip, in components that were well for a while: none may seem to flap."""
        free = [one for one in (*AGENTS, *SWITCHES) if one not in self._last]
        some = self._chance.sample(free, 3)
        self._last = set(some)
        for what, first, length in zip(some, (5, 12, self._chance.randint(3, 20)), (0, 0, 1), strict=True):
            how = self._chance.choice(_HOWS) if what in AGENTS else "missing"
            if how == "hang" and not length:
                how = "slow" if self._chance.random() < 0.5 else "503"  # one that hangs costs its timeout: blips do
            length = length or self._chance.randint(5, 8)
            lasting = length > 1 and how != "slow"
            yield Trouble(what, how, start + first, start + first + length - 1, lasting)

    def _of_store(self, cycle: int, start: int) -> Iterator[Trouble]:
        if cycle % 3 == 1:
            how, length = _STORE[self._store][cycle // 3 % len(_STORE[self._store])]
            yield Trouble("store", how, start + 8, start + 7 + length, False)
            if (how, length) == ("stop", 6):
                yield Trouble("db", "stopped", start + 8, start + 7 + length, True)

    def now(self, number: int) -> list[Trouble]:
        return [one for one in self.troubles if one.first <= number <= one.last]

    def calm(self, number: int) -> bool:
        """Nothing is amiss in a pass, nor was it shortly before."""
        disturbed = any(one.first <= number <= one.last + _SETTLES for one in self.troubles)
        return not disturbed and not any(one <= number <= one + 1 for one in (*self.killed, *self.asleep))

    def seconds(self, number: int) -> float:
        """The passes' clock, from the first of them."""
        return number * STEP + SLEEP * sum(number >= one for one in self.asleep)
