"""Runs that did not come are told by the first one that did."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store import alerts, gaps, silences
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.silences import Silence
from tests.parts.scene import START, Scene

TRUE = {"kind": "command", "command": ["true"], "interval": 60}
HOUR = 3600.0


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    """Cron has started it for a while."""
    scene = Scene(store, store_url, tmp_path, {"a": TRUE}, heartbeat={"locale": "en"})
    assert [pass_(scene, 60) for _ in range(3)] == [[], [], []]
    return scene


def pass_(scene: Scene, after: float) -> list[str]:
    """A regular pass, so much later."""
    scene.now += after
    scene.check()
    return scene.detect()


def test_first_steps_by_hand_miss_nothing(store: Database, store_url: str, tmp_path: Path) -> None:
    """What cron has not started three times in a row nobody expects."""
    scene = Scene(store, store_url, tmp_path, {"a": TRUE})
    assert [pass_(scene, after) for after in (0, HOUR, 60, HOUR, HOUR, 60)] == [[]] * 6
    assert [pass_(scene, after) for after in (60, HOUR)] == [[], ["here missed_runs"]]


@pytest.mark.parametrize(("after", "told"), [(60, False), (200, False), (299, False), (310, True), (3 * HOUR, True)])
def test_a_gap_that_matters_is_told_once(scene: Scene, after: float, told: bool) -> None:
    pass_(scene, 0)
    assert pass_(scene, after) == (["here missed_runs"] if told else [])
    assert [pass_(scene, 60) for _ in range(3)] == [[], [], []]
    assert scene.outbox == ["missed_runs to log: waiting"] * told


def test_what_it_says(scene: Scene) -> None:
    pass_(scene, 0)
    pass_(scene, 2 * HOUR)
    (alert,) = alerts.between(scene.db, 0, 9e9)
    assert (alert.component, alert.severity, alert.incident, alert.at) == ("here", "medium", None, scene.now)
    assert alert.reason == "no pass for 2 h, expected every 1 min"
    began: Any = alert.details["started"]
    assert START + 180 <= began < START + 190 and alert.details["ended"] == scene.now
    assert alert.details["minutes"] == 120
    assert scene.deliver() == ["missed_runs log sent"]
    assert "here" in scene.messages[0]["title"]


def test_who_is_looked_at_seldom_is_missed_late(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": TRUE | {"interval": 600}})
    for _ in range(3):
        pass_(scene, 600)
    assert pass_(scene, 1700) == []
    assert pass_(scene, 1900) == ["here missed_runs"]


def test_what_is_wanted_most_often_says_when_the_next_pass_is_expected(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """Beside it a component that is looked at once an hour must not hide that nothing ran for ten minutes."""
    scene = Scene(store, store_url, tmp_path, {"often": TRUE, "seldom": TRUE | {"interval": 3600}})
    assert [pass_(scene, after) for after in (0, 60, 60, 600)] == [[], [], [], ["here missed_runs"]]


def test_cron_is_not_late_because_a_component_is_wanted_more_often(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """A crontab that fires once a minute leaves no gaps, though it is too slow for a component wanted every 15 s."""
    scene = Scene(store, store_url, tmp_path, {"a": TRUE | {"interval": 15}})
    assert [pass_(scene, 60) for _ in range(5)] == [[]] * 5
    assert gaps.between(store, 0, 9e9) == []


def test_a_pass_that_was_kept_and_never_judged_is_told_by_the_next(scene: Scene) -> None:
    pass_(scene, 0)
    scene.now += HOUR
    scene.check()  # and killed
    scene.now += 1
    assert scene.detect() == ["here missed_runs"]


@pytest.mark.parametrize(("target", "told"), [("*", False), ("here", False), ("a", True)])
def test_maintenance_of_the_host_keeps_it_back(scene: Scene, target: str, told: bool) -> None:
    pass_(scene, 0)
    silences.add(scene.db, Silence("m", target, "maintenance", scene.now, scene.now + 2 * HOUR, "new kernel", "kim"))
    assert pass_(scene, HOUR) == ["here missed_runs"]
    assert scene.outbox == ["missed_runs to log: waiting"] * told
