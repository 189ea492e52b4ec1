"""What systemd says of a timer and of the unit that it starts, judged. Pure.

Properties: https://www.freedesktop.org/wiki/Software/systemd/dbus/ and systemd.timer(5), as systemd 252 words them. The
next elapse includes the random delay. A timer for calendar events has it in real time, one for spans in monotonic time,
which neither clock changes nor suspends move; `LastTriggerUSec` outlives a boot where the timer is `Persistent`.
"""

import math
from collections.abc import Mapping
from shlex import quote
from typing import Any

from heartbeat_cli.domain.category import Category, Remedy
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.kinds.systemd import Properties
from heartbeat_cli.domain.kinds.value_checks import as_number
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

TIMER = (
    "Id,Names,LoadState,ActiveState,SubState,Result,UnitFileState,Unit,NextElapseUSecRealtime,NextElapseUSecMonotonic,"
    "LastTriggerUSec,LastTriggerUSecMonotonic,AccuracyUSec,RandomizedDelayUSec,TimersMonotonic,WantedBy,RequiredBy,"
    "ActiveEnterTimestampMonotonic"
)
SERVICE = (
    "Id,Names,Type,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainCode,InvocationID,"
    "RestartPreventExitStatus,InactiveExitTimestampMonotonic"
)
_END = ("Result", "ExecMainStatus", "ExecMainCode")
_NONE: Mapping[str, str] = {}
_FINE = ("", "success", "exec-condition")  # the last: it was skipped, as its unit file says


class Clocks(Record):
    """The time of a check: seconds since the epoch, and of the clock that systemd calls monotonic."""

    now: float
    monotonic: float


class Limits(Record):
    """Seconds: how late a timer may be, how long ago it may have fired last, how long a run may take; None: any."""

    grace: float
    max_age: float | None
    max_run: float | None


class Trouble(Record):
    """One thing that is wrong. `of_run`: with the unit that it starts, whose journal may say more."""

    status: Status
    category: Category
    error: str
    of_run: bool = False

    @property
    def remedy(self) -> Remedy:
        """A person: starting a job such as a backup once more may do harm."""
        return "person"


class Past(Record):
    """What one check leaves for the next: when the timer last fired (epoch seconds), and how the last run ended if it
    failed."""

    fired: float | None = None
    failed: Mapping[str, str] = _NONE


def remembered(memory: Mapping[str, Any]) -> Past:
    """What a memory holds."""
    failed = memory.get("failed")
    end = {key: str(failed[key]) for key in _END if key in failed} if isinstance(failed, Mapping) else {}
    return Past(as_number(memory.get("fired")), end)


def fired(timer: Properties, clocks: Clocks, past: Past) -> float | None:
    """When the timer last fired, as far as anybody knows. Raises ValueError as `systemd.moment` does."""
    since = _since(timer, "LastTriggerUSecMonotonic", clocks)
    if since is not None:
        return clocks.now - since
    return systemd.moment(timer, "LastTriggerUSec") or past.fired


def troubles(
    timer: Properties, service: Properties | None, limits: Limits, clocks: Clocks, past: Past
) -> tuple[list[Trouble], Past]:
    """What is wrong, and what to remember. Raises ValueError for a time in another zone than UTC."""
    last = fired(timer, clocks, past)
    found = _not_active(timer) or [*_never(timer, last), *_late(timer, limits, clocks, last)]
    if service is None:
        return found, Past(last)
    failed = _failed(service, past)
    found += [*_not_there(service), *_last_run(service, failed), *_long_run(service, limits, clocks)]
    return found, Past(last, failed)


def is_name(unit: str) -> bool:
    """Whether a timer names a unit of this name that can be asked for."""
    return bool(unit) and not systemd.problems(unit, ("systemctl",))


def _not_active(timer: Properties) -> list[Trouble]:
    name, load, active = timer.get("Id", ""), timer.get("LoadState", ""), timer.get("ActiveState", "")
    if load == "not-found":
        return [Trouble("unhealthy", "configuration", Text("no such unit: {full_name}", full_name=name))]
    if load == "masked":
        text = Text("masked: it cannot be started until it is unmasked")
        return [Trouble("unhealthy", "configuration", text)]
    if load not in ("loaded", ""):
        text = Text("its unit file cannot be used ({load}); see systemctl status", load=one_line(load, 40))
        return [Trouble("unhealthy", "configuration", text)]
    if active == "failed":
        text = Text("the timer failed: {result}", result=systemd.result(timer))
        return [Trouble("unhealthy", "configuration", text)]
    if active != "active":
        text = Text("the timer is not active, so it does not fire: systemctl enable --now {name}", name=quote(name))
        return [Trouble("unhealthy", "configuration", text)]
    return []


def _never(timer: Properties, last: float | None) -> list[Trouble]:
    """It is active, and will not fire again though it should, or not after a reboot."""
    if timer.get("SubState") == "elapsed":
        repeats = "OnUnit" in timer.get("TimersMonotonic", "")  # it counts from a run of its unit, and there is none
        if last is None or repeats:
            text = Text("the timer is active, but has no time at which it fires next: see systemctl list-timers")
            return [Trouble("unhealthy", "configuration", text)]
    if timer.get("UnitFileState") == "disabled" and not timer.get("WantedBy") and not timer.get("RequiredBy"):
        name = quote(timer.get("Id", ""))
        text = Text("the timer is active, but not after a reboot: systemctl enable {name}", name=name)
        return [Trouble("degraded", "configuration", text)]
    return []


def _late(timer: Properties, limits: Limits, clocks: Clocks, last: float | None) -> list[Trouble]:
    """It should have fired. While its unit runs, systemd has not set the next time yet."""
    if timer.get("SubState") == "running":
        return []
    allowed = limits.grace + sum(_span(timer, name) for name in ("AccuracyUSec", "RandomizedDelayUSec"))
    if (late := _lateness(timer, clocks)) > allowed:
        text = Text(
            "has not fired: it is {late} late (limit {allowed})", late=duration(late), allowed=duration(allowed)
        )
        return [Trouble("unhealthy", "process", text)]
    most, age = limits.max_age, _age(timer, clocks, last)
    if most is None or age is None or age <= most:
        return []
    template = Text("has not fired since it was started {age} ago (limit {most})")
    if last is not None:
        template = Text("last fired {age} ago (limit {most})")
    return [Trouble("unhealthy", "process", template.with_values(age=duration(age), most=duration(most)))]


def _lateness(timer: Properties, clocks: Clocks) -> float:
    real, span = systemd.moment(timer, "NextElapseUSecRealtime"), _span(timer, "NextElapseUSecMonotonic")
    late = [clocks.now - real] if real is not None else []
    return max([*late, *([clocks.monotonic - span] if span > 0 else [])], default=0.0)


def _age(timer: Properties, clocks: Clocks, last: float | None) -> float | None:
    """Seconds since it last fired, since it was started where it never did; None where neither is known."""
    if last is not None:
        return max(0.0, clocks.now - last)
    started = systemd.number(timer, "ActiveEnterTimestampMonotonic")
    return max(0.0, clocks.monotonic - started / 1e6) if started else None


def _failed(service: Properties, past: Past) -> Mapping[str, str]:
    """How the last run ended, if it failed. A run that is going on says nothing of itself yet."""
    active = service.get("ActiveState", "")
    failing = active == "failed" or systemd.waiting_to_restart(service)
    if failing or (active == "inactive" and service.get("Result", "") not in _FINE):
        return {key: one_line(service.get(key, ""), 60) for key in _END}
    ended = active == "inactive" or service.get("SubState") == "exited"
    return {} if ended else past.failed


def _not_there(service: Properties) -> list[Trouble]:
    name, load = service.get("Id", ""), service.get("LoadState", "loaded")
    if load == "loaded":
        return []
    text = Text("it starts {name}, which cannot be started ({load})", name=name, load=one_line(load, 40))
    return [Trouble("unhealthy", "configuration", text)]


def _last_run(service: Properties, failed: Mapping[str, str]) -> list[Trouble]:
    if not failed:
        return []
    name = service.get("Id", "")
    line = Text("the last run of {name} failed: {result}", name=name, result=systemd.result(failed))
    category: Category = "configuration" if systemd.prevented(service) else "process"
    return [Trouble("unhealthy", category, systemd.with_end(line, failed), of_run=True)]


def _long_run(service: Properties, limits: Limits, clocks: Clocks) -> list[Trouble]:
    began = systemd.left_inactive(service)
    if limits.max_run is None or began is None or service.get("ActiveState") in ("inactive", "failed"):
        return []
    span = clocks.monotonic - began
    if span <= limits.max_run or systemd.waiting_to_restart(service):
        return []
    text = Text("{name} has been running for {span} (limit {most})")
    text = text.with_values(name=service.get("Id", ""), span=duration(span), most=duration(limits.max_run))
    return [Trouble("unhealthy", "process", text, of_run=True)]


def _since(timer: Properties, name: str, clocks: Clocks) -> float | None:
    """Seconds since a moment on the monotonic clock, None where there is none."""
    span = _span(timer, name)
    return max(0.0, clocks.monotonic - span) if span > 0 else None


def _span(timer: Properties, name: str) -> float:
    """A span in seconds, 0 for none and for infinity."""
    found = systemd.seconds(timer, name)
    return found if found is not None and not math.isinf(found) else 0.0
