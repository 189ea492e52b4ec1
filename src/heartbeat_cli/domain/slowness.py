"""When a good answer came too late: against a fixed limit, or against the component's own recent past."""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.component import Common
from heartbeat_cli.domain.result import Reading

SLOW = "slow: "  # how lateness is worded; an alert is then named after it
KEPT = 50  # answers that the own past is made of
LEAST = 20  # fewer of them say nothing yet
MEMORY = "response_times"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by nearest rank. `values` is not empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def judge(common: Common, reading: Reading, memory: Mapping[str, Any]) -> Reading:
    """The reading, degraded where it was healthy but late; with `slow_factor` it remembers its response time.

    A late answer is remembered at the limit it broke, so that one spike moves the measure little, while a component
    that has become slower for good is in time no longer called slow.
    """
    took = reading.response_time
    own_limit, past = _own_limit(common, memory)
    if common.slow_factor is not None:
        kept = past if reading.status != "healthy" or took is None else [*past, round(min(took, own_limit or took), 6)]
        reading = reading._replace(memory={**reading.memory, MEMORY: kept[-KEPT:]})
    if reading.status != "healthy" or took is None:
        return reading
    if common.slow_after is not None and took > common.slow_after:
        return reading._replace(status="degraded", error=f"{SLOW}{took:.2f} s (limit {common.slow_after:g} s)")
    if own_limit is not None and took > own_limit:
        text = f"{SLOW}{took:.2f} s ({common.slow_factor:g} times its recent 95th percentile is {own_limit:.2f} s)"
        return reading._replace(status="degraded", error=text)
    return reading


def _own_limit(common: Common, memory: Mapping[str, Any]) -> tuple[float | None, list[float]]:
    """The limit that the recent past sets, None while it says too little; and that past."""
    stored = memory.get(MEMORY)
    past = [float(one) for one in stored if isinstance(one, int | float)] if isinstance(stored, list) else []
    if common.slow_factor is None or len(past) < LEAST:
        return None, past
    return max(common.slow_floor, common.slow_factor * percentile(past, 0.95)), past
