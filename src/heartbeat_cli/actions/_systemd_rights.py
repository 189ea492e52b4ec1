"""May this user restart a unit? Asked of sudo or of polkit, without restarting anything."""

import os
import pwd
from collections.abc import Sequence

from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.recovery.outcome import Right
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.system import process

_ACTION = "org.freedesktop.systemd1.manage-units"  # systemd's polkit action for start, stop, restart, reset-failed
_PLAIN = ("systemctl",)


def judge(systemctl: Sequence[str], user: bool, sudo: bool, unit: str, timeout: float) -> Right:
    if user:
        others = Right("ok", Text("{unit} is that user's own", unit=unit))
        return _of_user(unit) if tuple(systemctl) == _PLAIN else others
    if sudo:
        return _by_sudo(systemctl, unit, timeout)
    if tuple(systemctl) != _PLAIN:
        return Right(
            "ok",
            Text(
                "{unit} can be looked at through {systemctl}; whether it may be restarted was not tried",
                unit=unit,
                systemctl=systemctl[0],
            ),
        )
    if os.geteuid() == 0:
        return Right("ok", Text("root may restart {unit}", unit=unit))
    return _by_polkit(unit, timeout)


def _of_user(unit: str) -> Right:
    """The service manager of a user ends when the user logs out, and with it all units, unless the user lingers:
    systemd-logind(8)."""
    name = pwd.getpwuid(os.geteuid()).pw_name
    if os.path.exists(f"/var/lib/systemd/linger/{name}"):
        return Right("ok", Text("{unit} is this user's own", unit=unit))
    text = Text("{unit} is this user's own, and ends when the user logs out", unit=unit)
    return Right("warn", text, f"loginctl enable-linger {name}")


def _by_sudo(systemctl: Sequence[str], unit: str, timeout: float) -> Right:
    """`sudo -l COMMAND` ends with 0 when the command may be run, and runs nothing."""
    absent = []
    for verb in ("restart", "reset-failed"):
        wanted = systemd.privileged(systemctl, False, True, unit, verb)
        if _code(["sudo", "-n", "-l", *wanted[2:]], timeout / 2) != 0:
            absent.append(" ".join(wanted[2:]))
    if not absent:
        return Right("ok", Text("sudo lets this user restart {unit}", unit=unit))
    missing = listed(f"`{one}`" for one in absent)
    return Right(
        "bad",
        Text("sudo does not let this user run {missing} without a password", missing=missing),
        systemd.remedy(unit, True),
    )


def _by_polkit(unit: str, timeout: float) -> Right:
    """Only root may ask polkit about one unit; a yes to all units is still a yes, a no says nothing about this one."""
    if _code(["pkcheck", "--action-id", _ACTION, "--process", str(os.getpid())], timeout) == 0:
        return Right("ok", Text("polkit lets this user restart {unit}", unit=unit))
    text = Text("whether polkit lets this user restart {unit} cannot be told without doing it", unit=unit)
    return Right("warn", text, systemd.remedy(unit, False))


def _code(argv: list[str], timeout: float) -> int | None:
    """The exit code; None when it cannot be run or does not end in time."""
    try:
        return process.run(argv, timeout=timeout, env=process.minimal_env({})).code
    except (OSError, ValueError):
        return None
