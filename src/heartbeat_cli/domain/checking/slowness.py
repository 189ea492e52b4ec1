"""When a good answer came too late: against a fixed limit, or against the component's own recent past."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.component import Common
from heartbeat_cli.domain.text import Text

SLOW = "slow: "  # how lateness is worded; an alert is then named after it
KEPT = 50  # answers that the own past is made of
LEAST = 20  # fewer of them say nothing yet
MEMORY = "response_times"
_LONGEST = 1e6  # seconds; no check takes that long
_GROWTH = 1.1  # what a late answer may add to the measure: being slow for good is believed slowly


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by nearest rank. `values` is not empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def judge(common: Common, reading: Reading, memory: Mapping[str, Any]) -> Reading:
    """The reading, degraded where it was healthy but late; with `slow_factor` it remembers its response time.

    A late answer is remembered a tenth above the measure it broke, so that one spike, or an hour of them, moves the
    measure little, while a component that has become slower for good is in time no longer called slow.
    """
    took = reading.response_time
    own_limit, past = _own_limit(common, memory)
    if common.slow_factor is not None:
        kept = past if reading.status != "healthy" or took is None else [*past, _remembered(common, took, own_limit)]
        reading = reading._replace(memory={**reading.memory, MEMORY: kept[-KEPT:]})
    if reading.status != "healthy" or took is None:
        return reading
    if common.slow_after is not None and took > common.slow_after:
        return _late(reading, Text("slow: {took:.2f} s (limit {limit:g} s)", took=took, limit=common.slow_after))
    if own_limit is not None and took > own_limit:
        text = Text(
            "slow: {took:.2f} s ({slow_factor:g} times its recent 95th percentile is {own_limit:.2f} s)",
            took=took,
            slow_factor=common.slow_factor or 0.0,
            own_limit=own_limit,
        )
        return _late(reading, text)
    return reading


def _late(reading: Reading, why: str) -> Reading:
    """What a monitor says of a failure is not about its lateness."""
    return reading._replace(status="degraded", error=why, category=None, remedy=None)


def _own_limit(common: Common, memory: Mapping[str, Any]) -> tuple[float | None, list[float]]:
    """The limit that the recent past sets, None while it says too little; and that past."""
    stored = memory.get(MEMORY)
    past = [one for one in stored if _is_a_time(one)][-KEPT:] if isinstance(stored, list) else []
    if common.slow_factor is None or len(past) < LEAST:
        return None, past
    return max(common.slow_floor, common.slow_factor * percentile(past, 0.95)), past


def _remembered(common: Common, took: float, own_limit: float | None) -> float:
    if own_limit is None or common.slow_factor is None or took <= own_limit:
        return round(took, 6)
    return round(min(took, own_limit / common.slow_factor * _GROWTH), 6)


def _is_a_time(value: Any) -> bool:
    """Whether what was remembered can be a response time: memory comes from a store that anybody may have edited."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST
