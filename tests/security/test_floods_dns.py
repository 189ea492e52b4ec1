"""A name server that answers with more packets than anybody can read holds no check beyond its time."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import dns.message
import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.monitors import dns as monitor
from tests.parts import dns_server
from tests.parts.dns_server import DnsServer

_PATIENCE = 30.0  # seconds after which a check of half a second counts as one without an end
_FLOOD = """
import socket
from tests.parts.dns_server import flood
print("ready", flush=True)
flood(socket.socket(fileno=0))
"""


def test_a_flood_of_packets_that_are_hard_to_read_ends_with_the_time_of_the_check() -> None:
    """More come than are read, so that one always waits: who looks at the clock only when none does never ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        port = link.getsockname()[1]
        with subprocess.Popen([sys.executable, "-c", _FLOOD], stdin=link, stdout=subprocess.PIPE) as flooding:
            assert flooding.stdout is not None and flooding.stdout.readline() == b"ready\n"
            found: list[Reading] = []
            settings = monitor.Settings("www.example.test", "A", "127.0.0.1", port)
            context = CheckContext("name", 0.5, 1_800_000_000.0)
            checking = threading.Thread(target=lambda: found.append(monitor.probe(settings, context)), daemon=True)
            checking.start()
            checking.join(_PATIENCE)
            over = bool(found)
            flooding.kill()
            checking.join()
    assert over and (found[0].status, found[0].category) == ("error", "network")
    assert str(found[0].error).startswith("127.0.0.1 did not answer within ")


def _over_tcp(answer: Callable[[dns.message.Message], bytes]) -> dns_server.Answerer:
    """A server that has no room over UDP."""
    return lambda query, over_tcp: answer(query) if over_tcp else dns_server.truncated(query, False)


@pytest.mark.parametrize(
    ("most", "unit"), [(65_535, "16,384 bytes"), (16_384, "256 records")], ids=["too long", "too many records"]
)
def test_an_answer_over_tcp_that_takes_seconds_to_read_is_not_read(most: int, unit: str) -> None:
    with DnsServer(_over_tcp(lambda query: dns_server.packed(query, most))) as server:
        settings = monitor.Settings("www.example.test", "A", "127.0.0.1", server.port)
        found = monitor.probe(settings, CheckContext("name", 20.0, 1_800_000_000.0))
    assert (found.status, str(found.error)) == ("error", f"127.0.0.1 sent an answer of more than {unit}")


def test_a_long_answer_over_tcp_is_read() -> None:
    zone = "".join(f'www.example.test. 60 IN TXT "{n:03} {"x" * 200}"\n' for n in range(60))
    with DnsServer(_over_tcp(lambda query: dns_server.from_zone(query, True, zone))) as server:
        settings = monitor.Settings("www.example.test", "TXT", "127.0.0.1", server.port)
        found = monitor.probe(settings, CheckContext("name", 20.0, 1_800_000_000.0))
    assert found.status == "healthy"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda query: b"", "127.0.0.1 sent what is no answer: ShortHeader"),
        (lambda query: bytes(11), "127.0.0.1 sent what is no answer: ShortHeader"),
        (lambda query: dns_server.wrong_id(query, True), "127.0.0.1 answered another question"),
        (lambda query: dns_server.packed(query, 4_096)[:-1], "127.0.0.1 sent what is no answer: "),
    ],
)
def test_what_is_no_answer_over_tcp_is_one_line(answer: Callable[[dns.message.Message], bytes], error: str) -> None:
    with DnsServer(_over_tcp(answer)) as server:
        settings = monitor.Settings("www.example.test", "A", "127.0.0.1", server.port)
        found = monitor.probe(settings, CheckContext("name", 20.0, 1_800_000_000.0))
    assert (found.status, found.category) == ("error", "network")
    assert str(found.error).startswith(error)


def test_a_server_that_hangs_up_in_its_answer_over_tcp() -> None:
    """It announces more than it sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                client = listener.accept()[0]
                with client:
                    client.recv(4_096)
                    client.sendall(b"\x10\x00half")

        serving = threading.Thread(target=serve)
        serving.start()
        settings = monitor.Settings("www.example.test", "A", "127.0.0.1", listener.getsockname()[1], tcp=True)
        found = monitor.probe(settings, CheckContext("name", 20.0, 1_800_000_000.0))
        serving.join()
    assert (found.status, str(found.error)) == ("error", "127.0.0.1 hung up before its answer was complete")
