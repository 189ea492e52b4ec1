"""One exchange on one libcurl handle: set it up, take what comes (bounded), and word what became of it.

`multi.py` decides when a transfer runs; everything about a single one is here. Redirects are followed here and
not by libcurl: each hop is a transfer of its own with what is left of the time, so that headers and client
certificates meant for one host never reach another, and no redirect's body is waited for.
"""

import time
from typing import TYPE_CHECKING, Any

from heartbeat_cli.domain import addresses
from heartbeat_cli.domain.addresses import ordinary
from heartbeat_cli.domain.checking.exchange import Fault, Request, Response, headers
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http.curl import pycurl
from heartbeat_cli.http.faults import TransferState, fault_of, plain
from heartbeat_cli.http.options import are_alike, configure, configure_alike

if TYPE_CHECKING:
    from heartbeat_cli.http.unpack import Unpacker

_WRITE_ERROR = 23
_TIMED_OUT = 28
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_VERSIONS = frozenset({b"HTTP/1.1 ", b"HTTP/1.0 "})
_URL_SIGNS = "%/:=&?~#+!$,;'@()*[]"
_MOMENTS = (
    ("dns", pycurl.NAMELOOKUP_TIME),
    ("connect", pycurl.CONNECT_TIME),
    ("tls", pycurl.APPCONNECT_TIME),
    ("first_byte", pycurl.STARTTRANSFER_TIME),
)
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})  # what another origin is told
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Hop(Record):
    """Where an exchange stands in a chain of redirects: the request as it goes out now, and its past."""

    request: Request
    number: int = 0
    spent: float = 0.0


class Transfer:
    """One hop after another on one libcurl handle: the sinks that it writes into, and the reading of the result."""

    __slots__ = (
        *("_alike", "_coding", "_packed", "_unpacker", "body", "curl", "enough", "head", "header_bytes", "hop"),
        *("limit", "refused", "request", "status", "truncated"),
    )

    def __init__(self, curl: Any) -> None:
        self.curl = curl
        self._alike: Request | None = None  # the handle has the options of a request like this one

    def begin(self, hop: Hop, limit: float) -> None:
        """Set the handle up for a hop. `limit` is what is left of the exchange's seconds. Raises ValueError when it
        cannot go out."""
        self.hop, self.limit = hop, limit
        self.request = request = hop.request
        self.status = self.header_bytes = self._packed = 0
        self._coding = b""
        self._unpacker: Unpacker | None = None
        self.refused: Fault | None = None
        self.head: list[bytes] = []
        self.body = bytearray()
        self.truncated = self.enough = False
        before, self._alike = self._alike, None
        if before is not None and are_alike(request, before):
            configure_alike(self.curl, request, limit)
        else:
            configure(self.curl, request, limit)
            self.curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
            self.curl.setopt(pycurl.WRITEFUNCTION, self._take_body)

    def _take_header(self, line: bytes) -> int | None:
        """Collect header lines. The head of an interim answer gives way to the next; all bytes count."""
        self.header_bytes += len(line)
        if self.header_bytes > self.request.max_headers:
            limit = self.request.max_headers
            self.refused = Fault("too_large", Text("the headers are larger than {limit} bytes", limit=limit))
            return 0
        if not self.head or self.head[-1][:1] in b"\r\n":
            if self.head and not 100 <= self.status < 200:
                return None  # a trailer, behind the body
            self.head.clear()
            self.status, self._coding = _status(line), b""
            if not self.status:  # libcurl reads others, too, and may take one for an interim answer
                self.refused = Fault(
                    "protocol", Text("no status line of HTTP/1: {said}", said=plain(line[:200].decode("latin-1")))
                )
                return 0
        elif line[:1] in b"cC" and line[:17].lower() == b"content-encoding:":
            coding = line[17:].strip().lower()
            if self._coding or b"," in coding:
                self.refused = Fault("too_large", Text("the answer is compressed more than once"))
                return 0
            self._coding = coding if coding != b"identity" else b""
        self.head.append(line)
        if self.status in _REDIRECTS and line[:1] in b"\r\n" and self._location() is not None:
            return 0  # a redirect's body says nothing: do not even wait for its first byte
        if self.request.refusals_only and 200 <= self.status < 300 and line[:1] in b"\r\n":
            self.enough = True
            return 0
        return None

    def _take_body(self, chunk: bytes) -> int | None:
        """Keep what fits. A refused chunk makes libcurl end the transfer at once."""
        room = self.request.max_body - len(self.body)
        if self._coding:
            self._packed += len(chunk)
            unpacked = self._unpacked(chunk, room + 1)
            if unpacked is None:
                return 0
            chunk = unpacked
        if len(chunk) > room or self._packed > self.request.max_body:
            self.body += chunk[:room] if room > 0 else b""
            self.truncated = True
            return 0
        self.body += chunk
        whole = self._unpacker is not None and self._unpacker.is_done
        if whole or (self.request.enough is not None and self.request.enough(chunk)):
            self.enough = True
            return 0
        return None

    def _unpacked(self, chunk: bytes, most: int) -> bytes | None:
        """What a chunk of a compressed body holds, at most so many bytes; None where that cannot be read."""
        from heartbeat_cli.http import unpack  # of use for a server that compresses although nobody asked for it

        try:
            if self._unpacker is None:
                self._unpacker = unpack.Unpacker(self._coding)
            return self._unpacker.unpacked(chunk, most)
        except unpack.NotUnpacked as error:
            self.refused = unpack.broken(error)
            return None

    def _location(self) -> str | None:
        if self.status not in _REDIRECTS or self.request.redirects <= 0:
            return None
        return next((value for name, value in headers(self.head) if name == "location"), None)

    def finish(self, code: int, said: str) -> "Response | Hop":
        """What the ended transfer came to: the next hop of a redirect, or the response."""
        if code == 0 and self.status not in _REDIRECTS:  # as nearly all
            if self._unpacker is not None:  # the end of what is compressed would have ended the transfer
                from heartbeat_cli.http import unpack

                return self._response(unpack.BROKEN_OFF)
            self._alike = self.request
            return self._response(None)
        location = self._location()
        stopped_by_us = code == _WRITE_ERROR and not self.refused
        if location is not None and (code == 0 or stopped_by_us):
            return self._follow(location)
        if self.refused:
            return self._response(self.refused)
        if code == 0 or (stopped_by_us and (self.truncated or self.enough)):
            return self._response(None)
        fault = fault_of(self._state(code, said))
        return self._response(redirected(fault) if self.hop.number else fault)

    def abandon(self) -> Response:
        """The response of a transfer whose time ran out without libcurl having noticed."""
        return self._response(fault_of(self._state(_TIMED_OUT, "")))

    def resolving(self) -> bool:
        """Whether the name service has not answered yet: closing libcurl would wait for it."""
        return not self.request.unix_socket and not self.curl.getinfo(pycurl.NAMELOOKUP_TIME)

    def _follow(self, location: str) -> "Response | Hop":
        request, number = self.request, self.hop.number + 1
        if number > request.redirects:
            text = Text(
                "redirected more than {redirects} times, last to {location}",
                redirects=request.redirects,
                location=plain(location),
            )
            return self._response(Fault("redirects", text))
        onward = self._redirected(location)
        if isinstance(onward, str):
            return self._response(
                Fault("redirects", Text("redirected to {location}, {why}", location=plain(location), why=onward))
            )
        return Hop(onward, number, self.hop.spent + self.curl.getinfo(pycurl.TOTAL_TIME))

    def _redirected(self, location: str) -> Request | str:
        """The request as it goes on to `location`, or why it does not. At another origin it has no secrets, and none
        with a body goes there."""
        from urllib.parse import quote, urljoin

        request = self.request
        try:
            target = urljoin(request.url, quote(location, safe=_URL_SIGNS, encoding="latin-1"))
            new, old = addresses.origin(addresses.split(target)), addresses.origin(addresses.split(request.url))
        except ValueError:
            new = old = ("", None, None)
        if new[0] not in ("http", "https") or not new[1]:
            return Text("which is not followed")
        if request.same_host and new[1] != old[1]:
            return Text('which is another host (redirects_to = "same-host")')
        request = request._replace(url=target)
        if self.status == 303 or (self.status in (301, 302) and request.method == "POST"):
            request = request._replace(method="HEAD" if request.method == "HEAD" else "GET", body=None)
        if new == old:
            return request
        if request.body is not None:
            return Text("where a request with a body does not go")
        kept = tuple(pair for pair in request.headers if pair[0].lower() in _HARMLESS)
        return request._replace(headers=kept, cert_file=None, key_file=None)

    def _state(self, code: int, said: str) -> TransferState:
        info, request = self.curl.getinfo, self.request
        try:
            parts = ordinary(request.url) or addresses.split(request.url)
            scheme, place = parts.scheme, addresses.place(parts)
        except ValueError:
            scheme, place = "", plain(request.url)
        return TransferState(
            code=code,
            said=said,
            scheme=scheme,
            place=request.unix_socket or place,
            unix_socket=bool(request.unix_socket),
            limit=self.hop.spent + self.limit,
            os_error=info(pycurl.OS_ERRNO),
            resolved=info(pycurl.NAMELOOKUP_TIME),
            connected=info(pycurl.CONNECT_TIME),
            tls_done=info(pycurl.APPCONNECT_TIME),
            received=self.header_bytes + len(self.body),
            expired=self._expired() if scheme == "https" else None,
            by_proxy=request.proxy is not None,
        )

    def _expired(self) -> float | None:
        """When a certificate of the chain has expired. Where only one that the server does not send has, nobody knows
        when; nor with libcurl before 8.19, which keeps no certificates of a handshake that failed."""
        end = self._expiry()
        return end if end is not None and end <= time.time() else None

    def _response(self, fault: Fault | None) -> Response:
        url, getinfo, spent = self.request.url, self.curl.getinfo, self.hop.spent
        phases = {name: spent + seconds for name, moment in _MOMENTS if (seconds := getinfo(moment)) > 0}
        phases["total"] = total = spent + getinfo(pycurl.TOTAL_TIME)
        expires = self._expiry() if url[:6].lower() == "https:" else None
        shown = addresses.without_password(url) if "@" in url else url
        head, body = tuple(self.head), bytes(self.body)
        return Response(self.status, head, body, self.truncated, total, phases, expires, shown, fault)

    def _expiry(self) -> float | None:
        """The soonest end of any certificate in the chain: an expired link breaks it as the leaf does."""
        chain = self.curl.getinfo_raw(pycurl.INFO_CERTINFO)
        dates = (value.decode("latin-1") for link in chain for name, value in link if name == b"Expire date")
        ends = map(parse_expiry, dates)
        return min((end for end in ends if end is not None), default=None)


def _status(line: bytes) -> int:
    """The code in a status line as RFC 9112 (4) has it, 0 where it is another line."""
    code, end = line[9:12], line[12:13]
    return int(code) if line[:9] in _VERSIONS and code.isdigit() and end in b" \r\n" and len(code) == 3 else 0


def redirected(fault: Fault) -> Fault:
    """An address that cannot be asked is our own trouble, unless the target sent us there."""
    text = Text("redirected to a bad address: {why}", why=fault.text)
    return Fault("redirects", text) if fault.kind == "other" else fault


def no_answer(request: Request, fault: Fault) -> Response:
    """The response of an exchange that never got onto the wire."""
    return Response(0, url=addresses.without_password(request.url), fault=fault)


def parse_expiry(text: str) -> float | None:
    """Epoch seconds of `Nov 23 21:36:00 2026 GMT` (OpenSSL) or `2026-11-23 21:36:00 GMT` (GnuTLS), else None.
    By hand, because month names of strptime follow the locale."""
    from datetime import UTC, datetime

    words = text.split()
    try:
        if words[0] in _MONTHS:
            month, day, clock, year = _MONTHS.index(words[0]) + 1, int(words[1]), words[2], int(words[3])
        else:
            (year, month, day), clock = (int(part) for part in words[0].split("-")), words[1]
        hour, minute, second = (int(part) for part in clock.split(":"))
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except (ValueError, IndexError):
        return None
