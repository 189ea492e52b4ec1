"""The processes of this host, read from /proc once for all who ask in one check.

What the kernel itself keeps (stat, status) may be read of every process. A command line is the memory of its process,
and whoever owns that can have a read of it wait for ever: it is read of heartbeat's own user only, as root too.
"""

import errno
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property

from heartbeat_cli.domain.kinds.processes import Process, parse_stat, started_here
from heartbeat_cli.domain.plain import lines_of, whole
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import proc_status, process

_MOST = 100_000  # processes; the kernel's own limit is 4 millions
_COMMAND_LINE = 32_768  # bytes of it that are read
_STAT = 4_096
_SEES_ALL = 1 << 19  # CAP_SYS_PTRACE of capabilities(7)
_ONLY_TRACED = ("4", "ptraceable")  # values of hidepid= with which no group sees more


class Processes:
    """Read at first use, by `until` (time.monotonic()). Its methods raise OSError where /proc cannot be read: a
    TimeoutError when the time is over."""

    def __init__(self, until: float, proc: str = "/proc") -> None:
        self._until, self._proc = until, proc
        self._ticks, self._page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGESIZE")
        self._command_lines: dict[int, str | None] = {}
        self._users: dict[int, list[int]] = {}

    @cached_property
    def all(self) -> list[Process]:
        """Every process that can be seen."""
        numbers = [name for name in os.listdir(self._proc) if whole(name) is not None]
        if len(numbers) > _MOST:
            raise OSError(errno.E2BIG, Text("it has more than {n:,} processes", n=_MOST))
        found = []
        for number in numbers:
            self._check_time()
            if (one := self._read(number)) is not None:
                found.append(one)
        return found

    def one(self, pid: int) -> Process | None:
        """The process of a number; None where there is none, it cannot be seen, or a thread of another one has the
        number."""
        found = self._read(str(pid))
        if found is None:
            return None
        try:
            return found if self._status(pid, "Tgid") == [str(pid)] else None
        except OSError:  # it has ended
            return None

    def those(self, pids: Iterable[int]) -> list[Process]:
        """The processes of these numbers that can be seen."""
        return [found for pid in pids if (found := self._read(str(pid))) is not None]

    def users(self, pid: int) -> list[int]:
        """Whose process it is: its users, real, effective, saved and of its file accesses. Empty where it has ended."""
        if pid not in self._users:
            self._check_time()
            self._users[pid] = process.users(f"{self._proc}/{pid}")
        return self._users[pid]

    def is_nested(self, pid: int) -> bool:
        """Whether it is in a PID namespace below the one of this process, as those of a container are: whoever is root
        there gives his processes any name and any user. pid_namespaces(7). One whose status cannot be read in full
        counts as such."""
        self._check_time()
        try:
            return len(self._status(pid, "NSpid")) > self._depth
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            return False
        except OSError:
            return True

    @cached_property
    def _depth(self) -> int:
        """Of this process: more than 1 where /proc is that of a namespace above it."""
        try:
            return max(1, len(self._status("self", "NSpid")))
        except OSError:
            return 1

    def command_line(self, pid: int) -> str | None:
        """The program and its arguments, with blanks between them; "" for one that has ended, None for a process of
        another user."""
        if pid not in self._command_lines:
            self._command_lines[pid] = self._command_line(f"{self._proc}/{pid}")
        return self._command_lines[pid]

    def open_files(self, pids: Iterable[int]) -> int | None:
        """How many files they have open, all together; None where the kernel does not say (before Linux 6.2, where each
        would have to be counted)."""
        count = 0
        for pid in pids:
            try:
                size = os.stat(f"{self._proc}/{pid}/fd").st_size
            except OSError:
                return None
            if size == 0 and not count:
                return None
            count += size
        return count

    @cached_property
    def of_this_run(self) -> set[int]:
        """heartbeat itself and what started it."""
        return started_here(self.all, os.getpid())

    @cached_property
    def hides_others(self) -> bool:
        """Whether processes of other users cannot be seen: /proc is mounted with hidepid, and no right of ours lifts
        that. proc(5)."""
        if self._read("1") is None:
            return True
        options = _options(self._text("self/mountinfo", 1_048_576), self._proc)
        hidden = options.get("hidepid", "0")
        if hidden in ("0", "off"):
            return False
        with suppress(OSError, ValueError, IndexError):
            if int(self._status("self", "CapEff")[0], 16) & _SEES_ALL:
                return False
        return hidden in _ONLY_TRACED or whole(options.get("gid", "0")) not in {os.getegid(), *os.getgroups()}

    @cached_property
    def boot(self) -> str:
        """Changes with every boot."""
        return self._text("sys/kernel/random/boot_id", 64).strip()

    def _read(self, number: str) -> Process | None:
        try:
            text = self._text(f"{number}/stat", _STAT)
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended, or is hidden
            return None
        return parse_stat(text, self._ticks, self._page)

    def _command_line(self, place: str) -> str | None:
        users = set(process.users(place))
        if users and users != {os.geteuid()}:
            return None
        try:
            with open(f"{place}/cmdline", "rb") as file:
                text = file.read(_COMMAND_LINE) if users else b""
        except PermissionError:
            return None
        except OSError:  # it has ended, as one without users has
            return ""
        return text.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")

    def _status(self, number: int | str, key: str) -> list[str]:
        return proc_status.words(f"{self._proc}/{number}", key)

    def _check_time(self) -> None:
        """The kernel itself takes its time for the status of a process that is in many groups."""
        if time.monotonic() > self._until:
            raise TimeoutError(errno.ETIMEDOUT, Text("they could not be read in time"))

    def _text(self, name: str, most: int) -> str:
        with open(f"{self._proc}/{name}", "rb") as file:
            return file.read(most).decode(errors="replace")


def since_boot() -> float:
    """Seconds since this host started, on the clock that the start times of processes count on, sleep included. What a
    container shows as /proc/uptime may be another one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _options(mountinfo: str, place: str) -> dict[str, str]:
    """The options of the filesystem that is mounted at a place, the last one where there are several."""
    found: dict[str, str] = {}
    for line in lines_of(mountinfo):
        head, _, tail = line.partition(" - ")
        words = head.split(" ")
        if len(words) > 5 and words[4] == place:
            pairs = (option.partition("=") for option in tail.split(" ")[-1].split(","))
            found = {key: value for key, _, value in pairs}
    return found
