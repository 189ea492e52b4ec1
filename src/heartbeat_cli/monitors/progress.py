"""Work that waits gets done: workers that answer but do nothing are found.

healthy    nothing waits, or something was done since the last check
degraded   work waits, and nothing was done for half of `within`
unhealthy  work waits, and nothing was done for `within`
unknown    a source could not be read, or checks are further apart than `within`, the second time in a row

`done` counts what was done, `waiting` what waits; each is a source, and one of them is enough. With `done` alone it
must move, so use it for what always has work. With `waiting` alone its fall is movement. A decrease of `done` is a
reset and counts as movement. The first check judges nothing, nor does one after more than `within` without any: let
`within` be several intervals. After a recovery step the next one is not taken before `within` is over, unless the
component's recovery has a `startup_grace` of its own.

    [components.workers]
    kind = "progress"
    waiting = { redis = { command = ["LLEN", "celery"] } }
    done = { prometheus = { url = "http://localhost:9808/metrics", metric = "celery_task_succeeded_total" } }
    unit = "celery.service"
"""

from binascii import crc32
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.kinds import progress
from heartbeat_cli.domain.kinds.value_checks import shown
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text
from heartbeat_cli.monitors import _sources
from heartbeat_cli.monitors._sources import Source

_INTERVALS = 2.0  # that `within` has at least: of checks further apart than `within` none is judged

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "docker", "container": "{container}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """
    done: source of a number that moves when work is done: a counter, or the time of a file
    waiting: source of how much work waits
    within: seconds in which something must be done while work waits
    waiting_min: how much must wait to be work
    unit: systemd unit that its recovery restarts
    user: true: that is a unit of the user heartbeat runs as (systemctl --user)
    container: Docker container that its recovery restarts
    """

    done: Source | None = None
    waiting: Source | None = None
    within: Seconds = 600
    waiting_min: float = 1
    unit: str | None = None
    user: bool = False
    container: str | None = None


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    return _sources.host_of((settings.done, settings.waiting))


def grace(settings: Settings) -> float:
    """Seconds for which it may go on failing after a step that helped: as long as it takes to see that nothing is done.
    What waits is there still, and the next thing may be done late."""
    return settings.within


def needs(settings: Settings) -> Needs:
    sources = (settings.done, settings.waiting)
    return Needs(programs=any(one is not None and one.command is not None for one in sources))


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = [*_sources.problems(settings.done, "done"), *_sources.problems(settings.waiting, "waiting")]
    if settings.done is None and settings.waiting is None:
        found.append(("done", "is required, or waiting"))
    if settings.within <= 0:
        found.append(("within", f"must be above 0 seconds, got {settings.within:g}"))
    if settings.waiting_min <= 0:
        found.append(("waiting_min", f"must be above 0, got {settings.waiting_min:g}"))
    if settings.user and settings.unit is None:
        found.append(("user", "works only with unit"))
    return found


def interval_problems(settings: Settings, interval: float) -> list[tuple[str, str]]:
    """What is wrong with the settings of a component that is checked every `interval` seconds, as (key, text)."""
    if settings.within >= _INTERVALS * interval:
        return []
    text = Text(
        "must be several times the interval ({interval:g} s), at least {least:g}; got {given:g}",
        interval=interval,
        least=_INTERVALS,
        given=settings.within,
    )
    return [("within", text)]


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Read the sources and judge what they say. Raises Unobservable when one of them cannot be read."""
    numbers = _sources.read({"waiting": settings.waiting, "done": settings.done}, context)
    done, waiting = numbers.get("done"), numbers.get("waiting")
    before, key = progress.remembered(context.memory), _key(settings)
    limits = settings.within, settings.waiting_min, context.interval
    state, verdict = progress.follow(before, key, done, waiting, context.now, *limits)
    status = verdict.status(settings.within)
    reading = Reading(status, evidence={Text("progress"): _said(verdict)}, memory=progress.kept(state))
    if verdict.standing == "late":  # the memory goes on: once checks come more often, they are judged
        return reading._replace(error=_late(verdict.still_for, settings.within), metrics=_metrics(done, waiting, 0.0))
    reading = reading._replace(metrics=_metrics(done, waiting, verdict.still_for))
    if status == "healthy":
        return reading
    return reading._replace(error=_stuck(waiting, context.now - verdict.still_for), category="process")


def _key(settings: Settings) -> str:
    """Which numbers a memory is of: those of other sources say nothing about these."""
    return f"{crc32(repr((settings.done, settings.waiting)).encode()):08x}"


def _stuck(waiting: float | None, since: float) -> str:
    """In absolute time: a message may be read, or sent again, long after."""
    at = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
    if waiting is None:
        return progress.NONE_DONE.with_values(at=at)
    return progress.WAITING.with_values(n=shown(waiting), at=at)


def _late(span: float, within: float) -> str:
    text = Text("not judged: the last check was {span} ago, and within is {within}")
    return text.with_values(span=duration(span), within=duration(within))


def _said(verdict: progress.Verdict) -> str:
    if verdict.standing == "idle":
        return Text("idle: nothing waits")
    if verdict.standing in ("unjudged", "late"):
        return Text("not judged: there is no check before this one to compare with")
    if verdict.standing == "moved":
        return Text("something was done since the last check")
    return Text("none done for {span}", span=duration(verdict.still_for))


def _metrics(done: float | None, waiting: float | None, still_for: float) -> tuple[Metric, ...]:
    found = [Metric("stuck_seconds", still_for, metadata={"unit": "s"})]
    if waiting is not None:
        found.append(Metric("waiting", waiting))
    if done is not None:
        found.append(Metric("done", done, "counter"))
    return tuple(found)
