"""The blocks of docs/recipes/patroni.md on a real cluster, well and with the faults that they are for."""

import time
from collections.abc import Callable
from pathlib import Path

from heartbeat_cli.domain.checking.result import Reading
from tests.parts.cluster.cluster import Cluster
from tests.parts.recipes import WELL, Recipe, World, runs

PAGE = "patroni"


def until(world: World, wanted: Callable[[Reading], bool]) -> Reading:
    """Passes until the first component is seen so."""
    ends = time.monotonic() + 60
    while not wanted(seen := world.reading()):
        assert time.monotonic() < ends, seen
        time.sleep(0.2)
    return seen


@runs(PAGE, "The cluster")
def test_the_cluster(recipe: Recipe, real_cluster: Cluster, tmp_path: Path) -> None:
    real_cluster.await_order()
    here = {"http://db.example.org:8008": f"http://127.0.0.1:{real_cluster.rest_port}"}
    with World(recipe, tmp_path, here) as world:
        assert world.said() == WELL

        real_cluster.set_paused(True)
        assert until(world, lambda seen: seen.status != "healthy").status == "degraded"
        assert "paused" in str(world.reading().error)
        real_cluster.set_paused(False)
        until(world, lambda seen: seen.status == "healthy")

        leader = real_cluster.leader()
        real_cluster.kill(next(name for name in real_cluster.nodes if name != leader))
        gone = until(world, lambda seen: seen.status != "healthy" and "members" in str(seen.error))
        assert gone.status == "degraded"
        real_cluster.mend()
        real_cluster.await_order()
        until(world, lambda seen: seen.status == "healthy")

        real_cluster.lose_quorum()
        lost = until(world, lambda seen: seen.status not in ("healthy", "degraded"))
        assert lost.status == "error" or "leader" in str(lost.error)
        real_cluster.mend()
        real_cluster.await_order()
        until(world, lambda seen: seen.status == "healthy")


@runs(PAGE, "The nodes")
def test_the_nodes(recipe: Recipe, real_cluster: Cluster, tmp_path: Path) -> None:
    real_cluster.await_order()
    leader = real_cluster.leader()
    ports = [str(real_cluster.nodes[name].rest) for name in sorted(real_cluster.nodes, key=lambda one: one != leader)]
    here = {
        '["db1", "db2", "db3"]': str(ports).replace("'", '"'),
        "http://{n}.example.org:8008": "http://127.0.0.1:{n}",
        'depends_on = ["cluster"]': "",
    }
    with World(recipe, tmp_path, here) as world:
        assert world.all_said() == [WELL] * 3
        real_cluster.kill_server(str(leader))
        fallen = until(world, lambda seen: seen.status not in ("healthy", "degraded"))
        assert "PostgreSQL running" in str(fallen.error) or "without a leader" in str(fallen.error)
        real_cluster.await_order()
        assert world.all_said() == [WELL] * 3
