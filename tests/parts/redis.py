"""A real Redis for tests: `running` starts one on a free port of 127.0.0.1, without a configuration or files."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.parts import lacking
from tests.parts.postgres import free_port


class Redis(NamedTuple):
    port: int
    password: str | None = None

    def ask(self, *words: str) -> bytes:
        """The beginning of the reply to one command."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as link:
            if self.password:
                link.sendall(_command("AUTH", self.password))
                assert link.recv(1024) == b"+OK\r\n"
            link.sendall(_command(*words))
            return link.recv(4096)


def _command(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(one.encode()), one.encode()) for one in words)


@contextmanager
def running(folder: Path, *options: str, password: str | None = None) -> Iterator[Redis]:
    """A server until the end of the block; options as on its command line (`--maxmemory`, `1mb`)."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        lacking("no redis-server (install redis-server)")
    port = free_port()
    argv = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *options]
    argv += ["--requirepass", password] if password else []
    with (folder / "redis.log").open("wb") as log:
        child = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _await(child, port)
        yield Redis(port, password)
    finally:
        child.kill()
        child.wait(10)


def _await(child: "subprocess.Popen[bytes]", port: int) -> None:
    ends = time.monotonic() + 20
    while child.poll() is None and time.monotonic() < ends:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("redis-server did not start")
