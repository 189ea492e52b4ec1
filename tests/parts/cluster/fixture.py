"""The fixture `real_cluster`: one for all tests of a process, and one at a time on a host: more would be too much."""

import fcntl
from collections.abc import Iterator

import pytest

from tests.parts import scratch
from tests.parts.cluster.cluster import Cluster


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[Cluster]:
    with (scratch.root() / "hb-cluster.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with Cluster() as made:
            yield made
