"""Sources in Redis or Valkey: one command, spoken over a connection of its own in RESP2.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import re
import socket
import time

from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._sources import RedisSource
from heartbeat_cli.system.tcp import DialError, dial

_MOST_BYTES = 1_048_576  # of a reply
_LONGEST_LINE = 4_096
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?(?:[eE][-+]?[0-9]{1,3})?|inf|nan)")


def problems(source: RedisSource) -> list[tuple[str, str]]:
    """What is wrong with a source, as (key, text)."""
    found = []
    if not source.command or not all(source.command):
        found.append(("command", 'expected the words of a command, as ["LLEN", "celery"]'))
    if not source.host.strip():
        found.append(("host", "is empty; expected a name or an address"))
    if not 1 <= source.port <= 65_535:
        found.append(("port", f"expected 1 to 65535, got {source.port}"))
    if source.db < 0:
        found.append(("db", f"expected 0 or more, got {source.db}"))
    if source.user is not None and source.password is None:
        found.append(("user", "works only with password"))
    if source.command and (source.field is not None) != (source.command[0].upper() == "INFO"):
        found.append(("field", "is needed with INFO, and works only there"))
    return found


def host_of(source: RedisSource) -> str | None:
    """The host of the server."""
    return source.host


def read(source: RedisSource, deadline: float) -> float:
    """The number, by the deadline (time.monotonic()). Raises Unobservable."""
    try:
        with dial(source.host, source.port, max(0.05, deadline - time.monotonic())) as link:
            reply = _Conversation(link, deadline).reply_to(source)
    except DialError as error:
        raise Unobservable(str(error)) from None
    except TimeoutError:
        raise Unobservable(Text("redis did not answer in time")) from None
    except OSError as error:
        raise Unobservable(Text("redis: {why}", why=system_words((error.strerror or str(error)).lower()))) from None
    if reply is None:
        raise Unobservable(Text("redis has no such key"))
    if source.field is not None:
        reply = _field(reply, source.field)
    if not _NUMBER.fullmatch(reply.strip()):
        raise Unobservable(Text("redis answers {said}, not a number", said=f'"{one_line(reply, 60)}"'))
    return float(reply)


def _field(info: str, name: str) -> str:
    for line in info.splitlines():
        key, colon, value = line.partition(":")
        if colon and key == name:
            return value
    raise Unobservable(Text("redis: INFO has no field {name}", name=name))


class _Conversation:
    """Commands and replies on one connection, until a deadline."""

    def __init__(self, link: socket.socket, deadline: float) -> None:
        self._link, self._deadline = link, deadline
        self._read = bytearray()

    def reply_to(self, source: RedisSource) -> str | None:
        """Log in, choose the database, and return the reply to the command, None where that is null."""
        if source.password is not None:
            self._ask("AUTH", *([source.user] if source.user is not None else []), source.password)
        if source.db:
            self._ask("SELECT", str(source.db))
        return self._ask(*source.command)

    def _ask(self, *words: str) -> str | None:
        parts = [word.encode() for word in words]
        sent = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        self._link.settimeout(self._left())
        self._link.sendall(sent)
        return self._reply()

    def _reply(self) -> str | None:
        line = self._line()
        kind, rest = line[:1], line[1:].decode("utf-8", "replace")
        if kind == b"-":
            raise Unobservable(Text("redis answers: {said}", said=one_line(rest)))
        if kind in (b"+", b":"):
            return rest
        length = re.fullmatch(r"-?[0-9]{1,9}", rest)
        if kind != b"$" or length is None:
            if kind in (b"*", b"%", b"~"):
                raise Unobservable(Text("redis answers a list, not a number"))
            raise Unobservable(Text("what answers there does not speak the protocol of Redis"))
        if int(length[0]) < 0:
            return None
        if int(length[0]) > _MOST_BYTES:
            raise Unobservable(Text("the answer is longer than {n:,} bytes", n=_MOST_BYTES))
        return self._bytes(int(length[0])).decode("utf-8", "replace")

    def _line(self) -> bytes:
        while (end := self._read.find(b"\r\n")) < 0:
            if len(self._read) > _LONGEST_LINE:
                raise Unobservable(Text("what answers there does not speak the protocol of Redis"))
            self._receive()
        line = bytes(self._read[:end])
        del self._read[: end + 2]
        return line

    def _bytes(self, count: int) -> bytes:
        while len(self._read) < count + 2:
            self._receive()
        found = bytes(self._read[:count])
        del self._read[: count + 2]
        return found

    def _receive(self) -> None:
        self._link.settimeout(self._left())
        chunk = self._link.recv(65_536)
        if not chunk:
            raise Unobservable(Text("redis closed the connection"))
        self._read += chunk

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
