"""http: call a hook as a recovery step: an orchestrator's restart URL, an automation, an agent's own reset.

Any 2xx answer is `done`, 401 and 403 are `denied`, all else is `failed`; a redirect counts as failed, because
following it would turn a POST into a GET. The whole exchange has one deadline that a slow drip cannot escape.
Only the host is named in what is stored: paths and queries of hooks often are their password.

    [components.main.recovery]
    ladder = [{ action = "http", url = "http://localhost:9000/hooks/restart-main" }]
"""

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.outcome import Outcome

if TYPE_CHECKING:
    import requests

_OUTPUT = 4_000
_CHUNK = 4_096
_DENIED = (401, 403)
_NOTHING: dict[str, str] = {}


class Settings(NamedTuple):
    """Which hook to call, and how.

    url: address of the hook, http or https
    method: HTTP method
    headers: headers to send; an Authorization may be given as "env:NAME" or "file:PATH"
    body: text to send; default: none
    verify_tls: check the certificate
    """

    url: str
    method: Literal["POST", "GET", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = _NOTHING
    body: str | None = None
    verify_tls: bool = True


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if _parts(settings.url) is None:
        found.append(("url", "expected http://host/path or https://host/path"))
    found += [
        ("headers", f"{name[:40]!r} holds a line break")
        for name, value in settings.headers.items()
        if any(sign in name + value for sign in "\r\n")
    ]
    return found


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def run(settings: Settings, *, timeout: float) -> Outcome:
    """The exchange has a thread of its own, since a timeout of `requests` is only one between two bytes."""
    parts = _parts(settings.url)
    if parts is None:
        return Outcome("refused", "url is not an http or https address")
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + timeout
    thread = threading.Thread(
        target=lambda: outcomes.append(_exchange(settings, parts, deadline, timeout)), daemon=True
    )
    thread.start()
    thread.join(timeout)
    late = Outcome("failed", f"hook at {parts.hostname}: no complete answer within {timeout:g} s")
    return outcomes[0] if outcomes else late


def _exchange(settings: Settings, parts: SplitResult, deadline: float, timeout: float) -> Outcome:
    import requests

    name = f"hook at {parts.hostname}"
    try:
        with (
            requests.Session() as session,
            session.request(
                settings.method,
                settings.url,
                headers=settings.headers,
                data=settings.body.encode() if settings.body is not None else None,
                auth=_auth(parts),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
                verify=settings.verify_tls,
            ) as response,
        ):
            text = b"".join(_bounded(response, deadline)).decode("utf-8", "replace")[:_OUTPUT]
            return _judge(name, response.status_code, text)
    except requests.Timeout:
        return Outcome("failed", f"{name}: no complete answer within {timeout:g} s")
    except (requests.RequestException, OSError, ValueError) as error:
        return Outcome("failed", f"{name}: {_words(error)}")


def _auth(parts: SplitResult) -> "requests.auth.AuthBase | tuple[str, str]":
    """The URL's own user, or explicitly nobody: else requests would send what it finds in ~/.netrc."""
    from requests.auth import AuthBase

    class Nobody(AuthBase):
        def __call__(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
            return request

    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else Nobody()


def _bounded(response: "requests.Response", deadline: float) -> Iterator[bytes]:
    """What is kept of the body; the rest is not waited for."""
    kept = 0
    for chunk in response.iter_content(_CHUNK):
        yield chunk
        kept += len(chunk)
        if kept >= _OUTPUT or time.monotonic() > deadline:
            return


def _judge(name: str, status: int, text: str) -> Outcome:
    output = plain.bounded(text, _OUTPUT)
    if 200 <= status < 300:
        return Outcome("done", f"{name} answered {status}", output)
    more = " (redirects are not followed)" if 300 <= status < 400 else ""
    return Outcome("denied" if status in _DENIED else "failed", f"{name} answered {status}{more}", output)


def _words(error: Exception) -> str:
    """The kind of trouble only: the text of such an error often holds the whole URL."""
    import requests

    kinds: tuple[tuple[type[Exception], str], ...] = (
        (requests.exceptions.SSLError, "its certificate or TLS is not accepted"),
        (requests.exceptions.ProxyError, "the proxy does not let it through"),
        (requests.exceptions.ChunkedEncodingError, "the connection broke off"),
        (requests.ConnectionError, _connection_words(error)),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), "the request cannot be made")


def _connection_words(error: Exception) -> str:
    text = str(error)
    known = (
        ("Connection refused", "connection refused"),
        ("resolve", "host not found"),
        ("unreachable", "network unreachable"),
        ("timed out", "no complete answer in time"),
        ("reset", "the connection broke off"),
        ("closed connection", "the connection broke off"),
    )
    return next((words for sign, words in known if sign in text), "no connection")
