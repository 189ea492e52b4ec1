"""Pass after pass with faults in everything, also in the store: nothing is left behind, nothing is lost. Counts only;
`python -m bench soak` does it two thousand times, with clocks."""

from pathlib import Path

import pytest
from bench._soak_left import STEADY
from bench._soak_run import soak

PASSES = 50


@pytest.mark.postgres
def test_fifty_passes_leave_nothing_behind(tmp_path: Path) -> None:
    """Over a midnight; two are killed, PostgreSQL is stopped for six of them, channels refuse, a step heals."""
    lived = soak(tmp_path, "postgres", PASSES, seed=5, cycle=1, box=False, twin=False)
    assert (lived.failed, lived.verdict.wrong) == ([], ())
    assert lived.verdict.incidents == sum(one.lasting for one in lived.script.troubles) >= 5
    assert sum(one.run.killed for one in lived.passes) > 0
    assert {one.run.orphans for one in lived.passes} == {0}
    there = [one.left for one in lived.passes if one.left]
    assert {(one.connections, one.idle, one.locks, one.elsewhere) for one in there} == {(0, 0, 0, frozenset())}
    calm = [one.left for one in lived.passes[10:] if one.left and one.calm]
    assert {one.public for one in calm} == {calm[0].public} and there[-1].waiting == 0
    kept = "config dashboard.days deliver.lock mirror.json mirror.lock prepared run.lock"
    assert lived.names == kept.split()
    assert len({sum(one.rows.get(name, 0) for name in STEADY) for one in lived.sizes[2:]}) == 1
