"""MCP over Streamable HTTP, for `mcp.py`: each message is a POST; a session that was opened is closed by a DELETE.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.exchange import Request, Response, headers
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.kinds import json_rpc, mcp, sse
from heartbeat_cli.domain.kinds.json_rpc import Reply, RpcError
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._http import category_of
from heartbeat_cli.monitors._mcp_steps import StepFailed, rpc_failed, too_large

MOST_BODY = 1_048_576  # bytes of one answer
_SLACK = 0.1  # the exchange's own timeout comes first, and names what happened
_FIRST = ("initialize", "server/discover")
_OURS = (("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json"))
_OF_CODES: Mapping[int, Category] = {**dict.fromkeys((401, 403), "credentials"), 402: "quota", 429: "provider"}


class HttpLink:
    """The messages of one check. `base` is the request that all are made from; `response` the last answer, and `first`
    the one to the first message, with the phases of a connection."""

    def __init__(self, base: Request, here: bool) -> None:
        self._base, self._here = base, here
        self._session: str | None = None
        self._version: str | None = None
        self._number = 0
        self.response: Response | None = None
        self.first: Response | None = None

    def opened(self, result: Mapping[str, Any]) -> None:
        self._version = mcp.version_of(result)

    def ask(self, message: mcp.Message, until: float) -> Reply:
        self._number += 1
        number, step = self._number, message.method
        stream = sse.Events()

        def enough(piece: bytes) -> bool:
            return json_rpc.reply_to(number, stream.feed(piece)) is not None

        response = self._send(message, until, number, enough)
        lenient = response.status >= 400
        texts = [response.body, *sse.events(response.body + b"\n\n")]
        reply = json_rpc.reply_to(number, texts, lenient=lenient)
        if response.fault is not None or response.status != 200 or reply is None:
            self._judge(step, response, reply)
        if reply is None:
            kind = next((value for name, value in headers(response.head) if name == "content-type"), "-")
            text = Text("at {step}: the answer holds no JSON-RPC ({kind})", step=step, kind=one_line(kind, 60))
            raise StepFailed("unhealthy", text, "configuration", other_era=step == "server/discover")
        return reply

    def tell(self, message: mcp.Message, until: float) -> None:
        response = self._send(message, until, None, lambda _: True)
        if response.fault is not None or not 200 <= response.status < 300:
            self._judge(message.method, response, None)

    def close(self, until: float) -> str | None:
        """Close the session, if there is one, by `until` (time.monotonic()); why that did not work, None where it did
        or where the server lets no client close a session (405)."""
        if self._session is None:
            return None
        response = self._exchange(self._request("DELETE", (), None)._replace(enough=lambda _: True), until)
        self._session = None
        if response.fault is not None:
            return Text("its session could not be closed: {why}", why=response.fault.text)
        return Text("its session could not be closed: {why}", why=_line(response)) if response.status >= 500 else None

    def _send(self, message: mcp.Message, until: float, number: int | None, enough: Any) -> Response:
        body = json_rpc.encode(message.method, message.params, number)
        request = self._request("POST", message.headers, body)._replace(enough=enough)
        response = self._exchange(request, until)
        self.response, self.first = response, self.first or response
        if message.method == "initialize":  # also of an answer that broke off: a server keeps the session all the same
            named = next((value for name, value in headers(response.head) if name == "mcp-session-id"), None)
            self._session = mcp.session_header(named)
        return response

    def _request(self, method: str, also: tuple[tuple[str, str], ...], body: bytes | None) -> Request:
        found = (*self._base.headers, *_OURS, *also)
        if self._session is not None:
            found += (("Mcp-Session-Id", self._session),)
        if self._version is not None:
            found += (("MCP-Protocol-Version", self._version),)
        return self._base._replace(method=method, headers=found, body=body, max_body=MOST_BODY, redirects=0)

    def _exchange(self, request: Request, until: float) -> Response:
        from heartbeat_cli.http.multi import Exchange, drive  # libcurl is not needed to read settings

        timeout = max(0.05, until - time.monotonic())
        found: list[Response] = []
        deadline = time.monotonic() + timeout + _SLACK
        drive([Exchange("", request, timeout)], deadline=deadline, done=lambda _, response: found.append(response))
        return found[0]

    def _judge(self, step: str, response: Response, reply: Reply | None) -> None:
        """Raises what an answer is that is not a plain reply; returns where it is one after all."""
        fault, code = response.fault, response.status
        if fault is not None and fault.kind in ("forbidden", "other"):
            raise Unobservable(fault.text)
        if fault is not None:
            text = Text("at {step}: {why}", step=step, why=fault.text)
            certain, silent = fault.refused and self._here, fault.kind == "timeout"
            category = category_of(fault, self._here) or "process"
            raise StepFailed(
                "error", text, category, certain=certain, silent=silent, other_era=fault.kind in ("reset", "protocol")
            )
        if response.truncated:
            raise too_large(step, MOST_BODY)
        if 200 <= code < 300:
            return
        if code < 500 and code not in _OF_CODES and isinstance(reply, RpcError) and not _wrong_place(step, code):
            failed = rpc_failed(step, reply)
            failed.other_era = failed.other_era or step == "server/discover"
            raise failed
        why = _line(response, reply)
        other = isinstance(reply, RpcError) and step in _FIRST and mcp.other_era(reply)
        raise StepFailed(
            "unhealthy",
            Text("at {step}: {why}", step=step, why=why),
            _category(step, code),
            other_era=code not in _OF_CODES and (other or step == "server/discover"),
        )


def _wrong_place(step: str, code: int) -> bool:
    return step in _FIRST and code in (404, 405, 406)


def _category(step: str, code: int) -> Category:
    if code in _OF_CODES:
        return _OF_CODES[code]
    return "process" if code >= 500 or (code == 404 and step not in _FIRST) else "configuration"


def _line(response: Response, reply: Reply | None = None) -> str:
    """The status code with its name, and what else the server said of it."""
    name = next((one.phrase for one in HTTPStatus if one == response.status), "")
    line = f"HTTP {response.status} {name}".rstrip()
    place = next((value for key, value in headers(response.head) if key == "location"), None)
    if 300 <= response.status < 400 and place:
        return Text("{line}, it redirects to {place}", line=line, place=one_line(place.partition("?")[0], 100))
    said = reply.message if isinstance(reply, RpcError) else ""
    return f"{line}: {said}" if said else line


def is_here(url: str) -> bool:
    """Whether an address is this host's own."""
    from urllib.parse import urlsplit

    return not is_remote(urlsplit(url).hostname)
