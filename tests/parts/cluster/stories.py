"""What happens in a history: drawn from a seed, so that it can be had again."""

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.parts.cluster.cluster import Cluster
from tests.parts.cluster.observers import NAMES

Blow = Callable[[Cluster, str], None]

# What becomes of the cluster, given its leader. Those in FAILOVERS give it another one.
BLOWS: Mapping[str, Blow] = {
    "leader killed": lambda cluster, leader: cluster.kill(leader),
    "server crashed": lambda cluster, leader: cluster.kill_server(leader),
    "Patroni killed": lambda cluster, leader: cluster.kill_patroni(leader),
    "switchover": lambda cluster, leader: cluster.switch_over(),
    "leader isolated": lambda cluster, leader: cluster.isolate(leader),
    "leader frozen": lambda cluster, leader: cluster.freeze(leader),
    "etcd without quorum": lambda cluster, leader: cluster.lose_quorum(),
    "pooler restarted": lambda cluster, leader: cluster.restart_pooler(),
    "nothing": lambda cluster, leader: None,
}
FAILOVERS = frozenset(
    {"leader killed", "server crashed", "Patroni killed", "switchover", "leader isolated", "leader frozen"}
)
_WEIGHTS = (14, 14, 8, 16, 10, 3, 10, 10, 15)
_MOST_APART = 40  # seconds that a clock is off, either way


class Story(NamedTuple):
    """`falls`: the agent goes down in these rounds, and comes back in those by itself, unless one of the steps `heals`
    brings it back before. `blow` comes in round `blow_at`, `blow_after` seconds after its passes began. The hosts
    `parted` reach neither store nor agent from round `parted_at` to `joined_at`. `ahead`: seconds, by host."""

    seed: int
    blow: str
    blow_at: int
    blow_after: float
    falls: tuple[tuple[int, int], ...]
    heals: tuple[int, ...]
    parted: tuple[str, ...]
    parted_at: int
    joined_at: int
    ahead: Mapping[str, float]
    rounds: int

    def __str__(self) -> str:
        parts = [f"{self.blow} in round {self.blow_at}"] if self.blow != "nothing" else []
        parts += [f"agent down in rounds {begin} to {end}" for begin, end in self.falls]
        parts += [f"healed by step {self.heals[0]}" if self.heals else "no step heals"]
        parts += [f"{', '.join(self.parted)} apart in rounds {self.parted_at} to {self.joined_at}"] * bool(self.parted)
        parts += [f"clock of {name} {off:+.0f} s" for name, off in self.ahead.items() if off]
        return "; ".join(parts)


def story(seed: int) -> Story:
    """The story of this number."""
    chance = random.Random(seed)
    (blow,) = chance.choices(list(BLOWS), _WEIGHTS)
    blow_at, rounds = chance.randint(3, 6), chance.randint(10, 13)
    begin = max(1, blow_at + chance.choice((-3, -3, -2, -2, -1, 0, 1)))  # mostly with a fault under way
    falls = [(begin, begin + chance.randint(3, 9))]
    if chance.random() < 0.3:
        falls.append((falls[0][1] + 2, falls[0][1] + 5))
    parted = tuple(sorted(chance.sample(NAMES[:4], 2))) if chance.random() < 0.4 else ()
    parted_at = chance.randint(1, 6)
    apart = chance.sample(NAMES, 2) if chance.random() < 0.3 else []
    ahead = {name: float(chance.randint(-_MOST_APART, _MOST_APART)) if name in apart else 0.0 for name in NAMES}
    return Story(
        seed,
        blow,
        blow_at,
        chance.uniform(0.0, 0.6),
        tuple(falls),
        chance.choice(((1,), (2,), ())),
        parted,
        parted_at,
        parted_at + chance.randint(2, 5),
        ahead,
        max(rounds, falls[-1][1] + 1),
    )
