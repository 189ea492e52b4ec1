"""Waits for the sockets that libcurl names, for `multi.py`: with epoll itself where there is one, which takes a third
of the time that the module `selectors` takes, and with that module elsewhere."""

import select
from contextlib import suppress
from typing import Protocol

from heartbeat_cli.http.curl import pycurl

_IN, _OUT = pycurl.CSELECT_IN, pycurl.CSELECT_OUT


class Poller(Protocol):
    """The sockets of one drive."""

    def watch(self, what: int, fd: int, multi: object, data: object, /) -> None:
        """What libcurl calls: it wants to know of events on this socket, or of none any more."""

    def wait(self, seconds: float, /) -> list[tuple[int, int]]:
        """The sockets of which there is news within so many seconds, each with the flags for libcurl."""

    def close(self) -> None: ...


def poller() -> Poller:
    """The best one that this system has."""
    return _Epoll() if hasattr(select, "epoll") else _Selector()


class _Epoll:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}
        both = select.EPOLLIN | select.EPOLLOUT
        self._events = {pycurl.POLL_IN: select.EPOLLIN, pycurl.POLL_OUT: select.EPOLLOUT, pycurl.POLL_INOUT: both}
        self._flags: dict[int, int] = {select.EPOLLIN: _IN, select.EPOLLOUT: _OUT, both: _IN | _OUT}

    def watch(self, what: int, fd: int, multi: object, data: object, /) -> None:
        known = self._watched.get(fd)
        if what == pycurl.POLL_REMOVE:
            if known is not None:
                del self._watched[fd]
                with suppress(OSError):  # an older libcurl says so after it has closed the socket
                    self._epoll.unregister(fd)
            return
        events = self._events.get(what, 0)
        if known != events:
            self._watched[fd] = events
            try:
                (self._epoll.register if known is None else self._epoll.modify)(fd, events)
            except FileNotFoundError:  # another socket has the number by now
                self._epoll.register(fd, events)

    def wait(self, seconds: float, /) -> list[tuple[int, int]]:
        flags = self._flags
        return [(fd, flags.get(seen) or self._troubled(fd)) for fd, seen in self._epoll.poll(seconds)]

    def _troubled(self, fd: int) -> int:
        """An error or a hang-up is news for whatever libcurl waits for there."""
        return self._flags.get(self._watched.get(fd, 0), 0)

    def close(self) -> None:
        self._epoll.close()


class _Selector:
    def __init__(self) -> None:
        import selectors

        self._selector = selectors.DefaultSelector()
        read, write = selectors.EVENT_READ, selectors.EVENT_WRITE
        self._events = {pycurl.POLL_IN: read, pycurl.POLL_OUT: write, pycurl.POLL_INOUT: read | write}
        self._flags = {read: _IN, write: _OUT, read | write: _IN | _OUT}

    def watch(self, what: int, fd: int, multi: object, data: object, /) -> None:
        known = fd in self._selector.get_map()
        if what != pycurl.POLL_REMOVE:
            (self._selector.modify if known else self._selector.register)(fd, self._events.get(what, 0))
        elif known:
            self._selector.unregister(fd)

    def wait(self, seconds: float, /) -> list[tuple[int, int]]:
        return [(key.fd, self._flags.get(seen, 0)) for key, seen in self._selector.select(seconds)]

    def close(self) -> None:
        self._selector.close()
