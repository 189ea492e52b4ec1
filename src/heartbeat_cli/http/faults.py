"""From what libcurl says about a failed transfer to a `Fault` in plain words, for `transfer.py`. Pure.

Kinds `other` and `forbidden` mean that heartbeat itself could not check (a bad URL in the config, a file or
socket it may not open, no time left); every other kind says something about the target.
"""

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from heartbeat_cli.domain.checking.exchange import Fault, FaultKind
from heartbeat_cli.domain.plain import one_line


class TransferState(NamedTuple):
    """How far a transfer got. `code` is libcurl's result, `said` its text; moments are 0 when not reached."""

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


def plain(text: str) -> str:
    """One bounded line of what the other side (or libcurl) said."""
    return one_line(text, 200)


def fault_of(state: TransferState) -> Fault:
    """The fault for a transfer that libcurl ended with an error code."""
    explain = _BY_CODE.get(state.code)
    if explain is not None:
        return explain(state)
    if state.code in _TLS_CODES:
        return Fault("tls", _tls(state.said, state.place))
    return Fault("other", f"the exchange failed: {plain(state.said)} (libcurl error {state.code})")


def _timeout(state: TransferState) -> Fault:
    within = f"within {state.limit:.1f} s"
    if not state.unix_socket and not state.resolved:
        return Fault("dns", f"cannot resolve host {_host(state.place)}: no answer from name service {within}")
    if not state.connected:
        return Fault("timeout", f"no connection to {state.place} {within}")
    if state.scheme == "https" and not state.tls_done:
        return Fault("timeout", f"connected to {state.place}, but TLS was not agreed on {within}")
    if not state.received:
        return Fault("timeout", f"no answer {within} (connected, sent the request, not one line came back)")
    return Fault("timeout", f"stopped answering: {state.received} bytes in {state.limit:.1f} s")


def _connect(state: TransferState) -> Fault:
    place, number = state.place, state.os_error
    if state.unix_socket and number == errno.ENOENT:
        return Fault("connect", f"no socket at {place}")
    if state.unix_socket and number in (errno.EACCES, errno.EPERM):
        return Fault("forbidden", f"no permission to open {place}")
    if state.unix_socket and number == errno.ECONNREFUSED:
        return Fault("connect", f"nobody listens on {place}")
    if number == errno.ECONNREFUSED:
        return Fault("connect", f"connection refused by {place}")
    reason = os.strerror(number) if number else plain(state.said)
    return Fault("connect", f"cannot connect to {place}: {reason}")


def _unsupported(state: TransferState) -> Fault:
    if state.connected:
        return Fault("protocol", f"{state.place} answers, but not in HTTP")
    return Fault("other", f"not an http or https address: {plain(state.said)}")


def _resolve(state: TransferState) -> Fault:
    if state.unix_socket:
        return Fault("other", f"cannot use the socket: {plain(state.said)}")
    return Fault("dns", f"cannot resolve host {_host(state.place)}")


def _received(state: TransferState) -> Fault:
    """Receive errors cover a reset as well as headers that libcurl itself refuses to go on with."""
    said = state.said.lower()
    if "too large" in said:
        return Fault("too_large", f"the headers are too large: {plain(state.said)}")
    if "chunk" in said or "hexadecimal" in said:
        return Fault("protocol", f"{state.place} sends broken chunks: {plain(state.said)}")
    return _broken(state)


def _broken(state: TransferState) -> Fault:
    if state.received:
        return Fault("reset", f"{state.place} broke off in mid-answer, after {state.received} bytes")
    return Fault("reset", f"{state.place} closed the connection without an answer")


def _handshake(state: TransferState) -> Fault:
    said = state.said.lower()
    if "wrong version number" in said or "packet length too long" in said or "record layer failure" in said:
        return Fault("tls", f"{state.place} does not speak TLS (is it http instead of https?)")
    if any(word in said for word in _CLOSED_WORDS):
        return Fault("reset", f"{state.place} closed the connection during the TLS handshake")
    return Fault("tls", _tls(state.said, state.place))


# The last: OpenSSL has no error to name, as libcurl up to 8.19 says it.
_CLOSED_WORDS = ("broken pipe", "reset by peer", "unexpected eof", "ssl_error_syscall", "error:00000000:")
_UNTRUSTED = "TLS certificate comes from an authority that is not trusted"
_CERTIFICATE_WORDS = (
    ("certificate has expired", "TLS certificate has expired"),
    ("not yet valid", "TLS certificate is not valid yet"),
    ("self-signed certificate in certificate chain", _UNTRUSTED),
    ("self-signed", "TLS certificate is self-signed and not trusted"),
    ("self signed", "TLS certificate is self-signed and not trusted"),
    ("unable to get local issuer", _UNTRUSTED),
    ("unable to verify the first", _UNTRUSTED),
    ("revoked", "TLS certificate has been revoked"),
    ("certificate required", "the server wants a client certificate"),
)
_NAME_WORDS = ("subject name", "hostname mismatch", "ip address mismatch", "does not match")


def _tls(said: str, place: str) -> str:
    low = said.lower()
    for word, text in _CERTIFICATE_WORDS:
        if word in low:
            return text
    if any(word in low for word in _NAME_WORDS):
        return f"TLS certificate is not for {_host(place)}"
    return f"TLS failed: {plain(said)}"


def _host(place: str) -> str:
    return place.rpartition(":")[0] or place


def _always(kind: FaultKind, text: str) -> Callable[[TransferState], Fault]:
    return lambda state: Fault(kind, text.format(place=state.place, said=plain(state.said)))


# libcurl's numbers are part of its frozen ABI; pycurl has names for some of them only.
_TLS_CODES = frozenset({53, 54, 59, 60, 64, 66, 80, 83, 90, 91, 98})
_BY_CODE: dict[int, Callable[[TransferState], Fault]] = {
    1: _unsupported,
    3: _always("other", "not a usable URL: {said}"),
    6: _resolve,
    7: _connect,
    8: _always("protocol", "{place} answers, but not in HTTP: {said}"),
    16: _always("protocol", "{place} broke the HTTP/2 protocol: {said}"),
    18: _broken,
    28: _timeout,
    35: _handshake,
    43: _always("other", "libcurl refused the request: {said}"),
    52: _broken,
    55: _broken,
    56: _received,
    58: _always("other", "cannot use the client certificate: {said}"),
    61: _always("protocol", "the answer's compression is broken or unknown: {said}"),
    77: _always("other", "cannot use the CA file: {said}"),
    92: _always("protocol", "{place} broke the HTTP/2 protocol: {said}"),
    100: _always("too_large", "the headers are too large"),
}
