"""A TLS server that floods below HTTP, where no bound of libcurl counts: OpenSSL would loop for as long as it likes."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.http import multi
from tests.parts.http import Answer, healthy_server

# Plaintext HelloRequest messages: a client skips them, and counts nothing. RFC 5246, section 7.4.1.1.
_NOTHING = b"\x16\x03\x03\x40\x00" + b"\0" * 0x4000
_SECONDS = 20.0  # that the flood would last


def _flood(listener: socket.socket) -> None:
    with suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            until = time.monotonic() + _SECONDS
            while time.monotonic() < until:
                connection.sendall(_NOTHING * 8)


@contextmanager
def flooding() -> Iterator[int]:
    """The port of the server; it floods its first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_flood, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def test_it_holds_neither_the_pass_nor_its_neighbours() -> None:
    found: dict[str, Response] = {}

    def done(exchange: multi.Exchange, response: Response) -> None:
        found[exchange.key] = response

    with flooding() as port, healthy_server(Answer(delay=0.4)) as slow, healthy_server() as quick:
        urls = {"hostile": f"https://localhost:{port}/", "slow": slow.url, "quick": quick.url}
        asked = [multi.Exchange(key, Request(url), 3.0) for key, url in urls.items()]
        multi.drive(asked, deadline=time.monotonic() + 4.0, done=done)
    fault = found["hostile"].fault
    # Where the client drains faster than the server floods, libcurl has its turn, and its own time ends it.
    assert fault is not None and fault.kind in ("too_large", "timeout")
    assert found["hostile"].elapsed < 5.0, "it was given 3 s, and would have gone on for 20"
    assert [found[key].status for key in ("slow", "quick")] == [200, 200], found
