"""A small MCP server of the generation with a handshake, which can be made to fail at any step."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from tests.parts.http import Answer, Seen, Server, healthy_server

_JSON = (("Content-Type", "application/json"),)


class McpServer:
    """`answers` replaces the answer to a method (`DELETE` for the end of a session); `pages` are the tools, page by
    page; `sessions` are those that are open, `opened` how many ever were; `methods` what was asked."""

    def __init__(self, server: Server) -> None:
        self.url = server.url + "/mcp"
        self.answers: dict[str, Answer] = {}
        self.pages: list[list[str]] = [["read", "write"]]
        self.endless, self.same_cursor = False, False
        self.call_result: dict[str, Any] = {"content": []}
        self.sessions: set[str] = set()
        self.opened = 0
        self.methods: list[str] = []
        self.seen: list[Seen] = []
        self._lock = threading.Lock()

    def choose(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        if seen.path != "/mcp":
            return Answer(404, b"nothing here", ())
        message = json.loads(seen.body) if seen.body else {}
        method = message.get("method", seen.method)
        self.methods.append(method)
        session = seen.headers.get("mcp-session-id")
        answer = self._answer(method, message, session)
        forced = self.answers.get(method)
        return answer if forced is None else forced._replace(headers=(*forced.headers, *answer.headers[1:]))

    def _answer(self, method: str, message: dict[str, Any], session: str | None) -> Answer:
        with self._lock:
            if method == "initialize":
                self.opened += 1
                session = uuid4().hex
                self.sessions.add(session)
            elif session not in self.sessions:
                return _error(message, -32000, "Bad Request: No valid session ID provided", 400)
            elif method == "DELETE":
                self.sessions.discard(session)
                return Answer(200, b"", _JSON)
        if "id" not in message:
            return Answer(202, b"", _JSON)
        body = {"jsonrpc": "2.0", "id": message["id"], "result": self._result(method, message.get("params", {}))}
        return Answer(200, json.dumps(body).encode(), (*_JSON, ("Mcp-Session-Id", session or "")))

    def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "initialize":
            return {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "it", "version": "1"}}
        if method == "tools/list":
            page = int(params.get("cursor", "0"))
            more = self.endless or page + 1 < len(self.pages)
            tools = [{"name": name} for name in self.pages[page % len(self.pages)]]
            return {"tools": tools} | ({"nextCursor": "1" if self.same_cursor else str(page + 1)} if more else {})
        return self.call_result if method == "tools/call" else {}


def _error(message: dict[str, Any], code: int, said: str, status: int) -> Answer:
    body = {"jsonrpc": "2.0", "id": message.get("id"), "error": {"code": code, "message": said}}
    return Answer(status, json.dumps(body).encode(), _JSON)


@contextmanager
def mcp_server() -> Iterator[McpServer]:
    with healthy_server() as server:
        found = McpServer(server)
        server.choose = found.choose
        yield found
