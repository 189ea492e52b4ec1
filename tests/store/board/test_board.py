"""The board that the dashboard shows, read from both stores: the same day gives the same board."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.reporting.board import Board, Known, Seen, day_slots, midnights
from heartbeat_cli.store.board import board, board_days, changes, figures
from heartbeat_cli.store.history import passes, rollups, summary
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences, states
from tests.parts import deployment

NOW = 1_795_000_000.0
HONG_KONG = ZoneInfo("Asia/Hong_Kong")
SLOTS = day_slots(NOW)
HOURS_LIVE = 3 * 26  # statements an hour that is not rolled up costs


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Config]]:
    """A bad day of the example deployment in either store."""
    own = {"store": request.getfixturevalue("database")} if request.param == "postgres" else {}
    config = deployment.config(tmp_path, heartbeat=own)
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, deployment.trouble, step=600.0)
        yield db, config


def read(db: Database, config: Config) -> Board:
    return board.read(db, config, HONG_KONG, NOW)


def test_slots_are_the_hours_that_are_rolled_up_the_running_one_last() -> None:
    assert SLOTS.start % 3600 == 0
    assert SLOTS.end - 3600 <= NOW < SLOTS.end
    assert SLOTS.end - SLOTS.start == 24 * 3600


def test_days_begin_at_local_midnight_whatever_the_clock_does() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    noon = datetime(2026, 10, 26, 12, tzinfo=berlin).timestamp()
    begins = midnights(noon, berlin, 3)
    assert [datetime.fromtimestamp(at, berlin).strftime("%m-%d %H:%M") for at in begins] == [
        *("10-24 00:00", "10-25 00:00", "10-26 00:00"),
    ]
    assert [round((b - a) / 3600) for a, b in pairwise(begins)] == [24, 25], "the clock went back on the 25th"


def test_every_look_of_the_day_is_counted_once(filled: tuple[Database, Config]) -> None:
    db, config = filled
    found = read(db, config)
    for id_ in config.components:
        counted = Seen()
        for seen in found.seen[id_].values():
            counted = counted.plus(seen)
        stored = db.rows(
            "SELECT count(*) FROM heartbeat_logs l WHERE component = ? AND l.pass IN"
            " (SELECT id FROM heartbeat_passes WHERE started >= to_timestamp(?))",
            (id_, SLOTS.start),
        )
        assert counted.judged + counted.unknown == stored[0][0] > 100
    whole = found.seen["db"]
    assert whole[SLOTS.number - 4].failed > 0 and whole[3].failed == 0
    assert whole[3].response == pytest.approx(0.006, rel=0.6)


def test_incidents_come_with_what_was_tried_and_alerts_with_how_they_went(filled: tuple[Database, Config]) -> None:
    db, config = filled
    found = read(db, config)
    open_ = {one.component: one for one in found.incidents}
    assert set(open_) == {"db", "main", "chat", "host"}
    assert open_["main"].held_by == "db"
    assert [one.action for one in found.attempts[open_["db"].id]] == ["postgres", "docker", "script"]
    assert open_["host"].id not in found.attempts
    newest = found.alerts[0]
    assert newest.component == "db"
    assert {one.channel: one.state for one in found.deliveries[newest.id]} == {"telegram": "sent", "mail": "waiting"}
    assert found.last_pass is not None and found.last_pass.looks == len(config.components)


def test_the_hosts_curves_are_drawn_from_few_samples(filled: tuple[Database, Config]) -> None:
    db, config = filled
    curves = {(one.metric, one.mount): one.values for one in read(db, config).curves}
    assert set(curves) == {
        ("cpu_percent", ""),
        ("memory_used_percent", ""),
        ("disk_used_percent", "/"),
        ("disk_used_percent", "/srv/models"),
    }
    disk = [value for value in curves["disk_used_percent", "/"] if value is not None]
    assert disk[0] < 79 and disk[-1] > 96
    assert None in curves["cpu_percent", ""], "heartbeat was away for 40 minutes"


def test_the_cost_does_not_follow_the_number_of_looks(filled: tuple[Database, Config]) -> None:
    db, config = filled
    before = db.statements
    read(db, config)
    assert db.statements - before <= 15 + HOURS_LIVE, "none of the day is rolled up yet"
    rollups.refresh(db, int(NOW // 3600), float("inf"))
    before = db.statements
    read(db, config)
    assert db.statements - before <= 24


def test_changed_sees_a_new_state_an_alert_an_acknowledgement_and_nothing_else(
    filled: tuple[Database, Config],
) -> None:
    db, config = filled
    assert changes.changed(db, NOW - 3 * 3600)
    assert not changes.changed(db, NOW)
    one = passes.Pass("later", config.observer, NOW + 30, NOW + 31)
    passes.save(db, one, {"sshd": Reading("healthy", 0.01)}, config.components)
    assert not changes.changed(db, NOW), "a look that changes nothing is no news"
    incident = states.open_incidents(db)["db"]
    states.save_incident(db, incident._replace(acked=NOW + 40, acked_by="ann"))
    assert changes.changed(db, NOW)
    assert not changes.changed(db, NOW + 50)


def test_silences_are_shown_where_they_apply(filled: tuple[Database, Config]) -> None:
    db, config = filled
    silences.add(db, silences.Silence("a1", "agent", "silence", NOW - 60, NOW + 600, "works", "ann"))
    silences.add(db, silences.Silence("a2", "db", "maintenance", NOW + 100, NOW + 600, "later", "ann"))
    quiet = read(db, config).quiet
    assert set(quiet) == set(deployment.AGENTS)
    assert quiet["main"].kind == "silence" and quiet["main"].ends == NOW + 600


def test_an_empty_store_gives_an_empty_board(tmp_path: Path) -> None:
    config = deployment.config(tmp_path)
    with deployment.store(config) as db:
        found = read(db, config)
        assert found.last_pass is None and not found.seen and not found.curves and not found.alerts
        assert figures.read(db, config.observer, NOW).metrics == {}


def test_figures_count_the_last_hour_and_take_the_newest_metrics(filled: tuple[Database, Config]) -> None:
    db, config = filled
    made = figures.read(db, config.observer, NOW)
    assert sum(made.looks.values()) == 6 * len(config.components)
    assert made.looks["error"] == 6, "the database, every ten minutes"
    assert made.attempts == {("failed", False): 2, ("done", False): 1, ("done", True): 2}
    assert made.alerts["database_down", "severe"] == 1
    assert made.notifications["mail", "waiting"] >= 1
    disks = {one.metadata["mount"]: one.value for one in made.metrics["host"] if one.name == "disk_used_percent"}
    assert disks["/"] > 96
    assert "db" not in made.metrics, "its last look measured nothing"
    assert all(isinstance(one, Metric) for one in made.metrics["host"])


def test_days_hold_the_hours_that_begin_in_them(filled: tuple[Database, Config]) -> None:
    db, config = filled
    names = {key: id_ for id_, key in db.rows("SELECT id, key FROM heartbeat_components")}
    edges = [SLOTS.start, SLOTS.start + 5 * 3600, SLOTS.start + 18 * 3600, SLOTS.end]
    before = board_days.days(db, names, edges)
    assert set(before) == set(config.components) and set(before["db"]) == {0, 1, 2}
    for id_, days in before.items():
        whole = {one.component: one for one in summary.tallies(db, SLOTS.start, SLOTS.end)}[id_]
        assert (sum(up for up, _ in days.values()), sum(down for _, down in days.values())) == (
            *(whole.up_us, whole.down_us),
        )
    assert before["db"][0][1] == 0 < before["db"][2][1]
    assert rollups.refresh(db, int(SLOTS.end // 3600), float("inf"))
    assert board_days.days(db, names, edges) == before


def test_days_that_are_over_are_read_once_an_hour(filled: tuple[Database, Config]) -> None:
    db, config = filled
    deployment.past(db, config, NOW - 86_400)
    keep = places.config_folder(config) / "dashboard.days"
    keep.parent.mkdir(parents=True)

    def at(now: float) -> dict[str, list[Known]]:
        return dict(board.read(db, config, HONG_KONG, now).days)

    first = at(NOW)
    assert keep.stat().st_mode & 0o777 == 0o600 and first == at(NOW)
    db.run("UPDATE heartbeat_hours SET up_us = 0 WHERE hour < ?", (int(NOW // 3600) - 100,))
    assert at(NOW) == first, "remembered"
    later = at(NOW + 3600)
    assert later["db"][40].up == 0 != first["db"][40].up, "the next hour knows"
    for damage in ("", "[]", "{}", '{"about": 1}', "\0"):
        keep.write_text(damage)
        assert at(NOW + 3600) == later


@pytest.mark.parametrize(
    "samples", [None, 7, "no JSON", "7", "{}", '[7, [1], ["x", "y", "gauge", null]]', "[" * 20_000]
)
def test_samples_that_no_heartbeat_writes_are_none(samples: object) -> None:
    """Whoever shares the store may write them, and a page or `metrics` is drawn all the same."""
    assert board.decoded(samples) == []


def test_of_samples_those_that_can_be_read_are_taken() -> None:
    cpu = ["host_cpu_percent", 7.5, "gauge", {"mount": "/"}]
    assert (
        board.decoded([cpu, ["x", None, "gauge", None]])
        == board.decoded(json.dumps([cpu, 7]))
        == [Metric("host_cpu_percent", 7.5, "gauge", {"mount": "/"})]
    )
