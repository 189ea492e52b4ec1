"""Times in which no pass ran although one should have: neither up nor down, but not watched."""

import json

from heartbeat_cli.domain.coverage import HOUR, Gap, Watch
from heartbeat_cli.store import preferences
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.identity import WATCHED


def note(db: Database, gap: Gap) -> None:
    """Record a gap; the same one twice is one. Looks before it did not speak for it, whatever has been rolled up."""
    new = db.run(
        "INSERT INTO heartbeat_gaps (observer, started, ended, reason) VALUES (?, to_timestamp(?), to_timestamp(?), ?)"
        " ON CONFLICT (observer, started) DO NOTHING",
        gap,
    )
    if new:
        from heartbeat_cli.store import rollups  # with all that figures are made of: no ordinary pass needs it

        rollups.make_stale(db, gap.observer, gap.started, gap.ended)


def watch(db: Database, observer: str) -> Watch | None:
    """How far an observer's regular passes have come; None before the first."""
    return parsed(preferences.get(db, WATCHED + observer))


def keep_watch(db: Database, observer: str, watch: Watch) -> None:
    preferences.put(db, WATCHED + observer, json.dumps(watch))


def watches(db: Database) -> dict[str, Watch]:
    """The watch of every observer that is known."""
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name LIKE ? ORDER BY name", (WATCHED + "%",))
    return {name.removeprefix(WATCHED): found for name, text in rows if (found := parsed(text)) is not None}


def forget_watch(db: Database, observer: str) -> bool:
    """An observer is none any more; False when it was not known."""
    return db.run("DELETE FROM heartbeat_settings WHERE name = ?", (WATCHED + observer,)) > 0


def parsed(text: str | None) -> Watch | None:
    """A watch as it is stored; None where there is none."""
    if text is None:
        return None
    started, ended, ahead, gap, *rest = json.loads(text)  # the rest came later, and more may come
    return Watch(started, ended, ahead, (gap[0], gap[1]) if gap else None, *rest[:2])


def edges(db: Database) -> tuple[float, float] | None:
    """When the first and the last pass of all started; of passes that are forgotten their hours are still known. None
    when there was none."""
    from heartbeat_cli.store import rollups

    ((hour, later, first, last),) = db.rows(
        "SELECT (SELECT min(hour) FROM heartbeat_hours), (SELECT max(hour) FROM heartbeat_hours),"
        " (SELECT min(started) FROM heartbeat_pass_rows), (SELECT max(started) FROM heartbeat_pass_rows)"
    )
    begins = [] if first is None else [first]
    if hour is not None and hour < rollups.forgotten(db):
        begins.append(hour * HOUR)
    ends = [one for one in (last, None if later is None else later * HOUR) if one is not None]
    return (float(min(begins)), float(max(ends))) if begins and ends else None


def observed(db: Database) -> dict[str, tuple[float, float]]:
    """When every observer that has kept passes started its first and its last one of those that are not forgotten."""
    rows = db.rows(
        "SELECT o.id, min(p.started), max(p.started) FROM heartbeat_pass_rows p"
        " JOIN heartbeat_observers o ON o.key = p.observer GROUP BY o.id"
    )
    return {name: (first, last) for name, first, last in rows}


def between(db: Database, start: float, end: float) -> list[Gap]:
    """The gaps that touch a span of time, oldest first."""
    rows = db.rows(
        "SELECT observer, started, ended, reason FROM heartbeat_gaps WHERE started < to_timestamp(?)"
        " AND ended >= to_timestamp(?) ORDER BY started, observer",
        (end, start),
    )
    return [Gap(*row) for row in rows]
