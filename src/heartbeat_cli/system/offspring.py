"""Finds what a run or a recovery step has started and what runs still, by a mark in its environment, which whatever it
starts inherits. What runs as another user (by sudo) is not seen: to read the environment of a process is to read its
memory, and who owns it can have that wait for ever (a file system of his own behind it). Nor is what runs in a
container, whose root gives it any environment. A search ends at its deadline, however many processes there are.
"""

import errno
import os
import time
from binascii import crc32
from collections.abc import Iterator, Sequence
from contextlib import suppress

from heartbeat_cli.domain.plain import whole
from heartbeat_cli.system import process, procfs

STEP = "HEARTBEAT_STEP"  # the variable that says which step: what `step_mark` makes of its program
_ENVIRONMENT = 1_048_576  # bytes of it that are read
_START_TIME = 19  # among the fields of /proc/<pid>/stat after the name in brackets: field 22 of proc_pid_stat(5)


def left_by(pid: int, until: float) -> bool:
    """Whether a program runs that the run of this number started, or that comes from such a one. True if the search is
    not over by `until` (time.monotonic()), or if there is no /proc."""
    try:
        return any(_marked(process.RUN_MARK, str(pid), until))
    except OSError:
        return True


def step_mark(argv: Sequence[str], cwd: str | None) -> str:
    """What marks what a step starts: a checksum, since the arguments may be secrets."""
    text = "\0".join([cwd or "", *argv]).encode(errors="surrogateescape")
    return f"{crc32(text):08x}{len(text):x}"


def started_by(mark: str, until: float) -> float | None:
    """When (epoch seconds) the newest program began that a step of this mark has started and that still runs; None if
    none was found by `until` (time.monotonic())."""
    begun = list[float]()
    with suppress(OSError):
        for pid in _marked(STEP, mark, until):
            if (at := began(pid)) is not None:
                begun.append(at)
    up = procfs.uptime()
    return time.time() - (up - max(begun)) if begun and up is not None else None


def _marked(name: str, value: str, until: float) -> Iterator[str]:
    """The numbers of our processes with that in their environment. Raises OSError where there is no /proc, TimeoutError
    at `until`: the kernel takes some 20 ms for the status of a process in 65,536 groups."""
    mark, ours = f"{name}={value}\0".encode(), _namespace("self")
    for number in os.listdir("/proc"):
        if time.monotonic() >= until:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        if whole(number) is None or _namespace(number) != ours or process.owner(f"/proc/{number}") != os.geteuid():
            continue
        try:
            with open(f"/proc/{number}/environ", "rb") as file:
                if mark in file.read(_ENVIRONMENT) + b"\0":
                    yield number
        except OSError:  # one that has ended, or another user's
            continue


def _namespace(number: str) -> str:
    """The PID namespace of a process; "" where that cannot be read, as in a kernel without them. Who may not read it
    may not read the environment either."""
    try:
        return os.readlink(f"/proc/{number}/ns/pid")
    except OSError:
        return ""


def began(pid: str) -> float | None:
    """Seconds from the host's start to that of a process; None where it has ended."""
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read(4_096).rpartition(") ")[2].split()
        ticks = whole(fields[_START_TIME]) if len(fields) > _START_TIME and fields[0] not in "ZX" else None
        return None if ticks is None else ticks / os.sysconf("SC_CLK_TCK")
    return None
