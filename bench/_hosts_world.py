"""Worlds for `hosts`: so many hosts over one PostgreSQL, each with components of its own, and what the server does
meanwhile."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
import psycopg2
from tests.parts.postgres import Server

from bench._measure import Cost, cost, heartbeat

_EVERY = 0.005  # seconds between two samples of the locks
# A backend that waits for a lock of a transaction, and those that wait for their turn, or have it.
_LOCKS = """
SELECT count(*) FILTER (WHERE NOT granted AND locktype <> 'advisory'),
    count(*) FILTER (WHERE NOT granted AND locktype = 'advisory'),
    count(*) FILTER (WHERE granted AND locktype = 'advisory')
FROM pg_locks WHERE pid <> pg_backend_pid()
"""


class World(NamedTuple):
    """The configurations of its hosts, by way to the store: straight, and over the relay that counts."""

    straight: list[Path]
    counted: list[Path]

    def round_(self) -> list[Cost]:
        """A pass of every host, all begun at the same moment."""
        with ThreadPoolExecutor(len(self.straight)) as pool:
            return list(pool.map(lambda config: cost(heartbeat(config, "run")), self.straight))


def world(folder: Path, dsn: str, relay: int, url: str, hosts: int, components: int) -> World:
    """A new world; `relay` is the port of the relay to the server of `dsn`, `url` what answers the checks."""
    parts = urlsplit(dsn)
    over = parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{relay}")).geturl()
    found = World([], [])
    for host in range(hosts):
        blocks = [f'[components.h{host}-c{n}]\nkind = "agent"\nurl = "{url}/0/c{n}"\n' for n in range(components)]
        own = folder / f"h{host}"
        own.mkdir(parents=True)
        for name, store, configs in (("straight", dsn, found.straight), ("counted", over, found.counted)):
            head = (
                f'[heartbeat]\nobserver = "host{host}"\nstore = "{store}"\nstate_dir = "{own}/state"\nreference = []\n'
            )
            rest = '[defaults]\ninterval = 0.01\nrecovery = "off"\n\n'
            path = own / f"{name}.toml"
            path.write_text("\n".join([head + rest, *blocks]))
            configs.append(path)
    return found


class Seen(NamedTuple):
    """What the server did: seconds of its CPU, seconds that backends waited for rows and for their turn, and that
    somebody had a turn."""

    cpu: float
    rows: float
    turns: float
    held: float


class Watched:
    seen = Seen(0.0, 0.0, 0.0, 0.0)


@contextmanager
def watched(server: Server, dsn: str) -> Iterator[Watched]:
    """Sample the locks of the server while something runs on it; `seen` is known afterwards."""
    found, stop = Watched(), threading.Event()
    sums = [0.0, 0.0, 0.0]

    def sample(connection: "psycopg2.extensions.connection") -> None:
        before = time.monotonic()
        with connection.cursor() as cursor:
            while not stop.wait(_EVERY):
                cursor.execute(_LOCKS)
                now = time.monotonic()
                (counts,) = cursor.fetchall()
                sums[:] = [total + count * (now - before) for total, count in zip(sums, counts, strict=True)]
                before = now

    begun = _cpu(server)
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        thread = threading.Thread(target=sample, args=(connection,))
        thread.start()
        try:
            yield found
        finally:
            stop.set()
            thread.join()
            own = sum(psutil.Process(connection.info.backend_pid).cpu_times()[:2])
    found.seen = Seen(_cpu(server) - begun - own, *sums)


def _cpu(server: Server) -> float:
    """Seconds of CPU of the server: of its processes, and of those that have ended."""
    main = psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))
    while True:
        with suppress(psutil.NoSuchProcess):  # one that ends meanwhile would be counted twice, or not at all
            ended = main.cpu_times()
            running = sum(sum(one.cpu_times()[:2]) for one in main.children())
            if main.cpu_times()[2:4] == ended[2:4]:
                return float(sum(ended[:4]) + running)
