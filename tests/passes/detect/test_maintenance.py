"""Maintenance planned in the configuration: nothing is told or restarted in it, and no final state is swallowed."""

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.board import board
from heartbeat_cli.store.history import last_checks
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences
from tests.parts.scene import START, Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
HOUR = 3600.0
# 20:00 to 21:00 in Hong Kong, which is where START (noon in UTC) is.
NIGHTLY = {"cron": "0 20 * * *", "duration": "1h", "timezone": "Asia/Hong_Kong", "reason": "backup"}


@pytest.fixture
def made(store: Database, store_url: str, tmp_path: Path) -> Any:
    def make(window: dict[str, Any], **keys: Any) -> Scene:
        components = {"db": TCP | keys, "web": TCP | keys}
        return Scene(store, store_url, tmp_path, components, maintenance={"nightly": NIGHTLY | window})

    return make


def notify(scene: Scene, moment: float, *readings: Reading) -> list[str]:
    """Checks db from a moment on; what was told then."""
    scene.now = moment
    for reading in readings:
        scene.saw(db=reading)
    return scene.deliver()


def test_down_in_it_and_still_down_after_it_is_reported_after_it(made: Any) -> None:
    scene = made({})
    assert notify(scene, START + 60, BAD, BAD, BAD) == []
    assert notify(scene, START + HOUR - 60, BAD) == []
    assert notify(scene, START + HOUR, BAD) == ["tcp_down log sent"]
    assert notify(scene, START + 2 * HOUR, GOOD, GOOD) == ["recovered log sent"]
    (_, down) = alerts.between(scene.db, 0, 9e9)
    assert down.reason.endswith("; muted: maintenance nightly (backup)")


def test_down_before_it_and_well_in_it_is_reported_in_it(made: Any) -> None:
    scene = made({})
    assert notify(scene, START - 120, BAD, BAD, BAD) == ["tcp_down log sent"]
    assert notify(scene, START + 60, GOOD, GOOD) == ["recovered log sent"]


def test_down_and_well_in_it_is_reported_to_nobody(made: Any) -> None:
    scene = made({})
    assert notify(scene, START + 60, BAD, BAD, BAD, GOOD, GOOD) == []
    assert notify(scene, START + 2 * HOUR, GOOD) == []


def test_down_before_it_well_and_down_again_in_it(made: Any) -> None:
    scene = made({})
    assert notify(scene, START - 120, BAD, BAD, BAD) == ["tcp_down log sent"]
    assert notify(scene, START + 60, GOOD, GOOD, BAD, BAD, BAD) == ["recovered log sent"]
    assert notify(scene, START + HOUR, BAD) == ["tcp_down-2 log sent"]


def test_what_is_about_to_be_well_when_it_ends_is_not_reported_as_down(made: Any) -> None:
    scene = made({})
    assert notify(scene, START + 60, BAD, BAD, BAD) == []
    assert notify(scene, START + HOUR, GOOD, GOOD) == []


def test_it_concerns_what_it_names(made: Any) -> None:
    scene = made({"components": ["w*"]})
    assert notify(scene, START + 60, BAD, BAD, BAD) == ["tcp_down log sent"]


def test_checks_go_on(made: Any) -> None:
    scene = made({})
    notify(scene, START + 60, BAD, BAD, BAD)
    assert last_checks.read(scene.db)["db"].status == "error" and "db" in scene.incidents
    shown = board.read(scene.db, scene.config, UTC, scene.now).quiet["db"]
    assert (shown.kind, shown.ends, shown.reason) == ("maintenance", START + HOUR, "backup")


@pytest.mark.parametrize(("recovery", "healed"), [("off", False), ("on", True)])
def test_nothing_is_restarted_in_it_unless_it_says_so(
    store: Database, store_url: str, tmp_path: Path, recovery: str, healed: bool
) -> None:
    touch = {"action": "command", "command": ["/usr/bin/touch", str(tmp_path / "mended")]}
    false = {"kind": "command", "command": ["false"], "exit_codes": "plain", "recovery": {"ladder": [touch]}}
    window = {"nightly": NIGHTLY | {"recovery": recovery}}
    none = {"verify_wait": 0}
    scene = Scene(store, store_url, tmp_path, {"a": false}, maintenance=window, recovery=none)
    scene.pass_(3)
    scene.recover()
    assert scene.deliver() == [] and (tmp_path / "mended").exists() is healed


def test_what_is_in_force_and_what_is_planned(made: Any) -> None:
    scene = made({"components": ["db", "web"]})
    inside, outside = START + 60, START + 2 * HOUR
    assert [one.target for one in silences.in_force(scene.db, scene.config, inside)] == ["db", "web"]
    assert silences.in_force(scene.db, scene.config, outside) == []
    (planned,) = silences.planned(scene.config, outside)
    assert (planned.starts, planned.ends, planned.target) == (START + 24 * HOUR, START + 25 * HOUR, "db, web")


def test_a_silence_still_to_come_is_not_in_force(made: Any) -> None:
    scene = made({})
    silences.add(scene.db, silences.Silence("s", "db", "silence", START - 600, START - 300, "why", "kim"))
    assert silences.in_force(scene.db, scene.config, START - 700) == []
    assert len(silences.active(scene.db, START - 700)) == 1
