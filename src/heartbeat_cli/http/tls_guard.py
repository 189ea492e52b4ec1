"""Ends connections that flood below HTTP. Used by `multi.py`, for https, and for exchanges with a bound of their own.

Inside one call OpenSSL goes on reading as long as messages lie in the socket that a client skips: empty requests for a
handshake, session tickets without end. libcurl, and with it every deadline and bound, waits for that call. So a thread
looks after calls that last too long, and shuts the connections that have brought more than an answer may have. Linux
counts the bytes of a connection (tcp_info in linux/tcp.h); where no system does, nothing is shut.
"""

import _socket  # `socket` takes 2 ms of a run to import
import fcntl
import struct
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from heartbeat_cli.http.curl import pycurl

_LONG = 0.1  # seconds after which a call counts as held
_TICK = 0.05  # seconds between two looks at the call that is being made
_RECEIVED = (128, "=Q")  # offset and form of tcpi_bytes_received, since Linux 4.1
_CLOSED = 7  # TCP_CLOSE in linux/tcp.h: a connection that was refused, or has ended
_MOST_LINKS = 16  # of a transfer; libcurl tries six addresses at once


class TlsGuard:
    """Connections of one drive: https, and those with a bound. `held` is for how many seconds calls were held up."""

    def __init__(self) -> None:
        self.held = 0.0
        self._since: float | None = None  # when the call began that is being made
        self._links: dict[Any, list[tuple[_socket.socket, int]]] = {}
        self._cut: set[Any] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def opener(self, transfer: Any, most: int, over_tls: bool) -> Callable[[int, Any], _socket.socket | int]:
        """What libcurl calls for a new socket of a transfer, which may bring so many bytes. It gives SOCKET_BAD where
        none can be had."""
        if over_tls and self._thread is None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

        def open_socket(_purpose: int, address: Any) -> _socket.socket | int:
            with self._lock:
                links = self._links[transfer] = _alive(self._links.get(transfer, []))
                try:
                    link = _socket.socket(address.family, address.socktype, address.protocol)
                except OSError:  # pycurl would print a traceback of each
                    return int(pycurl.SOCKET_BAD)
                links.append((link, most))
            return link  # libcurl gets a descriptor of its own

        return open_socket

    def release(self, transfer: Any) -> bool:
        """Forget the connections of a transfer that has ended; whether one of them was shut."""
        with self._lock:
            links = self._links.pop(transfer, ())
            for link, _ in links:
                link.close()
            cut = transfer in self._cut
            self._cut.discard(transfer)
        return cut

    def call(self, act: Callable[[int, int], object], fd: int, flags: int) -> None:
        """Let libcurl act upon a socket, under the eyes of the thread."""
        self._since = begun = time.monotonic()
        act(fd, flags)
        self._since = None
        self.held += max(0.0, time.monotonic() - begun - _LONG)

    def close(self) -> None:
        """End the thread, and let go of all connections."""
        self._over.set()
        for transfer in list(self._links):
            self.release(transfer)

    def _watch(self) -> None:
        while not self._over.wait(_TICK):
            since = self._since
            if since is not None and time.monotonic() - since > _LONG:
                self.shut_floods()

    def shut_floods(self) -> None:
        """Shut the connections that have brought more than they may."""
        with self._lock:
            for transfer, links in self._links.items():
                for link, most in links:
                    if _read(link) > most:
                        self._cut.add(transfer)
                        with suppress(OSError):
                            link.shutdown(_socket.SHUT_RDWR)


def _alive(links: list[tuple[_socket.socket, int]]) -> list[tuple[_socket.socket, int]]:
    """The connections that may bring something yet, with room for one more; the others are closed. A name may have
    thousands of addresses, of which each is tried."""
    alive = []
    for link, most in links:
        if _is_closed(link):
            link.close()
        else:
            alive.append((link, most))
    while len(alive) >= _MOST_LINKS:
        link, _ = alive.pop(0)
        with suppress(OSError):
            link.shutdown(_socket.SHUT_RDWR)  # libcurl must not go on with what is no longer watched
        link.close()
    return alive


def _is_closed(link: _socket.socket) -> bool:
    """Whether a connection that was begun has come to its end; False where the system does not say."""
    with suppress(OSError, AttributeError):
        return link.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, 1) == bytes([_CLOSED])
    return False


def _read(link: _socket.socket) -> int:
    """How many bytes of a connection were read; 0 where the system does not count them."""
    offset, form = _RECEIVED
    with suppress(OSError, AttributeError, struct.error):
        info = link.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, offset + 8)
        (unread,) = struct.unpack("=i", fcntl.ioctl(link.fileno(), termios.FIONREAD, bytes(4)))
        return int(struct.unpack_from(form, info, offset)[0]) - int(unread)
    return 0
