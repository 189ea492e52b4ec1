"""Runs that did not come are told by the second one that did: the clock may have jumped for the first one only."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences
from heartbeat_cli.store.state.silences import Silence
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
    assert [pass_(scene, after) for after in (60, HOUR, 60)] == [[], [], ["here missed_runs"]]


@pytest.mark.parametrize(
    ("after", "notified"), [(60, False), (200, False), (299, False), (310, True), (3 * HOUR, True)]
)
def test_a_gap_that_matters_is_reported_once(scene: Scene, after: float, notified: bool) -> None:
    pass_(scene, 0)
    assert pass_(scene, after) == []
    assert [pass_(scene, 60) for _ in range(3)] == [["here missed_runs"] * notified, [], []]
    assert scene.outbox == ["missed_runs to log: waiting"] * notified


def test_what_it_says(scene: Scene) -> None:
    pass_(scene, 0)
    pass_(scene, 2 * HOUR)
    ended = scene.now
    pass_(scene, 60)
    (alert,) = alerts.between(scene.db, 0, 9e9)
    assert (alert.component, alert.severity, alert.incident, alert.at) == ("here", "medium", None, ended)
    assert alert.reason == "no pass for 2 h, expected every 1 min"
    began: Any = alert.details["started"]
    assert START + 180 <= began < START + 190 and alert.details["ended"] == ended
    assert alert.details["minutes"] == 120
    assert scene.deliver() == ["missed_runs log sent"]
    assert "here" in scene.messages[0]["title"]


def test_who_is_checked_seldom_is_missed_late(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": TRUE | {"interval": 600}})
    for _ in range(3):
        pass_(scene, 600)
    assert [pass_(scene, after) for after in (1700, 600, 1900)] == [[], [], []]
    assert pass_(scene, 600) == ["here missed_runs"]


def test_what_is_wanted_most_often_says_when_the_next_pass_is_expected(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """Beside it a component that is checked once an hour must not hide that nothing ran for ten minutes."""
    scene = Scene(store, store_url, tmp_path, {"often": TRUE, "seldom": TRUE | {"interval": 3600}})
    assert [pass_(scene, after) for after in (0, 60, 60, 600, 60)] == [[], [], [], [], ["here missed_runs"]]


def test_cron_is_not_late_because_a_component_is_wanted_more_often(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """A crontab that fires once a minute leaves no gaps, though it is too slow for a component wanted every 15 s."""
    scene = Scene(store, store_url, tmp_path, {"a": TRUE | {"interval": 15}})
    assert [pass_(scene, 60) for _ in range(5)] == [[]] * 5
    assert gaps.between(store, 0, 9e9) == []


def test_a_pass_that_was_kept_and_never_judged_is_reported_by_the_next(scene: Scene) -> None:
    pass_(scene, 0)
    scene.now += HOUR
    scene.check()  # and killed
    scene.now += 60
    scene.check()  # and this one, too
    scene.now += 1
    assert scene.detect() == ["here missed_runs"]


@pytest.mark.parametrize("ahead", [HOUR, 12 * HOUR])
def test_a_clock_that_was_ahead_for_one_pass_has_missed_nothing(scene: Scene, ahead: float) -> None:
    """Every run came: nobody hears that some did not, and no gap hides what they saw."""
    pass_(scene, 0)
    assert pass_(scene, ahead) == []
    assert [pass_(scene, after) for after in (60 - ahead, 60, 60)] == [[], [], []]
    assert scene.outbox == [] and gaps.between(scene.db, 0.0, 9e9) == []


def test_a_gap_before_a_clock_that_was_ahead_is_as_long_as_it_was(scene: Scene) -> None:
    """Off for ten minutes, and one pass at +1 h: the ten minutes are missed, and the hour is not."""
    pass_(scene, 0)
    began = scene.now
    pass_(scene, HOUR)
    scene.now = began + 600
    assert pass_(scene, 0) == []
    (gap,) = gaps.between(scene.db, 0.0, 9e9)
    assert (began <= gap.started < began + 60, gap.ended) == (True, began + 600)
    assert pass_(scene, 60) == ["here missed_runs"]
    (alert,) = alerts.between(scene.db, 0, 9e9)
    assert alert.reason == "no pass for 10 min, expected every 1 min"


def test_a_gap_in_the_hour_after_a_clock_that_was_ahead_is_whole(scene: Scene) -> None:
    """One pass at +1 h has not watched over the hour before it."""
    pass_(scene, 0)
    pass_(scene, HOUR)
    pass_(scene, 60 - HOUR)
    began = scene.now
    pass_(scene, 2 * HOUR)
    (gap,) = gaps.between(scene.db, 0.0, 9e9)
    assert (began <= gap.started < began + 60, gap.ended) == (True, scene.now)


@pytest.mark.parametrize(("target", "notified"), [("*", False), ("here", False), ("a", True)])
def test_maintenance_of_the_host_keeps_it_back(scene: Scene, target: str, notified: bool) -> None:
    pass_(scene, 0)
    silences.add(scene.db, Silence("m", target, "maintenance", scene.now, scene.now + 2 * HOUR, "new kernel", "kim"))
    assert [pass_(scene, after) for after in (HOUR, 60)] == [[], ["here missed_runs"]]
    assert scene.outbox == ["missed_runs to log: waiting"] * notified
