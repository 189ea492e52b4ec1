"""Figures of a span of stored heartbeats, counted by the database."""

from heartbeat_cli.domain.checking.result import BY_NUMBER, Status
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.store.history import rollups
from heartbeat_cli.store.sql.database import Database

History = tuple[str, float, Status, float | None, str | None, str]


def tallies(
    db: Database, start: float, end: float, *, known: float | None = None, seen: float | None = None
) -> list[Tally]:
    """A tally for each component that has checks that count for the time from `start` to before `end` (epoch seconds),
    by id. `known` is how far time has come; with it each tally has the time in which it could have been checked, which
    is since it was registered. `seen` is until when passes ran, if that is earlier: checks by a person after it are
    counted, and count for no time."""
    until = end if known is None else min(end, known)
    found = rollups.tallies(db, start, until if seen is None else min(until, seen))
    if seen is not None:
        for key, one in rollups.tallies(db, max(start, seen), until).items():
            if one.heartbeats:
                without_time = one._replace(up_us=0, down_us=0)
                found[key] = found[key].plus(without_time) if key in found else without_time
    rows = db.rows("SELECT key, id, kind, registered FROM heartbeat_components ORDER BY id")
    named = []
    for key, id_, kind, registered in rows:
        if key in found:
            elapsed = 0 if known is None else round(min(end, known) * 1e6) - round(max(start, registered) * 1e6)
            named.append(found[key]._replace(component=id_, kind=kind, elapsed_us=max(0, elapsed)))
    return sorted(named, key=lambda one: one.component)


def names(db: Database) -> dict[int, str]:
    """The ids of all components that have ever been, by key."""
    return dict(db.rows("SELECT key, id FROM heartbeat_components"))


def history(db: Database, start: float, end: float) -> list[History]:
    """The single heartbeats of a span, in the order of the checks, with response times in seconds, and the observer
    last."""
    rows = db.rows(
        "SELECT c.id, l.at, l.status, l.response_us, l.error, o.id FROM heartbeat_log l"
        " JOIN heartbeat_components c ON c.key = l.component JOIN heartbeat_pass_rows p ON p.key = l.pass"
        " JOIN heartbeat_observers o ON o.key = p.observer"
        " WHERE l.at >= to_timestamp(?) AND l.at < to_timestamp(?) ORDER BY l.pass",
        (start, end),
    )
    return [
        (id_, at, BY_NUMBER[status], None if took is None else took / 1e6, error, observer)
        for id_, at, status, took, error, observer in rows
        if status in BY_NUMBER
    ]
