"""The docker action against a real Docker Engine."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker as sdk
import pytest

from heartbeat_cli.actions import docker as action
from heartbeat_cli.actions.docker import Settings
from tests.parts import lacking
from tests.parts.docker import BUSYBOX, RunContainer, docker, inspect, wait_for
from tests.parts.http import Answer, unix_server


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


@pytest.mark.whole
def test_a_daemon_that_hangs(silent_socket: str) -> None:
    begun = time.monotonic()
    outcome = action.run(Settings("web", host=silent_socket), timeout=1)
    assert time.monotonic() - begun < 10
    assert (outcome.result, outcome.detail.split(":")[0]) == ("failed", "Docker did not answer in time")


def test_without_the_right_it_is_denied(tmp_path: Path) -> None:
    """As another user, against a socket that only root may open."""
    if os.geteuid() != 0:
        lacking("only root can become somebody else")
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
            f"settings = action.Settings('web', host='unix://{path}')\n"
            "print(*action.run(settings, timeout=5)[:2])\n"
            "print(action.hold(settings, timeout=5), action.happened(settings, 0.0, timeout=5))\n"
            "print(*action.rights(settings, timeout=5))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    remedy = "add this user to the group docker (usermod -aG docker USER, then log in anew)"
    assert done.stdout.startswith(f"denied the right to use Docker is missing: {remedy} ("), done.stdout + done.stderr
    assert done.stdout.splitlines()[1] == "None None"
    assert done.stdout.splitlines()[2].startswith("bad the right to use Docker is missing: ")
    assert done.stdout.splitlines()[2].endswith(remedy)


TRAP = ("sh", "-c", 'trap "exit 0" TERM; while :; do sleep 0.1; done')


def held(name: str, **more: Any) -> str | None:
    return action.hold(Settings(name, **more), timeout=10)


@pytest.mark.parametrize("policy", ["no", "unless-stopped", "always", "on-failure"])
def test_a_container_somebody_stopped_is_left_alone(run_container: RunContainer, policy: str) -> None:
    name = run_container("--restart", policy)
    assert held(name) is None
    docker("stop", name)  # with exit 137, as after `docker kill`: its stop signal is SIGKILL
    reason = held(name)
    assert reason is not None
    assert reason.startswith(f"a person or a tool stopped {name} at 20")
    assert reason.endswith(f"ended by SIGKILL (exit 137); to start it: docker start {name}")
    assert held(name, stopped_on_purpose="start") is None
    docker("start", name)
    assert held(name) is None


def test_who_was_seen_stopped_stays_so_though_the_log_forgets(run_container: RunContainer) -> None:
    """The Engine remembers 256 events of everything on it: a few health checks, and the stop is forgotten."""
    name = run_container()
    docker("kill", name)  # what a stop looks like once its event is gone
    end = inspect(name)["State"]["FinishedAt"]
    how = "(as `docker stop` does), ended by SIGKILL (exit 137); to start it: docker start"
    said = f"held: a person or a tool stopped {name} at {end} {how} {name}"
    assert held(name) is None
    assert action.hold(Settings(name), timeout=10, before=said) == said.removeprefix("held: ")
    assert action.hold(Settings(name, stopped_on_purpose="start"), timeout=10, before=said) is None
    docker("start", name)
    docker("kill", name)
    assert action.hold(Settings(name), timeout=10, before=said) is None, "that was another end"


def forget() -> None:
    """Make the Engine forget what it has logged so far: it keeps 256 events."""
    with contextlib.closing(sdk.APIClient()) as client:
        for _ in range(260):
            client.tag(BUSYBOX, "heartbeat-test-forget")
        client.remove_image("heartbeat-test-forget")


def test_what_ended_by_itself_is_not_held_though_the_log_forgets(run_container: RunContainer) -> None:
    """Exit code 0 was read as somebody's stop: with thirty health checks the log reaches back for half a minute.
    The Engine itself notes whether somebody stopped it, in a file that root may read."""
    ended = run_container(command=("sh", "-c", "exit 0"))
    stopped = run_container("--stop-signal", "SIGTERM", command=TRAP)
    docker("stop", stopped)
    wait_for(lambda: inspect(ended)["State"]["Status"] == "exited", "its end")
    forget()
    end = inspect(stopped)["State"]
    assert end["ExitCode"] == 0
    assert held(stopped) == (
        f"a person or a tool stopped {stopped} at {end['FinishedAt']} (as `docker stop` does), exit 0;"
        f" to start it: docker start {stopped}"
    )
    assert held(ended) is None


def test_who_may_not_read_that_says_that_nobody_can_tell(run_container: RunContainer) -> None:
    ended = run_container(command=("sh", "-c", "exit 0"))
    wait_for(lambda: inspect(ended)["State"]["Status"] == "exited", "its end")
    forget()
    code = (
        "from heartbeat_cli.actions import docker as action\n"
        f"print(action.hold(action.Settings({ended!r}), timeout=10))"
    )
    group = str(os.stat("/var/run/docker.sock").st_gid)
    argv = ["setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    said = "nobody can tell whether somebody stopped it: Docker's event log no longer reaches back to its end"
    assert said in done.stdout, done.stdout + done.stderr


def test_what_nobody_stopped_is_not_held(run_container: RunContainer) -> None:
    killed = run_container()
    docker("restart", killed)  # its `stop` belongs to the end before
    docker("kill", killed)
    ended = run_container(command=("sh", "-c", "exit 0"))
    wait_for(lambda: inspect(ended)["State"]["Status"] == "exited", "its end")
    assert (held(killed), held(ended), held("heartbeat-test-nobody")) == (None, None, None)


def test_a_restart_that_could_not_start_it_again_is_no_wish(run_container: RunContainer, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    name = run_container("--mount", f"type=bind,source={folder},target=/mnt")
    folder.rmdir()
    outcome = action.run(Settings(name), timeout=20)
    assert (outcome.result, inspect(name)["State"]["Status"]) == ("failed", "exited")
    assert held(name) is None


def test_whether_a_step_that_was_cut_off_took_place(run_container: RunContainer) -> None:
    name = run_container(command=TRAP)

    def happened(since: float, **more: Any) -> bool | None:
        return action.happened(Settings(name, **more), since, timeout=10)

    before = time.time()
    assert happened(before) is False
    docker("restart", name)
    assert (happened(before), happened(time.time())) == (True, False)
    docker("pause", name)
    paused = time.time()
    assert (happened(paused), happened(paused, do="unpause")) == (False, False)
    docker("unpause", name)
    assert (happened(paused), happened(paused, do="unpause"), happened(time.time())) == (True, True, False)
    assert action.happened(Settings("heartbeat-test-nobody"), before, timeout=10) is None


def test_since_when_it_runs_if_somebody_started_it(run_container: RunContainer) -> None:
    """A crash loop starts again and again by itself: that is no coming up to be waited for."""
    before = time.time()
    name = run_container(command=TRAP)
    begun = action.begun(Settings(name), timeout=10)
    assert begun is not None and before <= begun <= time.time()
    docker("pause", name)
    assert action.begun(Settings(name), timeout=10) is None
    loop = run_container("--restart", "always", command=("sh", "-c", "sleep 0.3"))
    wait_for(lambda: inspect(loop)["RestartCount"] > 0, "Docker starts it again")
    assert action.begun(Settings(loop), timeout=10) is None
    assert action.begun(Settings("heartbeat-test-nobody"), timeout=10) is None


def test_a_restart_still_under_way_took_place(run_container: RunContainer) -> None:
    """Docker waits for the container to stop by itself; whoever asked for it is gone."""
    name = run_container("--stop-signal=SIGTERM")
    before = time.time()
    with subprocess.Popen(["docker", "restart", "--time", "30", name], stdout=subprocess.DEVNULL) as asked:
        wait_for(lambda: action.happened(Settings(name), before, timeout=10), "the step is seen under way")
        assert inspect(name)["State"]["Running"]
        asked.kill()
    docker("kill", name)


def test_who_shares_its_network_is_restarted_with_it(run_container: RunContainer) -> None:
    main = run_container()
    sharer = run_container("--network", f"container:{main}")
    resting = run_container("--network", f"container:{main}")
    stranger = run_container()
    docker("kill", resting)
    others = {one: started(one) for one in (sharer, resting, stranger)}
    outcome = action.run(Settings(main), timeout=20)
    assert outcome.result == "done", outcome
    assert outcome.detail == (f"restarted {main}: started at {started(main)}; with it {sharer}, sharing its network")
    assert {one: started(one) != at for one, at in others.items()} == {sharer: True, resting: False, stranger: False}

    at = started(main)
    outcome = action.run(Settings(sharer), timeout=20)
    assert outcome.detail == f"restarted {sharer}: started at {started(sharer)}"
    assert started(main) == at


def test_the_containers_own_stop_timeout_is_respected(run_container: RunContainer) -> None:
    """The container notes that it was let end by itself, which takes it longer than a second."""
    slow = ("sh", "-c", 'trap "sleep 1.3; echo ended by itself; exit 0" TERM; while :; do sleep 0.1; done')
    patient = run_container("--stop-signal=SIGTERM", "--stop-timeout=10", command=slow)
    hasty = run_container("--stop-signal=SIGTERM", "--stop-timeout=0", command=slow)
    for name in (patient, hasty):
        assert action.run(Settings(name), timeout=20).result == "done"
    assert [docker("logs", name) for name in (patient, hasty)] == ["ended by itself", ""]


def test_whether_it_may_be_used(run_container: RunContainer, tmp_path: Path) -> None:
    name = run_container()
    assert action.rights(Settings(name), timeout=10) == ("ok", f"Docker may be used, and {name} is there", "")
    level, text, _ = action.rights(Settings("heartbeat-test-nobody"), timeout=10)
    assert (level, text) == ("warn", "Docker may be used, but there is no container named heartbeat-test-nobody")
    assert action.rights(Settings("web", host=f"unix://{tmp_path}/none.sock"), timeout=5).level == "bad"


@pytest.mark.whole
def test_a_docker_still_at_it_is_working_and_one_that_says_nonsense_failed(tmp_path: Path) -> None:
    with unix_server(tmp_path / "engine.sock") as server:
        state = b'{"Id": "1", "State": {"Status": "running", "Running": true, "StartedAt": "2026-01-01T00:00:00Z"}}'
        server.answers["/version"] = Answer(200, b'{"ApiVersion": "1.41"}')
        server.answers["/v1.41/containers/web/json"] = Answer(200, state)
        server.answers["/v1.41/containers/web/restart?t=0"] = Answer(204, b"", delay=30)
        settings = Settings("web", stop_timeout=0, host=f"unix://{tmp_path}/engine.sock")
        outcome = action.run(settings, timeout=1.2)
        assert outcome[:2] == ("working", "Docker is still at the restart of web; it is running")
        server.answers["/v1.41/containers/web/restart?t=0"] = Answer(204, b"")
        outcome = action.run(settings, timeout=1.2)
        assert outcome[:2] == ("failed", "web was not started anew; it is running since 2026-01-01T00:00:00Z")
