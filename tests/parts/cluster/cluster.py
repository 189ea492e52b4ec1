"""The cluster itself: what of it runs, who leads, and what can become of it."""

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import psutil
import psycopg2

from tests.parts.cluster import configuration
from tests.parts.cluster.asking import PATIENCE, ask, fetched, free_ports, send, wait_until
from tests.parts.cluster.network import Network, Way
from tests.parts.cluster.processes import Program
from tests.parts.postgres import _folder, execute

NODES, MEMBERS = ("node1", "node2", "node3"), ("etcd1", "etcd2", "etcd3")


class Node(NamedTuple):
    """A host of the cluster: its program, its ports, and the ways that join it to the others."""

    name: str
    folder: Path
    patroni: Program
    rest: int
    server: int
    ways: tuple[Way, ...]  # to etcd, and of the others to its REST API and its server

    def postmaster(self) -> psutil.Process | None:
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0]))
        return None

    def servers(self) -> list[psutil.Process]:
        """All processes of its PostgreSQL."""
        found = self.postmaster()
        with suppress(psutil.NoSuchProcess):
            return [found, *found.children(recursive=True)] if found else []
        return []


class Cluster:
    """A context manager. `leader_port` is HAProxy's way to the leader, `pooled_port` that through PgBouncer, and
    `rest_port` leads to the REST API of any node, `primary_rest_port` to that of the leader."""

    def __init__(self) -> None:
        for name in ("patroni", "etcd", "haproxy", "pgbouncer"):
            configuration.program(name)
        configuration.server_programs()
        self.folder = _folder("hb-cluster-")
        self.network = Network()
        self._ports = iter(free_ports(4 + 2 * len(MEMBERS) + 2 * len(NODES)))
        self.leader_port, self.pooled_port = itertools.islice(self._ports, 2)
        self.rest_port, self.primary_rest_port = itertools.islice(self._ports, 2)
        clients, peers = (dict(zip(MEMBERS, self._ports, strict=False)) for _ in range(2))
        self._clients = clients
        self.etcd = {
            name: self._program(name, partial(configuration.etcd, name, self.folder / name, clients[name], peers))
            for name in MEMBERS
        }
        self.nodes = {name: self._node(name, list(clients.values())) for name in NODES}
        self.haproxy = self._proxy()
        self.pgbouncer = self._pooler()
        self._frozen: set[str] = set()

    def _program(self, name: str, command: Callable[[], Sequence[str]]) -> Program:
        return Program(self.folder, name, command)

    def _node(self, name: str, clients: Sequence[int]) -> Node:
        rest, server, folder = next(self._ports), next(self._ports), self.folder / name
        folder.mkdir()
        folder.chmod(0o700)
        shutil.chown(folder, self.folder.owner(), self.folder.group())
        ways = tuple(self.network.way_to(port) for port in (*clients, rest, server))
        *members, to_rest, to_server = (way.port for way in ways)
        text = configuration.patroni(name, folder, etcd=members, rest=rest, server=server, reached=(to_rest, to_server))
        path = self.folder / f"{name}.yml"
        path.write_text(text)
        patroni = self._program(name, lambda: [configuration.program("patroni"), str(path)])
        return Node(name, folder, patroni, rest, server, ways)

    def _proxy(self) -> Program:
        path = self.folder / "haproxy.cfg"
        nodes = {one.name: (one.server, one.rest) for one in self.nodes.values()}
        path.write_text(configuration.haproxy(self.leader_port, self.rest_port, self.primary_rest_port, nodes))
        return self._program("haproxy", lambda: [configuration.program("haproxy"), "-db", "-f", str(path)])

    def _pooler(self) -> Program:
        path = self.folder / "pgbouncer.ini"
        path.write_text(configuration.pgbouncer(self.pooled_port, self.leader_port, self.folder))
        for one in self.folder.iterdir():
            one.chmod(0o700 if one.is_dir() else 0o644)
        return self._program("pgbouncer", lambda: [configuration.program("pgbouncer"), str(path)])

    # --- life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Cluster":
        try:
            self._start_etcd()
            first, *others = self.nodes.values()
            first.patroni.start()
            self.haproxy.start()
            self.pgbouncer.start()
            wait_until("the first node leads", lambda: self.leader() == first.name, self._words)
            for node in others:
                node.patroni.start()
            self.await_order()
        except BaseException:
            self.destroy()
            raise
        return self

    def _start_etcd(self) -> None:
        """Patroni ends where it finds no etcd at its start."""
        for member in self.etcd.values():
            member.start()
        wait_until("etcd answers", lambda: all(map(self._is_healthy, self._clients.values())), self._words)

    def _is_healthy(self, port: int) -> bool:
        return bool(fetched(f"http://127.0.0.1:{port}/health")[1] == {"health": "true"})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()

    def destroy(self) -> None:
        for node in self.nodes.values():
            node.patroni.resume()
            node.patroni.kill()
            for process in node.servers():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        for program in (self.haproxy, self.pgbouncer, *self.etcd.values()):
            program.resume()
            program.kill()
        self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what is seen of it -----------------------------------------------------------------------------------------

    def asked(self, node: str, path: str) -> tuple[int, Any]:
        """The status and the JSON that the REST API of a node answers; 0 where it does not."""
        return fetched(f"http://127.0.0.1:{self.nodes[node].rest}{path}")

    def leader(self) -> str | None:
        """The node that says it leads; None while none does, or two do."""
        found = [name for name in self.nodes if self.asked(name, "/primary")[0] == 200]
        return found[0] if len(found) == 1 else None

    def replica(self) -> str:
        """The node that follows the leader and is not its synchronous standby."""
        _, found = self.asked(self.await_leader(), "/cluster")
        return next(str(one["name"]) for one in found["members"] if one["role"] == "replica")

    def in_order(self) -> bool:
        """One leads, both others follow it, one of them synchronously, and both ways to the leader lead there."""
        leader = self.leader()
        if leader is None:
            return False
        sql = (
            "SELECT count(*) FILTER (WHERE state = 'streaming') = 2 AND count(*) FILTER (WHERE sync_state = 'sync') = 1"
            " FROM pg_stat_replication"
        )
        answered, found = self.asked(leader, "/cluster")
        roles = sorted(one["role"] for one in found["members"]) if answered == 200 else []
        with suppress(psycopg2.Error):
            own = ask(self.nodes[leader].server, sql)
            through = [ask(port, "SELECT pg_is_in_recovery()") for port in (self.leader_port, self.pooled_port)]
            return own is True and through == [False, False] and roles == ["leader", "replica", "sync_standby"]
        return False

    def await_order(self) -> str:
        """Until all is in order; the leader."""
        wait_until("the cluster is in order", self.in_order, self._words)
        leader = self.leader()
        return leader if leader is not None else self.await_order()

    def await_leader(self) -> str:
        """Until one leads; which one."""
        wait_until("a node leads", lambda: self.leader() is not None, self._words)
        return self.leader() or self.await_leader()

    def await_no_leader(self) -> None:
        wait_until("no node leads", lambda: self.leader() is None, self._words)

    def await_other_leader(self, before: str, until: float = PATIENCE) -> str:
        """Until another node than `before` leads; which one."""
        wait_until(f"another one than {before} leads", lambda: self.leader() not in (None, before), self._words, until)
        return self.leader() or self.await_other_leader(before, until)

    def _words(self) -> str:
        programs = [*(one.patroni for one in self.nodes.values()), *self.etcd.values(), self.haproxy, self.pgbouncer]
        return "\n".join(f"--- {one.name}, {'up' if one.is_up else 'down'}\n{one.last_words()}" for one in programs)

    def dsn(self, database: str, *ports: int) -> str:
        """A database over these ports; default: those of all nodes, of which libpq takes the one that is written."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports or (one.server for one in self.nodes.values()))
        return f"postgresql://postgres@{hosts}/{database}?sslmode=disable&gssencmode=disable"

    def execute(self, sql: str, database: str = "postgres") -> None:
        """Run a statement on the leader."""
        execute(self.dsn(database, self.leader_port), sql)

    # --- what becomes of it -----------------------------------------------------------------------------------------

    def kill(self, node: str) -> None:
        """The host is gone: nobody there releases the leadership."""
        self.nodes[node].patroni.kill()
        self.kill_server(node)

    def kill_server(self, node: str) -> None:
        """PostgreSQL crashes; Patroni is there, and sees it."""
        processes = self.nodes[node].servers()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)

    def kill_patroni(self, node: str) -> None:
        """Patroni is gone; the server goes on, and takes itself for the primary."""
        self.nodes[node].patroni.kill()

    def freeze(self, node: str) -> None:
        """The host stands still, until `mend` resets it. It must not go on: Patroni 3.0 of Debian 12, whose lease ran
        out meanwhile, takes the leadership back without asking, and what its successor had committed is gone."""
        self._frozen.add(node)
        self.nodes[node].patroni.pause()
        for process in self.nodes[node].servers():
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    @contextmanager
    def not_receiving(self, node: str) -> Iterator[None]:
        """Until the end of the block its server takes nothing more from the leader."""
        found = [one for one in self.nodes[node].servers() if "walreceiver" in " ".join(one.cmdline())]
        for one in found:
            one.suspend()
        try:
            yield
        finally:
            for one in found:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def isolate(self, node: str) -> None:
        """It reaches no etcd and the other nodes do not reach it; clients do."""
        for way in self.nodes[node].ways:
            way.cut()

    def switch_over(self) -> None:
        """A planned change of the leader, to the synchronous standby."""
        leader = self.leader()
        if leader is None:
            return
        with suppress(OSError):  # it answers when the other one leads, which may take long
            send(f"http://127.0.0.1:{self.nodes[leader].rest}/switchover", "POST", {"leader": leader})

    def set_paused(self, paused: bool) -> None:
        """Patroni's maintenance mode, in which it does not fail over."""
        leader = self.await_leader()
        send(f"http://127.0.0.1:{self.nodes[leader].rest}/config", "PATCH", {"pause": paused or None})

    def lose_quorum(self) -> None:
        """Two of three etcd are gone."""
        for member in list(self.etcd.values())[:2]:
            member.kill()

    def restart_pooler(self) -> None:
        """PgBouncer is killed, and with it every session; it is there again at once."""
        self.pgbouncer.kill()
        self.pgbouncer.start()

    def mend(self) -> None:
        """Everything that was stopped, cut or killed comes back."""
        self._start_etcd()
        while self._frozen:
            self.kill(self._frozen.pop())
        for node in self.nodes.values():
            for way in node.ways:
                way.mend()
            node.patroni.start()
        self.haproxy.start()
        self.pgbouncer.start()
