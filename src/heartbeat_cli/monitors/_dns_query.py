"""One question to name servers, over UDP and TCP, bounded in time.

https://www.rfc-editor.org/rfc/rfc1035#section-4.2: an answer that is cut off (TC) is asked for again over TCP.
"""

import errno
import socket
import time
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.rcode

from heartbeat_cli.domain.plain import duration, one_line, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

_ROUNDS = 2  # a lost packet is not worth a failure
_LARGEST = 4_096  # bytes of a packet; we say that we take 1,232, and one of 65,535 can take seconds to read
# Over TCP; a name is written in two bytes, read in a hundred steps, and a record has three of them at the most.
_MOST_BYTES, _MOST_RECORDS = 16_384, 256
_ELSEWHERE = (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP)  # another server may know more


class Answer(Record):
    """What came back from which server; `seconds` from the question to the answer."""

    message: dns.message.Message
    server: str
    seconds: float


class _Unusable(Exception):
    """What came is not read; the text says why."""


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
        except (OSError, EOFError, ValueError, _Unusable, dns.exception.DNSException) as error:
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
    return _tcp(query, server, port, until)


def _udp(query: dns.message.Message, server: str, port: int, timeout: float) -> dns.message.Message:
    """Over a socket that is connected: only then does the system say that nobody listens. What does not answer this
    question (another id, no message, too long) is passed over, and the clock is read before each packet: more may come
    than can be read. Raises TimeoutError, dns.message.Truncated or another OSError."""
    until = time.monotonic() + timeout
    family, kind, protocol, _, address = socket.getaddrinfo(
        server, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
    )[0]
    wire = query.to_wire()
    with socket.socket(family, kind, protocol) as link:
        link.connect(address)
        link.settimeout(max(0.05, timeout))
        link.send(wire)
        while (left := until - time.monotonic()) > 0:
            link.settimeout(left)
            packet = link.recv(_LARGEST)
            if packet[:2] == wire[:2] and (message := _answer_in(packet, query)) is not None:
                return message
    raise TimeoutError


def _tcp(query: dns.message.Message, server: str, port: int, until: float) -> dns.message.Message:
    """Nothing is read of an answer that would take longer than one over UDP, since reading knows no clock. Raises
    TimeoutError or another OSError, EOFError, _Unusable, or what dnspython raises for no message."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        server, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    wire = query.to_wire()
    with socket.socket(family, kind, protocol) as link:
        link.settimeout(max(0.05, until - time.monotonic()))
        link.connect(address)
        link.sendall(len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(_received(link, 2, until), "big")
        if length > _MOST_BYTES:
            raise _Unusable(Text("{server} sent an answer of more than {n:,} bytes", server=server, n=_MOST_BYTES))
        packet = _received(link, length, until)
    records = sum(int.from_bytes(packet[at : at + 2], "big") for at in (4, 6, 8, 10))
    if records > _MOST_RECORDS:
        raise _Unusable(Text("{server} sent an answer of more than {n:,} records", server=server, n=_MOST_RECORDS))
    message = dns.message.from_wire(packet)
    if not query.is_response(message):
        raise _Unusable(Text("{server} answered another question", server=server))
    return message


def _received(link: socket.socket, size: int, until: float) -> bytes:
    """So many bytes, by a moment of time.monotonic(). Raises EOFError when there are fewer, or an OSError."""
    found = bytearray()
    while len(found) < size:
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        link.settimeout(left)
        piece = link.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)


def _answer_in(packet: bytes, query: dns.message.Message) -> dns.message.Message | None:
    """The answer to a query; None for any other packet. Raises dns.message.Truncated for an answer that is cut off."""
    try:
        message = dns.message.from_wire(packet, raise_on_truncation=True)
    except dns.message.Truncated as cut:
        if query.is_response(cut.message()):  # type: ignore[no-untyped-call]
            raise
        return None
    except (dns.exception.DNSException, ValueError):
        return None
    return message if query.is_response(message) else None


def _words(error: Exception, server: str, seconds: float) -> str:
    if isinstance(error, _Unusable):
        return str(error)
    if isinstance(error, EOFError):
        return Text("{server} hung up before its answer was complete", server=server)
    if isinstance(error, TimeoutError):
        return Text("{at} did not answer within {t}", at=server, t=duration(seconds))
    if isinstance(error, OSError):
        why = system_words((error.strerror or errno.errorcode.get(error.errno or 0, "") or str(error)).lower())
        return Text("no way to {server}: {why}", server=server, why=why)
    said = one_line(f"{type(error).__name__}: {error}", 120)
    return Text("{server} sent what is no answer: {why}", server=server, why=said)
