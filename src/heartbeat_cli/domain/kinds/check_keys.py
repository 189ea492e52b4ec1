"""The keys of one entry of `checks`, the limits on single values of an answer. `value_checks.py` judges by them."""

from typing import Any, Literal

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.record import Record

Op = Literal[">=", "<=", "<", ">", "==", "!=", "contains"]
Agg = Literal["sum", "min", "max", "avg", "count"]
Absent = Literal["unhealthy", "degraded", "healthy", "unknown"]
Limit = float | bool | str

MEMORY = "rates"  # where a reading keeps the counters of its checks for the next one
_NO_LABELS: dict[str, str] = {}


class Check(Record):
    """One value and what it must be.

    op: what must hold between the value and a limit: >=, <=, <, >, ==, != or contains (a text in a text or list)
    path: for JSON: where the value stands, dotted: healthy_count, items.length(), endpoints.*.model
    metric: for metrics: name of the metric
    labels: for metrics: labels that a series must have, with their values; others do not matter
    agg: how several values become one: sum (the default), min, max, avg or count; count of no values is 0
    warn: limit that makes the component degraded when the value breaks it
    critical: limit that makes it unhealthy
    rate: true: the value is a counter, and its increase per second between two checks is judged; the first check, and
        one after the counter was reset, judge nothing
    absent: what a missing value means: unhealthy, degraded, healthy or unknown
    name: name of the figure and in messages; default: made from path or metric
    category: kind of failure that breaking it is: process, starting, draining, dependency, provider, credentials,
        quota, configuration, resource or network; default: none is named, which counts as process
    """

    op: Op
    path: str | None = None
    metric: str | None = None
    labels: dict[str, str] = _NO_LABELS
    agg: Agg | None = None
    warn: float | bool | str | None = None
    critical: float | bool | str | None = None
    rate: bool = False
    absent: Absent = "unhealthy"
    name: str | None = None
    category: Category | None = None

    @property
    def shown(self) -> str:
        """How messages call the value."""
        return self.name or self.path or self.metric or ""

    @property
    def figure(self) -> str:
        """The name of its metric, in snake_case."""
        from heartbeat_cli.domain.kinds.perfdata import figure_name  # every pass with an agent imports this module

        agg = f"_{self.agg}" if self.name is None and self.agg not in (None, "sum") else ""
        name = figure_name(self.shown + agg)
        return f"{name}_per_second" if self.rate and not name.endswith("_per_second") else name

    @property
    def selection(self) -> tuple[Any, ...]:
        """What it looks at: checks with the same one have the same value."""
        return self.path, self.metric, tuple(sorted(self.labels.items())), self.agg, self.rate

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those that are set."""
        return tuple(one for one in (self.warn, self.critical) if one is not None)
