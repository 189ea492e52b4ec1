"""A way to the real Docker Engine on which single requests go wrong: their answer is lost, an error, late, or never."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

ENGINE = "/var/run/docker.sock"
Trouble = Literal["lost", "500", "hangs"]


class Relay:
    """`troubles`: what becomes of a request whose first line holds a text; `lost`: the Engine gets it, and the
    connection ends without an answer."""

    def __init__(self) -> None:
        self.troubles: dict[str, Trouble] = {}
        self.asked: list[str] = []
        self.stop = threading.Event()

    def treat(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(65_536)):
                return
            head += data
        line = head.split(b"\r\n", 1)[0].decode()
        self.asked.append(line)
        trouble = next((what for text, what in self.troubles.items() if text in line), None)
        if trouble == "hangs":
            self.stop.wait(30)
        elif trouble == "500":
            client.sendall(b'HTTP/1.1 500 No\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{"message":"no"}')
        else:
            self._forward(client, head.replace(b"Connection: keep-alive", b"Connection: close"), trouble == "lost")

    def _forward(self, client: socket.socket, head: bytes, lost: bool) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(ENGINE)
            engine.sendall(head)
            while data := engine.recv(65_536):
                if not lost:
                    client.sendall(data)


@contextmanager
def relay(path: Path) -> Iterator[Relay]:
    """A relay at a Unix socket of this path."""
    one = Relay()

    def handle(client: socket.socket) -> None:
        with client, suppress(OSError):
            one.treat(client)

    def accept() -> None:
        with suppress(OSError):
            while not one.stop.is_set():
                client, _ = listener.accept()
                threading.Thread(target=handle, args=(client,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield one
        finally:
            one.stop.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
