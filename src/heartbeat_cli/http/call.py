"""One HTTP call outside a pass's checks: hooks of recovery, the in-flight guard, channels that speak HTTP.

One deadline over all of it that a slow drip cannot escape, a bounded answer, no redirects (following one would turn a
POST into a GET), no proxy or password out of the environment, and troubles that name the host alone: paths and queries
of hooks often are their password.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http import proxies
from heartbeat_cli.system import in_threads

if TYPE_CHECKING:
    import requests

    Auth = requests.auth.AuthBase | tuple[str, str]

_BESIDES = 524_288  # bytes that may come besides what is kept: heads, TLS, what is on its way when enough is there
_LATE, _BROKEN = Text("no complete answer in time"), Text("the connection broke off")
_TOO_LONG = Text("its answer is too long")
_ANSWER_LOST = (_LATE, _BROKEN, _TOO_LONG)  # after these it may have been taken all the same
_NOTHING: Mapping[str, str] = {}


class Call(Record):
    """What to send where. `verify` is a CA file, or whether to check the certificate at all; `keep` the bytes of the
    answer that are read; with `only_refusals`, the body of a 2xx is not waited for; `proxy` is as in `[heartbeat]`."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = _NOTHING
    body: bytes | None = None
    verify: bool | str = True
    keep: int = 65_536
    only_refusals: bool = False
    proxy: str | None = None


class Answer(Record):
    """What came back; header names are told apart without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: str


class NoAnswer(Exception):
    """There is no complete answer; the text is one line, with the host and the kind of trouble. `unsure`: the request
    may have been taken all the same, only its answer was lost."""

    def __init__(self, text: str, *, unsure: bool = False) -> None:
        super().__init__(text)
        self.unsure = unsure


def host(url: str) -> str | None:
    """The host of an http or https address, None for anything else."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if valid else None


def make(call: Call, timeout: float) -> Answer:
    """The answer, complete as far as it is kept, within `timeout` seconds. Raises NoAnswer.

    The exchange has a thread of its own, since a timeout of `requests` is only one between two bytes."""
    deadline = time.monotonic() + timeout
    results = in_threads.results({"": lambda: _exchange(call, timeout, deadline)}, deadline)
    result = results.get("") or _late(call, timeout)
    if isinstance(result, Exception):
        raise result
    return result


def _late(call: Call, timeout: float) -> NoAnswer:
    return NoAnswer(
        Text("{host}: no complete answer within {n:g} s", host=str(host(call.url)), n=round(timeout, 1)), unsure=True
    )


def _exchange(call: Call, timeout: float, deadline: float) -> Answer:
    import requests
    import urllib3

    from heartbeat_cli.http.guarded import Guard, Session

    if not call.verify:  # who asked for that need not be warned each time
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    proxy = proxies.for_host(call.proxy, host(call.url))
    try:
        guard = Guard(deadline, call.keep + _BESIDES)
        with (
            Session(guard) as session,
            session.request(
                call.method,
                call.url,
                data=call.body,
                headers=call.headers,
                auth=_auth(call.url),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
                verify=call.verify,
                proxies={"http": proxy, "https": proxy} if proxy else None,
            ) as response,
        ):
            unread = call.only_refusals and 200 <= response.status_code < 300
            body = b"" if unread else guard.body(response, call.keep)[: call.keep]
            return Answer(response.status_code, response.headers, body.decode("utf-8", "replace"))
    except requests.Timeout as error:
        raise _late(call, timeout) from error
    except (requests.RequestException, OSError, ValueError) as error:
        words = _words(error)
        raise NoAnswer(
            Text("{name}: {why}", name=str(host(call.url)), why=words), unsure=words in _ANSWER_LOST
        ) from error


def _auth(url: str) -> "Auth":
    """The URL's own user, or explicitly nobody."""
    from requests.auth import AuthBase

    class Nobody(AuthBase):
        def __call__(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
            return request

    parts = urlsplit(url)
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else Nobody()


def _words(error: Exception) -> str:
    """The kind of trouble only: the text of such an error often holds the whole URL."""
    import requests

    from heartbeat_cli.http.guarded import TooMuch

    if type(error) is OSError:  # requests itself says so of a file that is not there
        return Text("the CA file cannot be read")
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (TooMuch, _TOO_LONG),
        (requests.exceptions.SSLError, Text("its certificate or TLS is not accepted")),
        (requests.exceptions.ProxyError, Text("the proxy does not let it through")),
        (requests.exceptions.ChunkedEncodingError, _BROKEN),
        (requests.ConnectionError, _connection_words(str(error))),
    )
    unknown = Text("the request cannot be made: {why}", why=type(error).__name__)
    return next((words for kind, words in kinds if isinstance(error, kind)), unknown)


def _connection_words(text: str) -> str:
    known = (
        ("Connection refused", system_words("connection refused")),
        ("resolve", Text("host not found")),
        ("unreachable", system_words("network is unreachable")),
        ("timed out", _LATE),
        ("establish a new connection", Text("no connection")),
    )
    return next((words for sign, words in known if sign in text), _BROKEN)
