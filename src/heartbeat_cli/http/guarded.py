"""`requests` for an Engine that is not trusted: for the Docker SDK alone, which the docker action uses.

By itself it reads an answer, a line of chunks or a head however long they are, decompresses whatever comes, and starts
its timeout anew with every byte. Here every exchange has a connection of its own, through a relay that counts bytes and
keeps a deadline, and bodies are read as they came. All else speaks HTTP by libcurl (`multi.py`, `call.py`).
"""

import socket
import time
from collections.abc import Callable
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from heartbeat_cli.system.relay import Relay

_PIECE = 4_096


class TooMuch(requests.RequestException):
    """The peer sent more than it may."""


class Guard(HTTPAdapter):
    """Carries the exchanges of a session, none beyond `deadline` (of time.monotonic()) or its own `timeout`, whichever
    comes first, and none with more than `most` bytes of an answer. With `unix_socket` all of them go there."""

    def __init__(self, deadline: float, most: int, unix_socket: str | None = None) -> None:
        self._deadline, self._most, self._unix_socket = deadline, most, unix_socket
        self._until = deadline
        self._relays: list[Relay[socket.socket]] = []
        self._pools = _pools(self)
        super().__init__()

    def init_poolmanager(self, *values: Any, **named: Any) -> None:
        super().init_poolmanager(*values, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def connection(self, usual: Callable[[], socket.socket]) -> socket.socket:
        """A relay's end for a new connection."""
        relay = Relay(
            self._to_socket(self._unix_socket) if self._unix_socket else usual(), self._most, socket.socketpair()
        )
        self._relays.append(relay)
        relay.end.settimeout(max(0.01, self._until - time.monotonic()))
        relay.in_thread(self._until)
        return relay.end

    def _to_socket(self, path: str) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.settimeout(max(0.01, self._until - time.monotonic()))
            link.connect(path)
        except OSError:
            link.close()
            raise
        return link

    def send(self, request: Any, *values: Any, **named: Any) -> requests.Response:
        seconds = named.get("timeout")
        now = time.monotonic()
        self._until = min(self._deadline, now + seconds) if isinstance(seconds, int | float) else self._deadline
        self._relays = []  # how an earlier exchange ended does not matter for this one
        request.headers.update({"Accept-Encoding": "identity", "Connection": "close"})
        if self._unix_socket:
            request.url = request.url.replace("http+docker:", "http:", 1)  # the SDK's own word
        try:
            return super().send(request, *values, **named)
        except requests.RequestException as error:
            raise self.trouble(error) from error

    def body(self, response: requests.Response, keep: int) -> bytes:
        """What is kept of the body, as it came; the rest is not waited for. Raises RequestException."""
        kept = bytearray()
        broken = requests.exceptions.ChunkedEncodingError("the connection broke off")
        try:
            while len(kept) < keep and (piece := response.raw.read(_PIECE, decode_content=False)):
                kept += piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            late = isinstance(error, urllib3.exceptions.TimeoutError)
            raise requests.ReadTimeout("timed out") if late else self.trouble(broken) from error
        if len(kept) < keep and (trouble := self.trouble(broken)) is not broken:  # no end of the peer's own
            raise trouble
        return bytes(kept)

    def trouble(self, error: requests.RequestException) -> requests.RequestException:
        """`error`, or what it comes from, where a relay has ended the connection."""
        if any(relay.overrun for relay in self._relays):
            return TooMuch(f"it sent more than {self._most:,} bytes")
        if any(relay.late for relay in self._relays):
            return requests.ReadTimeout("timed out")
        return error


class _OneExchange(HTTPConnectionPool):
    """Closes each connection after one exchange: the peer may close an idle one just as the next request is sent, which
    then fails for no fault."""

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.close()
        super()._put_conn(conn)


def _pools(guard: Guard) -> dict[str, Any]:
    """Connection pools by scheme, whose connections are the guard's."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return guard.connection(super()._new_conn)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return guard.connection(super()._new_conn)

    class PlainPool(_OneExchange):
        ConnectionCls = Plain

    class SecurePool(_OneExchange, HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
