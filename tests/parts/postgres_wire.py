"""A relay before a PostgreSQL on the loopback that counts what clients and server say: statements, bytes both ways."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_STATEMENTS = b"QE"  # messages of a client that run statements: Query, Execute
_HEAD = 5  # bytes of a message's type and length


class Traffic(NamedTuple):
    """Messages that run statements (round trips), and bytes to the server (`sent`) and from it (`received`)."""

    statements: int
    sent: int
    received: int


class Relay:
    """`port` is where it listens on 127.0.0.1; `taken` is the traffic since it was asked last."""

    def __init__(self, listener: socket.socket, server: int) -> None:
        self.port = int(listener.getsockname()[1])
        self._listener, self._server = listener, server
        self._lock = threading.Lock()
        self._counts = [0, 0, 0]

    def taken(self) -> Traffic:
        with self._lock:
            found, self._counts = Traffic(*self._counts), [0, 0, 0]
        return found

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for way in (self._forward, self._back):
                    threading.Thread(target=way, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        messages = _Messages()
        with suppress(OSError):
            while data := client.recv(65_536):
                self._count(messages.statements(data), len(data), 0)
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                self._count(0, 0, len(data))
                client.sendall(data)
        for one in (client, server):
            one.close()

    def _count(self, *more: int) -> None:
        with self._lock:
            self._counts = [a + b for a, b in zip(self._counts, more, strict=True)]


class _Messages:
    """The messages of one client, whose first one, the start-up packet, has no type."""

    def __init__(self) -> None:
        self._rest, self._skip, self._begun = b"", 0, False

    def statements(self, data: bytes) -> int:
        found, data = 0, self._rest + data
        while True:
            skipped = min(self._skip, len(data))
            self._skip, data = self._skip - skipped, data[skipped:]
            typed = int(self._begun)
            if len(data) < _HEAD - 1 + typed:
                break
            found += typed and data[0] in _STATEMENTS
            self._skip = typed + int.from_bytes(data[typed : typed + 4], "big")
            self._begun = True
        self._rest = data
        return found


@contextmanager
def relay(server: int) -> Iterator[Relay]:
    """A relay to the server on that port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        one = Relay(listener, server)
        threading.Thread(target=one.accept, daemon=True).start()
        try:
            yield one
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
