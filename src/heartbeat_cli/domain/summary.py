"""The figures of a span of time, as a report shows them: averages and shares are worked out here for every form."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from heartbeat_cli.domain.alert import Alert, Sent
from heartbeat_cli.domain.coverage import Degraded, Gap
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.result import STATUSES


class Tally(NamedTuple):
    """Looks at one component: how many by status, and the response times of those that answered (microseconds)."""

    component: str
    kind: str
    counts: tuple[int, ...]
    answered: int = 0
    total_us: int = 0

    @property
    def heartbeats(self) -> int:
        return sum(self.counts)

    def count(self, status: str) -> int:
        return self.counts[STATUSES.index(status)]

    @property
    def healthy_percent(self) -> float | None:
        """Share of healthy looks among those that could be made; None when there was none."""
        made = self.heartbeats - self.count("unknown")
        return 100.0 * self.count("healthy") / made if made else None

    @property
    def availability_percent(self) -> float | None:
        """Share of looks that found it answering well (healthy or degraded) among those that could be made."""
        made = self.heartbeats - self.count("unknown")
        return 100.0 * (self.count("healthy") + self.count("degraded")) / made if made else None

    @property
    def average_response_time(self) -> float | None:
        """Mean response time in seconds over the looks that got an answer."""
        return self.total_us / self.answered / 1e6 if self.answered else None


class Period(NamedTuple):
    """Whole local days, both included, and the moments they start and end at (epoch seconds, end excluded)."""

    first: date
    last: date
    start: float
    end: float

    @property
    def id(self) -> str:
        if self.first == self.last:
            return f"report_{self.first:%Y%m%d}"
        return f"report_{self.first:%Y%m%d}_{self.last:%Y%m%d}"


class Summary(NamedTuple):
    """Everything a report shows, in whatever form."""

    period: Period
    timezone: str
    names: dict[str, str]
    tallies: list[Tally]
    incidents: list[Incident]
    attempts: list[Attempt]
    alerts: list[Alert]
    deliveries: list[Sent]
    gaps: list[Gap]
    degraded: list[Degraded]
    coverage_percent: float | None = None


def total(tallies: Sequence[Tally]) -> Tally:
    """All tallies as one."""
    counts = tuple(sum(tally.counts[n] for tally in tallies) for n in range(len(STATUSES)))
    return Tally("", "", counts, sum(tally.answered for tally in tallies), sum(tally.total_us for tally in tallies))
