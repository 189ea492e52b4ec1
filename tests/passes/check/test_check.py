"""The check pass on real targets: what is due, what is named, what is kept."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.board import board
from heartbeat_cli.store.history import gaps, last_checks
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.beats import Beat, add
from tests.parts import hostile
from tests.parts.hostile import hostile_server, unused_port
from tests.parts.http import healthy_server
from tests.parts.scene import START, Scene
from tests.parts.stores import elsewhere
from tests.parts.verb import heartbeat

QUICK = {"kind": "command", "command": ["/bin/true"]}


def test_only_what_is_due_is_checked(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(
        store, store_url, tmp_path,
        {"quick": QUICK | {"interval": 15}, "usual": QUICK, "slow": QUICK | {"interval": 300}},
    )  # fmt: skip
    seen = []
    for after in (0, 15, 30, 45, 60, 290, 300):
        scene.now = START + after
        seen.append(list(scene.check().readings))
    assert seen == [
        ["quick", "usual", "slow"], ["quick"], ["quick", "usual"], ["quick"], ["quick", "usual"],
        ["quick", "usual", "slow"], [],
    ]  # fmt: skip
    assert store.rows("SELECT count(*) FROM heartbeat_logs") == [(12,)]


def test_a_pass_without_anything_due_is_no_pass(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": QUICK})
    scene.check()
    assert scene.check().readings == {}
    assert store.rows("SELECT count(*) FROM heartbeat_passes") == [(1,)]


def test_the_named_are_always_checked(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": QUICK, "b": QUICK})
    scene.check()
    scene.now += 1
    assert list(scene.check("b").readings) == ["b"]
    scene.now += 1
    assert list(scene.check("b").readings) == ["b"]
    assert store.rows("SELECT component, count(*) FROM heartbeat_logs GROUP BY 1 ORDER BY 1") == [("a", 1), ("b", 3)]


def test_a_dry_run_checks_and_keeps_nothing(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": QUICK})
    assert scene.check(dry_run=True).readings["a"].status == "healthy"
    for table in ("heartbeat_passes", "heartbeat_logs", "heartbeat_looks", "heartbeat_components"):
        assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert list(scene.check().readings) == ["a"]


def test_a_failing_check_is_kept_with_its_reason(store: Database, store_url: str, tmp_path: Path) -> None:
    with healthy_server() as server:
        scene = Scene(
            store, store_url, tmp_path,
            {"up": {"kind": "agent", "url": server.url},
             "down": {"kind": "tcp", "host": "127.0.0.1", "port": unused_port(), "retries": 0}},
        )  # fmt: skip
        scene.check()
    rows = store.rows("SELECT component, status, error IS NULL, response_time IS NULL FROM heartbeat_logs ORDER BY 1")
    assert [(row[0], row[1], bool(row[2]), bool(row[3])) for row in rows] == [
        ("down", "error", False, True), ("up", "healthy", True, False)
    ]  # fmt: skip


def test_the_remembered_strategy_sets_the_pace(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": QUICK})
    scene.check()
    scene.now += 15
    assert scene.check().readings == {}
    preferences.put(store, "strategy", "aggressive")
    assert list(scene.check().readings) == ["a"]
    preferences.put(store, "strategy", "of a newer heartbeat")
    assert check.strategy(store, scene.config).name == "normal"


def test_a_clock_put_back_stops_no_checks(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": QUICK})
    scene.check()
    scene.now -= 7200
    assert list(scene.check().readings) == ["a"]
    assert scene.check().readings == {}  # and does not double it either
    scene.now += 30
    assert list(scene.check().readings) == ["a"]


def test_each_host_checks_what_is_its_own(store: Database, store_url: str, tmp_path: Path) -> None:
    tables: dict[str, Any] = {"mine": QUICK | {"observer": "he*"}, "all": QUICK, "other": QUICK | {"observer": "there"}}
    here = Scene(store, store_url, tmp_path, tables)
    there = Scene(store, store_url, tmp_path, tables, heartbeat={"observer": "there"})
    assert list(here.check().readings) == ["mine", "all"]
    assert list(there.check().readings) == ["all", "other"]


NOT_MINE, SELDOM = QUICK | {"observer": "there"}, QUICK | {"interval": 3600}


@pytest.mark.parametrize(
    ("now_set", "written"),
    [(NOT_MINE, [0, 0, 0, 100, 100, 100, 100, 200, 200]), (SELDOM, [0, 0, 0, 100, 100, 100, 100, 100, 100])],
    ids=["another host's now", "wanted once an hour now"],
)
def test_a_host_with_nothing_due_shows_that_it_lives_before_it_is_missed(
    store: Database, store_url: str, tmp_path: Path, now_set: dict[str, Any], written: list[int]
) -> None:
    """The others of the store expect it every 60 s and miss it after 150, until they read that it is expected less
    often. A write by every pass would be a write a minute for nothing, for ever."""
    Scene(store, store_url, tmp_path, {"a": QUICK}).check()
    scene = Scene(store, store_url, tmp_path, {"a": now_set})
    seen = []
    for _ in written:
        scene.now += 25
        assert scene.check().readings == {}
        seen.append(_watched(store).started - START)
    assert seen == written
    assert _watched(store).every == (60 if now_set is NOT_MINE else 3600)


def test_a_host_with_nothing_due_follows_a_clock_put_back(store: Database, store_url: str, tmp_path: Path) -> None:
    """Else it would show no life for two hours, until the clock is where it was."""
    Scene(store, store_url, tmp_path, {"a": QUICK}).check()
    scene = Scene(store, store_url, tmp_path, {"a": NOT_MINE})
    scene.now -= 7200
    scene.check()
    assert _watched(store).started == scene.now


def _watched(store: Database) -> Watch:
    found = gaps.watch(store, "here")
    assert found is not None
    return found


@pytest.mark.whole
def test_what_a_check_remembers_reaches_the_next(store: Database, store_url: str, tmp_path: Path) -> None:
    """The host's rates are differences: without memory there is none, with it there is."""
    scene = Scene(store, store_url, tmp_path, {"host": {"kind": "host"}})
    first = {metric.name for metric in scene.check("host").readings["host"].metrics}
    time.sleep(1.05)  # below a second the counters tell nothing
    scene.now += 30
    second = {metric.name for metric in scene.check("host").readings["host"].metrics}
    assert "cpu_percent" in second - first


def test_beats_reach_the_check(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"backup": {"kind": "push", "period": 60, "grace": 0}})
    assert scene.check("backup").readings["backup"].status == "unknown"
    add(store, Beat("backup", scene.now, "success"))
    scene.now += 50
    assert scene.check("backup").readings["backup"].status == "healthy"
    scene.now += 50
    assert scene.check("backup").readings["backup"].status == "error"


_SAME = """
import os
os.getpid = lambda: 1
from heartbeat_cli.store.history import passes
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.checking.result import Reading
passes.save(db, passes.Pass("p", "here", 5.0, 6.0), {"a": Reading("healthy", 0.1)}, {"a": Component("a", "tcp", None)})
"""


def test_the_same_pass_from_two_processes_is_one(store: Database, store_url: str) -> None:
    elsewhere(store_url, _SAME, times=3)
    assert store.rows("SELECT count(*) FROM heartbeat_logs") == [(1,)]


def test_ids_of_passes_tell_observer_moment_and_process() -> None:
    assert check.pass_id("here", 1.5).startswith("here@1500-")
    assert len({check.pass_id("here", 1.5), check.pass_id("there", 1.5), check.pass_id("here", 1.501)}) == 3


def test_the_last_check_is_the_newest_pass_s(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"a": QUICK})
    scene.check()
    assert last_checks.read(store, "here")["a"].at == scene.now
    last = board.last_pass(store, "here")
    assert last is not None and last.started == scene.now <= last.finished


_HUNG = """
import sys
from pathlib import Path
from heartbeat_cli.commands._base import App
from heartbeat_cli.commands._chain import imports_for_faults
from heartbeat_cli.passes.check import check
app = App(sys.argv[1])
with app.keeper() as keeper:
    seen = check.take(keeper.db, app.config, app.now(), prepare=imports_for_faults(app.config))
    check.save(keeper.db, app.config, seen)
print(*sorted({"heartbeat_cli.views.compiled.alert", "heartbeat_cli.passes.recover.recover"} & sys.modules.keys()))
"""


@pytest.mark.whole
@pytest.mark.parametrize(
    ("threshold", "said"), [(2, "heartbeat_cli.passes.recover.recover heartbeat_cli.views.compiled.alert"), (3, "")]
)
def test_what_reporting_takes_is_made_ready_while_the_last_check_before_it_hangs(
    tmp_path: Path, threshold: int, said: str
) -> None:
    """And neither before, nor when whoever is asked answers at once."""
    with hostile_server(hostile.silent) as mute:
        (tmp_path / "heartbeat.toml").write_text(
            f'[heartbeat]\nstore = "sqlite:///{tmp_path}/store.db"\nstate_dir = "{tmp_path}/state"\n'
            f'[components.a]\nkind = "agent"\nurl = "{mute.url}"\ntimeout = 1.5\ninterval = 0.01\nretries = 0\n'
            f"fail_threshold = {threshold}\n"
        )
        words = [sys.executable, "-c", _HUNG, str(tmp_path / "heartbeat.toml")]
        found = []
        for _ in range(2):
            found.append(subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip())
            heartbeat(tmp_path, "detect")
    assert found == ["", said]


@pytest.mark.parametrize(("interval", "seconds"), [(30, 60 + 150), (300, 60 + 240), (None, 60 + 150)])
def test_a_sleeping_host_is_no_stuck_worker(
    store: Database, store_url: str, tmp_path: Path, interval: int | None, seconds: float
) -> None:
    """The usual distance between checks is known to the check, with cron's grain: 240 s may be usual, or a sleep."""
    waiting = {"kind": "progress", "waiting": {"command": ["/bin/echo", "3"]}}
    scene = Scene(store, store_url, tmp_path, {"w": waiting | ({"interval": interval} if interval else {})})
    for after in (0, 30, 60):
        scene.now = START + after
        scene.check("w")
    scene.now = START + 300
    metrics = {one.name: one.value for one in scene.check("w").readings["w"].metrics}
    assert metrics["stuck_seconds"] == seconds


@pytest.mark.parametrize(
    ("kind", "memory"),
    [
        ("log", {"place": {"key": "bebfe804", "files": [["postgresql.log", 5]]}}),
        ("docker", {"id": "0123fe80postgres"}),
        ("process", {"pid_file": ["812@fe80", "postgres"]}),
    ],
)
def test_what_a_kind_knows_a_thing_by_is_not_redacted(kind: str, memory: dict[str, Any]) -> None:
    """A secret that is a part of it would have every check begin anew; what is shown is redacted all the same."""
    secrets = {"fe80", "postgres"}
    reading = Reading("healthy", evidence={"log": "postgres said fe80"}, memory=memory | {"journal": "of postgres"})
    kept = check._discreet(kind, reading, secrets)
    assert {key: kept.memory[key] for key in memory} == memory
    assert "postgres" not in str((kept.evidence, kept.memory["journal"]))
