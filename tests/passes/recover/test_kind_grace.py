"""A kind that needs long to see what a step has done is not given the next one before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import Scene

Make = Callable[..., Scene]


@pytest.fixture
def workers(store: Database, store_url: str, tmp_path: Path) -> Make:
    """Three jobs wait and no worker takes one; its steps write a line each into `done`."""
    (tmp_path / "queue").write_text("3\n")

    def step(name: str) -> dict[str, Any]:
        return {"action": "command", "command": ["/bin/sh", "-c", f"echo {name} >> {tmp_path}/done"]}

    def make(within: float = 300, **own: Any) -> Scene:
        recovery = {"mode": "on", "ladder": [step("one"), step("two")], **own}
        waiting = {"command": ["/bin/cat", str(tmp_path / "queue")]}
        table = {"kind": "progress", "waiting": waiting, "within": within, "interval": 10, "recovery": recovery}
        return Scene(store, store_url, tmp_path, {"main": table}, recovery={"verify_wait": 0.1, "startup_grace": 60.0})

    return make


def steps(folder: Path) -> list[str]:
    return (folder / "done").read_text().split() if (folder / "done").exists() else []


def test_a_restarted_worker_has_its_time_to_do_the_first_job(workers: Make, tmp_path: Path) -> None:
    scene = workers()
    assert scene.pass_(20)[-1].startswith("main")
    assert "main" in scene.incidents
    scene.recover()
    assert steps(tmp_path) == ["one"]
    for _ in range(8):  # 240 s: longer than startup_grace, shorter than within
        scene.now += 30
        scene.pass_(1, step=0)
        scene.recover()
    assert steps(tmp_path) == ["one"]
    (tmp_path / "queue").write_text("2\n")
    scene.now += 30
    assert "main ended" in scene.pass_(3) and steps(tmp_path) == ["one"]


def test_the_next_step_follows_when_nothing_was_done_by_then(workers: Make, tmp_path: Path) -> None:
    scene = workers()
    scene.pass_(20)
    for _ in range(12):
        scene.recover()
        scene.pass_()
    assert steps(tmp_path) == ["one", "two"]


@pytest.mark.parametrize(("within", "own", "grace"), [(300, {}, 300), (45, {}, 60), (300, {"startup_grace": 20}, 20)])
def test_the_longer_one_counts_unless_the_component_has_its_own(
    workers: Make, within: float, own: dict[str, Any], grace: float
) -> None:
    scene = workers(within, **own)
    limits = RecoveryContext(scene.db, scene.config, scene.now).limits(scene.config.components["main"])
    assert limits.grace == grace
