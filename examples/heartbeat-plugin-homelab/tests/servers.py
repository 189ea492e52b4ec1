"""Small servers on loopback: each answers one connection after another, until the end of the block."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple


class Server(NamedTuple):
    """`got` has the bytes that each client sent."""

    port: int
    got: "SimpleQueue[bytes]"


@contextmanager
def serving(answer: bytes = b"", end: bytes = b"") -> Iterator[Server]:
    """A TCP server that reads until `end` (nothing: until the client closes), and then answers."""
    got: SimpleQueue[bytes] = SimpleQueue()
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                data = b""
                while piece := link.recv(4096):
                    data += piece
                    if end and data.endswith(end):
                        break
                got.put(data)
                link.sendall(answer)

    threading.Thread(target=work, daemon=True).start()
    try:
        yield Server(listener.getsockname()[1], got)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
