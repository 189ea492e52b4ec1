"""A systemd unit, of the system or of the user.

healthy    active or reloading; a oneshot that has run (`RemainAfterExit`) or is running; with `inactive_ok`
           also one that is inactive after a good end, with `inactive_job_ok` a job that is
degraded   still starting; active without any process left; running although its unit file is masked, broken
           or gone
unhealthy  failed, inactive, stopping, waiting for its automatic restart, restarted by systemd since the last
           check (a crash loop), masked, or no such unit
unknown    systemctl cannot be run or does not answer, or there is no service manager to ask

A unit that does not exist is `unhealthy`, so that a typing error in the configuration is noticed. It is never
restarted. One that is being stopped is of category draining; masked, broken, or ended with an exit status in its
RestartPreventExitStatus of category configuration: no restart mends that. All units are read with one `systemctl show`.

    [components.web]
    kind = "service"
    unit = "nginx.service"
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.guarded import guarded
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status, unknown
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.monitors._journal import tail
from heartbeat_cli.monitors._systemctl import LATE, Answer, given, show, side_by_side
from heartbeat_cli.system import hung

_PROPERTIES = (
    "Id,Names,Type,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainCode,InvocationID,"
    "UnitFileState,MemoryCurrent,TriggeredBy,RestartPreventExitStatus"
)
_GOOD_ENDS = ("success", "", "exec-condition")  # the last: ExecCondition= said that there was nothing to do
_JOURNAL_SHARE, _JOURNAL_SECONDS = 0.8, 1.0  # of the check's time, and of one unit: for what it said last

LADDER: tuple[Mapping[str, str], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}", "systemctl": "{systemctl}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """Either `unit` or `failed`, and how systemctl is called.

    unit: the unit, as "nginx" or "backup.timer"
    failed: true: healthy while no unit of the service manager has failed, else unhealthy, with their names
    user: true: a unit of the user heartbeat runs as (systemctl --user)
    systemctl: the program, with a prefix where one is needed, as ["sudo", "-n", "systemctl"] or
        ["docker", "exec", "box", "systemctl"]
    inactive_ok: true: inactive after a good end is healthy (a job that a timer or socket starts)
    inactive_job_ok: true: the same for jobs only: a oneshot, and what a timer starts and is not enabled itself; the
        default with match
    restart_limit: automatic restarts since the last check that count as a crash loop; 0: never, and waiting
        for a restart after a good end is well too (Restart=always used as a timer)
    """

    unit: str = ""
    failed: bool = False
    user: bool = False
    systemctl: tuple[str, ...] = ("systemctl",)
    inactive_ok: bool = False
    inactive_job_ok: bool = False
    restart_limit: int = 1


class _Verdict(Record):
    status: Status
    error: str | None = None
    category: Category | None = None


def needs(settings: Settings) -> Needs:
    return Needs(programs=settings.systemctl != ("systemctl",))


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = systemd.problems(settings.unit or "any", settings.systemctl)
    if bool(settings.unit) == settings.failed:
        found.append(("unit", "expected exactly one of unit = NAME and failed = true"))
    if settings.restart_limit < 0:
        found.append(("restart_limit", "expected 0 (never) or more"))
    return found


def probe_all(asked: Sequence[tuple[Settings, CheckContext]]) -> list[Reading]:
    groups: dict[tuple[tuple[str, ...], bool, bool], list[tuple[Settings, CheckContext]]] = {}
    for settings, context in asked:
        groups.setdefault(_manager(settings), []).append((settings, context))
    until = time.monotonic() + min((context.timeout for _, context in asked), default=0.0) * _JOURNAL_SHARE
    longest = max((context.timeout for _, context in asked), default=0.0)
    answers = side_by_side(groups, _ask, longest)

    def checked(settings: Settings, context: CheckContext) -> Reading:
        reading = _reading(settings, context, given(answers, _manager(settings), LATE))
        return _with_journal(settings, context, reading, until)

    return [guarded(context, checked, settings, context) for settings, context in asked]


def _manager(settings: Settings) -> tuple[tuple[str, ...], bool, bool]:
    return settings.systemctl, settings.user, settings.failed


def of_unit(unit: str, user: bool, context: CheckContext) -> Reading | None:
    """What this kind says of the unit behind a component of another kind; None where there is no such unit, or systemd
    does not say."""
    asked = Settings(unit, user=user), context._replace(memory={})
    answer = _ask([asked])
    properties = systemd.block_of(unit, answer.blocks)
    if properties is None or properties.get("LoadState") == "not-found":
        return None
    return _with_journal(*asked, _reading(*asked, answer), time.monotonic() + _JOURNAL_SECONDS)


def _with_journal(settings: Settings, context: CheckContext, reading: Reading, until: float) -> Reading:
    """What a unit that failed said last: read once for each way it stands, then remembered as long as it stands so."""
    if reading.status != "unhealthy" or not settings.unit:
        return reading
    state, known = reading.evidence["systemd"], context.memory.get("journal")
    if isinstance(known, list) and len(known) == 2 and known[0] == state:
        text = str(known[1])
    elif (left := until - time.monotonic()) > 0:
        text = tail(settings.unit, settings.systemctl, settings.user, min(left, _JOURNAL_SECONDS))
    else:
        return reading
    evidence = {**reading.evidence, Text("journal"): text} if text else reading.evidence
    return reading._replace(evidence=evidence, memory={**reading.memory, "journal": [state, text]})


def _ask(group: list[tuple[Settings, CheckContext]]) -> Answer:
    first, timeout = group[0][0], min(context.timeout for _, context in group)
    memories = [context.memory for _, context in group]
    if first.failed:
        from heartbeat_cli.monitors import _failed_units  # few ask for it

        return _failed_units.ask(first.systemctl, first.user, timeout, memories)
    units = [settings.unit for settings, _ in group]
    return show(first.systemctl, first.user, units, _PROPERTIES, timeout, memories)


def _reading(settings: Settings, context: CheckContext, answer: Answer) -> Reading:
    if settings.failed:
        from heartbeat_cli.monitors import _failed_units

        return _failed_units.reading(answer)
    properties = systemd.block_of(settings.unit, answer.blocks)
    if properties is None:
        kept = {**hung.without(context.memory), **answer.hung}
        return unknown(Text("cannot ask systemd: {complaint}", complaint=answer.complaint), kept)
    restarts = systemd.number(properties, "NRestarts")
    verdict = _judge(settings, properties, _restarts_since(restarts, context.memory))
    metrics = []
    if restarts is not None:
        metrics.append(Metric("restarts", restarts, "counter"))
    if (memory := systemd.number(properties, "MemoryCurrent")) is not None:
        metrics.append(Metric("memory_bytes", memory))
    return Reading(
        verdict.status,
        answer.elapsed,
        verdict.error,
        tuple(metrics),
        {"systemd": systemd.summary(properties)},
        {} if restarts is None else {"restarts": restarts},
        certain=verdict.status == "unhealthy" and properties.get("ActiveState") in ("failed", "inactive"),
        category=verdict.category,
    )


def _restarts_since(restarts: int | None, memory: Mapping[str, Any]) -> int:
    """A start by hand and a reboot set it back to zero: a figure below the last one is what came after that."""
    before = memory.get("restarts")
    if restarts is None or isinstance(before, bool) or not isinstance(before, int):
        return 0
    return restarts - before if restarts >= before else restarts


def _judge(settings: Settings, properties: systemd.Properties, restarts: int) -> _Verdict:
    load = properties.get("LoadState", "")
    if load not in ("loaded", ""):
        return _not_loaded(settings, load, properties)
    if 0 < settings.restart_limit <= restarts:
        line = Text.counted(
            restarts, "crash loop: {n} restart since the last check", "crash loop: {n} restarts since the last check"
        )
        return _Verdict("unhealthy", systemd.with_end(line, properties))
    return _by_state(settings, properties)


def _not_loaded(settings: Settings, load: str, properties: systemd.Properties) -> _Verdict:
    words = {
        "not-found": Text("no such unit: {full_name}", full_name=systemd.full_name(settings.unit)),
        "masked": Text("masked: it cannot be started until it is unmasked"),
    }.get(load, Text("its unit file cannot be used ({load}); see systemctl status", load=one_line(load, 40)))
    if properties.get("ActiveState") in ("active", "reloading", "refreshing"):
        words = Text("running, but would not start again: {words}", words=words)
        return _Verdict("degraded", words, "configuration")
    return _Verdict("unhealthy", words, "configuration")


def _by_state(settings: Settings, properties: systemd.Properties) -> _Verdict:
    active, oneshot = properties.get("ActiveState", ""), properties.get("Type") == "oneshot"
    if active == "active":
        return _active(properties, oneshot)
    if active in ("reloading", "refreshing"):
        return _Verdict("healthy")
    if active == "activating":
        return _activating(settings, properties, oneshot)
    if active == "deactivating":
        # A short stop is far below the fail threshold; one that hangs serves nobody and must be reported.
        return _Verdict("healthy") if oneshot else _Verdict("unhealthy", Text("is being stopped"), "draining")
    if active == "failed":
        line = systemd.with_end(systemd.failed(properties), properties)
        return _Verdict("unhealthy", line, "configuration" if systemd.prevented(properties) else None)
    if active == "inactive":
        return _inactive(settings, properties)
    if active == "maintenance":
        return _Verdict("unhealthy", Text("held for maintenance by systemd"))
    return _Verdict(
        "unknown", Text("systemd reports a state that heartbeat does not know: {active}", active=one_line(active, 60))
    )


def _active(properties: systemd.Properties, oneshot: bool) -> _Verdict:
    if properties.get("SubState") == "exited" and not oneshot:
        return _Verdict("degraded", Text("active, but none of its processes is left (RemainAfterExit)"))
    return _Verdict("healthy")


def _activating(settings: Settings, properties: systemd.Properties, oneshot: bool) -> _Verdict:
    if systemd.waiting_to_restart(properties):
        result = systemd.result(properties)
        if settings.restart_limit == 0 and result == "success":
            return _Verdict("healthy")
        line = Text("crash loop: waiting to be restarted, {result}", result=result)
        return _Verdict("unhealthy", systemd.with_end(line, properties))
    if oneshot:
        return _Verdict("healthy")
    return _Verdict("degraded", Text("still starting ({state})", state=str(properties.get("SubState"))), "starting")


def _inactive(settings: Settings, properties: systemd.Properties) -> _Verdict:
    well = properties.get("Result", "success") in _GOOD_ENDS
    if well and (settings.inactive_ok or (settings.inactive_job_ok and systemd.is_job(properties))):
        return _Verdict("healthy")
    lines = [systemd.with_end(Text("inactive: not running"), properties)]
    if trigger := one_line(properties.get("TriggeredBy", ""), 80):
        lines.append(Text("{trigger} starts it: set inactive_ok = true if it may rest in between", trigger=trigger))
    elif well and systemd.is_job(properties):
        lines.append(Text("it is a oneshot that has not failed: set inactive_ok = true if it need not run now"))
    return _Verdict("unhealthy", joined(lines))
