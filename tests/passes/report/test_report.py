"""The report: days as their zone cuts them, figures computed by hand, five forms, sent once."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.commands.report import rendered
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.reporting.summary import Summary, total
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.history import gaps, passes
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries
from tests.parts.hosts import Hosts
from tests.parts.scene import Scene
from tests.parts.verb import heartbeat

FORMS = ("text", "json", "html", "markdown", "csv")
GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no | route <b>`x`")
DAY = date(2026, 11, 22)
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


def scene_in(store: Database, url: str, folder: Path, zone: str, **heartbeat: str) -> Scene:
    components = {"main": TCP | {"name": "Main Agent"}, "db": TCP}
    return Scene(store, url, folder, components, heartbeat={"timezone": zone, **heartbeat})


def summary(scene: Scene, first: date = DAY, last: date | None = None) -> Summary:
    return report.report(scene.db, scene.config, report.period(first, last or first, scene.config.timezone))


def live_a_day(scene: Scene) -> None:
    """22 November in Hong Kong, from 16:00 UTC the day before. By hand: main 10 checks, 4 of them failing, one that
    could not be made; db 4 checks, one degraded. One check of the day before and one of the day after stay out."""
    look = [
        (utc(2026, 11, 21, 15, 59, 59), {"main": BAD}),
        (utc(2026, 11, 21, 16), {"main": GOOD, "db": GOOD}),
        (
            utc(2026, 11, 21, 17),
            {"main": Reading("unhealthy", 0.5, "503"), "db": Reading("degraded", 3.0, "slow: 3 s")},
        ),
        (utc(2026, 11, 21, 17, 1), {"main": BAD}),
        (utc(2026, 11, 21, 17, 2), {"main": BAD}),
        (utc(2026, 11, 21, 17, 3), {"main": BAD}),
        (utc(2026, 11, 21, 17, 4), {"main": GOOD}),
        (utc(2026, 11, 21, 17, 5), {"main": GOOD}),
        (utc(2026, 11, 22, 3), {"main": Reading("unknown", None, "no idea"), "db": Reading("healthy", 0.2)}),
        (utc(2026, 11, 22, 9), {"main": GOOD, "db": GOOD}),
        (utc(2026, 11, 22, 15, 59, 59), {"main": GOOD}),
        (utc(2026, 11, 22, 16), {"main": BAD}),
    ]
    for at, readings in look:
        scene.now = at
        scene.saw(**readings)
        if at == utc(2026, 11, 21, 17, 2):
            incident = scene.incidents["main"].id
            done = Attempt(f"{incident}/1", incident, "main", 0, "systemd", "heartbeat", "here", at + 5, at + 9, "done")
            recoveries.save(scene.db, done._replace(detail="restarted", verify_until=at + 999))
    scene.deliver()


def test_a_day_in_hong_kong_by_hand(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong")
    live_a_day(scene)
    made = summary(scene)
    main, db = {tally.component: tally for tally in made.tallies}["main"], made.tallies[0]
    assert main.counts == (5, 0, 1, 3, 1) and main.heartbeats == 10
    assert main.healthy_percent == pytest.approx(100 * 5 / 9)
    assert main.average_response_time == pytest.approx((5 * 0.1 + 0.5) / 6)
    assert db.component == "db" and db.counts == (3, 1, 0, 0, 0)
    assert db.availability_percent == 100.0 and db.healthy_percent == 75.0
    whole = total(made.tallies)
    assert (whole.heartbeats, whole.count("unknown")) == (14, 1)
    (incident,) = made.incidents
    assert (incident.started, incident.ended) == (utc(2026, 11, 21, 17), utc(2026, 11, 21, 17, 5))
    (attempt,) = made.attempts
    assert attempt.verified == utc(2026, 11, 21, 17, 4)  # the first good check after it
    assert [one.type for one in made.alerts] == ["recovered", "tcp_down"]
    assert {(sent.channel, sent.state) for sent in made.deliveries} == {("log", "sent")}


def test_the_same_checks_are_two_days_in_utc_and_one_span_of_both(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = scene_in(store, store_url, tmp_path, "UTC")
    live_a_day(scene)
    days = [summary(scene, date(2026, 11, day)) for day in (21, 22)]
    both = summary(scene, date(2026, 11, 21), date(2026, 11, 22))
    assert [total(day.tallies).heartbeats for day in days] == [10, 6]
    assert total([total(day.tallies) for day in days]) == total(both.tallies)
    assert both.period.id == "report_20261121_20261122"


@pytest.mark.parametrize(
    ("zone", "day", "hours", "start"),
    [
        ("America/New_York", date(2026, 3, 8), 23, utc(2026, 3, 8, 5)),
        ("America/New_York", date(2026, 11, 1), 25, utc(2026, 11, 1, 4)),
        ("America/New_York", date(2026, 11, 2), 24, utc(2026, 11, 2, 5)),
        ("Europe/Berlin", date(2026, 10, 25), 25, utc(2026, 10, 24, 22)),
        ("Asia/Hong_Kong", date(2026, 11, 1), 24, utc(2026, 10, 31, 16)),
        ("Asia/Kolkata", date(2026, 11, 1), 24, utc(2026, 10, 31, 18, 30)),
        ("Africa/Cairo", date(2026, 4, 24), 23, utc(2026, 4, 23, 22)),  # the clock changes at midnight itself
        ("Pacific/Apia", date(2026, 11, 1), 24, utc(2026, 10, 31, 11)),
    ],
)
def test_a_day_has_the_hours_its_zone_gives_it(zone: str, day: date, hours: int, start: float) -> None:
    span = report.period(day, day, zone)
    assert (span.end - span.start) / 3600 == hours and span.start == start


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)])
def test_a_check_an_hour_on_the_day_the_clocks_change(
    store: Database, store_url: str, tmp_path: Path, day: date, hours: int
) -> None:
    scene = scene_in(store, store_url, tmp_path, "America/New_York")
    first = utc(day.year, day.month, day.day) - 86_400
    for hour in range(72):
        scene.now = first + 3600 * hour + 1
        scene.keep(db=GOOD)
    assert total(summary(scene, day).tallies).heartbeats == hours
    days = [summary(scene, day + timedelta(days=n)) for n in (-1, 0, 1)]
    assert total(summary(scene, days[0].period.first, days[2].period.last).tallies).heartbeats == sum(
        total(one.tallies).heartbeats for one in days
    )


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(store: Database, store_url: str, tmp_path: Path, form: str, locale: str) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong", locale=locale)
    live_a_day(scene)
    text = rendered(summary(scene), form, locale)
    if form == "json":
        tree = json.loads(text)
        assert (tree["report_id"], tree["total_heartbeats"], tree["statuses"]["error"]) == ("report_20261122", 14, 3)
        assert tree["from"] == "2026-11-21T16:00:00.000+00:00" and tree["to"] == "2026-11-22T16:00:00.000+00:00"
        assert tree["healthy_percent"] == pytest.approx(100 * 8 / 13)
        assert tree["incidents"][0]["duration"] == 300.0
        assert tree["alerts"][0]["notifications"][0]["state"] == "sent"
        assert [one["component"] for one in tree["components"]] == ["db", "main"]
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["component"], row["heartbeats"], row["error"]) for row in rows] == [
            ("db", "4", "0"),
            ("main", "10", "3"),
            ("*", "14", "3"),
        ]
        assert float(rows[1]["healthy_percent"]) == pytest.approx(55.555556)
    else:
        text = text.replace("\\_", "_")  # Markdown
        for wanted in (
            "report_20261122",
            "14",
            f"61.54{' ' if locale == 'en' else ''}%",
            "Main Agent",
            "01:00",
            "Asia/Hong_Kong",
            "systemd",
        ):
            assert wanted in text
        assert ("healthy again afterwards" in text) == (locale == "en")
        assert "<b>" not in text or form == "text"
        assert "no | route" not in text or form != "markdown"


@pytest.mark.parametrize("form", FORMS)
def test_a_day_without_a_check_says_so(store: Database, store_url: str, tmp_path: Path, form: str) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong")
    text = rendered(summary(scene), form, "en")
    if form == "json":
        tree = json.loads(text)
        assert (tree["total_heartbeats"], tree["healthy_percent"], tree["components"]) == (0, None, [])
    elif form == "csv":
        assert len(text.splitlines()) == 1
    else:
        assert "No heartbeats in this period: nothing was looked at." in text and "100" not in text.split("style")[0]


def test_an_incident_from_the_day_before_shows_its_date(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong")
    scene.now = utc(2026, 11, 21, 15, 50)
    for _ in range(30):
        scene.saw(db=BAD)
    text = rendered(summary(scene), "text", "en")
    assert "open since 11-21 23:50" in text


def test_one_that_ended_at_midnight_belongs_to_the_day_before(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "UTC")
    scene.now = utc(2026, 11, 21, 23, 58)
    for reading in (BAD, BAD, BAD, GOOD, GOOD):
        scene.saw(db=reading)
    assert [len(summary(scene, date(2026, 11, day)).incidents) for day in (20, 21, 22)] == [0, 1, 0]


def test_passes_that_end_a_minute_before_midnight_end_there_in_every_split(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = scene_in(store, store_url, tmp_path, "UTC")
    scene.now = last = utc(2026, 11, 22, 23, 59)
    scene.saw(main=GOOD)
    gaps.save_watch(store, "here", Watch(last, last + 1))
    now = utc(2026, 11, 23, 7)
    one, two, both = (
        report.report(store, scene.config, report.period(a, b, "UTC"), now)
        for a, b in ((DAY, DAY), (DAY + timedelta(1), DAY + timedelta(1)), (DAY, DAY + timedelta(1)))
    )
    assert [made.whole.up_us for made in (one, two, both)] == [1_000_000, 0, 1_000_000]
    assert [made.gap_seconds for made in (one, two, both)] == [59, 25_200, 25_259]


def test_what_a_person_checks_while_cron_is_dead_is_a_heartbeat_and_no_time(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    scene = scene_in(store, store_url, tmp_path, "UTC")
    scene.now = last = utc(2026, 11, 22, 9)
    scene.saw(main=GOOD)
    gaps.save_watch(store, "here", Watch(last, last + 1))
    scene.now = utc(2026, 11, 22, 12)
    scene.saw(main=BAD, db=GOOD)
    made = report.report(store, scene.config, report.period(DAY, DAY, "UTC"), utc(2026, 11, 22, 13))
    assert {one.component: one.heartbeats for one in made.tallies} == {"db": 1, "main": 2}
    assert (made.whole.up_us, made.whole.down_us, made.whole.answered) == (1_000_000, 0, 2)


def test_with_several_hosts_only_what_nobody_watched_is_a_gap(store: Database, store_url: str, tmp_path: Path) -> None:
    """a is off for four hours, b for two of them and two more, c joins when all is over."""
    began = utc(2026, 11, 22, 0)
    times = {"a": (0, 2, 6, 10), "b": (0, 4, 8, 10), "c": (9, 9, 9, 10)}
    scenes = {}
    for name, (first, off, on, last) in times.items():
        (tmp_path / name).mkdir()
        scenes[name] = one = Scene(store, store_url, tmp_path / name, {"main": TCP}, heartbeat={"observer": name})
        one.tables["heartbeat"]["timezone"] = "UTC"
        for hour in (h / 4 for h in range(first * 4, last * 4 + 1)):
            if not off < hour < on:
                now = began + hour * 3_600
                done = passes.Pass(check.pass_id(name, now), name, now, now)
                check.save(store, one.config, check.Checked(done, {"main": GOOD}, 900.0))
    now = began + 10 * 3_600
    made = report.report(store, scenes["a"].config, report.period(DAY, DAY, "UTC"), now)
    assert made.gap_seconds == 2 * 3_600
    assert [(one.started - began, one.ended - began) for one in made.gaps] == [(4 * 3_600, 6 * 3_600)]
    assert made.coverage_percent == pytest.approx(80.0)
    later = report.report(store, scenes["a"].config, report.period(DAY, DAY, "UTC"), now + 6 * 3_600)
    assert later.gap_seconds == 8 * 3_600, "and since then none of them watches"


def test_alerts_newest_first_and_reports_are_no_alerts(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "UTC")
    noon = utc(2026, 11, 22, 12)
    for number, kind in enumerate(("tcp_down", "report", "recovered")):
        alerts.add(store, Alert(f"a{number}", kind, "low", kind, "db", noon + number, None, "r"), ["log"], noon)
    made = summary(scene)
    assert [one.type for one in made.alerts] == ["recovered", "tcp_down"]
    assert len(made.deliveries) == 2


def test_secrets_stay_out(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "UTC")
    scene.now = utc(2026, 11, 22, 12)
    leaky = Reading("error", None, "postgresql://u:pa55word@h/x refused")
    for _ in range(3):
        scene.saw(db=leaky)
    for form in FORMS:
        assert "pa55word" not in rendered(summary(scene), form, "en")


# --- by the command --------------------------------------------------------------------------------------------------


def command_folder(scene: Scene, folder: Path) -> None:
    (folder / "heartbeat.toml").write_text(
        f"""
        [heartbeat]
        store = "{scene.tables["heartbeat"]["store"]}"
        state_dir = "{folder}/state"
        timezone = "Asia/Hong_Kong"
        [components.db]
        kind = "tcp"
        host = "127.0.0.1"
        port = 1
        [channels.log]
        kind = "file"
        path = "{folder}/reports.log"
        """
    )


def sent(folder: Path) -> list[dict[str, Any]]:
    log = folder / "reports.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_sent_once_however_often_it_is_asked_for(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong")
    live_a_day(scene)
    command_folder(scene, tmp_path)
    first = heartbeat(tmp_path, "report", "--date", "2026-11-22", "--send")
    assert (first.code, first.out, first.err) == (0, "", "log: sent\n")
    again = heartbeat(tmp_path, "report", "--date", "2026-11-22", "--send")
    assert (again.code, again.out, again.err) == (
        0,
        "",
        "report_20261122: already sent; send it once more with --again\n",
    )
    (message,) = sent(tmp_path)
    assert (message["id"], message["type"]) == ("report_20261122", "report")
    assert "Heartbeats    14, 61.54 % healthy" in message["text"]
    assert message["title"] == "Daily report 2026-11-22: 1 incident, over by now; the availability target was missed"


def test_a_day_that_is_not_over_does_not_stand_for_the_whole(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong")
    command_folder(scene, tmp_path)
    for _ in range(2):
        assert heartbeat(tmp_path, "report", "--date", "today", "--send").code == 0
    assert heartbeat(tmp_path, "report", "--date", "yesterday", "--send").code == 0
    ids = [message["id"] for message in sent(tmp_path)]
    assert len(ids) == 2 and ids[0].endswith("_so_far") and not ids[1].endswith("_so_far")


def test_a_report_goes_into_a_file_whole(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = scene_in(store, store_url, tmp_path, "Asia/Hong_Kong")
    live_a_day(scene)
    command_folder(scene, tmp_path)
    done = heartbeat(tmp_path, "report", "--date", "2026-11-22", "--format", "json", "-o", "out.json")
    assert (done.code, done.out, done.err) == (0, "", "out.json: written\n")
    assert json.loads((tmp_path / "out.json").read_text())["total_heartbeats"] == 14
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o600
    shown = heartbeat(tmp_path, "report", "--date", "2026-11-22", "--format", "json")
    assert json.loads(shown.out) == json.loads((tmp_path / "out.json").read_text())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--date", "2026-02-30"), "--date '2026-02-30' is no day; expected YYYY-MM-DD, today or yesterday"),
        (("--week", "2026-W60"), "--week '2026-W60' is no day; expected YYYY-MM-DD, YYYY-Wnn, today or yesterday"),
        (("--month", "2026-13"), "--month '2026-13' is no day; expected YYYY-MM-DD, YYYY-MM, today or yesterday"),
        (("--date", "0001-01-01"), "--date '0001-01-01' is out of reach; expected a day from 1971 to 9998"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--from 2026-01-02 is after --to 2026-01-01"),
        (("--from", "2026-01-02"), "--from and --to go together"),
        (("--date", "today", "--to", "today"), "--date goes without --from and --to"),
    ],
)
def test_wrong_days_are_one_line(
    store: Database, store_url: str, tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    command_folder(scene_in(store, store_url, tmp_path, "UTC"), tmp_path)
    done = heartbeat(tmp_path, "report", *words)
    assert (done.code, done.out) == (2, "")
    assert line in done.err and len(done.err.splitlines()) == 1


def test_what_fails_unconfirmed_is_named_and_needs_a_person(store: Database, store_url: str, tmp_path: Path) -> None:
    two = Hosts(store, store_url, tmp_path, "ab", quorum=3, name="Shop")
    two.round(5, a="error", b="error")
    config = two.scenes["a"].config
    today = report.period(day := report.today(two.now, "UTC"), day, "UTC")
    found = report.report(store, config, today, two.now)
    made = json.loads(rendered(found, "json", "en"))
    assert made["level"] == "bad"
    assert made["verdict"] == "No incident; 1 thing needs a person: Shop fails, not confirmed."
    (need,) = made["needs_person"]
    assert need["what"] == "Shop" and "not confirmed" in need["facts"]
    assert need["why"] == ["2 of 2 hosts see it fail (quorum 3)"]
    assert "未能確認" in rendered(found, "text", "zh-HK")
    before = report.period(day - timedelta(1), day - timedelta(1), "UTC")
    assert report.report(store, config, before, two.now).unconfirmed == (), "that day knew nothing of it"
    two.round(2, a="healthy", b="healthy")
    assert report.report(store, config, today, two.now).unconfirmed == ()
