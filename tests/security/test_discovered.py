"""A hostile Docker Engine stops no pass of a host without a configuration, which asks it what runs there."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.parts.measured import measured

TABLES = """
from heartbeat_cli.discovery import discover
said = [one["kind"] for one in discover.default_tables()["components"].values()]
"""
UNFOLDING = b'{"a":[' + b'{"":[]},' * 500_000 + b"{}]}"
ENDED = json.dumps([{"Names": [f"/c{number}"], "Status": "Exited (0) 3 days ago"} for number in range(50)]).encode()


@contextmanager
def engine(listed: bytes, one: bytes = b"{}") -> Iterator[str]:
    """$DOCKER_HOST of an Engine that says this of all containers, and that of each."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = listed if "all=1" in self.path else one
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "listed",
    [
        [{"Names": 5}],
        [{"Names": ["/a"], "Ports": 5}],
        [{"Names": ["/a"], "Ports": [{"PublicPort": [1]}]}],
        [{"Names": {"a": 1}, "State": [1]}],
        [{"Names": ["/a"], "Ports": [{"PublicPort": True, "PrivatePort": {}}], "Image": [[]], "Status": {}}],
    ],
    ids=json.dumps,
)
def test_a_list_of_nonsense_stops_nothing(listed: object) -> None:
    with engine(json.dumps(listed).encode()) as host:
        assert "host" in measured(TABLES, DOCKER_HOST=host).said


@pytest.mark.parametrize("what", ["the list", "each container"])
def test_an_answer_that_unfolds_costs_neither_memory_nor_time(what: str) -> None:
    with engine(UNFOLDING) if what == "the list" else engine(ENDED, UNFOLDING) as host:
        found = measured(TABLES, DOCKER_HOST=host)
    assert "host" in found.said and found.peak < 150 and found.took < 8, found
