"""Random histories of faults, failing steps and killed runs: no budget is exceeded, no step is taken twice at once, and
no component stays down that a permitted step would heal. `python -m bench histories` plays 500."""

import pytest

from tests.parts.http import healthy_server
from tests.parts.recovery_stories import play


@pytest.mark.parametrize("part", range(4))
def test_histories(part: int) -> None:
    with healthy_server() as server:
        assert play(server, 15, seed=part) >= 15
