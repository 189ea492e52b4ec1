"""What the Docker SDK says of a failed call, as sentences of ours."""

import socket
import threading
from pathlib import Path

import pytest

from heartbeat_cli.actions import docker as action
from heartbeat_cli.actions.docker import Settings
from heartbeat_cli.domain.text import Text
from tests.parts.hostile import hostile_server
from tests.parts.http import Answer, unix_server

STATE = b'{"Id": "1", "State": {"Status": "exited", "Running": false, "StartedAt": "2026-01-01T00:00:00Z"}}'


@pytest.mark.parametrize(
    ("status", "said", "result", "detail"),
    [
        (404, b'{"message": "No such container: web"}', "refused", "there is no container named web"),
        (404, b"", "refused", "there is no container named web"),
        (
            404,
            b'{"message": "network app not found"}',
            "failed",
            "web could not be brought back: something that the container needs is gone (network app not found)",
        ),
        (
            409,
            b'{"message": "removal is in progress"}',
            "failed",
            "web could not be brought back: Docker does not allow it in the container's present state (removal is in"
            " progress)",
        ),
        (500, b"", "failed", "web could not be brought back: Docker could not do it"),
        (
            400,
            b'{"message": "bad parameter"}',
            "failed",
            "web could not be brought back: Docker refused it with HTTP 400 (bad parameter)",
        ),
    ],
)
def test_what_docker_says_stands_behind_our_sentence_once(
    tmp_path: Path, status: int, said: bytes, result: str, detail: str
) -> None:
    with unix_server(tmp_path / "engine.sock") as server:
        server.answers["/version"] = Answer(200, b'{"ApiVersion": "1.41"}')
        server.answers["/v1.41/containers/web/json"] = Answer(200, STATE)
        server.answers["/v1.41/containers/web/start"] = Answer(status, said)
        outcome = action.run(Settings("web", host=f"unix://{tmp_path}/engine.sock"), timeout=10)
    assert outcome[:2] == (result, detail)
    assert isinstance(outcome.detail, Text) and "Client Error" not in outcome.detail


def test_a_daemon_that_is_not_there_cannot_be_reached(tmp_path: Path) -> None:
    outcome = action.run(Settings("web", host=f"unix://{tmp_path}/none.sock"), timeout=5)
    assert outcome.detail == "web could not be brought back: Docker cannot be reached (No such file or directory)"


def test_a_daemon_that_hangs_up_after_each_answer_is_asked_on_a_new_connection() -> None:
    """A server may close a connection that is kept open at any time; a request just sent on it would be lost."""

    def one_answer(connection: socket.socket, stop: threading.Event) -> None:
        asked = connection.recv(65_536)
        status, body = b"200 OK", b'{"ApiVersion": "1.41"}' if b"/version" in asked else STATE
        if b"/start" in asked:
            status, body = b"404 No", b'{"message": "No such container: web"}'
        connection.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        connection.recv(65_536)  # what comes next finds its end

    with hostile_server(one_answer, read_request=False) as server:
        outcome = action.run(Settings("web", host=server.url.replace("http", "tcp")), timeout=10)
    assert outcome[:2] == ("refused", "there is no container named web")
