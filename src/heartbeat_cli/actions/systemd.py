"""`systemd`: restart a unit. A rung of a recovery ladder.

`reset-failed` comes first, because systemd counts starts by hand against the start limit too; then a restart
that is waited for. A new InvocationID proves it. Refused: units that do not exist, are masked, broken, being
stopped, or still starting: restarting a slow starter only makes it start over, and systemd itself ends a
start that takes longer than its TimeoutStartSec.

    {action = "systemd", unit = "nginx.service"}
"""

import os
import time
from typing import NamedTuple

from heartbeat_cli import process
from heartbeat_cli.domain import systemd
from heartbeat_cli.domain.outcome import Outcome
from heartbeat_cli.domain.plain import bounded, duration, one_line

_PROPERTIES = "Id,Names,LoadState,ActiveState,SubState,Result,ExecMainStatus,InvocationID"
_LOOK_SHARE = 0.15  # of the time, for the look before and again for the one after
_LONGEST_LOOK = 5.0


class Settings(NamedTuple):
    """Which unit, and how systemctl is called.

    unit: the unit to restart
    user: true: a unit of the user heartbeat runs as (systemctl --user)
    systemctl: the program, with a prefix where one is needed, as ["sudo", "-n", "systemctl"]
    """

    unit: str
    user: bool = False
    systemctl: tuple[str, ...] = ("systemctl",)


class _Failed(Exception):
    """Carries the outcome that ends the action."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def problems(settings: Settings) -> list[tuple[str, str]]:
    return systemd.problems(settings.unit, settings.systemctl)


def run(settings: Settings, *, timeout: float) -> Outcome:
    wrong = problems(settings)
    if wrong:
        return Outcome("refused", wrong[0][1])
    try:
        return _restart(settings, timeout)
    except _Failed as failed:
        return failed.outcome


def _restart(settings: Settings, timeout: float) -> Outcome:
    deadline = time.monotonic() + timeout
    look = min(_LONGEST_LOOK, timeout * _LOOK_SHARE)
    before = _show(settings, look)
    if reason := _why_not(before):
        return Outcome("refused", f"{settings.unit} is not restarted: {reason}")
    _call(settings, look, "reset-failed", "--", settings.unit)  # a unit that has not failed is no error here
    started = time.monotonic()
    finished = _call(settings, max(0.1, deadline - started - look), "restart", "--", settings.unit)
    if finished.code not in (0, None):
        result = "denied" if systemd.denied(finished.stderr) else "failed"
        return _bad(settings, result == "denied", systemd.complaint(finished.code, finished.stderr))
    after = _show(settings, max(0.1, deadline - time.monotonic()))
    return _proof(settings, before, after, finished.timed_out, time.monotonic() - started)


def _proof(
    settings: Settings, before: systemd.Properties, after: systemd.Properties, timed_out: bool, took: float
) -> Outcome:
    invocation, output = after.get("InvocationID", ""), systemd.summary(after)
    state = f"{after.get('ActiveState')} ({after.get('SubState')})"
    if not invocation or invocation == before.get("InvocationID"):
        waited = f" within {duration(took)}" if timed_out else ""
        return Outcome("failed", f"{settings.unit} was not started anew{waited}; it is {state}", output)
    if after.get("ActiveState") == "failed":
        return Outcome("failed", f"{settings.unit} was started and failed: {after.get('Result')}", output)
    still = ", still starting" if timed_out or systemd.starting(after) else ""
    return Outcome("done", f"restarted {settings.unit}{still}: {state}, invocation {invocation[:12]}", output)


def _why_not(properties: systemd.Properties) -> str:
    load, active = properties.get("LoadState", ""), properties.get("ActiveState", "")
    if load == "not-found":
        return "there is no such unit"
    if load == "masked":
        return "it is masked (somebody wants it off)"
    if load not in ("loaded", ""):
        return f"its unit file cannot be used ({one_line(load, 40)})"
    if active == "deactivating":
        return "it is being stopped"
    if systemd.starting(properties):
        return "it is still starting"
    return ""


def _show(settings: Settings, seconds: float) -> systemd.Properties:
    finished = _call(settings, seconds, "show", f"--property={_PROPERTIES}", "--", settings.unit)
    found = systemd.block_of(settings.unit, systemd.blocks(finished.stdout)) if finished.code == 0 else None
    if found is None:
        why = systemd.complaint(finished.code, finished.stderr) if finished.code != 0 else "no answer about it"
        raise _Failed(_bad(settings, systemd.denied(finished.stderr), why))
    return found


def _call(settings: Settings, seconds: float, *words: str) -> process.Finished:
    try:
        return process.run(
            systemd.command(settings.systemctl, settings.user, *words),
            timeout=seconds,
            env=process.minimal_env(systemd.extra_env(os.environ, os.getuid())),
        )
    except PermissionError as error:
        raise _Failed(_bad(settings, True, f"cannot run {settings.systemctl[0]}: {error.strerror}")) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise _Failed(_bad(settings, False, f"cannot run {one_line(settings.systemctl[0], 80)}: {reason}")) from None


def _bad(settings: Settings, denied: bool, why: str) -> Outcome:
    if not denied:
        return Outcome("failed", f"{settings.unit} could not be restarted: {why}", bounded(why))
    right = 'run as root, allow it in polkit (manage-units), or set systemctl = ["sudo", "-n", "systemctl"]'
    return Outcome("denied", f"the right to restart {settings.unit} is missing: {why}; {right}", bounded(why))
