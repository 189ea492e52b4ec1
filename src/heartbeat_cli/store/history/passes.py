"""Passes and their heartbeats: written in one transaction, read once by detection.

Detection marks a pass as consumed in the transaction that changes the counters.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from heartbeat_cli.domain.category import failure_by_number, failure_number
from heartbeat_cli.domain.checking.coverage import hour_of, last_hour, reach
from heartbeat_cli.domain.checking.result import BY_NUMBER, STATUSES, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import Observation
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.strategy import DEFAULT, STRATEGIES, Strategy
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.history import last_checks
from heartbeat_cli.store.sql import locks
from heartbeat_cli.store.sql.conditions import checked_by
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.partitions import ensure_day
from heartbeat_cli.store.sql.schema import FAILURE
from heartbeat_cli.store.sql.text import as_json, storable

_NUMBER = {status: number for number, status in enumerate(STATUSES)}
SHARED_SETTING = "shared/"  # and an observer: the setting with what it shares with other hosts (quorum/peers.py)
_IDS_AT_A_TIME = 20_000
_MAX_MICROSECONDS = 2_147_483_647  # microseconds that the column holds


class Pass(Record):
    """One pass. `id` is unique over all observers, and ends with `-` and the number of the process; `started` and
    `finished` are epoch seconds; `isolated` is the reason when remote components could not be checked; `strategy` is
    the one in force."""

    id: str
    observer: str
    started: float
    finished: float
    isolated: str | None = None
    strategy: Strategy = STRATEGIES[DEFAULT]


class PassRow(Record):
    """One pass as a row, whose columns these are; its start, `number` and `observer` (a key) identify it."""

    started: float
    number: int
    took_us: int
    observer: int
    looks: int
    last_hour: int
    blind: str | None


class UndetectedPass(Record):
    """A pass that detection has not consumed, with its heartbeats in the order of the checks. `isolated` is the reason
    when remote components could not be checked, `other_hosts` whether other hosts use this store."""

    key: int
    started: float
    isolated: str | None
    heartbeats: list[tuple[str, Observation]]
    other_hosts: bool = False


def save(db: Database, done: Pass, readings: Mapping[str, Reading], components: Mapping[str, Component]) -> None:
    """Save a pass: its row, a heartbeat for each component, the metrics, and what the next checks are given. A pass
    that is there already is left as it is."""
    with db.transaction():
        ensure_day(db, done.started)
        keys, observer = _component_and_observer_keys(db, done.observer, readings, components, done.started)
        reaches = {id_: reach(components[id_].interval(done.strategy)) for id_ in readings}
        took, until = microseconds(done.finished - done.started) or 0, last_hour(done.started, reaches.values())
        row = PassRow(done.started, _process_number(done.id), took, observer, len(readings), until, done.isolated)
        new = insert(db, [row], observer)
        if not new:
            return  # saved already: the answer to the first try was lost, not the pass
        (key,) = new.values()
        _insert_heartbeats(db, key, done.started, readings, keys, reaches)
        _insert_metrics(db, done.started, readings, keys)
        last_checks.save(db, done.observer, done.started, readings)


def _process_number(id_: str) -> int:
    """The number that an id ends with, else one computed from it: it tells apart passes that start at the same time."""
    number = whole(id_.rpartition("-")[2], 999_999_999)
    if number is not None:
        return number
    from binascii import crc32

    return crc32(id_.encode()) & _MAX_MICROSECONDS


def insert(
    db: Database, rows: Sequence[PassRow], mine: int, *, detected: bool = False
) -> dict[tuple[int, int, int], int]:
    """Insert the passes that are not there yet, to be rolled up and, unless they are `detected`, to be consumed by the
    detection of observer `mine`. Returns the keys of the new ones by start (microseconds), number and observer."""
    places = ", ".join(["(to_timestamp(?), ?, ?, ?, ?, ?, ?)"] * len(rows))
    new = db.rows(
        f"INSERT INTO heartbeat_pass_rows ({', '.join(PassRow._fields)}) VALUES {places}"
        " ON CONFLICT (started, number, observer) DO NOTHING RETURNING key, started, number, observer, last_hour",
        [value for row in rows for value in row],
    )
    db.insert(
        "INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)",
        "(?, ?, ?, ?, ?)",
        [(key, mine, detected, hour_of(started), last) for key, started, _, _, last in new],
    )
    return {(round(started * 1e6), number, observer): key for key, started, number, observer, _ in new}


def observer_keys(db: Database, names: Iterable[str]) -> dict[str, int]:
    """The store's keys of these observers; new ones are made."""
    new = [(name,) for name in sorted(set(names))]
    db.insert("INSERT INTO heartbeat_observers (id)", "(?)", new, "ON CONFLICT (id) DO NOTHING")
    return dict(db.rows("SELECT id, key FROM heartbeat_observers"))


def _component_and_observer_keys(
    db: Database, observer: str, readings: Mapping[str, Reading], components: Mapping[str, Component], now: float
) -> tuple[dict[str, int], int]:
    """The store's keys of the components (whose kind may have changed) and of the observer. What only other hosts check
    is not read."""
    found = db.rows(
        f"SELECT id, key, kind FROM heartbeat_components WHERE id {checked_by(db)}"
        " UNION ALL SELECT id, key, NULL FROM heartbeat_observers WHERE id = ?",
        (observer, observer),
    )
    known = {id_: (key, kind) for id_, key, kind in found if kind is not None}
    known |= _known_components(db, [id_ for id_ in readings if id_ not in known])
    mine = next((key for _, key, kind in found if kind is None), None)
    if mine is None:
        mine = observer_keys(db, [observer]).get(observer)
    if mine is None:
        raise StoreError(Text("store {where}: does not hold what was just written to it", where=db.where))
    # Sorted, because two hosts that insert the same ones in another order would wait for each other.
    changed = sorted(id_ for id_ in readings if known.get(id_, ("",))[-1] != components[id_].kind)
    if changed:
        db.insert(
            "INSERT INTO heartbeat_components (id, kind, registered)",
            "(?, ?, to_timestamp(?))",
            [(id_, components[id_].kind, now) for id_ in changed],
            "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind",
        )
        known |= _known_components(db, changed)
    return {id_: key for id_, (key, _) in known.items()}, mine


def _known_components(db: Database, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The store's key and kind of each of these components that it has."""
    found: dict[str, tuple[int, str]] = {}
    for start in range(0, len(ids), _IDS_AT_A_TIME):
        some = ids[start : start + _IDS_AT_A_TIME]
        rows = db.rows(f"SELECT id, key, kind FROM heartbeat_components WHERE id IN ({placeholders(some)})", some)
        found |= {id_: (key, kind) for id_, key, kind in rows}
    return found


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
            _tries_and_failure(one),
            storable(one.error),
            reaches[id_],
        )
        for id_, one in readings.items()
    ]
    head = "INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts, error, reach)"
    db.insert(head, "(to_timestamp(?), ?, ?, ?, ?, ?, ?, ?)", rows)


def _tries_and_failure(one: Reading) -> int:
    """How often a check was tried, and the kind of failure that it shows, as one column has them: a ninth column would
    cost PostgreSQL eight bytes a heartbeat."""
    kind = failure_number(one.failure)
    return max(1, min(one.attempts, FAILURE - 1)) + (0 if kind is None else FAILURE * (1 + kind))


def _insert_metrics(db: Database, at: float, readings: Mapping[str, Reading], keys: Mapping[str, int]) -> None:
    rows = [
        (at, keys[id_], as_json([[m.name, m.value, m.type, dict(m.metadata)] for m in one.metrics]))
        for id_, one in readings.items()
        if one.metrics
    ]
    head = "INSERT INTO heartbeat_samples (at, component, samples)"
    db.insert(head, "(to_timestamp(?), ?, ?)", rows)


def microseconds(seconds: float | None) -> int | None:
    """A response time as it is stored: at most 35 minutes, which is what the column holds."""
    if seconds is None or not math.isfinite(seconds):
        return None
    return max(0, min(round(seconds * 1_000_000), _MAX_MICROSECONDS))


def undetected(db: Database, observer: str) -> list[UndetectedPass]:
    """The passes of this observer that detection has not consumed, oldest first. No other detection begins, on any
    host, until the transaction ends: two that read the same counters would overwrite each other's."""
    # The statement sees what was saved while the lock was waited for.
    passes = db.rows_with_lock(
        locks.DETECTION,
        "SELECT p.key, p.started, p.blind, (SELECT count(*) FROM heartbeat_observers) > 1"
        " OR EXISTS (SELECT 1 FROM heartbeat_settings WHERE name = ?)"
        " FROM heartbeat_pending w JOIN heartbeat_pass_rows p ON p.key = w.pass"
        " WHERE NOT w.detected AND w.observer = (SELECT key FROM heartbeat_observers WHERE id = ?) ORDER BY p.key",
        (f"{SHARED_SETTING}{observer}", observer),
    )
    return [
        UndetectedPass(key, started, blind, _heartbeats(db, key, started), bool(other_hosts))
        for key, started, blind, other_hosts in passes
    ]


def _heartbeats(db: Database, pass_key: int, started: float) -> list[tuple[str, Observation]]:
    # All heartbeats of a pass bear its start: the time bound lets both stores find them without a scan.
    rows = db.rows(
        "SELECT c.id, l.at, l.status, l.error, l.attempts FROM heartbeat_log l"
        " JOIN heartbeat_components c ON c.key = l.component WHERE l.pass = ? AND l.at = to_timestamp(?)",
        (pass_key, started),
    )
    return [
        (id_, Observation(at, BY_NUMBER[status], error, failure=failure_by_number(attempts // FAILURE - 1)))
        for id_, at, status, error, attempts in rows
        if status in BY_NUMBER
    ]


def mark_detected(db: Database, keys: Sequence[int]) -> None:
    """Mark these passes as consumed by detection."""
    for key in keys:
        db.run("UPDATE heartbeat_pending SET detected = TRUE WHERE pass = ?", (key,))


def overrule(db: Database, one: UndetectedPass, components: Sequence[str]) -> None:
    """Let these checks of a pass count for no time, because the other hosts have overruled them."""
    if components:
        db.run(
            "UPDATE heartbeat_log SET reach = 0 WHERE pass = ? AND at = to_timestamp(?)"
            f" AND component IN (SELECT key FROM heartbeat_components WHERE id IN ({placeholders(components)}))",
            (one.key, one.started, *components),
        )
        hour = hour_of(one.started)  # it may have been rolled up by another host
        db.run(
            "UPDATE heartbeat_pending SET stale = ? WHERE pass = ? AND (stale IS NULL OR stale > ?)",
            (hour, one.key, hour),
        )
