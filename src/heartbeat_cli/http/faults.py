"""From what libcurl says about a failed transfer to a `Fault` in plain words, for `wire_transfer.py`. Pure.

Kinds `other` and `forbidden` mean that heartbeat itself could not look (a bad URL in the config, a file or
socket it may not open, no time left); every other kind says something about the target.
"""

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from heartbeat_cli.domain.checking.exchange import Fault, FaultKind
from heartbeat_cli.domain.plain import one_line


class Facts(NamedTuple):
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


def fault_of(facts: Facts) -> Fault:
    """The fault for a transfer that libcurl ended with an error code."""
    explain = _BY_CODE.get(facts.code)
    if explain is not None:
        return explain(facts)
    if facts.code in _TLS_CODES:
        return Fault("tls", _tls(facts.said, facts.place))
    return Fault("other", f"the exchange failed: {plain(facts.said)} (libcurl error {facts.code})")


def _timeout(facts: Facts) -> Fault:
    within = f"within {facts.limit:.1f} s"
    if not facts.unix_socket and not facts.resolved:
        return Fault("dns", f"cannot resolve host {_host(facts.place)}: no answer from name service {within}")
    if not facts.connected:
        return Fault("timeout", f"no connection to {facts.place} {within}")
    if facts.scheme == "https" and not facts.tls_done:
        return Fault("timeout", f"connected to {facts.place}, but TLS was not agreed on {within}")
    if not facts.received:
        return Fault("timeout", f"no answer {within} (connected, sent the request, not one line came back)")
    return Fault("timeout", f"stopped answering: {facts.received} bytes in {facts.limit:.1f} s")


def _connect(facts: Facts) -> Fault:
    place, number = facts.place, facts.os_error
    if facts.unix_socket and number == errno.ENOENT:
        return Fault("connect", f"no socket at {place}")
    if facts.unix_socket and number in (errno.EACCES, errno.EPERM):
        return Fault("forbidden", f"no permission to open {place}")
    if facts.unix_socket and number == errno.ECONNREFUSED:
        return Fault("connect", f"nobody listens on {place}")
    if number == errno.ECONNREFUSED:
        return Fault("connect", f"connection refused by {place}")
    reason = os.strerror(number) if number else plain(facts.said)
    return Fault("connect", f"cannot connect to {place}: {reason}")


def _unsupported(facts: Facts) -> Fault:
    if facts.connected:
        return Fault("protocol", f"{facts.place} answers, but not in HTTP")
    return Fault("other", f"not an http or https address: {plain(facts.said)}")


def _resolve(facts: Facts) -> Fault:
    if facts.unix_socket:
        return Fault("other", f"cannot use the socket: {plain(facts.said)}")
    return Fault("dns", f"cannot resolve host {_host(facts.place)}")


def _received(facts: Facts) -> Fault:
    """Receive errors cover a reset as well as headers that libcurl itself refuses to go on with."""
    said = facts.said.lower()
    if "too large" in said:
        return Fault("too_large", f"the headers are too large: {plain(facts.said)}")
    if "chunk" in said or "hexadecimal" in said:
        return Fault("protocol", f"{facts.place} sends broken chunks: {plain(facts.said)}")
    return _broken(facts)


def _broken(facts: Facts) -> Fault:
    if facts.received:
        return Fault("reset", f"{facts.place} broke off in mid-answer, after {facts.received} bytes")
    return Fault("reset", f"{facts.place} closed the connection without an answer")


def _handshake(facts: Facts) -> Fault:
    said = facts.said.lower()
    if "wrong version number" in said or "packet length too long" in said or "record layer failure" in said:
        return Fault("tls", f"{facts.place} does not speak TLS (is it http instead of https?)")
    if any(word in said for word in _CLOSED_WORDS):
        return Fault("reset", f"{facts.place} closed the connection during the TLS handshake")
    return Fault("tls", _tls(facts.said, facts.place))


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


def _always(kind: FaultKind, text: str) -> Callable[[Facts], Fault]:
    return lambda facts: Fault(kind, text.format(place=facts.place, said=plain(facts.said)))


# libcurl's numbers are part of its frozen ABI; pycurl has names for some of them only.
_TLS_CODES = frozenset({53, 54, 59, 60, 64, 66, 80, 83, 90, 91, 98})
_BY_CODE: dict[int, Callable[[Facts], Fault]] = {
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
