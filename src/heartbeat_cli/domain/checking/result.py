"""What one look at one component gave: the `Reading`, and the `Look` that asked for it.

Named tuples, not dataclasses: every tick pays for building these classes, and a named tuple costs half.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Status = Literal["healthy", "degraded", "unhealthy", "error", "unknown"]

STATUSES: tuple[Status, ...] = ("healthy", "degraded", "unhealthy", "error", "unknown")
FAILURES = frozenset({"unhealthy", "error"})
SUCCESSES = frozenset({"healthy", "degraded"})

_EMPTY: Mapping[str, Any] = {}


class Metric(NamedTuple):
    """One figure. `type` is `gauge` or `counter`; `metadata` tells rows of one name apart (`mount`, `device`) and
    may carry `unit`. Names are snake_case with a base unit: `query_seconds`, `memory_used_percent`, `size_bytes`."""

    name: str
    value: float
    type: str = "gauge"
    metadata: Mapping[str, str] = _EMPTY


class Look(NamedTuple):
    """The circumstances of one look: everything a monitor may know besides its settings.

    `memory` is what the last look at this component left behind (`Reading.memory`), empty at first.
    `now` is seconds since the epoch, `timeout` seconds this look may take.
    """

    component: str
    timeout: float
    now: float
    memory: Mapping[str, Any] = _EMPTY


class Reading(NamedTuple):
    """The result of a look. `response_time` in seconds, None where nothing answered.

    `error` is one plain line (None when healthy); `evidence` holds longer facts for an alert, by label;
    `memory` is handed to the next look (JSON-able, small).
    """

    status: Status
    response_time: float | None = None
    error: str | None = None
    metrics: tuple[Metric, ...] = ()
    evidence: Mapping[str, str] = _EMPTY
    memory: Mapping[str, Any] = _EMPTY
    attempts: int = 1


def unknown(reason: str, memory: Mapping[str, Any] = _EMPTY) -> Reading:
    """heartbeat could not look; `memory` is kept so that the next real look still has its past."""
    return Reading("unknown", error=reason, memory=memory)
