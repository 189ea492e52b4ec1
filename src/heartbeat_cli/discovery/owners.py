"""Who is behind a port: the systemd unit of a process, of the system or of this user, and the process's name."""

import os
import re

from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import process

_UNIT = re.compile(r"/([A-Za-z0-9:_.@\\-]+\.service)(?=/|$)", re.M)
_MANAGER = re.compile(r"/user@([0-9]{1,10})\.service(?=/|$)", re.M)
# They hold ports for others: a container's, a job's, a login's.
_NOT_THE_OWNER = ("docker.", "containerd.", "podman.", "cron.", "crond.", "atd.", "ssh.", "sshd.", "at.")


class Owner(Record):
    """The unit ("" where there is none of its own), whether it is one of the user heartbeat runs as, the name of the
    process, and whether that is root's or this user's own; empty where that may not be seen."""

    unit: str = ""
    user: bool = False
    process: str = ""
    trusted: bool = False


def of(pid: int) -> Owner:
    """The owner of whatever a process does."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read(64).strip()
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            path = file.read(16_384)
    except OSError:
        return Owner()
    if not os.path.isdir("/run/systemd/system"):
        return Owner(process=name)
    manager = _MANAGER.search(path)
    units = {one for one in _UNIT.findall(path) if not one.startswith("user@")}
    if manager and int(manager[1]) != os.getuid():
        return Owner(process=name)  # another user's: `systemctl` of this one cannot restart it
    unit = units.pop() if len(units) == 1 else ""
    trusted = process.owner(f"/proc/{pid}") in (0, os.getuid())
    return Owner("" if unit.startswith(_NOT_THE_OWNER) else unit, bool(manager and unit), name, trusted)
