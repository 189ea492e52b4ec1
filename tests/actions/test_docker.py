"""The docker action against a real Docker Engine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.actions import docker as action
from heartbeat_cli.actions.docker import Settings
from tests.parts.docker import RunContainer, docker, inspect, wait_for


def started(name: str) -> str:
    return str(inspect(name)["State"]["StartedAt"])


def test_a_running_container_is_restarted(run_container: RunContainer) -> None:
    name = run_container()
    before = started(name)
    outcome = action.run(Settings(name), timeout=20)
    assert outcome.result == "done", outcome
    assert started(name) != before
    assert outcome.detail == f"restarted {name}: started at {started(name)}"


def test_a_killed_container_is_started(run_container: RunContainer) -> None:
    name = run_container()
    docker("kill", name)
    outcome = action.run(Settings(name), timeout=20)
    assert (outcome.result, outcome.detail.split(":")[0]) == ("done", f"started {name}")
    assert inspect(name)["State"]["Running"]


def test_a_paused_container_goes_on(run_container: RunContainer) -> None:
    name = run_container()
    before = started(name)
    docker("pause", name)
    outcome = action.run(Settings(name), timeout=20)
    assert (outcome.result, outcome.detail) == ("done", f"{name} goes on (unpaused)")
    assert inspect(name)["State"]["Status"] == "running"
    assert started(name) == before


def test_what_was_asked_for_wins_over_auto(run_container: RunContainer) -> None:
    name = run_container()
    before = started(name)
    outcome = action.run(Settings(name, do="start"), timeout=20)
    assert (outcome.result, started(name)) == ("failed", before)
    assert outcome.detail.startswith(f"{name} was not started anew; it is running since ")
    assert action.run(Settings(name, do="unpause"), timeout=20).result == "failed"
    assert action.run(Settings(name, do="restart"), timeout=20).result == "done"


def test_a_container_that_ends_at_once_is_not_done(run_container: RunContainer) -> None:
    name = run_container(command=("sh", "-c", "exit 9"))
    wait_for(lambda: inspect(name)["State"]["Status"] == "exited", "the end of the container")
    outcome = action.run(Settings(name), timeout=20)
    # Docker may answer before or after such a short life: a new start is proven either way.
    assert outcome.result in ("failed", "done")
    if outcome.result == "failed":
        assert outcome.detail == f"started {name}, but it ended at once: exit 9"


def test_a_container_that_will_not_stop_is_killed_within_the_time(run_container: RunContainer) -> None:
    name = run_container("--stop-signal=SIGTERM")
    before, begun = started(name), time.monotonic()
    outcome = action.run(Settings(name, stop_timeout=60), timeout=6)
    assert time.monotonic() - begun < 15
    assert (outcome.result, started(name) != before) == ("done", True)


def test_no_such_container_is_refused(run_container: RunContainer) -> None:
    run_container()
    outcome = action.run(Settings("heartbeat-test-nobody"), timeout=20)
    assert (outcome.result, outcome.detail) == (
        "refused",
        "there is no container named heartbeat-test-nobody",
    )


def test_a_name_that_is_none_is_refused() -> None:
    assert action.run(Settings("../../info"), timeout=5).result == "refused"
    assert [key for key, _ in action.problems(Settings("-x", stop_timeout=-1, host="ssh://b"))] == [
        "container",
        "host",
        "stop_timeout",
    ]
    assert action.problems(Settings("web")) == []


def test_no_daemon(tmp_path: Path) -> None:
    outcome = action.run(Settings("web", host=f"unix://{tmp_path}/none.sock"), timeout=5)
    assert outcome.result == "failed"
    assert outcome.detail.startswith("web could not be brought back: ")
    assert "\n" not in outcome.detail


@pytest.fixture
def silent_socket(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        yield f"unix://{path}"


def test_a_daemon_that_hangs(silent_socket: str) -> None:
    begun = time.monotonic()
    outcome = action.run(Settings("web", host=silent_socket), timeout=1)
    assert time.monotonic() - begun < 10
    assert (outcome.result, outcome.detail.split(":")[0]) == ("failed", "Docker did not answer in time")


def test_without_the_right_it_is_denied(tmp_path: Path) -> None:
    """As another user, against a socket that only root may open."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    path = tmp_path / "closed.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        code = (
            "import os, sys; import docker, requests; from heartbeat_cli.actions import docker as action\n"
            "os.setgid(65534); os.setuid(65534)\n"
            f"print(*action.run(action.Settings('web', host='unix://{path}'), timeout=5)[:2])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("denied not allowed to use Docker: "), done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("(is the user in the group docker?)")
