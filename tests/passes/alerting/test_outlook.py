"""What the first message of a fault says of the steps that come."""

from pathlib import Path

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import Scene


def recovery(scene: Scene) -> str:
    full = Reading("unhealthy", 0.1, "out of file handles", category="resource")
    for _ in range(3):
        scene.saw(main=full)
    (down,) = [one for one in alerts.between(scene.db, 0, 9e9) if one.type == "agent_down"]
    return str(down.details["recovery"])


def ladder(*mends: str) -> dict[str, object]:
    steps = [
        {"action": "command", "command": ["true", str(n)]} | ({"mends": [one]} if one else {})
        for n, one in enumerate(mends, 1)
    ]
    return {"main": {"kind": "agent", "url": "http://192.0.2.1:9/health", "recovery": {"ladder": steps}}}


def test_all_steps_that_cannot_help_are_named(store: Database, store_url: str, tmp_path: Path) -> None:
    said = recovery(Scene(store, store_url, tmp_path, ladder("resource", "", "")))
    why = "a restart would help for a moment only, as what uses up the resource goes on"
    others = f"recovery steps 2 (command true) and 3 (command true) are left out: {why}"
    assert said.endswith(f"step 1 of 3: command true; {others}")


def test_the_one_step_that_cannot_help_is_named(store: Database, store_url: str, tmp_path: Path) -> None:
    said = recovery(Scene(store, store_url, tmp_path, ladder("", "resource", "resource")))
    why = "a restart would help for a moment only, as what uses up the resource goes on"
    other = f"recovery step 1, command true, is left out: {why}"
    assert said.endswith(f"step 2 of 3: command true; {other}")
