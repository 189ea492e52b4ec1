"""One question to name servers, over UDP and TCP, bounded in time.

https://www.rfc-editor.org/rfc/rfc1035#section-4.2: an answer that is cut off (TC) is asked for again over TCP.
"""

import errno
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query
import dns.rcode

from heartbeat_cli.domain.plain import duration, one_line, system_words
from heartbeat_cli.domain.text import Text

_ROUNDS = 2  # a lost packet is not worth a failure
_ELSEWHERE = (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP)  # another server may know more


class Answer(NamedTuple):
    """What came back from which server; `seconds` from the question to the answer."""

    message: dns.message.Message
    server: str
    seconds: float


class NoAnswer(Exception):
    """No server gave one. `refused`: on each of them nobody listens."""

    def __init__(self, text: str, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused


def ask(query: dns.message.Message, servers: Sequence[str], port: int, deadline: float, *, tcp: bool) -> Answer:
    """The first answer that decides, by the deadline (time.monotonic()). Each try has an even share of the time that is
    left. Raises NoAnswer."""
    refused: set[str] = set()
    text, last = "", None
    tries = [server for _ in range(_ROUNDS) for server in servers]
    for place, server in enumerate(tries):
        left = deadline - time.monotonic()
        if server in refused or left <= 0:
            continue
        started = time.monotonic()
        try:
            message = _exchange(query, server, port, left / (len(tries) - place), tcp)
        except ConnectionRefusedError:
            refused.add(server)
            text = Text("connection refused by {place}", place=f"{server}:{port}")
        except (OSError, EOFError, dns.exception.DNSException) as error:
            text = _words(error, server, deadline - started)
        else:
            last = Answer(message, server, time.monotonic() - started)
            if len(servers) == 1 or message.rcode() not in _ELSEWHERE:
                return last
    if last is not None:
        return last
    raise NoAnswer(text or Text("no answer in time"), refused >= set(servers))


def _exchange(query: dns.message.Message, server: str, port: int, timeout: float, tcp: bool) -> dns.message.Message:
    until = time.monotonic() + timeout
    if not tcp:
        try:
            return _udp(query, server, port, timeout)
        except dns.message.Truncated:
            pass
    return dns.query.tcp(query, server, timeout=max(0.05, until - time.monotonic()), port=port)


def _udp(query: dns.message.Message, server: str, port: int, timeout: float) -> dns.message.Message:
    """Over a socket that is connected: only then does the system say that nobody listens. What does not answer this
    question (another id, another sender, no message at all) is passed over."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        server, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
    )[0]
    with socket.socket(family, kind, protocol) as link:
        link.setblocking(False)
        link.connect(address)
        return dns.query.udp(
            query,
            server,
            timeout=timeout,
            port=port,
            sock=link,
            ignore_unexpected=True,
            ignore_errors=True,
            raise_on_truncation=True,
        )


def _words(error: Exception, server: str, seconds: float) -> str:
    if isinstance(error, dns.exception.Timeout | TimeoutError):
        return Text("{at} did not answer within {t}", at=server, t=duration(seconds))
    if isinstance(error, OSError):
        why = system_words((error.strerror or errno.errorcode.get(error.errno or 0, "") or str(error)).lower())
        return Text("no way to {server}: {why}", server=server, why=why)
    said = one_line(f"{type(error).__name__}: {error}", 120)
    return Text("{server} sent what is no answer: {why}", server=server, why=said)
