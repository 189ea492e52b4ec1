"""What one check of one component gave: the `Reading`, and the `CheckContext` that asked for it.

Named tuples, not dataclasses: every tick pays for building these classes, and a named tuple costs half.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from heartbeat_cli.domain.category import PROCESS, Category, Failure, Remedy, failure_by_words
from heartbeat_cli.domain.record import Record

Status = Literal["healthy", "degraded", "unhealthy", "error", "unknown"]

STATUSES: tuple[Status, ...] = ("healthy", "degraded", "unhealthy", "error", "unknown")
BY_NUMBER: dict[int, Status] = dict(enumerate(STATUSES))  # as stores have them; one with another number is passed over
FAILURES = frozenset({"unhealthy", "error"})
SUCCESSES = frozenset({"healthy", "degraded"})

_EMPTY: Mapping[str, Any] = {}


class Metric(Record):
    """One figure. `type` is `gauge` or `counter`; `metadata` tells rows of one name apart (`mount`, `device`) and
    may carry `unit`. Names are snake_case with a base unit: `query_seconds`, `memory_used_percent`, `size_bytes`."""

    name: str
    value: float
    type: str = "gauge"
    metadata: Mapping[str, str] = _EMPTY


class CheckContext(Record):
    """The circumstances of one check: everything a monitor may know besides its settings.

    `memory` is what the last check of this component left behind (`Reading.memory`), empty at first.
    `now` is seconds since the epoch, `timeout` seconds this check may take. `note` is the path of a file in the state
    folder that a monitor with `KEEPS_NOTES = True` has to itself for this component, for what a killed pass must not
    forget; None where the check is not one of a pass (`heartbeat doctor`). `interval` is how many seconds usually lie
    between two checks of it; None where that is not known. `confirming`: a recovery step follows if it fails, so that
    what stands from an earlier check is not enough.
    """

    component: str
    timeout: float
    now: float
    memory: Mapping[str, Any] = _EMPTY
    note: str | None = None
    interval: float | None = None
    confirming: bool = False


class Reading(Record):
    """The result of a check. `response_time` in seconds, None where nothing answered.

    `error` is one plain line (None when healthy); `evidence` holds longer facts for an alert, by label;
    `memory` is handed to the next check (JSON-able, small). `certain`: nothing runs there on this host (a connection
    refused by it, a unit or container that has ended), so that checks which confirm it need not wait; never for what
    only keeps silent or answers badly. `category`: what kind of failure a status other than healthy shows, and `remedy`
    what could mend it, where that is not what usually mends its category.
    """

    status: Status
    response_time: float | None = None
    error: str | None = None
    metrics: tuple[Metric, ...] = ()
    evidence: Mapping[str, str] = _EMPTY
    memory: Mapping[str, Any] = _EMPTY
    attempts: int = 1
    certain: bool = False
    category: Category | None = None
    remedy: Remedy | None = None

    @property
    def failure(self) -> Failure | None:
        """What kind of failure it shows: of a failing reading that does not say, one of the process. None where there
        is none to explain."""
        if self.status in ("healthy", "unknown"):
            return None
        return failure_by_words(self.category, self.remedy) or (PROCESS if self.status in FAILURES else None)


Explain = Callable[[Reading, CheckContext], Reading]  # asks elsewhere about a certain failure; blocks for a moment


def unknown(reason: str, memory: Mapping[str, Any] = _EMPTY) -> Reading:
    """heartbeat could not check; `memory` is kept so that the next real check still has its past."""
    return Reading("unknown", error=reason, memory=memory)
