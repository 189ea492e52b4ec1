"""Counters and incidents between runs."""

import random

from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident, incident_id
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states

AT = 1_795_348_800.123457
FULL = State(AT, "fault", 7, 1, True, AT - 90.5, 2, True, "db", 3, "0110")
OPEN = Incident("main@1", "main", "agent", "high", "no connection", AT, AT + 60)


def test_every_field_of_a_state_survives_exactly(store: Database) -> None:
    written = {"main": FULL, "db": State(AT), "x": State(1.0, "recovering", 0, 1, failing_since=0.5)}
    states.save_states(store, written)
    assert states.states(store) == written
    states.save_states(store, {"main": State(AT + 1)})
    assert states.states(store) == written | {"main": State(AT + 1)}
    rows = store.rows("SELECT component, state, fail_count, success_count FROM heartbeat_state ORDER BY component")
    assert rows == [("db", "healthy", 0, 0), ("main", "healthy", 0, 0), ("x", "recovering", 0, 1)]
    states.save_states(store, {})


def test_moments_survive_exactly(store: Database) -> None:
    chance = random.Random(7)
    moments = [round(chance.uniform(0, 4e9), 6) for _ in range(200)]
    written = {f"c{n}": State(at, failing_since=round(at + 0.000001, 6)) for n, at in enumerate(moments)}
    states.save_states(store, written)
    assert states.states(store) == written


def test_an_incident_is_open_until_it_ends(store: Database) -> None:
    states.save_incident(store, OPEN)
    held = Incident("db@2", "db", "database", "severe", "gone", AT, AT, held_by="host", acked=AT, acked_by="kim")
    states.save_incident(store, held)
    assert states.open_incidents(store) == {"main": OPEN, "db": held}
    states.save_incident(store, OPEN._replace(ended=AT + 300))
    assert states.open_incidents(store) == {"db": held}


def test_what_healing_came_to_touches_nothing_else(store: Database) -> None:
    """Between reading an incident and writing this, a person may acknowledge it and detection may end it."""
    states.save_incident(store, OPEN)
    states.save_incident(store, OPEN._replace(acked=AT, acked_by="kim"))
    assert states.save_recovery(store, OPEN.id, "failed")
    assert states.open_incidents(store)["main"] == OPEN._replace(acked=AT, acked_by="kim", recovery="failed")
    assert not states.save_recovery(store, OPEN.id, "failed")
    states.save_incident(store, OPEN._replace(ended=AT + 300))
    assert not states.save_recovery(store, OPEN.id, "failed")
    assert states.open_incidents(store) == {}


def test_incidents_of_a_span_are_those_that_touch_it(store: Database) -> None:
    for name, started, ended in (("before", 10, 20), ("into", 50, 150), ("in", 120, 130), ("out", 190, 300),
                                 ("over", 1, 999), ("on", 150, None), ("long", 5, None), ("after", 200, 210),
                                 ("touches", 90, 100)):  # fmt: skip
        end = None if ended is None else float(ended)
        states.save_incident(store, Incident(name, name, "tcp", "low", "", float(started), float(started), end))
    found = [one.id for one in states.incidents_between(store, 100.0, 200.0)]
    assert found == ["over", "long", "into", "in", "on", "out"]


def test_foreign_text_in_a_cause(store: Database) -> None:
    states.save_incident(store, OPEN._replace(cause="nul \0 half \udcff whole 🎉"))
    assert states.open_incidents(store)["main"].cause == "nul  half ? whole 🎉"


def test_an_incident_is_its_component_and_its_first_failing_moment() -> None:
    assert incident_id("main", 1.2345) == "main@1234" or incident_id("main", 1.2345) == "main@1235"
    assert incident_id("main", 2.0) != incident_id("main", 2.001) != incident_id("db", 2.001)
