"""The first room: look at what is due, keep what was seen."""

import os
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from heartbeat_cli import engine, plugins
from heartbeat_cli.config import Config
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.result import Look, Reading
from heartbeat_cli.domain.strategy import STRATEGIES, Strategy, is_due
from heartbeat_cli.store import beats, passes, preferences
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.passes import LastLook, Pass

_SLACK = 1.0  # seconds a pass may take beyond its slowest look


class Checked(NamedTuple):
    """What a check saw: readings by component id, in config order; `started` epoch seconds."""

    started: float
    readings: Mapping[str, Reading]


def strategy(db: Database, config: Config) -> Strategy:
    """The strategy in force: what `heartbeat strategy set` remembered, else the configuration's."""
    named = preferences.get(db, "strategy")
    return STRATEGIES.get(named or "", STRATEGIES[config.heartbeat.strategy])


def check(
    db: Database, config: Config, now: float, wanted: Iterable[str] | None = None, *, dry_run: bool = False
) -> Checked:
    """Look at the wanted components (None: those that are due) and keep heartbeats, metrics and memories."""
    pace = strategy(db, config)
    last = passes.last_looks(db, config.observer)
    chosen = _due(config, last, pace, now) if wanted is None else [config.components[id_] for id_ in wanted]
    asked = [engine.Asked(component, _look(db, component, last, pace, now)) for component in chosen]
    readings = look(asked)
    if readings and not dry_run:
        finished = max(time.time(), now)
        passes.save(
            db,
            Pass(pass_id(config.observer, now), config.observer, now, finished),
            readings,
            config.components,
        )
    return Checked(now, readings)


def look(asked: list[engine.Asked]) -> dict[str, Reading]:
    """Readings for what is asked, within the slowest look's timeout and a second."""
    longest = max((one.look.timeout for one in asked), default=0.0)
    return engine.look_at(asked, time.monotonic() + longest + _SLACK)


def look_for(db: Database, config: Config, component: Component, now: float) -> engine.Asked:
    """The same look that a check would take, for recovery to prove itself with."""
    last = passes.last_looks(db, config.observer)
    return engine.Asked(component, _look(db, component, last, strategy(db, config), now))


def look_again(db: Database, asked: engine.Asked, seen: Reading, now: float) -> engine.Asked:
    """The look after `seen`: it remembers what that one left behind, and any beat that came meanwhile."""
    memory = {**asked.look.memory, **seen.memory}
    if getattr(plugins.load("monitors", asked.component.kind), "WANTS_BEATS", False):
        memory |= beats.recent(db, asked.component.id)
    return asked._replace(look=asked.look._replace(memory=memory, now=now))


def pass_id(observer: str, started: float) -> str:
    """Unique over observers and processes: who, when, and which process."""
    return f"{observer}@{round(started * 1000)}-{os.getpid()}"


def _due(config: Config, last: Mapping[str, LastLook], pace: Strategy, now: float) -> list[Component]:
    from fnmatch import fnmatchcase

    return [
        component
        for component in config.components.values()
        if fnmatchcase(config.observer, component.common.observer)
        and is_due(last[component.id].at if component.id in last else None, now, component.interval(pace))
    ]


def _look(db: Database, component: Component, last: Mapping[str, LastLook], pace: Strategy, now: float) -> Look:
    memory = last[component.id].memory if component.id in last else {}
    if getattr(plugins.load("monitors", component.kind), "WANTS_BEATS", False):
        memory = {**memory, **beats.recent(db, component.id)}
    return Look(component.id, component.timeout(pace), now, memory)
