"""The other sides of a soak, and what they do in which mood: agents, a port, channels. Used by its world."""

import socket
import struct
import threading
from typing import Any

from tests.parts import hostile
from tests.parts.bot_api import Step
from tests.parts.smtp import Whim

WELL = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{"status": "ok"}'
TIMEOUT = 0.4  # of an agent, seconds; a slow answer takes half of it
HTTP = {
    "500": Step(500, b"oops"),
    "took, then 500": Step(500, b"oops", accept=True),
    "429": Step(429, b"later", headers=(("Retry-After", "45"),)),
    "reset": Step(instead="reset"),
    "took, then reset": Step(instead="reset", accept=True),
}
SMTP = {
    "451": Whim("451 try again"),
    "reset": Whim(instead="reset"),
    "took, then reset": Whim(instead="reset", accept=True),
    "took, then dropped": Whim(instead="drop", accept=True),
}


class Port:
    """A port that takes connections, or refuses them for a while; its number stays."""

    def __init__(self) -> None:
        self.number = 0
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.number))
        listener.listen(64)
        self.number, self._listener = listener.getsockname()[1], listener
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # closed alone, it would go on until the thread came back
            self._listener.close()
            self._listener = None


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def _answers(status: str, body: bytes) -> hostile.Behaviour:
    def behave(connection: socket.socket, stop: threading.Event) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    return behave


def _slow(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait(TIMEOUT / 2)
    connection.sendall(WELL)


def _reset(connection: socket.socket, stop: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def known_by(letter: Any) -> tuple[str, str, int]:
    """A mail tells one alert: its type, component, and second."""
    at = letter["Date"].datetime
    return letter["X-Heartbeat-Type"], letter["X-Heartbeat-Component"], int(at.timestamp())


AGENT: dict[str, hostile.Behaviour] = {
    "503": _answers("503 Service Unavailable", b'{"status": "down"}'),
    "says fail": _answers("200 OK", b'{"status": "fail"}'),
    "garbage": _answers("500 \xff", bytes(range(256)) * 40),
    "reset": _reset,
    "cut short": hostile.closes_mid_body,
    "hang": hostile.silent,
    "slow": _slow,
}
