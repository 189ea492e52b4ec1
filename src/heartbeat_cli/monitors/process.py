"""By name, pid file or unit: whether programs run, how many, their CPU, memory and age.

healthy    as many run as should, and within every limit
degraded   over a `_warn` limit, or the oldest of them began less than `min_age` ago: it was restarted lately
unhealthy  too few or too many run, over a `_critical` limit, or one is older than `max_age`
unknown    what heartbeat may not see could be the process: see below

Without any limit one process has to run. A zombie does not run; one that waits for a disk does. Every failure is of
category process, its memory too: a restart gives back what the process has leaked, and what the host lacks is found by
kind `host`. A unit that does not exist, or ended with an exit status in its RestartPreventExitStatus, is of category
configuration.

The kernel keeps 15 bytes of a name, so of a longer `process` as many are compared: add `command` to tell such names
apart. The command line of another user's process is never read, not even by root, because that user can make the read
wait for ever. If such a process might be the one, the component is `unknown`, until a check has found what it looks for
among the processes of this user. To decide it, set `owner`. If /proc hides the processes of other users (hidepid), a
process that is not found is `unknown`, unless `owner` is the user heartbeat runs as. A pid file must belong to root or
to this user. If it is older than the process whose number it holds, and no earlier check saw both, the component is
`unknown`: the number may be used again, or the clock was set since, as early in each boot of a host without a clock of
its own; name `unit` or `process` there.

Any user, and root in any container, can give a process any name. So by name only processes of root and of this user
count, and none in a container (another PID namespace). `owner = "www-data"` counts that user's, `owner = "*"` those of
all, `containers = true` those in containers too. If there are not enough without the others, the component is
`unknown`, until a check has found enough; the line names `owner` or `containers`. If `max_count` is kept only without
them, it is degraded.

    [components.worker]
    kind = "process"
    process = "python3"
    command = "worker.py --queue mail"
    count = 4
    memory_critical = "2GB"
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from heartbeat_cli.domain.checking.guarded import guarded
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status, unknown
from heartbeat_cli.domain.kinds import processes as known
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.kinds.process_limits import Limits, Seen, judge, limit_problems
from heartbeat_cli.domain.kinds.sizes import Size, size_in_bytes, size_problems
from heartbeat_cli.domain.plain import duration, one_line, size
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined, stacked
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _process_selection as selection
from heartbeat_cli.monitors import _process_units as units
from heartbeat_cli.monitors._systemctl import Answer
from heartbeat_cli.system import hung
from heartbeat_cli.system.processes import Processes, since_boot

_SHARE = 0.8  # of the shortest timeout: for all that is read
_SHOWN = 5  # processes in the evidence
_MOST_OPEN = 256  # processes whose open files are counted
_SIZES = ("memory_warn", "memory_critical")

IDENTITY = frozenset({"seen", "boot", "cpu", "pid_file"})

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """
    process: name of the processes, as the kernel has it (ps -o comm); a glob such as "celery*" is allowed
    command: text that must be in the command line (ps -o args), alone or with process; of processes of heartbeat's user
    owner: user whose processes they are, with process or command; "*": any user's; default: root's and those of
        heartbeat's user
    containers: true: with process or command, count processes in containers (other PID namespaces) too
    pid_file: file with the number of the process, an absolute path
    unit: systemd unit whose processes they are; its recovery restarts it
    user: true: that is a unit of the user heartbeat runs as (systemctl --user)
    count: how many must run at least
    max_count: how many may run at most; 0 with count = 0: none may run; default: any number
    cpu_warn: percent of one CPU from which it is degraded, all processes together, mean since the last check; 0: off
    cpu_critical: the same, unhealthy from there
    memory_warn: memory (RSS, all processes together) from which it is degraded, in bytes or as "512MB"; 0: off
    memory_critical: the same, unhealthy from there
    min_age: seconds for which the oldest process must have run, else it is degraded: it was restarted lately; 0: off
    max_age: seconds that the oldest process may run, else it is unhealthy (a job that hangs); 0: off
    """

    process: str | None = None
    command: str | None = None
    owner: str | None = None
    containers: bool = False
    pid_file: str | None = None
    unit: str | None = None
    user: bool = False
    count_: int = 1
    max_count: int | None = None
    cpu_warn: float | None = None
    cpu_critical: float | None = None
    memory_warn: Size | None = None
    memory_critical: Size | None = None
    min_age: Seconds | None = None
    max_age: Seconds | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    named = settings.process is not None or settings.command is not None
    if sum((named, settings.pid_file is not None, settings.unit is not None)) != 1:
        return [("", "expected process (or command), pid_file or unit: one of them")]
    found = []
    for key in ("process", "command", "owner"):
        if getattr(settings, key) == "":
            found.append((key, "is empty"))
    if settings.process and known.is_pattern(settings.process) and known.too_long(settings.process):
        text = f"matches nothing: the kernel keeps {known.LONGEST_NAME} bytes of a process's name; use command"
        found.append(("process", text))
    if settings.pid_file is not None and settings.pid_file[:1] != "/":
        found.append(("pid_file", f"expected an absolute path, got {settings.pid_file!r}"))
    if settings.owner is not None and not named:
        found.append(("owner", "works only with process or command"))
    if settings.containers and not named:
        found.append(("containers", "works only with process or command"))
    if settings.unit is not None:
        found += systemd.problems(settings.unit, ("systemctl",))
    elif settings.user:
        found.append(("user", "works only with unit"))
    sizes = size_problems(settings, _SIZES)
    return found + sizes + ([] if sizes else limit_problems(_limits(settings)))


def probe_all(asked: Sequence[tuple[Settings, CheckContext]]) -> list[Reading]:
    """One reading each, from one walk through /proc and one question to each systemd."""
    started = time.monotonic()
    until = started + min((context.timeout for _, context in asked), default=0.0) * _SHARE
    wanted = [(settings.unit, settings.user) for settings, _ in asked if settings.unit is not None]
    seen = Processes(until)
    if len(wanted) < len(asked):
        with suppress(OSError):  # each check that needs it says so
            _ = seen.all  # before systemd, which may take all of the time
    memories = [context.memory for settings, context in asked if settings.unit is not None]
    answers = units.ask(wanted, until, memories)

    def checked(settings: Settings, context: CheckContext) -> Reading:
        reading = _checked(settings, context, seen, answers, started)
        left = answers[settings.user].hung if settings.unit is not None else {}
        return reading._replace(memory={**hung.without(reading.memory), **left})

    return [guarded(context, checked, settings, context) for settings, context in asked]


def _checked(
    settings: Settings, context: CheckContext, seen: Processes, answers: Mapping[bool, Answer], started: float
) -> Reading:
    try:
        chosen = _chosen(settings, context, seen, answers)
        reading = _reading(settings, context, seen, chosen)
    except Unobservable as error:
        return unknown(one_line(str(error)), context.memory)
    except OSError as error:
        why = one_line(error.strerror or str(error))
        return unknown(Text("cannot read the processes of this host: {why}", why=why), context.memory)
    return reading._replace(response_time=time.monotonic() - started)


def _chosen(
    settings: Settings, context: CheckContext, seen: Processes, answers: Mapping[bool, Answer]
) -> selection.Selection:
    if settings.unit is not None:
        return selection.by_unit(seen, settings.unit, answers[settings.user])
    if settings.pid_file is not None:
        return selection.by_pid_file(seen, settings.pid_file, context.memory, context.now)
    s = settings
    wanted = selection.Wanted(s.process, s.command, s.owner, s.containers, s.count_)
    return selection.by_name(seen, wanted, context.memory)


def _reading(settings: Settings, context: CheckContext, seen: Processes, chosen: selection.Selection) -> Reading:
    running, uptime = chosen.running, since_boot()
    cpu = known.cpu_percent(context.memory, seen.boot, uptime, running)
    oldest = max((uptime - one.began for one in running), default=None)
    zombies = len(chosen.found) - len(running)
    memory = sum(one.memory for one in running)
    number, partial = len(running) + chosen.unread, chosen.unread > 0
    found = Seen(number, zombies, cpu, memory, oldest, chosen.missing, partial, chosen.others, chosen.aside)
    if number < settings.count_ and chosen.unsure:
        few = Text("{n} of {count} processes run", n=number, count=settings.count_) if number else chosen.missing
        raise Unobservable(Text("{missing}, but {why}", missing=few, why=chosen.unsure))
    findings = judge(_limits(settings), found)
    if not findings and chosen.unread and _figures_wanted(settings):
        raise Unobservable(selection.HIDDEN)
    status: Status = "healthy"
    if findings:
        status = "unhealthy" if any(one.critical for one in findings) else "degraded"
    return Reading(
        status,
        error=joined([one.text for one in findings]) or None,
        metrics=_metrics(seen, running, found),
        evidence={Text("processes"): _listed(running, uptime)} if findings and running else {},
        memory=_memory(context, seen, chosen, uptime),
        certain=status == "unhealthy" and found.number == 0,
        category=chosen.category if status == "unhealthy" and found.number == 0 else None,
    )


def _limits(settings: Settings) -> Limits:
    s = settings
    warn, critical = size_in_bytes(s.memory_warn), size_in_bytes(s.memory_critical)
    return Limits(s.count_, s.max_count, s.cpu_warn, s.cpu_critical, warn, critical, s.min_age, s.max_age)


def _figures_wanted(settings: Settings) -> bool:
    """Whether a limit asks for more than how many run."""
    return any(_limits(settings)[2:])


def _metrics(seen: Processes, running: Sequence[known.Process], found: Seen) -> tuple[Metric, ...]:
    metrics = [Metric("count", found.number)]
    if found.partial:
        return tuple(metrics)
    metrics.append(Metric("memory_bytes", found.memory))
    if found.cpu is not None:
        metrics.append(Metric("cpu_percent", found.cpu))
    if found.oldest is not None:
        metrics.append(Metric("oldest_age_seconds", found.oldest))
    if 0 < len(running) <= _MOST_OPEN and (files := seen.open_files(one.pid for one in running)) is not None:
        metrics.append(Metric("open_files", files))
    return tuple(metrics)


def _memory(context: CheckContext, seen: Processes, chosen: selection.Selection, uptime: float) -> dict[str, Any]:
    """What the next check needs: the CPU times of now, or still those of a check that was a moment ago."""
    if known.too_soon(context.memory, seen.boot, uptime):
        times = {key: context.memory[key] for key in ("boot", "uptime", "cpu") if key in context.memory}
    else:
        times = known.remembered(seen.boot, uptime, chosen.running)
    return {**times, **chosen.memory}


def _listed(running: Sequence[known.Process], uptime: float) -> str:
    """The biggest of them, a line each: names only, since arguments may hold secrets."""
    biggest = sorted(running, key=lambda one: -one.memory)[:_SHOWN]
    text = Text("{name} (pid {pid}): {size}, running for {span}")
    return stacked(
        text.with_values(
            name=one_line(one.name, 40), pid=one.pid, size=size(one.memory), span=duration(uptime - one.began)
        )
        for one in biggest
    )
