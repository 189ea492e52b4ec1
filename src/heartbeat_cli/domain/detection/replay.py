"""History through the very same detection, with other settings: the incidents that would have been. Pure."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from heartbeat_cli.domain.component import Component, topological
from heartbeat_cli.domain.detection.attribution import advance
from heartbeat_cli.domain.detection.fault_detection import Event, Observation, State

Heartbeat = tuple[str, Observation]


class Imagined(NamedTuple):
    """An incident that would have been; `ended` is None when it would still go on."""

    component: str
    started: float
    declared: float
    cause: str
    ended: float | None = None
    held_by: str | None = None


def replay(history: Iterable[Heartbeat], components: Mapping[str, Component]) -> list[Imagined]:
    """The incidents that these components' settings make of a history, oldest first.

    The history is taken in the order given, one by one: where the clock was set back, that is not the order of time.
    Neighbours of one moment are a pass and are taken parents first; those of unknown components are left out.
    """
    rank = {id_: place for place, id_ in enumerate(topological(components))}
    known = (one for one in history if one[0] in components)
    states: dict[str, State] = {}
    found: dict[str, Imagined] = {}
    ended: list[Imagined] = []
    for _, same_moment in groupby(known, key=lambda one: one[1].at):
        for id_, seen in sorted(same_moment, key=lambda one: rank[one[0]]):
            states[id_], events = advance(components[id_], seen, states, components)
            for event in events:
                _apply(id_, event, found, ended)
    return sorted([*ended, *found.values()], key=lambda one: (one.started, one.component))


def _apply(id_: str, event: Event, found: dict[str, Imagined], ended: list[Imagined]) -> None:
    if event.name in ("opened", "held"):
        found[id_] = Imagined(id_, event.started, event.at, event.cause, held_by=event.held_by)
    elif event.name == "released" and id_ in found:
        found[id_] = found[id_]._replace(held_by=None)
    elif event.name == "ended" and id_ in found:
        over = found.pop(id_)
        started, declared = min(over.started, event.at), min(over.declared, event.at)
        ended.append(over._replace(ended=event.at, started=started, declared=declared))
