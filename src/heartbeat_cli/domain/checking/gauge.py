"""A figure that goes up and down (CPU, memory, a disk, traffic) over a span: least, mean, most and last value.

Values are kept as whole thousandths, so that sums are exact and two stores come to the same digits.
"""

from collections.abc import Iterable

from heartbeat_cli.domain.record import Record

KINDS = ("host", "database")  # whose figures are rolled up
METRICS = (
    "cpu_percent",
    "memory_used_percent",
    "swap_used_percent",
    "disk_used_percent",
    "inodes_used_percent",
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
    "connections_used_percent",
)


class Gauge(Record):
    """`label` tells figures of one name apart (a disk's mount point). All values but `number` in thousandths."""

    component: str
    metric: str
    label: str
    number: int
    total: int
    least_milli: int
    most_milli: int
    last_milli: int

    @property
    def mean(self) -> float:
        return self.total / self.number / 1000

    @property
    def least(self) -> float:
        return self.least_milli / 1000

    @property
    def most(self) -> float:
        return self.most_milli / 1000

    @property
    def last(self) -> float:
        return self.last_milli / 1000

    def plus(self, later: "Gauge") -> "Gauge":
        """This one and what came after it."""
        return self._replace(
            number=self.number + later.number,
            total=self.total + later.total,
            least_milli=min(self.least_milli, later.least_milli),
            most_milli=max(self.most_milli, later.most_milli),
            last_milli=later.last_milli,
        )


def joined(parts: Iterable[Gauge]) -> tuple[Gauge, ...]:
    """Parts in the order of their time, as one gauge a figure."""
    found: dict[tuple[str, str, str], Gauge] = {}
    for part in parts:
        before = found.get(part[:3])
        found[part[:3]] = part if before is None else before.plus(part)
    return tuple(found[name] for name in sorted(found))
