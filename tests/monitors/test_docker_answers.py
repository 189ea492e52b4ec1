"""The docker monitor's judgement of answers by hand: states that cannot be made at will (out of memory, a
daemon that talks nonsense, a Docker of tomorrow)."""

import json
from typing import Any

import pytest

from heartbeat_cli.domain.exchange import Fault, Response
from heartbeat_cli.domain.result import Look, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import docker as monitor
from heartbeat_cli.monitors.docker import Settings

WEB = Settings("web")


def read(answer: object, *, status: int = 200, settings: Settings = WEB, **memory: Any) -> Reading:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return monitor.read(settings, Response(status, body=body, elapsed=0.1), Look("web", 5, 1000.0, memory))


def state(status: str, **more: object) -> dict[str, object]:
    return {"Id": "abc", "RestartCount": 0, "State": {"Status": status, "ExitCode": 0, **more}}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            state("exited", ExitCode=137, OOMKilled=True),
            "not running: killed by the kernel for want of memory (exit 137)",
        ),
        (state("exited", ExitCode=143), "not running: ended by SIGTERM (exit 143)"),
        (
            state("exited", ExitCode=127, Error="exec: nope\n"),
            "not running: its command was not found (exit 127): exec: nope",
        ),
        (state("exited", ExitCode=255), "not running: exit 255"),
        (state("dead"), "dead: Docker could not remove it completely"),
        (state("removing"), "is being removed"),
        (state("restarting", ExitCode=1), "crash loop: Docker is restarting it, exit 1"),
        (state("running", Health={"Status": "unhealthy", "FailingStreak": 1}), "health check failed"),
    ],
)
def test_unhealthy_states(answer: object, error: str) -> None:
    reading = read(answer)
    assert (reading.status, reading.error) == ("unhealthy", error)


@pytest.mark.parametrize("memory", [{"id": "abc"}, {"id": "abc", "restarts": "3"}, {"id": 1, "restarts": None}])
def test_a_memory_that_is_garbage_is_no_memory(memory: dict[str, Any]) -> None:
    assert read(state("running") | {"RestartCount": 4}, **memory).status == "healthy"


def test_restarts_below_or_without_the_limit_are_well() -> None:
    answer = state("running") | {"RestartCount": 4}
    memory = {"id": "abc", "restarts": 3}
    assert read(answer, **memory).error == "crash loop: 1 restart since the last look"
    assert read(answer, settings=Settings("web", restart_limit=2), **memory).status == "healthy"
    assert read(answer, settings=Settings("web", restart_limit=0), **memory).status == "healthy"
    assert read(answer, id="abc", restarts=9).status == "healthy", "started by hand: the count was set back"


def test_a_health_log_is_bounded_and_harmless() -> None:
    log = [{"ExitCode": 1, "End": "t", "Output": "\x1b[2J" + "x" * 9000}]
    answer = state("running", Health={"Status": "unhealthy", "FailingStreak": 2, "Log": log})
    reading = read(answer)
    assert len(reading.evidence["health log"]) <= 2000
    assert "\x1b" not in reading.evidence["health log"] + (reading.error or "")
    assert len(reading.error or "") < 300


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b'{"message": "layer is\\nbroken"}', "Docker answered 500: layer is broken"),
        (403, b'{"message": "no"}', "Docker answered 403: no"),
        (404, b'{"message": "page not found"}', "Docker answered 404: page not found"),
        (200, b"<html>", "Docker answered 200 with something that is not JSON: <html>"),
        (200, b"[1]", "Docker answered 200 with something that is not an object"),
        (200, b"{}", "Docker's answer says nothing about the state of the container"),
        (200, b"[" * 200_000, "Docker answered 200 with something that is not JSON: " + "[" * 79 + "…"),
    ],
)
def test_nonsense_is_never_the_containers_fault(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(Unobservable) as caught:
        read(body, status=status)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "state",
    [
        {"Status": "running", "Health": []},
        {"Status": "running", "Health": {"Status": "unhealthy", "Log": [3]}},
    ],
)
def test_odd_health_does_not_crash(state: object) -> None:
    assert read({"Id": "abc", "RestartCount": None, "State": state}).status in ("healthy", "unhealthy")


def test_a_state_of_a_later_docker_is_unknown() -> None:
    reading = read(state("hibernating"))
    assert reading.status == "unknown"
    assert reading.error == "Docker reports a state that heartbeat does not know: hibernating"


def test_a_forbidden_daemon_is_heartbeats_own_trouble() -> None:
    response = Response(0, fault=Fault("forbidden", "no permission to open /var/run/docker.sock"))
    for settings in (Settings("web"), Settings(daemon=True)):
        with pytest.raises(Unobservable, match="is the user in the group docker"):
            monitor.read(settings, response, Look("it", 5, 0))


def test_a_daemon_that_answers_with_an_error_is_unhealthy() -> None:
    reading = read(b"out of\ninodes", status=500, settings=Settings(daemon=True))
    assert (reading.status, reading.error) == ("unhealthy", "the Docker daemon answered 500: out of inodes")


def test_problems() -> None:
    assert monitor.problems(Settings("web")) == []
    assert monitor.problems(Settings(daemon=True)) == []
    both = ("container", "expected exactly one of container = NAME and daemon = true")
    assert monitor.problems(Settings()) == [both]
    assert monitor.problems(Settings("web", daemon=True)) == [both]
    assert [key for key, _ in monitor.problems(Settings("../x", host="ssh://b", restart_limit=-1))] == [
        "container",
        "host",
        "restart_limit",
    ]
