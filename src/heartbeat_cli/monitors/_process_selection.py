"""Which processes a component of kind `process` is about: by name and command line, by pid file, or by unit.

What heartbeat cannot see counts neither as running nor as ended: `unsure` says so, and the caller decides.
"""

import os
from binascii import crc32
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.kinds.processes import Process, name_matcher
from heartbeat_cli.domain.plain import duration, one_line, system_words, whole
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined, listed
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._process_units import unit_of
from heartbeat_cli.monitors._systemctl import Answer
from heartbeat_cli.system import process, trusted
from heartbeat_cli.system.processes import Processes, since_boot

_PID_FILE = 4_096  # bytes
_LATER = 60.0  # seconds that the clock may have been set by between the start of a process and its pid file
_MOST_NAMED = 3  # users in one line
_NOTHING: Mapping[str, Any] = {}

ANYBODY = "*"  # as owner

HIDDEN = Text("/proc is mounted with hidepid, and heartbeat does not see the processes of other users")


class Wanted(Record):
    """The processes with a name (a glob) and a text in their command lines. `owner` as the settings have it; `least` of
    them should run."""

    name: str | None
    command: str | None
    owner: str | None = None
    containers: bool = False
    least: int = 1


class Selection(Record):
    """The processes that were found. `unread` more run, and nothing else can be read of them; `missing` says what is
    not running where there is none; `unsure` why there may be more than was found; `memory` is kept for the next check.
    `category`: of a failure, where it is not one of the process. `others` run besides and are not counted: `aside` says
    why."""

    found: Sequence[Process]
    missing: str
    unread: int = 0
    unsure: str = ""
    memory: Mapping[str, Any] = _NOTHING
    category: Category | None = None
    others: int = 0
    aside: str = ""

    @property
    def running(self) -> list[Process]:
        return [one for one in self.found if one.runs]


# --- by name and command line ----------------------------------------------------------------------------------------


def by_name(processes: Processes, wanted: Wanted, memory: Mapping[str, Any]) -> Selection:
    """Those that a component names, of the users that may decide about it.

    What is not counted, or not read, may yet be what is meant. Once an earlier check has found enough without it, it is
    none of them: from then on it keeps nothing from being called down."""
    user = None if wanted.owner in (None, ANYBODY) else _number_of(str(wanted.owner))
    named = processes.all
    if wanted.name is not None:
        matches = name_matcher(wanted.name)
        named = [one for one in named if matches(one.name)]
    chosen, strangers = _by_user(processes, named, wanted, user)
    unread = 0
    if wanted.command is not None:
        chosen, unread = _with_command(processes, chosen, wanted.command)
    inside: list[Process] = []
    if not wanted.containers:
        nested = {one.pid for one in chosen if processes.is_nested(one.pid)}
        inside = [one for one in chosen if one.pid in nested]
        chosen = [one for one in chosen if one.pid not in nested]
    others, aside = _aside(strangers, inside)
    key = f"{crc32(repr((*wanted[:4],)).encode()):08x}"
    seen = memory.get("seen") == key or sum(one.runs for one in chosen) >= max(1, wanted.least)
    unsure = ""
    if user != os.geteuid() and processes.hides_others:
        unsure = HIDDEN
    elif unread and not seen:
        unsure = Text.counted(
            unread,
            "the command line of {n} process of another user is not read, because that may never end",
            "the command lines of {n} processes of other users are not read, because that may never end",
        )
    elif not seen:
        unsure = aside
    missing = _missing(wanted.name, wanted.command, None if user is None else wanted.owner)
    kept = {"seen": key} if seen else {}
    return Selection(chosen, missing, unsure=unsure, memory=kept, others=others, aside=aside)


def _by_user(
    processes: Processes, named: Sequence[Process], wanted: Wanted, user: int | None
) -> tuple[Sequence[Process], dict[int, list[Process]]]:
    """Those of the user that is asked for, by default of root and of this user; and where none is asked for, those of
    the others, by user. A process that another user has started is his, though it runs as root (a setuid program): he
    decides how many there are."""
    if wanted.owner == ANYBODY or (user is None and wanted.command is not None):  # no other's command line is read
        return named, {}
    trusted_users = {0, os.geteuid() if user is None else user}
    chosen: list[Process] = []
    strangers: dict[int, list[Process]] = {}
    for one in named:
        found = processes.users(one.pid)
        other = next((each for each in found if each not in trusted_users), None)
        if other is not None and user is None:
            strangers.setdefault(other, []).append(one)
        elif found and other is None and (user is None or found[1:2] == [user]):
            chosen.append(one)
    return chosen, strangers


def _aside(strangers: Mapping[int, Sequence[Process]], inside: Sequence[Process]) -> tuple[int, str]:
    """How many run that are not counted, and why not, with the key that counts them."""
    counts = {user: sum(one.runs for one in found) for user, found in strangers.items()}
    others, within = sum(counts.values()), sum(one.runs for one in inside)
    lines: list[str] = []
    if others:
        names = [one_line(trusted.for_shell(user), 40) for user, count in sorted(counts.items()) if count]
        text = Text.counted(
            others,
            "{n} process of {users} has that name: set owner to count it",
            "{n} processes of {users} have that name: set owner to count them",
            users=listed(names[:_MOST_NAMED]),
        )
        lines.append(text)
    if within:
        text = Text.counted(
            within,
            "{n} process in a container is not counted: set containers = true to count it",
            "{n} processes in containers are not counted: set containers = true to count them",
        )
        lines.append(text)
    return others + within, joined(lines)


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
    """The process whose number is in a file, unless an earlier check saw that number in the same file and another
    process had it: then it was used again. That it began after the file was written does not prove as much, since the
    clock may have been set. Raises Unobservable there, and where the file cannot be read, or is one that another user
    could have written."""
    shown = one_line(path, 120)
    past = memory.get("pid_file")
    kept = {"pid_file": past} if past else {}
    try:
        number, written = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return Selection((), Text("there is no pid file {path}", path=shown), memory=kept)
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
        return Selection((), Text("process {pid}, which {path} names, has ended", pid=pid, path=shown), memory=kept)
    known = [found.key, written]
    if past != known and _is_reused(past, known):
        return Selection((), Text("the number in {path} is now that of another process", path=shown), memory=kept)
    later = (now - (since_boot() - found.began)) - written
    if later > _LATER and past != known:  # a known one stays so, however the clock is set
        text = Text(
            "process {pid} began {span} after {path} was written: it is another one, or the clock was set since"
        )
        raise Unobservable(text.with_values(pid=pid, span=duration(later), path=shown))
    return Selection((found,), Text("process {pid} is not running", pid=pid), memory={"pid_file": known})


def _is_reused(past: Any, known: Sequence[Any]) -> bool:
    """Whether the same writing of the file had the same number, and that was another process."""
    if not isinstance(past, list | tuple) or len(past) != 2 or past[1] != known[1]:
        return False
    return str(past[0]).partition("@")[0] == str(known[0]).partition("@")[0]


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
