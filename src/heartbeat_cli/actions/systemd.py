"""Restart a systemd unit.

`reset-failed` comes first, because systemd counts restarts by hand against the start limit. A new InvocationID proves
the restart; one that takes longer than the step may continues by itself. Units that do not exist, are masked, broken,
being stopped or still starting are not touched.

A user other than root needs a polkit rule for the unit, or `sudo = true` and a line in sudoers.

    [components.web.recovery]
    ladder = [{ action = "systemd", unit = "nginx.service" }]
"""

import os
import time

from heartbeat_cli.actions import _systemd_rights
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import bounded, duration, one_line, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import process

_PROPERTIES = (
    "Id,Names,LoadState,ActiveState,SubState,Result,ExecMainStatus,InvocationID,Job,InactiveExitTimestampMonotonic,"
    "NRestarts,ExecMainCode,RestartPreventExitStatus,TimeoutStopUSec,TimeoutStartUSec"
)
_LOOK_SHARE = 0.15  # of the time, for the check before and again for the one after
_LONGEST_LOOK = 5.0
_POLL = 0.2  # seconds between two questions about a job
_LONGEST_JOB = 3_600.0  # seconds that a job may take whose unit has no limit


class Settings(Record):
    """Which unit, and how systemctl is called.

    unit: the unit to restart
    user: true: a unit of the user heartbeat runs as (systemctl --user)
    sudo: true: restart it through `sudo -n`, for which sudoers must allow it; checking it needs no sudo
    optional: true: where there is no such unit, the step is passed over without a word
    hang_kill: seconds after which a unit that is silent and still being stopped is killed (SIGKILL to all of its
        processes), less than `timeout` of `[recovery]`; 0: never; with sudo, sudoers must allow
        `systemctl kill --signal=SIGKILL` of the unit as well
    systemctl: the program, with a prefix where one is needed, as ["docker", "exec", "box", "systemctl"]
    """

    unit: str
    user: bool = False
    sudo: bool = False
    optional: bool = False
    hang_kill: Seconds = 0.0
    systemctl: tuple[str, ...] = ("systemctl",)


class _Failed(Exception):
    """Carries the outcome that ends the action."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def needs(settings: Settings) -> Needs:
    return Needs(programs=settings.sudo or settings.systemctl != ("systemctl",))


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = systemd.problems(settings.unit, settings.systemctl)
    if settings.sudo and settings.user:
        found.append(("sudo", "a unit of this user needs none: leave out sudo or user"))
    if settings.hang_kill < 0:
        found.append(("hang_kill", f"expected 0 (never) or more seconds, got {settings.hang_kill:g}"))
    return found


def run(settings: Settings, *, timeout: float) -> Outcome:
    wrong = problems(settings)
    if wrong:
        return Outcome("refused", wrong[0][1])
    try:
        return _restart(settings, timeout)
    except _Failed as failed:
        return failed.outcome


def hold(settings: Settings, *, timeout: float, before: str = "") -> str | None:
    found = _seen(settings, timeout)
    reason = (_why_wait(found) or _prevented(found)) if found else ""
    return Text("{unit} is left alone: {reason}", unit=settings.unit, reason=reason) if reason else None


def happened(settings: Settings, since: float, *, timeout: float) -> bool | None:
    """By the moment at which it left `inactive`, exact to the microsecond on this machine's monotonic clock. A systemd
    of another machine (by a prefix) has another clock, which shows when it is ahead of ours."""
    found = _seen(settings, timeout)
    if not found:
        return None
    if systemd.job_waiting(found):
        return True
    begun, now = systemd.left_inactive(found), time.monotonic()
    if begun is None:
        return False
    return None if begun > now else time.time() - (now - begun) >= since


def begun(settings: Settings, *, timeout: float) -> float | None:
    """By the same moment as `happened`; none for a unit that systemd itself has started again after a crash."""
    found = _seen(settings, timeout)
    if not found or found.get("ActiveState") != "active" or found.get("NRestarts", "0") != "0":
        return None
    left, now = systemd.left_inactive(found), time.monotonic()
    return None if left is None or left > now else time.time() - (now - left)


def absent(settings: Settings, *, timeout: float) -> bool:
    """Whether the step is optional, and there is no such unit."""
    found = _seen(settings, timeout) if settings.optional else None
    return found is not None and found.get("LoadState") == "not-found"


def busy_until(settings: Settings, since: float, *, timeout: float) -> float | None:
    """While a job of the unit is queued or running: as long as stopping and starting may take by the unit's own limits,
    from `since` on."""
    found = _seen(settings, timeout)
    if not found or not systemd.job_waiting(found):
        return None
    limits = (systemd.seconds(found, name) for name in ("TimeoutStopUSec", "TimeoutStartUSec"))
    return since + sum(min(_LONGEST_JOB, 90.0 if one is None else one) for one in limits)


def rights(settings: Settings, *, timeout: float) -> Right:
    wrong = problems(settings)
    if wrong:
        return Right("bad", wrong[0][1])
    try:
        found = _show(settings, timeout / 2)
    except _Failed as failed:
        return Right("bad", failed.outcome.detail, Text("is systemd running here, and is `systemctl` right?"))
    if found.get("LoadState") == "not-found" and settings.optional:
        return Right("ok", Text("there is no unit {unit}: this step is passed over", unit=settings.unit))
    if found.get("LoadState") == "not-found":
        return Right(
            "warn",
            Text("there is no unit {unit}", unit=settings.unit),
            Text("mend `unit`, or leave this step out of the ladder"),
        )
    return _systemd_rights.judge(settings.systemctl, settings.user, settings.sudo, settings.unit, timeout / 2)


def _seen(settings: Settings, timeout: float) -> systemd.Properties | None:
    if problems(settings):
        return None
    try:
        return _show(settings, timeout)
    except _Failed:
        return None


def _restart(settings: Settings, timeout: float) -> Outcome:
    deadline = time.monotonic() + timeout
    look = min(_LONGEST_LOOK, timeout * _LOOK_SHARE)
    before = _show(settings, look)
    if reason := _why_not(before):
        return Outcome("refused", Text("{unit} is not restarted: {reason}", unit=settings.unit, reason=reason))
    _call(settings, look, _privileged(settings, "reset-failed"))  # a unit that has not failed is no error here
    started = time.monotonic()
    left = max(0.1, deadline - started - look)
    patience = min(settings.hang_kill, left) if settings.hang_kill else left
    finished = _call(settings, patience, _privileged(settings, "restart"))
    if finished.timed_out and settings.hang_kill:
        _end_hang(settings, look, deadline)
    if finished.code not in (0, None):
        complaint = systemd.complaint(finished.code, finished.stderr)
        return _bad(settings, systemd.denied(finished.stderr), complaint)
    try:
        after = _show(settings, max(0.1, deadline - time.monotonic()))
    except _Failed as failed:
        raise _Failed(failed.outcome._replace(result="unsure")) from None
    return _proof(settings, before, after, finished.timed_out, time.monotonic() - started)


def _end_hang(settings: Settings, look: float, deadline: float) -> None:
    """Kill what is left of a unit that is still being stopped, and wait for systemd, whose job goes on, to start it
    anew. Raises _Failed, `unsure`, where systemd does not answer: the restart is under way all the same."""
    try:
        if _show(settings, look).get("ActiveState") != "deactivating":
            return
        if _call(settings, look, _privileged(settings, "kill", "--signal=SIGKILL")).code != 0:
            return  # the right to do that is missing
        while (left := deadline - look - time.monotonic()) > 0 and systemd.job_waiting(_show(settings, max(0.1, left))):
            time.sleep(min(_POLL, left))
    except _Failed as failed:
        raise _Failed(failed.outcome._replace(result="unsure")) from None


def _proof(
    settings: Settings, before: systemd.Properties, after: systemd.Properties, timed_out: bool, took: float
) -> Outcome:
    invocation, output = after.get("InvocationID", ""), systemd.summary(after)
    state = f"{after.get('ActiveState')} ({after.get('SubState')})"  # systemd's own words
    if timed_out and systemd.job_waiting(after):
        words = Text(
            "systemd is still restarting {unit} after {took}; it is {state}",
            unit=settings.unit,
            took=duration(took),
            state=state,
        )
        return Outcome("working", words, output)
    if not invocation or invocation == before.get("InvocationID"):
        said = Text("{unit} was not started anew; it is {state}", unit=settings.unit, state=state)
        if timed_out:
            said = Text(
                "{unit} was not started anew within {span}; it is {state}",
                unit=settings.unit,
                span=duration(took),
                state=state,
            )
        return Outcome("failed", said, output)
    if after.get("ActiveState") == "failed":
        return Outcome(
            "failed",
            Text("{unit} was started and failed: {result}", unit=settings.unit, result=str(after.get("Result"))),
            output,
        )
    return Outcome(
        "done",
        Text("restarted {unit}: {state}, invocation {id}", unit=settings.unit, state=state, id=invocation[:12]),
        output,
    )


def _why_not(properties: systemd.Properties) -> str:
    load = properties.get("LoadState", "")
    if load == "not-found":
        return Text("there is no such unit")
    if load not in ("loaded", "masked", ""):
        return Text("its unit file cannot be used ({load})", load=one_line(load, 40))
    return _why_wait(properties)


def _why_wait(properties: systemd.Properties) -> str:
    """Why it must be left alone, by whatever step; a unit that is not there only rules out this one."""
    if properties.get("LoadState") == "masked":
        return Text("it is masked (somebody wants it off)")
    if properties.get("ActiveState") == "deactivating":
        return Text("it is being stopped")
    return Text("it is still starting") if systemd.starting(properties) else ""


def _prevented(properties: systemd.Properties) -> str:
    """Why it is not started by itself; a person who orders that has mended its configuration."""
    status = systemd.prevented(properties)
    return (
        ""
        if status is None
        else Text("it ended with exit {n}, after which its unit must not be started again", n=status)
    )


def _show(settings: Settings, seconds: float) -> systemd.Properties:
    words = ("show", f"--property={_PROPERTIES}", "--", settings.unit)
    finished = _call(settings, seconds, systemd.command(settings.systemctl, settings.user, *words))
    found = systemd.block_of(settings.unit, systemd.blocks(finished.stdout)) if finished.code == 0 else None
    if found is None:
        why = systemd.complaint(finished.code, finished.stderr) if finished.code != 0 else Text("no answer about it")
        raise _Failed(_bad(settings, systemd.denied(finished.stderr), why))
    return found


def _privileged(settings: Settings, *verb: str) -> list[str]:
    return systemd.privileged(settings.systemctl, settings.user, settings.sudo, settings.unit, *verb)


def _call(settings: Settings, seconds: float, argv: list[str]) -> process.Finished:
    try:
        env = process.minimal_env(systemd.extra_env(os.environ, os.getuid()))
        return process.run(argv, timeout=seconds, env=env)
    except PermissionError as error:
        why = Text("cannot run {command}: {why}", command=one_line(argv[0], 80), why=system_words(str(error.strerror)))
        raise _Failed(_bad(settings, True, why)) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        why = Text("cannot run {command}: {why}", command=one_line(argv[0], 80), why=system_words(reason))
        raise _Failed(_bad(settings, False, why)) from None


def _bad(settings: Settings, denied: bool, why: str) -> Outcome:
    if not denied:
        return Outcome(
            "failed", Text("{unit} could not be restarted: {why}", unit=settings.unit, why=why), bounded(why)
        )
    remedy = systemd.remedy(settings.unit, settings.sudo)
    return Outcome(
        "denied",
        Text("the right to restart {unit} is missing: {remedy} ({why})", unit=settings.unit, remedy=remedy, why=why),
        bounded(why),
    )
