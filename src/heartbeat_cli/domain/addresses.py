"""The parts of an ordinary http address, as `urllib.parse.urlsplit` tells them, which with `ipaddress` takes 2 ms to
import: a run in fault has no other use for it."""

from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record

_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_HIGHEST = 65_535


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
