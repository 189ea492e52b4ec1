"""heartbeat's systemd units on disk, and the systemd that runs them: of the system, or of this user's own manager.

A file that `heartbeat timer` did not make is never replaced or removed: the first line of a unit says who made it.
"""

import os
import re
from binascii import crc32
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.domain.kinds import systemd, timer_units
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import files, process, trusted

NAME = "heartbeat"
KINDS = ("service", "timer")
_MOST = 100_000  # bytes of a unit file
_SECONDS = 30.0  # that a systemd may take for an answer
_SYSTEM = "/etc/systemd/system"
_OF_PACKAGES = tuple(f"{folder}/systemd/system" for folder in ("/run", "/usr/local/lib", "/usr/lib", "/lib"))
_FOR_USERS = tuple(f"{folder}/systemd/user" for folder in ("/etc", "/usr/local/lib", "/usr/lib"))
_LINGER = "/var/lib/systemd/linger"


class Manager(Record):
    """A systemd and the folder of its units: `user` is that of the user heartbeat runs as."""

    user: bool
    folder: Path
    others: Sequence[str]
    systemctl: Sequence[str] = ("systemctl",)

    @property
    def word(self) -> str:
        """How a person calls it."""
        return "systemctl --user" if self.user else "systemctl"

    def path(self, name: str, kind: str) -> Path:
        return self.folder / f"{name}.{kind}"


def manager(user: bool) -> Manager:
    """The systemd of this user, or that of the system."""
    if not user:
        return Manager(False, Path(_SYSTEM), _OF_PACKAGES)
    base = os.environ.get("XDG_CONFIG_HOME", "")
    base = base if os.path.isabs(base) else os.path.expanduser("~/.config")
    return Manager(True, Path(base, "systemd/user"), _FOR_USERS)


def own_name(source: str) -> str:
    """The name of the units of a second configuration of a host."""
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", Path(source).stem)[:24]
    return f"{NAME}-{stem}-{crc32(os.fsencode(source)):08x}"


def installed(where: Manager, source: str) -> str | None:
    """The name of the units that were made for this configuration; None where there are none."""
    for name in (own_name(source), NAME):
        if any(timer_units.is_for(read(where.path(name, kind)), source) for kind in KINDS):
            return name
    return None


def name_for(where: Manager, source: str) -> str:
    """The name of the units of this configuration: those that it has, or `heartbeat`, or, where another configuration
    has that, one of its own. Raises HeartbeatError where a file of that name is not ours."""
    name = installed(where, source)
    if name is None:
        theirs = (timer_units.source_of(read(where.path(NAME, kind))) for kind in KINDS)
        name = own_name(source) if any(one is not None for one in theirs) else NAME
    for kind in KINDS:
        _require_ours(where, name, kind, source)
    return name


def _require_ours(where: Manager, name: str, kind: str, source: str) -> None:
    file = f"{name}.{kind}"
    places = [where.path(name, kind), *(Path(folder, file) for folder in where.others)]
    taken = next((one for one in places if os.path.lexists(one)), None)
    if taken is None or timer_units.is_for(read(taken), source):
        return
    raise HeartbeatError(
        Text(
            "{path} was not made by `heartbeat timer` and is left as it is; remove it first: `{systemctl} disable --now"
            " {timer}`, then delete {path}",
            path=str(taken),
            systemctl=where.word,
            timer=f"{name}.timer",
        )
    )


def read(path: str | Path) -> str:
    """A unit file; "" where there is none, or none that may be ours."""
    with suppress(OSError):
        return files.read_own(path, _MOST).decode("utf-8", "replace")
    return ""


def version(where: Manager) -> int | None:
    """The version of the systemd; None where none answers."""
    try:
        said = _systemctl(where, "show", "--property=Version", "--value")
    except HeartbeatError:
        return None
    found = re.match(r"\d+", said.strip())
    return whole(found[0]) if found else None


def lingers(user: str) -> bool:
    """Whether the units of that user run while nobody is logged in."""
    return os.path.exists(f"{_LINGER}/{user}")


def install(where: Manager, name: str, texts: Sequence[str]) -> bool:
    """Write the units (service, timer) and have systemd run them, in place of older ones; returns whether a file has
    changed. Raises HeartbeatError; nothing is written where systemd does not answer."""
    _systemctl(where, "show", "--property=Version")
    changed = False
    try:
        trusted.make_folder(where.folder, 0o755)
        trusted.check_alone(where.folder)
        for kind, text in zip(KINDS, texts, strict=True):
            if read(where.path(name, kind)) != text:
                files.write_whole(where.path(name, kind), text, 0o644)
                changed = True
    except OSError as error:
        why = error.strerror or str(error)
        raise HeartbeatError(Text("{folder}: {why}", folder=str(where.folder), why=why)) from None
    _systemctl(where, "daemon-reload")
    _systemctl(where, "enable", "--now", f"{name}.timer")
    if changed:
        _systemctl(where, "restart", f"{name}.timer")
    return changed


def remove(where: Manager, name: str, source: str) -> None:
    """Stop the timer and delete the units of this configuration. A pass that is under way comes to its end. Raises
    HeartbeatError."""
    ours = [kind for kind in KINDS if timer_units.is_for(read(where.path(name, kind)), source)]
    if "timer" in ours:
        _systemctl(where, "disable", "--now", f"{name}.timer")
    for kind in ours:
        try:
            os.unlink(where.path(name, kind))
        except OSError as error:
            raise HeartbeatError(
                Text("{folder}: {why}", folder=str(where.path(name, kind)), why=str(error.strerror))
            ) from None
    _systemctl(where, "daemon-reload")
    for kind in ours:  # one that has failed would be listed on
        with suppress(HeartbeatError):
            _systemctl(where, "reset-failed", f"{name}.{kind}")


def _systemctl(where: Manager, *words: str) -> str:
    """What systemctl prints. Raises HeartbeatError with its reason where it fails."""
    argv = systemd.command(where.systemctl, where.user, *words)
    environment = process.minimal_env(systemd.extra_env(os.environ, os.getuid()))
    try:
        done = process.run(argv, timeout=_SECONDS, env=environment, max_output=10_000)
    except OSError as error:
        raise HeartbeatError(
            Text("systemctl cannot be run ({why}); use `heartbeat crontab` here", why=str(error.strerror))
        ) from None
    if done.code == 0:
        return done.stdout
    said = systemd.complaint(done.code, done.stderr)
    command = " ".join([where.word, *words])
    if where.user and words[0] == "show":
        raise HeartbeatError(
            Text(
                "`{command}`: {said}; log in as this user, or have root run `loginctl enable-linger`, and try again",
                command=command,
                said=said,
            )
        )
    raise HeartbeatError(Text("`{command}`: {said}", command=command, said=said))
