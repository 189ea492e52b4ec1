"""When the certificate of a server expires that is not accepted any more, for `tcp.py`: the `ssl` module tells that of
accepted ones only, so that the certificate itself is read (X.509 in DER; RFC 5280, section 4.1)."""

import ssl
import time
from contextlib import closing
from datetime import UTC, datetime

from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._tls_link import TlsLink
from heartbeat_cli.system.tcp import DialError, dial

_VERSION, _UTC_TIME, _TIME = 0xA0, 0x17, 0x18  # tags


def seen(host: str, port: int, name: str, seconds: float) -> float | None:
    """Asks a server for its certificate, which is not checked; returns when it expires (epoch seconds), None where that
    cannot be told within so many seconds. Nothing is sent to the server but the handshake."""
    until = time.monotonic() + seconds
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        with closing(dial(host, port, seconds)) as link:
            secured = TlsLink(link, tls, name)
            secured.settimeout(until - time.monotonic())
            secured.do_handshake()
            return not_after(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError, DialError, Unobservable):
        return None


def not_after(der: bytes) -> float | None:
    """When a certificate expires (epoch seconds); None for what is none."""
    try:
        _, certificate, _ = _part(der)
        _, rest, _ = _part(certificate)
        tag, _, after = _part(rest)
        rest = after if tag == _VERSION else rest
        for _ in range(3):  # serial number, algorithm, issuer
            _, _, rest = _part(rest)
        _, validity, _ = _part(rest)
        _, _, rest = _part(validity)
        tag, end, _ = _part(rest)
        pattern = {_UTC_TIME: "%y%m%d%H%M%SZ", _TIME: "%Y%m%d%H%M%SZ"}[tag]
        # Two digits of a year stand for 1950 to 2049 here; Python takes them for 1969 to 2068.
        found = datetime.strptime(end.decode("ascii"), pattern).replace(tzinfo=UTC)
        return (found if tag == _TIME or found.year < 2050 else found.replace(year=found.year - 100)).timestamp()
    except (ValueError, LookupError, OverflowError):
        return None


def _part(der: bytes) -> tuple[int, bytes, bytes]:
    """The first element's tag and content, and what follows it. Raises ValueError or IndexError."""
    tag, length, at = der[0], der[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(der[2:at], "big")
    if at > len(der) or len(der) < at + length:
        raise ValueError("cut off")
    return tag, der[at : at + length], der[at + length :]
