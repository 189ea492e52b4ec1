"""Processes as the kernel describes them in /proc/<pid>/stat: read from its text, chosen by name, and their CPU time
between two checks. proc_pid_stat(5), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from typing import Any

from heartbeat_cli.domain.kinds.value_checks import as_number
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record

LONGEST_NAME = 15  # bytes of a process's name: TASK_COMM_LEN of the kernel, without the NUL at its end
SHORTEST_SECONDS = 1.0  # between two checks: the kernel counts in ticks of 10 ms, so a shorter one is mostly noise

_KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD among the flags
_MOST_KEPT = 256  # processes whose CPU time is kept for the next check
# Places among the fields after the name in brackets: fields 3 and on of the manual page.
_STATE, _PARENT, _GROUP, _FLAGS, _USER, _SYSTEM, _THREADS, _STARTED, _RESIDENT = 0, 1, 2, 6, 11, 12, 17, 19, 21


class Process(Record):
    """One process. `began` and `cpu` are seconds: from the host's start to its own, and of CPU in user and kernel mode
    together; `memory` is what it has in RAM, in bytes (RSS)."""

    pid: int
    parent: int
    group: int
    name: str
    state: str
    began: float
    cpu: float
    memory: int
    kernel: bool = False

    @property
    def runs(self) -> bool:
        """False for one that has ended and is not yet collected by its parent (a zombie). One that waits for a disk
        (D), or is stopped (T), runs."""
        return self.state not in "ZXx"

    @property
    def key(self) -> str:
        """Tells it from every other process of this boot: numbers are used again."""
        return f"{self.pid}@{self.began:.3f}"


def parse_stat(text: str, ticks: int, page: int) -> Process | None:
    """The process of one /proc/<pid>/stat; `ticks` a second, `page` in bytes. None for a text that is none. The name
    may hold any character, brackets and blanks too."""
    number, _, rest = text.partition(" (")
    name, _, tail = rest.rpartition(") ")
    fields, pid = tail.split(), whole(number)
    if pid is None or len(fields) <= _RESIDENT:
        return None
    used, started = _number(fields[_USER]) + _number(fields[_SYSTEM]), _number(fields[_STARTED])
    state = fields[_STATE][:1]
    if state == "Z" and _number(fields[_THREADS]) > 1:
        state = "S"  # its first thread has ended, and others work
    memory, flags = _number(fields[_RESIDENT]) * page, _number(fields[_FLAGS])
    return Process(
        pid,
        _number(fields[_PARENT]),
        _number(fields[_GROUP]),
        name,
        state,
        started / ticks,
        used / ticks,
        memory,
        bool(flags & _KERNEL_THREAD),
    )


def _number(text: str) -> int:
    return whole(text) or 0


def is_pattern(name: str) -> bool:
    """Whether a name is a glob."""
    return any(sign in name for sign in "*?[")


def too_long(pattern: str) -> bool:
    """Whether no name is long enough for a glob."""
    least = re.sub(r"\[!?\]?[^]]*\]", "x", pattern).replace("*", "")
    return len(least.encode()) > LONGEST_NAME


def name_matcher(name: str) -> Callable[[str], bool]:
    """Whether a process's name is this one, or matches this glob. The kernel keeps 15 bytes of a name, so of one that
    is no glob as many are compared."""
    if is_pattern(name):
        found = re.compile(translate(name)).match
        return lambda one: found(one) is not None
    cut = name.encode()[:LONGEST_NAME].decode(errors="replace")
    return lambda one: one == cut


def started_here(processes: Iterable[Process], own: int) -> set[int]:
    """The process of this number and those that started it, as far as they are of its process group: cron's shell,
    `timeout`, `sudo`. Their command lines name what heartbeat watches without being it."""
    by_number = {one.pid: one for one in processes}
    found: set[int] = set()
    at = by_number.get(own)
    group = at.group if at else 0
    while at is not None and at.group == group and at.pid not in found:
        found.add(at.pid)
        at = by_number.get(at.parent)
    return found


def remembered(boot: str, uptime: float, processes: Sequence[Process]) -> dict[str, Any]:
    """What the next check needs for `cpu_percent`, JSON-able: of the processes that have used most, where there are
    very many."""
    biggest = sorted(processes, key=lambda one: -one.cpu)[:_MOST_KEPT]
    return {"boot": boot, "uptime": uptime, "cpu": {one.key: round(one.cpu, 3) for one in biggest}}


def cpu_percent(memory: Mapping[str, Any], boot: str, uptime: float, processes: Iterable[Process]) -> float | None:
    """Percent of one CPU that the processes have used since the check that left this memory; more than 100 for several
    CPUs. None where there is no such check, or it is too close, or the host has started since. A process that began
    since then counts in full; one that has ended is not known any more."""
    before, at = memory.get("cpu"), as_number(memory.get("uptime"))
    if memory.get("boot") != boot or not isinstance(before, Mapping) or at is None:
        return None
    seconds = uptime - at
    if seconds < SHORTEST_SECONDS:
        return None
    used = 0.0
    for one in processes:
        past = as_number(before.get(one.key, 0.0 if one.began >= at else one.cpu))
        used += 0.0 if past is None else max(0.0, one.cpu - past)
    return 100.0 * used / seconds


def too_soon(memory: Mapping[str, Any], boot: str, uptime: float) -> bool:
    """Whether the last check is so close that its times are worth keeping for the next one."""
    at = as_number(memory.get("uptime"))
    return memory.get("boot") == boot and at is not None and 0 <= uptime - at < SHORTEST_SECONDS
