"""Nesting without end in what others answer: named as their noise, never as heartbeat's own fault."""

import time
from pathlib import Path

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.actions import docker as docker_action
from heartbeat_cli.channels import telegram
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.kinds.docker_host import MOST_VALUES
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.passes.check import engine
from tests.parts.http import Answer, healthy_server, unix_server

DEPTHS = pytest.mark.parametrize("depth", [300, 900, 990, 5_000, 30_000])


def nested(depth: int, key: str) -> bytes:
    return b'{"%s": ' % key.encode() + b"[" * depth + b"]" * depth + b"}"


def look(kind: str, **keys: object) -> Reading:
    one = Component("it", kind, plugins.load("monitors", kind).Settings(**keys), Common(retries=0))
    return engine.run_checks([engine.Asked(one, CheckContext("it", 5.0, time.time()))], time.monotonic() + 6)["it"]


@DEPTHS
@pytest.mark.parametrize(
    ("rule", "status"),
    [({}, "healthy"), ({"expect": "json", "json_path": "status"}, "unhealthy"),
     ({"expect": "json", "json_path": "status", "equals": "ok"}, "unhealthy")],
)  # fmt: skip
def test_a_health_body(depth: int, rule: dict[str, str], status: str) -> None:
    with healthy_server(Answer(200, nested(depth, "status"))) as server:
        reading = look("agent", url=server.url, **rule)
    assert (reading.status, "fault" in (reading.error or "")) == (status, False), reading.error


@DEPTHS
@pytest.mark.parametrize("key", ["State", "message"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_docker_engine(depth: int, key: str, status: int, tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with unix_server(path) as server:
        server.answer = Answer(status, nested(depth, key))
        server.answers["/version"] = Answer(200, b'{"ApiVersion": "1.41"}')
        reading = look("docker", container="web", host=f"unix://{path}")
        outcome = docker_action.run(docker_action.Settings("web", host=f"unix://{path}"), timeout=5)
    assert reading.status == "unknown"
    said = "Docker's answer holds more than" if depth > MOST_VALUES else f"Docker answered {status} with something that"
    assert str(reading.error).startswith(said)
    assert outcome.result == "failed"
    assert "RecursionError" not in outcome.detail + outcome.output


@DEPTHS
def test_a_bot_api(depth: int) -> None:
    message = Message("id", "t", "text", "<b>t</b>", "high", "tcp_down", "c", "tcp", "c", 0.0)
    with healthy_server(Answer(200, nested(depth, "ok"))) as server:
        settings = telegram.Settings("1:a", 1, base_url=server.url)
        with pytest.raises(DeliveryError, match="not an answer of the Bot API"):
            telegram.send(settings, message, timeout=5)
