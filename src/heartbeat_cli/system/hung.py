"""Programs that could not be killed: they wait in the kernel, or run as another user (sudo). A check leaves time for
the end of one, and remembers it: another one of each check would hang beside it until the host is rebooted.
"""

from collections.abc import Iterable, Mapping
from typing import Any

KEY = "hung"  # of the memory
_RESERVE, _SHARE = 1.1, 0.4  # seconds for a program that cannot be killed, and at most this share of the check's time
_REAP = 0.5  # share of the reserve in which its end is waited for; the rest is slack


def reserve(timeout: float) -> float:
    """Seconds of a check's time that its program does not have."""
    return min(_RESERVE, timeout * _SHARE)


def reap(timeout: float) -> float:
    """Seconds in which the end of a program that was killed is waited for."""
    return reserve(timeout) * _REAP


def kept(left: int | None) -> dict[str, Any]:
    """What the next check has to know of the process of this number, if one is left."""
    if left is None:
        return {}
    from heartbeat_cli.system import offspring

    return {KEY: [left, offspring.began(str(left))]}


def still(memories: Iterable[Mapping[str, Any]]) -> int | None:
    """The number of a process that an earlier check has left, and that hangs still."""
    for memory in memories:
        match memory.get(KEY):
            case [int(pid), float(since)]:
                from heartbeat_cli.system import offspring

                if offspring.began(str(pid)) == since:
                    return pid
    return None


def without(memory: Mapping[str, Any]) -> dict[str, Any]:
    """The memory of an earlier check, without the process that it has left."""
    return {key: value for key, value in memory.items() if key != KEY}
