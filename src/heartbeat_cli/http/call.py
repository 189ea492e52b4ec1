"""One HTTP call outside a pass's checks: hooks of recovery, the in-flight guard, channels that speak HTTP.

It goes by the same bounded libcurl as the checks: one deadline over all of it that a slow drip cannot escape, a bounded
answer, nothing of the environment. No redirects (following one would turn a POST into a GET), a proxy only where the
configuration names one, and troubles that name the host alone: paths and queries of hooks often are their password.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, unquote, urlsplit

from heartbeat_cli.domain.checking.exchange import Fault, FaultKind, Request, headers
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http import proxies
from heartbeat_cli.system import in_threads

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from heartbeat_cli.domain.checking.exchange import Response

_BESIDES = 524_288  # bytes that may come besides what is kept: heads, TLS, what is on its way when enough is there
_TELLS = 0.1  # seconds, or a tenth of all, that are left at the end for saying how far it came
_SIGNS = "!$%&'()*+,/:;=?@[]~"  # of a path and a query, beside letters and digits
_NOTHING: Mapping[str, str] = {}
_UNUSABLE = Text("the request cannot be made")
_TLS_BY_PROXY = Text("its certificate or TLS, or that of the proxy, is not accepted")
_WORDS: dict[FaultKind, str] = {
    "dns": Text("host not found"),
    "route": system_words("network is unreachable"),
    "connect": Text("no connection"),
    "reset": Text("the connection broke off"),
    "too_large": Text("its answer is too long"),
    "protocol": Text("its answer cannot be understood"),
    "forbidden": Text("the CA file cannot be read"),
}
_NEVER_LEFT: tuple[FaultKind, ...] = ("tls", "expired", "proxy")  # after these no byte of the request was sent


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


class Headers(Mapping[str, str]):
    """Headers by name, without regard to case; one that came more than once has its values joined by commas."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            known = self._values.get(name.lower())
            self._values[name.lower()] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


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

    The exchange has a thread of its own: libcurl may be held in one call, and then nobody waits for it."""
    deadline = time.monotonic() + timeout
    results = in_threads.results({"": lambda: _exchange(call, timeout, deadline)}, deadline)
    result = results.get("") or NoAnswer(_late(call, timeout), unsure=True)
    if isinstance(result, Exception):
        raise result
    return result


def _late(call: Call, timeout: float) -> Text:
    return Text("{host}: no complete answer within {n:g} s", host=str(host(call.url)), n=round(timeout, 1))


def _exchange(call: Call, timeout: float, deadline: float) -> Answer:
    from heartbeat_cli.http import multi

    request = _request_or_none(call)
    if request is None:
        raise NoAnswer(Text("{name}: {why}", name=str(host(call.url)), why=_UNUSABLE))
    answers: list[Response] = []
    until = deadline - min(_TELLS, timeout / 10)
    exchange = multi.Exchange("", request, until - time.monotonic(), most=call.keep + _BESIDES)
    multi.drive([exchange], deadline=until, done=lambda _, response: answers.append(response))
    (response,) = answers
    fault = response.fault or (None if response.status else Fault("protocol", ""))
    if fault is None:
        return Answer(response.status, Headers(headers(response.head)), response.body.decode("utf-8", "replace"))
    late = fault.kind == "timeout" or fault in (multi.CUT_SHORT, multi.NOT_ASKED)
    if late or (fault.kind == "dns" and time.monotonic() > until - _TELLS):
        raise NoAnswer(_late(call, timeout), unsure=_may_have_arrived(request, response))
    _give_up(request, response, fault)


def _give_up(request: Request, response: "Response", fault: Fault) -> NoReturn:
    name, unsure = str(host(request.url)), fault.kind not in _NEVER_LEFT and _may_have_arrived(request, response)
    raise NoAnswer(Text("{name}: {why}", name=name, why=_why(request, fault)), unsure=unsure)


def _may_have_arrived(request: Request, response: "Response") -> bool:
    """Whether bytes of the request may have gone out: the connection, and TLS, stood. How far a proxy came with them
    nobody knows, so its connection counts; but it gets none before there is TLS with the target through it."""
    stood = "tls" if request.url.startswith("https:") else "connect"
    return stood in response.phases


def _why(request: Request, fault: Fault) -> str:
    """The kind of trouble only: the text of a fault may hold the whole URL."""
    if fault.refused:
        return system_words("connection refused")
    if fault.kind in ("tls", "expired"):
        return _TLS_BY_PROXY if (request.proxy or "").lower().startswith("https:") else fault.text
    return fault.text if fault.kind == "proxy" else _WORDS.get(fault.kind, _UNUSABLE)


def _request_or_none(call: Call) -> Request | None:
    """The exchange of a call; None for what cannot be sent, since an error's text may quote the address."""
    try:
        return _request(call)
    except ValueError:
        return None


def _request(call: Call) -> Request:
    """The exchange of a call. Raises ValueError for what cannot be sent."""
    parts = urlsplit(call.url)
    given = dict(call.headers)
    if parts.username:
        given = {name: value for name, value in given.items() if name.lower() != "authorization"}
        given["Authorization"] = _basic(unquote(parts.username), unquote(parts.password or ""))
    given = {name: value for name, value in given.items() if name.lower() != "accept-encoding"}  # ours is `identity`
    return Request(
        _address(parts),
        call.method,
        tuple(given.items()),
        call.body if call.body is not None or call.method == "GET" else b"",
        verify_tls=bool(call.verify),
        ca_file=call.verify if isinstance(call.verify, str) else None,
        redirects=0,
        max_body=call.keep,
        refusals_only=call.only_refusals,
        proxy=proxies.for_host(call.proxy, parts.hostname),
    )


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _address(parts: "SplitResult") -> str:
    """The URL as it goes out: in ASCII, without user, password and fragment. Raises ValueError."""
    place = parts.netloc.rpartition("@")[2]
    if not place.isascii():
        from idna import encode

        port = "" if parts.port is None else f":{parts.port}"
        place = encode(parts.hostname or "", uts46=True).decode() + port
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{place}{re.sub('%(?![0-9A-Fa-f]{2})', '%25', quote(rest, safe=_SIGNS))}"
