"""A store of many hosts: what its server may answer to one statement is limited, and many components are more."""

import pytest

from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.store.history import rollups
from tests.parts.lived import START, Life, live
from tests.parts.stores import opened


@pytest.mark.postgres
def test_an_hour_of_many_components_is_rolled_up(database: str) -> None:
    """Whatever their number: an hour that cannot be rolled up would be tried in every pass, and nothing be pruned."""
    db = opened(database)
    live(db, Life(2_500, 60), 0, 6)
    ((whole,),) = db.rows("SELECT count(*) FROM heartbeat_log")
    db.max_answer = 500_000  # bytes: the usual limit, and ten thousand components with 60 checks, in small
    assert rollups.refresh(db, hour_of(START) + 1, float("inf"))
    assert db.rows("SELECT count(*), sum(healthy) FROM heartbeat_hours") == [(2_500, whole)]
    found = rollups.tallies(db, START, START + 3_600)
    assert len(found) == 2_500 and {one.heartbeats for one in found.values()} == {6}
    db.close()
