"""A job that reports itself with `heartbeat beat`: a cron job, a backup, an agent behind NAT.

healthy    the last success is not older than `period` + `grace` seconds, or a run that reported `--start` is not
           older than `max_runtime` (default: `period` + `grace`)
unhealthy  the last beat was `--fail` or had an exit code other than 0
error      no beat in time, or a run that takes longer than `max_runtime`
unknown    there has never been a beat, and it is not late yet

    [components.backup]
    kind = "push"
    period = 86400
    grace = 3600
    max_runtime = 7200

The job in a crontab:

    0 3 * * * heartbeat beat backup --start; /usr/local/bin/backup; heartbeat beat backup --exit-code $?
"""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable

WANTS_BEATS = True

_FINISHED = ("success", "fail")


class Settings(Record):
    """When a beat is expected.

    period: seconds between two beats, as expected; a daily job has 86400
    grace: seconds a beat may be late before that is a failure
    max_runtime: seconds one run may take from its start beat to its end; default: period + grace
    """

    period: Seconds
    grace: Seconds = 60
    max_runtime: Seconds | None = None


class Beat(Record):
    """One recorded beat; `at` is epoch seconds, never later than the check."""

    at: float
    event: str
    exit_code: int | None = None
    message: str = ""
    rid: str | None = None


class Run(Record):
    """What the beats amount to: the last finished run, its duration, and the oldest run still going on."""

    finish: Beat | None
    seconds: float | None
    running: Beat | None


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if settings.period <= 0:
        found.append(("period", f"must be above 0 seconds, got {settings.period:g}"))
    if settings.grace < 0:
        found.append(("grace", f"must be 0 seconds or more, got {settings.grace:g}"))
    if settings.max_runtime is not None and settings.max_runtime <= 0:
        found.append(("max_runtime", f"must be above 0 seconds, got {settings.max_runtime:g}"))
    return found


def probe(settings: Settings, context: CheckContext) -> Reading:
    beats, seen = _beats(context)
    run = follow(beats)
    memory = {"future": seen} if seen else {}
    if not beats:
        return _silent(settings, context)
    metrics = [Metric("beat_age_seconds", context.now - beats[-1].at)]
    if run.seconds is not None:
        metrics.append(Metric("run_seconds", run.seconds))
    reading = Reading("healthy", run.seconds, metrics=tuple(metrics), memory=memory)
    trouble = _overdue(settings, run, context)
    if run.finish is not None and _failed(run.finish):
        line = Text("{line}, {span} ago", line=_failure(run.finish), span=duration(context.now - run.finish.at))
        return reading._replace(status="unhealthy", error=joined([line, trouble]) if trouble else line)
    return reading._replace(status="error", error=trouble) if trouble else reading


def follow(beats: list[Beat]) -> Run:
    """Pair starts with their ends: by `rid` where given, else an end closes the latest start before it."""
    finish: Beat | None = None
    seconds: float | None = None
    open_starts: list[Beat] = []
    for beat in beats:
        if beat.event == "start":
            open_starts.append(beat)
            continue
        finish, seconds = beat, None
        own = [index for index, start in enumerate(open_starts) if start.rid == beat.rid]
        if own:
            seconds = max(0.0, beat.at - open_starts[own[-1]].at)
            # A run that started before a finished one, and never ended, was killed: it is over, too.
            del open_starts[: own[-1] + 1]
        elif beat.rid is None:
            open_starts.clear()
    return Run(finish, seconds, open_starts[0] if open_starts else None)


def _overdue(settings: Settings, run: Run, context: CheckContext) -> str | None:
    if run.running is not None:
        limit = settings.max_runtime or settings.period + settings.grace
        age = context.now - run.running.at
        slept = _slept(context, run.running.at, run.running.at + limit)
        if age - slept <= limit:
            return None
        return Text("running for {span}, may take {limit}", span=duration(age), limit=duration(limit))
    if run.finish is None or context.now <= _latest(settings, run.finish.at, context):
        return None
    return Text(
        "last beat {span} ago, {expected}", span=duration(context.now - run.finish.at), expected=_expected(settings)
    )


def _latest(settings: Settings, since: float, context: CheckContext) -> float:
    """Until when the next beat may come. A host that slept when it was expected beats a period later, or at once:
    it is given that period; one that slept before then is given the time it slept."""
    due, latest = since + settings.period, since + settings.period + settings.grace
    began, ended = _gap(context)
    slept = _slept(context, since, latest)
    return ended + settings.period + settings.grace if slept and began <= due <= ended else latest + slept


def _slept(context: CheckContext, since: float, until: float) -> float:
    """Seconds of the last time without passes, if it began between these moments."""
    began, ended = _gap(context)
    return ended - began if since <= began <= until else 0.0


def _gap(context: CheckContext) -> tuple[float, float]:
    """The last time without passes: the host slept, was off, or its clock was put forward."""
    stored = context.memory.get("gap")
    moments = [_number(one) for one in stored] if isinstance(stored, list | tuple) else []
    if len(moments) != 2 or moments[0] is None or moments[1] is None or not moments[0] <= moments[1] <= context.now:
        return 0.0, 0.0
    return moments[0], moments[1]


def _silent(settings: Settings, context: CheckContext) -> Reading:
    """Never a beat so far: unknown at first, then as late as any other."""
    registered = _number(context.memory.get("registered"))
    if registered is None or context.now <= _latest(settings, registered, context):
        raise Unobservable(Text("no beat yet, {expected}", expected=_expected(settings)))
    waited = duration(context.now - registered)
    return Reading(
        "error",
        error=Text("no beat since it was set up {waited} ago, {expected}", waited=waited, expected=_expected(settings)),
    )


def _expected(settings: Settings) -> str:
    period, grace = duration(settings.period), duration(settings.grace)
    if settings.grace:
        return Text("expected every {period} (+{grace} grace)", period=period, grace=grace)
    return Text("expected every {period}", period=period)


def _failed(beat: Beat) -> bool:
    return beat.event == "fail" or beat.exit_code not in (None, 0)


def _failure(beat: Beat) -> str:
    line = Text("last run failed")
    if beat.exit_code is not None and beat.exit_code != 0:
        line = Text("last run failed with exit code {code}", code=beat.exit_code)
    message = one_line(beat.message)
    return Text("{line}: {said}", line=line, said=message) if message else line


def _beats(context: CheckContext) -> tuple[list[Beat], dict[str, float]]:
    """The beats by age, and what to remember of one from the future (the clock was put back since).

    Such a beat is as old as the time since it was first noticed: it can neither be late at once nor stay
    fresh until the clock has caught up.
    """
    raw = context.memory.get("beats")
    found = [beat for item in raw if (beat := _beat(item))] if isinstance(raw, list) else []
    newest = max((beat.at for beat in found), default=0.0)
    if newest <= context.now:
        return found, {}
    before = context.memory.get("future")
    noticed = _number(before.get("noticed")) if isinstance(before, Mapping) and before.get("at") == newest else None
    noticed = context.now if noticed is None or noticed > context.now else noticed
    clamped = [beat._replace(at=noticed) if beat.at > context.now else beat for beat in found]
    return sorted(clamped, key=lambda beat: beat.at), {"at": newest, "noticed": noticed}


def _beat(item: Any) -> Beat | None:
    if not isinstance(item, Mapping):
        return None
    at, event, code = _number(item.get("at")), item.get("event"), item.get("exit_code")
    if at is None or event not in ("start", *_FINISHED):
        return None
    code = code if isinstance(code, int) else None
    rid = item.get("rid")
    return Beat(at, event, code, str(item.get("message") or ""), None if rid is None else str(rid))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
