"""A small HTTP server that answers as its folder says: `python -I -S _agents_server.py FOLDER PORT`.

At each request the first of `until-restart.json`, `broken.json` and `well.json` is read; a restart of the part removes
the first. Each holds answers by path, `*` for all others: status, body, type, headers, delay (seconds), or `mode`: hang
(never answers) or close (closes without an answer). With `needs`, a port, it answers 503 while nobody listens there.
`@SECONDS@` in a body is how long the server has run. With a `cert.pem` (and key) in the folder it speaks TLS, with the
certificate that is there at that moment.
"""

import json
import socket
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_FOLDER = Path(sys.argv[1])
_STARTED = time.monotonic()
_FILES = ("until-restart.json", "broken.json", "well.json")


def _answer(path: str) -> dict[str, Any]:
    for name in _FILES:
        try:
            answers = json.loads((_FOLDER / name).read_text())
        except OSError:
            continue
        found: dict[str, Any] = answers.get(path, answers["*"])
        return found
    return {}


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    timeout = 20

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = _answer(self.path)
        if "needs" in answer and not _listens(int(answer["needs"])):
            answer = {"status": 503, "body": '{"status": "error", "output": "no connection to what it needs"}'}
        time.sleep(float(answer.get("delay", 0)))
        mode = answer.get("mode")
        if mode == "hang":
            time.sleep(60)
        if mode:
            self.close_connection = True
            return
        body = str(answer.get("body", "")).replace("@SECONDS@", str(int(time.monotonic() - _STARTED))).encode()
        self.send_response(int(answer.get("status", 200)))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.get("type", "application/json"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_HEAD = _serve

    def log_message(self, *args: object) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def get_request(self) -> tuple[socket.socket, Any]:
        peer, address = super().get_request()
        if (_FOLDER / "cert.pem").exists():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(_FOLDER / "cert.pem", _FOLDER / "key.pem")
            peer = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
        return peer, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up in the middle is what a short timeout is for."""


if __name__ == "__main__":
    _Server(("127.0.0.1", int(sys.argv[2])), _Handler).serve_forever()
