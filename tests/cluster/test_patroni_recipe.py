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


@runs(PAGE, "A leader")
def test_a_leader(recipe: Recipe, real_cluster: Cluster, tmp_path: Path) -> None:
    """What the nodes' API says of it does not count: without a quorum of etcd it shows a leader where none is."""
    real_cluster.await_order()
    address = real_cluster.dsn("postgres").partition("://")[2].partition("?")[0]
    here = {"monitor@db1.example.org,db2.example.org,db3.example.org/postgres": address}
    with World(recipe, tmp_path, here) as world:
        assert world.said()[0] == "healthy"
        real_cluster.lose_quorum()
        real_cluster.await_no_leader()
        lost = until(world, lambda seen: "read-only" in str(seen.error))  # while it is demoted, it says other things
        assert lost.status == "error"
        assert real_cluster.asked("node1", "/cluster")[0] == 200
        real_cluster.mend()
        real_cluster.await_order()
        assert world.said()[0] == "healthy"


@runs(PAGE, "The cluster")
def test_the_cluster(recipe: Recipe, real_cluster: Cluster, tmp_path: Path) -> None:
    leader = real_cluster.await_order()
    here = {
        "http://db.example.org:8008": f"http://127.0.0.1:{real_cluster.rest_port}",
        "warn = 16_777_216": "warn = 1_000_000",
    }
    with World(recipe, tmp_path, here) as world:
        assert world.said() == WELL

        real_cluster.set_paused(True)
        paused = until(world, lambda seen: seen.status != "healthy")
        assert (paused.status, paused.error) == ("degraded", "pause is true, needs != true")
        real_cluster.set_paused(False)
        until(world, lambda seen: seen.status == "healthy")

        replica = real_cluster.replica()
        with real_cluster.not_receiving(replica):
            real_cluster.execute("CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)")
            behind = until(world, lambda seen: seen.status != "healthy")
        assert behind.status == "degraded" and str(behind.error).startswith("lag is ")
        real_cluster.execute("DROP TABLE much")
        until(world, lambda seen: seen.status == "healthy")

        assert replica != leader
        real_cluster.kill(replica)
        gone = until(world, lambda seen: "members" in str(seen.error))
        assert (gone.status, gone.error) == ("degraded", "members is 2, needs >= 3")
        real_cluster.mend()
        real_cluster.await_order()
        until(world, lambda seen: seen.status == "healthy")


@runs(PAGE, "The nodes")
def test_the_nodes(recipe: Recipe, real_cluster: Cluster, tmp_path: Path) -> None:
    leader = real_cluster.await_order()
    ports = [str(real_cluster.nodes[name].rest) for name in sorted(real_cluster.nodes, key=lambda one: one != leader)]
    here = {
        '["db1", "db2", "db3"]': str(ports).replace("'", '"'),
        "http://{n}.example.org:8008": "http://127.0.0.1:{n}",
    }
    with World(recipe, tmp_path, here) as world:
        _until_all_are_well(world)
        real_cluster.kill_server(leader)
        fallen = until(world, lambda seen: seen.status != "healthy")
        assert "PostgreSQL running is 0, needs >= 1" in str(fallen.error)
        real_cluster.await_order()
        _until_all_are_well(world)


def _until_all_are_well(world: World) -> None:
    """In order for Patroni is a moment earlier than for the figures of its nodes."""
    ends = time.monotonic() + 60
    while (said := world.all_said()) != [WELL] * 3:
        assert time.monotonic() < ends, said
