"""The queries behind the page that everybody may see: a dozen statements, and no more than 500 incidents."""

import os
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.windows import Span, Window, next_window, window_at
from heartbeat_cli.domain.component import Component, goes_by
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.reporting.board import day_slots, midnights
from heartbeat_cli.domain.reporting.status_page import AHEAD, DAYS, Facts, Planned
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.board import board, board_days
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import silences, states

_MAX_INCIDENTS = 500
_MAX_TIMES, _MAX_PLANNED = 50, 300  # times of one window, and of all


def read(db: Database, config: Config, components: Mapping[str, Component], zone: tzinfo, now: float) -> Facts:
    """What the page shows of these components at `now` (epoch seconds), with days in that zone. What cannot be read is
    left out, and `trouble` says why."""
    begins = midnights(now, zone, DAYS)
    made = Facts(begins, salt=_salt(db.identity), has_history=False, is_read=False)
    try:
        made = _with_states(db, config, components, made, now)
        away = spool.current_outage(db)
        if away is not None:  # it has a history of its own, and is no store of many days
            return made._replace(salt=_salt(spool.store_identity(db), db.identity))
        return _with_history(db, config, components, made, now)
    except StoreError as error:
        return made._replace(trouble=str(error))


def _salt(*identities: str) -> str:
    """The first of these identities that is known. Without any, one that nobody can know: an id that is not salted can
    be guessed from a list of names."""
    return next((one for one in identities if one), "") or os.urandom(16).hex()


def _with_states(db: Database, config: Config, components: Mapping[str, Component], made: Facts, now: float) -> Facts:
    glances, rounds = board.glances_and_rounds(db, components.values())
    open_ = [one for one in states.open_incidents(db).values() if one.component in components]
    return made._replace(
        states={id_: one for id_, one in states.states(db).items() if id_ in components},
        glances={id_: one for id_, one in glances.items() if id_ in components},
        rounds=rounds,
        incidents=open_[::-1],
        is_complete=False,
        maintenance=_maintenance(db, config, components, now),
        is_read=True,
    )


def _with_history(db: Database, config: Config, components: Mapping[str, Component], made: Facts, now: float) -> Facts:
    names = {key: id_ for id_, key in db.rows("SELECT id, key FROM heartbeat_components")}
    begins, cache = made.midnights, places.config_folder(config) / board.DAYS_FILE
    _, days = board_days.known_time(db, names, components, day_slots(now), begins, now, cache)
    found = states.latest_between(db, list(components), begins[0], now, _MAX_INCIDENTS + 1)
    return made._replace(
        days=days,
        incidents=found[:_MAX_INCIDENTS],
        is_complete=len(found) <= _MAX_INCIDENTS,
        healed=_healed(db, [one for one in found[:_MAX_INCIDENTS] if one.ended is not None]),
        has_history=True,
    )


def _healed(db: Database, incidents: list[Incident]) -> frozenset[str]:
    """Those of the incidents in which a step was followed by the same check passing."""
    if not incidents:
        return frozenset()
    rows = db.rows(
        "SELECT DISTINCT incident FROM heartbeat_recoveries WHERE verified IS NOT NULL"
        f" AND started >= to_timestamp(?) AND incident IN ({placeholders(incidents)})",
        [min(one.started for one in incidents), *(one.id for one in incidents)],
    )
    return frozenset(row[0] for row in rows)


def _maintenance(db: Database, config: Config, components: Mapping[str, Component], now: float) -> tuple[Planned, ...]:
    """Maintenance by command and as configured that goes on, or begins soon; the next first."""
    found: list[tuple[str, float, float, tuple[str, ...]]] = [
        (one.id, max(0.0, one.starts), one.ends, (one.target,))
        for one in silences.active(db, now)
        if one.kind == "maintenance"
    ]
    for window in config.maintenance.values():
        zone = ZoneInfo(window.timezone or config.timezone)
        times = islice(_times(window, now, zone), _MAX_TIMES)
        found += [(f"[{window.id}]", max(0.0, starts), ends, window.components) for starts, ends in times]
    made = (
        Planned(window, starts, ends, tuple(id_ for id_, one in components.items() if any(goes_by(one, n) for n in of)))
        for window, starts, ends, of in found
        if starts < now + AHEAD
    )
    return tuple(
        sorted((one for one in made if one.components), key=lambda one: (one.starts, one.window))[:_MAX_PLANNED]
    )


def _times(window: Window, now: float, zone: tzinfo) -> Iterator[Span]:
    """When a window is, from the time that it may be in now on."""
    if span := window_at(window, now, zone):
        yield span
    at = now
    while at < now + AHEAD and (span := next_window(window, at, zone)):
        yield span
        at = span[0]
