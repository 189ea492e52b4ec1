"""Recovery of a model whose canary fails: what one bad answer does, and upon what a step is taken."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import places
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.model_provider import Provider, model_provider
from tests.parts.scene import Scene


@pytest.fixture
def provider() -> Iterator[Provider]:
    with model_provider() as running:
        yield running


@pytest.fixture
def build(store: Database, store_url: str, tmp_path: Path, provider: Provider) -> Any:
    def scene(**keys: Any) -> Scene:
        step = {"action": "command", "command": ["/bin/sh", "-c", f"echo x >> {tmp_path}/steps"]}
        model = {"kind": "llm", "url": provider.url, "model": "small", "canary": True, "retries": 0}
        model |= {"recovery": {"ladder": [step, step], "startup_grace": 45, "backoff": 0}, **keys}
        recovery = {"mode": "on", "verify_wait": 1}
        found = Scene(store, store_url, tmp_path, {"model": model}, recovery=recovery)
        places.note_file(found.config, "model").parent.mkdir(parents=True, mode=0o700)
        return found

    return scene


def steps(scene: Scene) -> int:
    file = scene.folder / "steps"
    return len(file.read_text().split()) if file.exists() else 0


def alert_types(scene: Scene) -> list[str]:
    return [one.type for one in reversed(alerts.between(scene.db, 0.0, 9e9))]


@pytest.mark.parametrize("retry_after", ["", "3600"])
def test_one_bad_answer_makes_no_fault(build: Any, provider: Provider, retry_after: str) -> None:
    scene = build()
    provider.mood, provider.retry_after = "500", retry_after
    scene.pass_(step=10)
    provider.mood = "ok"
    for _ in range(10):
        scene.pass_(step=10)
        scene.recover()
    assert (scene.incidents, steps(scene)) == ({}, 0)
    assert len(provider.completions) == (1 if retry_after else 2)


def test_a_step_is_taken_upon_a_canary_of_its_own(build: Any, provider: Provider) -> None:
    scene = build()
    provider.mood = "500"
    assert scene.pass_(3, 60) == ["model opened"] and len(provider.completions) == 3
    provider.mood = "ok"
    (result,) = scene.recover()
    assert (result.decision, result.name, steps(scene)) == ("held", "well", 0)
    assert len(provider.completions) == 4


@pytest.mark.whole
def test_each_step_follows_a_failing_canary_of_after_the_one_before(build: Any, provider: Provider) -> None:
    scene = build()
    provider.mood = "500"
    scene.pass_(3, 31)
    scene.now -= 30
    scene.recover()
    assert (steps(scene), len(provider.completions)) == (1, 4)
    for _ in range(2):  # the failure stands, and no new canary was sent
        scene.pass_(step=10)
        scene.recover()
    assert (steps(scene), len(provider.completions)) == (1, 4)
    scene.now += 30
    scene.pass_(step=0)
    scene.recover()
    assert (steps(scene), len(provider.completions)) == (2, 6), "one of the check, and one right before the step"
    provider.mood = "ok"
    scene.now += 31
    assert scene.pass_(2)[-1] == "model ended", "a restart is verified by a real canary"


def test_a_provider_in_fault_is_one_message(build: Any, provider: Provider) -> None:
    """Between two canaries of a fault its checks are unknown: nobody is notified of that, nor of their end."""
    scene = build(gateway=True, budget_per_day=20)
    provider.mood = "500"
    scene.pass_(100, 30)
    assert alert_types(scene) == ["llm_down"]
    assert len(provider.completions) < 20 and not states.states(scene.db)["model"].unobserved
    scene.pass_(100, 120)
    assert len(provider.completions) == 20 and list(scene.incidents) == ["model"], "a spent budget ends nothing"
    assert alert_types(scene) == ["llm_down"]
    provider.mood = "ok"
    scene.now += 86_400
    assert "model ended" in scene.pass_(2)
