"""Something on a TCP port that is not quite a PostgreSQL: it hangs, drips, or refuses in a language of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def impostor(answer: bytes = b"", *, drip: float = 0.0) -> Iterator[int]:
    """The port of a TCP server that takes every connection, sends `answer` and then nothing more, or with
    `drip` one byte every so many seconds."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=_impersonate, args=(listener, answer, drip, done))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join(10)


def _impersonate(listener: socket.socket, answer: bytes, drip: float, done: threading.Event) -> None:
    kept: list[socket.socket] = []
    while not done.wait(drip):
        with suppress(TimeoutError):
            kept.append(listener.accept()[0])
            kept[-1].sendall(answer)
        for client in kept if drip else ():
            with suppress(OSError):
                client.send(b"x")
    for client in kept:
        client.close()


def refusal(code: str, severity: str, message: str) -> bytes:
    """What a server sends that refuses a login, in whatever language it speaks."""
    fields = b"".join(
        part + text.encode() + b"\0"
        for part, text in ((b"S", severity), (b"V", "FATAL"), (b"C", code), (b"M", message))
    )
    return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"
