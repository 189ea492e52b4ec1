"""Recovery attempts: every one recorded before it starts, so that a killed process leaves a trace of what it did."""

from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.text import storable

_ATTEMPT = (
    "id, incident, component, rung, action, requested_by, observer, started, finished, outcome, detail, output,"
    " verify_until, verified"
)
_TIMES = {"started", "finished", "verify_until", "verified"}

_LOCK = 7_230_116  # any number of our own: the advisory lock that makes those who would heal take turns


def take_turns(db: Database) -> None:
    """Until the transaction ends nobody else begins an attempt, on any host. SQLite's transactions do that anyway."""
    if db.dialect == "postgres":
        db.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))


def save(db: Database, attempt: Attempt) -> None:
    """Write an attempt, new or changed."""
    columns = _ATTEMPT.split(", ")
    marks = ", ".join("to_timestamp(?)" if column in _TIMES else "?" for column in columns)
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    db.run(
        f"INSERT INTO heartbeat_recoveries ({_ATTEMPT}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}",
        attempt._replace(detail=storable(attempt.detail), output=storable(attempt.output)),
    )


def of_incident(db: Database, incident: str) -> list[Attempt]:
    """The attempts made for an incident, in the order they were made, whatever the clock said."""
    rows = db.rows(f"SELECT {_ATTEMPT} FROM heartbeat_recoveries WHERE incident = ? ORDER BY key", (incident,))
    return [Attempt(*row) for row in rows]


def of_incidents_between(db: Database, start: float, end: float) -> list[Attempt]:
    """The attempts made for the incidents that touch a span of time, oldest first."""
    columns = ", ".join(f"r.{column}" for column in _ATTEMPT.split(", "))
    rows = db.rows(
        f"SELECT {columns} FROM heartbeat_incidents i JOIN heartbeat_recoveries r ON r.component = i.component"
        " AND r.incident = i.id WHERE i.started < to_timestamp(?) AND (i.ended IS NULL OR i.ended > to_timestamp(?))"
        " ORDER BY r.key",
        (end, start),
    )
    return [Attempt(*row) for row in rows]


def credit(db: Database, incident: str, well_since: float) -> None:
    """The incident is over: what its last attempt set going came up in the time it was given, if it did."""
    db.run(
        "UPDATE heartbeat_recoveries SET verified = to_timestamp(?) WHERE incident = ? AND outcome = 'done'"
        " AND verified IS NULL AND started <= to_timestamp(?) AND verify_until >= to_timestamp(?)"
        " AND key = (SELECT max(key) FROM heartbeat_recoveries WHERE incident = ?)",
        (well_since, incident, well_since, well_since, incident),
    )


def between(db: Database, start: float, end: float) -> list[Attempt]:
    """The attempts started in a span of time, oldest first."""
    rows = db.rows(
        f"SELECT {_ATTEMPT} FROM heartbeat_recoveries WHERE started >= to_timestamp(?) AND started < to_timestamp(?)"
        " ORDER BY started, key",
        (start, end),
    )
    return [Attempt(*row) for row in rows]
