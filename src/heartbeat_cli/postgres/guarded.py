"""What libpq reads, bounded: its socket is exchanged for the end of a relay before it reads the first byte.

libpq keeps in memory whatever a server sends, before it has logged in as well: rows, notices, parameters. psycopg2
offers no way to see how much that is; a claimed length alone has one call read a gigabyte.
"""

import _socket
import os
import select
import stat
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from heartbeat_cli.domain.text import Text
from heartbeat_cli.postgres.login import Login
from heartbeat_cli.system import environment, trusted
from heartbeat_cli.system.relay import Relay

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Of a whole connection, however little each answer brings: notices and notifications (a server told to log to its
# clients has some hundreds a pass), and bytes of answers without a row, not counting what an honest one has.
_MOST_ASIDES = 10_000
_MOST_BESIDES, _HONEST = 262_144, 1_024

# What it reads by itself: the keyword, the variable, and the name in $HOME where neither says another (of some none).
_FILES = (
    ("sslrootcert", "PGSSLROOTCERT", ".postgresql/root.crt"),
    ("sslcrl", "PGSSLCRL", ".postgresql/root.crl"),
    ("sslcrldir", "PGSSLCRLDIR", ""),
    ("sslcert", "PGSSLCERT", ".postgresql/postgresql.crt"),
    ("sslkey", "PGSSLKEY", ".postgresql/postgresql.key"),
    ("passfile", "PGPASSFILE", ".pgpass"),
    ("servicefile", "PGSERVICEFILE", ".pg_service.conf"),
    ("", "PGSYSCONFDIR", ""),
)
_OF_SERVICES = ("PGSERVICEFILE", "PGSYSCONFDIR")


def unusable_file(params: Mapping[str, str]) -> str | None:
    """Why libpq must not be let at a file that it would read for these parameters: a pipe, which it would wait at for
    ever, or one of another user's home ($HOME need not be ours: `sudo -E`). Or why it must not go on without a file,
    whose variable was dropped: without its authority or list of revoked certificates it would trust more."""
    home = os.environ.get("HOME", "")
    for key, variable, usual in _FILES:
        if not _is_read(variable, params):
            continue
        named = params.get(key) or os.environ.get(variable)
        if not named and variable in environment.dropped:
            return environment.remark(variable)
        path = named or (os.path.join(home, usual) if usual else "")
        try:
            found = os.stat(path)
            if stat.S_ISFIFO(found.st_mode) and not trusted.is_handed(path):
                return Text("{path} is a pipe, and not a file", path=path)
            if not named and not (trusted.is_ours(found) and trusted.is_ours(os.stat(home))):
                return Text("{path} is in the home of another user; set HOME to your own, as `sudo -H` does", path=path)
        except (OSError, ValueError):  # none there: libpq says so where it needs one
            continue
    return None


def _is_read(variable: str, params: Mapping[str, str]) -> bool:
    """Whether libpq reads what the variable would name."""
    if variable in _OF_SERVICES:
        return bool(params.get("service") or os.environ.get("PGSERVICE"))
    return variable != "PGPASSFILE" or not (params.get("password") or os.environ.get("PGPASSWORD"))


class Stranger(Exception):
    """A local server that may be another user who waits for a password; the text says whose."""


class Overrun(Exception):
    """The server has sent more than it may."""


class _Asides:
    """Takes the place of psycopg2's lists of notices and notifications, and only counts them."""

    def __init__(self) -> None:
        self.count = 0

    def append(self, aside: object) -> None:
        self.count += 1


class BoundedConnection:
    """An asynchronous connection of psycopg2 and its relay. `overrun` says what there was too much of, once there
    was: of no further use then. `check` is called with each socket that libpq has connected: before a byte has gone
    either way, and when the first has come (a connection by SYN cookie has no socket before). It raises Stranger."""

    overrun = ""

    def __init__(self, connection: "Connection", check: Callable[[_socket.socket, "Connection"], None]) -> None:
        self.connection, self._check = connection, check
        self._asides = _Asides()
        connection.notices = connection.notifies = self._asides  # type: ignore[assignment]
        self._besides = 0
        self._relay: Relay[_socket.socket] | None = None
        self._inode = 0
        self._came_before = 0  # bytes of earlier sockets
        self._has_answered = False  # the server at this socket
        self._connected = False
        self._login = Login(connection)

    def wait(self, deadline: float, most: int) -> bool:
        """Drive libpq until it is done; False when the deadline came first. Raises Overrun when that would take more
        than `most` bytes from the server, or more notices and notifications than a connection may have."""
        if self._relay is not None:
            self._relay.came, self._relay.most = 0, most
        while True:
            state = self.connection.poll() if self._connected else self._logged_in(deadline, most)
            if state is None:
                return False
            if self._asides.count > _MOST_ASIDES:
                raise self._over(Text("{n:,} notices and notifications", n=_MOST_ASIDES))
            if not state:
                self._connected = True
                return True
            if not self._passed_on(state, deadline):
                return False

    def _logged_in(self, deadline: float, most: int) -> int | None:
        """One step of the login: what `poll` says of it; None when the deadline came first. Until the server has said
        a word, libpq has nothing to work at."""
        self._join(most)
        relay = self._relay
        if relay is None or not relay.came:
            return self.connection.poll()
        if not self._has_answered and relay.came > self._came_before:
            self._has_answered = True
            self._check(relay.peer, self.connection)
        return self._login.poll(deadline, over_tcp=relay.peer.family != _socket.AF_UNIX)

    def count_as_rowless(self) -> None:
        """What came in the last `wait` held no row. Raises Overrun when that was too much, all in all: libpq compares
        each parameter that a server tells with all before."""
        if self._relay is not None:
            self._besides += max(0, self._relay.came - _HONEST)
        if self._besides > _MOST_BESIDES:
            raise self._over(Text("{n:,} bytes besides rows", n=_MOST_BESIDES))

    def _over(self, what: str) -> Overrun:
        self.overrun = what
        return Overrun(what)

    def _passed_on(self, state: int, deadline: float) -> bool:
        """Wait until there is something for libpq to do; False when the deadline came first."""
        fd, events = self.connection.fileno(), select.POLLIN if state == 1 else select.POLLOUT
        if self._relay is not None:
            self._relay.flush()
        while (left := deadline - time.monotonic()) > 0:
            if self._relay is None:
                waiter = select.poll()
                waiter.register(fd, events)
                waiter.poll(left * 1000)
                return True
            busy = self._relay.step(left, fd, events)
            if self._relay.overrun:
                most = self._relay.most
                if self._connected:
                    raise self._over(Text("{n:,} bytes for one query", n=most))
                raise self._over(Text("{n:,} bytes before it let anybody in", n=most))
            if busy:
                return True
        return False

    def _join(self, most: int) -> None:
        """Put the relay in the place of libpq's socket, once that is connected. libpq begins anew, with a new socket,
        where a server has several addresses or wants no TLS."""
        fd = self.connection.fileno()
        if self._relay is not None and os.fstat(fd).st_ino == self._inode:
            return
        peer = _socket.socket(fileno=os.dup(fd))
        try:
            peer.getpeername()
        except OSError:  # not connected yet, or never
            peer.close()
            return
        try:
            self._check(peer, self.connection)
        except Stranger:
            peer.close()
            raise
        came = 0
        if self._relay is not None:
            came = self._relay.came
            self._relay.close()
        self._relay = Relay(peer, most, _socket.socketpair())
        self._relay.came = self._came_before = came
        self._has_answered = False
        end = self._relay.end
        try:
            end.setblocking(False)
            os.dup2(end.fileno(), fd, inheritable=False)
            self._inode = os.fstat(fd).st_ino
        finally:
            end.close()

    def close(self) -> None:
        """Hang up without waiting for the server."""
        if not self._login.stuck:
            self.connection.close()
        if self._relay is not None:
            self._relay.close()
