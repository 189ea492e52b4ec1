"""Addresses and their parts. Those of an ordinary http address are as `urllib.parse.urlsplit` tells them, which with
`ipaddress` takes 2 ms to import: a run in fault has no other use for it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_HIGHEST = 65_535
_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


class Parts(Record):
    """Host in lower case; no port: that of the scheme; the path without query and fragment."""

    scheme: str
    hostname: str
    port: int | None
    path: str


def ordinary(url: str) -> Parts | None:
    """The parts of an http or https address with a plain host name or IPv4 address; None where more is to be read, such
    as a user, or where it is no address."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("http", "https") or not url.isascii() or not url.isprintable() or " " in url:
        return None
    rest = rest.partition("#")[0].partition("?")[0]
    place, slash, path = rest.partition("/")
    host, colon, text = place.partition(":")
    port = whole(text[:6]) if colon else None
    if not host or not _HOST.issuperset(host) or (colon and (port is None or len(text) > 5 or port > _HIGHEST)):
        return None
    return Parts(scheme, host.lower(), port, slash + path)


def split(url: str) -> "SplitResult":
    """The parts of any address. Raises ValueError."""
    from urllib.parse import urlsplit

    return urlsplit(url)


def origin(parts: "SplitResult") -> tuple[str, str | None, int | None]:
    """Scheme, host and port: RFC 6454. Raises ValueError for a port that is none."""
    return parts.scheme, parts.hostname, port(parts)


def port(parts: "SplitResult | Parts") -> int | None:
    """The port that is asked, also where the address does not name it."""
    return _PORTS.get(parts.scheme) if parts.port is None else parts.port


def place(parts: "SplitResult | Parts") -> str:
    """`host:port` for messages. Raises ValueError where there is no host."""
    host = parts.hostname
    if host is None:
        raise ValueError("no host")
    return f"[{host}]:{port(parts)}" if ":" in host else f"{host}:{port(parts)}"


def without_password(url: str) -> str:
    """The address without the user and the password in it."""
    head, at, tail = url.partition("@")
    scheme, mark, user = head.partition("://")
    return f"{scheme}{mark}{tail}" if at and mark and "/" not in user else url
