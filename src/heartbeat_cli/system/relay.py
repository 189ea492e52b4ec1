"""Stand between a library and its peer: what comes is counted, and nothing goes on past a deadline.

Libraries read what a peer sends into memory, however much that is, and know a timeout for each read only. Here such a
library gets one end of a pair of sockets; the other end is joined with the real connection, piece by piece. It works
under TLS, too, since only encrypted bytes are passed on. `postgres/guarded.py` drives a relay step by step; `in_thread`
lets one run by itself beside a library that blocks.
"""

import _socket  # libpq wants no more of it; `socket` takes 2 ms of every pass to import
import select
import threading
import time
from contextlib import suppress
from typing import Generic, TypeVar

_PIECE = 32_768
_READ, _WRITE = select.POLLIN, select.POLLOUT

Socket = TypeVar("Socket", bound=_socket.socket)


class Relay(Generic[Socket]):
    """`end` is for the library; `most` how many bytes may come from `peer`, `came` how many did.

    `overrun` says that there were more, `late` that `in_thread` ended it at its deadline. `ends` is a new pair of
    sockets of the sort that the library wants: of `socket`, or of `_socket`."""

    def __init__(self, peer: Socket, most: int, ends: tuple[Socket, Socket]) -> None:
        self.most, self.came = most, 0
        self.overrun = self.late = False
        self.end, self._inner = ends
        self.peer = peer
        self._inner.setblocking(False)
        peer.setblocking(False)
        self._inward, self._outward = b"", b""  # what the other side has not taken yet
        self._peer_ended = self._library_ended = False
        self._watched: tuple[int, select.poll] | None = None

    def step(self, seconds: float, fd: int = -1, events: int = 0) -> bool:
        """Wait so long at most for something to pass on, and pass it on; whether the library has something to do: read
        what came (its peer's end, too), or what it waits for, `events` of poll(2) at its socket `fd`."""
        if events != _WRITE and not (
            self._inward or self._outward or self._library_ended or self._peer_ended
        ):  # as nearly always
            return self._idle(seconds, fd)
        waiter = select.poll()
        reading = 0 if self._outward or self._library_ended else _READ
        if mask := reading | (_WRITE if self._inward else 0):  # with none, an end would be reported for ever
            waiter.register(self._inner, mask)
        reading = 0 if self._inward or self._peer_ended else _READ
        if mask := reading | (_WRITE if self._outward else 0):
            waiter.register(self.peer, mask)
        if events:
            waiter.register(fd, events)
        ready = dict(waiter.poll(max(0.0, seconds) * 1000))
        peer = self.peer.fileno() in ready
        if self._outward if peer else ready.get(self._inner.fileno(), 0) & ~_WRITE:
            self._outwards()
        came = bool(peer or (ready and self._inward)) and self._inwards()
        return came or fd in ready

    def flush(self) -> None:
        """Pass on what the library has just written, without waiting for it to be noticed: a query is one wait less."""
        if not (self._outward or self._library_ended):
            self._outwards()

    def _idle(self, seconds: float, fd: int) -> bool:
        """`step` while nothing is kept back: all that matters is who speaks first. The set of descriptors is made once;
        a query would otherwise cost half as much again."""
        if self._watched is None or self._watched[0] != fd:
            waiter = select.poll()
            for one in (self._inner.fileno(), self.peer.fileno(), *([fd] if fd >= 0 else [])):
                waiter.register(one, _READ)
            self._watched = fd, waiter
        ready = [one for one, _ in self._watched[1].poll(max(0.0, seconds) * 1000)]
        if self.peer.fileno() in ready:
            return self._inwards() or fd in ready
        if self._inner.fileno() in ready:
            self._outwards()
        return fd in ready

    def _outwards(self) -> None:
        try:
            if not self._outward:
                self._outward = self._inner.recv(_PIECE)
                self._library_ended = not self._outward
            if self._outward:
                self._outward = self._outward[self.peer.send(self._outward) :]
        except BlockingIOError:
            return
        except OSError:  # the peer is gone; what it said before is still to be read
            self._outward = b""

    def _inwards(self) -> bool:
        try:
            if not self._inward and not self._peer_ended:
                self._inward = self.peer.recv(_PIECE)
                self.came += len(self._inward)
                self._peer_ended = not self._inward
        except BlockingIOError:
            return False
        except OSError:
            self._peer_ended = True
        if self.came > self.most:
            self.overrun = True
            self._inward, self._peer_ended = b"", True
        try:
            if self._inward:
                self._inward = self._inward[self._inner.send(self._inward) :]
            elif self._peer_ended:
                self._inner.shutdown(_socket.SHUT_WR)
        except BlockingIOError:
            return False
        except OSError:
            self._library_ended = True
        return True

    def close(self) -> None:
        """Send what the library has said last, as far as it is taken at once, and hang up."""
        with suppress(OSError):
            while rest := self._outward or self._inner.recv(_PIECE):
                self._outward = b""
                self.peer.sendall(rest)
        self._inner.close()
        self.peer.close()

    def in_thread(self, deadline: float) -> None:
        """Run in a thread of its own until the library hangs up, or until `deadline` (of time.monotonic())."""
        threading.Thread(target=self._run, args=(deadline,), daemon=True).start()

    def _run(self, deadline: float) -> None:
        try:
            while not self._library_ended and not self.overrun:
                left = deadline - time.monotonic()
                if left <= 0:
                    self.late = True
                    break
                self.step(left)
        finally:
            self.close()
