"""The options of a libcurl handle for a `Request`. Used by `transfer.py`.

Refuses what must not go out (line breaks in headers, a URL with control characters): a ValueError, one line.
"""

import os
from operator import attrgetter
from typing import Any

from heartbeat_cli import __version__
from heartbeat_cli.domain.checking.exchange import Fault, Request
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http.curl import pycurl
from heartbeat_cli.http.faults import plain
from heartbeat_cli.system import shared_folder

# Options that pycurl does not name. With the first, a resolver thread is never waited for; with the second, the head
# with which a proxy answers a CONNECT does not count as one of the target.
_NUMBERS = {"QUICK_EXIT": 322, "SUPPRESS_CONNECT_HEADERS": 265}
# The first libcurl (as 0xXXYYZZ) that knows an option, of those that are newer than the oldest in use.
_SINCE = {
    "HTTP09_ALLOWED": 0x074000,
    "QUICK_EXIT": 0x075700,
    "SUPPRESS_CONNECT_HEADERS": 0x073600,
    "PROXY_SSL_VERIFYPEER": 0x073400,
    "PROXY_SSL_VERIFYHOST": 0x073400,
    "PROXY_CAINFO": 0x073400,
    "PROXY_SSL_CIPHER_LIST": 0x073400,
}
_PORTS = {"http": 80, "https": 443}  # of a proxy whose address has none; libcurl would take 1080


def newer(name: str, value: int | bytes, version: int | None = None) -> list[tuple[int, int | bytes]]:
    """The option and its value where this libcurl (or `version`) and this pycurl know it, else nothing: an unknown one
    would fail every request."""
    known = (pycurl.version_info()[2] if version is None else version) >= _SINCE[name]
    number = _NUMBERS.get(name) or getattr(pycurl, name, None)
    return [(number, value)] if known and number is not None else []


# In finite-field DHE the server chooses the modulus: with one of 10,000 bits a handshake takes a second of CPU, in the
# one thread that serves all exchanges. Browsers offer it no more, and who has it has ECDHE. TLS 1.3 has groups of its
# own, which are cheap. Other TLS libraries than OpenSSL have other names for ciphers, and bounds of their own.
_CIPHERS = "DEFAULT:!kDHE" if str(pycurl.version_info()[5]).startswith("OpenSSL/") else ""

# Whether libcurl divides CONNECTTIMEOUT_MS among the addresses of a host, and fixes it when it begins: up to 8.11 it
# does. 8.23, the first of which it is known, tries all of them at once.
DIVIDES = pycurl.version_info()[2] < 0x081700
_NEVER = 2**31 - 1  # milliseconds, the most that there may be; 0 would mean five minutes

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

_ALWAYS: tuple[tuple[int, int | str | bytes], ...] = (
    (pycurl.NOSIGNAL, 1),
    *newer("QUICK_EXIT", 1),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.CONNECTTIMEOUT_MS, _NEVER),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    *newer("HTTP09_ALLOWED", 0),
    # A check must go the way a new client would: no old connection, no resumed TLS session (which shows no
    # certificate either), and no proxy, whose own health or cached 200 would stand in for the target's.
    (pycurl.FRESH_CONNECT, 1),
    (pycurl.FORBID_REUSE, 1),
    (pycurl.SSL_SESSIONID_CACHE, 0),
    (pycurl.NOPROXY, "*"),
    # Ask for plain bytes. What a server compresses regardless is unpacked by us: `unpack.py` says why.
    (pycurl.ACCEPT_ENCODING, "identity"),
    (pycurl.HTTP_CONTENT_DECODING, 0),
    (pycurl.USERAGENT, f"heartbeat/{__version__}"),
)


def own_file_fault(request: Request) -> Fault | None:
    """Our own key material must be readable before the target can be blamed for a failed handshake."""
    if not (request.ca_file or request.cert_file or request.key_file):
        return None
    files = {"CA file": request.ca_file, "client certificate": request.cert_file, "key": request.key_file}
    for what, path in files.items():
        if not path:
            continue
        try:
            shared_folder.check_readable(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return Fault(
                "forbidden",
                Text(
                    "cannot read the {what} {path}: {reason}",
                    what=what,
                    path=plain(path),
                    reason=system_words(str(reason)),
                ),
            )
    return None


def _refuse_injection(request: Request) -> None:
    """A line break in a header would smuggle in another header or request. Raises ValueError."""
    for name, value in request.headers:
        if not name or not _TOKEN.issuperset(name):
            raise ValueError(f"not a usable header name: {plain(name)!r}")
        if any(sign in value for sign in "\r\n\0"):
            raise ValueError(f"header {name} contains a line break")
    if request.method != "GET" and (not request.method or not _TOKEN.issuperset(request.method)):
        raise ValueError(f"not a usable method: {plain(request.method)!r}")
    if not request.url.startswith("http://") and not request.url.lower().startswith(("http://", "https://")):
        raise ValueError(f"not an http or https address: {plain(request.url)}")
    url = request.url
    ordinary = url.isascii() and url.isprintable() and " " not in url  # sign by sign a thousand of them take long
    if not ordinary and any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        raise ValueError("the URL contains a space or a control character")


def configure(curl: Any, request: Request, limit: float) -> None:
    """Everything libcurl must know for this request, on a handle that may have served another before. `limit` is in
    seconds; `multi.py` ends what takes longer, since libcurl cannot wait longer for some than they were given."""
    _refuse_injection(request)
    curl.reset()
    for option, value in _ALWAYS:
        curl.setopt(option, value)
    _configure_place(curl, request, limit)
    if lines := _header_lines(request):
        curl.setopt(pycurl.HTTPHEADER, lines)
    if request.unix_socket:
        if not hasattr(pycurl, "UNIX_SOCKET_PATH"):
            raise ValueError("this libcurl is too old for Unix sockets; it takes 7.40 or newer")
        curl.setopt(pycurl.UNIX_SOCKET_PATH, os.fsencode(request.unix_socket))
    _configure_method(curl, request)
    if request.url[:6].lower() == "https:":
        _configure_tls(curl, request)
    if request.proxy is not None:
        _configure_proxy(curl, request, request.proxy)


# What of a request is set on a handle, besides its address.
TOLD = attrgetter(
    *("method", "headers", "body", "unix_socket", "verify_tls", "ca_file", "cert_file", "key_file", "proxy")
)


def are_alike(request: Request, other: Request) -> bool:
    """Whether a handle with the options of a request needs only another address for the other one: plain http, no body,
    and no password, which libcurl would remember."""
    return (
        TOLD(request) == TOLD(other)
        and request.body is None
        and request.url.startswith("http://")
        and "@" not in request.url
        and "@" not in other.url
        and other.url.startswith("http://")
    )


def configure_alike(curl: Any, request: Request, limit: float) -> None:
    """What a handle has to be told for a request that is alike to its last one."""
    _refuse_injection(request)
    _configure_place(curl, request, limit)


def _configure_place(curl: Any, request: Request, limit: float) -> None:
    curl.setopt(pycurl.URL, request.url.encode())
    if DIVIDES:
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(limit * 1000)))


def _configure_method(curl: Any, request: Request) -> None:
    if request.method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    elif _has_body(request):
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.POSTFIELDS, request.body or b"")
        curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    elif request.method != "GET":
        curl.setopt(pycurl.CUSTOMREQUEST, request.method)


def _configure_tls(curl: Any, request: Request) -> None:
    curl.setopt(pycurl.OPT_CERTINFO, 1)
    if _CIPHERS:
        curl.setopt(pycurl.SSL_CIPHER_LIST, _CIPHERS)
    curl.setopt(pycurl.SSL_VERIFYPEER, int(request.verify_tls))
    curl.setopt(pycurl.SSL_VERIFYHOST, 2 if request.verify_tls else 0)
    if bundle := _bundle(request):
        curl.setopt(pycurl.CAINFO, bundle)
    if request.cert_file:
        curl.setopt(pycurl.SSLCERT, os.fsencode(request.cert_file))
    if request.key_file:
        curl.setopt(pycurl.SSLKEY, os.fsencode(request.key_file))


def _configure_proxy(curl: Any, request: Request, proxy: str) -> None:
    """User and password go in options of their own: no text about an address has them."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(proxy)
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")
    curl.setopt(pycurl.NOPROXY, "")
    curl.setopt(pycurl.PROXY, f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}")
    if parts.username:
        curl.setopt(pycurl.PROXYUSERNAME, unquote(parts.username).encode())
        curl.setopt(pycurl.PROXYPASSWORD, unquote(parts.password or "").encode())
    curl.setopt(pycurl.HEADEROPT, pycurl.HEADER_SEPARATE)  # what is meant for the target goes through the tunnel only
    options = newer("SUPPRESS_CONNECT_HEADERS", 1)
    if parts.scheme == "https":
        options += newer("PROXY_SSL_VERIFYPEER", int(request.verify_tls))
        options += newer("PROXY_SSL_VERIFYHOST", 2 if request.verify_tls else 0)
        options += newer("PROXY_CAINFO", bundle) if (bundle := _bundle(request)) else []
        options += newer("PROXY_SSL_CIPHER_LIST", _CIPHERS.encode()) if _CIPHERS else []
    for option, value in options:
        curl.setopt(option, value)


def _bundle(request: Request) -> bytes | None:
    """The file with the certificates to trust; None where none are checked."""
    if not request.verify_tls:
        return None
    if request.ca_file:
        return os.fsencode(request.ca_file)
    from heartbeat_cli.system import roots

    return os.fsencode(roots.bundle())


def _header_lines(request: Request) -> list[bytes]:
    """libcurl drops a header written as `Name:`; `Name;` is how it is told to send an empty one."""
    lines = [(f"{name}: {value}" if value.strip() else f"{name};").encode() for name, value in request.headers]
    if not _has_body(request):
        return lines
    given = {name.lower() for name, _ in request.headers}
    if "content-type" not in given:
        lines.append(b"Content-Type:")  # libcurl would call any body a web form
    if "expect" not in given:
        lines.append(b"Expect:")  # no waiting for a "100 Continue" that many small servers never send
    return lines


def _has_body(request: Request) -> bool:
    return request.body is not None or request.method in ("POST", "PUT", "PATCH")
