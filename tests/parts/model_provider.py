"""A small provider of a language model, compatible with OpenAI's API, with the moods that providers have."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ERRORS: dict[str, tuple[int, dict[str, Any]]] = {
    "401": (401, {"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid_api_key"}),
    "402": (402, {"message": "Payment required"}),
    "quota": (429, {"message": "You exceeded your quota", "type": "insufficient_quota", "code": "insufficient_quota"}),
    "429": (429, {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}),
    "500": (500, {"message": "It broke", "type": "server_error", "code": None}),
    "408": (408, {"message": "Too slow"}),
    "no model": (404, {"message": "No such model", "type": "invalid_request_error", "code": "model_not_found"}),
}


class Provider:
    """`mood` is how completions go: ok, hang, empty, late, html, in stream, whole, or a key of ERRORS; `front` how the
    list of models goes. `completions` are the bodies of the completions that were asked for."""

    def __init__(self, url: str) -> None:
        self.url, self.mood, self.front = url, "ok", "ok"
        self.models: list[str] = ["small"]
        self.late, self.retry_after = 0.4, ""
        self.completions: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.stopping = threading.Event()


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    value = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [choice]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.keys.append(self.headers.get("Authorization"))
            listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in provider.models]}
            self._fail(provider.front) or self._say(200, json.dumps(listed).encode())

        def do_POST(self) -> None:
            provider.completions.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            mood = provider.mood
            if self._fail(mood):
                return
            if mood == "whole":
                choice = {"index": 0, "message": {"role": "assistant", "content": "p"}, "finish_reason": "length"}
                self._say(200, json.dumps({"object": "chat.completion", "choices": [choice]}).encode())
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.flush()
            time.sleep(provider.late if mood == "late" else 0)
            if mood == "in stream":
                error = {"message": "Overloaded", "type": "overloaded_error", "code": "503"}
                self.wfile.write(b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
                return
            self.wfile.write(_chunk({"role": "assistant", "content": ""}))
            if mood == "empty":
                self.wfile.write(_chunk({}, "stop") + b"data: [DONE]\n\n")
                return
            self.wfile.write(_chunk({"content": "p"}) + _chunk({}, "length") + b"data: [DONE]\n\n")

        def _fail(self, mood: str) -> bool:
            if mood == "hang":
                provider.stopping.wait(30)
            elif mood == "html":
                self._say(200, b"<html>hello</html>")
            elif mood in ERRORS:
                status, error = ERRORS[mood]
                self._say(status, json.dumps({"error": error}).encode())
            return mood in ("hang", "html", *ERRORS)

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if provider.retry_after and status >= 400:
                self.send_header("Retry-After", provider.retry_after)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    return Handler


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None: ...


@contextmanager
def model_provider() -> Iterator[Provider]:
    provider = Provider("")
    with _Threads(("127.0.0.1", 0), _handler(provider)) as server:
        provider.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            provider.stopping.set()
            server.shutdown()
            thread.join(5)
