"""Killed at any moment, nothing is lost and nothing counted twice (`python -m bench kills`: 300 times a store)."""

from itertools import pairwise
from pathlib import Path

from heartbeat_cli.store.sql import database
from tests.parts.kills import Harness

KILLS = 20


def test_kills_on_sqlite(tmp_path: Path) -> None:
    outcome = Harness(tmp_path, f"sqlite:///{tmp_path}/store.db", seed=1).play(KILLS)
    assert outcome.kills == KILLS


def test_kills_on_postgresql(tmp_path: Path, database: str) -> None:
    outcome = Harness(tmp_path, database, seed=2).play(KILLS)
    assert outcome.kills == KILLS


def test_ten_runs_at_once(tmp_path: Path) -> None:
    """One works, the others leave quietly, nothing is counted twice."""
    harness = Harness(tmp_path, f"sqlite:///{tmp_path}/store.db", seed=3)
    harness.move()
    for _ in range(3):
        runs = [harness.begin() for _ in range(10)]
        for one in runs:
            out, err = one.communicate()
            assert (one.returncode, out, err) == (0, "", "")
    outcome = harness.compare(0)
    assert 3 <= outcome.passes <= 30
    db = database.connect(harness.store, 3)
    stamps = db.rows("SELECT started, finished FROM heartbeat_passes ORDER BY started")
    db.close()
    assert all(before[1] <= after[0] for before, after in pairwise(stamps)), "two at once"
