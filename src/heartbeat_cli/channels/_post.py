"""One HTTP POST for the channels that speak HTTP: one deadline over all of it, and errors that show no URL.

URLs of this kind hold a token or are one, so only the host is ever named.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from heartbeat_cli.domain import plain
from heartbeat_cli.errors import DeliveryError

if TYPE_CHECKING:
    import requests

_BODY = 65_536  # bytes of an answer that are read
_CHUNK = 4_096
_LONGEST_WAIT = 6 * 3600.0  # whatever the other side asks for
# Seconds until the next try of what a person has to mend first (a token, an address, a right): no hurry, yet the
# message must not be lost, for it is the one that says something is broken.
MENDABLE = 300.0
_LATE, _BROKEN = "no complete answer in time", "the connection broke off"
_ANSWER_LOST = (_LATE, _BROKEN)  # after these it may have been taken all the same


class Post(NamedTuple):
    """What to send where; `verify` is a CA file, or whether to check the certificate at all."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    verify: bool | str = True
    read_success: bool = False  # a 2xx is enough where its body says nothing


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


def host(url: str) -> str | None:
    """The host of an http or https address, None for anything else."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if valid else None


def post(what: Post, timeout: float) -> Answer:
    """The answer, complete, within `timeout` seconds, or a DeliveryError that may be tried again.

    The exchange has a thread of its own, since a timeout of `requests` is only one between two bytes."""
    results: list[Answer | Exception] = []

    def work() -> None:
        try:
            results.append(_exchange(what, timeout))
        except Exception as error:  # to be raised where somebody can see it
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(0.0, timeout))
    result = results[0] if results else _late(what, timeout)
    if isinstance(result, Exception):
        raise result
    return result


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date."""
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return wait(float(said[:9]))
    from email.utils import parsedate_to_datetime

    try:
        return wait(parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, OverflowError):
        return None


def wait(seconds: object) -> float | None:
    """What somebody else asks us to wait, where that is a sensible number."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return min(max(0.0, float(min(seconds, _LONGEST_WAIT))), _LONGEST_WAIT) if seconds == seconds else None


def _late(what: Post, timeout: float) -> DeliveryError:
    text = f"{host(what.url)}: no complete answer within {round(timeout, 1):g} s"
    return DeliveryError(text, retryable=True, unsure=True)


def _exchange(what: Post, timeout: float) -> Answer:
    import requests
    import urllib3

    if not what.verify:  # who asked for that need not be warned each time
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    try:
        with (
            requests.Session() as session,
            session.post(
                what.url,
                data=what.body,
                headers={"Accept-Encoding": "identity", **what.headers},
                auth=_nobody,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
                verify=what.verify,
            ) as response,
        ):
            done = 200 <= response.status_code < 300 and not what.read_success
            body = b"" if done else b"".join(_bounded(response))
            return Answer(response.status_code, response.headers, body.decode("utf-8", "replace"))
    except requests.Timeout as error:
        raise _late(what, timeout) from error
    except (requests.RequestException, OSError, ValueError) as error:
        words = _words(error)
        raise DeliveryError(f"{host(what.url)}: {words}", retryable=True, unsure=words in _ANSWER_LOST) from error


def _nobody(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    """Without this, requests would send a password that it finds for this host in ~/.netrc."""
    return request


def _bounded(response: "requests.Response") -> Iterator[bytes]:
    read = 0
    for chunk in response.iter_content(_CHUNK):
        yield chunk
        read += len(chunk)
        if read >= _BODY:
            return


def _words(error: Exception) -> str:
    """The kind of trouble only: the text of such an error often holds the whole URL."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate or TLS is not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let it through"
    if type(error) is OSError:  # requests itself says so of a file that is not there
        return "the CA file cannot be read"
    if not isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return f"the request cannot be made: {type(error).__name__}"
    text = str(error)
    known = (
        ("Connection refused", "connection refused"),
        ("resolve", "host not found"),
        ("unreachable", "network unreachable"),
        ("timed out", _LATE),
    )
    return next((words for sign, words in known if sign in text), _BROKEN)


def said(body: str) -> str:
    """What the body of a refusal says, for an error line: nothing, or ` (…)`."""
    line = plain.one_line(body, 200)
    return f" ({line})" if line else ""
