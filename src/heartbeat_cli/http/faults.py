"""From what libcurl says about a failed transfer to a `Fault` in plain words, for `transfer.py`. Pure.

Kinds `other` and `forbidden` mean that heartbeat itself could not check (a bad URL in the config, a file or
socket it may not open, no time left); every other kind says something about the target.
"""

import errno
import os
from collections.abc import Callable

from heartbeat_cli.domain.checking.exchange import Fault, FaultKind
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text


class TransferState(Record):
    """How far a transfer got. `code` is libcurl's result, `said` its text; moments are 0 when not reached.
    `expired` is when a certificate of the chain has expired (epoch seconds), None where none is known to have."""

    code: int
    said: str
    scheme: str
    place: str  # host:port, or the socket's path
    unix_socket: bool
    limit: float
    os_error: int
    resolved: float
    connected: float
    tls_done: float
    received: int
    expired: float | None = None
    by_proxy: bool = False


def plain(text: str) -> str:
    """One bounded line of what the other side (or libcurl) said."""
    return one_line(text, 200)


def fault_of(state: TransferState) -> Fault:
    """The fault for a transfer that libcurl ended with an error code."""
    if state.by_proxy and (fault := _of_the_proxy(state)) is not None:
        return fault
    explain = _BY_CODE.get(state.code)
    if explain is not None:
        return explain(state)
    if state.code in _TLS_CODES:
        return _tls(state)
    return Fault(
        "other", Text("the exchange failed: {said} (libcurl error {code})", said=plain(state.said), code=state.code)
    )


def _of_the_proxy(state: TransferState) -> Fault | None:
    """What went wrong on the way to the proxy, or what it refused; None for all else. Which code libcurl has for a
    refused CONNECT depends on its version."""
    if state.code == _NO_PROXY or (state.code == _NO_CONNECTION and not state.connected):
        return Fault("proxy", Text("no connection to the proxy"))
    refused = state.code in (_NO_CONNECTION, _RECEIVE_ERROR) and "CONNECT" in state.said
    if refused or state.code == _PROXY_HANDSHAKE:
        return Fault("proxy", Text("the proxy does not let it through"))
    return None


def _timeout(state: TransferState) -> Fault:
    within = Text("within {limit:.1f} s", limit=state.limit)
    if not state.unix_socket and not state.resolved:
        return Fault(
            "dns",
            Text(
                "cannot resolve host {host}: no answer from name service {within}",
                host=_host(state.place),
                within=within,
            ),
        )
    if not state.connected:
        return Fault("timeout", Text("no connection to {place} {within}", place=state.place, within=within))
    if state.scheme == "https" and not state.tls_done:
        return Fault(
            "timeout",
            Text("connected to {place}, but TLS was not agreed on {within}", place=state.place, within=within),
        )
    if not state.received:
        return Fault(
            "timeout", Text("no answer {within} (connected, sent the request, not one line came back)", within=within)
        )
    return Fault("timeout", Text("stopped answering: {n} bytes in {limit:.1f} s", n=state.received, limit=state.limit))


def _connect(state: TransferState) -> Fault:
    place, number = state.place, state.os_error
    if state.unix_socket and number == errno.ENOENT:
        return Fault("connect", Text("no socket at {place}", place=place))
    if state.unix_socket and number in (errno.EACCES, errno.EPERM):
        return Fault("forbidden", Text("no permission to open {place}", place=place))
    if state.unix_socket and number == errno.ECONNREFUSED:
        return Fault("connect", Text("nobody listens on {place}", place=place), refused=True)
    if number == errno.ECONNREFUSED:
        return Fault("connect", Text("connection refused by {place}", place=place), refused=True)
    reason = system_words(os.strerror(number)) if number else plain(state.said)
    kind: FaultKind = "route" if number in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN) else "connect"
    return Fault(kind, Text("cannot connect to {place}: {reason}", place=place, reason=reason))


def _unsupported(state: TransferState) -> Fault:
    if state.connected:
        return Fault("protocol", Text("{place} answers, but not in HTTP", place=state.place))
    return Fault("other", Text("not an http or https address: {said}", said=plain(state.said)))


def _resolve(state: TransferState) -> Fault:
    if state.unix_socket:
        return Fault("other", Text("cannot use the socket: {said}", said=plain(state.said)))
    return Fault("dns", Text("cannot resolve host {host}", host=_host(state.place)))


def _received(state: TransferState) -> Fault:
    """Receive errors cover a reset as well as headers that libcurl itself refuses to go on with."""
    said = state.said.lower()
    if "too large" in said:
        return Fault("too_large", Text("the headers are too large: {said}", said=plain(state.said)))
    if "chunk" in said or "hexadecimal" in said:
        return Fault("protocol", Text("{place} sends broken chunks: {said}", place=state.place, said=plain(state.said)))
    return _broken(state)


def _broken(state: TransferState) -> Fault:
    if state.received:
        return Fault(
            "reset",
            Text("{place} broke off in mid-answer, after {received} bytes", place=state.place, received=state.received),
        )
    return Fault("reset", Text("{place} closed the connection without an answer", place=state.place))


def _handshake(state: TransferState) -> Fault:
    said = state.said.lower()
    if "wrong version number" in said or "packet length too long" in said or "record layer failure" in said:
        return Fault("tls", Text("{place} does not speak TLS (is it http instead of https?)", place=state.place))
    if any(word in said for word in _CLOSED_WORDS):
        return Fault("reset", Text("{place} closed the connection during the TLS handshake", place=state.place))
    return _tls(state)


# The last: OpenSSL has no error to name, as libcurl up to 8.19 says it.
_CLOSED_WORDS = ("broken pipe", "reset by peer", "unexpected eof", "ssl_error_syscall", "error:00000000:")
_EXPIRED = "certificate has expired"
_UNTRUSTED = Text("TLS certificate comes from an authority that is not trusted")
_CERTIFICATE_WORDS = (
    ("not yet valid", Text("TLS certificate is not valid yet")),
    ("self-signed certificate in certificate chain", _UNTRUSTED),
    ("self-signed", Text("TLS certificate is self-signed and not trusted")),
    ("self signed", Text("TLS certificate is self-signed and not trusted")),
    ("unable to get local issuer", _UNTRUSTED),
    ("unable to verify the first", _UNTRUSTED),
    ("revoked", Text("TLS certificate has been revoked")),
    ("certificate required", Text("the server wants a client certificate")),
)
_NAME_WORDS = ("subject name", "hostname mismatch", "ip address mismatch", "does not match")


def _tls(state: TransferState) -> Fault:
    low, host = state.said.lower(), _host(state.place)
    if _EXPIRED in low:
        from heartbeat_cli.domain.kinds import certificates  # few have expired, and every pass pays for imports

        return Fault("expired", certificates.expired(host, state.expired))
    for word, text in _CERTIFICATE_WORDS:
        if word in low:
            return Fault("tls", text)
    if any(word in low for word in _NAME_WORDS):
        return Fault("tls", Text("TLS certificate is not for {host}", host=host))
    return Fault("tls", Text("TLS failed: {said}", said=plain(state.said)))


def _host(place: str) -> str:
    return place.rpartition(":")[0] or place


def _always(kind: FaultKind, text: Text) -> Callable[[TransferState], Fault]:
    return lambda state: Fault(kind, text.with_values(place=state.place, said=plain(state.said)))


# libcurl's numbers are part of its frozen ABI; pycurl has names for some of them only.
_NO_PROXY, _NO_CONNECTION, _RECEIVE_ERROR, _PROXY_HANDSHAKE = 5, 7, 56, 97
_TLS_CODES = frozenset({53, 54, 59, 60, 64, 66, 80, 83, 90, 91, 98})
_BY_CODE: dict[int, Callable[[TransferState], Fault]] = {
    1: _unsupported,
    3: _always("other", Text("not a usable URL: {said}")),
    6: _resolve,
    7: _connect,
    8: _always("protocol", Text("{place} answers, but not in HTTP: {said}")),
    16: _always("protocol", Text("{place} broke the HTTP/2 protocol: {said}")),
    18: _broken,
    28: _timeout,
    35: _handshake,
    43: _always("other", Text("libcurl refused the request: {said}")),
    52: _broken,
    55: _broken,
    56: _received,
    58: _always("other", Text("cannot use the client certificate: {said}")),
    61: _always("protocol", Text("the answer's compression is broken or unknown: {said}")),
    77: _always("forbidden", Text("cannot use the CA file: {said}")),
    92: _always("protocol", Text("{place} broke the HTTP/2 protocol: {said}")),
    100: _always("too_large", Text("the headers are too large")),
}
