"""A day by hand, to the digit and on both stores: 25 hours, overlapping incidents, a gap, a check that could not be
made, an hour kept beside the store and brought in later. Before it is rolled up, after, and without its single checks.
"""

import math
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.reporting.availability import Budget, Flaky, Recoveries, Times
from heartbeat_cli.domain.reporting.summary import Summary
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.check.check import Checked
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.board import board
from heartbeat_cli.store.history import retention, rollups
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.store.state import recoveries, states
from tests.parts.scene import Scene

DAY = date(2026, 10, 25)  # in Berlin, from 22:00 UTC the day before to 23:00 UTC
BEGIN = datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()
END = BEGIN + 25 * 3600
MINUTE = 60.0
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "interval": 600.0}  # so a check speaks for 25 minutes
BAD, UNSEEN = Reading("error", None, "no answer"), Reading("unknown", None, "no idea")
GOOD = {"api": Reading("healthy", 0.05), "db": Reading("healthy", 0.01), "web": Reading("healthy", 0.1)}
# Minute of the day: what was not healthy then. A pass comes at 5, 15, 25 …
TROUBLE = {
    **{m: {"web": BAD} for m in (65,)},
    **{m: {"web": BAD, "api": BAD} for m in (75,)},
    **{m: {"web": BAD, "api": BAD, "db": Reading("unhealthy", 0.5, "full")} for m in (85, 95)},
    105: {"api": BAD, "db": Reading("unhealthy", 0.5, "full")},
    115: {"db": Reading("unhealthy", 0.5, "full")},
    305: {"web": UNSEEN},
    **{m: {"web": Reading("degraded", 2.0, "slow")} for m in range(725, 785, 10)},
}
MISSED = range(615, 665, 10)
BESIDE = range(725, 785, 10)  # kept on the spool


def minute(number: float) -> float:
    return BEGIN + number * MINUTE


def take(scene: Scene, db: Database, number: int) -> None:
    """A regular pass, as `run` keeps and judges it."""
    scene.now = at = minute(number)
    done = Pass(f"here@{at}", "here", at, at + 1)
    check.save(db, scene.config, Checked(done, GOOD | TROUBLE.get(number, {}), 600.0))
    detect.detect(db, scene.config, at)


def live(scene: Scene) -> None:
    kept = None
    for number in range(-5, 25 * 60 + 10, 10):
        if number in MISSED:
            continue
        if number == BESIDE[0]:
            begun = Degraded(f"here@{number}", "here", minute(number), "it is gone")
            folder = scene.folder / "spool.db"
            kept = spool.begin(folder, lambda: mirror.snapshot(scene.db, "here", scene.now), begun, 9.0)
        if number == BESIDE[-1] + 10 and kept is not None:
            rollups.refresh(scene.db, math.floor(minute(number) / 3600), math.inf)
            for _ in spool.replay(kept, scene.db, "here", minute(number)):
                detect.detect(scene.db, scene.config, minute(number))
            spool.finish(kept, scene.db, begun._replace(ended=minute(number)))
            kept.close()
        take(scene, kept if number in BESIDE and kept is not None else scene.db, number)
        if number == 105:
            heal(scene)
    # One that began the day before, beside the one that the passes found.
    old = Incident("old", "db", "tcp", "high", "disk", minute(-60), minute(-40), minute(90))
    states.save_incident(scene.db, old)
    scene.deliver()


def heal(scene: Scene) -> None:
    about = scene.incidents["db"].id
    tried = Attempt(f"{about}/1", about, "db", 0, "script", "heartbeat", "here", minute(106), minute(106) + 2)
    recoveries.save(scene.db, tried._replace(outcome="failed"))
    recoveries.save(scene.db, tried._replace(id=f"{about}/2", outcome="refused"))
    done = tried._replace(id=f"{about}/3", action="docker", started=minute(107), outcome="done")
    recoveries.save(scene.db, done._replace(verify_until=minute(200)))


def summary(scene: Scene) -> Summary:
    span = report.period(DAY, DAY, "Europe/Berlin")
    assert (span.start, span.end) == (BEGIN, END)
    return report.report(scene.db, scene.config, span, END + 600)


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    components = {"web": TCP, "api": TCP | {"depends_on": ["web"]}, "db": TCP}
    made = Scene(store, store_url, tmp_path, components, heartbeat={"timezone": "Europe/Berlin"})
    live(made)
    return made


def test_the_day_by_hand(scene: Scene) -> None:
    before = summary(scene)
    by_hand(before)
    assert rollups.refresh(scene.db, math.floor(END / 3600) + 9, math.inf)
    rolled = summary(scene)
    assert rolled == before
    gone = retention.prune(scene.db, Retention(heartbeats_days=1, metrics_days=1), END + 3 * 86_400)
    assert gone and gone["heartbeat_log"] > 0
    assert scene.db.rows("SELECT count(*) FROM heartbeat_log") == [(0,)]
    after = summary(scene)
    assert after == before


def by_hand(made: Summary) -> None:
    looks(made)
    time_weighed(made)
    faults(made)


def looks(made: Summary) -> None:
    """150 passes in 25 hours, five of which did not come."""
    api, db, web = made.tallies
    assert [one.heartbeats for one in made.tallies] == [145, 145, 145]
    assert web.counts == (134, 6, 0, 4, 1) and api.counts == (141, 0, 0, 4, 0) and db.counts == (141, 0, 4, 0, 0)
    assert made.whole.counts == (416, 6, 4, 8, 1)
    assert made.whole.healthy_percent == 100 * 416 / 434
    assert (web.answered, web.total_us) == (140, 134 * 100_000 + 6 * 2_000_000)
    assert web.average_response_time == 25.4 / 140
    for share, true in ((0.5, 0.1), (0.95, 0.1), (0.99, 2.0)):  # ranks 70, 133, 139 of 140
        assert web.response_time(share) == pytest.approx(true, rel=1 / 64)
    assert (web.least_us, web.most_us) == (100_000, 2_000_000)
    assert [one.flaps for one in made.tallies] == [2, 2, 2]


def time_weighed(made: Summary) -> None:
    """Down: from the first failing check to the first good one, 40 minutes each. Neither: from the end of the pass at
    605 (a second later) to the one at 665, for web also 305 to 315. Up: the rest of 90,000 s."""
    api, db, web = made.tallies
    gap, unseen, down = 3599, 600, 2400
    assert [one.down_us for one in made.tallies] == [down * 1_000_000] * 3
    assert api.up_us == db.up_us == (90_000 - gap - down) * 1_000_000
    assert web.up_us == (90_000 - gap - unseen - down) * 1_000_000
    assert web.availability_percent == 100 * 83_401 / 85_801
    assert web.coverage_percent == 100 * 85_801 / 90_000
    assert made.whole.availability_percent == 100 * (2 * 84_001 + 83_401) / (2 * 86_401 + 85_801)
    assert made.coverage_percent == pytest.approx(100 * (90_000 - gap) / 90_000, abs=1e-9)
    assert (made.gap_seconds, made.degraded_seconds) == (gap, 3600)
    assert made.budgets["web"] == Budget(99.9, 90.0, 2400.0) == made.budget
    assert made.budgets["web"].left == -2310


def faults(made: Summary) -> None:
    """web 65-115 (declared at 85), db 85-135 (declared at 105), api 75-125 held by web; db's old one to 90."""
    spans = {one.id: (one.component, one.started, one.declared, one.ended) for one in made.incidents}
    assert sorted(spans.values()) == [
        ("api", minute(75), minute(95), minute(125)),
        ("db", minute(-60), minute(-40), minute(90)),
        ("db", minute(85), minute(105), minute(135)),
        ("web", minute(65), minute(85), minute(115)),
    ]
    assert {one.held_by for one in made.incidents if one.component == "api"} == {"web"}
    repair, between = (50 + 50 + 150) * MINUTE / 3, (2 * 84_001 + 83_401) / 2
    assert made.times == Times(20 * MINUTE, repair, between, began=2, ended=3, held=1)
    assert made.downtime == {"api": 50 * MINUTE, "db": 135 * MINUTE, "web": 50 * MINUTE}
    assert made.recovery == Recoveries(carried_out=2, verified=1, stopped=1)
    healed = {one.incident.component: one.healed_by for one in made.stories if one.healed_by}
    assert [(id_, one.action, one.verified) for id_, one in healed.items()] == [("db", "docker", minute(125))]
    assert made.flakiest == (Flaky("db", 1, 2, 4), Flaky("web", 1, 2, 4), Flaky("api", 0, 2, 4))
    assert [one.at for one in made.alerts] == sorted((one.at for one in made.alerts), reverse=True)
    assert {one.state for one in made.deliveries} == {"sent"}


def test_nothing_of_it_is_in_the_days_around(scene: Scene) -> None:
    for day, looks_, down in ((date(2026, 10, 24), 3, 0), (date(2026, 10, 26), 3, 0)):
        made = report.report(scene.db, scene.config, report.period(day, day, "Europe/Berlin"), END + 600)
        assert (made.whole.heartbeats, made.whole.down_us) == (looks_, down)
    before = report.report(scene.db, scene.config, report.period(*[date(2026, 10, 24)] * 2, "Europe/Berlin"), END + 600)
    assert before.whole.up_us == 3 * 300_000_000 and before.downtime == {"db": 60 * MINUTE}


def test_the_days_before_are_there_to_compare_with(scene: Scene) -> None:
    span = report.period(date(2026, 10, 26), date(2026, 10, 26), "Europe/Berlin")
    made = report.report(scene.db, scene.config, span, END + 600)
    compared = {one.name: one for one in made.comparisons}
    assert set(compared) == {"day_before", "week_before", "last_7", "last_30"}
    one = compared["day_before"]
    assert (one.start, one.end, one.heartbeats, one.incidents) == (BEGIN, END, 435, 2)
    assert one.availability_percent == summary(scene).whole.availability_percent
    assert one.p95 == pytest.approx(0.1, rel=1 / 64)
    assert compared["last_7"].heartbeats == 438 and compared["week_before"].heartbeats == 0
    assert compared["last_7"].p95 is None and compared["week_before"].availability_percent is None


def test_a_time_that_still_goes_on_without_a_pass_is_not_known(scene: Scene) -> None:
    now = END + 505 + 3600  # the last pass, at 1505, ended at 301
    span = report.period(date(2026, 10, 26), date(2026, 10, 26), "Europe/Berlin")
    made = report.report(scene.db, scene.config, span, now)
    assert made.until == now and made.tallies[0].up_us == 301_000_000
    assert made.gap_seconds == now - END - 301 and board.last_pass(scene.db, "here") is not None
