"""The docker monitor against a real Docker Engine, over the real wire."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.exchange import FollowUp, Request, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.http import multi
from heartbeat_cli.monitors import docker as monitor
from heartbeat_cli.monitors.docker import Settings
from tests.parts.docker import RunContainer, docker, inspect, unique, wait_for


def exchange(request: Request, timeout: float) -> Response:
    answers: list[Response] = []

    def done(_: multi.Exchange, response: Response) -> None:
        answers.append(response)

    deadline = time.monotonic() + timeout + 1
    multi.drive([multi.Exchange("it", request, timeout)], deadline=deadline, done=done)
    return answers[0]


def check(settings: Settings, memory: dict[str, Any] | None = None, timeout: float = 5) -> Reading:
    circumstances = CheckContext("it", timeout, time.time(), memory or {})
    found = monitor.read(settings, exchange(monitor.request(settings, circumstances), timeout), circumstances)
    return found.read(exchange(found.request, timeout)) if isinstance(found, FollowUp) else found


def metrics(reading: Reading) -> dict[str, float]:
    return {metric.name: metric.value for metric in reading.metrics}


def health(name: str) -> str:
    return str(inspect(name)["State"]["Health"]["Status"])


# --- real containers


def test_a_running_container_is_healthy(run_container: RunContainer) -> None:
    reading = check(Settings(run_container()))
    assert (reading.status, reading.error) == ("healthy", None)
    assert reading.response_time is not None and reading.response_time > 0
    assert metrics(reading)["restart_count"] == 0
    assert 0 <= metrics(reading)["uptime_seconds"] < 60
    assert reading.evidence["container"].startswith("Status running")


def test_killed_stopped_and_paused(run_container: RunContainer) -> None:
    killed, ended, paused = run_container(), run_container(command=("sh", "-c", "exit 3")), run_container()
    docker("kill", killed)
    docker("pause", paused)
    wait_for(lambda: inspect(ended)["State"]["Status"] == "exited", "the end of the container")

    reading = check(Settings(killed))
    assert (reading.status, reading.error) == ("unhealthy", "not running: ended by SIGKILL (exit 137)")
    assert metrics(reading)["exit_code"] == 137
    assert check(Settings(ended)).error == "not running: exit 3"
    reading = check(Settings(paused))
    assert reading.status == "unhealthy"
    assert reading.error == "paused: its processes are frozen (docker unpause lets them go on)"


def test_created_but_never_started(run_container: RunContainer) -> None:
    name = unique("created")
    run_container()
    docker("create", "--name", name, "heartbeat-test-busybox")
    try:
        assert check(Settings(name)).error == "was created but never started"
    finally:
        docker("rm", name)


def test_exit_0_is_well_only_where_it_is_said_so(run_container: RunContainer) -> None:
    job, failing = run_container(command=("true",)), run_container(command=("false",))
    wait_for(lambda: inspect(job)["State"]["Status"] == "exited", "the end of the job")
    wait_for(lambda: inspect(failing)["State"]["Status"] == "exited", "the end of the failing job")
    assert check(Settings(job)).status == "unhealthy"
    assert check(Settings(job, exited_ok=True)).status == "healthy"
    assert check(Settings(failing, exited_ok=True)).error == "not running: exit 1"


def test_a_failing_health_check_and_its_output(run_container: RunContainer) -> None:
    command = "--health-cmd=echo disk is full; false"
    name = run_container(command, "--health-interval=1s", "--health-retries=2")
    first = check(Settings(name))
    assert first.status == "healthy", "a container in its start has done nothing wrong"
    wait_for(lambda: health(name) == "unhealthy", "unhealthy")

    reading = check(Settings(name), dict(first.memory))
    assert reading.status == "unhealthy"
    assert reading.error is not None and reading.error.startswith("health check failed ")
    assert reading.error.endswith(" times in a row: disk is full")
    assert reading.evidence["health log"].startswith("exit 1 at ")
    assert metrics(reading)["health_failing_streak"] >= 2
    assert reading.memory["ailing"] is True


def test_a_start_period_is_healthy_but_proves_nothing_after_unhealthy(run_container: RunContainer) -> None:
    name = run_container("--health-cmd=false", "--health-interval=1s", "--health-start-period=60s")
    wait_for(lambda: inspect(name)["State"]["Health"]["Log"], "the first health check")
    assert check(Settings(name)).status == "healthy"
    reading = check(Settings(name), {"ailing": True})
    assert reading.status == "unknown"
    assert reading.error == "started again; its health check has not passed yet"
    assert reading.memory["ailing"] is True


def test_a_passing_health_check_ends_the_ailing(run_container: RunContainer) -> None:
    name = run_container("--health-cmd=true", "--health-interval=1s")
    wait_for(lambda: health(name) == "healthy", "healthy")
    reading = check(Settings(name), {"ailing": True})
    assert (reading.status, reading.memory["ailing"]) == ("healthy", False)


def test_a_health_check_that_hangs_is_unhealthy_one_that_cannot_run_is_unknown(
    run_container: RunContainer,
) -> None:
    options = ("--health-interval=1s", "--health-timeout=1s", "--health-retries=1")
    hangs = run_container("--health-cmd=sleep 30", *options)
    broken = run_container("--health-cmd=true", *options)
    docker("exec", broken, "rm", "/bin/sh")
    wait_for(lambda: health(hangs) == "unhealthy" and health(broken) == "unhealthy", "both unhealthy")

    reading = check(Settings(hangs))
    assert reading.status == "unhealthy"
    assert "Health check exceeded timeout" in (reading.error or "")
    reading = check(Settings(broken))
    assert reading.status == "unknown"
    assert (reading.error or "").startswith("its health check could not be run: ")


def test_a_crash_loop_is_not_up(run_container: RunContainer) -> None:
    name = run_container("--restart=always", command=("sh", "-c", "sleep 0.3; exit 7"))
    before = check(Settings(name)).memory
    seen = before["restarts"]
    wait_for(lambda: inspect(name)["RestartCount"] >= seen + 2, "two restarts")

    reading = check(Settings(name), dict(before))
    assert reading.status == "unhealthy"
    assert (reading.error or "").startswith("crash loop: ")
    assert metrics(reading)["restart_count"] >= seen + 2


def test_a_container_made_anew_starts_its_count_anew(run_container: RunContainer) -> None:
    name = run_container()
    memory = dict(check(Settings(name)).memory) | {"restarts": -5}
    assert (check(Settings(name), memory).error or "") == "crash loop: 5 restarts since the last check"
    docker("rm", "--force", name)
    run_container(name=name)
    assert check(Settings(name), memory).status == "healthy"


def test_no_such_container_is_an_outage(run_container: RunContainer) -> None:
    run_container()
    reading = check(Settings("heartbeat-test-nobody"))
    assert (reading.status, reading.error) == ("unhealthy", "no container named heartbeat-test-nobody")


def test_the_daemon_itself(run_container: RunContainer) -> None:
    run_container()
    reading = check(Settings(daemon=True))
    assert (reading.status, reading.error) == ("healthy", None)
    assert metrics(reading)["containers_running"] >= 1
    assert reading.evidence["docker"].startswith("version ")


# --- what a container wrote last


def test_a_container_that_fell_shows_the_end_of_its_log(run_container: RunContainer) -> None:
    """Twelve lines in colours, on both streams in turn: the last ten, without what steers a terminal."""
    script = (
        "for i in 1 2 3 4 5 6; do printf '\\033[31mout %s\\033[0m\\n' $i; echo err $i >&2; sleep 0.02; done; exit 3"
    )
    ended = run_container(command=("sh", "-c", script))
    wait_for(lambda: inspect(ended)["State"]["Status"] == "exited", "the end of the container")
    reading = check(Settings(ended))
    assert (reading.status, reading.error) == ("unhealthy", "not running: exit 3")
    assert list(reading.evidence) == ["container", "container log"]
    found = reading.evidence["container log"].splitlines()
    assert sorted(found) == sorted(f"{stream} {n}" for stream in ("out", "err") for n in range(2, 7))
    assert found.index("out 2") < found.index("out 6")


def test_the_log_of_a_container_with_a_terminal(run_container: RunContainer) -> None:
    """There the Engine sends no frames, and each line ends with a carriage return."""
    ended = run_container("--tty", command=("sh", "-c", "echo one; printf '10%%\\r20%%\\r99%%\\n'; echo two; exit 1"))
    wait_for(lambda: inspect(ended)["State"]["Status"] == "exited", "the end of the container")
    assert check(Settings(ended)).evidence["container log"] == "one\n99%\ntwo"


def test_the_log_is_read_once_for_each_way_it_stands(run_container: RunContainer) -> None:
    name = run_container(command=("sh", "-c", "echo started; sleep 0.1; exit 4"))
    wait_for(lambda: inspect(name)["State"]["Status"] == "exited", "the end of the container")
    first = check(Settings(name))
    known = {**first.memory, "log": [first.memory["log"][0], "as it was remembered"]}
    circumstances = CheckContext("it", 5, time.time(), known)
    again = monitor.read(Settings(name), exchange(monitor.request(Settings(name), circumstances), 5), circumstances)
    assert isinstance(again, Reading), "a second exchange is made although the log is known"
    assert (again.evidence["container log"], again.memory) == ("as it was remembered", known)
    docker("start", name)
    wait_for(lambda: inspect(name)["State"]["FinishedAt"] not in str(known["log"][0]), "its second end")
    wait_for(lambda: inspect(name)["State"]["Status"] == "exited", "its second end")
    assert check(Settings(name), known).evidence["container log"] == "started\nstarted"


def test_a_container_that_is_well_costs_one_exchange_and_remembers_no_log(run_container: RunContainer) -> None:
    name = run_container(command=("sh", "-c", "echo here; sleep 600"))
    circumstances = CheckContext("it", 5, time.time(), {"log": ["x", "old"]})
    found = monitor.read(Settings(name), exchange(monitor.request(Settings(name), circumstances), 5), circumstances)
    assert isinstance(found, Reading) and found.status == "healthy"
    assert "container log" not in found.evidence and "log" not in found.memory


def test_an_unhealthy_container_shows_its_health_checks_first_and_a_crash_loop_keeps_its_log(
    run_container: RunContainer,
) -> None:
    options = ("--health-cmd=echo no database; false", "--health-interval=1s", "--health-retries=1")
    ailing = run_container(*options, command=("sh", "-c", "echo waiting; sleep 600"))
    looping = run_container("--restart=always", command=("sh", "-c", "echo no config; sleep 0.3; exit 7"))
    wait_for(lambda: health(ailing) == "unhealthy", "unhealthy")
    reading = check(Settings(ailing))
    assert list(reading.evidence) == ["container", "health log", "container log"]
    assert reading.evidence["container log"] == "waiting"
    wait_for(lambda: inspect(looping)["RestartCount"] >= 2, "two restarts")
    first = check(Settings(looping), {"id": inspect(looping)["Id"], "restarts": 0})
    assert set(first.evidence["container log"].splitlines()) == {"no config"}
    wait_for(lambda: inspect(looping)["RestartCount"] > first.memory["restarts"], "one more restart")
    assert check(Settings(looping), dict(first.memory)).memory["log"] == first.memory["log"]


def test_a_log_that_cannot_be_read_takes_nothing_away_and_is_not_asked_for_again(run_container: RunContainer) -> None:
    name = run_container("--log-driver=none", command=("sh", "-c", "echo unseen; exit 5"))
    wait_for(lambda: inspect(name)["State"]["Status"] == "exited", "the end of the container")
    reading = check(Settings(name))
    assert (reading.status, reading.error) == ("unhealthy", "not running: exit 5")
    assert "container log" not in reading.evidence and reading.memory["log"][1] == ""


# --- a daemon that is not well


@pytest.fixture
def silent_socket(tmp_path: Path) -> Iterator[str]:
    """Takes connections and never says a word, as a Docker that hangs does."""
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        yield f"unix://{path}"


@pytest.fixture
def closing_socket(tmp_path: Path) -> Iterator[str]:
    """Answers every request with bytes that are not HTTP."""
    path = str(tmp_path / "closing.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(4096)
                    peer.sendall(b"\x15\x03\x01 nonsense\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}"
        listener.shutdown(socket.SHUT_RDWR)


def test_no_daemon(tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/none.sock"
    with pytest.raises(Unobservable, match=r"^Docker cannot be reached: no socket at .*none\.sock$"):
        check(Settings("web", host=host))
    reading = check(Settings(daemon=True, host=host))
    assert reading.status == "error"
    assert (reading.error or "").startswith("Docker cannot be reached: no socket at ")


@pytest.mark.whole
def test_a_daemon_that_hangs(silent_socket: str) -> None:
    with pytest.raises(Unobservable, match=r"^Docker did not answer in time: "):
        check(Settings("web", host=silent_socket), timeout=0.5)
    assert check(Settings(daemon=True, host=silent_socket), timeout=0.5).status == "error"


def test_a_daemon_that_talks_nonsense(closing_socket: str) -> None:
    with pytest.raises(Unobservable, match=r"^Docker cannot be reached: "):
        check(Settings("web", host=closing_socket))


def test_docker_host_is_read_when_the_request_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    circumstances = CheckContext("it", 5, 0)
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    assert monitor.request(Settings("web"), circumstances).unix_socket == "/run/user/1000/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://box:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", "/certs")
    request = monitor.request(Settings("a/../b"), circumstances)
    assert request.url == "https://box:2376/containers/a%2F..%2Fb/json"
    assert (request.ca_file, request.cert_file, request.key_file) == (
        "/certs/ca.pem",
        "/certs/cert.pem",
        "/certs/key.pem",
    )
    assert request.verify_tls
    monkeypatch.setenv("DOCKER_HOST", "ssh://root@box")
    with pytest.raises(Unobservable, match=r"ssh:// is not supported"):
        monitor.request(Settings("web"), circumstances)
