"""Passes and their heartbeats: written whole, read once by detection.

A pass row and its heartbeats share a transaction; `detect` marks the pass in the transaction that moves the counters.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.coverage import hour_of, last_hour, reach
from heartbeat_cli.domain.fault_detection import Observation
from heartbeat_cli.domain.result import STATUSES, Reading
from heartbeat_cli.domain.strategy import DEFAULT, STRATEGIES, Strategy
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.partitions import ensure_day
from heartbeat_cli.store.text import as_json, storable

_NUMBER = {status: number for number, status in enumerate(STATUSES)}
_LOCK = 7_230_115  # any number of our own: the advisory lock that makes the detections of all observers take turns
_LONGEST = 2_147_483_647  # microseconds that the column holds


class LastLook(NamedTuple):
    """What the last look of this observer at a component left behind."""

    at: float
    status: str
    response_time: float | None
    error: str | None
    evidence: Mapping[str, str]
    memory: Mapping[str, Any]


class Pass(NamedTuple):
    """One pass as written: `id` is unique over all observers, `started` and `finished` epoch seconds; `blind` is why
    the remote components could not be looked at, if so; `pace` the strategy it was made under."""

    id: str
    observer: str
    started: float
    finished: float
    blind: str | None = None
    pace: Strategy = STRATEGIES[DEFAULT]


class Waiting(NamedTuple):
    """A pass that detection has not consumed, with its heartbeats in the order they were looked at."""

    key: int
    started: float
    blind: str | None
    heartbeats: list[tuple[str, Observation]]


def save(db: Database, done: Pass, readings: Mapping[str, Reading], components: Mapping[str, Component]) -> None:
    """Keep a pass: its row, a heartbeat a component, the metrics, and what the next look wants to remember."""
    with db.transaction():
        ensure_day(db, done.started)
        keys = _component_keys(db, readings, components, done.started)
        reaches = {id_: reach(components[id_].interval(done.pace)) for id_ in readings}
        hours = hour_of(done.started), last_hour(done.started, reaches.values())
        rows = db.rows(
            "INSERT INTO heartbeat_passes (id, observer, started, finished, detected, looks, blind, stale, last_hour)"
            " VALUES (?, ?, to_timestamp(?), to_timestamp(?), NULL, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
            " RETURNING key",
            (done.id, done.observer, done.started, done.finished, len(readings), done.blind, *hours),
        )
        if not rows:
            return  # already kept: the answer to the first try was lost, not the pass
        _insert_heartbeats(db, rows[0][0], done.started, readings, keys, reaches)
        _insert_metrics(db, done.started, readings, keys)
        _remember(db, done, readings)


def _component_keys(
    db: Database, readings: Mapping[str, Reading], components: Mapping[str, Component], now: float
) -> dict[str, int]:
    """The store's keys of the components, whose kind may have changed since they were first seen."""
    known = {id_: (key, kind) for id_, key, kind in db.rows("SELECT id, key, kind FROM heartbeat_components")}
    changed = [
        (id_, components[id_].kind, now) for id_ in readings if known.get(id_, ("",))[-1] != components[id_].kind
    ]
    if not changed:
        return {id_: key for id_, (key, _) in known.items()}
    db.insert(
        "INSERT INTO heartbeat_components (id, kind, registered)",
        "(?, ?, to_timestamp(?))",
        changed,
        "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind",
    )
    return dict(db.rows("SELECT id, key FROM heartbeat_components"))


def _insert_heartbeats(
    db: Database,
    pass_key: int,
    at: float,
    readings: Mapping[str, Reading],
    keys: Mapping[str, int],
    reaches: Mapping[str, int | None],
) -> None:
    rows = [
        (
            at,
            pass_key,
            keys[id_],
            microseconds(one.response_time),
            _NUMBER[one.status],
            one.attempts,
            storable(one.error),
            reaches[id_],
        )
        for id_, one in readings.items()
    ]
    head = "INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts, error, reach)"
    db.insert(head, "(to_timestamp(?), ?, ?, ?, ?, ?, ?, ?)", rows)


def _insert_metrics(db: Database, at: float, readings: Mapping[str, Reading], keys: Mapping[str, int]) -> None:
    rows = [
        (at, keys[id_], as_json([[m.name, m.value, m.type, dict(m.metadata)] for m in one.metrics]))
        for id_, one in readings.items()
        if one.metrics
    ]
    head = "INSERT INTO heartbeat_samples (at, component, samples)"
    db.insert(head, "(to_timestamp(?), ?, ?)", rows)


def _remember(db: Database, done: Pass, readings: Mapping[str, Reading]) -> None:
    rows = [
        (
            *(done.observer, id_, done.started, one.status, one.response_time, storable(one.error)),
            *(as_json(dict(one.evidence)), as_json(dict(one.memory))),
        )
        for id_, one in readings.items()
    ]
    db.insert(
        "INSERT INTO heartbeat_looks (observer, component, at, status, response_time, error, evidence, memory)",
        "(?, ?, to_timestamp(?), ?, ?, ?, ?, ?)",
        rows,
        "ON CONFLICT (observer, component) DO UPDATE SET at = excluded.at, status = excluded.status,"
        " response_time = excluded.response_time, error = excluded.error, evidence = excluded.evidence,"
        " memory = excluded.memory",
    )


def microseconds(seconds: float | None) -> int | None:
    """A response time as it is stored; 35 minutes at most, which is what the column holds."""
    if seconds is None or not math.isfinite(seconds):
        return None
    return max(0, min(round(seconds * 1_000_000), _LONGEST))


def last_looks(db: Database, observer: str | None = None) -> dict[str, LastLook]:
    """The last look at each component: by this observer, or the newest by any."""
    rows = db.rows(
        "SELECT component, at, status, response_time, error, evidence, memory FROM heartbeat_looks"
        + (" WHERE observer = ?" if observer else " ORDER BY at"),
        (observer,) if observer else (),
    )
    return {
        component: LastLook(at, status, response, error, json.loads(evidence), json.loads(memory))
        for component, at, status, response, error, evidence, memory in rows
    }


def waiting(db: Database, observer: str) -> list[Waiting]:
    """The passes of this observer that detection has not seen, oldest first. Until the transaction ends no other
    detection begins, on any host: two that read the same counters would overwrite each other's."""
    # In one round trip; the second statement sees what was kept while the first one waited.
    lock = f"SELECT pg_advisory_xact_lock({_LOCK}); " if db.dialect == "postgres" else ""
    passes = db.rows(
        f"{lock}SELECT key, started, blind FROM heartbeat_passes WHERE detected IS NULL AND observer = ? ORDER BY key",
        (observer,),
    )
    return [Waiting(key, started, blind, _heartbeats(db, key, started)) for key, started, blind in passes]


def _heartbeats(db: Database, pass_key: int, started: float) -> list[tuple[str, Observation]]:
    # All heartbeats of a pass bear its start: the time bound lets both stores find them without a scan.
    rows = db.rows(
        "SELECT c.id, l.at, l.status, l.error FROM heartbeat_log l JOIN heartbeat_components c ON c.key = l.component"
        " WHERE l.pass = ? AND l.at = to_timestamp(?)",
        (pass_key, started),
    )
    return [(id_, Observation(at, STATUSES[status], error)) for id_, at, status, error in rows]


def mark_detected(db: Database, keys: Sequence[int], now: float) -> None:
    """These passes have been consumed."""
    for key in keys:
        db.run("UPDATE heartbeat_passes SET detected = to_timestamp(?) WHERE key = ?", (now, key))


def last_pass(db: Database, observer: str) -> Pass | None:
    """The newest pass of an observer."""
    rows = db.rows(
        "SELECT id, observer, started, finished FROM heartbeat_passes WHERE observer = ? ORDER BY key DESC LIMIT 1",
        (observer,),
    )
    return Pass(*rows[0]) if rows else None


def looked_at(db: Database, component: str) -> list[tuple[str, float]]:
    """Who has looked at a component, and when last."""
    return [
        (row[0], row[1])
        for row in db.rows("SELECT observer, at FROM heartbeat_looks WHERE component = ?", (component,))
    ]
