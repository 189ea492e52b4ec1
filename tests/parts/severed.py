"""A way to a server on loopback that can be parted, or be slow: when it is parted nothing gets through any more, and
nobody is told."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Way:
    """`port` leads to the server, whose answers take `delay` seconds longer; after `part()` every connection stays open
    and carries nothing more."""

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self._delay = delay
        self._target, self._parted = port, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def part(self) -> None:
        self._parted.set()

    def mend(self) -> None:
        """New connections come through again; those that were parted never do."""
        self._links_end()
        self._parted.clear()

    def close(self) -> None:
        self._listener.close()
        self._links_end()

    def _links_end(self) -> None:
        for link in self._links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        self._links.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target), timeout=10)
                there.settimeout(None)
                self._links += [here, there]
                for one, other, delay in ((here, there, 0.0), (there, here, self._delay)):
                    threading.Thread(target=self._carry, args=(one, other, delay), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, delay: float) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                if self._parted.is_set():
                    return
                time.sleep(delay)
                other.sendall(data)
            if not self._parted.is_set():
                other.shutdown(socket.SHUT_WR)


@contextmanager
def way_to(port: int, delay: float = 0.0) -> Iterator[Way]:
    way = Way(port, delay)
    try:
        yield way
    finally:
        way.close()
