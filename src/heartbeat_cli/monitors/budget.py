"""Tokens, money or calls per hour or day: how much of a budget is spent, and when it will be.

healthy    less than `warn` percent is spent
degraded   `warn` percent are spent
unhealthy  all of it is spent
unknown    the source could not be read

`spent` is the source of a counter that rises. What it has risen by counts, from the start of the hour or of the local
day on, or from the first check in it. A counter that falls was reset, and that adds nothing. A clock that is set back
gives nothing back. The category is quota: a restart does not bring the money back, so there are no recovery steps.

    [components.tokens]
    kind = "budget"
    spent = { prometheus = { url = "http://localhost:4000/metrics", metric = "litellm_total_tokens_metric_total" } }
    limit = 2_000_000
    per = "day"
"""

from binascii import crc32
from datetime import tzinfo
from typing import Literal

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.kinds import budget
from heartbeat_cli.domain.kinds.value_checks import shown
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.monitors import _sources
from heartbeat_cli.monitors._sources import Source


class Settings(Record):
    """
    spent: source of a counter that rises with what is spent
    limit: how much may be spent in an hour or a day, in the counter's unit
    per: hour or day
    warn: percent of the limit from which it is degraded
    counts: what is counted, for messages: tokens, USD, calls
    timezone: time zone of days and hours, as in Asia/Hong_Kong; default: this host's
    """

    spent: Source
    limit: float
    per: Literal["hour", "day"] = "day"
    warn: float = 80
    counts: str = ""
    timezone: str | None = None


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    return _sources.host_of((settings.spent,))


def needs(settings: Settings) -> Needs:
    return Needs(programs=settings.spent.command is not None)


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = _sources.problems(settings.spent, "spent")
    if settings.limit <= 0:
        found.append(("limit", f"must be above 0, got {settings.limit:g}"))
    if not 0 < settings.warn <= 100:
        found.append(("warn", f"expected a percentage above 0, up to 100; got {settings.warn:g}"))
    try:
        _zone(settings)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        found.append(("timezone", f"no such time zone: {settings.timezone!r} (as in Asia/Hong_Kong, UTC)"))
    return found


def unreachable_problems(settings: Settings, timeout: float) -> list[tuple[str, str, str]]:
    """Limits that are never reached, as (key, text, advice)."""
    if settings.warn < 100:
        return []
    return [("warn", Text("100 % is never reached: from there on it is unhealthy"), Text("choose less than 100"))]


def renews(settings: Settings, now: float) -> float:
    """When the hour or the day of `now` is over, and the budget starts anew (epoch seconds)."""
    return budget.window(now, settings.per, _zone(settings))[1]


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Read the counter and judge what was spent. Raises Unobservable when it cannot be read."""
    value = _sources.read({"spent": settings.spent}, context)["spent"]
    began, ends = budget.window(context.now, settings.per, _zone(settings))
    key = f"{crc32(repr((settings.spent, settings.per, settings.timezone)).encode()):08x}"
    state = budget.follow(budget.remembered(context.memory), key, value, context.now, began)
    percent = 100 * state.spent / settings.limit
    status: Status = "unhealthy" if percent >= 100 else "degraded" if percent >= settings.warn else "healthy"
    line = _line(settings, state, ends)
    return Reading(
        status,
        error=None if status == "healthy" else line,
        metrics=_metrics(state, value, percent),
        evidence={Text("budget"): line},
        memory=budget.kept(state),
        category=None if status == "healthy" else "quota",
    )


def _zone(settings: Settings) -> tzinfo | None:
    if settings.timezone is None:
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.timezone)


def _line(settings: Settings, state: budget.State, ends: float) -> str:
    """`820 of 1000 tokens per day spent (82 %), 34 per hour, all spent in 5 h`."""
    spent, limit = shown(state.spent), f"{shown(settings.limit)} {settings.counts}".rstrip()
    percent = int(100 * state.spent / settings.limit)  # 99.9 % are not all of it
    if settings.per == "day":
        parts = [Text("{spent} of {limit} per day spent ({percent} %)", spent=spent, limit=limit, percent=percent)]
    else:
        parts = [Text("{spent} of {limit} per hour spent ({percent} %)", spent=spent, limit=limit, percent=percent)]
    if state.per_hour is not None:
        parts.append(Text("{rate} per hour", rate=shown(float(f"{state.per_hour:.3g}"))))
    lasts = state.lasts(settings.limit)
    if lasts is not None and state.at + lasts < ends:
        parts.append(Text("all spent in {span} at this rate", span=duration(lasts)))
    return listed(parts)


def _metrics(state: budget.State, value: float, percent: float) -> tuple[Metric, ...]:
    found = [
        Metric("spent", state.spent),
        Metric("spent_percent", percent, metadata={"unit": "%"}),
        Metric("spent_counter", value, "counter"),
    ]
    if state.per_hour is not None:
        found.append(Metric("spent_per_hour", state.per_hour))
    return tuple(found)
