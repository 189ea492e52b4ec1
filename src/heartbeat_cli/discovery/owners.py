"""Who is behind a port: the systemd unit of a process, of the system or of this user, and the process's name."""

import os
import re
from itertools import dropwhile

from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import process

_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.service")
_MANAGER = re.compile(r"user@([0-9]{1,10})\.service")
# They hold ports for others: a container's, a job's, a login's.
_NOT_THE_OWNER = ("docker.", "containerd.", "podman.", "cron.", "crond.", "atd.", "ssh.", "sshd.", "at.")


class Owner(Record):
    """The unit ("" where there is none of its own), whether it is one of the user heartbeat runs as, the name of the
    process, and whether that is root's or this user's own; empty where that may not be seen."""

    unit: str = ""
    user: bool = False
    process: str = ""
    trusted: bool = False


def unit_of(line: str) -> tuple[str, int | None]:
    """The service that a line of /proc/PID/cgroup names ("" for none), and the user whose own manager runs it (None:
    that of the system).

    As systemd's cg_path_get_unit does it: the first part that is no slice is the unit. What is below that, a container
    or a program has made, under any name."""
    parts = [part for part in line.partition(":")[2].partition(":")[2].split("/") if part]
    unit, *below = [*dropwhile(_is_slice, parts), ""]
    manager = _MANAGER.fullmatch(unit)
    if manager is not None:
        unit = next(dropwhile(_is_slice, below))
    if not _UNIT.fullmatch(unit):
        return "", None
    return unit, int(manager[1]) if manager is not None else None


def _is_slice(part: str) -> bool:
    return part.endswith(".slice")


def of(pid: int) -> Owner:
    """The owner of whatever a process does."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read(64).strip()
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace", newline="\n") as file:
            path = file.read(16_384)
    except OSError:
        return Owner()
    if not os.path.isdir("/run/systemd/system"):
        return Owner(process=name)
    units = set(map(unit_of, lines_of(path))) - {("", None)}
    unit, manager = units.pop() if len(units) == 1 else ("", None)
    if manager is not None and manager != os.getuid():
        return Owner(process=name)  # another user's: `systemctl` of this one cannot restart it
    trusted = process.owner(f"/proc/{pid}") in (0, os.getuid())
    return Owner("" if unit.startswith(_NOT_THE_OWNER) else unit, bool(unit and manager is not None), name, trusted)
