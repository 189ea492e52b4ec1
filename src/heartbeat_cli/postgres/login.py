"""libpq's part of a login, which lasts as long as the server likes, beside everything else.

With SCRAM the server says how often a password is hashed: up to two thousand million times, three quarters of an hour
in one call of libpq; and it chooses the numbers of a TLS handshake, which may take a second. Meanwhile psycopg2 lets no
other thread of Python run. So the call is made in a thread of its own, through `_ctypes`, which lets them.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from heartbeat_cli.postgres.driver import driver

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_READ, _WRITE = 1, 2  # of PQconnectPoll and of `poll` alike; the others are not
_LOWEST = 19


class Login:
    """One connection until it is there. `stuck`: libpq is at it still, past the deadline; nobody may touch the
    connection any more, then."""

    stuck = False

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def poll(self, deadline: float, *, over_tcp: bool) -> int | None:
        """What the connection's own `poll` says; None where libpq is not done with it by the deadline. A Unix socket
        (not `over_tcp`) has no TLS, so that without a password nothing is computed."""
        call = _libpq() if over_tcp or self._connection.info.password else None
        if call is None:
            return self._connection.poll()
        said: list[int] = []
        pointer = self._connection.pgconn_ptr
        worker = threading.Thread(target=lambda: said.append(call(pointer)), daemon=True)
        worker.start()
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            self._leave(worker)
            return None
        return said[0] if said and said[0] in (_READ, _WRITE) else self._connection.poll()

    def _leave(self, worker: threading.Thread) -> None:
        """Libpq goes on until this process ends: with the connection, which must stay, and least of all in turn."""
        import _ctypes

        self.stuck = True
        _ctypes.Py_INCREF(self._connection)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, worker.native_id or 0, _LOWEST)


@cache
def _libpq() -> Callable[[int | None], int] | None:
    """PQconnectPoll of the libpq that psycopg2 uses; None where it cannot be had."""
    try:
        import _ctypes

        class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "i"

        class Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "P"

        class Function(_ctypes.CFuncPtr):
            _flags_ = _ctypes.FUNCFLAG_CDECL
            _restype_ = Int

        found = _ctypes.dlsym(_ctypes.dlopen(driver()._psycopg.__file__, 0), "PQconnectPoll")
        function = Function(found)
        function.argtypes = (Pointer,)
    except (ImportError, OSError, AttributeError, TypeError):
        return None
    return function
