r"""A TCP port: whether it answers as expected, and its certificate (mail, SSH, Redis, TLS).

healthy    connected, and TLS and banner (if asked for) are as expected
degraded   the certificate ends within `certificate_warn_days`
unhealthy  a wrong banner, or a certificate that is not valid
error      no connection, no TLS, or no answer

An error of Redis says what kind of failure it is: memory (OOM), a refused login (NOAUTH), loading its data (LOADING).
A full Redis answers PING and takes no data: to find that, send it a SET.

`timeout` covers name lookup, connecting to every address of the name (both families in turn, a new one every 250 ms,
the first to answer wins), the TLS handshake and the banner together.

    [components.redis]
    kind = "tcp"
    host = "localhost"
    port = 6379
    send = "PING\r\n"
    banner = "+PONG"
"""

import socket
import time
from typing import TYPE_CHECKING

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.system import shared_folder
from heartbeat_cli.system.tcp import DialError, dial

if TYPE_CHECKING:
    from heartbeat_cli.monitors._tls_link import TlsLink

_QUIET_SECONDS = 1.0  # a whole line, and then silence: nothing more will come
_BANNER_BYTES = 1024
_DAY = 86_400
_EXPIRED = 10  # OpenSSL: X509_V_ERR_CERT_HAS_EXPIRED


class Settings(Record):
    r"""Where to connect and what to expect there.

    host: name or address
    port: port number
    tls: speak TLS from the first byte
    verify_tls: check the certificate: chain, name and dates; if false, its end is not checked either
    server_name: name to ask for and to find in the certificate; default: host
    ca_file: PEM file of the authority to trust instead of the system's
    send: text to send once connected, with \r\n where the protocol wants line ends
    banner: text that must be in the first 1024 bytes of the answer; default: no answer is waited for
    certificate_warn_days: days before the certificate's end from which it is degraded; 0 turns it off
    """

    host: str
    port: int
    tls: bool = False
    verify_tls: bool = True
    server_name: str | None = None
    ca_file: str | None = None
    send: str | None = None
    banner: str | None = None
    certificate_warn_days: float = 14


class _Ended(Exception):
    """The talk ended early: what that makes of the component, why, and the kind of failure it is."""

    def __init__(self, status: Status, text: str, category: Category | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.category = category


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    return settings.host


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if not settings.host.strip():
        found.append(("host", "is empty; expected a name or an address"))
    if not 1 <= settings.port <= 65_535:
        found.append(("port", f"expected 1 to 65535, got {settings.port}"))
    if not settings.tls and (settings.server_name or settings.ca_file):
        found.append(("tls", "server_name and ca_file have no meaning without tls = true"))
    if settings.banner is not None and not 0 < len(settings.banner.encode()) <= _BANNER_BYTES:
        found.append(("banner", f"expected 1 to {_BANNER_BYTES} bytes of text"))
    return found


def probe(settings: Settings, context: CheckContext) -> Reading:
    started = time.monotonic()
    metrics: list[Metric] = []
    try:
        with dial(settings.host, settings.port, context.timeout) as link:
            metrics.append(Metric("connect_seconds", time.monotonic() - started))
            warning = _talk(settings, context, link, started, metrics)
    except DialError as error:
        here = not is_remote(settings.host)
        category: Category | None = "network" if error.unreachable and not here else None
        return Reading("error", error=plain.one_line(str(error)), certain=error.refused and here, category=category)
    except _Ended as ended:
        answered = time.monotonic() - started if ended.status == "unhealthy" else None
        return Reading(ended.status, answered, str(ended), tuple(metrics), category=ended.category)
    elapsed = time.monotonic() - started
    status: Status = "degraded" if warning else "healthy"
    return Reading(status, elapsed, warning, tuple(metrics), category="certificate")


def _talk(
    settings: Settings, context: CheckContext, link: socket.socket, started: float, metrics: list[Metric]
) -> str | None:
    """Everything after the connection; returns a warning about the certificate, if there is one."""
    deadline = started + context.timeout
    if not settings.tls:
        _converse(settings, context, link, deadline)
        return None
    before = time.monotonic()
    secured = _secured(settings, link)
    seconds = _handshake(settings, secured, context, deadline)
    metrics.append(Metric("tls_seconds", time.monotonic() - before))
    if seconds is not None:
        metrics.append(Metric("certificate_expires_in_seconds", seconds))
    _converse(settings, context, secured, deadline)
    if seconds is None or seconds > settings.certificate_warn_days * _DAY:
        return None
    from heartbeat_cli.domain.kinds import certificates  # few certificates end soon

    return certificates.warning(context.now + seconds, context.now)


def _secured(settings: Settings, link: socket.socket) -> "TlsLink":
    import ssl

    from heartbeat_cli.monitors._tls_link import TlsLink

    try:
        if settings.ca_file:
            shared_folder.check_readable(settings.ca_file)
        tls = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise Unobservable(
            Text(
                "cannot use ca_file {ca_file}: {error}",
                ca_file=settings.ca_file or "",
                error=plain.one_line(str(error)),
            )
        ) from None
    if not settings.verify_tls:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    try:
        return TlsLink(link, tls, settings.server_name or settings.host)
    except (OSError, ValueError) as error:
        raise _Ended("error", Text("connected, but no TLS: {error}", error=plain.one_line(str(error)))) from None


def _handshake(settings: Settings, secured: "TlsLink", context: CheckContext, deadline: float) -> float | None:
    """Shake hands; seconds until the certificate ends, if it was checked."""
    import ssl

    secured.settimeout(_left(deadline))
    try:
        secured.do_handshake()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _EXPIRED:
            raise _Ended("unhealthy", _expired(settings, context, deadline), "certificate") from None
        raise _Ended(
            "unhealthy",
            Text("certificate not accepted: {verify_message}", verify_message=error.verify_message),
            "configuration",
        ) from None
    except TimeoutError:
        raise _Ended(
            "error", Text("connected, but no TLS handshake within {timeout:g} s", timeout=context.timeout)
        ) from None
    except OSError as error:
        raise _Ended("error", Text("connected, but no TLS: {replace}", replace=_reason(error))) from None
    ends = (secured.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(ends) - context.now if isinstance(ends, str) else None


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or Text("the connection was closed")
    return reason if isinstance(reason, Text) else plain.system_words(str(reason).lower().replace("_", " "))


def _expired(settings: Settings, context: CheckContext, deadline: float) -> Text:
    """That the certificate has expired, and when, where the server's own one has."""
    from heartbeat_cli.domain.kinds import certificates
    from heartbeat_cli.monitors import _tls_end

    name = settings.server_name or settings.host
    end = _tls_end.seen(settings.host, settings.port, name, deadline - time.monotonic())
    return certificates.expired(plain.one_line(name, 100), end if end is not None and end <= context.now else None)


def _converse(settings: Settings, context: CheckContext, link: "socket.socket | TlsLink", deadline: float) -> None:
    """Say what is to be said and wait for the banner; returns when all is as expected."""
    try:
        if settings.send is not None:
            link.settimeout(_left(deadline))
            link.sendall(settings.send.encode())
        if settings.banner is None:
            return
        heard = _listen(settings.banner.encode(), link, deadline)
    except TimeoutError:
        raise _Ended(
            "error", Text("connected, but it took no data within {timeout:g} s", timeout=context.timeout)
        ) from None
    except OSError as error:
        raise _Ended("error", Text("connected, then: {why}", why=_reason(error))) from None
    if settings.banner.encode() in heard:
        return
    wanted = plain.one_line(repr(settings.banner), 60)
    if heard:
        from heartbeat_cli.domain.kinds import redis_errors  # a healthy pass has no use for it

        text = heard.decode("utf-8", "replace")
        line = Text("answered {said}, expected {wanted}", said=plain.one_line(repr(text), 100), wanted=wanted)
        raise _Ended("unhealthy", line, redis_errors.category_of(text))
    raise _Ended("error", Text("connected, but said nothing, expected {wanted}", wanted=wanted))


def _listen(banner: bytes, link: "socket.socket | TlsLink", deadline: float) -> bytes:
    """What it says, up to the banner, 1 KB, its end, a silence after a whole line, or the deadline."""
    heard = b""
    while banner not in heard and len(heard) < _BANNER_BYTES and time.monotonic() < deadline:
        left = _left(deadline)
        link.settimeout(min(left, _QUIET_SECONDS) if heard.endswith(b"\n") else left)
        try:
            chunk = link.recv(_BANNER_BYTES - len(heard))
        except TimeoutError:
            break
        if not chunk:
            break
        heard += chunk
    return heard


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
