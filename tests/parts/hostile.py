"""Badly behaved HTTP peers over raw sockets. A behaviour is what happens on one connection, until it returns
or `stop` is set; `hostile_server` treats every connection to it."""

import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.parts.http import Server

Behaviour = Callable[[socket.socket, threading.Event], None]


@contextmanager
def hostile_server(behaviour: Behaviour, *, read_request: bool = True) -> Iterator[Server]:
    """A raw TCP server that treats every connection to `behaviour`."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    connections: list[socket.socket] = []

    count = threading.Lock()
    open_now = 0

    def treat(connection: socket.socket) -> None:
        nonlocal open_now
        with suppress(OSError), connection:
            if read_request:
                _read_request(connection)
            behaviour(connection, server.stopping)
        with count:
            open_now -= 1

    def accept() -> None:
        nonlocal open_now
        while not server.stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            with count:
                open_now += 1
                server.most_at_once = max(server.most_at_once, open_now)
            threading.Thread(target=treat, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _read_request(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            return
        received += chunk


def _forever(connection: socket.socket, stop: threading.Event, chunk: bytes, pause: float = 0.0) -> None:
    while not stop.is_set():
        connection.sendall(chunk)
        stop.wait(pause)


def silent(connection: socket.socket, stop: threading.Event) -> None:
    """Says nothing until the other side hangs up."""
    while connection.recv(4096):
        pass


def closes_at_once(connection: socket.socket, stop: threading.Event) -> None: ...


def resets_at_once(connection: socket.socket, stop: threading.Event) -> None:
    _reset(connection)


def resets_mid_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
    stop.wait(0.1)
    _reset(connection)


def closes_mid_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drips_headers(connection: socket.socket, stop: threading.Event) -> None:
    _forever(connection, stop, b"H", 0.2)


def drips_status_line(connection: socket.socket, stop: threading.Event) -> None:
    for byte in b"HTTP/1.1 200 OK, this takes for ever and a day":
        connection.sendall(bytes([byte]))
        if stop.wait(0.1):
            return


def drips_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    _forever(connection, stop, b"x", 0.2)


def endless_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    _forever(connection, stop, b"x" * 65_536)


def chunked_forever(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    _forever(connection, stop, b"1\r\nx\r\n", 0.05)


def endless_headers(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    _forever(connection, stop, b"X-More: and more\r\n" * 100)


def huge_header(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Huge: ")
    _forever(connection, stop, b"x" * 65_536)


def endless_interim(connection: socket.socket, stop: threading.Event) -> None:
    _forever(connection, stop, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)


def endless_trailers(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
    _forever(connection, stop, b"X-More: and more\r\n" * 100)


def redirect_loop(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


def redirect_with_missing_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 9\r\n\r\n")
    stop.wait(30)


def redirect_with_endless_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n")
    _forever(connection, stop, b"x" * 65_536)


def redirect_with_a_strange_end(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 9\r\n\r\r\n")
    stop.wait(30)


def garbage(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x01\xfe\xff")
    stop.wait(0.2)


def broken_status_line(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 \xff\xfe\xfd what\r\n\r\n")


def strange_encoding(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n\xff\xfenot gzi")


def gzip_bomb(connection: socket.socket, stop: threading.Event) -> None:
    packed = gzip.compress(b"\0" * 20_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    connection.sendall(head.encode() + packed)


def nested_gzip(codings: str, before: str = "") -> Behaviour:
    """gzip in gzip in gzip in gzip, by these header lines, behind what comes `before` the head; the comment in the
    innermost head never ends, and so no byte of a body ever comes: 60 kB unfold to terabytes."""

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        head, unit = b"\x1f\x8b\x08\x10\0\0\0\0\0\x03", b"A" * 64
        for _ in range(3):
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            inner = unit * (1_000_000 // len(unit))
            stored = b"\0" + len(head).to_bytes(2, "little") + (len(head) ^ 0xFFFF).to_bytes(2, "little") + head
            packed = packer.compress(inner) + packer.flush(zlib.Z_FULL_FLUSH)
            head, unit = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + stored, packed
        body = head + unit * (60_000 // len(unit))
        said = f"{before}HTTP/1.1 200 OK\r\n{codings}Content-Length: {len(body) + 9}\r\n\r\n"
        connection.sendall(said.encode() + body)
        stop.wait()

    return behaviour


def says(raw: bytes) -> Behaviour:
    """A peer that sends these bytes and closes."""

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(raw)

    return behaviour


@contextmanager
def full_backlog() -> Iterator[str]:
    """The URL of a port that takes no more connections: its queue is full, so the kernel drops any knock."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        knocks = [socket.socket() for _ in range(8)]
        for knock in knocks:
            knock.setblocking(False)
            knock.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for knock in knocks:
                knock.close()


def unused_port() -> int:
    """A port nobody listens on. It stays bound until this process ends, lest it is given to another test's server; who
    wants to listen on it with SO_REUSEADDR, as `socket.create_server` does, still can."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    holder.detach()
    return port
