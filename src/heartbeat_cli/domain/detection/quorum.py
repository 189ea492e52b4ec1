"""Several hosts check one component: whose turn it is to judge, and what they say together. Pure.

Each host that checks a component has one vote: its newest check, as long as that counts for the component. The votes
are counted once a round, so that three checks in a row are three rounds however many hosts there are: a check ends a
round unless another host has ended one since the last check of the same host. So the host that checks most often leads.
When it is gone, or checks without judging, the second check of the next host leads, whatever the clocks and intervals.
A round fails when `quorum` of the votes do (default: more than half of the hosts that check it), it is good when so
many can no longer fail, and otherwise it is undecided. For one host alone its check is the round, unless a quorum is
configured that one host cannot make.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.checking.result import FAILURES, SUCCESSES, Status
from heartbeat_cli.domain.detection.fault_detection import Excuse, Observation
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

Sense = Literal["up", "down", "open"]


class Vote(Record):
    """What one host sees; `at` is the moment of its check, epoch seconds, `ended` that of the last one which ended a
    round (0: none did)."""

    observer: str
    at: float
    status: Status
    error: str | None = None
    ended: float = 0.0
    failure: Failure | None = None


class Round(Record):
    """What the hosts say together: `sense` is up, down or open (undecided), `failing` and `good` how many say so,
    `needed` how many failing ones make it down. `lonely`: some fail, and too few check it to make it down."""

    sense: Sense
    failing: int
    good: int
    needed: int
    votes: tuple[Vote, ...]

    @property
    def status(self) -> Status:
        """The status of the hosts that make it what it is, the worst of them; unknown where it is undecided."""
        there = {one.status for one in self.votes if agrees(one.status, self.sense)}
        return next((one for one in ("error", "unhealthy", "degraded", "healthy") if one in there), "unknown")

    @property
    def lonely(self) -> bool:
        return self.sense == "open" and self.failing > 0

    @property
    def words(self) -> str:
        """One line for a person."""
        return Text.counted(
            self.failing,
            "{n} of {total} hosts sees it fail (quorum {needed})",
            "{n} of {total} hosts see it fail (quorum {needed})",
            total=len(self.votes),
            needed=self.needed,
        )


def needed(quorum: int | None, hosts: int) -> int:
    """How many hosts must see it fail: as many as are asked for, else more than half of those that check it."""
    return hosts // 2 + 1 if quorum is None else quorum


def count(quorum: int | None, votes: Iterable[Vote]) -> Round:
    """The votes of all that check it just now, counted."""
    votes = tuple(sorted(votes))
    failing = sum(one.status in FAILURES for one in votes)
    good = sum(one.status in SUCCESSES for one in votes)
    most = needed(quorum, len(votes))
    if failing >= most:
        return Round("down", failing, good, most, votes)
    # Who could not check might have made it a fault; where one host is enough, that one would have to be waited for.
    blind = len(votes) - failing - good if most > 1 else 0
    up = good > 0 and failing + blind < most
    return Round("up" if up else "open", failing, good, most, votes)


def leads(before: float, others: Iterable[Vote]) -> bool:
    """Whether a check ends a round, of the host that checked `before` (epoch seconds; 0: never)."""
    return all(one.ended <= before for one in others)


def observation(own: Vote, round_: Round) -> Observation:
    """The round as detection takes it: the own look where it says the same, else that of the first host that does.
    Where it is undecided, a component that any host sees, well or not, is still seen."""
    wanted = {"down": FAILURES, "up": SUCCESSES, "open": frozenset({"unknown"})}[round_.sense]
    of_these = [one for one in (own, *round_.votes) if one.status in wanted]
    said = of_these[0] if of_these else own._replace(status="unknown", error=round_.words, failure=None)
    excuse: Excuse = "seen elsewhere" if round_.failing or round_.good else ""
    return Observation(own.at, said.status, said.error, excuse, said.failure)


def agrees(status: Status, sense: Sense) -> bool:
    """Whether a check says what the hosts say together, so that it speaks for the component."""
    return (status in FAILURES and sense == "down") or (status in SUCCESSES and sense == "up")


def witness(round_: Round, observer: str) -> str:
    """The host whose check shows what the round says: this one if it does, else the first."""
    saying: Sequence[Vote] = [one for one in round_.votes if agrees(one.status, round_.sense)]
    return next(
        (one.observer for one in saying if one.observer == observer), saying[0].observer if saying else observer
    )


def shown(votes: Iterable[Vote]) -> list[list[str | float]]:
    """Who sees what, as an alert's details hold it: host, status, error, and when it was seen (epoch seconds)."""
    return [[one.observer, one.status, one.error or "", one.at] for one in votes]


def standing(quorum: int | None, votes: Sequence[Vote], far: float) -> Round | None:
    """What the hosts say together by their newest checks, none `far` older than the newest; None where the check of one
    host is all there is and all that is asked for."""
    newest = max((one.at for one in votes), default=0.0)
    fresh = [one for one in votes if one.at > newest - far]
    return count(quorum, fresh) if len(fresh) > 1 or (fresh and (quorum or 1) > 1) else None


class Council:
    """The hosts that check one component, for replay: their stored checks are counted one after the other."""

    def __init__(self, quorum: int | None, far: float) -> None:
        self._quorum, self._far = quorum, far
        self._newest: dict[str, Vote] = {}

    def hear(self, own: Vote) -> Observation | None:
        """What detection takes of this check: None where it ends no round, or the others are past it."""
        last = self._newest.get(own.observer, Vote(own.observer, 0.0, "unknown"))
        others = around((one for one in self._newest.values() if one.observer != own.observer), own.at, self._far)
        mine = others is not None and leads(last.at, others)
        self._newest[own.observer] = own._replace(ended=own.at if mine and others else last.ended)
        if others is None or not mine:
            return None
        if not others and (self._quorum or 1) == 1:
            return Observation(own.at, own.status, own.error, failure=own.failure)
        return observation(own, count(self._quorum, [own, *others]))


def around(votes: Iterable[Vote], at: float, far: float) -> list[Vote] | None:
    """The votes that count at a moment; None when some are `far` past it, as they are when a host comes back with what
    it saw without the store."""
    fresh = [one for one in votes if one.at > at - far]
    return None if any(one.at > at + far for one in fresh) else fresh
