"""Which user holds the other end of a TCP connection: real sockets of real users, and what the kernel says of them."""

import _socket
import os
import pwd
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from heartbeat_cli.system import tcp_owner
from tests.parts.docker import RunContainer, inspect, wait_for
from tests.parts.false_postgres import fake
from tests.parts.postgres import free_port

WAYS = [tcp_owner._by_diag, tcp_owner._by_proc]


def raw(link: socket.socket) -> _socket.socket:
    """The sort of socket that it is asked of in PostgreSQL's checks."""
    return _socket.socket(fileno=link.detach())


@contextmanager
def connected(address: str, port: int) -> Iterator[_socket.socket]:
    with closing(raw(socket.create_connection((address, port), 5))) as link:
        yield link


def ends(link: _socket.socket) -> tuple[tcp_owner.Place, tcp_owner.Place]:
    return tcp_owner._place(link.getpeername()), tcp_owner._place(link.getsockname())


def _takes(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def say(server: "subprocess.Popen[str]", word: str = "") -> None:
    assert server.stdin is not None
    server.stdin.write(f"{word}\n")
    server.stdin.flush()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("way", WAYS)
def test_before_and_after_it_is_accepted(way: object, address: str) -> None:
    """Until then the kernel names no user of the connection, and the listener's counts."""
    port, nobody = free_port(), pwd.getpwnam("nobody").pw_uid
    refused = f"the server at port {port} runs as nobody, and everybody may listen there"
    with fake(f"{address}:{port}", "nobody", "told") as server, connected(address, port) as link:
        end, listeners = way(*ends(link))  # type: ignore[operator]
        assert end is not None and (end.inode, [one.uid for one in listeners]) == (0, [nobody])
        assert tcp_owner.stranger(link, "postgres") == refused
        say(server)
        assert server.stdout is not None and server.stdout.readline() == "accepted\n"
        end, _ = way(*ends(link))  # type: ignore[operator]
        assert end is not None and end.inode and end.uid == nobody
        assert tcp_owner.stranger(link, "postgres") == refused
        assert tcp_owner.stranger(link, "postgres", "nobody") is None
        assert tcp_owner.stranger(link, str(nobody)) is None


@pytest.mark.parametrize("way", WAYS)
def test_a_server_of_both_families(way: object) -> None:
    """Its socket is one of IPv6 whatever its clients have."""
    port = free_port()
    with fake(f":::{port}", "nobody", "told") as server:
        for address in ("127.0.0.1", "::1"):
            with connected(address, port) as link:
                end, listeners = way(*ends(link))  # type: ignore[operator]
                assert end is not None and [one.uid for one in listeners] == [pwd.getpwnam("nobody").pw_uid]
                assert "runs as nobody" in str(tcp_owner.stranger(link))
                for word in ("accept", "go on"):
                    say(server, word)


@pytest.mark.parametrize("way", WAYS)
def test_ours(way: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, connected(*listener.getsockname()) as link:
        assert tcp_owner.stranger(link) is None
        server, _ = listener.accept()
        with server:
            end, _ = way(*ends(link))  # type: ignore[operator]
            assert end == tcp_owner._Socket(1, os.getuid(), os.fstat(server.fileno()).st_ino)


def test_who_is_trusted_by_name_and_by_number() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    assert tcp_owner.is_trusted(0) and tcp_owner.is_trusted(os.getuid())
    assert tcp_owner.is_trusted(nobody, "nobody") and tcp_owner.is_trusted(nobody, str(nobody))
    assert not tcp_owner.is_trusted(nobody, "postgres", "") and not tcp_owner.is_trusted(54_321, "", "None")
    assert [tcp_owner.said(nobody), tcp_owner.said(54_321)] == ["nobody", "uid 54321"]


@pytest.mark.parametrize("way", WAYS)
def test_one_that_has_hung_up_is_nobody(way: object) -> None:
    """What it cannot read any more it cannot steal."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = raw(socket.create_connection(listener.getsockname(), 5))
        server, _ = listener.accept()
    server.close()
    with closing(link):
        assert link.recv(1) == b""
        end, listeners = way(*ends(link))  # type: ignore[operator]
        assert end is not None and (end.inode, listeners) == (0, [])
        assert tcp_owner.stranger(link) is None


def test_a_published_port_of_a_container(run_container: RunContainer) -> None:
    """docker-proxy is root's, whoever listens in the container."""
    port = free_port()
    run_container(
        *("--network", "bridge", f"--publish=127.0.0.1:{port}:5432", "--user=65534"),
        command=("busybox", "httpd", "-f", "-p", "5432"),
    )
    with connected("127.0.0.1", port) as link:
        assert tcp_owner.stranger(link) is None


def test_a_listener_of_this_host_is_not_that_of_another(run_container: RunContainer) -> None:
    name = run_container("--network", "bridge", command=("busybox", "httpd", "-f", "-p", "5432"))
    (network,) = inspect(name)["NetworkSettings"]["Networks"].values()
    with fake("0.0.0.0:5432", "nobody"):
        wait_for(lambda: _takes(network["IPAddress"], 5432), "a server in the container")
        with connected(network["IPAddress"], 5432) as link:
            assert tcp_owner.stranger(link) is None
