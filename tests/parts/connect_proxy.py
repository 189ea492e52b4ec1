"""A small proxy that takes CONNECT: whatever host is asked for, it leads to one port of this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.parts.http import Certificate


class ConnectProxy:
    """`heads` are the heads of the requests to it; `answer` is what it says to a CONNECT, nothing where it is empty."""

    def __init__(self, url: str, answer: bytes) -> None:
        self.url, self.answer = url, answer
        self.heads: list[str] = []


@contextmanager
def connect_proxy(
    target: int, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n", certificate: "Certificate | None" = None
) -> Iterator[ConnectProxy]:
    """It listens on 127.0.0.2, with a certificate over TLS; only an answer of 200 opens the way to `target`."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        scheme = "https" if certificate else "http"
        proxy = ConnectProxy(f"{scheme}://127.0.0.2:{listener.getsockname()[1]}", answer)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def serve(connection: socket.socket) -> None:
            with suppress(OSError):
                link = certificate.context().wrap_socket(connection, server_side=True) if certificate else connection
                with link:
                    _serve(link, proxy, target)

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)


def _serve(link: socket.socket, proxy: ConnectProxy, target: int) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = link.recv(4_096)
        if not piece:
            return
        head += piece
    proxy.heads.append(head.decode())
    link.sendall(proxy.answer)
    if b" 200 " not in proxy.answer[:16]:
        if not proxy.answer:
            link.recv(1)  # until the other side gives up
        return
    with socket.create_connection(("127.0.0.1", target)) as onward:
        back = threading.Thread(target=_pump, args=(onward, link), daemon=True)
        back.start()
        _pump(link, onward)
        back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
