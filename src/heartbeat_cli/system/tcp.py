"""Open one TCP connection under one deadline: name lookup included, all addresses tried, the first wins."""

import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.errors import Unobservable

_STAGGER_SECONDS = 0.25  # RFC 8305: how long one address has to itself
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN)
_OWN_TROUBLE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EPERM)

Address = tuple[int, Any]  # a family, and what the socket module takes as an address of it


class DialError(Exception):
    """No connection, with the reason in plain words. `refused`: something at the other end answered, and said no;
    `unreachable`: the host has no known address, or there is no way to it."""

    def __init__(self, text: str, *, refused: bool = False, unreachable: bool = False) -> None:
        super().__init__(text)
        self.refused = refused
        self.unreachable = unreachable


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """A connected, non-blocking socket. Raises DialError, or Unobservable for this host's own trouble."""
    deadline = time.monotonic() + timeout
    failed: list[int] = []
    link = _race(in_turn(_lookup(host, port, timeout)), deadline, failed)
    if link is not None:
        return link
    if not failed or time.monotonic() >= deadline:
        raise DialError(
            Text("no connection to {host}:{port} within {timeout:g} s", host=host, port=port, timeout=timeout)
        )
    reasons = listed(map(_words, dict.fromkeys(failed)))
    raise DialError(
        Text("no connection to {host}:{port}: {why}", host=host, port=port, why=reasons),
        refused=errno.ECONNREFUSED in failed,
        unreachable=all(code in _NO_WAY for code in failed),
    )


def _lookup(host: str, port: int, timeout: float) -> list[Address]:
    """The addresses of `host`. The system's resolver knows no deadline, so it gets a thread of its own
    (written out here and not by `in_threads`, which every pass with a `tcp` component would have to import)."""
    found: list[Address] = []
    trouble: list[str] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((answer[0], answer[4]) for answer in answers)
        except OSError as error:
            trouble.append(system_words(str(error.strerror or error).lower()))
        except UnicodeError:
            trouble.append(Text("not a host name"))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if trouble:
        raise DialError(Text("cannot find host {host}: {trouble}", host=host, trouble=trouble[0]), unreachable=True)
    if thread.is_alive() or not found:
        raise DialError(
            Text(
                "cannot find host {host}: no answer from the name service within {timeout:g} s",
                host=host,
                timeout=timeout,
            ),
            unreachable=True,
        )
    return found


def in_turn(addresses: Iterable[Address]) -> list[Address]:
    """Alternate the families, beginning with the one the system prefers; each address once."""
    known = list(dict.fromkeys(addresses))
    first = [entry for entry in known if entry[0] == known[0][0]]
    other = [entry for entry in known if entry[0] != known[0][0]]
    return [entry for pair in zip_longest(first, other) for entry in pair if entry is not None]


def _race(waiting: list[Address], deadline: float, failed: list[int]) -> socket.socket | None:
    """The first connection that comes up; every other attempt is closed, its error number kept in `failed`."""
    winner: socket.socket | None = None
    next_start = 0.0
    with selectors.DefaultSelector() as selector:
        try:
            while winner is None and (waiting or selector.get_map()):
                now = time.monotonic()
                if now >= deadline:
                    break
                if waiting and (now >= next_start or not selector.get_map()):
                    next_start = now + _STAGGER_SECONDS
                    _start(waiting.pop(0), selector, failed)
                    continue
                for key, _ in selector.select(min(deadline, next_start if waiting else deadline) - now):
                    winner = winner or _settle(key, selector, failed)
        finally:
            for key in list(selector.get_map().values()):
                key.data.close()
    return winner


def _start(address: Address, selector: selectors.BaseSelector, failed: list[int]) -> None:
    """Begin one attempt; it may fail at once."""
    link = None
    try:
        link = socket.socket(address[0], socket.SOCK_STREAM)
        link.setblocking(False)
        code = link.connect_ex(address[1])
    except OSError as error:
        code = error.errno or errno.EIO
    if link is not None and code in (0, errno.EINPROGRESS):
        selector.register(link, selectors.EVENT_WRITE, link)
        return
    if link is not None:
        link.close()
    if code in _OWN_TROUBLE:
        raise Unobservable(Text("cannot open a connection from this host: {words}", words=_words(code)))
    failed.append(code)


def _settle(key: selectors.SelectorKey, selector: selectors.BaseSelector, failed: list[int]) -> socket.socket | None:
    link: socket.socket = key.data
    selector.unregister(link)
    code = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code == 0:
        return link
    link.close()
    failed.append(code)
    return None


def _words(code: int) -> str:
    return system_words(os.strerror(code).lower())
