"""The docker monitor's judgement of answers by hand: states that cannot be made at will (out of memory, a
daemon that talks nonsense, a Docker of tomorrow)."""

import json
from typing import Any

import pytest

from heartbeat_cli.domain.checking.exchange import Fault, FollowUp, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import docker as monitor
from heartbeat_cli.monitors.docker import Settings

WEB = Settings("web")
NO_TIME = Response(0, fault=Fault("other", "no time was left"))


def read(answer: object, *, status: int = 200, settings: Settings = WEB, **memory: Any) -> Reading:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    found = monitor.read(settings, Response(status, body=body, elapsed=0.1), CheckContext("web", 5, 1000.0, memory))
    return found.read(NO_TIME) if isinstance(found, FollowUp) else found


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
        (state("exited", ExitCode=None), "not running: exit None"),
        *[
            (state("running", Health={"Status": "unhealthy", "FailingStreak": streak, "Log": log}), error)
            for streak, log, error in (
                (1, None, "health check failed"),
                (1, [], "health check failed"),
                (3, [{"ExitCode": 1, "Output": "no\n"}], "health check failed 3 times in a row: no"),
                (2, [{"ExitCode": 0}, {"ExitCode": 7, "Output": ""}], "health check failed 2 times in a row, exit 7"),
                (
                    1,
                    [{"ExitCode": -1, "Output": "Health check exceeded timeout (3s)"}],
                    "health check failed: Health check exceeded timeout (3s)",
                ),
            )
        ],
    ],
)
def test_unhealthy_states(answer: object, error: str) -> None:
    reading = read(answer)
    assert (reading.status, reading.error) == ("unhealthy", error)


@pytest.mark.parametrize(
    ("health", "ailing", "status", "stays"),
    [
        ({"Status": "starting"}, False, "healthy", False),  # nothing speaks against it yet
        ({"Status": "starting"}, True, "unknown", True),  # nor for it: a restart has healed nothing so far
        ({"Status": "healthy"}, True, "healthy", False),
        ({}, True, "healthy", False),
        ({"Status": "unhealthy", "Log": [{"ExitCode": 1}]}, False, "unhealthy", True),
        ({"Status": "unhealthy", "Log": [{"ExitCode": -1, "Output": "no sh"}]}, True, "unknown", True),
        ({"Status": "unhealthy", "Log": [{"ExitCode": -1, "Output": "no sh"}]}, False, "unknown", False),
    ],
)
def test_a_container_that_was_unhealthy_is_so_until_its_check_takes_it_back(
    health: dict[str, Any], ailing: bool, status: str, stays: bool
) -> None:
    reading = read(state("running", Health=health), ailing=ailing)
    assert (reading.status, reading.memory["ailing"]) == (status, stays)


@pytest.mark.parametrize(
    ("more", "allowed", "status"),
    [
        ({}, True, "healthy"), ({}, False, "unhealthy"), ({"ExitCode": 1}, True, "unhealthy"),
        ({"Error": "no such device"}, True, "unhealthy"),
    ],
)  # fmt: skip
def test_a_job_that_has_ended_well_is_well_where_it_may_end(more: dict[str, Any], allowed: bool, status: str) -> None:
    assert read(state("exited", **more), settings=Settings("web", exited_ok=allowed)).status == status


@pytest.mark.parametrize(
    ("status", "more", "figures"),
    [
        ("running", {"StartedAt": "1970-01-01T00:10:00.5Z"}, {"uptime_seconds": 399.5}),
        ("running", {"StartedAt": "1970-01-01T00:16:40Z"}, {"uptime_seconds": 0}),  # just now
        ("running", {"StartedAt": "1970-01-01T00:16:41Z"}, {}),  # by a clock that is ahead of ours
        ("running", {"StartedAt": "0001-01-01T00:00:00Z"}, {}),  # never, in Go
        ("running", {"StartedAt": "1970-01-01T00:00:00Z"}, {}),
        ("running", {"Health": {"FailingStreak": 4}}, {"health_failing_streak": 4}),
        ("exited", {"StartedAt": "1970-01-01T00:10:00Z", "ExitCode": 3}, {"exit_code": 3}),
    ],
)
def test_figures_of_a_container(status: str, more: dict[str, Any], figures: dict[str, float]) -> None:
    found = read(state(status, **more))
    assert {one.name: one.value for one in found.metrics} == {"restart_count": 0} | figures


def test_the_last_three_health_checks_are_evidence_the_newest_first() -> None:
    log = [{"ExitCode": n, "End": f"0{n}:00", "Output": None if n == 3 else f"said {n}\n"} for n in range(5)]
    found = read(state("running", Health={"Status": "unhealthy", "Log": log})).evidence["health log"]
    assert found == "exit 4 at 04:00\nsaid 4\nexit 3 at 03:00\nexit 2 at 02:00\nsaid 2"


@pytest.mark.parametrize("memory", [{"id": "abc"}, {"id": "abc", "restarts": "3"}, {"id": 1, "restarts": None}])
def test_a_memory_that_is_garbage_is_no_memory(memory: dict[str, Any]) -> None:
    assert read(state("running") | {"RestartCount": 4}, **memory).status == "healthy"


def test_restarts_below_or_without_the_limit_are_well() -> None:
    answer = state("running") | {"RestartCount": 4}
    memory = {"id": "abc", "restarts": 3}
    assert read(answer, **memory).error == "crash loop: 1 restart since the last check"
    assert read(answer, settings=Settings("web", restart_limit=2), **memory).status == "healthy"
    assert read(answer, settings=Settings("web", restart_limit=0), **memory).status == "healthy"


def test_a_start_by_hand_sets_the_count_back_and_what_it_has_then_came_after_it() -> None:
    """A restart that does not mend a crash loop is not verified by a check that finds the container just started."""
    assert read(state("running") | {"RestartCount": 0}, id="abc", restarts=9).status == "healthy"
    found = read(state("running") | {"RestartCount": 4}, id="abc", restarts=9)
    assert found.error == "crash loop: 4 restarts since the last check"


@pytest.mark.parametrize(
    ("response", "known"),
    [
        (NO_TIME, None),  # asked again at the next check
        (Response(0, fault=Fault("timeout", "x")), ""),
        (Response(500, body=b'{"message": "the log driver cannot be read"}'), ""),
        (Response(200, body=b"\1\0\0\0\0\0\0\3no\n"), "no"),
    ],
)
def test_whatever_becomes_of_the_log_the_verdict_stands(response: Response, known: str | None) -> None:
    body = json.dumps(state("exited", ExitCode=3, FinishedAt="t")).encode()
    found = monitor.read(WEB, Response(200, body=body, elapsed=0.1), CheckContext("web", 5, 1000.0, {}))
    assert isinstance(found, FollowUp)
    assert found.request.url.endswith("/containers/abc/logs?stdout=1&stderr=1&tail=11")
    reading = found.read(response)
    assert (reading.status, reading.error, reading.response_time) == ("unhealthy", "not running: exit 3", 0.1)
    assert reading.certain
    assert reading.evidence.get("container log", "") == (known or "")
    assert reading.memory.get("log", [0, None])[1] == known


def test_the_log_of_a_container_that_fell_comes_before_its_past_health_checks() -> None:
    health = {"Status": "unhealthy", "Log": [{"ExitCode": 0, "End": "t", "Output": "fine"}]}
    body = json.dumps(state("exited", ExitCode=3, Health=health)).encode()
    found = monitor.read(WEB, Response(200, body=body), CheckContext("web", 5, 1000.0, {}))
    assert isinstance(found, FollowUp)
    reading = found.read(Response(200, body=b"\1\0\0\0\0\0\0\3no\n"))
    assert list(reading.evidence) == ["container", "container log", "health log"]


@pytest.mark.parametrize("log", [3, [], ["abc exited 0 None"], {"a": 1}, ["another", "text"]])
def test_a_remembered_log_that_is_garbage_is_read_anew(log: object) -> None:
    assert "container log" not in read(state("exited"), log=log).evidence


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
        (500, b'{"message": "No such container"}', "Docker answered 500: No such container"),
        (200, b"<html>", "Docker answered 200 with something that is not JSON: <html>"),
        (200, b"[1]", "Docker answered 200 with something that is not an object"),
        (200, b"{}", "Docker's answer says nothing about the state of the container"),
        (200, b"[" * 2_000, "Docker answered 200 with something that is not JSON: " + "[" * 79 + "…"),
        (200, b"[" * 200_000, "Docker's answer holds more than 20000 values"),
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
            monitor.read(settings, response, CheckContext("it", 5, 0))


@pytest.mark.parametrize(
    ("settings", "path"), [(Settings("web"), "/containers/web/json"), (Settings(daemon=True), "/info")]
)
def test_what_is_asked_for(settings: Settings, path: str) -> None:
    asked = monitor.request(settings._replace(host="tcp://127.0.0.1:2375"), CheckContext("it", 5, 0))
    assert asked.url.endswith(path)


def test_no_container_of_that_name_is_an_outage() -> None:
    reading = read(b'{"message": "No such container: web"}', status=404, restarts=3)
    assert (reading.status, reading.error) == ("unhealthy", "no container named web")
    assert reading.memory == {"restarts": 3}


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_daemon_that_wants_to_know_who_asks_is_no_fault_of_its_own(status: int) -> None:
    with pytest.raises(Unobservable, match=f"Docker answered {status}: who are you"):
        read(b'{"message": "who are you"}', status=status, settings=Settings(daemon=True))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("timeout", "Docker did not answer in time: x"), ("connect", "Docker cannot be reached: x"),
        ("reset", "Docker cannot be reached: x"),
    ],
)  # fmt: skip
def test_a_daemon_that_hangs_is_not_said_to_be_gone(kind: Any, words: str) -> None:
    reading = monitor.read(Settings(daemon=True), Response(0, fault=Fault(kind, "x")), CheckContext("it", 5, 0))
    assert (reading.status, reading.error, reading.response_time) == ("error", words, None)


@pytest.mark.parametrize(
    ("answer", "figures"),
    [
        ({"ServerVersion": "27"}, {}),
        ({"Containers": 3}, {"containers": 3}),
        ({"ServerVersion": "27", "ContainersRunning": 2, "Images": 9}, {"containers_running": 2, "images": 9}),
    ],
)
def test_a_daemon_is_known_by_its_version_or_its_count(answer: object, figures: dict[str, float]) -> None:
    reading = read(answer, settings=Settings(daemon=True))
    assert reading.status == "healthy"
    assert {one.name: one.value for one in reading.metrics} == figures
    with pytest.raises(Unobservable, match="not a Docker daemon"):
        read({"status": "ok"}, settings=Settings(daemon=True))


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_daemon_that_answers_with_an_error_is_unhealthy(status: int) -> None:
    reading = read(b"out of\ninodes", status=status, settings=Settings(daemon=True))
    assert (reading.status, reading.error) == ("unhealthy", f"the Docker daemon answered {status}: out of inodes")


def test_problems() -> None:
    assert monitor.problems(Settings("web")) == []
    assert monitor.problems(Settings(daemon=True)) == [] == monitor.problems(Settings("web", restart_limit=0))
    both = ("container", "expected exactly one of container = NAME and daemon = true")
    assert monitor.problems(Settings()) == [both]
    assert monitor.problems(Settings("web", daemon=True)) == [both]
    assert [key for key, _ in monitor.problems(Settings("../x", host="ssh://b", restart_limit=-1))] == [
        "container",
        "host",
        "restart_limit",
    ]
