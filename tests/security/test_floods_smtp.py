"""A hostile SMTP server that talks without an end fills neither the memory nor the time of a delivery."""

import socket
import threading
from collections.abc import Callable

import pytest

from tests.parts.hostile import hostile_server
from tests.parts.measured import measured

MAIL = """
from heartbeat_cli.channels import email
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError
host, port = sys.argv[1].split(":")
settings = email.Settings(host, "a@b.example", ("c@d.example",), "none", int(port), *sys.argv[2:])
try:
    email.send(settings, Message("i", "agent_down", "high", "t", "t", "t", "main", 1.5, "i"), timeout=20.0)
    said = "taken"
except DeliveryError as error:
    said = str(error)
"""


def talks(before: int) -> Callable[[socket.socket, threading.Event], None]:
    """A server that is polite for so many answers and then never ends one."""

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        for answer in [b"220 hello\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n"][:before]:
            connection.sendall(answer)
            connection.recv(4096)
        while not stop.is_set():
            connection.sendall((b"250-" + b"x" * 500 + b"\r\n") * 100)

    return behaviour


@pytest.mark.parametrize("before", [0, 1, 2, 4])
def test_a_server_that_never_ends_its_answer(before: int) -> None:
    with hostile_server(talks(before), read_request=False) as server:
        found = measured(MAIL, server.url.removeprefix("http://"))
    assert found.said == f"{server.url.removeprefix('http://')} said more than 262,144 bytes"
    assert found.peak < 100 and found.took < 18, found


@pytest.mark.parametrize("challenge", [b"334 !\r\n", b"334 AAA\r\n", b"334 \xff\xfe\r\n"])
def test_a_challenge_that_makes_no_sense_is_no_fault_of_ours(challenge: bytes) -> None:
    """It is said of the server, and the message stays to be sent."""

    def behaviour(connection: socket.socket, _: threading.Event) -> None:
        for answer in [b"220 hello\r\n", b"250-hello\r\n250 AUTH CRAM-MD5\r\n", challenge, challenge, challenge]:
            connection.sendall(answer)
            connection.recv(4096)

    with hostile_server(behaviour, read_request=False) as server:
        place = server.url.removeprefix("http://")
        found = measured(MAIL, place, "me", "password")
    assert found.said in (f"{place}: its answer cannot be read", f"{place}: the connection broke off"), found.said
