"""Reads and checks what the configuration says about times: `[maintenance.<id>]` sections and the quiet hours of
channels.

`domain/alerting/windows.py` computes with the result.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Literal

from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.config.sections import zone_exists
from heartbeat_cli.config.settings import build_partly
from heartbeat_cli.domain.alerting import schedule, windows
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.windows import Window
from heartbeat_cli.domain.component import Component, matching
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds


class Maintenance(Record):
    """Keys of `[maintenance.<id>]`: `from` and `until`, or `cron` and `duration`.

    components: ids, kinds or globs of the components it applies to
    from: when it begins, as in 2026-12-24T22:00:00, or with an offset; a date alone means 00:00; default: it has
        begun
    until: when it ends, written likewise
    cron: when it begins, repeatedly: minute, hour, day of the month, month, day of the week, as in "30 2 * * sun"
    duration: how long it lasts each time, as in "2h" or "90min", or in seconds; 31 days at most
    timezone: time zone of its times; default: that of `[heartbeat]`
    reason: why; shown wherever the maintenance is, but for the status page
    recovery: whether recovery continues (on) or not (off)
    """

    components: tuple[str, ...] = ("*",)
    from_: date | str | None = None
    until: date | str | None = None
    cron: str | None = None
    duration: Seconds | None = None
    timezone: str | None = None
    reason: str = "planned maintenance"
    recovery: Literal["off", "on"] = "off"


def planned(
    sections: Iterable[tuple[str, str, Mapping[str, Any]]],
    components: Mapping[str, Component],
    may_be: Callable[[str], bool],
    problems: Problems,
) -> dict[str, Window]:
    """The windows of these sections (id, place in the file, content); problems with them are noted. `may_be` says
    whether a name may be of a component that is not there just now."""
    found = {}
    for id_, where, table in sections:
        before = len(problems.unresolved)
        keys, wrong, right = build_partly(Maintenance, table, where, problems)
        # A window that is not known is a restart in the middle of somebody's work: that stops everything.
        problems.lines += problems.unresolved[before:]
        del problems.unresolved[before:]
        noted = len(problems.lines)
        window = _window(id_, keys, where, problems)
        check_names(keys.components, f"{where}.components", components, may_be, problems)
        if wrong:
            problems.keep(noted, where, right)
        elif window is not None:
            found[id_] = window
    return found


def check_channel(
    common: ChannelCommon,
    where: str,
    components: Mapping[str, Component],
    may_be: Callable[[str], bool],
    problems: Problems,
) -> None:
    """Check what types and limits cannot of a channel's common keys."""
    check_names(common.components or (), f"{where}.components", components, may_be, problems)
    if common.quiet_hours is not None:
        _parsed(windows.quiet_hours, common.quiet_hours, f"{where}.quiet_hours", problems)


def check_names(
    names: Iterable[str],
    where: str,
    components: Mapping[str, Component],
    may_be: Callable[[str], bool],
    problems: Problems,
) -> None:
    """Note each name that matches no component and cannot match one soon."""
    for name in matching(names, components)[1]:
        if name != "*" and not may_be(name):
            problems.add(where, f"no component {format_value(name)}{suggestion(name, components)}")


def _window(id_: str, keys: Maintenance, where: str, problems: Problems) -> Window | None:
    before = len(problems.lines)
    if keys.timezone is not None and not zone_exists(keys.timezone):
        problems.add(
            f"{where}.timezone", f"no such time zone: {format_value(keys.timezone)} (as in Asia/Hong_Kong, UTC)"
        )
    if not (keys.reason.strip() and keys.reason.isprintable()):
        problems.add(f"{where}.reason", "expected some text on one line")
    window = Window(id_, keys.components, keys.reason, keys.timezone, keys.recovery == "on")
    window = _repeating(window, keys, where, problems) if keys.cron else _dated(window, keys, where, problems)
    return window if len(problems.lines) == before else None


def _repeating(window: Window, keys: Maintenance, where: str, problems: Problems) -> Window:
    if keys.from_ is not None or keys.until is not None:
        problems.add(f"{where}.cron", "goes without from and until: a window is repeating, or it is dated")
    times = _parsed(schedule.parse, keys.cron, f"{where}.cron", problems)
    if times is not None and not times.possible:
        problems.add(f"{where}.cron", "there is no such day")
    if keys.duration is None:
        problems.add(f"{where}.duration", 'is required with cron, as in "2h"')
        return window
    if not 60 <= keys.duration <= windows.LONGEST:
        problems.add(f"{where}.duration", f"expected a minute to 31 days, got {keys.duration:,.10g} s")
    return window._replace(schedule=times, seconds=keys.duration)


def _dated(window: Window, keys: Maintenance, where: str, problems: Problems) -> Window:
    if keys.until is None:
        problems.add(where, "expected from and until, or cron and duration")
    if keys.duration is not None:
        problems.add(f"{where}.duration", "goes with cron only; a dated window has until")
    first, last = (
        None if value is None else _parsed(windows.as_datetime, value, f"{where}.{key}", problems)
        for key, value in (("from", keys.from_), ("until", keys.until))
    )
    if first and last and bool(first.tzinfo) == bool(last.tzinfo) and last <= first:
        problems.add(f"{where}.until", "is not after from")
    return window._replace(first=first, last=last)


def _parsed(read: Any, value: Any, where: str, problems: Problems) -> Any:
    """What `read` makes of a value; a ValueError of it is noted."""
    try:
        return read(value)
    except ValueError as error:
        problems.add(where, f"{format_value(value)}: {error}" if isinstance(value, str) else str(error))
        return None
