"""A name with thousands of addresses: as many descriptors as for a few, and no word on stderr."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pycurl
import pytest

from heartbeat_cli.http.tls_guard import TlsGuard
from tests.parts import lacking
from tests.parts.hostile import unused_port

ADDRESS = SimpleNamespace(family=socket.AF_INET, socktype=socket.SOCK_STREAM, protocol=0)
MANY = 3_000
_HOSTS = """
mount --bind "$1/hosts" /etc/hosts && ip link set lo up && exec "$2" -c "$3"
"""
_ASK = """
import time
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.domain.checking.exchange import Request
many = [Exchange("key", Request("https://many.example:9/"), 60.0)]
drive(many, deadline=time.monotonic() + 90, done=lambda exchange, response: print(response.fault.text))
"""


@contextmanager
def guarded() -> Iterator[TlsGuard]:
    guard = TlsGuard()
    try:
        yield guard
    finally:
        guard.close()


def test_a_name_with_thousands_of_addresses_costs_no_descriptor_for_each(tmp_path: Path) -> None:
    """In a network namespace, where no address answers. 200 descriptors would not do for all."""
    if subprocess.run(["unshare", "-rmn", "ip", "link"], capture_output=True, check=False).returncode:
        lacking("unshare with own mount and network namespaces, and ip")
    lines = [f"127.1.{number // 250}.{1 + number % 250} many.example\n" for number in range(MANY)]
    (tmp_path / "hosts").write_text("".join(lines))
    command = ["unshare", "-rmn", "sh", "-c", _HOSTS, "sh", str(tmp_path), sys.executable, _ASK]
    command = ["prlimit", "--nofile=200", *command]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (said.stdout, said.stderr[:2_000]) == ("connection refused by many.example:9\n", "")


def test_the_refused_are_let_go_and_the_others_are_watched() -> None:
    """A slow connection that was begun first may be the one that libcurl takes in the end."""
    with guarded() as guard, socket.create_server(("127.0.0.1", 0)) as server:
        opener = guard.opener("transfer", 1_000, False)
        first = opener(0, ADDRESS)
        assert not isinstance(first, int)
        first.connect(server.getsockname())
        closed = unused_port()
        refused = []
        for _ in range(100):
            refused.append(link := opener(0, ADDRESS))
            assert not isinstance(link, int) and link.connect_ex(("127.0.0.1", closed))
        assert first.fileno() >= 0 and [link.fileno() >= 0 for link in refused] == [False] * 99 + [True]


def test_of_too_many_that_are_alive_the_oldest_is_shut() -> None:
    """It is no longer watched, so it must not bring anything either."""
    with guarded() as guard, socket.create_server(("127.0.0.1", 0), backlog=64) as server, ExitStack() as stack:
        opener = guard.opener("transfer", 1_000, False)
        links, own = [], []
        for _ in range(20):
            links.append(link := opener(0, ADDRESS))
            assert not isinstance(link, int)
            link.connect(server.getsockname())
            own.append(stack.enter_context(socket.socket(fileno=os.dup(link.fileno()))))  # as libcurl has one
        assert [link.fileno() >= 0 for link in links] == [False] * 4 + [True] * 16
        assert [own[number].recv(1) for number in range(4)] == [b""] * 4
        own[4].setblocking(False)
        with pytest.raises(BlockingIOError):
            own[4].recv(1)


def test_without_a_descriptor_libcurl_is_told_so() -> None:
    with guarded() as guard:
        opener = guard.opener("transfer", 1_000, False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            got = opener(0, ADDRESS)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert got == pycurl.SOCKET_BAD
