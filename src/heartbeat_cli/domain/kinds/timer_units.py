"""The systemd units that start heartbeat in place of cron, as text. Pure; `system/units.py` writes them.

Every line beyond the plain ones has its reason in a comment above it. None has systemd, which is root, make a path or
give it away that the user of the unit can choose or exchange (`StateDirectory=` and its like). The first lines say for
which configuration a unit was made and for what of it, so that a later call knows its own units and `doctor` those that
are out of date.
"""

from collections.abc import Iterator

from heartbeat_cli.domain.kinds.crontab import PATH, Job
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.record import Record

MARK = "# heartbeat timer: "  # and the configuration file
NO_FILE = "no file"  # in its place: heartbeat uses the configuration that it finds
_MADE_FOR = "# made for: "
_CONSISTENT_DELAY = 247  # the systemd that came with FixedRandomDelay=
_OOM_POLICY = 243  # with OOMPolicy=
_ONESHOT_RESTART = 244  # and with Restart= for Type=oneshot; an earlier one refuses such a unit
_CAPABILITIES = "CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_SYS_PTRACE"
_Lines = Iterator[str]


class Units(Record):
    """What the units are made from.

    `name` is that of both without its suffix, `source` the configuration file (or what stands for it), `every` the
    seconds between two starts, `limit` those that a pass may take. `user`: whom a system unit runs as; None: units of a
    user's own manager. `root`: whether that is root. `state`: the state folder. `system_folders`: those of the
    system that can be made read-only without hiding a filesystem. `version`: of the systemd; None: not known.
    """

    name: str
    source: str
    job: Job
    every: int
    limit: float
    needs: Needs
    state: str
    user: str | None = None
    root: bool = False
    system_folders: tuple[str, ...] = ()
    version: int | None = None

    def knows(self, version: int) -> bool:
        """Whether this systemd has what came with that version."""
        return self.version is None or self.version >= version


def made_for(every: int, limit: float, needs: Needs, state: str) -> str:
    """What of a configuration the units depend on, in one line: it changes when they must be made anew."""
    flags = [name for name in ("programs", "lives_on", "devices", "filesystems") if getattr(needs, name)]
    return f"every {every} s, at most {_limit(limit)} s, needs {' '.join(flags) or 'nothing'}; writes " + " ".join(
        _quoted(folder) for folder in (state, *needs.writes)
    )


def source_of(unit: str) -> str | None:
    """The configuration that a unit of ours was made for; None for a unit that is not ours."""
    return next((one.removeprefix(MARK) for one in lines_of(unit)[:2] if one.startswith(MARK)), None)


def is_for(unit: str, source: str) -> bool:
    """Whether it is a unit of ours that was made for this configuration, or for whichever is found."""
    return source_of(unit) in (source, NO_FILE)


def made_for_of(unit: str) -> str:
    """What a unit of ours says it was made for; "" where it says nothing."""
    return next((one.removeprefix(_MADE_FOR) for one in lines_of(unit) if one.startswith(_MADE_FOR)), "")


def gives_folders_to(unit: str) -> str:
    """The user whom a unit of ours, made by version 0.2, has systemd give folders that he can choose; "" for none."""
    if source_of(unit) is None or "\nStateDirectory=" not in unit:
        return ""
    user = next((one.removeprefix("User=") for one in lines_of(unit) if one.startswith("User=")), "")
    return user if user != "root" else ""


def service(units: Units) -> str:
    """The service that makes one pass. Raises ValueError for what cannot stand in a unit."""
    return _text([*_head(units, "service"), *_unit(units), *_process(units), *_sandbox(units)])


def timer(units: Units) -> str:
    """The timer that starts it. Raises ValueError for what cannot stand in a unit."""
    second = "00" if units.every == 60 else f"00/{units.every}"
    delay = min(units.every // 5, 8)
    lines = [
        *_head(units, "timer"),
        "[Unit]",
        f"Description=Start heartbeat every {units.every} seconds",
        "",
        "[Timer]",
        "# By the clock: intervals are even, however long a pass takes.",
        f"OnCalendar=*-*-* *:*:{second}",
        "# The default of a minute would put several starts together.",
        "AccuracySec=100ms",
        "# Not all hosts at the same moment. Less than a quarter of the period, so that no component misses its turn.",
        f"RandomizedDelaySec={delay}",
    ]
    if units.knows(_CONSISTENT_DELAY):
        lines += ["# The same delay each time, so that intervals stay even.", "FixedRandomDelay=yes"]
    lines += [
        "# No Persistent=: what was missed while the host was off cannot be checked later. heartbeat records the gap.",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return _text(lines)


def _text(lines: list[str]) -> str:
    return "\n".join([*lines, ""])


def _head(units: Units, kind: str) -> _Lines:
    verb = "" if units.user is not None else "--user "
    yield f"{MARK}{checked(units.source)}"
    yield f"{_MADE_FOR}{made_for(units.every, units.limit, units.needs, units.state)}"
    yield "# `heartbeat timer --install` replaces this file. Changes of your own belong into a drop-in:"
    yield f"# systemctl {verb}edit {units.name}.{kind}"


def _unit(units: Units) -> _Lines:
    yield from (
        "[Unit]",
        "Description=One pass of heartbeat",
        "# Otherwise systemd gives up the timer for good when its service was started too often.",
        "StartLimitIntervalSec=0",
        "",
    )


def _process(units: Units) -> _Lines:
    named = ["--config", units.job.config] if units.job.config else []
    program, *words = (*units.job.program, *named, "run")
    yield "[Service]"
    yield "Type=oneshot"
    yield f"ExecStart={' '.join([_quoted(program), *(_quoted(word).replace('$', '$$') for word in words)])}"
    if units.user is not None:
        yield f"User={_quoted(units.user)}"
    for name, value in {"PATH": PATH, **units.job.environment}.items():
        yield f"Environment={_quoted(f'{name}={value}')}"
    yield "# A pass ends by itself. This is for what no program can escape, such as a network file system that hangs."
    yield f"TimeoutStartSec={_limit(units.limit)}"
    yield "TimeoutStopSec=10"
    if units.knows(_ONESHOT_RESTART):
        yield "# A pass that was killed is made again, and finishes what it was at. Exit codes do not cause it."
        yield "Restart=on-abnormal"
        yield "RestartSec=1"


def _limit(seconds: float) -> int:
    """When systemd ends a pass: a while after the time that one may take."""
    return max(300, int(seconds) + 60)


def _sandbox(units: Units) -> _Lines:
    needs = units.needs
    yield ""
    if needs.lives_on:
        yield "# A script or command of a ladder may start what must outlive the pass, such as an agent."
        yield "KillMode=process"
        yield "# No sandbox and no limit of memory: what such a step starts would keep both for its whole life."
        return
    if needs.programs:
        yield "# No NoNewPrivileges= and nothing that implies it, and no limit of memory: the configuration runs"
        yield "# programs of yours (or sudo), which may need more than heartbeat."
        if units.user is not None:
            yield from _read_only(units)
        return
    yield "# heartbeat uses less than 200 MB; what uses more must not take the host with it."
    yield "MemoryMax=512M"
    if units.knows(_OOM_POLICY):
        yield "# A query of SQLite that takes too much has a process of its own: that one is ended, and not the pass."
        yield "OOMPolicy=continue"
    yield "# Files that heartbeat makes are for its user; what others may read, it says itself."
    yield "UMask=0077"
    yield from _of_the_kernel(units)
    if units.user is not None:
        yield from _of_the_system(units)


def _of_the_kernel(units: Units) -> _Lines:
    """What needs no mounts, so that a user's own manager can do it, too."""
    yield "# No step here uses sudo, and no check another setuid program."
    yield "NoNewPrivileges=yes"
    yield "# HTTP, PostgreSQL, SMTP and DNS; sockets of Docker and D-Bus; the addresses of this host."
    yield "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"
    yield "# A pass uses nothing of these."
    yield "RestrictNamespaces=yes"
    yield "RestrictRealtime=yes"
    yield "LockPersonality=yes"
    yield "SystemCallArchitectures=native"


def _of_the_system(units: Units) -> _Lines:
    if units.root:
        yield "# Of root's rights only those that checks use: files and processes of other users."
        yield f"CapabilityBoundingSet={_CAPABILITIES}"
    else:
        yield "# systemd and Docker are asked over their sockets, which needs no capability."
        yield "CapabilityBoundingSet="
    if not units.needs.devices:
        yield "# No check reads a device."
        yield "PrivateDevices=yes"
    yield "# Settings of the kernel, its modules and cgroups are read, never changed."
    yield "ProtectKernelTunables=yes"
    yield "ProtectKernelModules=yes"
    yield "ProtectControlGroups=yes"
    if units.needs.filesystems:
        yield from _read_only(units)
        return
    yield "# Nothing is written but the state folder, the store and the pages; /dev/shm stays open for the spool."
    yield "ProtectSystem=strict"
    yield "ProtectHome=read-only"
    yield from _writable((units.state, *units.needs.writes), units.state)


def _read_only(units: Units) -> _Lines:
    """Of the system's own folders: a file system that is read-only would not be among those that can fill up, and the
    programs of a check may write where they like besides."""
    if not units.system_folders:
        return
    yield "# The system's own folders are read-only. Whole file systems are not, by ProtectSystem= or ProtectHome=:"
    if units.needs.filesystems:
        yield "# a kind `host` would not see any more that they fill up."
    else:
        yield "# programs of checks may write elsewhere."
    yield f"ReadOnlyPaths={' '.join(map(_quoted, units.system_folders))}"
    folders = (units.state, *units.needs.writes)
    inside = [one for one in folders if one.startswith(tuple(f"{folder}/" for folder in units.system_folders))]
    yield from _writable(inside, units.state)


def _writable(folders: "tuple[str, ...] | list[str]", state: str) -> _Lines:
    """The state folder must be there, or a pass would have nowhere to write; pages may come later."""
    if folders:
        yield f"ReadWritePaths={' '.join(_quoted(one if one == state else f'-{one}') for one in folders)}"


def _quoted(word: str) -> str:
    """A word of a unit file; raises ValueError for what cannot stand there."""
    word = checked(word).replace("%", "%%")
    if word and not any(sign in word for sign in " \t\"';#"):
        return word
    return '"' + word.replace('"', '\\"') + '"'


def checked(word: str) -> str:
    """The word. Raises ValueError for what cannot stand in a unit."""
    if "\\" in word or not word.isprintable():
        raise ValueError(f"{word!r} cannot stand in a unit: a backslash or a control character is in it")
    return word
