"""The figures of a span of time, as a report shows them: averages and shares are worked out here for every form."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal

from heartbeat_cli.domain.alerting.alert import Alert, Sent
from heartbeat_cli.domain.checking.coverage import Degraded, Gap
from heartbeat_cli.domain.checking.gauge import Gauge
from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.availability import Budget, Flaky, Recoveries, Story, Times
from heartbeat_cli.domain.reporting.quantiles import Sketch, merged, quantile
from heartbeat_cli.domain.reporting.trends import Comparison, Forecast, Shift


class Tally(Record):
    """Checks of one component: how many by status, and the response times of those that answered (microseconds).

    `up_us` and `down_us` are the microseconds that checks spoke for: each until the next one, and no longer than its
    reach; `elapsed_us` how long there was something to check. `flaps`: turns between well and not well. `sketch`
    counts response times in buckets (domain/reporting/quantiles.py)."""

    component: str
    kind: str
    counts: tuple[int, ...]
    answered: int = 0
    total_us: int = 0
    attempts: int = 0
    flaps: int = 0
    least_us: int | None = None
    most_us: int | None = None
    up_us: int = 0
    down_us: int = 0
    sketch: Sketch = MappingProxyType({})
    elapsed_us: int = 0

    @property
    def heartbeats(self) -> int:
        return sum(self.counts)

    def count(self, status: str) -> int:
        return self.counts[STATUSES.index(status)]

    @property
    def made(self) -> int:
        """Checks that could be made."""
        return self.heartbeats - self.count("unknown")

    @property
    def failing(self) -> int:
        return self.count("unhealthy") + self.count("error")

    @property
    def healthy_percent(self) -> float | None:
        """Share of healthy checks among those that could be made; None when there was none."""
        return 100.0 * self.count("healthy") / self.made if self.made else None

    @property
    def covered_us(self) -> int:
        """The time of which it is known whether it was up or down."""
        return self.up_us + self.down_us

    @property
    def availability_percent(self) -> float | None:
        """Share of the time it was up (healthy or degraded) of the time that is known; None when none is."""
        return 100.0 * self.up_us / self.covered_us if self.covered_us else None

    @property
    def coverage_percent(self) -> float | None:
        """Share of the time that is known; None where there was nothing to check, or nobody asked."""
        return min(100.0, 100.0 * self.covered_us / self.elapsed_us) if self.elapsed_us > 0 else None

    @property
    def average_response_time(self) -> float | None:
        """Mean response time in seconds over the checks that got an answer."""
        return self.total_us / self.answered / 1e6 if self.answered else None

    def response_time(self, share: float) -> float | None:
        """The seconds that this share of the answers did not exceed, at most 1/64 (1.6 %) off the true figure."""
        found = quantile(self.sketch, share, self.least_us, self.most_us)
        return None if found is None else found / 1e6

    def plus(self, other: "Tally") -> "Tally":
        """Both together, under this one's name: of two spans of a component, or of two components."""
        return self._replace(
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            **{name: getattr(self, name) + getattr(other, name) for name in _ADDED},
            least_us=min((n for n in (self.least_us, other.least_us) if n is not None), default=None),
            most_us=max((n for n in (self.most_us, other.most_us) if n is not None), default=None),
            sketch=merged((self.sketch, other.sketch)),
        )


_ADDED = ("answered", "total_us", "attempts", "flaps", "up_us", "down_us", "elapsed_us")


class Period(Record):
    """Whole local days, both included, and the moments they start and end at (epoch seconds, end excluded). `unit` says
    that it was asked for as a calendar week (ISO 8601: Monday to Sunday) or month."""

    first: date
    last: date
    start: float
    end: float
    unit: Literal["", "week", "month"] = ""

    @property
    def id(self) -> str:
        """`report_20261122`, `report_2026W47`, `report_202611`, `report_20261120_20261122`."""
        if self.unit == "week":
            return f"report_{self.first:%GW%V}"
        if self.unit == "month":
            return f"report_{self.first:%Y%m}"
        if self.first == self.last:
            return f"report_{self.first:%Y%m%d}"
        return f"report_{self.first:%Y%m%d}_{self.last:%Y%m%d}"


class Stretch(Record):
    """A component in one part of the period, for a drawing: an hour, or a local day of a long one. `typical_us` is the
    hour's median response time, or the day's mean."""

    at: float
    typical_us: float | None
    up_us: int
    down_us: int


class Unconfirmed(Record):
    """A component that fails while too few hosts check it for a fault: since when, and who sees it (one line)."""

    component: str
    since: float
    votes: str


class Standing(Record):
    """A component that is not well without being in fault, as of the end of the period: since when (epoch seconds),
    and the last check's error."""

    component: str
    since: float
    error: str = ""


class Summary(Record):
    """Everything a report shows, in whatever form. Times are epoch seconds, lengths seconds.

    `until` is how far the period has come (its end, once that is over). `tallies` are by component id, `whole` is all
    of them together: its availability is the mean of the components', each weighted by the time that is known of it,
    its budget that of the average component. `incidents` oldest first, `alerts` newest first. `coverage_percent`, the
    share of the time in which passes ran as they should, on one host at least; `gaps` are when none watched, and
    `degraded_seconds` counts a time once, however many observers had it. `flakiest` first is worst. `gauges` are the
    hosts' and databases' own figures. `stretches` (by component) and `curves` (the gauges hour by hour, of a fortnight
    at most) are for drawings. `unconfirmed` is what still fails and too few hosts check, `hosts` how many hosts are
    known, `reaches_person` whether any channel reaches a person. `unobserved` is what cannot be checked, `failing` what
    fails and is not in fault yet, both as of the end of the period; `unseen` are the components that could not be
    checked for a time and can be again."""

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
    until: float = 0.0
    whole: Tally = Tally("", "", (0,) * len(STATUSES))
    stories: tuple[Story, ...] = ()
    times: Times = Times()
    recovery: Recoveries = Recoveries()
    flakiest: tuple[Flaky, ...] = ()
    budget: Budget | None = None
    budgets: Mapping[str, Budget] = MappingProxyType({})
    downtime: Mapping[str, float] = MappingProxyType({})
    gap_seconds: float = 0.0
    degraded_seconds: float = 0.0
    gauges: tuple[Gauge, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    shifts: tuple[Shift, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    stretches: Mapping[str, tuple[Stretch, ...]] = MappingProxyType({})
    curves: tuple[tuple[float, Gauge], ...] = ()
    unconfirmed: tuple[Unconfirmed, ...] = ()
    hosts: int = 1
    reaches_person: bool = True
    unobserved: tuple[Standing, ...] = ()
    failing: tuple[Standing, ...] = ()
    unseen: tuple[str, ...] = ()


def total(tallies: Iterable[Tally]) -> Tally:
    """All tallies as one."""
    whole = Tally("", "", (0,) * len(STATUSES))
    found = list(tallies)
    for tally in found:
        whole = whole.plus(tally._replace(sketch={}))
    return whole._replace(sketch=merged(tally.sketch for tally in found))
