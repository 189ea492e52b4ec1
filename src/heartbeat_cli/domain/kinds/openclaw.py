"""What the readiness page of an OpenClaw gateway says, and how bad each thing is that fails: pure rules over its text.

Source: https://docs.openclaw.ai/gateway/health (HTTP probes, plugin replacement recovery, event-loop delay). What the
page calls failing is one of the names below, or else the id of a channel.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.category import Category, Remedy
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.kinds import lasting
from heartbeat_cli.domain.kinds.lasting import Lasting
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, listed

STARTING, DRAINING, RELOADING, INTERNAL = "startup-sidecars", "gateway-draining", "plugin-reload", "internal"
_DATABASE, _AGENT_DATABASE = "state-database", "agent-database:"
_TIMED = (STARTING, DRAINING, RELOADING)  # worse after a time that the page does not tell

CHANNEL_GRACE = 120.0  # seconds from its start in which a gateway does not call a channel failing that is out of reach
_MOST = 64  # failing names that are judged, and channels that are remembered
_NAMED = 8  # names in one line
_LONGEST = 80  # characters of a name
_HIGHEST = 1e12  # of any figure


class Page(Record):
    """A readiness page. `failing` is None where the caller is not given details; times are in seconds, and None where
    the page does not say. `failed_plugins` is None unless a replacement of plugins has failed."""

    ready: bool
    failing: tuple[str, ...] | None = None
    uptime: float | None = None
    loop_delay: float | None = None
    loop_utilization: float | None = None
    failed_plugins: tuple[str, ...] | None = None


class Limits(Record):
    """What is still normal: seconds of starting, of draining, and of the event loop's delay (0: any), and the channels
    whose failure is the gateway's."""

    startup: float
    draining: float
    loop_delay: float
    required_channels: frozenset[str]


class Past(Record):
    """What is remembered from check to check: the category that was decided on for each failing channel, and how long
    something lasts."""

    channels: Mapping[str, Category] = {}
    lasting: Mapping[str, Lasting] = {}


class Finding(Record):
    """One thing that is not well. `words` name it within a line."""

    status: Status
    category: Category
    words: str
    remedy: Remedy | None = None


def parse(body: bytes) -> Page | None:
    """The page in a response's body; None for anything else."""
    try:
        found = foreign_json.parse(body)
    except foreign_json.NotJson:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("ready"), bool):
        return None
    names, loop, reload = found.get("failing"), _table(found.get("eventLoop")), _table(found.get("pluginReload"))
    failing = _names(names) if isinstance(names, list) else None
    delay = _figure(loop.get("delayP99Ms"))
    uptime = None if failing and INTERNAL in failing else _figure(found.get("uptimeMs"))  # that page says 0
    return Page(
        found["ready"],
        failing,
        None if uptime is None else uptime / 1000,
        None if delay is None else delay / 1000,
        _figure(loop.get("utilization")),
        _names(reload.get("pluginIds")) if reload.get("phase") == "failed" else None,
    )


def says_live(body: bytes) -> bool | None:
    """Whether the liveness page in a response's body says that the gateway lives; None where it is no such page."""
    try:
        found = foreign_json.parse(body)
    except foreign_json.NotJson:
        return None
    return found["ok"] if isinstance(found, dict) and isinstance(found.get("ok"), bool) else None


def judge(page: Page, limits: Limits, past: Past) -> list[Finding]:
    """Everything that is not well, the worst first. `past` includes what this page shows (`remember`)."""
    found = [_finding(name, page, limits, past) for name in page.failing or ()]
    if not page.ready and not found:
        hidden = Text("no reason given: that needs a caller on the gateway's host, or its token in headers")
        found.append(Finding("unhealthy", "process", hidden, "person"))
    return sorted(found, key=lambda one: one.status != "unhealthy")


def slow_loop(page: Page, limits: Limits) -> Finding | None:
    """That the event loop of the gateway is held up for too long, or None."""
    if page.loop_delay is None or not 0 < limits.loop_delay < page.loop_delay:
        return None
    words = Text(
        "event loop delay {delay:.2f} s at the 99th percentile (limit {limit:g} s)",
        delay=page.loop_delay,
        limit=limits.loop_delay,
    )
    return Finding("degraded", "resource", words)


def line(findings: Iterable[Finding]) -> str:
    """What fails, in one line."""
    words = [one.words for one in findings]
    if more := len(words[_NAMED:]):
        words[_NAMED:] = [Text("{n} more", n=more)]
    return Text("not ready: {what}", what=listed(words))


def remember(page: Page, past: Past, now: float, interval: float | None) -> Past:
    """The past as the next check is to know it; `interval` as in CheckContext. A channel keeps its category for as long
    as it fails; while something else hides the channels, those that failed are kept. A start decides anew."""
    failing = page.failing or ()
    channels = [name for name in failing if _is_channel(name)]
    kept: dict[str, Category] = {}
    if STARTING not in failing:
        hidden = page.failing is None or len(channels) < len(failing)
        kept = {name: category for name, category in past.channels.items() if hidden or name in channels}
    early = page.uptime is not None and page.uptime <= CHANNEL_GRACE
    for name in channels:
        kept.setdefault(name, "credentials" if early else "dependency")
    lasts = {name: _lasts(past.lasting.get(name), now, interval, page.uptime) for name in _TIMED if name in failing}
    return Past(dict(list(kept.items())[:_MOST]), lasts)


def stored(past: Past) -> dict[str, Any]:
    """The past as a check's memory has it."""
    return {"channels": dict(past.channels), "lasted": {name: list(one) for name, one in past.lasting.items()}}


def recalled(memory: Mapping[str, Any]) -> Past:
    """The past in a check's memory, which comes from a store that anybody may have edited."""
    channels, lasted = _table(memory.get("channels")), _table(memory.get("lasted"))
    known: dict[str, Category] = {}
    for name, category in list(channels.items())[:_MOST]:
        if category in ("credentials", "dependency"):
            known[name] = category
    times = {name: lasting.recalled(lasted.get(name)) for name in _TIMED}
    return Past(known, {name: one for name, one in times.items() if one is not None})


def _finding(name: str, page: Page, limits: Limits, past: Past) -> Finding:
    if name == STARTING:
        took = _lasted(name, past) if page.uptime is None else page.uptime
        return _timed(name, took, limits.startup, "starting", "process")
    if name == DRAINING:
        return _timed(name, _lasted(name, past), limits.draining, "draining", "process")
    if name == RELOADING and page.failed_plugins is not None:
        plugins = listed(page.failed_plugins[:_NAMED]) or "?"
        words = Text("{name} (failed: {plugins})", name=name, plugins=plugins)
        return Finding("unhealthy", "configuration", words)
    if name == RELOADING:
        return _timed(name, _lasted(name, past), limits.startup, "draining", "configuration")
    if name == INTERNAL:
        return Finding("unhealthy", "process", Text("{name} (an error inside the gateway)", name=name))
    if not _is_channel(name):
        return Finding("unhealthy", "dependency", name, "person")
    status: Status = "unhealthy" if name in limits.required_channels else "degraded"
    return Finding(status, past.channels.get(name, "dependency"), Text("{name} (channel)", name=name))


def _timed(name: str, took: float, limit: float, within: Category, beyond: Category) -> Finding:
    words = Text("{name} (for {took:.0f} s, limit {limit:g} s)", name=name, took=took, limit=limit)
    return Finding("degraded", within, words) if took < limit else Finding("unhealthy", beyond, words)


def _is_channel(name: str) -> bool:
    return name not in (*_TIMED, INTERNAL, _DATABASE) and not name.startswith(_AGENT_DATABASE)


def _lasts(known: Lasting | None, now: float, interval: float | None, uptime: float | None) -> Lasting:
    """What an earlier run of the gateway has left in the memory does not count."""
    found = lasting.seen_again(known, now, interval)
    return found if uptime is None else found._replace(seconds=min(found.seconds, uptime))


def _lasted(name: str, past: Past) -> float:
    known = past.lasting.get(name)
    return known.seconds if known else 0.0


def _names(value: Any) -> tuple[str, ...]:
    names = value[:_MOST] if isinstance(value, list) else []
    lines = [one_line(name, _LONGEST) for name in names if isinstance(name, str)]
    return tuple(dict.fromkeys(one for one in lines if one))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _figure(value: Any) -> float | None:
    """A number that is none below 0, and fit for any store."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= _HIGHEST else None
