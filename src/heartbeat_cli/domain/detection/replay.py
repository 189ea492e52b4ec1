"""History through the very same detection, with other settings: the incidents that would have been. Pure."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from heartbeat_cli.domain.component import Component, topological
from heartbeat_cli.domain.detection.attribution import advance
from heartbeat_cli.domain.detection.fault_detection import Event, Observation, State
from heartbeat_cli.domain.detection.relapse import ended_at, relapsed, returned
from heartbeat_cli.domain.incident import Relapse
from heartbeat_cli.domain.record import Record

Heartbeat = tuple[str, Observation]


class Imagined(Record):
    """An incident that would have been; `ended` is None when it would still go on, `relapses` are the times at which
    its fault returned."""

    component: str
    started: float
    declared: float
    cause: str
    ended: float | None = None
    held_by: str | None = None
    relapses: tuple[Relapse, ...] = ()


def replay(
    history: Iterable[Heartbeat], components: Mapping[str, Component], reopen_within: float = 0.0
) -> list[Imagined]:
    """The incidents that these components' settings make of a history, oldest first.

    The history is taken in the order given, one by one: where the clock was set back, that is not the order of time.
    Neighbours of one moment are a pass and are taken parents first; those of unknown components are left out.
    `reopen_within` as in `[heartbeat]` (seconds).
    """
    rank = {id_: place for place, id_ in enumerate(topological(components))}
    watched = (one for one in history if one[0] in components)
    states: dict[str, State] = {}
    found: dict[str, Imagined] = {}
    ended: list[Imagined] = []
    for _, same_moment in groupby(watched, key=lambda one: one[1].at):
        for id_, seen in sorted(same_moment, key=lambda one: rank[one[0]]):
            before, known = states.get(id_), found.get(id_)
            settle = reopen_within if known is not None and known.relapses else 0.0
            states[id_], events = advance(components[id_], seen, states, components, settle=settle)
            if known is not None and (again := relapsed(components[id_], before, states[id_])):
                found[id_] = known._replace(relapses=(*known.relapses, again))
            for event in events:
                over_at = ended_at(components[id_], before, event)
                _apply(id_, event, over_at, reopen_within, found, ended)
    return sorted([*ended, *found.values()], key=lambda one: (one.started, one.component))


def _apply(
    id_: str, event: Event, over_at: float, within: float, found: dict[str, Imagined], ended: list[Imagined]
) -> None:
    """Open, reopen, change or end an incident; `over_at` is when it ended, if it did."""
    if event.name in ("opened", "held"):
        own = (one for one in ended if one.component == id_)
        last = max(own, key=lambda one: (one.ended or 0.0, one.started), default=None)
        if last is not None and (again := returned(event, last.ended, last.held_by, within)):
            ended.remove(last)
            found[id_] = last._replace(ended=None, cause=event.cause, relapses=(*last.relapses, again))
            return
        found[id_] = Imagined(id_, event.started, event.at, event.cause, held_by=event.held_by)
    elif event.name == "released" and id_ in found:
        found[id_] = found[id_]._replace(held_by=None)
    elif event.name == "ended" and id_ in found:
        over = found.pop(id_)
        started, declared = min(over.started, over_at), min(over.declared, over_at)
        ended.append(over._replace(ended=over_at, started=started, declared=declared))
