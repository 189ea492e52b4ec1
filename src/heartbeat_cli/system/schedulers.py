"""Finds what starts heartbeat, and the program that cron mails with: processes, pid files, systemd timers, sendmail.

`domain/kinds/schedulers.py` judges the result. Nothing is started or changed.
"""

import math
import os
import pwd
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.domain.kinds import crontab as crontab_text
from heartbeat_cli.domain.kinds import systemd, timer_units
from heartbeat_cli.domain.kinds.schedulers import Mailer, Timer
from heartbeat_cli.domain.plain import lines_of, whole
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import units
from heartbeat_cli.system.processes import Processes

_DAEMONS = ("cron", "crond", "fcron", "supercronic")
_PID_FILES = ("crond.pid", "cron.pid", "crond/crond.pid", "fcron.pid")
SENDMAIL = "/usr/sbin/sendmail"  # Debian's cron and cronie have no other
_SECONDS = 3.0  # that a systemd may take for an answer
_MOST_TIMERS = 200
_MAILTO = re.compile(r"""\s*["']?MAILTO["']?\s*=\s*(.*?)\s*""")


def daemon(proc: str = "/proc", run: str = "/run") -> tuple[str, bool]:
    """The cron daemon that runs, as `cron, process 812` ("" when none is found), and whether one would be seen."""
    if not os.path.isdir(f"{proc}/self"):
        return _by_psutil(), True
    processes = Processes(math.inf, proc)
    for pid in sorted((one for one in os.listdir(proc) if whole(one)), key=int):
        if (name := _living(f"{proc}/{pid}")) and _is_ours(processes, int(pid)) and _is_daemon(name, f"{proc}/{pid}"):
            name = name.replace("busybox", "crond")
            return f"{name}, process {pid}", True
    for file in _PID_FILES:  # where /proc is mounted with hidepid
        pid = _text(f"{run}/{file}").strip()
        if whole(pid) and not os.path.isdir(f"{proc}/{pid}") and _exists(int(pid)):
            return f"by {run}/{file}, process {pid}", True
    return "", os.path.exists(f"{proc}/1/stat")


def _living(process: str) -> str:
    """The name of a process that may be a cron daemon; "" of another one, and of one that has ended and was not
    reaped."""
    name, _, rest = _text(f"{process}/stat").partition("(")[2].rpartition(")")
    return name if name in (*_DAEMONS, "busybox") and rest.split()[:1] not in (["Z"], ["X"]) else ""


def _is_ours(processes: Processes, pid: int) -> bool:
    """Whether it is root's or this user's, and in no container: any other gives its processes any name."""
    users = processes.users(pid)
    return bool(users) and {*users} <= {0, os.geteuid()} and not processes.is_nested(pid)


def _is_daemon(name: str, process: str) -> bool:
    return name != "busybox" or _text(f"{process}/cmdline").split("\0")[1:2] == ["crond"]


def _by_psutil() -> str:
    """Where there is no /proc."""
    import psutil

    for one in psutil.process_iter(["name", "pid", "uids"]):
        if one.info["name"] in _DAEMONS and {*(one.info["uids"] or (-1,))} <= {0, os.geteuid()}:
            return f"{one.info['name']}, process {one.info['pid']}"
    return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _text(path: str) -> str:
    """What a small file says, "" where it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(handle, 4_096).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(handle)


def timers(systemctl: Sequence[str] = ("systemctl",), config: Path | None = None) -> list[Timer]:
    """The systemd timers of this host and user that start heartbeat, as far as systemd answers; with `config` none that
    start it with another configuration."""
    found: list[Timer] = []
    if tuple(systemctl) != ("systemctl",) or os.path.isdir("/run/systemd/system"):
        found += _timers(systemctl, False, config)
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if tuple(systemctl) == ("systemctl",) and os.path.exists(f"{runtime}/systemd/private"):
        found += _timers(systemctl, True, config)
    return found


def _timers(systemctl: Sequence[str], user: bool, config: Path | None) -> Iterator[Timer]:
    """Those whose unit runs a program of that name. `heartbeat.timer` is asked for by name: one that is not active
    may not be loaded."""
    known = _show(systemctl, user, ("Id", "ActiveState", "LoadState", "Unit"), ["heartbeat.timer", "*.timer"])
    by_unit = {one["Unit"]: one for one in known if one.get("Unit") and one.get("LoadState") == "loaded"}
    names = sorted(by_unit)[:_MOST_TIMERS]
    for unit in _show(systemctl, user, ("Id", "Names", "ExecStart", "FragmentPath"), names) if names else ():
        timer = by_unit.get(unit.get("Id", ""))
        if timer is not None and _starts_this(unit.get("ExecStart", ""), config):
            text = units.read(path) if (path := unit.get("FragmentPath", "")) else ""
            made_for, to = _made_for(text, user), timer_units.gives_folders_to(text)
            yield Timer(timer.get("Id", "?"), timer.get("ActiveState") == "active", user, made_for, to)


def _starts_this(exec_start: str, config: Path | None) -> bool:
    """Whether a service, as `systemctl show` describes it, starts heartbeat, and with no other configuration."""
    if "heartbeat" not in exec_start:
        return False
    _, _, rest = exec_start.partition("argv[]=")
    command = rest.partition(" ; ")[0]
    named = crontab_text.named_configuration(command.split())
    if config is None or not named:  # a wrapper of that name may name any
        return True
    return os.path.realpath(named) == os.path.realpath(config) or f" --config {config.absolute()} " in command


def _made_for(text: str, user: bool) -> str:
    """What a service that `heartbeat timer` made for this user says it was made for; "" for any other."""
    return timer_units.made_for_of(text) if user or f"\nUser={_own_name()}\n" in text else ""


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _show(systemctl: Sequence[str], user: bool, keys: Iterable[str], units: Sequence[str]) -> list[dict[str, str]]:
    from heartbeat_cli.system import process

    argv = systemd.command(systemctl, user, "show", f"--property={','.join(keys)}", "--", *units)
    environment = process.minimal_env(systemd.extra_env(os.environ, os.getuid()))
    with suppress(OSError, ValueError):
        return systemd.blocks(process.run(argv, timeout=_SECONDS, env=environment, max_output=1_000_000).stdout)
    return []


def mailer(crontab: bytes = b"", sendmail: str = SENDMAIL) -> Mailer:
    """How cron would mail what the jobs of this crontab print, or why it would not."""
    to = mailto(crontab)
    if to == "":
        return Mailer(sendmail, Text('your crontab says MAILTO="", so that cron mails nothing'))
    if os.path.isfile(sendmail) and os.access(sendmail, os.X_OK):
        return Mailer(f"{sendmail} to {to}" if to else sendmail)
    if os.path.islink(sendmail) and not os.path.exists(sendmail):
        trouble = Text(
            "{sendmail} leads to {target}, which does not exist", sendmail=sendmail, target=os.readlink(sendmail)
        )
    elif Path(sendmail).exists():
        trouble = Text("{sendmail} is no program that can be run", sendmail=sendmail)
    else:
        trouble = Text("there is no mail transfer agent ({sendmail})", sendmail=sendmail)
    return Mailer(sendmail, Text("{trouble}, so that cron discards what it would mail", trouble=trouble))


def mailto(crontab: bytes) -> str | None:
    """Whom cron mails what heartbeat's lines print: the last MAILTO before them; None: the crontab's owner."""
    from heartbeat_cli.domain.kinds.crontab import BEGIN

    to = None
    for line in lines_of(crontab.decode("utf-8", "replace")):
        if line.strip() == BEGIN:
            break
        if match := _MAILTO.fullmatch(line):
            to = match[1].strip("\"'")
    return to
