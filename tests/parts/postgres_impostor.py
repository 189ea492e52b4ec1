"""Something on a TCP port that is not quite a PostgreSQL: it hangs, drips, or refuses in a language of its own."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.parts.postgres_floods import message

_TLS, _GSS = (80_877_103).to_bytes(4), (80_877_104).to_bytes(4)


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


@contextmanager
def laborious(times: int, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that wants every password hashed so many times before it is sent (SCRAM-SHA-256)."""

    def treat(client: socket.socket) -> None:
        with suppress(OSError), client:
            client.settimeout(60)
            while client.recv(65_536)[4:8] in (_TLS, _GSS):
                client.sendall(b"S" if tls else b"N")
                client = tls.wrap_socket(client, server_side=True) if tls else client
            client.sendall(message(b"R", (10).to_bytes(4) + b"SCRAM-SHA-256\0\0"))
            nonce = client.recv(65_536).rpartition(b"r=")[2]
            client.sendall(message(b"R", (11).to_bytes(4) + b"r=%bmore,s=c2FsdHNhbHQ=,i=%d" % (nonce, times)))
            client.recv(65_536)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=treat, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
