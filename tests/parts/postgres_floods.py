"""Servers that speak PostgreSQL's protocol and send without an end, before login or after it."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Flood = Callable[[], tuple[bytes, bytes]]  # what comes once, and what comes again and again


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


def _columns(count: int, oid: int = 25) -> bytes:
    one = b"c\0" + struct.pack("!ihihih", 0, 0, oid, -1, -1, 0)
    return message(b"T", struct.pack("!h", count) + one * count)


def rows() -> tuple[bytes, bytes]:
    value = b"x" * 1000
    return _columns(1), message(b"D", struct.pack("!hi", 1, len(value)) + value) * 60


def rows_of_nothing() -> tuple[bytes, bytes]:
    """Which take four times as much memory as they take on the wire."""
    return _columns(1600), message(b"D", struct.pack("!h", 1600) + b"\xff" * 4 * 1600) * 10


def short_words() -> tuple[bytes, bytes]:
    """Which take thirteen times as much in Python."""
    return _columns(1600), message(b"D", struct.pack("!h", 1600) + b"\0\0\0\2ab" * 1600) * 8


def one_row_of_a_gigabyte() -> tuple[bytes, bytes]:
    """Announced in the first bytes, so that libpq makes room for it and reads on and on in one call."""
    return _columns(1) + b"D" + struct.pack("!ihi", 1_000_000_010, 1, 1_000_000_000), b"x" * 65_536


def notices() -> tuple[bytes, bytes]:
    fields = b"SNOTICE\0VNOTICE\0C00000\0M" + b"x" * 20_000 + b"\0\0"
    return b"", message(b"N", fields) * 3


def notifications() -> tuple[bytes, bytes]:
    return b"", message(b"A", struct.pack("!i", 1) + b"channel\0" + b"x" * 5_000 + b"\0") * 10


def parameters() -> tuple[bytes, bytes]:
    return b"", b"".join(message(b"S", f"name{n}".encode() + b"\0" + b"x" * 1000 + b"\0") for n in range(60))


FLOODS: tuple[Flood, ...] = (
    rows,
    rows_of_nothing,
    short_words,
    one_row_of_a_gigabyte,
    notices,
    notifications,
    parameters,
)
_LET_IN = message(b"R", struct.pack("!i", 0)) + b"".join(
    message(b"S", text) for text in (b"client_encoding\0UTF8\0", b"DateStyle\0ISO, MDY\0", b"server_version\00017.0\0")
)
_READY = message(b"Z", b"I")


@contextmanager
def flooding(flood: Flood, *, before_login: bool = False, path: str = "") -> Iterator[int]:
    """The port of such a server on 127.0.0.1 (0 for one at the Unix socket `path`), which takes whoever comes; with
    `before_login` it does not wait for a query."""
    stop = threading.Event()
    listener = socket.socket(socket.AF_UNIX) if path else socket.socket()
    listener.bind(path or ("127.0.0.1", 0))
    listener.listen(16)
    listener.settimeout(0.1)

    def treat(client: socket.socket) -> None:
        once, again = flood()
        with suppress(OSError), client:
            begin = client.recv(65_536)
            while begin[4:8] in (struct.pack("!i", 80_877_103), struct.pack("!i", 80_877_104)):  # TLS? GSS?
                client.sendall(b"N")
                begin = client.recv(65_536)
            client.sendall(_LET_IN + (b"" if before_login else _READY))
            if before_login or client.recv(65_536):
                client.sendall(once)
                while not stop.is_set():
                    client.sendall(again)

    def accept() -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=treat, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield 0 if path else int(listener.getsockname()[1])
    finally:
        stop.set()
        thread.join(5)
        listener.close()


def small_notices(number: int) -> bytes:
    return message(b"N", b"SNOTICE\0C00000\0Mx\0\0") * number


def small_notifications(number: int) -> bytes:
    return message(b"A", struct.pack("!i", 1) + b"c\0x\0") * number


def small_parameters(number: int) -> bytes:
    return b"".join(message(b"S", b"%d\0x\0" % n) for n in range(number))


@contextmanager
def chatting(port: int, said: bytes, queries: int = 1_000_000) -> Iterator[int]:
    """The port of a way to the server at `port` which says that, too, ahead of each of its answers to the first so many
    queries of a connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def towards(client: socket.socket, server: socket.socket) -> None:
        left = queries
        with suppress(OSError):
            while data := client.recv(65_536):
                if data[:1] == b"Q" and left > 0:
                    left -= 1
                    client.sendall(said)
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def back(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := server.recv(65_536):
                client.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", port))
                for way in (towards, back):
                    threading.Thread(target=way, args=(client, server), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
