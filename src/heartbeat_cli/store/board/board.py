"""Everything the dashboard shows, in some fifteen statements that read the last 24 hours, however old the store is
(`board_days` has the bars of many days).

Incidents are the open ones, alerts the newest few.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Sent
from heartbeat_cli.domain.category import failure_by_number
from heartbeat_cli.domain.checking.result import BY_NUMBER, Metric
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.quorum import Round
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.reporting.board import (
    Board,
    Curve,
    Glance,
    LastPass,
    Quiet,
    Seen,
    Slots,
    day_slots,
    midnights,
    quorum_summary,
)
from heartbeat_cli.store.board import board_days
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import healers, observers, peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.dialects import render
from heartbeat_cli.store.sql.text import understood
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import recoveries, silences, states

_ALERTS = 12  # shown on the page
_CURVES = ("cpu_percent", "memory_used_percent", "disk_used_percent")
DAYS_FILE = "dashboard.days"  # in the state folder
_PER_SLOT = 2  # samples of a host that are read for each slot
_CHECKS_BY_SLOT = """SELECT component, {slot:at} AS slot, status, count(*), count(response_us),
    COALESCE(sum(response_us), 0)
FROM heartbeat_log WHERE at >= to_timestamp(:start) AND at < to_timestamp(:end) GROUP BY component, 2, status"""
# The newest sample of each slot of a host.
_CURVES_SAMPLES = """SELECT at, component, CAST(samples AS TEXT) FROM heartbeat_samples
WHERE at >= to_timestamp(:start) AND at < to_timestamp(:end) AND component IN ({hosts})
    AND at IN (SELECT max(at) FROM heartbeat_samples WHERE at >= to_timestamp(:start) AND at < to_timestamp(:end)
        AND component IN ({hosts}) GROUP BY component, {slot:at})
ORDER BY at"""
_FIELD = {"healthy": "good", "degraded": "degraded", "unhealthy": "failed", "error": "failed", "unknown": "unknown"}


def read(db: Database, config: Config, zone: tzinfo, now: float) -> Board:
    """The board of the configured components at `now` (epoch seconds), as this host sees it, with days in that zone."""
    components = config.components
    slots, begins = day_slots(now), midnights(now, zone)
    names = {key: id_ for id_, key in db.rows("SELECT id, key FROM heartbeat_components")}
    hosts = {one.id for one in components.values() if one.kind == "host"}
    recent = alerts.between(db, now - 7 * 86_400, now + 1, _ALERTS)
    deliveries: dict[str, list[Sent]] = {}
    for sent in alerts.deliveries(db, [alert.id for alert in recent]):
        deliveries.setdefault(sent.alert_id, []).append(sent)
    hours, whole_days = board_days.known_time(
        db, names, components, slots, begins, now, places.config_folder(config) / DAYS_FILE
    )
    away = spool.current_outage(db)
    last, rounds = glances_and_rounds(db, config.components.values())
    return Board(
        slots=slots,
        midnights=begins,
        last_pass=last_pass(db, config.observer),
        states=states.states(db),
        glances=last,
        quiet=silences_by_component(db, config, now),
        seen=checks_by_slot(db, names, slots),
        hours=hours,
        days=whole_days,
        incidents=list(states.open_incidents(db).values()),
        attempts=attempts_of_open_incidents(db),
        alerts=recent,
        deliveries=deliveries,
        curves=curves(db, {key: id_ for key, id_ in names.items() if id_ in hosts}, slots),
        away=away.started if away else None,
        rounds=rounds,
        observers=[] if away else observers.standings(db, config.components, config.observer, now, several=True),
        orphans=healers.missing(db, config.components.values(), config.observer, now).keys(),
    )


def last_pass(db: Database, observer: str) -> LastPass | None:
    """The newest pass of an observer."""
    rows = db.rows(
        "SELECT observer, started, finished, looks FROM heartbeat_passes WHERE observer = ? ORDER BY key DESC LIMIT 1",
        (observer,),
    )
    return LastPass(*rows[0]) if rows else None


def glances(db: Database, components: Collection[Component]) -> dict[str, Glance]:
    """The newest check of each component by any observer; where several hosts check it, with the status they agree
    on."""
    return glances_and_rounds(db, components)[0]


def glances_and_rounds(db: Database, components: Collection[Component]) -> tuple[dict[str, Glance], dict[str, Round]]:
    """The same, and the votes on the components that several hosts check."""
    rows = db.rows("SELECT component, at, status, response_time, error, failure FROM heartbeat_looks ORDER BY at")
    found = {row[0]: Glance(*row[1:-1])._replace(failure=failure_by_number(row[-1])) for row in rows}
    if len(rows) == len(found) and not any((one.common.quorum or 1) > 1 for one in components):
        return found, {}
    rounds = peers.rounds(db, components)
    for id_, said in rounds.items():
        found[id_] = found[id_]._replace(status=said.status, error=quorum_summary(said, found[id_].error))
    return found, rounds


def checks_by_slot(db: Database, names: Mapping[int, str], slots: Slots) -> dict[str, dict[int, Seen]]:
    """The checks of each slot, counted by the database: the number of rows does not depend on the interval."""
    rows = db.rows(render(_CHECKS_BY_SLOT, db.dialect), {"start": slots.start, "end": slots.end, "step": slots.step})
    found: dict[str, dict[int, Seen]] = {}
    for key, slot, status, *counts in rows:
        if key in names and status in BY_NUMBER:
            of_component = found.setdefault(names[key], {})
            of_component[slot] = of_component.get(slot, Seen()).plus(_count_as(BY_NUMBER[status], *counts))
    return found


def _count_as(status: str, count: int, answered: int, microseconds: int) -> Seen:
    return Seen(answered=answered, seconds=float(microseconds) / 1e6)._replace(**{_FIELD[status]: count})


def silences_by_component(db: Database, config: Config, now: float) -> dict[str, Quiet]:
    """The silence or maintenance that each component is under now."""
    in_force = silences.in_force(db, config, now)
    return {
        id_: Quiet(one.kind, one.ends, one.reason)
        for id_, component in config.components.items()
        for one in in_force
        if one.covers(component, now)
    }


def attempts_of_open_incidents(db: Database) -> dict[str, list[Attempt]]:
    """The recovery attempts for the open incidents, oldest first, by incident."""
    columns = ", ".join(f"r.{name}" for name in recoveries.COLUMNS.split(", "))
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
    """CPU, memory and disks of the hosts over the slots. Only a few samples of each slot are read."""
    if not hosts:
        return []
    keys = {f"host_{number}": key for number, key in enumerate(hosts)}
    sql = render(_CURVES_SAMPLES, db.dialect, hosts=", ".join(f":{name}" for name in keys))
    rows = db.rows(sql, {"start": slots.start, "end": slots.end, "step": slots.step / _PER_SLOT, **keys})
    drawn: dict[tuple[str, str, str], list[list[float]]] = {}
    for at, key, samples in rows:
        slot = int((at - slots.start) / slots.step)
        for metric in decoded(samples):
            if metric.name in _CURVES:
                name = (hosts[key], metric.name, str(metric.metadata.get("mount", "")))
                drawn.setdefault(name, [[] for _ in range(slots.number)])[slot].append(float(metric.value))
    return [Curve(*name, [_mean(values) for values in by_slot]) for name, by_slot in drawn.items()]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def decoded(samples: Any) -> list[Metric]:
    """A row's metrics: those that a heartbeat could have written."""
    rows = understood(samples, list) if isinstance(samples, str) else samples
    found = (_metric(one) for one in rows) if isinstance(rows, list) else ()
    return [one for one in found if one is not None]


_MOST = 1e300  # of a metric: beyond it are infinity, and integers of hundreds of digits


def _metric(row: object) -> Metric | None:
    match row:
        case [str(name), int() | float() as value, str(type_), dict() | None as metadata] if abs(value) < _MOST:
            return Metric(name, value, type_, metadata or {})
    return None
