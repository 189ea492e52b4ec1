"""TLS over a connection whose server may send what it likes, for `tcp.py`.

On a socket of its own OpenSSL goes on within one call as long as there are messages that a client skips, such as empty
requests for a handshake: no timeout of the socket ends that. Here it gets what has come piece by piece, from memory.
"""

import errno
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from heartbeat_cli.domain.text import Text

_PIECE = 16_384
MOST = 262_144  # bytes that a server may send

Answer = TypeVar("Answer")


class TlsLink:
    """A client on `link`, which stays its caller's to close. Its methods are those of an `ssl.SSLSocket`, but for the
    timeout, which is for all of a call. They raise OSError, also for more than `MOST` bytes, or TimeoutError.

    `name` is the server to ask for. Raises ValueError for one that TLS cannot ask for."""

    def __init__(self, link: socket.socket, tls: ssl.SSLContext, name: str) -> None:
        self._link, self._came, self._seconds = link, 0, 0.0
        self._inward, self._outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._inward, self._outward, server_hostname=name)
        self.getpeercert = self._tls.getpeercert

    def settimeout(self, seconds: float) -> None:
        self._seconds = seconds

    def do_handshake(self) -> None:
        self._call(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        while data:
            data = data[self._call(lambda: self._tls.write(data)) :]  # noqa: B023 - called at once

    def recv(self, size: int) -> bytes:
        try:
            return self._call(lambda: self._tls.read(size))
        except ssl.SSLEOFError:  # many servers hang up without a word
            return b""

    def _call(self, act: Callable[[], Answer]) -> Answer:
        """What `act` returns, with all the bytes it has to wait for."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                answer = act()
            except ssl.SSLWantReadError:
                self._send(until)
                self._receive(until)
            except ssl.SSLError:
                with suppress(OSError):
                    self._send(until)  # tells the server why
                raise
            else:
                self._send(until)
                return answer

    def _send(self, until: float) -> None:
        if data := self._outward.read():
            self._link.settimeout(_left(until))
            self._link.sendall(data)

    def _receive(self, until: float) -> None:
        self._link.settimeout(_left(until))
        piece = self._link.recv(_PIECE)
        self._came += len(piece)
        if self._came > MOST:
            raise OSError(errno.EMSGSIZE, Text("it sent more than {n:,} bytes", n=MOST))
        if piece:
            self._inward.write(piece)
        else:
            self._inward.write_eof()


def _left(until: float) -> float:
    if (left := until - time.monotonic()) <= 0:
        raise TimeoutError
    return left
