"""Component states (the fail counters that live between runs) and incidents."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident, Relapse
from heartbeat_cli.store.sql.conditions import checked_by
from heartbeat_cli.store.sql.database import Database, Row, placeholders
from heartbeat_cli.store.sql.schema import UNSETTLED
from heartbeat_cli.store.sql.text import moment, storable, understood

_STATE = (
    "since, state, fail_count, success_count, flapping, failing_since, degraded_count, degraded, held_by,"
    " grace_looks, history, unknown_count, unknown_since, unobserved, unobserved_alert"
)
_INCIDENT = (
    "id, component, kind, severity, cause, started, declared, ended, held_by, acked, acked_by, recovery,"
    " category, remedy, relapses"
)


_IDS_AT_A_TIME = 20_000


def states(db: Database) -> dict[str, State]:
    """The state of every component; one that was never checked has none."""
    return _states(db)


def needed_condition(db: Database) -> str:
    """Selects the rows of `heartbeat_state` that a pass needs, with the observer as its value: of what that checks, and
    all that are not simply healthy. A store of many hosts has many more."""
    return f"component {checked_by(db, f'SELECT component FROM heartbeat_state WHERE {UNSETTLED}')}"


def needed(db: Database, observer: str, besides: Iterable[str] = ()) -> dict[str, State]:
    """The states that decisions of a host need: of the components that it checks, of those named `besides`, and of all
    that are not simply healthy. Any other component is healthy, or was never checked."""
    found = _states(db, f"WHERE {needed_condition(db)}", (observer,))
    return found | of(db, [id_ for id_ in besides if id_ not in found])


def known_to_people(db: Database) -> set[str]:
    """The components with an open incident, and those that people were notified of as unobserved."""
    rows = db.rows(
        "SELECT component FROM heartbeat_incidents WHERE ended IS NULL"
        " UNION SELECT component FROM heartbeat_state WHERE unobserved_alert IS NOT NULL"
    )
    return {row[0] for row in rows}


def of(db: Database, components: Sequence[str]) -> dict[str, State]:
    """The states of these components; one that was never checked has none."""
    found: dict[str, State] = {}
    for start in range(0, len(components), _IDS_AT_A_TIME):
        some = components[start : start + _IDS_AT_A_TIME]
        found |= _states(db, f"WHERE component IN ({placeholders(some)})", some)
    return found


def _states(db: Database, where: str = "", params: Sequence[str] = ()) -> dict[str, State]:
    found = {}
    for component, *values in db.rows(f"SELECT component, {_STATE} FROM heartbeat_state {where}", params):
        state = State(*values)
        found[component] = state._replace(
            flapping=bool(state.flapping), degraded=bool(state.degraded), unobserved=bool(state.unobserved)
        )
    return found


_UNSETTLED = """
    SELECT component, fail_count FROM heartbeat_state WHERE state IN ('suspect', 'recovering')
    UNION SELECT s.component, s.fail_count FROM heartbeat_state s
      JOIN heartbeat_incidents i ON i.component = s.component AND i.ended IS NULL
      JOIN heartbeat_recoveries r ON r.component = s.component AND r.incident = i.id AND r.verified IS NOT NULL
    WHERE s.state = 'fault'"""


def unsettled(db: Database) -> dict[str, int]:
    """The components whose state is not settled: suspect, recovering, or verified after a step; each with the number of
    checks that have failed in a row."""
    return dict(db.rows(_UNSETTLED))


def save_states(db: Database, changed: Mapping[str, State]) -> None:
    """Save the states that changed."""
    db.insert(
        f"INSERT INTO heartbeat_state (component, {_STATE})",
        "(?, to_timestamp(?), ?, ?, ?, ?, to_timestamp(?), ?, ?, ?, ?, ?, ?, to_timestamp(?), ?, ?)",
        [(component, *state) for component, state in changed.items()],
        "ON CONFLICT (component) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in _STATE.split(", ")),
    )


def delete_state(db: Database, component: str) -> None:
    """Delete the state of a component."""
    db.run("DELETE FROM heartbeat_state WHERE component = ?", (component,))


def open_incidents(db: Database) -> dict[str, Incident]:
    """The open incident of each component that has one."""
    rows = db.rows(f"SELECT {_INCIDENT} FROM heartbeat_incidents WHERE ended IS NULL ORDER BY started")
    return {row[1]: _incident(row) for row in rows}


def last_ended(db: Database, component: str, since: float) -> Incident | None:
    """The incident of a component that ended last, of those that ended since a moment (epoch seconds)."""
    rows = db.rows(
        f"SELECT {_INCIDENT} FROM heartbeat_incidents WHERE ended >= to_timestamp(?) AND component = ?"
        " ORDER BY ended DESC, started DESC LIMIT 1",
        (since, component),
    )
    return _incident(rows[0]) if rows else None


def over_since(db: Database, at: float) -> dict[str, list[tuple[float, float]]]:
    """When the incidents of each component began and ended, of those that ended since a moment; the newest first."""
    rows = db.rows(
        "SELECT component, started, ended FROM heartbeat_incidents WHERE ended >= to_timestamp(?) ORDER BY ended DESC",
        (at,),
    )
    found: dict[str, list[tuple[float, float]]] = {}
    for component, started, ended in rows:
        found.setdefault(component, []).append((started, ended))
    return found


def incidents_between(db: Database, start: float, end: float) -> list[Incident]:
    """The incidents that overlap a span of time, oldest first."""
    rows = db.rows(
        f"SELECT {_INCIDENT} FROM heartbeat_incidents WHERE started < to_timestamp(?)"
        " AND (ended IS NULL OR ended > to_timestamp(?)) ORDER BY started, id",
        (end, start),
    )
    return [_incident(row) for row in rows]


def latest_between(db: Database, components: Sequence[str], start: float, end: float, most: int) -> list[Incident]:
    """At most so many of the incidents of these components that overlap a span of time, newest first."""
    if not components:
        return []
    rows = db.rows(
        f"SELECT {_INCIDENT} FROM heartbeat_incidents WHERE started < to_timestamp(?)"
        f" AND (ended IS NULL OR ended > to_timestamp(?)) AND component IN ({placeholders(components)})"
        " ORDER BY started DESC, id LIMIT ?",
        (end, start, *components, most),
    )
    return [_incident(row) for row in rows]


def _incident(row: Row) -> Incident:
    relapses = () if row[-1] == "[]" else understood(row[-1], _relapses) or ()
    return Incident(*row[:-1])._replace(relapses=relapses)


def _relapses(found: Any) -> tuple[Relapse, ...]:
    return tuple(Relapse(moment(ended), moment(started), moment(declared)) for ended, started, declared in found)


def began_between(db: Database, start: float, end: float) -> int:
    """How many incidents began in a span of time, not counting those held by a parent's fault."""
    rows = db.rows(
        "SELECT count(*) FROM heartbeat_incidents WHERE started >= to_timestamp(?) AND started < to_timestamp(?)"
        " AND held_by IS NULL",
        (start, end),
    )
    return db.whole(rows[0][0])


def save_incident(db: Database, incident: Incident) -> None:
    """Save an incident, new or changed."""
    times = {"started", "declared", "ended", "acked"}
    columns = _INCIDENT.split(", ")
    marks = ", ".join("to_timestamp(?)" if column in times else "?" for column in columns)
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    db.run(
        f"INSERT INTO heartbeat_incidents ({_INCIDENT}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}",
        (*incident._replace(cause=storable(incident.cause))[:-1], json.dumps(incident.relapses)),
    )


def acknowledge(db: Database, incident: str, at: float | None, by: str | None) -> bool:
    """Set who has acknowledged an incident (None: nobody any more), and nothing else: a pass may be changing the rest.
    Returns False when the incident is over."""
    changed = db.run(
        "UPDATE heartbeat_incidents SET acked = to_timestamp(?), acked_by = ? WHERE id = ? AND ended IS NULL",
        (at, by, incident),
    )
    return changed > 0


def save_recovery(db: Database, incident: str, came_to: str) -> bool:
    """Set what recovery has come to, and nothing else: somebody may have acknowledged or ended the incident meanwhile.
    Returns False when it is over, or nothing changed."""
    changed = db.run(
        "UPDATE heartbeat_incidents SET recovery = ? WHERE id = ? AND ended IS NULL AND recovery <> ?",
        (came_to, incident, came_to),
    )
    return changed > 0


def merge_answers(db: Database, kept: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Save the acknowledgement and what recovery has come to, of an incident (its columns) as it was `kept` while the
    store was away, and as it was `before`. What somebody has acknowledged in the store meanwhile, or taken back, stays.
    Replayed detection clears both where it reopens an incident."""
    acked = before.get("acked")
    if (kept["acked"], kept["acked_by"]) != (acked, before.get("acked_by")):
        cleared = " OR acked IS NULL" if kept["acked"] is not None else ""
        db.run(
            "UPDATE heartbeat_incidents SET acked = to_timestamp(?), acked_by = ?"
            f" WHERE id = ? AND (acked = to_timestamp(?){cleared})",
            (kept["acked"], kept["acked_by"], kept["id"], acked),
        )
    db.run(
        "UPDATE heartbeat_incidents SET recovery = ? WHERE id = ? AND recovery IN ('', ?)",
        (kept["recovery"], kept["id"], before.get("recovery", "")),
    )
