"""Components that were found and are no more: what the store keeps of them, and for how long."""

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.store.history import passes, retention, rollups
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores

DAY = 86_400.0
START = 1_795_305_600.0  # 2026-11-22 00:00 UTC
KEEP = Retention(heartbeats_days=30, metrics_days=30, rollups_days=40, incidents_days=50)
IDS = ("main", "boxes/gone", "boxes/here")


def check(db: Database, at: float, *ids: str) -> None:
    """A pass that checks these, is judged and rolled up."""
    kinds = {id_: Component(id_, "docker", None) for id_ in ids}
    readings = dict.fromkeys(ids, Reading("healthy", 0.1))
    passes.save(db, passes.Pass(f"a@{round(at * 1000)}-1", "a", at, at + 0.2), readings, kinds)
    states.save_states(db, {id_: State(at) for id_ in ids})
    passes.mark_detected(db, [one.key for one in passes.undetected(db, "a")])
    rollups.refresh(db, hour_of(at) + 3, float("inf"))


def kept(db: Database) -> dict[str, list[str]]:
    """The components of which each table has rows."""
    columns = {"heartbeat_looks": "component", "heartbeat_state": "component", "heartbeat_components": "id"}
    return {
        table.removeprefix("heartbeat_"): sorted(id_ for (id_,) in db.rows(f"SELECT DISTINCT {column} FROM {table}"))
        for table, column in columns.items()
    }


def test_what_was_found_and_is_no_more_is_forgotten(store: Database) -> None:
    """Its checks and hours still bear its name; that goes with the last of them. What is written stays."""
    for hour in range(-23, 1):
        check(store, START + hour * 3_600, *IDS)
    retention.prune(store, KEEP, START + 6.9 * DAY)
    assert kept(store) == dict.fromkeys(("looks", "state", "components"), sorted(IDS))
    check(store, START + 7 * DAY, "boxes/here")
    gone = retention.prune(store, KEEP, START + 7.1 * DAY) or {}
    assert (gone["heartbeat_looks"], gone["heartbeat_state"], gone["heartbeat_components"]) == (1, 1, 0)
    rest = ["boxes/here", "main"]
    assert kept(store) == {"looks": rest, "state": rest, "components": sorted(IDS)}
    check(store, START + 38 * DAY, "boxes/here")
    assert (retention.prune(store, KEEP, START + 38.9 * DAY) or {})["heartbeat_components"] == 0
    assert (retention.prune(store, KEEP, START + 41.5 * DAY) or {})["heartbeat_components"] == 1
    assert kept(store) == dict.fromkeys(("looks", "state", "components"), rest)
    assert (retention.prune(store, KEEP, START + 41.6 * DAY) or {})["heartbeat_components"] == 0


def test_what_was_there_for_a_few_hours_goes_with_its_checks(store: Database) -> None:
    """An Engine may name others in each pass; those that are there, or are written, keep their hours."""

    def hours() -> set[str]:
        sql = "SELECT c.id FROM heartbeat_hours h JOIN heartbeat_components c ON c.key = h.component"
        return {id_ for (id_,) in store.rows(sql)}

    check(store, START, *IDS, "written")
    check(store, START + 29 * DAY, "boxes/here", "boxes/back")
    retention.prune(store, KEEP, START + 29.9 * DAY)
    assert hours() == {*IDS, "written", "boxes/back"}
    assert (retention.prune(store, KEEP, START + 31.5 * DAY) or {})["heartbeat_components"] == 1
    assert hours() == {"main", "written", "boxes/here", "boxes/back"}
    assert set(kept(store)["components"]) == hours()
    assert store.rows(
        "SELECT count(*) FROM heartbeat_log WHERE component NOT IN (SELECT key FROM heartbeat_components)"
    ) == [(0,)]


def test_a_name_stays_while_an_hour_has_checks_of_it(store: Database) -> None:
    """Though it was registered before all hours that are kept."""
    check(store, START, *IDS)
    check(store, START + 30 * DAY, "boxes/gone")
    retention.prune(store, KEEP, START + 60 * DAY)
    assert "boxes/gone" in kept(store)["components"] and "boxes/gone" not in kept(store)["state"]
    check(store, START + 61 * DAY, "boxes/gone")
    assert "boxes/gone" in kept(store)["state"], "it has come back"
    retention.prune(store, KEEP, START + 110 * DAY)
    assert "boxes/gone" not in kept(store)["components"]


def test_where_it_stands_stays_while_its_incident_is_open(store: Database) -> None:
    check(store, START, *IDS)
    incident = Incident("i", "boxes/gone", "docker", "high", "is down", START, START)
    states.save_incident(store, incident)
    retention.prune(store, KEEP, START + 10 * DAY)
    assert kept(store)["state"] == ["boxes/gone", "main"]
    states.save_incident(store, incident._replace(ended=START + 10 * DAY))
    retention.prune(store, KEEP, START + 11 * DAY)
    assert kept(store)["state"] == ["main"]


def test_many_names_go_at_once(store: Database) -> None:
    check(store, START, *(f"boxes/c{one}" for one in range(3_000)))
    assert (retention.prune(store, KEEP, START + 50 * DAY) or {})["heartbeat_components"] == 3_000
    assert kept(store) == {"looks": [], "state": [], "components": []}
