"""A hostile HTTP server that answers without an end, or packed, fills neither memory nor time of what asked it."""

import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.http import multi
from tests.parts import hostile
from tests.parts.dhe import OnlyDhe
from tests.parts.hostile import Behaviour, hostile_server
from tests.parts.http import healthy_server
from tests.parts.measured import measured
from tests.parts.verb import heartbeat

ROOM = 130  # MB, of which Python, requests and the SDK are about 60
BOMB = gzip.compress(gzip.compress(b"[" + b"0," * 200_000_000 + b"0]", 9), 9)


def endless_redirect(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")
    hostile._forever(connection, stop, b"x" * 65_536)


def endless_refusal(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n")
    hostile._forever(connection, stop, b'["x",' * 10_000)


def endless_chunk_line(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
    hostile._forever(connection, stop, b"0" * 65_536)


def bomb(connection: socket.socket, stop: threading.Event) -> None:
    """A few hundred bytes that unpack twice to 400 MB."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip, gzip\r\n"
    connection.sendall(f"{head}Content-Length: {len(BOMB)}\r\n\r\n".encode() + BOMB)


def drips_all(connection: socket.socket, stop: threading.Event) -> None:
    """Each byte in time, the answer never."""
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n")
    hostile._forever(connection, stop, b" ", 0.1)


FLOODS: tuple[Behaviour, ...] = (
    hostile.endless_body,
    hostile.endless_headers,
    hostile.huge_header,
    hostile.endless_interim,
    hostile.chunked_forever,
    hostile.endless_trailers,
    endless_redirect,
    endless_refusal,
    endless_chunk_line,
    bomb,
    drips_all,
)
HTTP_STEP = """
from heartbeat_cli.actions import http
said = list(http.run(http.Settings(sys.argv[1]), timeout=3.0))
"""
WEBHOOK = """
from heartbeat_cli.channels import webhook
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError
message = Message("i", "agent_down", "high", "t", "t", "t", "main", 1.5, "i")
try:
    webhook.send(webhook.Settings(sys.argv[1]), message, timeout=3.0)
    said = "taken"
except DeliveryError as error:
    said = str(error)
"""
TELEGRAM = WEBHOOK.replace("webhook", "telegram").replace("(sys.argv[1])", '("1:x", "1", base_url=sys.argv[1])')
_CHILDREN = """
import resource
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
said = [said, peak]
"""
APPRISE = WEBHOOK.replace("webhook", "apprise").replace("argv[1]", 'argv[1].replace("http", "json", 1)') + _CHILDREN
BUSY = """
from heartbeat_cli.passes.recover import in_flight
from heartbeat_cli.actions import http
from heartbeat_cli.domain.component import Guard, Step
said = in_flight.busy(Guard(Step("http", http.Settings(sys.argv[1], method="GET"))), timeout=3.0)
"""
DOCKER = """
from heartbeat_cli.actions import docker
settings = docker.Settings("web", host=sys.argv[1])
said = [list(docker.run(settings, timeout=6.0))]
said += [docker.hold(settings, timeout=3.0), docker.begun(settings, timeout=3.0)]
"""
PASS = """
import resource, subprocess
words = [sys.executable, "-m", "heartbeat_cli", "--config", sys.argv[1], "run"]
said = [subprocess.run(words, stdout=subprocess.DEVNULL).returncode]
said += [resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]
"""
ASKED: dict[str, str] = {"step": HTTP_STEP, "webhook": WEBHOOK, "telegram": TELEGRAM, "busy": BUSY}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("asked", ASKED)
def test_hooks_and_channels(asked: str, flood: Behaviour) -> None:
    with hostile_server(flood) as server:
        found = measured(ASKED[asked], server.url)
    assert found.peak < ROOM, found
    assert found.took < 20, found


@pytest.mark.parametrize("flood", FLOODS)
def test_apprise(flood: Behaviour) -> None:
    with hostile_server(flood) as server:
        found = measured(APPRISE, server.url)
    assert max(found.peak, found.said[1]) < ROOM + 40, found  # Apprise itself takes 45 MB
    assert found.said[0] != "taken" or flood is hostile.endless_trailers, found
    assert found.took < 30, found


def _only_after(path: bytes, flood: Behaviour) -> Callable[[socket.socket, threading.Event], None]:
    """An Engine that is well until it is asked for `path`."""
    state = {"Status": "exited", "Running": False, "StartedAt": "2026-01-01T00:00:00Z", "ExitCode": 1}
    state |= {"FinishedAt": "2026-01-01T00:00:01Z"}
    answers = {
        b"/version": {"ApiVersion": "1.43"},
        b"/json": {"Id": "x" * 64, "State": state, "HostConfig": {}, "Config": {}},
    }

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        asked = connection.recv(65_536)
        for end, answer in answers.items():
            if end in asked and path not in asked:
                body = json.dumps(answer).encode()
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                return
        flood(connection, stop)

    return behaviour


@contextmanager
def unix_server(path: Path, behaviour: Behaviour) -> Iterator[None]:
    stop = threading.Event()

    def treat(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            behaviour(connection, stop)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(256)
        listener.settimeout(0.1)

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    threading.Thread(target=treat, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(5)


@pytest.mark.parametrize("path", [b"/version", b"/containers/web/json", b"/containers/json", b"/events", b"/start"])
@pytest.mark.parametrize("flood", FLOODS)
def test_a_docker_engine(flood: Behaviour, path: bytes, tmp_path: Path) -> None:
    with unix_server(tmp_path / "engine.sock", _only_after(path, flood)):
        found = measured(DOCKER, f"unix://{tmp_path}/engine.sock")
    assert found.peak < ROOM, found
    if flood is hostile.endless_body and path in (b"/version", b"/containers/web/json"):
        assert "it sent more than 1,048,576 bytes" in found.said[0][1]
    assert found.took < 40, found  # a call of six seconds and two of three


def full_of_nothing(connection: socket.socket, stop: threading.Event) -> None:
    """Within the bytes that an answer may have, and thirty times as large in memory."""
    body = b'{"State": {}, "all": [' + b"{}," * 1_300_000 + b"{}]}"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def _fails_and_unfolds(connection: socket.socket, stop: threading.Event) -> None:
    """An Engine with a container that fails, whose description grows as soon as recovery asks."""
    asked = connection.recv(65_536)
    body = b'{"ApiVersion": "1.43"}'
    if b"/json" in asked:
        state = b'{"Status": "running", "Running": true, "Health": {"Status": "unhealthy"}}'
        body = b'{"Id": "x", "State": %b, "all": [' % state + b"{}," * (340_000 if b"/v1." in asked else 3) + b"{}]}"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize("path", [b"/containers/web/json", b"/containers/json", b"/events"])
def test_a_docker_engine_whose_answer_unfolds(path: bytes, tmp_path: Path) -> None:
    with unix_server(tmp_path / "engine.sock", _only_after(path, full_of_nothing)):
        found = measured(DOCKER, f"unix://{tmp_path}/engine.sock")
    assert found.peak < 85, found
    assert "it sent more than 1,048,576 bytes" in found.said[0][1], "to the order at the end it says so, too"


def test_many_containers_of_an_engine_whose_answers_unfold(tmp_path: Path) -> None:
    """A pass asks about all of them at once, and so does recovery."""
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[recovery]\nmode = "on"\n'
        + "".join(
            f'[components.c{number}]\nkind = "docker"\ncontainer = "c{number}"\nfail_threshold = 1\n'
            f'host = "unix://{tmp_path}/engine.sock"\n'
            for number in range(12)
        )
    )
    with unix_server(tmp_path / "engine.sock", _fails_and_unfolds):
        found = measured(PASS, tmp_path / "hb.toml")
    assert found.said[0] == 0
    assert found.said[1] < 100, found


def _nearly_all(connection: socket.socket, stop: threading.Event) -> None:
    """An Engine whose every answer is about to end."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[" + b" " * 900_000)
    stop.wait(10)


def test_many_containers_of_an_engine_that_never_ends(tmp_path: Path) -> None:
    """What has come of each is kept while the rest is waited for."""
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n'
        + "".join(
            f'[components.c{number}]\nkind = "docker"\ncontainer = "c{number}"\ntimeout = 3\nretries = 0\n'
            f'host = "unix://{tmp_path}/engine.sock"\n'
            for number in range(250)
        )
    )
    with unix_server(tmp_path / "engine.sock", _nearly_all):
        found = measured(PASS, tmp_path / "hb.toml")
    assert found.said[0] == 0
    assert found.said[1] < 190, found


@pytest.mark.parametrize("name", [".docker/config.json", ".dockercfg"])
def test_a_pipe_in_the_home_of_another_user_holds_no_step_of_recovery(name: str, tmp_path: Path) -> None:
    """`sudo -E` leaves $HOME as it was, and the SDK reads a file there."""
    (tmp_path / ".docker").mkdir()
    os.mkfifo(tmp_path / name)
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "docker"\ncontainer = "web"\n'
        f'host = "unix://{tmp_path}/engine.sock"\n'
    )
    with unix_server(tmp_path / "engine.sock", _only_after(b"/nothing", hostile.endless_body)):
        done = heartbeat(tmp_path, "--config", "hb.toml", "doctor", timeout=30)
    assert "Docker may be used, and web is there" in done.out


@pytest.mark.parametrize("flood", FLOODS)
def test_a_docker_engine_over_tcp(flood: Behaviour) -> None:
    with hostile_server(flood) as server:
        found = measured(DOCKER, server.url.replace("http", "tcp"))
    assert found.peak < ROOM, found
    assert found.took < 20, found


@pytest.mark.parametrize("way", ["the server", "the proxy"])
def test_no_key_is_agreed_on_by_the_powers_that_a_server_chooses(way: str, tmp_path: Path) -> None:
    """Two of them with a modulus of 10,000 bits are a second of CPU, in the one thread that serves all exchanges."""
    found: list[Response] = []
    own = OnlyDhe.made(tmp_path)
    with healthy_server(certificate=own) as hostile_one:
        request = Request(hostile_one.url, ca_file=str(own.cert))
        if way == "the proxy":
            request = request._replace(url="http://agent.invalid/", proxy=hostile_one.url)
        exchange = multi.Exchange("one", request, 20.0)
        multi.drive([exchange], deadline=time.monotonic() + 30, done=lambda _, said: found.append(said))
        seen = hostile_one.seen
    (response,) = found
    assert response.fault is not None and response.fault.kind in ("tls", "proxy") and not seen, response
