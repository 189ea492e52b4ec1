"""For how long this host has known of the recovery steps that other hosts took.

Their clocks may differ from ours: from the time that they give a step nobody can tell whether it is still running, or
whether the host that took it is gone for good. So each host measures it by itself, from when it first saw the step.
Between two passes at most `_MAX_SECONDS` count, because a clock may have jumped or a host have slept.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import number, understood

_NAME = "steps/"  # and the observer: the setting with the time of its last save, and seconds by attempt
_MAX_SECONDS = 45.0


def of_other_hosts(attempts: Iterable[Attempt], open_incidents: Collection[str], observer: str) -> list[str]:
    """Of these attempts, in the order they were made, the ids of those that are the last of an open incident, made by
    another host, and not verified."""
    last = {one.incident: one for one in attempts if one.incident in open_incidents and one.outcome != "held"}
    return [one.id for one in last.values() if one.observer != observer and one.verified is None]


def save(db: Database, observer: str, ids: Iterable[str], now: float) -> None:
    """Save that this host sees these steps now; others are deleted."""
    with db.transaction():
        at, known = _read(db, observer)
        passed = min(max(0.0, now - at), _MAX_SECONDS)
        seen = {id_: known[id_] + passed if id_ in known else 0.0 for id_ in ids}
        preferences.put(db, _NAME + observer, json.dumps([now, seen]))


def read(db: Database, observer: str) -> dict[str, float]:
    """Seconds for which each of the steps that were saved last had been known by then."""
    return _read(db, observer)[1]


def _read(db: Database, observer: str) -> tuple[float, dict[str, float]]:
    def read(stored: list[Any]) -> tuple[float, dict[str, float]]:
        return number(stored[0]), {id_: number(seconds) for id_, seconds in stored[1].items()}

    return understood(preferences.get(db, _NAME + observer), read) or (0.0, {})
