"""A TCP server that takes what clients send and says nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple


class Sink(NamedTuple):
    """`got` has all the bytes of each client, once it has closed."""

    port: int
    got: "SimpleQueue[bytes]"


@contextmanager
def listening() -> Iterator[Sink]:
    """Until the end of the block, one client after another."""
    got: SimpleQueue[bytes] = SimpleQueue()
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link, link.makefile("rb") as stream:
                got.put(stream.read())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield Sink(listener.getsockname()[1], got)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
