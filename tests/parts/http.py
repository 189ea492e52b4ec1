"""Small real HTTP servers, each in threads of its own on a free port, whose answer can be changed while they
run. Certificates are made with the `openssl` program. The badly behaved peers are in `hostile.py`."""

import os
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.parts import lacking


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b'{"status": "ok"}'
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    delay: float = 0.0


class Seen(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


class Server:
    """`answer` is given on every path without an own entry in `answers`; `seen` are the requests so far, `found` those
    of a discovery, which asks every server of this host, those of the tests beside it too.
    `connections` are the peers that came. `choose`, where it is set, answers instead."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer = Answer()
        self.answers: dict[str, Answer] = {}
        self.choose: Callable[[Seen], Answer] | None = None
        self.seen: list[Seen] = []
        self.found: list[Seen] = []
        self.connections: list[object] = []
        self.most_at_once = 0  # hostile servers only
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def setup(self) -> None:
            server.connections.append(self.client_address)
            super().setup()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Seen(self.command, self.path, headers, body)
            discovery = headers.get("user-agent", "").endswith("(discovery)")
            (server.found if discovery else server.seen).append(asked)
            answer = server.choose(asked) if server.choose else server.answers.get(self.path, server.answer)
            server.stopping.wait(answer.delay)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

        def address_string(self) -> str:
            return "client"  # the peer of a Unix socket has no address

        def log_message(self, *args: object) -> None: ...

    return Handler


class _QuietThreads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what these tests are about."""


class _UnixThreads(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None: ...


@contextmanager
def healthy_server(
    answer: Answer | None = None,
    *,
    certificate: "Certificate | None" = None,
    client_ca: "Certificate | None" = None,
    host: str = "127.0.0.1",
) -> Iterator[Server]:
    """An HTTP (with a certificate: HTTPS) server; set `server.answer` to change what it says.
    With `client_ca` it wants a client certificate that this one has signed."""
    server = Server("")
    listener = _QuietThreads((host, 0), _handler(server))
    if certificate is not None:
        listener.socket = certificate.context(client_ca).wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
    server.url = f"{'https' if certificate else 'http'}://{host}:{listener.server_address[1]}"
    server.answer = answer or Answer()
    with _serving(listener, server):
        yield server


@contextmanager
def unix_server(path: Path) -> Iterator[Server]:
    """The same on a Unix socket at `path`."""
    server = Server("http://localhost")
    with _serving(_UnixThreads(str(path), _handler(server)), server):
        yield server


@contextmanager
def _serving(listener: socketserver.BaseServer, server: Server) -> Iterator[None]:
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.stopping.set()
        listener.shutdown()
        listener.server_close()
        thread.join(5)


class Certificate(NamedTuple):
    cert: Path
    key: Path

    def context(self, client_ca: "Certificate | None" = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        if client_ca is not None:
            context.load_verify_locations(client_ca.cert)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def certificate(folder: Path, *, days: float = 90, host: str = "IP:127.0.0.1,DNS:localhost") -> Certificate:
    """A self-signed certificate that ends `days` from now (negative: it has ended); it is its own CA file."""
    if shutil.which("openssl") is None:
        lacking("the openssl program, to make certificates")
    from datetime import UTC, datetime, timedelta

    key, cert, request = folder / "key.pem", folder / "cert.pem", folder / "request.pem"
    config, serial, index = folder / "ca.cnf", folder / "serial", folder / "index.txt"
    _openssl(
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        key,
        "-subj",
        "/CN=heartbeat test",
        "-out",
        request,
    )
    serial.write_text("01\n")
    index.write_text("")
    config.write_text(_CA_CONFIG.format(folder=folder, host=host))
    end = datetime.now(UTC) + timedelta(days=days)
    start = min(datetime.now(UTC), end) - timedelta(days=2)
    moment = "%Y%m%d%H%M%SZ"
    _openssl(
        "ca", "-batch", "-notext", "-selfsign", "-config", config, "-in", request, "-keyfile", key, "-out",
        cert, "-startdate", start.strftime(moment), "-enddate", end.strftime(moment),
    )  # fmt: skip
    return Certificate(cert, key)


def _openssl(*arguments: object) -> None:
    environment = {**os.environ, "OPENSSL_CONF": "/dev/null"} if arguments[0] == "ca" else None
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=20, env=environment)


_CA_CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
x509_extensions = extensions
unique_subject = no
[any]
commonName = supplied
[extensions]
subjectAltName = {host}
basicConstraints = CA:true
"""
