"""A systemd timer that fires in time, and whose unit's last run succeeded.

healthy    the timer is active, not late, and its unit's last run did not fail; also one that has not fired yet
degraded   active, but disabled, so that it does not fire after a reboot
unhealthy  stopped, failed, masked or unknown to systemd; late by more than `grace`; never going to fire again; last
           fired longer ago than `max_age`; its unit's last run failed, or one takes longer than `max_run`
unknown    systemctl cannot be run or does not answer, or words its times in a zone other than UTC

A timer is late when the next elapse that systemd names lies further in the past than `grace`, AccuracySec and
RandomizedDelaySec together; not while its unit runs. A failed run counts until one has succeeded, also while the next
one is going on; `systemctl reset-failed` ends it as well. The age is taken from the monotonic clock, so that setting
the clock changes nothing; across a reboot it is taken from the time that systemd or the last check remembers.

By default nothing is restarted: a second run of a backup may do harm. A script of the name restart_<id>.sh is run where
there is one. The systemd that is asked must be that of this host, or of a container on it.

    [components.backup-timer]
    kind = "timer"
    unit = "backup.timer"
"""

import math
import time
from collections.abc import Mapping, Sequence

from heartbeat_cli.domain.checking.guarded import guarded
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, unknown
from heartbeat_cli.domain.kinds import systemd, systemd_timer
from heartbeat_cli.domain.kinds.systemd_timer import Clocks, Limits, Trouble
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.monitors._journal import tail
from heartbeat_cli.monitors._systemctl import LATE, Answer, given, show, side_by_side
from heartbeat_cli.system import hung

_JOURNAL_SHARE, _JOURNAL_SECONDS = 0.8, 1.0  # of the check's time, and of one unit: for what it said last

LADDER: tuple[Mapping[str, str], ...] = ({"action": "script", "name": "restart_{id}.sh"},)


class Settings(Record):
    """Which timer, and what is too late or too long.

    unit: the timer, as "backup" or "backup.timer"
    user: true: a unit of the user heartbeat runs as (systemctl --user)
    systemctl: the program, with a prefix where one is needed, as ["sudo", "-n", "systemctl"] or
        ["docker", "exec", "--env=TZ=UTC", "box", "systemctl"]
    grace: seconds that it may be late, besides its AccuracySec and RandomizedDelaySec
    max_age: seconds since it last fired from which it is unhealthy; default: any time
    max_run: seconds that a run of its unit may take; default: any time
    """

    unit: str
    user: bool = False
    systemctl: tuple[str, ...] = ("systemctl",)
    grace: Seconds = 300
    max_age: Seconds | None = None
    max_run: Seconds | None = None

    @property
    def timer(self) -> str:
        """The name of the timer in full."""
        return self.unit if self.unit.endswith(".timer") else f"{self.unit}.timer"


class _Answers(Record):
    """What one systemd said of timers, and of the units that they start."""

    timers: Answer = LATE
    services: Answer = Answer()
    until: float = -math.inf


def needs(settings: Settings) -> Needs:
    return Needs(programs=settings.systemctl != ("systemctl",))


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = systemd.problems(settings.timer, settings.systemctl)
    if settings.unit.endswith(".service"):
        found.append(("unit", "expected the timer, not the service that it starts"))
    if settings.grace < 0:
        found.append(("grace", f"expected 0 seconds or more, got {settings.grace:g}"))
    for key, value in (("max_age", settings.max_age), ("max_run", settings.max_run)):
        if value is not None and value <= 0:
            found.append((key, f"must be above 0 seconds, got {value:g}"))
    return found


def probe_all(asked: Sequence[tuple[Settings, CheckContext]]) -> list[Reading]:
    """A reading for each timer. Those of one systemd are read with two calls."""
    groups: dict[tuple[tuple[str, ...], bool], list[tuple[Settings, CheckContext]]] = {}
    for settings, context in asked:
        groups.setdefault((settings.systemctl, settings.user), []).append((settings, context))
    answers = side_by_side(groups, _ask, max((context.timeout for _, context in asked), default=0.0))

    def checked(settings: Settings, context: CheckContext) -> Reading:
        return _reading(settings, context, given(answers, (settings.systemctl, settings.user), _Answers()))

    return [guarded(context, checked, settings, context) for settings, context in asked]


def _ask(group: list[tuple[Settings, CheckContext]]) -> _Answers:
    first, timeout = group[0][0], min(context.timeout for _, context in group)
    ends = time.monotonic() + timeout
    names, memories = [settings.timer for settings, _ in group], [context.memory for _, context in group]
    timers = show(first.systemctl, first.user, names, systemd_timer.TIMER, timeout, memories)
    services = Answer()
    found = (_block(name, timers) for name in names)
    if started := [unit for timer in found if timer is not None and (unit := _unit(timer))]:
        left = max(0.05, ends - time.monotonic())
        services = show(first.systemctl, first.user, started, systemd_timer.SERVICE, left, memories)
    return _Answers(timers, services, ends - timeout * (1 - _JOURNAL_SHARE))


def _block(name: str, answer: Answer) -> systemd.Properties | None:
    """What was said of a unit, under the name that it was asked for by: messages name it, and its journal is asked for
    by it. Who answers may call it anything, or nothing."""
    found = systemd.block_of(name, answer.blocks)
    return None if found is None else {**found, "Id": systemd.full_name(name)}


def _unit(timer: systemd.Properties) -> str:
    """The unit that a timer starts, "" where that is no name of one."""
    unit = timer.get("Unit", "")
    return unit if systemd_timer.is_name(unit) else ""


def _reading(settings: Settings, context: CheckContext, answers: _Answers) -> Reading:
    timer = _block(settings.timer, answers.timers)
    if timer is None:
        return _unasked(context, answers.timers)
    unit = _unit(timer)
    service = _block(unit, answers.services) if unit else None
    if unit and service is None:
        return _unasked(context, answers.services)
    clocks = Clocks(context.now, time.clock_gettime(time.CLOCK_MONOTONIC))
    limits = Limits(settings.grace, settings.max_age, settings.max_run)
    try:
        found, past = systemd_timer.troubles(timer, service, limits, clocks, systemd_timer.remembered(context.memory))
    except ValueError as error:
        return unknown(Text("systemctl names a time that is not in UTC: {time}", time=str(error)), context.memory)
    evidence: dict[str, str] = {Text("timer"): systemd.summary(timer)}
    if service is not None:
        evidence[Text("unit")] = systemd.summary(service)
    reading = Reading(
        "healthy",
        answers.timers.elapsed + answers.services.elapsed,
        metrics=() if past.fired is None else (_age(context.now - past.fired),),
        evidence=evidence,
        memory={"fired": past.fired, "failed": dict(past.failed), "journal": []},
    )
    return _with_troubles(settings, reading, found, service, context, answers.until) if found else reading


def _unasked(context: CheckContext, answer: Answer) -> Reading:
    memory = {**hung.without(context.memory), **answer.hung}
    return unknown(Text("cannot ask systemd: {complaint}", complaint=answer.complaint), memory)


def _age(seconds: float) -> Metric:
    return Metric("last_fired_seconds", max(0.0, seconds), metadata={"unit": "s"})


def _with_troubles(
    settings: Settings,
    reading: Reading,
    found: list[Trouble],
    service: systemd.Properties | None,
    context: CheckContext,
    until: float,
) -> Reading:
    worst = min(found, key=lambda one: one.status != "unhealthy")
    reading = reading._replace(
        status=worst.status,
        error=joined(one.error for one in found),
        category=worst.category,
        remedy=worst.remedy,
    )
    if service is None or not any(one.of_run for one in found):
        return reading
    return _with_journal(settings, reading, service, context, until)


def _with_journal(
    settings: Settings, reading: Reading, service: systemd.Properties, context: CheckContext, until: float
) -> Reading:
    """What the unit said last: read once for each of its runs, then remembered as long as that run counts."""
    run, known = service.get("InvocationID", ""), context.memory.get("journal")
    if isinstance(known, list) and len(known) == 2 and known[0] == run:
        text = str(known[1])
    elif (left := until - time.monotonic()) > 0:
        text = tail(service["Id"], settings.systemctl, settings.user, min(left, _JOURNAL_SECONDS))
    else:
        return reading
    evidence = {**reading.evidence, Text("journal"): text} if text else reading.evidence
    return reading._replace(evidence=evidence, memory={**reading.memory, "journal": [run, text]})
