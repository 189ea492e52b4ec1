"""The dashboard: a board and the configuration in, one self-contained HTML page out.

Everything that stands on the page is put into words here and escaped by the template; nothing a component says
reaches it unredacted. Script and style stand in the page itself, let in by their hashes, and nothing else is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli import __version__
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert, Sent
from heartbeat_cli.domain.alerting.channel import reach_people
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.reporting.board import Board, Curve, Known
from heartbeat_cli.views import charts, dashboard_bars, templates
from heartbeat_cli.views import voice as voices
from heartbeat_cli.views.dashboard_incidents import incidents, wanted
from heartbeat_cli.views.dashboard_observers import observers
from heartbeat_cli.views.dashboard_rows import Group, counted, groups
from heartbeat_cli.views.voice import Moment, Voice

_LEAST_REFRESH = 10.0
_LEAST_STALE = 180.0
_CURVES = ("cpu_percent", "memory_used_percent", "disk_used_percent")
_FAVICONS = {"bad": "%23c8372f", "warn": "%23c98a12", "dim": "%238a94a0", "ok": "%232c9460"}


def page(board: Board, config: Config, now: float) -> str:
    """The whole page."""
    voice = voices.of(config, now)
    own = config.heartbeat.templates
    rows = groups(board, config.components, voice)
    style, script = (templates.source(name, own) for name in ("dashboard.css", "dashboard.js"))
    interval = max(_LEAST_REFRESH, config.dashboard.interval)
    values = {
        "lang": config.heartbeat.locale,
        "word": voice.word,
        "title": voice.clean(config.dashboard.title, 80),
        "observer": voice.clean(config.observer, 80),
        "timezone": config.timezone,
        "version": __version__,
        "written": voice.moment(now),
        "written_at": f"{now:.0f}",
        "refresh": round(interval),
        "stale_after": round(max(_LEAST_STALE, 3 * interval)),
        "verdict": verdict(board, config, rows, voice),
        "tiles": _tiles(board, rows, voice),
        "incidents": incidents(board, config.components, voice),
        "groups": rows,
        "legend": dashboard_bars.legend(),
        "days": len(board.midnights),
        "spark": (charts.SPARK_WIDTH, charts.SPARK_HEIGHT),
        "observers": observers(board.observers, voice),
        "hosts": _hosts(board, config.components, voice),
        "area": (charts.AREA_WIDTH, charts.AREA_HEIGHT),
        "alerts": [_alert(alert, board.deliveries.get(alert.id, ()), voice) for alert in board.alerts],
        "style": templates.Inline(style),
        "script": templates.Inline(script),
    }
    return templates.render("dashboard.html.j2", values, own, config.state_dir / "compiled")


def verdict(board: Board, config: Config, rows: Sequence[Group], voice: Voice) -> dict[str, Any]:
    """The first thing to read: a level, one sentence, and what else must be known before trusting it."""
    all_ = [row for group in rows for row in group.all]
    found, total = counted(all_), len(all_)
    level, what, count = found[0] if found else ("dim", "dim", 0)
    if what == "warn" and any(row["fails"] or row["level"] == "dim" for row in all_):
        what = "suspect"  # what fails just now, or is not known, cannot be said to work
    if not total:
        text = voice.word("no_components")
    elif not board.glances:
        text = voice.word("nothing_seen")
    else:
        text = voice.word(f"verdict_{what}", count=count, total=total)
    notes = [voice.word(f"also_{what}", count=count) for _, what, count in found[1:] if what != "ok"]
    wants = {wanted(one, board, config.components, voice.now) for one in board.incidents}
    wants |= {"person"} if any(what == "unconfirmed" for _, what, _ in found) else set()
    notes += [voice.word(word) for want, word in (("person", "needs_person"), ("word", "waits")) if want in wants]
    if board.away is not None:
        notes.append(voice.word("store_away", since=voice.moment(board.away).shown))
    reached = reach_people((one.kind, one.broken) for one in config.channels.values())
    unread = "" if reached else voice.word("no_reader")
    return {"level": level, "text": text, "notes": notes, "favicon": _FAVICONS[level], "unread": unread}


def _tiles(board: Board, rows: Sequence[Group], voice: Voice) -> list[tuple[str, str | Moment, str]]:
    """The figures beside the verdict: (what, figure, remark)."""
    shown = [row for group in rows for row in group.all]
    day, days = Known(), Known()
    for row in shown:
        day = day.plus(row["day"].whole)
    first, number = _first_day(board), len(board.midnights)
    for known in board.days.values():
        for one in known[first:]:
            days = days.plus(one)
    in_days = {"days": number - first}
    last = board.last_pass
    well = sum(row["level"] == "ok" for row in shown)
    return [
        (voice.word("tile_healthy"), f"{well} / {len(shown)}", ""),
        (
            voice.word("tile_available"),
            voice.percent(day.share),
            voice.word("in_days", share=voice.percent(days.share), **in_days) if first < number - 1 else "",
        ),
        (
            voice.word("tile_watched"),
            voice.percent(day.coverage),
            voice.word("in_days", share=voice.percent(days.coverage), **in_days) if first < number - 1 else "",
        ),
        (
            voice.word("tile_pass"),
            voice.moment(last.started) if last else voice.word("never"),
            voice.word("took", span=voice.took(last.finished - last.started)) if last else "",
        ),
    ]


def _first_day(board: Board) -> int:
    """The number of the first whole day that was watched: heartbeat came in the middle of the one before."""
    number = len(board.midnights)
    began = min((n for known in board.days.values() for n, one in enumerate(known) if one.coverage), default=number)
    return began + 1 if 0 < began < number - 2 else began


def _hosts(board: Board, components: Mapping[str, Component], voice: Voice) -> list[dict[str, Any]]:
    """The curves of each host: CPU, memory, and its disks from the fullest on."""
    found = []
    for one in components.values():
        drawn = [curve for curve in board.curves if curve.component == one.id]
        drawn.sort(key=lambda curve: (_CURVES.index(curve.metric), -_newest(curve)))
        if drawn:
            figures = [_figure(curve, one, voice) for curve in drawn[:6]]
            found.append({"id": one.id, "name": voice.clean(one.name, 80), "figures": figures})
    return found


def _newest(curve: Curve) -> float:
    return next((value for value in reversed(curve.values) if value is not None), 0.0)


def _figure(curve: Curve, one: Component, voice: Voice) -> dict[str, Any]:
    what = curve.metric.removesuffix("_percent").removesuffix("_used")
    warn, critical = (getattr(one.settings, f"{what}_{word}", None) for word in ("warn", "critical"))
    now, line = _newest(curve), charts.area(curve.values)
    level = "bad" if critical and now >= critical else "warn" if warn and now >= warn else "ok"
    between = voice.word("between", low=voice.level(line.low), high=voice.level(line.high))
    return {
        "name": voice.word(what),
        "mount": voice.clean(curve.mount, 60),
        "now": voice.level(now),
        "between": between,
        "level": level,
        "line": line,
        "limit": charts.level_y(warn) if warn else None,
    }


def _alert(alert: Alert, sent: Sequence[Sent], voice: Voice) -> dict[str, Any]:
    return {
        "title": voice.clean(alert.title, 120),
        "severity": alert.severity,
        "ended": alert.type in ("recovered", "degraded_ended", "observed_again"),
        "reason": voice.said(alert.reason, 200),
        "at": voice.moment(alert.at),
        "sent": [
            {
                "channel": voice.clean(one.channel, 40),
                "level": {"sent": "ok", "printed": "warn", "waiting": "warn"}.get(one.state, "bad"),
                "state": voice.word(f"delivery_{one.state}"),
                "error": voice.clean(one.last_error, 160) if one.state != "sent" else "",
            }
            for one in sent
        ],
    }
