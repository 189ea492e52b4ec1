"""The last check of each component by each observer: what it gave, and what it left for the next one."""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.category import Failure, failure_by_number, failure_number
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import within
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import as_json, storable, understood


class LastCheck(Record):
    """The result of an observer's last check of a component; `evidence_json` is its evidence and `failure_number` its
    kind of failure, as they are stored."""

    at: float
    status: str
    response_time: float | None
    error: str | None
    evidence_json: str = "{}"
    failure_number: int | None = None

    @property
    def failure(self) -> Failure | None:
        """What kind of failure it shows."""
        return failure_by_number(self.failure_number)

    @property
    def evidence(self) -> Mapping[str, str]:
        """Decoded when it is asked for: of a thousand checks few have an alert."""
        return understood(self.evidence_json, dict) or {}


class CheckMemory(Record):
    """What the next check of a component is given of the last one: when it was made, and its memory."""

    at: float
    memory: Mapping[str, Any]


def save(db: Database, observer: str, at: float, readings: Mapping[str, Reading]) -> None:
    """Save what an observer has just seen."""
    rows = [
        (
            *(observer, id_, at, one.status, one.response_time, storable(one.error)),
            *(as_json(one.evidence), as_json(one.memory), failure_number(one.failure)),
        )
        for id_, one in readings.items()
    ]
    db.said += [text for one in readings.values() if one.status != "healthy" for text in within(one.evidence)]
    db.insert(
        "INSERT INTO heartbeat_looks"
        " (observer, component, at, status, response_time, error, evidence, memory, failure)",
        "(?, ?, to_timestamp(?), ?, ?, ?, ?, ?, ?)",
        rows,
        "ON CONFLICT (observer, component) DO UPDATE SET before = heartbeat_looks.at, at = excluded.at,"
        " status = excluded.status, response_time = excluded.response_time, error = excluded.error,"
        " evidence = excluded.evidence, memory = excluded.memory, failure = excluded.failure",
    )


def read(db: Database, observer: str | None = None) -> dict[str, LastCheck]:
    """The last check of each component by this observer, or the newest by any."""
    rows = db.rows(
        "SELECT component, at, status, response_time, error, evidence, failure FROM heartbeat_looks"
        + (" WHERE observer = ?" if observer else " ORDER BY at"),
        (observer,) if observer else (),
    )
    return {component: LastCheck(*check) for component, *check in rows}


def memories(db: Database, observer: str) -> dict[str, CheckMemory]:
    """What this observer's last check of each component left for the next one."""
    rows = db.rows("SELECT component, at, memory FROM heartbeat_looks WHERE observer = ?", (observer,))
    read = {text: understood(text, dict) or {} for _, _, text in rows if text != "{}"}
    return {component: CheckMemory(at, read.get(memory, {})) for component, at, memory in rows}


def checked_by(db: Database, component: str) -> list[tuple[str, float]]:
    """The observers that have checked a component, each with the time of its newest check (epoch seconds)."""
    return [
        (row[0], row[1])
        for row in db.rows("SELECT observer, at FROM heartbeat_looks WHERE component = ?", (component,))
    ]


def memory(db: Database, observer: str, component: str) -> Mapping[str, Any]:
    """What this observer's last check of a component left."""
    rows = db.rows("SELECT memory FROM heartbeat_looks WHERE observer = ? AND component = ?", (observer, component))
    return (understood(rows[0][0], dict) or {}) if rows else {}


def delete(db: Database, observer: str, component: str) -> None:
    """Delete an observer's last check of a component, which it checks no more."""
    db.run("DELETE FROM heartbeat_looks WHERE observer = ? AND component = ?", (observer, component))
