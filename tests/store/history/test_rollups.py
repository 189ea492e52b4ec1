"""Hours rolled up: the same figures as the log's own, on both stores, whatever arrives late and however time is cut."""

import math
import random
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.checking.coverage import Gap
from heartbeat_cli.domain.checking.gauge import joined
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.store.history import gaps, passes, retention, rollups, spans
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql.database import Database
from tests.parts.stores import elsewhere, opened

HOUR = 3_600
START = 1_795_348_800.0  # 2026-11-22 12:00 UTC
COMPONENTS = {
    "web": Component("web", "agent", None, Common(interval=30.0)),
    "slow": Component("slow", "tcp", None, Common(interval=600.0)),
    "box": Component("box", "host", None),
}
GOOD, BAD, BLIND = Reading("healthy", 0.1), Reading("error"), Reading("unknown")


def look(db: Database, at: float, observer: str = "here", **readings: Reading) -> None:
    done = Pass(f"{observer}@{at}", observer, at, at + 1)
    passes.save(db, done, readings, COMPONENTS)
    passes.mark_detected(db, [one.key for one in passes.undetected(db, observer)])


def refreshed(db: Database, until: float = START + 100 * HOUR) -> None:
    assert rollups.refresh(db, math.floor(until / HOUR), math.inf)


def seconds(db: Database, start: float, end: float, component: str = "web") -> tuple[float, float]:
    """Up and down."""
    keys = dict(db.rows("SELECT id, key FROM heartbeat_components"))
    found = rollups.tallies(db, start, end).get(keys[component])
    return (found.up_us / 1e6, found.down_us / 1e6) if found else (0.0, 0.0)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[tuple[Database, Database]]:
    from tests.parts.postgres import fresh_database

    with fresh_database(postgres_server) as dsn:
        pair = opened(f"sqlite:///{tmp_path_factory.mktemp('both') / 'store.db'}"), opened(dsn)
        yield pair
        for db in pair:
            db.close()


# --- what a look speaks for ------------------------------------------------------------------------------------------


def test_a_look_speaks_until_the_next_and_no_longer_than_its_reach(store: Database) -> None:
    look(store, START + 10, web=GOOD)
    look(store, START + 40, web=BAD)
    look(store, START + 70, web=GOOD)  # and then nothing for ten minutes: 150 s
    look(store, START + 670, web=BLIND)
    look(store, START + 700, web=BAD)
    assert seconds(store, START, START + 730) == (30 + 150, 30 + 30)
    assert seconds(store, START + 25, START + 100) == (15 + 30, 30)
    assert seconds(store, START + 220, START + 700) == (0, 0)


def test_a_component_that_is_looked_at_seldom_is_spoken_for_longer(store: Database) -> None:
    look(store, START + 100, slow=GOOD)
    assert seconds(store, START, START + 2 * HOUR, "slow") == (1500, 0)  # 2.5 times ten minutes
    look(store, START + 700, slow=BAD)
    assert seconds(store, START, START + 2 * HOUR, "slow") == (600, 1500)


def test_what_an_observer_could_not_see_does_not_hide_what_another_saw(store: Database) -> None:
    for n in range(4):
        look(store, START + 60 * n, "here", web=GOOD)
        look(store, START + 60 * n + 30, "there", web=BLIND)
    assert seconds(store, START, START + 240) == (240, 0)
    look(store, START + 240, "here", web=BLIND)
    assert seconds(store, START, START + 300) == (240, 0)


def test_two_who_differ_take_turns(store: Database) -> None:
    look(store, START, "here", web=GOOD)
    look(store, START + 20, "there", web=BAD)
    look(store, START + 60, "here", web=GOOD)
    assert seconds(store, START, START + 80) == (40, 40)
    look(store, START + 80, "here", web=GOOD)
    look(store, START + 80, "there", web=BAD)
    assert seconds(store, START + 80, START + 90) == (0, 10)


def test_a_gap_belongs_to_nobody(store: Database) -> None:
    look(store, START + 3590, web=GOOD, slow=GOOD)
    look(store, START + 4000, web=GOOD, slow=GOOD)
    refreshed(store)
    assert seconds(store, START, START + 4000) == (150, 0)
    gaps.save(store, Gap("here", START + 3591, START + 4000, "no pass"))
    for _ in range(2):
        assert seconds(store, START, START + 4000) == (1, 0)
        assert seconds(store, START, START + 4000, "slow") == (1, 0)
        assert seconds(store, START + HOUR, START + 4010, "slow") == (10, 0)  # it goes on afterwards
        refreshed(store)


def test_turns_between_well_and_not_well_are_counted_where_looks_join(store: Database) -> None:
    for n, reading in enumerate((GOOD, BAD, BAD, GOOD, BLIND, BAD, GOOD)):
        look(store, START + 30 * n, web=reading)
    look(store, START + 1000, web=BAD)
    (found,) = rollups.tallies(store, START, START + HOUR).values()
    assert found.flaps == 3  # to bad, to good, to good; what was not seen on the way is not counted


# --- rolled up -------------------------------------------------------------------------------------------------------


def test_an_hour_is_rolled_once_it_is_over_and_its_end_carries_over(store: Database) -> None:
    look(store, START + 3500, web=GOOD)
    assert rollups.refresh(store, math.floor(START / HOUR), math.inf)
    assert store.rows("SELECT count(*) FROM heartbeat_hours") == [(0,)]
    refreshed(store, START + HOUR)
    refreshed(store, START + 2 * HOUR)
    rows = store.rows("SELECT hour, healthy, up_us FROM heartbeat_hours ORDER BY hour")
    first = math.floor(START / HOUR)
    assert rows == [(first, 1, 100_000_000), (first + 1, 0, 50_000_000)]
    assert store.rows("SELECT count(*) FROM heartbeat_passes WHERE stale IS NOT NULL") == [(0,)]


def test_what_arrives_late_is_in_the_figures_at_once_and_rolled_up_next(store: Database) -> None:
    look(store, START + 10, web=GOOD)
    refreshed(store)
    look(store, START + 30, web=BAD)
    for _ in range(2):
        assert seconds(store, START, START + 5 * HOUR) == (20, 150)
        refreshed(store)
    assert store.rows("SELECT healthy, error FROM heartbeat_hours") == [(1, 1)]


def test_a_pass_that_detection_has_not_seen_is_left_to_the_log(store: Database) -> None:
    passes.save(store, Pass("p", "here", START, START), {"web": GOOD}, COMPONENTS)
    refreshed(store)
    assert store.rows("SELECT count(*) FROM heartbeat_hours") == [(0,)]
    assert seconds(store, START, START + HOUR) == (150, 0)


def test_no_time_left_leaves_the_rest_for_the_next(store: Database) -> None:
    for n in range(3):
        look(store, START + n * HOUR, web=GOOD)
    assert not rollups.refresh(store, math.floor(START / HOUR) + 9, 0.0)
    assert seconds(store, START, START + 9 * HOUR) == (450, 0)


def test_gauges_of_an_hour(store: Database) -> None:
    def measured(at: float, cpu: float, root: float) -> None:
        disk = Metric("disk_used_percent", root, metadata={"mount": "/"})
        box = Reading("healthy", 0.1, metrics=(Metric("cpu_percent", cpu), disk, Metric("load1", 9.0)))
        look(store, at, box=box)

    for n, cpu in enumerate((10.0, 30.5, 20.25)):
        measured(START + 1000 * n, cpu, 50.0 + n)
    measured(START + HOUR, 1.0, 90.0)
    for _ in range(2):
        parts = rollups.gauges(store, {1: "box"}, START, START + HOUR + 1)
        cpu, disk = joined(parts)
        assert (cpu.component, cpu.metric, cpu.number, cpu.least, cpu.most, cpu.last) == (
            *("box", "cpu_percent", 4, 1.0, 30.5, 1.0),
        )
        assert cpu.mean == 61.75 / 4
        assert (disk.label, disk.least, disk.last) == ("/", 50.0, 90.0)
        refreshed(store)


# --- any cut ---------------------------------------------------------------------------------------------------------

STATUSES = ("healthy", "degraded", "unhealthy", "error", "unknown")
LOOKS = st.lists(
    st.tuples(
        st.integers(0, 4 * HOUR * 10),  # tenths of a second
        st.sampled_from(["here", "there"]),
        st.sampled_from(["web", "slow"]),
        st.sampled_from(STATUSES),
        st.one_of(st.none(), st.integers(0, 2**31 - 1)),
    ),
    max_size=25,
    unique_by=lambda one: one[:2],
)
CUTS = st.lists(st.integers(0, 5 * HOUR * 1000), min_size=1, max_size=3)


def lived(db: Database, story: list[tuple[int, str, str, str, int | None]], gap: tuple[int, int] | None) -> None:
    for table in ("log", "pass_rows", "pending", "hours", "gaps", "components", "settings"):
        db.run(f"DELETE FROM heartbeat_{table}")
    for n, (after, observer, component, status, took) in enumerate(story):
        if n == len(story) // 2:
            refreshed(db, START + 3 * HOUR)  # the rest comes late
        reading = Reading(status, None if took is None else took / 1e6)  # type: ignore[arg-type]
        look(db, START + after / 10, observer, **{component: reading})
    if gap:
        gaps.save(db, Gap("here", START + min(gap), START + max(gap), ""))


def by_id(db: Database, found: Mapping[int, Tally]) -> dict[str, Tally]:
    names = dict(db.rows("SELECT key, id FROM heartbeat_components"))
    return {names[key]: one for key, one in found.items()}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(LOOKS, CUTS, st.one_of(st.none(), st.tuples(st.integers(0, 4 * HOUR), st.integers(0, 4 * HOUR))))
def test_parts_add_up_rolled_or_not_and_both_stores_agree(
    both: tuple[Database, Database],
    story: list[tuple[int, str, str, str, int | None]],
    cuts: list[int],
    gap: tuple[int, int] | None,
) -> None:
    end = START + 5 * HOUR
    said = []
    for db in both:
        lived(db, story, gap)
        whole = by_id(db, spans.tallies(db, START, end))
        for _ in range(2):
            assert by_id(db, rollups.tallies(db, START, end)) == whole
            edges = [START, *(START + cut / 1000 for cut in sorted(cuts)), end]
            added: dict[str, Tally] = {}
            for a, b in pairwise(edges):
                for id_, one in by_id(db, rollups.tallies(db, a, b)).items():
                    added[id_] = added[id_].plus(one) if id_ in added else one
            assert added == whole
            refreshed(db)
        said.append(whole)
    assert said[0] == said[1]


# --- forgetting ------------------------------------------------------------------------------------------------------


def test_figures_outlive_their_looks(store: Database) -> None:
    chance = random.Random(7)
    for n in range(300):
        at = START + n * 600.5
        look(store, at, web=Reading("healthy", chance.random()) if n % 7 else BAD, box=GOOD)
    end = START + 60 * HOUR
    before = rollups.tallies(store, START, end)
    keep = Retention(heartbeats_days=1, metrics_days=1)
    gone = retention.prune(store, keep, end)
    assert gone is not None and gone["heartbeat_log"] > 0 and gone["heartbeat_passes"] > 0
    assert store.rows("SELECT count(*) FROM heartbeat_log")[0][0] < 300
    assert rollups.tallies(store, START, end) == before
    cut = START + 5 * HOUR + 1800  # an hour of which nothing else is known belongs to where it begins
    parts = [rollups.tallies(store, START, cut), rollups.tallies(store, cut, end)]
    assert {key: one.plus(parts[1][key]) for key, one in parts[0].items()} == before
    assert gaps.first_and_last_pass(store) == (START, START + 299 * 600.5)


def test_a_look_of_a_forgotten_hour_does_not_take_its_figures_place(store: Database) -> None:
    look(store, START, web=GOOD)
    look(store, START + 30, web=GOOD)
    retention.prune(store, Retention(heartbeats_days=1), START + 3 * 86_400)
    look(store, START + 60, web=BAD)
    look(store, START + 2000, web=BAD)
    refreshed(store)
    assert seconds(store, START, START + HOUR) == (180, 0)
    assert [seconds(store, START, START + 1900), seconds(store, START + 1900, START + HOUR)] == [(180, 0), (0, 0)]


def test_figures_of_metrics_outlive_them_when_their_hour_is_made_anew(store: Database) -> None:
    look(store, START, box=Reading("healthy", 0.1, metrics=(Metric("cpu_percent", 7.0),)))
    retention.prune(store, Retention(metrics_days=1), START + 3 * 86_400)
    assert store.rows("SELECT count(*) FROM heartbeat_samples") == [(0,)]
    look(store, START + 30, box=GOOD)
    refreshed(store)
    (found,) = rollups.gauges(store, {1: "box"}, START, START + HOUR)
    assert found.mean == 7.0 and store.rows("SELECT healthy FROM heartbeat_hours ORDER BY hour") == [(2,)]


def test_hours_go_in_their_time(store: Database) -> None:
    look(store, START, web=GOOD)
    retention.prune(store, Retention(rollups_days=1), START + 50 * 86_400)
    assert seconds(store, START, START + HOUR) == (150, 0)  # not before its looks do
    now = START + 401 * 86_400
    assert (retention.prune(store, Retention(), now) or {})["heartbeat_hours"] == 1
    assert store.rows("SELECT count(*) FROM heartbeat_hours") == [(0,)]


def test_a_file_gives_its_room_back(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = opened(f"sqlite:///{path}")
    with db.transaction():
        for n in range(200):
            look(db, START + n, web=Reading("error", None, "x" * 2000))
    db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    full = path.stat().st_size
    retention.prune(db, Retention(heartbeats_days=1), START + 3 * 86_400)
    db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < full / 2
    db.close()


_AT_ONCE = """
import math, os
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.history import passes, rollups
me, start = str(os.getpid()), float(sys.argv[2])
for n in range(15):
    at = start + n * 700 + os.getpid() % 601
    done, web = passes.Pass(f"{me}@{at}", me, at, at), Component("web", "tcp", None)
    passes.save(db, done, {"web": Reading("healthy")}, {"web": web})
    with db.transaction():
        passes.mark_detected(db, [one.key for one in passes.undetected(db, me)])
    assert rollups.refresh(db, math.floor(start / 3600) + n % 4, math.inf)
"""


def test_several_who_roll_up_and_look_at_once_miss_nothing(store: Database, store_url: str) -> None:
    elsewhere(store_url, _AT_ONCE, START, times=3)
    true = spans.tallies(store, START, START + 4 * HOUR)
    refreshed(store)
    assert rollups.tallies(store, START, START + 4 * HOUR) == true
    assert store.rows("SELECT sum(healthy) FROM heartbeat_hours") == [(45,)]
    assert store.rows("SELECT count(*) FROM heartbeat_passes WHERE stale IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("rolled", [False, True])
def test_an_hour_bears_the_median_of_its_answers(store: Database, rolled: bool) -> None:
    """In microseconds, rolled up or not, and none where nothing answered: trends would see shifts where there are
    none, between an hour that is rolled up and one that is not."""
    for number, took in enumerate((0.1, 0.2, 0.2, 0.2, 0.9)):
        look(store, START + 60 * number, web=Reading("healthy", took), box=BAD)
    if rolled:
        refreshed(store)
    keys = dict(store.rows("SELECT id, key FROM heartbeat_components"))
    found = rollups.hourly(store, START, START + HOUR)
    (web,), (box,) = found[keys["web"]], found[keys["box"]]
    assert web.answered == 5 and web.median_us == pytest.approx(200_000, rel=0.05)
    assert (box.answered, box.median_us) == (0, None)
