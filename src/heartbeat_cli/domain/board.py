"""The facts of one moment and the day behind it, as the dashboard shows them: the store gathers, the view words."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from heartbeat_cli.domain.alert import Alert, Sent
from heartbeat_cli.domain.fault_detection import State
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.result import Status


class Slots(NamedTuple):
    """Equal spans that time is cut into: `number` of them, `step` seconds each, from `start` (epoch seconds) on."""

    start: float
    step: float
    number: int

    @property
    def end(self) -> float:
        return self.start + self.step * self.number


class Seen(NamedTuple):
    """What was seen of one component in one slot: looks by status, how many were answered, and how long that took in
    all (seconds)."""

    good: int = 0
    degraded: int = 0
    failed: int = 0
    unknown: int = 0
    answered: int = 0
    seconds: float = 0.0

    @property
    def judged(self) -> int:
        """Looks that say something about the component: what could not be looked at is neither up nor down."""
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


class Glance(NamedTuple):
    """The last look at a component."""

    at: float
    status: Status
    response_time: float | None = None
    error: str | None = None


class Quiet(NamedTuple):
    """A silence or maintenance in force: `kind` is one of these two words."""

    kind: str
    ends: float
    reason: str


class LastPass(NamedTuple):
    """The newest pass of an observer: epoch seconds, and how many components it looked at."""

    observer: str
    started: float
    finished: float
    looks: int


class Curve(NamedTuple):
    """One figure of a component over time: `values` by slot, None where there is none; `mount` for a disk's."""

    component: str
    metric: str
    mount: str
    values: Sequence[float | None]


class Board(NamedTuple):
    """All of it. Mappings are by component id; `seen` has the slots in which something was looked at."""

    slots: Slots
    last_pass: LastPass | None
    states: Mapping[str, State]
    glances: Mapping[str, Glance]
    quiet: Mapping[str, Quiet]
    seen: Mapping[str, Mapping[int, Seen]]
    incidents: Sequence[Incident]
    attempts: Mapping[str, Sequence[Attempt]]
    alerts: Sequence[Alert]
    deliveries: Mapping[str, Sequence[Sent]]
    curves: Sequence[Curve]


def day_slots(now: float, utc_offset: float, per_hour: int = 3, hours: int = 24) -> Slots:
    """The last `hours` hours of a local clock, the running one included, each cut into `per_hour` slots."""
    hour = (now + utc_offset) // 3600 * 3600 - utc_offset
    return Slots(hour - (hours - 1) * 3600, 3600 / per_hour, hours * per_hour)
