"""What the answers of a model API show when they are no good, for the list of models and the canary alike."""

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.exchange import Request, Response, headers
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.kinds import model_api
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._http import category_of

if TYPE_CHECKING:
    from heartbeat_cli.domain.kinds.model_api import ApiError

_SLACK = 0.1  # the exchange's own timeout comes first, and names what happened


class Server(Protocol):
    """What is to be known of a server to judge its answers."""

    @property
    def url(self) -> str: ...

    @property
    def gateway(self) -> bool: ...


class Failure(Record):
    """What a bad answer makes of the component; the fields as in `Reading`."""

    status: Status
    error: str
    category: Category
    certain: bool = False


def exchange(request: Request, timeout: float) -> Response:
    """Make one exchange; it ends after `timeout` seconds."""
    from heartbeat_cli.http.multi import Exchange, drive  # libcurl is not needed to read settings

    found: list[Response] = []
    deadline = time.monotonic() + timeout + _SLACK
    drive([Exchange("", request, timeout)], deadline=deadline, done=lambda _, response: found.append(response))
    return found[0]


def failure(server: Server, response: Response, path: str) -> Failure | None:
    """What an answer that is not 2xx shows, or none at all; None for a good one. Raises Unobservable."""
    fault, code = response.fault, response.status
    here = is_here(server)
    if fault is not None and fault.kind in ("forbidden", "other"):
        raise Unobservable(fault.text)
    if fault is not None:
        category = category_of(fault, here) or ("process" if here else "provider")
        return Failure(
            "error", Text("{path}: {why}", path=path, why=fault.text), category, certain=fault.refused and here
        )
    if 200 <= code < 300:
        return None
    name = next((one.phrase for one in HTTPStatus if one == code), "")
    line = f"HTTP {code} {name}".rstrip()
    place = next((value for key, value in headers(response.head) if key == "location"), None)
    if 300 <= code < 400 and place:
        where = one_line(place.partition("?")[0], 100)
        text = Text("{path}: {why}", path=path, why=Text("{line}, it redirects to {place}", line=line, place=where))
        return Failure("unhealthy", text, "configuration")
    return _failed(server, code, model_api.error_of(model_api.parse(response.body)), path, line)


def in_stream(server: Server, error: "ApiError", path: str) -> Failure:
    """What an error shows that came in a stream that had begun well."""
    return _failed(server, 200, error, path, Text("error in the stream"))


def _failed(server: Server, code: int, error: "ApiError | None", path: str, line: str) -> Failure:
    found = model_api.classify(code, error, is_here(server) and not server.gateway)
    said = Text("{line}: {said}", line=line, said=error.message) if error is not None and error.message else line
    return Failure(found.status, Text("{path}: {why}", path=path, why=said), found.category)


def is_here(server: Server) -> bool:
    """Whether the server is on this host."""
    from urllib.parse import urlsplit

    return not is_remote(urlsplit(server.url).hostname)
