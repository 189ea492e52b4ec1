"""Recovery attempts: each is saved before it starts, so that a killed process leaves a record of what it did."""

from collections.abc import Iterable

from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.store.sql import locks
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import storable

COLUMNS = (
    "id, incident, component, rung, action, requested_by, observer, started, finished, outcome, detail, output,"
    " verify_until, verified, reason"
)
_TIMES = {"started", "finished", "verify_until", "verified"}

_RECENT = "started >= to_timestamp(?) OR incident IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL)"

_MAX_START_TIMES = 10  # of a component, remembered as its history

_KEPT = {"verified": "COALESCE(excluded.verified, heartbeat_recoveries.verified)"}

_RECOVERED_BEFORE = "its run was cut off; the component was healthy again before that was examined"


def lock(db: Database) -> None:
    """Keep others, on any host, from beginning an attempt until the transaction ends."""
    db.rows_with_lock(locks.RECOVERY, "SELECT 1")


def save(db: Database, attempt: Attempt) -> None:
    """Save an attempt, new or changed. Once it is verified it stays so."""
    columns = COLUMNS.split(", ")
    marks = ", ".join("to_timestamp(?)" if column in _TIMES else "?" for column in columns)
    updates = ", ".join(f"{column} = {_KEPT.get(column, f'excluded.{column}')}" for column in columns[1:])
    db.run(
        f"INSERT INTO heartbeat_recoveries ({COLUMNS}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}",
        attempt._replace(
            detail=storable(attempt.detail), output=storable(attempt.output), reason=storable(attempt.reason)
        ),
    )


def of_incident(db: Database, incident: str) -> list[Attempt]:
    """The attempts for an incident, in the order they were made, whatever the clock said."""
    rows = db.rows(f"SELECT {COLUMNS} FROM heartbeat_recoveries WHERE incident = ? ORDER BY key", (incident,))
    return [Attempt(*row) for row in rows]


def of_incidents_between(db: Database, start: float, end: float) -> list[Attempt]:
    """The attempts for the incidents that overlap a span of time, oldest first."""
    columns = ", ".join(f"r.{column}" for column in COLUMNS.split(", "))
    rows = db.rows(
        f"SELECT {columns} FROM heartbeat_incidents i JOIN heartbeat_recoveries r ON r.component = i.component"
        " AND r.incident = i.id WHERE i.started < to_timestamp(?) AND (i.ended IS NULL OR i.ended > to_timestamp(?))"
        " ORDER BY r.key",
        (end, start),
    )
    return [Attempt(*row) for row in rows]


def recent(db: Database, since: float) -> list[Attempt]:
    """The attempts that the next decision depends on: those of the open incidents, and all since a moment (epoch
    seconds); in the order they were made."""
    rows = db.rows(f"SELECT {COLUMNS} FROM heartbeat_recoveries WHERE {_RECENT} ORDER BY key", (since,))
    return [Attempt(*row) for row in rows]


def newest(db: Database, component: str, since: float) -> str | None:
    """The id of the last attempt that did something about a component, among those that `recent` returns."""
    rows = db.rows(
        f"SELECT id FROM heartbeat_recoveries WHERE component = ? AND outcome <> 'held' AND ({_RECENT})"
        " ORDER BY key DESC LIMIT 1",
        (component, since),
    )
    return rows[0][0] if rows else None


def start_times(db: Database, components: Iterable[str]) -> dict[str, list[float]]:
    """Seconds that each component took from a step to being healthy again, newest first, the last few times."""
    names = list(components)
    found: dict[str, list[float]] = {}
    if not names:
        return found
    rows = db.rows(
        "SELECT component, started, verified FROM heartbeat_recoveries WHERE verified IS NOT NULL"
        f" AND component IN ({', '.join('?' for _ in names)}) ORDER BY key DESC LIMIT ?",
        (*names, _MAX_START_TIMES * len(names)),
    )
    for component, started, verified in rows:
        found.setdefault(component, []).append(verified - started)
    return {component: times[:_MAX_START_TIMES] for component, times in found.items()}


def mark_verified(db: Database, incident: str, well_since: float, at_work: str = "-") -> None:
    """The incident has ended: mark its last step as verified, when the component recovered within the time that the
    step was given, or as much again (the next time it is given more). A step whose process was killed is marked as cut
    off; should that process live after all, on another host, it saves the outcome itself. `at_work` is the output of
    the steps that this very process is taking."""
    db.run(
        "UPDATE heartbeat_recoveries SET outcome = 'cut off', detail = ?,"
        " finished = CASE WHEN started > to_timestamp(?) THEN started ELSE to_timestamp(?) END"
        " WHERE incident = ? AND outcome = 'running' AND output <> ?",
        (_RECOVERED_BEFORE, well_since, well_since, incident, at_work),
    )
    rows = db.rows(
        "SELECT id, started, verify_until FROM heartbeat_recoveries WHERE incident = ? AND verified IS NULL"
        " AND outcome IN ('done', 'working', 'cut off', 'running') AND key = (SELECT max(key) FROM heartbeat_recoveries"
        " WHERE incident = ? AND outcome <> 'held')",
        (incident, incident),
    )
    for id_, started, until in rows:
        if until is not None and started <= well_since <= until + (until - started):
            sql = "UPDATE heartbeat_recoveries SET verified = to_timestamp(?) WHERE id = ?"
            db.run(sql, (well_since, id_))


def between(db: Database, start: float, end: float) -> list[Attempt]:
    """The attempts that started in a span of time, oldest first."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM heartbeat_recoveries WHERE started >= to_timestamp(?) AND started < to_timestamp(?)"
        " ORDER BY started, key",
        (start, end),
    )
    return [Attempt(*row) for row in rows]
