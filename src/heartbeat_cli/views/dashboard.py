"""The dashboard: a board and the configuration in, one self-contained HTML page out.

Everything that stands on the page is put into words here and escaped by the template; nothing a component says
reaches it unredacted. Script and style stand in the page itself, let in by their hashes, and nothing else is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli import __version__
from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert, Sent
from heartbeat_cli.domain.board import Board, Curve, Seen
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.views import charts, templates
from heartbeat_cli.views import voice as voices
from heartbeat_cli.views.dashboard_rows import LEVELS, Group, groups
from heartbeat_cli.views.voice import Voice, percent

_INCIDENTS = 20  # shown one by one; more are counted
_PENDING = ("done", "working", "running", "held", "lost", "cut off")
_STEPS = 8
_LEAST_REFRESH = 10.0
_LEAST_STALE = 180.0
_SEVERITIES = ("severe", "high", "medium", "low")
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
        "incidents": _incidents(board, config.components, voice),
        "groups": rows,
        "levels": ("ok", "warn", "bad", "dim", "none"),
        "legend": {level: charts.cell(0, level) for level in ("ok", "warn", "bad", "dim", "none")},
        "spark": (charts.SPARK_WIDTH, charts.SPARK_HEIGHT),
        "hosts": _hosts(board, config.components, voice),
        "area": (charts.AREA_WIDTH, charts.AREA_HEIGHT),
        "alerts": [_alert(alert, board.deliveries.get(alert.id, ()), voice) for alert in board.alerts],
        "style": _Inline(style),
        "script": _Inline(script),
    }
    return templates.render("dashboard.html.j2", values, own)


class _Inline:
    """Our own style or script: goes into the page as it is, and into its policy by its hash."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __html__(self) -> str:
        return self._text

    @property
    def hash(self) -> str:
        import base64
        import hashlib

        return "sha256-" + base64.b64encode(hashlib.sha256(self._text.encode()).digest()).decode()


def verdict(board: Board, config: Config, rows: Sequence[Group], voice: Voice) -> dict[str, Any]:
    """The first thing to read: a level, one sentence, and what else must be known before trusting it."""
    counts = {level: sum(row["level"] == level for group in rows for row in group.rows) for level in LEVELS}
    total = sum(counts.values())
    level = next((name for name in LEVELS if counts[name]), "dim")
    if not total:
        text = voice.word("no_components")
    elif not board.glances:
        text = voice.word("nothing_seen")
    else:
        text = voice.word(f"verdict_{level}", count=counts[level], total=total)
    notes = []
    if counts["bad"] and counts["warn"]:
        notes.append(voice.word("also_warn", count=counts["warn"]))
    if level in ("bad", "warn") and counts["dim"]:
        notes.append(voice.word("also_dim", count=counts["dim"]))
    if any(one.needs_person for one in board.incidents):
        notes.append(voice.word("needs_person"))
    return {"level": level, "text": text, "notes": notes, "favicon": _FAVICONS[level]}


def _tiles(board: Board, rows: Sequence[Group], voice: Voice) -> list[tuple[str, str, str]]:
    """The figures beside the verdict: (what, figure, remark)."""
    shown = [row for group in rows for row in group.rows]
    whole = Seen()
    for row in shown:
        whole = whole.plus(row["day"]["whole"])
    past = min(board.slots.number, int((voice.now - board.slots.start) / board.slots.step) + 1)
    watched = len({slot for seen in board.seen.values() for slot in seen if slot < past})
    last, run = board.last_pass, voice.word("never")
    if last:
        run = voice.moment(last.started).ago
    well = sum(row["level"] == "ok" for row in shown)
    return [
        (voice.word("tile_healthy"), f"{well} / {len(shown)}", ""),
        (
            voice.word("tile_good"),
            percent((whole.good + whole.degraded) / whole.judged if whole.judged else None),
            voice.word("of_looks", count=f"{whole.judged:,}"),
        ),
        (voice.word("tile_watched"), percent(watched / past), voice.word("last_24_hours")),
        (
            voice.word("tile_pass"),
            run,
            voice.word("took", span=voice.took(last.finished - last.started)) if last else "",
        ),
    ]


def _incidents(board: Board, components: Mapping[str, Component], voice: Voice) -> dict[str, Any]:
    """Open incidents, the gravest and oldest first; what only fell over with its parent stands with the parent."""
    known = {one.component for one in board.incidents}
    own = [one for one in board.incidents if one.held_by not in known]
    own.sort(key=lambda one: (_SEVERITIES.index(one.severity) if one.severity in _SEVERITIES else 9, one.started))
    shown = [_incident(one, board, components, voice) for one in own[:_INCIDENTS]]
    return {"shown": shown, "more": len(own) - len(shown)}


def _incident(one: Incident, board: Board, components: Mapping[str, Component], voice: Voice) -> dict[str, Any]:
    tried = board.attempts.get(one.id, ())
    taken = [other.component for other in board.incidents if other.held_by == one.component]
    return {
        "id": one.component,
        "name": _name(one.component, components, voice),
        "severity": one.severity,
        "cause": voice.clean(one.cause, 400),
        "since": voice.moment(one.started),
        "held_by": _name(one.held_by, components, voice) if one.held_by else "",
        "acked_by": voice.clean(one.acked_by or "?", 60) if one.acked else "",
        "acked": voice.moment(one.acked) if one.acked else None,
        "affected": [_name(id_, components, voice) for id_ in taken[:_INCIDENTS]],
        "affected_more": max(0, len(taken) - _INCIDENTS),
        "needs_person": one.needs_person,
        "steps": [_step(attempt, voice) for attempt in tried[-_STEPS:]],
        "steps_before": max(0, len(tried) - _STEPS),
    }


def _step(one: Attempt, voice: Voice) -> dict[str, Any]:
    outcome = voice.word(one.outcome)
    if one.outcome == "done" and (one.verified or one.verify_until is None or voice.now > one.verify_until):
        outcome += f" – {voice.word('verified' if one.verified else 'not_verified')}"
    return {
        "level": "ok" if one.verified else "warn" if one.outcome in _PENDING else "bad",
        "action": one.action,
        "outcome": outcome,
        "detail": voice.clean(one.detail, 200),
        "at": voice.moment(one.started),
    }


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
    between = voice.word("between", low=f"{line.low:.0f} %", high=f"{line.high:.0f} %")
    return {
        "name": voice.word(what),
        "mount": voice.clean(curve.mount, 60),
        "now": f"{now:.0f} %",
        "between": between,
        "level": level,
        "line": line,
        "limit": charts.level_y(warn) if warn else None,
    }


def _alert(alert: Alert, sent: Sequence[Sent], voice: Voice) -> dict[str, Any]:
    return {
        "title": voice.clean(alert.title, 120),
        "severity": alert.severity,
        "ended": alert.type in ("recovered", "degraded_ended"),
        "reason": voice.clean(alert.reason, 200),
        "at": voice.moment(alert.at),
        "sent": [
            {
                "channel": voice.clean(one.channel, 40),
                "level": {"sent": "ok", "waiting": "warn"}.get(one.state, "bad"),
                "state": voice.word(f"delivery_{one.state}"),
                "error": voice.clean(one.last_error, 160) if one.state != "sent" else "",
            }
            for one in sent
        ],
    }


def _name(id_: str, components: Mapping[str, Component], voice: Voice) -> str:
    return voice.clean(components[id_].name if id_ in components else id_, 80)
