"""Whose fault it is: one component's check judged among all the others."""

from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.detection.attribution import advance, parent_of
from heartbeat_cli.domain.detection.fault_detection import Observation, Parent, State, StateName

COMPONENTS = {
    "host": Component("host", "host", None),
    "db": Component("db", "database", None, Common(depends_on=("host",))),
    "cache": Component("cache", "tcp", None),
    "main": Component("main", "agent", None, Common(depends_on=("db", "cache"), fail_threshold=2)),
}


def states(**named: StateName) -> dict[str, State]:
    return {id_: State(since=0.0, state=state) for id_, state in named.items()}


def test_the_nearest_ancestor_in_fault_stands_in_between() -> None:
    main = COMPONENTS["main"]
    assert parent_of(main, states(db="healthy", host="healthy"), COMPONENTS) is None
    assert parent_of(main, {}, COMPONENTS) is None
    assert parent_of(main, states(db="fault", host="fault"), COMPONENTS) == Parent("db", True)
    assert parent_of(main, states(db="healthy", host="fault"), COMPONENTS) == Parent("host", True)
    assert parent_of(main, states(cache="recovering"), COMPONENTS) == Parent("cache", True)


def test_a_fault_far_away_weighs_more_than_a_suspicion_nearby() -> None:
    assert parent_of(COMPONENTS["main"], states(db="suspect", host="fault"), COMPONENTS) == Parent("host", True)
    assert parent_of(COMPONENTS["main"], states(db="suspect", host="suspect"), COMPONENTS) == Parent("db", False)


def test_a_component_stands_in_nobodys_way_but_its_childrens() -> None:
    assert parent_of(COMPONENTS["host"], states(main="fault", db="fault"), COMPONENTS) is None
    assert parent_of(COMPONENTS["cache"], states(main="fault", db="fault"), COMPONENTS) is None


def test_a_first_check_makes_a_state_and_each_has_its_own_threshold() -> None:
    known: dict[str, State] = {}
    known["main"], events = advance(COMPONENTS["main"], Observation(5.0, "error"), known, COMPONENTS)
    assert known["main"].since == 5.0 and known["main"].state == "suspect" and events == ()
    known["main"], events = advance(COMPONENTS["main"], Observation(6.0, "error"), known, COMPONENTS)
    assert [event.name for event in events] == ["opened"]


def test_one_dead_parent_one_incident_to_report() -> None:
    known: dict[str, State] = {}
    told = []
    for now in range(6):
        for id_ in ("db", "main"):
            seen = Observation(float(now), "error")
            known[id_], events = advance(COMPONENTS[id_], seen, known, COMPONENTS)
            told += [(id_, event.name) for event in events]
    assert told == [("db", "opened"), ("main", "held")]
    assert known["main"].held_by == "db"
