"""How each host of a store has last seen the others. It decides which of them are silent, whatever their clocks say.

A host is silent when the start of its last pass has not changed for long enough by our own clock, while we were
checking.
"""

import json
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.checking.coverage import Watch, silent_after
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.identity import LAST_SEEN
from heartbeat_cli.store.sql.text import number, understood


class LastSeen(Record):
    """The start of a host's last pass by its clock, since when it has not changed by ours (epoch seconds), and the
    incident that was made of it."""

    started: float
    since: float
    incident: str | None = None


def read(db: Database, observer: str) -> tuple[float, dict[str, LastSeen]]:
    """When this host last looked at the others (epoch seconds; 0: never), and what it saw of each."""
    return understood(preferences.get(db, LAST_SEEN + observer), _parse) or (0.0, {})


def _parse(stored: list[Any]) -> tuple[float, dict[str, LastSeen]]:
    at, found = stored
    return number(at), {
        host: LastSeen(number(started), number(since), None if incident is None else str(incident))
        for host, (started, since, incident) in found.items()
    }


def save(db: Database, observer: str, at: float, found: Mapping[str, LastSeen]) -> None:
    preferences.put(db, LAST_SEEN + observer, json.dumps([at, found]))


def was_watching(own: Watch | None, at: float, now: float) -> bool:
    """Whether this host has been watching the others since `at`, by making passes as often as it should."""
    return own is not None and 0 <= now - at <= silent_after(own.every)


def silent(db: Database, observer: str, watches: Mapping[str, Watch], now: float) -> dict[str, float]:
    """The hosts that are silent, and since when (epoch seconds): by this host's own observation while it is watching,
    else by their clocks."""
    at, found = read(db, observer)
    ours = was_watching(watches.get(observer), at, now)
    since = {host: _silent_since(watch, found.get(host) if ours else None, now) for host, watch in watches.items()}
    return {host: begun for host, begun in since.items() if begun is not None}


def _silent_since(watch: Watch, sight: LastSeen | None, now: float) -> float | None:
    if sight is None:
        return watch.started if now - watch.started > silent_after(watch.every) else None
    stands = sight.incident is not None or now - sight.since > silent_after(watch.every)
    return sight.since if stands and watch.started == sight.started else None
