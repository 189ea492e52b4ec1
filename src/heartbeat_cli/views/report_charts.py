"""The drawings of a report's page: when what was down, each component over the period, the hosts' own curves.

Places on the time axis follow the moments themselves, so that a day of 23 or 25 hours is as long as it was.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from heartbeat_cli.domain.checking.gauge import METRICS, Gauge
from heartbeat_cli.domain.reporting.summary import Period, Stretch
from heartbeat_cli.views import charts
from heartbeat_cli.views.report_voice import Speech

_HOUR = 3_600.0
_CELLS = 48  # cells of a bar, and points of a curve, at most
_TICKS = 8
_ROWS = 30  # components on the time line
_WIDE = 1000  # units of the time axis
_CURVES = 12


def slots(period: Period, timezone: str) -> list[float]:
    """The moments at which the cells of the period begin, and its end: hours, some hours, or local days."""
    days = (period.last - period.first).days + 1
    if days > _CELLS // 6:
        step = -(-days // _CELLS)
        zone = _zone(timezone)
        begins = [period.first + timedelta(days=n) for n in range(0, days, step)]
        return [*(datetime.combine(day, time(), zone).timestamp() for day in begins), period.end]
    hours = -(-round((period.end - period.start) / _HOUR) // _CELLS)
    number = -(-round(period.end - period.start) // round(hours * _HOUR))
    return [*(period.start + n * hours * _HOUR for n in range(number)), period.end]


def bars(speech: Speech) -> dict[str, dict[str, Any]]:
    """A bar and a curve of response times for each component."""
    summary = speech.summary
    edges = slots(summary.period, summary.timezone)
    return {
        id_: {**_bar(id_, stretches, edges, speech), **_spark(id_, stretches, edges, speech)}
        for id_, stretches in summary.stretches.items()
    }


def _bar(id_: str, stretches: Sequence[Stretch], edges: Sequence[float], speech: Speech) -> dict[str, Any]:
    until = speech.summary.until
    up, down = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
    for one in stretches:
        slot = min(max(0, bisect_right(edges, one.at) - 1), len(up) - 1)
        up[slot] += one.up_us
        down[slot] += one.down_us
    levels = ["bad" if bad else "ok" if good else "none" for good, bad in zip(up, down, strict=True)]
    seen = []
    for n, (good, bad) in enumerate(zip(up, down, strict=True)):
        length = min(edges[n + 1], until) - edges[n]
        part = (good + bad) / 1e6 / length if length > 0 else 1.0
        seen.append(1.0 if part > 0.99 else part)
    width, paths = charts.bar(levels, seen)
    counts = {"bad": levels.count("bad"), "none": levels.count("none"), "cells": len(levels)}
    return {"width": width, "paths": paths, "label": speech.word("bar_label", name=speech.name(id_), **counts)}


def _spark(id_: str, stretches: Sequence[Stretch], edges: Sequence[float], speech: Speech) -> dict[str, Any]:
    told = [(one.at, one.typical_us / 1e6) for one in stretches if one.typical_us is not None]
    line = charts.spark(_means(told, edges))
    ends = {"low": speech.took(line.low), "high": speech.took(line.high)}
    return {"spark": line, "range": speech.word("curve_label", name=speech.name(id_), **ends)}


def _means(points: Sequence[tuple[float, float]], edges: Sequence[float]) -> list[float | None]:
    """The mean of the values in each slot."""
    found: list[list[float]] = [[] for _ in edges[1:]]
    for at, value in points:
        if edges[0] <= at < edges[-1]:
            found[bisect_right(edges, at) - 1].append(value)
    return [sum(values) / len(values) if values else None for values in found]


def curves(speech: Speech) -> list[dict[str, Any]]:
    """The hosts' and databases' percentages."""
    summary = speech.summary
    edges = slots(summary.period, summary.timezone)
    of: dict[tuple[str, str, str], list[tuple[float, Gauge]]] = {}
    for at, one in summary.curves:
        if one.metric.endswith("_percent"):
            of.setdefault(one[:3], []).append((at, one))
    names = sorted(of, key=lambda name: (name[0], METRICS.index(name[1]), name[2]))
    made = []
    for name in names[:_CURVES]:
        line = charts.area(_means([(at, one.mean) for at, one in of[name]], edges))
        id_, metric, label = name
        what = speech.word(metric, label=speech.clean(label, 40))
        ends = {"low": speech.level(metric, line.low), "high": speech.level(metric, line.high)}
        last = speech.level(metric, of[name][-1][1].last)
        made.append(
            {
                "name": speech.name(id_),
                "what": what,
                "now": last,
                "line": line,
                "label": speech.word("curve_label", name=f"{speech.name(id_)}, {what}", **ends),
            }
        )
    return made


def timeline(speech: Speech) -> dict[str, Any] | None:
    """When each component had an incident, beside when nobody looked; None when there is nothing to show."""
    summary = speech.summary
    rows: dict[str, list[dict[str, Any]]] = {}
    for story in summary.stories:
        one = story.incident
        level = "held" if one.held_by else "down"
        for started, ended in one.outages:
            block = _block(started, summary.until if ended is None else ended, level, speech)
            if block is not None:
                rows.setdefault(one.component, []).append(block)
    behind = [_block(gap.started, gap.ended, "gap", speech) for gap in summary.gaps]
    behind += [
        _block(one.started, summary.until if one.ended is None else one.ended, "spool", speech)
        for one in summary.degraded
    ]
    shades = [one for one in behind if one is not None]
    if not rows and not shades:
        return None
    shown = [{"name": speech.name(id_), "blocks": rows[id_]} for id_ in list(rows)[:_ROWS]]
    kinds = {block["level"] for blocks in [*rows.values(), shades] for block in blocks}
    return {
        "rows": shown,
        "more": len(rows) - len(shown),
        "shades": shades,
        "ticks": ticks(speech),
        "legend": [(kind, speech.word(f"legend_{kind}")) for kind in ("down", "held", "gap", "spool") if kind in kinds],
    }


def _block(start: float, end: float, level: str, speech: Speech) -> dict[str, Any] | None:
    """A stretch of the time axis, wide enough to be seen; None outside of the period."""
    span = speech.summary.period
    first, last = max(start, span.start), min(end, span.end)
    if first > last or first >= span.end:
        return None
    x = _x(first, span)
    said = f"{speech.word(f'legend_{level}')}{speech.word('colon')}{speech.when(first)}-{speech.when(last)}"
    return {"x": x, "width": max(3.0, round(_x(last, span) - x, 1)), "level": level, "title": said}


def _x(at: float, span: Period) -> float:
    return round((at - span.start) / (span.end - span.start) * _WIDE, 1)


def ticks(speech: Speech) -> list[dict[str, Any]]:
    """Where the axis is labelled: round hours of a day as clocks show them, or days."""
    span, zone = speech.summary.period, _zone(speech.summary.timezone)
    days = (span.last - span.first).days + 1
    if days > 1:
        every = -(-days // _TICKS)
        wanted = [span.first + timedelta(days=n) for n in range(0, days, every)]
        return [
            {"x": _x(datetime.combine(day, time(), zone).timestamp(), span), "text": f"{day:%m-%d}"} for day in wanted
        ]
    found = []
    for n in range(round((span.end - span.start) / _HOUR)):
        local = datetime.fromtimestamp(span.start + n * _HOUR, zone)
        if local.hour % 3 == 0 and local.minute == 0 and not local.fold:
            found.append({"x": _x(span.start + n * _HOUR, span), "text": f"{local:%H:%M}"})
    return found


def _zone(timezone: str) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(timezone)
