"""What happened on this machine between two checks: pure differences of stored counters.

A reboot, a clock step, a device that came or went, a counter that wrapped: each makes a figure missing, never
negative. Time is the machine's uptime, which no clock step touches; the boot's id tells one from another.
"""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.system.procfs import Snapshot

SHORTEST_SECONDS = 1.0  # CPU ticks are 10 ms: below this, a rate is mostly noise

Pairs = Mapping[str, tuple[float, float]]


class Past(Record):
    """The counters of the last check."""

    boot: str
    uptime: float
    cpu: tuple[float, float]
    network: Pairs
    disks: Pairs
    oom_kills: float | None


class Rates(Record):
    """Means since the last check: per second, but `oom_kills`, which is a count."""

    cpu_percent: float | None
    received: float
    transmitted: float
    read: float
    written: float
    oom_kills: float


def remember(now: Snapshot) -> dict[str, Any]:
    """What the next check needs of this one, JSON-able."""
    return {
        "boot": now.boot,
        "uptime": now.uptime,
        "cpu": list(now.cpu),
        "network": {name: list(pair) for name, pair in now.network.items()},
        "disks": {name: list(pair) for name, pair in now.disks.items()},
        "oom_kills": now.oom_kills,
    }


def recall(memory: Mapping[str, Any]) -> Past | None:
    """The last check's counters; None when there was none or what is stored makes no sense."""
    try:
        oom_kills = memory["oom_kills"]
        return Past(
            str(memory["boot"]),
            float(memory["uptime"]),
            _pair(memory["cpu"]),
            {str(name): _pair(pair) for name, pair in memory["network"].items()},
            {str(name): _pair(pair) for name, pair in memory["disks"].items()},
            None if oom_kills is None else float(oom_kills),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _pair(value: Any) -> tuple[float, float]:
    first, second = value
    return float(first), float(second)


def too_soon(past: Past, now: Snapshot) -> bool:
    """Whether the last check is so close that its counters are worth keeping for the next one."""
    return past.boot == now.boot and 0 <= now.uptime - past.uptime < SHORTEST_SECONDS


def between(past: Past, now: Snapshot) -> Rates | None:
    """The means since `past`; None when it was another boot, or too little time has gone by."""
    seconds = now.uptime - past.uptime
    if past.boot != now.boot or not seconds >= SHORTEST_SECONDS:
        return None
    received, transmitted = _grown(past.network, now.network)
    read, written = _grown(past.disks, now.disks)
    kills = 0.0 if past.oom_kills is None or now.oom_kills is None else max(0.0, now.oom_kills - past.oom_kills)
    return Rates(
        _cpu_percent(past, now),
        received / seconds,
        transmitted / seconds,
        read / seconds,
        written / seconds,
        kills,
    )


def _cpu_percent(past: Past, now: Snapshot) -> float | None:
    busy, total = now.cpu[0] - past.cpu[0], now.cpu[1] - past.cpu[1]
    # Idle time can step back a little on tickless kernels, so a share may come out just outside of 0 to 100.
    return min(100.0, max(0.0, 100.0 * busy / total)) if total > 0 else None


def _grown(past: Pairs, now: Pairs) -> tuple[float, float]:
    """How much both counters grew, over the devices that were there before and were not reset."""
    first = second = 0.0
    for name, (one, two) in now.items():
        before = past.get(name)
        if before is not None and one >= before[0] and two >= before[1]:
            first += one - before[0]
            second += two - before[1]
    return first, second
