"""The last lines of a unit's journal, as evidence for `service.py`; nothing where it may not be read."""

import os
from collections.abc import Sequence

from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.plain import ending
from heartbeat_cli.system import process

_LINES = 10
_KEPT = 1_000  # characters, the last ones
_AS_ROOT = ("sudo", "doas")  # a right given for systemctl is none for journalctl, and asking in vain is reported
_REAP_SECONDS = 0.1  # beyond its time, for the end of one that cannot be killed


def tail(unit: str, systemctl: Sequence[str], user: bool, seconds: float) -> str:
    """The newest lines, oldest first; "" when journalctl is missing, says nothing or takes too long."""
    program, option = _program(systemctl), "--user-unit" if user else "--unit"
    if not program:
        return ""
    words = ("--quiet", "--no-pager", "--output=short-iso", f"--lines={_LINES}", f"{option}={systemd.full_name(unit)}")
    try:
        finished = process.run(
            [*program, *words],
            timeout=seconds,
            env=process.minimal_env(systemd.extra_env(os.environ, os.getuid())),
            reap_seconds=_REAP_SECONDS,
        )
    except (OSError, ValueError):
        return ""
    return ending(finished.stdout.strip(), _KEPT) if finished.code == 0 else ""


def _program(systemctl: Sequence[str]) -> list[str]:
    """`journalctl` where `systemctl` is: in the same container, say. None where that is not known: the journal of this
    host has nothing to say of the units of another one."""
    folder, _, name = systemctl[-1].rpartition("/")
    if name != "systemctl":
        return []
    if systemctl[0].rpartition("/")[2] in _AS_ROOT:
        return ["journalctl"] if all(word.startswith("-") for word in systemctl[1:-1]) else []
    return [*systemctl[:-1], f"{folder}/journalctl" if folder else "journalctl"]
