"""Counts how often a component in fault answered the additional check before a recovery step.

Counted by incident and failing check: passes in which nothing new was seen do not count.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import number, understood

_NAME = "answers/"  # and the observer: the setting with, by incident, the last failing check and the count


def count(db: Database, observer: str, checked: Mapping[str, float], incidents: Collection[str]) -> dict[str, int]:
    """Count that the components of these incidents have just answered; `checked` is when each failed its last regular
    check (epoch seconds). Returns the count by incident. Counts of incidents that are not among the open `incidents`
    are deleted."""
    with db.transaction():
        known = understood(preferences.get(db, _NAME + observer), _read) or {}
        found = {id_: one for id_, one in known.items() if id_ in incidents}
        for id_, at in checked.items():
            last, times = found.get(id_, (None, 0))
            found[id_] = (at, times if last == at else times + 1)
        if found != known:
            preferences.put(db, _NAME + observer, json.dumps(found))
    return {id_: found[id_][1] for id_ in checked}


def _read(stored: dict[str, Any]) -> dict[str, tuple[float, int]]:
    return {id_: (number(last), int(times)) for id_, (last, times) in stored.items()}
