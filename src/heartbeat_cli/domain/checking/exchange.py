"""One HTTP exchange as data: what a monitor asks for and what `multi.py` brings back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.record import Record

FaultKind = Literal[
    "timeout",
    "dns",
    "route",
    "connect",
    "tls",
    "expired",
    "reset",
    "redirects",
    "too_large",
    "protocol",
    "forbidden",
    "proxy",
    "other",
]

_EMPTY: Mapping[str, float] = {}


class Request(Record):
    """An exchange to make. The total deadline comes from the check, not from here.

    `unix_socket` is a path (the URL's host is then only the Host header); `redirects` how many are followed, with
    `same_host` only those that stay on the URL's host;
    `max_body` bytes kept of the answer: more is cut and `Response.truncated` set, without waiting for the rest;
    `enough` is called with each piece of the body: once it returns True the answer counts as complete, and no more is
    waited for (a stream of events may stay open for ever); with `refusals_only`, the body of a 2xx is not waited for;
    `proxy` is the address of a proxy to go through, for channels and hooks: no check sets it.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    unix_socket: str | None = None
    verify_tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    redirects: int = 5
    same_host: bool = False
    max_body: int = 65_536
    max_headers: int = 65_536
    enough: Callable[[bytes], bool] | None = None
    refusals_only: bool = False
    proxy: str | None = None


class Fault(Record):
    """Why there is no complete answer: a kind to decide on and a plain line to show; `refused` when nothing listens."""

    kind: FaultKind
    text: str
    refused: bool = False


class Response(Record):
    """What came back. With `fault` set, the other fields hold what arrived before it (status 0: nothing).

    `phases` are seconds since the start: `dns`, `connect`, `tls`, `first_byte`, `total` (those that happened).
    `certificate_expires` is seconds since the epoch; `head` are the lines of the last answer's head as they came.
    """

    status: int
    head: tuple[bytes, ...] = ()
    body: bytes = b""
    truncated: bool = False
    elapsed: float = 0.0
    phases: Mapping[str, float] = _EMPTY
    certificate_expires: float | None = None
    url: str = ""
    fault: Fault | None = None


class FollowUp(Record):
    """What a monitor's `read` gives in place of a reading where an answer that is complete does not decide, or where
    evidence has to be asked for: one more exchange, within what is left of the check's time, and what judges its
    response. That gives a reading: there is one follow-up at most."""

    request: Request
    read: Callable[[Response], Reading]


def headers(head: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The headers in the lines of a head: names in lower case, white space around the values left out."""
    for line in head:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and not name.startswith("HTTP/"):
            yield name.strip().lower(), value.strip()
