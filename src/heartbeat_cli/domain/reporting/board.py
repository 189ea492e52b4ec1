"""The facts of one moment, the day and the three months behind it, as the dashboard shows them: the store gathers, the
view words."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from heartbeat_cli.domain.alerting.alert import Alert, Sent
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.detection.hosts import Standing
from heartbeat_cli.domain.detection.quorum import Round
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.record import Record

Wanted = Literal["", "person", "word"]


class Slots(Record):
    """Equal spans that time is cut into: `number` of them, `step` seconds each, from `start` (epoch seconds) on."""

    start: float
    step: float
    number: int

    @property
    def end(self) -> float:
        return self.start + self.step * self.number


class Seen(Record):
    """What was seen of one component in one slot: checks by status, how many were answered, and how long that took in
    all (seconds)."""

    good: int = 0
    degraded: int = 0
    failed: int = 0
    unknown: int = 0
    answered: int = 0
    seconds: float = 0.0

    @property
    def judged(self) -> int:
        """Checks that say something about the component: what could not be checked is neither up nor down."""
        return self.good + self.degraded + self.failed

    @property
    def response(self) -> float | None:
        """Mean response time in seconds."""
        return self.seconds / self.answered if self.answered else None

    def plus(self, other: "Seen") -> "Seen":
        """Both together."""
        return Seen(
            self.good + other.good,
            self.degraded + other.degraded,
            self.failed + other.failed,
            self.unknown + other.unknown,
            self.answered + other.answered,
            self.seconds + other.seconds,
        )


class Known(Record):
    """What is known of a span of a component's time: seconds up, seconds down, and seconds that nobody checked."""

    up: float = 0.0
    down: float = 0.0
    unseen: float = 0.0

    @property
    def share(self) -> float | None:
        """The part of the known time that it was up."""
        judged = self.up + self.down
        return self.up / judged if judged else None

    @property
    def coverage(self) -> float:
        """The part of the span that is known."""
        judged = self.up + self.down
        return judged / (judged + self.unseen) if judged else 0.0

    def plus(self, other: "Known") -> "Known":
        """Both together."""
        return Known(self.up + other.up, self.down + other.down, self.unseen + other.unseen)


class Glance(Record):
    """The last check of a component; `failure` is what kind of failure it shows."""

    at: float
    status: Status
    response_time: float | None = None
    error: str | None = None
    failure: Failure | None = None


class Quiet(Record):
    """A silence or maintenance in force: `kind` is one of these two words."""

    kind: str
    ends: float
    reason: str


class LastPass(Record):
    """The newest pass of an observer: epoch seconds, and how many components it checked."""

    observer: str
    started: float
    finished: float
    looks: int


class Curve(Record):
    """One figure of a component over time: `values` by slot, None where there is none; `mount` for a disk's."""

    component: str
    metric: str
    mount: str
    values: Sequence[float | None]


class Board(Record):
    """All of it. Mappings are by component id; `seen` has the slots in which something was checked, `hours` what is
    known of each hour of them, `days` of each day since `midnights[0]`. `away`: since when a spool stands in for the
    store, whose history is not to be had then. `rounds`: what the hosts say together of what several check.
    `orphans`: what only hosts that are not there may restart. `observers`: the hosts, where they are several."""

    slots: Slots
    midnights: Sequence[float]
    last_pass: LastPass | None
    states: Mapping[str, State]
    glances: Mapping[str, Glance]
    quiet: Mapping[str, Quiet]
    seen: Mapping[str, Mapping[int, Seen]]
    hours: Mapping[str, Sequence[Known]]
    days: Mapping[str, Sequence[Known]]
    incidents: Sequence[Incident]
    attempts: Mapping[str, Sequence[Attempt]]
    alerts: Sequence[Alert]
    deliveries: Mapping[str, Sequence[Sent]]
    curves: Sequence[Curve]
    away: float | None = None
    rounds: Mapping[str, Round] = MappingProxyType({})
    orphans: Collection[str] = ()
    observers: Sequence[Standing] = ()


def quorum_summary(round_: Round, last_error: str | None) -> str | None:
    """What is seen of a component that several hosts check, in one line."""
    if round_.lonely:
        return f"fails, not confirmed: {round_.words}"
    return round_.words if round_.failing else last_error


def began(state: State, incident: Incident | None) -> float:
    """When what a component is in began (epoch seconds): a fault, or what may become one, with its first failing
    check."""
    if incident is not None and state.state in ("fault", "recovering"):
        return incident.started
    if state.state != "healthy" and state.failing_since is not None:
        return state.failing_since
    return state.since


def unconfirmed(round_: Round | None, incident: Incident | None) -> bool:
    """Whether a component fails and too few hosts check it to make a fault of it: nothing but a person sees to that."""
    return incident is None and round_ is not None and round_.lonely


def day_slots(now: float, per_hour: int = 3, hours: int = 24) -> Slots:
    """The last `hours` hours, the running one included, as rollups cut them, each in `per_hour` slots."""
    return Slots(now // 3600 * 3600 - (hours - 1) * 3600, 3600 / per_hour, hours * per_hour)


def midnights(now: float, zone: tzinfo, days: int = 90) -> list[float]:
    """When each of the last `days` local days began, today's being the last: a day of a clock change has 23 or 25
    hours."""
    today = datetime.fromtimestamp(now, zone).date()
    return [datetime.combine(today - timedelta(n), time(), zone).timestamp() for n in range(days - 1, -1, -1)]


def gathered(
    pieces: Mapping[int, tuple[int, int]], edges: Sequence[float], begins: Sequence[float], now: float
) -> list[Known]:
    """What is known of each span that begins at `begins` and ends with the next (the last one: now), from microseconds
    up and down by the number of the piece; pieces begin at `edges`, of which `begins` are some."""
    found = []
    bounds = [bisect_left(edges, begin) for begin in begins] + [len(edges)]
    for (first, after), begin, end in zip(pairwise(bounds), begins, [*begins[1:], now], strict=True):
        inside = [pieces[n] for n in range(first, after) if n in pieces]
        up, down = sum(one[0] for one in inside) / 1e6, sum(one[1] for one in inside) / 1e6
        found.append(Known(up, down, max(0.0, end - begin - up - down)))
    return found


def wants(
    component: Component,
    incident: Incident | None,
    tried: Sequence[Attempt],
    now: float,
    orphaned: bool = False,
    failure: Failure | None = None,
) -> Wanted:
    """Whether an open incident needs a `person`, because recovery can do no more, nobody is there to do it
    (`orphaned`), or no restart mends such a `failure`, or waits for a person's `word`, which mode `ask` asks for; while
    a step is given its time it does not. What a parent holds is the parent's."""
    if incident is None or incident.held_by:
        return ""
    if orphaned or incident.recovery == "failed":
        return "person"
    if failure is not None and not component.plan.mending(failure):
        return "person" if failure.remedy == "person" else ""
    pending = bool(tried) and (tried[-1].verify_until or 0.0) > now
    return "word" if component.plan.mode == "ask" and component.plan.ladder and not pending else ""
