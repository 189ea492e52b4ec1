"""Which processes a component of kind `process` is about: by name and command line, by pid file, or by unit.

What heartbeat cannot see counts neither as running nor as ended: `unsure` says so, and the caller decides.
"""

import os
from binascii import crc32
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.kinds.processes import Process, name_matcher
from heartbeat_cli.domain.plain import duration, one_line, system_words, whole
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._process_units import Answer, unit_of
from heartbeat_cli.system import process, trusted
from heartbeat_cli.system.processes import Processes, since_boot

_PID_FILE = 4_096  # bytes
_LATER = 60.0  # seconds that the clock may have been set by between the start of a process and its pid file
_NOTHING: Mapping[str, Any] = {}

HIDDEN = Text("/proc is mounted with hidepid, and heartbeat does not see the processes of other users")


class Selection(NamedTuple):
    """The processes that were found. `unread` more run, and nothing else can be read of them; `missing` says what is
    not running where there is none; `unsure` why there may be more than was found; `memory` is kept for the next check.
    `category`: of a failure, where it is not one of the process."""

    found: Sequence[Process]
    missing: str
    unread: int = 0
    unsure: str = ""
    memory: Mapping[str, Any] = _NOTHING
    category: Category | None = None

    @property
    def running(self) -> list[Process]:
        return [one for one in self.found if one.runs]


# --- by name and command line ----------------------------------------------------------------------------------------


def by_name(
    processes: Processes, name: str | None, command: str | None, owner: str | None, memory: Mapping[str, Any]
) -> Selection:
    """Those with a name (a glob) and a text in their command lines, of one user where `owner` is given.

    The command line of another user's process is not read. Once an earlier check has found what it looks for without
    it, the process is one of this user's, and others are no matter."""
    user = None if owner is None else _number_of(owner)
    chosen = processes.all
    if name is not None:
        matches = name_matcher(name)
        chosen = [one for one in chosen if matches(one.name)]
    if user is not None:
        chosen = [one for one in chosen if processes.user(one.pid) == user]
    unread = 0
    if command is not None:
        chosen, unread = _with_command(processes, chosen, command)
    key = f"{crc32(repr((name, command, owner)).encode()):08x}"
    seen = memory.get("seen") == key or any(one.runs for one in chosen)
    unsure = ""
    if user != os.geteuid() and processes.hides_others:
        unsure = HIDDEN
    elif unread and not seen:
        unsure = Text.counted(
            unread,
            "the command line of {n} process of another user is not read, because that may never end",
            "the command lines of {n} processes of other users are not read, because that may never end",
        )
    kept = {"seen": key} if command is not None and seen else {}
    return Selection(chosen, _missing(name, command, owner), unsure=unsure, memory=kept)


def _with_command(processes: Processes, chosen: Sequence[Process], command: str) -> tuple[list[Process], int]:
    """Those with the text in their command lines, and of how many that was not read."""
    found, unread = [], 0
    for one in chosen:
        if one.kernel or not one.runs or one.pid in processes.of_this_run:
            continue
        line = processes.command_line(one.pid)
        if line is None:
            unread += 1
        elif command in line:
            found.append(one)
    return found, unread


def _number_of(owner: str) -> int:
    import pwd

    try:
        return pwd.getpwnam(owner).pw_uid
    except (KeyError, ValueError):
        number = whole(owner)
    if number is None:
        raise Unobservable(Text("this host has no user {owner}", owner=one_line(owner, 60)))
    return number


def _missing(name: str | None, command: str | None, owner: str | None) -> str:
    if command is None:
        line = Text("no process is named {name}", name=one_line(name or "", 60))
    elif name is None:
        line = Text("no process has {command} in its command line", command=one_line(command, 120))
    else:
        line = Text("no process named {name} has {command} in its command line").with_values(
            name=one_line(name, 60), command=one_line(command, 120)
        )
    return line if owner is None else Text("{line}, of user {owner}", line=line, owner=one_line(owner, 60))


# --- by pid file -----------------------------------------------------------------------------------------------------


def by_pid_file(processes: Processes, path: str, memory: Mapping[str, Any], now: float) -> Selection:
    """The process whose number is in a file, unless that began after the file was written: then the number was used
    again. Raises Unobservable where the file cannot be read, or is one that another user could have written."""
    shown = one_line(path, 120)
    try:
        number, written = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return Selection((), Text("there is no pid file {path}", path=shown))
    except OSError as error:
        why = system_words(error.strerror or str(error))
        raise Unobservable(Text("cannot read the pid file {path}: {why}", path=shown, why=one_line(why))) from None
    pid = whole(number.decode(errors="replace")) or None
    if pid is None:
        raise Unobservable(Text("the pid file {path} holds no process number", path=shown))
    found = processes.one(pid)
    if found is None:
        if processes.hides_others and not process.is_gone(pid):
            raise Unobservable(HIDDEN)
        return Selection((), Text("process {pid}, which {path} names, has ended", pid=pid, path=shown))
    known = [found.key, written]
    later = (now - (since_boot() - found.began)) - written
    if later > _LATER and memory.get("pid_file") != known:  # a known one stays so, however the clock is set
        text = Text("process {pid} began {span} after {path} was written: it is another one that has its number")
        return Selection((), text.with_values(pid=pid, span=duration(later), path=shown))
    return Selection((found,), Text("process {pid} is not running", pid=pid), memory={"pid_file": known})


def _read(path: str) -> tuple[bytes, float]:
    """The first word of the file, and when it was written. Raises OSError."""
    with open(trusted.open_file(path), "rb") as file:
        words = file.read(_PID_FILE).split(None, 1)
        return (words[0] if words else b""), os.fstat(file.fileno()).st_mtime


# --- by unit ---------------------------------------------------------------------------------------------------------


def by_unit(processes: Processes, unit: str, answer: Answer) -> Selection:
    """The processes of a unit. Raises Unobservable where systemd does not say, or its control group is not seen."""
    known = unit_of(unit, answer)
    name = one_line(systemd.full_name(unit), 120)
    if not known.exists:
        return Selection((), Text("no such unit: {full_name}", full_name=name), category="configuration")
    found = processes.those(known.pids)
    unread = len(known.pids) - len(found)
    if not processes.hides_others:  # then they have ended since
        unread = 0
    missing = Text("unit {unit} has no process and is {state}", unit=name, state=known.state or "?")
    return Selection(found, missing, unread, category="configuration" if known.prevented else None)
