"""Everything the dashboard needs, in some fifteen statements whose cost is that of the last 24 hours' looks and of the
hours of the last 90 days, however old the store.

Incidents are the open ones, alerts the newest few. `changed` is the cheap question `run` asks before it renders.
"""

import json
from bisect import bisect
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import Any

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Sent
from heartbeat_cli.domain.board import (
    Board,
    Curve,
    Glance,
    Known,
    LastPass,
    Quiet,
    Seen,
    Slots,
    day_slots,
    gathered,
    midnights,
)
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.coverage import hour_of
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.result import STATUSES
from heartbeat_cli.store import alerts, rollups, silences, spans, spool, states
from heartbeat_cli.store.database import Database

_ALERTS = 12  # shown on the page
_CURVES = ("cpu_percent", "memory_used_percent", "disk_used_percent")
_PER_SLOT = 2  # samples of a host that are read for each slot
_LIVE = 50  # hours that are not rolled up yet, and asked of the log all the same; older ones wait for it
_FIELD = {"healthy": "good", "degraded": "degraded", "unhealthy": "failed", "error": "failed", "unknown": "unknown"}


def read(db: Database, config: Config, zone: tzinfo, now: float) -> Board:
    """The board of the configured components at `now`, as this host sees it, its days cut as the zone cuts them."""
    components = config.components
    slots, begins = day_slots(now), midnights(now, zone)
    names = {key: id_ for id_, key in db.rows("SELECT id, key FROM heartbeat_components")}
    hosts = {one.id for one in components.values() if one.kind == "host"}
    recent = alerts.between(db, now - 7 * 86_400, now + 1, _ALERTS)
    deliveries: dict[str, list[Sent]] = {}
    for sent in alerts.deliveries(db, [alert.id for alert in recent]):
        deliveries.setdefault(sent.alert_id, []).append(sent)
    hours, whole_days = known(db, names, components, slots, begins, now)
    away = spool.since(db)
    return Board(
        slots=slots,
        midnights=begins,
        last_pass=last_pass(db, config.observer),
        states=states.states(db),
        glances=glances(db),
        quiet=quiet(db, config, now),
        seen=seen(db, names, slots),
        hours=hours,
        days=whole_days,
        incidents=list(states.open_incidents(db).values()),
        attempts=attempts(db),
        alerts=recent,
        deliveries=deliveries,
        curves=curves(db, {key: id_ for key, id_ in names.items() if id_ in hosts}, slots),
        away=away.started if away else None,
    )


def changed(db: Database, since: float) -> bool:
    """Whether a state, an incident, an attempt to heal or an alert is newer than `since`."""
    return bool(
        db.rows(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM heartbeat_state WHERE since > to_timestamp(?))"
            " OR EXISTS (SELECT 1 FROM heartbeat_alert_rows WHERE alert_time > to_timestamp(?))"
            " OR EXISTS (SELECT 1 FROM heartbeat_incidents WHERE ended IS NULL"
            " AND (declared > to_timestamp(?) OR acked > to_timestamp(?)))"
            " OR EXISTS (SELECT 1 FROM heartbeat_incidents i JOIN heartbeat_recoveries r"
            " ON r.component = i.component AND r.started > to_timestamp(?) WHERE i.ended IS NULL)",
            (since,) * 5,
        )
    )


def last_pass(db: Database, observer: str) -> LastPass | None:
    """The newest pass of an observer."""
    rows = db.rows(
        "SELECT observer, started, finished, looks FROM heartbeat_passes WHERE observer = ? ORDER BY key DESC LIMIT 1",
        (observer,),
    )
    return LastPass(*rows[0]) if rows else None


def glances(db: Database) -> dict[str, Glance]:
    """The last look at each component, by whichever observer."""
    rows = db.rows("SELECT component, at, status, response_time, error FROM heartbeat_looks ORDER BY at")
    return {row[0]: Glance(*row[1:]) for row in rows}


def seen(db: Database, names: Mapping[int, str], slots: Slots) -> dict[str, dict[int, Seen]]:
    """The looks of each slot, counted by the store: the rows that come over do not grow with how often it looks."""
    rows = db.rows(
        f"SELECT component, {_slot(db)} AS slot, status, count(*), count(response_us),"
        " COALESCE(sum(response_us), 0) FROM heartbeat_log"
        " WHERE at >= to_timestamp(?) AND at < to_timestamp(?) GROUP BY component, 2, status",
        (slots.start, slots.step, slots.start, slots.end),
    )
    found: dict[str, dict[int, Seen]] = {}
    for key, slot, status, *counts in rows:
        if key in names:
            of_component = found.setdefault(names[key], {})
            of_component[slot] = of_component.get(slot, Seen()).plus(_seen(STATUSES[status], *counts))
    return found


def known(
    db: Database,
    names: Mapping[int, str],
    components: Mapping[str, Component],
    slots: Slots,
    begins: Sequence[float],
    now: float,
) -> tuple[dict[str, list[Known]], dict[str, list[Known]]]:
    """What is known of each component's hours, and of the days that begin then, from one reading of the rollups."""
    hours = [slots.start + 3600.0 * n for n in range(round((slots.end - slots.start) / 3600))]
    edges = sorted({*hours, *begins})
    found = days(db, names, [*edges, now])
    return (
        {id_: gathered(found.get(id_, {}), edges, hours, now) for id_ in components},
        {id_: gathered(found.get(id_, {}), edges, begins, now) for id_ in components},
    )


def days(db: Database, names: Mapping[int, str], edges: Sequence[float]) -> dict[str, dict[int, tuple[int, int]]]:
    """Microseconds known up and down, by component and by the number of the day among those that begin at `edges` (the
    last edge ends the last day). An hour belongs to the day it begins in; days without a look are left out."""
    way = rollups.plan(db, edges[0], edges[-1])
    found: dict[str, dict[int, tuple[int, int]]] = {}
    rows = []
    if stretches := _stretches(edges, way.rolled):
        marks = ", ".join(f"({n}, {first}, {after})" for n, first, after in stretches)
        rows = db.rows(
            f"WITH days(number, first, after) AS (VALUES {marks}) SELECT h.component, d.number, sum(h.up_us),"
            " sum(h.down_us) FROM days d JOIN heartbeat_hours h ON h.hour >= d.first AND h.hour < d.after GROUP BY 1, 2"
        )
    for start, end in way.live[-_LIVE:]:
        number = bisect(edges, start) - 1
        rows += [(key, number, one.up_us, one.down_us) for key, one in spans.tallies(db, start, end).items()]
    for key, number, up, down in rows:
        of_component = found.setdefault(names.get(key, ""), {})
        before = of_component.get(number, (0, 0))
        of_component[number] = before[0] + int(up), before[1] + int(down)
    return found


def _stretches(edges: Sequence[float], rolled: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The rolled hours of each day: (number, first hour, the one after the last). Said so plainly, an index finds them:
    a condition on all of them beside the join's own makes SQLite read all for each day."""
    found = []
    for number, (start, end) in enumerate(pairwise(edges)):
        for first, after in rolled:
            a, b = max(first, -hour_of(-start)), min(after, -hour_of(-end))
            if a < b:
                found.append((number, a, b))
    return found


def _seen(status: str, count: int, answered: int, microseconds: int) -> Seen:
    return Seen(answered=answered, seconds=float(microseconds) / 1e6)._replace(**{_FIELD[status]: count})


def quiet(db: Database, config: Config, now: float) -> dict[str, Quiet]:
    """The silence or maintenance each component is under now."""
    in_force = silences.quiet(db, config, now)
    return {
        id_: Quiet(one.kind, one.ends, one.reason)
        for id_, component in config.components.items()
        for one in in_force
        if one.covers(component, now)
    }


def attempts(db: Database) -> dict[str, list[Attempt]]:
    """What recovery did about the open incidents, oldest first, by incident."""
    columns = ", ".join(f"r.{name}" for name in Attempt._fields)
    rows = db.rows(
        f"SELECT {columns} FROM heartbeat_incidents i JOIN heartbeat_recoveries r ON r.component = i.component"
        " AND r.incident = i.id WHERE i.ended IS NULL ORDER BY r.started, r.id"
    )
    found: dict[str, list[Attempt]] = {}
    for row in rows:
        one = Attempt(*row)
        found.setdefault(str(one.incident), []).append(one)
    return found


def curves(db: Database, hosts: Mapping[int, str], slots: Slots) -> list[Curve]:
    """CPU, memory and disks of the hosts over the slots. Of the many samples only a few a slot are read."""
    if not hosts:
        return []
    step = slots.step / _PER_SLOT
    marks = ", ".join("?" for _ in hosts)
    rows = db.rows(
        "SELECT at, component, samples FROM heartbeat_samples WHERE at >= to_timestamp(?) AND at < to_timestamp(?)"
        f" AND component IN ({marks}) AND at IN (SELECT max(at) FROM heartbeat_samples WHERE at >= to_timestamp(?)"
        f" AND at < to_timestamp(?) AND component IN ({marks}) GROUP BY component, {_slot(db)}) ORDER BY at",
        (slots.start, slots.end, *hosts, slots.start, slots.end, *hosts, slots.start, step),
    )
    drawn: dict[tuple[str, str, str], list[list[float]]] = {}
    for at, key, samples in rows:
        slot = int((at - slots.start) / slots.step)
        for metric, value, _, metadata in decoded(samples):
            if metric in _CURVES:
                name = (hosts[key], metric, str((metadata or {}).get("mount", "")))
                drawn.setdefault(name, [[] for _ in range(slots.number)])[slot].append(float(value))
    return [Curve(*name, [_mean(values) for values in by_slot]) for name, by_slot in drawn.items()]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def decoded(samples: Any) -> list[list[Any]]:
    """A row's metrics as (name, value, type, metadata): PostgreSQL hands JSON over decoded, SQLite as text."""
    return json.loads(samples) if isinstance(samples, str) else samples  # type: ignore[no-any-return]


def _slot(db: Database) -> str:
    """The number of the slot a row stands in; takes the start and the length of a slot."""
    if db.dialect == "postgres":
        return "CAST(floor((EXTRACT(EPOCH FROM at) - ?) / ?) AS INTEGER)"
    return "CAST((at - ?) / ? AS INTEGER)"
