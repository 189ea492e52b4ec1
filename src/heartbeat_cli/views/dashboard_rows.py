"""The components of the dashboard: one row each with its level, texts, day bar and sparkline, grouped by kind.

A level is what a row is coloured, sorted and filtered by: `bad` (in fault), `warn` (suspect, recovering, degraded,
flapping), `dim` (not known: never or no longer looked at, or heartbeat could not look), `ok`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from heartbeat_cli.domain.board import Board, Glance, Seen, Slots
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.fault_detection import State
from heartbeat_cli.views import charts
from heartbeat_cli.views.voice import Voice, percent

LEVELS = ("bad", "warn", "dim", "ok")
_UNFOLDED = 40  # components up to which every group is shown open
_LATE_LOOKS, _LATE_SECONDS = 3.0, 180.0
_BLIP = 0.1  # share of an hour's looks below which trouble is a blip


class Group(NamedTuple):
    """The components of one kind; `counts` are (level, text) of what there is."""

    kind: str
    heading: str
    counts: list[tuple[str, str]]
    rows: list[dict[str, Any]]
    open: bool


def groups(board: Board, components: Mapping[str, Component], voice: Voice) -> list[Group]:
    """Every configured component, by kind in the configuration's order; inside a group the worst first."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in components.values():
        by_kind.setdefault(one.kind, []).append(_row(board, components, one, voice))
    unfolded = len(components) <= _UNFOLDED
    return [_group(kind, rows, unfolded, voice) for kind, rows in by_kind.items()]


def _group(kind: str, rows: list[dict[str, Any]], unfolded: bool, voice: Voice) -> Group:
    rows.sort(key=lambda row: LEVELS.index(row["level"]))
    counts = [(level, sum(row["level"] == level for row in rows)) for level in LEVELS]
    shown = [(level, voice.word(f"count_{level}", count=count)) for level, count in counts if count]
    is_open = unfolded or any(row["level"] in ("bad", "warn") for row in rows)
    return Group(kind, voice.named("kind", kind), shown, rows, is_open)


def _row(board: Board, components: Mapping[str, Component], one: Component, voice: Voice) -> dict[str, Any]:
    state, glance = board.states.get(one.id), board.glances.get(one.id)
    late = glance is not None and voice.now - glance.at > late_after(one)
    seen = board.seen.get(one.id, {})
    return {
        "id": one.id,
        "name": voice.clean(one.name, 80),
        "level": level(state, glance, late),
        "state": voice.word(_headline(state, glance)),
        "notes": _notes(board, components, one, late, voice),
        "since": voice.moment(state.since) if state else None,
        "look": voice.moment(glance.at) if glance else None,
        "took": voice.took(glance.response_time) if glance else "-",
        "cause": voice.clean(glance.error, 200) if glance and glance.status != "healthy" else "",
        "spark": _spark([seen[n].response if n in seen else None for n in range(board.slots.number)], voice),
        "day": _day(board.slots, seen, voice),
    }


def late_after(one: Component) -> float:
    """Seconds without a look from which a component counts as no longer looked at."""
    return max(_LATE_LOOKS * (one.common.interval or 60.0), _LATE_SECONDS)


def level(state: State | None, glance: Glance | None, late: bool) -> str:
    """How a row is coloured; what is not known never passes as well, and a fault stays one until it is seen to end."""
    if state is not None and state.state == "fault":
        return "bad"
    if state is None or glance is None or late:
        return "dim"
    if state.state != "healthy" or state.flapping or state.degraded or glance.status == "degraded":
        return "warn"
    return "dim" if glance.status == "unknown" else "ok"


def _headline(state: State | None, glance: Glance | None) -> str:
    if state is None or glance is None:
        return "unknown"
    if state.state == "healthy" and (state.degraded or glance.status == "degraded"):
        return "degraded"
    return "unknown" if state.state == "healthy" and glance.status == "unknown" else state.state


def _notes(board: Board, components: Mapping[str, Component], one: Component, late: bool, voice: Voice) -> list[str]:
    """What else is to be said about a state."""
    state, quiet = board.states.get(one.id), board.quiet.get(one.id)
    notes = []
    if state and state.held_by:
        parent = components.get(state.held_by)
        notes.append(f"{voice.word('held_by')} {voice.clean(parent.name if parent else state.held_by, 60)}")
    if state and state.flapping:
        notes.append(voice.word("flapping"))
    if late:
        notes.append(voice.word("late"))
    if quiet:
        notes.append(voice.word(f"quiet_{quiet.kind}", until=voice.moment(quiet.ends).shown))
    return notes


def _spark(values: Sequence[float | None], voice: Voice) -> dict[str, Any] | None:
    line = charts.spark(values)
    if line.last is None:
        return None
    return {"line": line, "label": voice.word("between", low=voice.took(line.low), high=voice.took(line.high))}


def _day(slots: Slots, seen: Mapping[int, Seen], voice: Voice) -> dict[str, Any]:
    """The day bar: a cell an hour, the share of good looks, and the hours that were not good by name."""
    per_cell = round(3600 / slots.step)
    hours = [_merged(seen, first, per_cell) for first in range(0, slots.number, per_cell)]
    levels = [_hour_level(hour) for hour in hours]
    width, paths = charts.bar(levels)
    marks = []
    for number, (hour, name) in enumerate(zip(hours, levels, strict=True)):
        if name in ("bad", "warn"):
            at = voice.moment(slots.start + number * 3600).shown
            text = voice.word("hour", at=at, failed=hour.failed, degraded=hour.degraded, looks=hour.judged)
            marks.append((charts.cell(number, name), text))
    whole = _merged(seen, 0, slots.number)
    share = percent((whole.good + whole.degraded) / whole.judged if whole.judged else None)
    label = voice.word("day_label", share=share, bad=levels.count("bad"), warn=levels.count("warn"))
    return {"width": width, "paths": paths, "marks": marks, "share": share, "label": label, "whole": whole}


def _merged(seen: Mapping[int, Seen], first: int, count: int) -> Seen:
    merged = Seen()
    for slot in range(first, first + count):
        if slot in seen:
            merged = merged.plus(seen[slot])
    return merged


def _hour_level(hour: Seen) -> str:
    if not hour.judged:
        return "dim" if hour.unknown else "none"
    if hour.failed / hour.judged >= _BLIP:
        return "bad"
    return "warn" if hour.failed or hour.degraded / hour.judged >= _BLIP else "ok"
