"""What an Engine really did, when its answer is lost or it cannot say."""

import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.actions import docker as action
from heartbeat_cli.domain.component import Component, Plan, Step
from heartbeat_cli.domain.recovery.decision import Decision
from heartbeat_cli.passes.alerting.recovery_context import Due
from heartbeat_cli.passes.recover.step_executor import _Taking
from tests.parts.docker import RunContainer, docker, inspect, wait_for
from tests.parts.engine_relay import Trouble, relay


def taking(settings: action.Settings, now: float, forced: bool = False) -> _Taking:
    plan = Plan("on", (Step("docker", settings),))
    due = Due(Component("main", "docker", None, plan=plan), None, Decision("run", "first", ""), None, 0.0, 60.0)
    return _Taking(due._replace(forced=forced), 8.0, time.monotonic() + 60, now)


@pytest.mark.docker
def test_a_restart_whose_answer_was_lost_took_place(run_container: RunContainer, tmp_path: Path) -> None:
    """It had been called failed, and the container was restarted a second time."""
    name = run_container()
    before = inspect(name)["State"]["StartedAt"]
    with relay(tmp_path / "engine.sock") as engine:
        engine.troubles["/restart"] = "lost"
        settings = action.Settings(name, stop_timeout=0, host=f"unix://{tmp_path}/engine.sock")
        assert action.run(settings, timeout=8).result == "unsure"
        middle = inspect(name)["State"]["StartedAt"]
        outcome = taking(settings, time.time()).outcome()
    assert before != middle != inspect(name)["State"]["StartedAt"]
    assert outcome.result == "done" and outcome.detail.endswith("; it took place all the same"), outcome


@pytest.mark.docker
def test_while_nobody_can_say_whether_it_took_place_the_check_has_to_tell(
    run_container: RunContainer, tmp_path: Path
) -> None:
    name = run_container()
    with relay(tmp_path / "engine.sock") as engine:
        settings = action.Settings(name, stop_timeout=0, host=f"unix://{tmp_path}/engine.sock")
        engine.troubles |= {"/restart": "lost", "/events": "500"}
        outcome = taking(settings._replace(do="restart"), time.time() + 3600).outcome()
    assert outcome.result == "working" and "nobody can tell yet whether it took place" in outcome.detail, outcome


@pytest.mark.docker
@pytest.mark.parametrize("trouble", ["500", "hangs"])
def test_while_the_log_cannot_be_read_a_stopped_container_is_left_alone(
    run_container: RunContainer, tmp_path: Path, trouble: Trouble
) -> None:
    """It had been started, although a person had stopped it."""
    name = run_container()
    docker("stop", "-t", "0", name)
    with relay(tmp_path / "engine.sock") as engine:
        engine.troubles["/events"] = trouble
        said = action.hold(action.Settings(name, host=f"unix://{tmp_path}/engine.sock"), timeout=4)
    assert said is not None and "nobody can tell whether somebody stopped it: Docker's event log cannot" in said


@pytest.mark.docker
def test_a_container_that_somebody_has_just_started_is_let_come_up(run_container: RunContainer) -> None:
    name = run_container()
    docker("kill", name)
    now = time.time()
    docker("start", name)
    started = inspect(name)["State"]["StartedAt"]
    outcome = taking(action.Settings(name), now).outcome()
    assert outcome[:2] == ("lost", "somebody has just started it; it is let come up")
    assert inspect(name)["State"]["StartedAt"] == started
    assert taking(action.Settings(name, stop_timeout=0), now, forced=True).outcome().result == "done"


@pytest.mark.docker
def test_a_restart_between_its_stop_and_its_start_is_not_called_undone(run_container: RunContainer) -> None:
    """The log has its end, and no start yet: the Engine may be about to start it; a little later it is not."""
    name, before = run_container(), time.time()
    docker("kill", name)
    wait_for(lambda: inspect(name)["State"]["Status"] == "exited", "it has ended")

    def asked() -> Any:
        return action.happened(action.Settings(name), before, timeout=10)

    assert asked() is None
    wait_for(lambda: asked() is False, "nobody starts it", 20)
