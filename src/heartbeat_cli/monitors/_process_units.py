"""The processes of systemd units, for `process.py`: systemd names a unit's control group, the kernel who is in it.

https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html (ControlGroup),
https://docs.kernel.org/admin-guide/cgroup-v2.html (cgroup.procs; one that has ended is not in it)
"""

import errno
import os
import time
from collections.abc import Iterable, Mapping

from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.plain import one_line, whole
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._systemctl import Answer, Memories, show

_PROPERTIES = "Id,Names,LoadState,ActiveState,MainPID,ControlGroup,ExecMainStatus,ExecMainCode,RestartPreventExitStatus"
_ROOT = "/sys/fs/cgroup"
_HIERARCHIES = ("", "systemd", "unified")  # cgroup v2; version 1, and both side by side
# What the kernel says of a group that has ended meanwhile, and of one that holds threads only.
_GONE = (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP)
_MOST_GROUPS, _MOST_BYTES = 1_000, 1_048_576


class Unit(Record):
    """What is known of a unit: `state` is what systemd calls it; `prevented`: it ended with an exit status that forbids
    a restart."""

    exists: bool
    state: str
    pids: tuple[int, ...]
    prevented: bool = False


def ask(wanted: Iterable[tuple[str, bool]], until: float, memories: Memories = ()) -> dict[bool, Answer]:
    """What systemd says of units by `until` (time.monotonic()), each with whether it is one of this user: one call of
    systemctl for the system's and one for the user's."""
    units: dict[bool, list[str]] = {}
    for unit, user in dict.fromkeys(wanted):
        units.setdefault(user, []).append(unit)
    answers: dict[bool, Answer] = {}
    for place, (user, names) in enumerate(units.items(), 1):
        left = max(0.05, until - time.monotonic())
        seconds = left if place == len(units) else left / 2
        answers[user] = show(("systemctl",), user, names, _PROPERTIES, seconds, memories)
    return answers


def unit_of(name: str, answer: Answer, root: str = _ROOT) -> Unit:
    """What the answer says of one unit, and its processes. Raises Unobservable where it says nothing, or they cannot be
    seen."""
    properties = systemd.block_of(name, answer.blocks)
    if properties is None:
        raise Unobservable(Text("cannot ask systemd: {complaint}", complaint=answer.complaint))
    exists, state = properties.get("LoadState") != "not-found", one_line(properties.get("ActiveState", ""), 40)
    pids = _members(properties, root)
    return Unit(exists, state, pids, systemd.prevented(properties) is not None)


def _members(properties: Mapping[str, str], root: str) -> tuple[int, ...]:
    """The numbers of a unit's processes, those of the groups below its own too."""
    group = properties.get("ControlGroup", "").strip("/")
    if not group:
        return ()
    folder = next((path for one in _HIERARCHIES if os.path.isdir(path := os.path.join(root, one, group))), None)
    if folder is None:
        if whole(properties.get("MainPID", "")):
            raise Unobservable(_unseen(group))
        return ()
    found: list[int] = []
    try:
        for place, (path, _, names) in enumerate(os.walk(folder, onerror=_unless_gone)):
            if place >= _MOST_GROUPS:
                raise Unobservable(Text("it has more than {n:,} control groups", n=_MOST_GROUPS))
            if "cgroup.procs" in names:
                found += _procs(os.path.join(path, "cgroup.procs"))
    except OSError as error:  # of a part of the processes nobody can say that there are no more
        raise Unobservable(_unseen(group)) from error
    return tuple(found)


def _unless_gone(error: OSError) -> None:
    if error.errno not in _GONE:
        raise error


def _procs(path: str) -> list[int]:
    """The processes of one group; none of one that is gone, or of threads only. Raises OSError."""
    numbers = ""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            numbers = file.read(_MOST_BYTES)
    except OSError as error:
        _unless_gone(error)
    if len(numbers) == _MOST_BYTES:
        raise OSError(errno.EFBIG, path)
    return [pid for one in numbers.split() if (pid := whole(one))]


def _unseen(group: str) -> Text:
    return Text("its control group {group} cannot be seen", group=one_line(f"/{group}", 120))
