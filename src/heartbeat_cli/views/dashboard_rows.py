"""The components of the dashboard: one row each with its level, texts, bars and sparkline, grouped as configured.

A level is what a row is coloured, sorted and filtered by: `bad` (in fault, or failing where too few hosts look to
confirm it), `warn` (unobserved, suspect, recovering, degraded, flapping), `dim` (not known: never or no longer looked
at, or heartbeat could not look), `ok`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.detection.quorum import Vote
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.board import Board, Glance, began, unconfirmed
from heartbeat_cli.views import charts, dashboard_bars
from heartbeat_cli.views.dashboard_incidents import wanted
from heartbeat_cli.views.rows import late_after
from heartbeat_cli.views.voice import Voice

LEVELS = ("bad", "warn", "dim", "ok")
KINDS = (
    ("bad", "bad"),
    ("bad", "unconfirmed"),
    ("warn", "unobserved"),
    ("warn", "warn"),
    ("dim", "dim"),
    ("ok", "ok"),
)  # level, what
_UNFOLDED = 40  # components up to which everything is shown open


class Group(Record):
    """The components under one heading; `counts` are (level, text) of what there is, `rest` the healthy ones that are
    folded away behind those in trouble."""

    id: str
    heading: str
    counts: list[tuple[str, str]]
    rows: list[dict[str, Any]]
    rest: list[dict[str, Any]]
    open: bool

    @property
    def all(self) -> list[dict[str, Any]]:
        return self.rows + self.rest


def groups(board: Board, components: Mapping[str, Component], voice: Voice) -> list[Group]:
    """Every configured component, under its group or else its kind, in the configuration's order; groups with trouble
    before the others, and inside a group the worst first."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in components.values():
        own = one.common.group
        heading = ("", voice.clean(own, 60)) if own else (one.kind, voice.named("kind", one.kind))
        found.setdefault(heading, []).append(_row(board, components, one, voice))
    big = len(components) > _UNFOLDED
    made = [
        _group(f"g-{kind}" if kind else f"own-{number}", heading, rows, big, voice)
        for number, ((kind, heading), rows) in enumerate(found.items())
    ]
    return sorted(made, key=lambda group: min(LEVELS.index(group.counts[0][0]), 2))


def _group(id_: str, heading: str, rows: list[dict[str, Any]], big: bool, voice: Voice) -> Group:
    rows.sort(key=lambda row: LEVELS.index(row["level"]))
    shown = [(level, voice.word(f"count_{what}", count=count)) for level, what, count in counted(rows)]
    troubled = [row for row in rows if row["level"] != "ok"]
    is_open = not big or rows[0]["level"] in ("bad", "warn")
    if big and is_open and len(troubled) < len(rows):
        return Group(id_, heading, shown, troubled, rows[len(troubled) :], is_open)
    return Group(id_, heading, shown, rows, [], is_open)


def counted(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """How many rows there are of each kind, the worst first: level, what they are, number; only what there is."""
    found = [row["what"] for row in rows]
    return [(level, what, found.count(what)) for level, what in KINDS if what in found]


def _row(board: Board, components: Mapping[str, Component], one: Component, voice: Voice) -> dict[str, Any]:
    state, glance = board.states.get(one.id), board.glances.get(one.id)
    late = glance is not None and voice.now - glance.at > late_after(one)
    alone = not late and unconfirmed(board.rounds.get(one.id), _incident(board, one))
    seen, own = board.seen.get(one.id, {}), level(state, glance, late, alone)
    return {
        "id": one.id,
        "kind": one.kind,
        "name": voice.clean(one.name, 80),
        "level": own,
        "what": "unconfirmed" if alone else "unobserved" if own == "warn" and _is_unobserved(state) else own,
        "fails": own == "warn" and _headline(state, glance) == "suspect",
        "state": voice.word("unconfirmed" if alone else _headline(state, glance)),
        "notes": ([voice.word("needs_person")] if alone else []) + _notes(board, components, one, late, voice),
        "since": voice.moment(began(state, _incident(board, one))) if state else None,
        "look": voice.moment(glance.at) if glance else None,
        "took": voice.took(glance.response_time) if glance else "-",
        "cause": voice.blamed(voice.said(glance.error or "", 200), glance.failure)
        if glance and glance.status != "healthy"
        else "",
        "votes": [_vote(vote, voice) for vote in (board.rounds[one.id].votes if one.id in board.rounds else ())],
        "spark": _spark([seen[n].response if n in seen else None for n in range(board.slots.number)], voice),
        "day": dashboard_bars.day(board, one.id, voice),
        "days": dashboard_bars.days(board, one.id, voice),
    }


def level(state: State | None, glance: Glance | None, late: bool, alone: bool = False) -> str:
    """How a row is coloured; what is not known never passes as well, and a fault stays one until it is seen to end."""
    if alone or (state is not None and state.state == "fault"):
        return "bad"
    if state is None or glance is None or late:
        return "dim"
    if state.unobserved:
        return "warn"
    if not state.judged:
        return "dim"
    if state.state != "healthy" or state.flapping or state.degraded or glance.status not in ("healthy", "unknown"):
        return "warn"
    return "dim" if glance.status == "unknown" else "ok"


def _headline(state: State | None, glance: Glance | None) -> str:
    if state is None or glance is None:
        return "unknown"
    if state.unobserved:
        return "unobserved"
    if not state.judged:
        return "unknown"
    if state.state == "healthy" and glance.status in FAILURES:
        return "suspect"  # those that look say so; the one that judges has not come to it yet
    if state.state == "healthy" and (state.degraded or glance.status == "degraded"):
        return "degraded"
    return "unknown" if state.state == "healthy" and glance.status == "unknown" else state.state


def _is_unobserved(state: State | None) -> bool:
    return state is not None and state.unobserved


def _incident(board: Board, one: Component) -> Incident | None:
    return next((found for found in board.incidents if found.component == one.id), None)


def _notes(board: Board, components: Mapping[str, Component], one: Component, late: bool, voice: Voice) -> list[str]:
    """What else is to be said about a state."""
    state, quiet = board.states.get(one.id), board.quiet.get(one.id)
    incident, notes = _incident(board, one), []
    if state and state.held_by:
        parent = components.get(state.held_by)
        notes.append(f"{voice.word('held_by')} {voice.clean(parent.name if parent else state.held_by, 60)}")
    if state and state.unobserved:
        if state.unknown_since is not None:
            notes.append(voice.word("unobserved_since", since=voice.moment(state.unknown_since).shown))
        if state.judged and state.state != "healthy":
            notes.append(voice.word("last_judged", state=voice.word(state.state)))
    if state and state.flapping:
        notes.append(voice.word("flapping"))
    if late:
        notes.append(voice.word("late"))
    if incident and (want := wanted(incident, board, components, voice.now)):
        notes.append(voice.word("needs_person" if want == "person" else "waits"))
    if incident and incident.acked:
        notes.append(f"{voice.word('acked_by')} {voice.clean(incident.acked_by or '?', 40)}")
    if quiet:
        notes.append(voice.word(f"quiet_{quiet.kind}", until=voice.moment(quiet.ends).shown))
    return notes


def _vote(one: Vote, voice: Voice) -> dict[str, Any]:
    """What one of several hosts sees."""
    level_ = "bad" if one.status in FAILURES else {"healthy": "ok", "degraded": "warn"}.get(one.status, "dim")
    return {
        "host": voice.clean(one.observer, 60),
        "level": level_,
        "status": voice.word(one.status),
        "error": voice.said(one.error or "", 160) if one.status != "healthy" else "",
        "look": voice.moment(one.at),
    }


def _spark(values: Sequence[float | None], voice: Voice) -> dict[str, Any] | None:
    line = charts.spark(values)
    if line.last is None:
        return None
    return {"line": line, "label": voice.word("between", low=voice.took(line.low), high=voice.took(line.high))}
