"""Redis' protocol RESP2 on one connection, bounded in bytes and time.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import re
import socket
import time

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable

USERS = ("redis", "valkey", "haproxy")  # as which a server of this host runs, or what stands before it
_MOST_BYTES = 1_048_576  # of a reply
_LONGEST_LINE = 4_096
_MOST_NAMES = 1_000


class Conversation:
    """Commands and replies on one connection, until a deadline."""

    def __init__(self, link: socket.socket, deadline: float) -> None:
        self._link, self._deadline = link, deadline
        self._read = bytearray()

    def ask(self, *words: str) -> str | None:
        """The reply to a command, None where that is null. Raises Unobservable for an error and for a list, and
        TimeoutError and OSError of the connection."""
        self._send(words)
        return self._reply()

    def names(self, *words: str) -> list[str]:
        """The reply to a command that gives a list of strings: at most 1,000 of them, and 1 MiB in all."""
        self._send(words)
        line = self._line()
        if re.fullmatch(rb"[*~][0-9]{1,6}", line) is None:
            raise Unobservable(Text("redis answers no list"))
        found: list[str] = []
        size = 0
        for _ in range(min(int(line[1:]), _MOST_NAMES)):
            found.append(self._reply() or "")
            size += len(found[-1])
            if size > _MOST_BYTES:
                raise Unobservable(Text("the answer is longer than {n:,} bytes", n=_MOST_BYTES))
        return [one for one in found if one]

    def _send(self, words: tuple[str, ...]) -> None:
        parts = [word.encode() for word in words]
        sent = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        self._link.settimeout(self._left())
        self._link.sendall(sent)

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
