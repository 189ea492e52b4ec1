"""A report as it is read: short on a good day, the worst first on a bad one, harmless whoever speaks in it."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting import telegram_text
from heartbeat_cli.domain.alerting.alert import Alert, Sent
from heartbeat_cli.domain.alerting.still_page import is_still
from heartbeat_cli.domain.checking.coverage import Degraded, Gap
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.reporting.availability import stories
from heartbeat_cli.domain.reporting.summary import Period, Summary, Tally, total
from heartbeat_cli.domain.reporting.trends import Forecast, Shift
from heartbeat_cli.passes.report import report as figures
from heartbeat_cli.views import messages, report, report_text
from heartbeat_cli.views.columns import columns
from heartbeat_cli.views.report_voice import percent
from tests.parts import axe, chromium, deployment, json_schema

DAY = date(2026, 11, 21)
NOW = 1_795_276_800.0 + 60  # a minute after its end in Hong Kong
SPAN = figures.period(DAY, DAY, "Asia/Hong_Kong")
LOCALES = ("en", "zh-HK")
MARKDOWN = "[x](http://evil.example/) ![y](//evil.example) **b** `c` | d"
HOSTILE = f"<script>alert(1)</script> <img src=x onerror=alert(2)> \x1b[31m\r\n{MARKDOWN} =1+1 \u202e"
SECRET = "sesame-4711"


def lived(folder: Path, story: deployment.Story, span: float) -> tuple[Config, Summary]:
    config = deployment.config(folder)
    with deployment.store(config) as db:
        deployment.live(db, config, SPAN.end - 30, story, span=span)
        return config, figures.report(db, config, SPAN, NOW)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Summary]:
    yield lived(tmp_path_factory.mktemp("good"), deployment.calm, 2 * deployment.DAY)[1]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Summary]:
    made = lived(tmp_path_factory.mktemp("bad"), deployment.trouble, deployment.DAY)[1]
    noon = SPAN.start + 12 * 3600
    yield made._replace(
        gaps=[Gap("agents-01", noon, noon + 2520, "no pass for 42 min, expected every 30 s")],
        gap_seconds=2520.0,
        degraded=[Degraded("d", "agents-01", noon + 7200, "the store does not answer", noon + 9000)],
        degraded_seconds=1800.0,
        shifts=(Shift("weather", noon + 7200, 0.12, 0.3, 400),),
        forecasts=(Forecast("host", "disk_used_percent", "/srv", 70.0, 100.0, 2.5, 12.0, 9.0, 20.0),),
    )


def hostile() -> Summary:
    """One component that says the worst it can, in every place where it can say anything."""
    one = Incident("i", "x", "tcp", "high", HOSTILE, SPAN.start + 60, SPAN.start + 90, recovery="failed")
    tried = Attempt("a", "i", "x", 0, HOSTILE, HOSTILE, HOSTILE, SPAN.start + 99, outcome="failed", detail=HOSTILE)
    tally = Tally("x", "tcp", (1, 0, 0, 9, 0), up_us=60_000_000, down_us=60_000_000)
    alert = Alert("t", "tcp_down", "high", HOSTILE, "x", SPAN.start + 90, "i", HOSTILE)
    return Summary(
        *(SPAN, "Asia/Hong_Kong", {"x": HOSTILE}, [tally], [one], [tried], [alert]),
        [Sent("t", HOSTILE, "failed", 3, None, HOSTILE)],
        [Gap(HOSTILE, SPAN.start, SPAN.start + 60, HOSTILE)],
        [Degraded("d", HOSTILE, SPAN.start + 60, HOSTILE)],
        until=SPAN.end,
        whole=total([tally]),
        stories=stories([one], [tried], SPAN.end),
        gap_seconds=60.0,
        degraded_seconds=9.0,
        forecasts=(Forecast("x", "disk_used_percent", HOSTILE, 90.0, 100.0, 5.0, 2.0, 1.0, None),),
    )


def wide(text: str) -> list[str]:
    return [line for line in text.splitlines() if columns(line) > report_text.WIDTH]


@pytest.mark.whole
@pytest.mark.parametrize("locale", LOCALES)
def test_a_good_day_is_short(good: Summary, locale: str) -> None:
    text = report.rendered(good, "text", locale)
    assert len(text.splitlines()) <= 15 and wide(text) == []
    if locale == "en":
        assert text.splitlines()[1] == "All well: 10 components, no incident."
        assert "Heartbeats    2,880, 100 % healthy" in text and re.search(r"p95 \d+ ms \(day before \d+ ms\)", text)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_bad_day_fits_a_terminal(bad: Summary, locale: str) -> None:
    text = report.rendered(bad, "text", locale)
    assert len(text.splitlines()) <= 76 and wide(text) == []


def test_a_bad_day_says_the_worst_first(bad: Summary) -> None:
    text = report.rendered(bad, "text", "en")
    order = [
        "4 incidents, 2 still open; 3 things need a person.",
        "Needs a person\n! PostgreSQL · recovery failed, down since 22:2",
        "! channel mail: 3 not delivered\n    localhost:25: connection refused",
        "Incidents: what broke, why, what healed it\n! PostgreSQL · severity: severe · open since ",
        "down with it: Chat Assistant, Main Agent",
        "healed by systemd: restarted openclaw-coding.service (healthy again",
        "\nAvailability ",
        "Weather Agent slower since 14:00: +180 ms (120 ms to 300 ms)",
        "This machine: disk /srv full in about 12 days (9 to 20); now 70 %",
        "Alerts        10 raised; mail 7 sent, 3 waiting; telegram 10 sent",
        "Not watched   42 min without a pass: 12:00-12:42",
        "Store away    30 min kept on the local spool: 14:00-14:30",
        "Alerts, newest first\n  22:",
        "\nTotal ",
        "All others healthy: openclaw-postgres ",
    ]
    places = [text.find(one) for one in order]
    assert -1 not in places, order[places.index(-1)] + text
    assert places == sorted(places)


def test_what_is_full_within_a_week_is_for_a_person(bad: Summary) -> None:
    soon = Forecast("host", "disk_used_percent", "/srv", 90.0, 100.0, 2.5, 4.0, 3.0, 6.0)
    text = report.rendered(bad._replace(forecasts=(soon,)), "text", "en")
    assert "! This machine: disk /srv full in about 4 days (3 to 6)" in text.partition("Incidents")[0]


@pytest.mark.parametrize("outcome", ["running", "cut off"])
def test_what_is_being_tried_is_not_untried(bad: Summary, outcome: str) -> None:
    open_ = [one for one in bad.incidents if one.ended is None and one.component == "host"]
    tried = Attempt("a", open_[0].id, "host", 0, "script", "heartbeat", "here", NOW - 9, outcome=outcome)
    assert "and nothing was tried" not in report.rendered(
        bad._replace(stories=stories(open_, [tried], NOW)), "text", "en"
    )
    assert "and nothing was tried" in report.rendered(bad._replace(stories=stories(open_, [], NOW)), "text", "en")


def test_what_is_full_within_a_day_has_no_nought_days(bad: Summary) -> None:
    for latest in (1.4, None):
        soon = bad.forecasts[0]._replace(days=0.3, earliest=0.1, latest=latest)
        shown = report.rendered(bad._replace(forecasts=(soon,)), "text", "en")
        assert "disk /srv full within a day" in shown and "about 0 days" not in shown


def test_nobody_is_needed_for_what_somebody_knows_of(bad: Summary) -> None:
    known = [one._replace(acked=SPAN.end - 60, acked_by="ops") for one in bad.incidents]
    made = bad._replace(incidents=known, stories=stories(known, [], SPAN.end), deliveries=[])
    text = " ".join(report.rendered(made, "text", "en").split())  # its lines are wrapped
    assert (
        "2 still open: acknowledged, or still being recovered" in text
        and "acknowledged by ops" in text
        and "Needs" not in text
    )


@pytest.mark.parametrize("form", report.FORMS)
def test_a_period_without_anything(form: str) -> None:
    empty = Summary(SPAN, "Asia/Hong_Kong", {}, [], [], [], [], [], [], [], until=SPAN.end)
    text = report.rendered(empty, form, "en")
    assert {"csv": "component,kind,", "json": '"level": "dim"'}.get(form, "Nothing was looked at") in text


@pytest.mark.parametrize(
    ("unit", "first", "last", "id_", "title"),
    [
        ("", date(2026, 11, 21), date(2026, 11, 21), "report_20261121", "Daily report 2026-11-21"),
        ("week", date(2026, 12, 28), date(2027, 1, 3), "report_2026W53", "Weekly report 2026-12-28 - 2027-01-03"),
        ("month", date(2026, 11, 1), date(2026, 11, 30), "report_202611", "Monthly report 2026-11-01 - 2026-11-30"),
        ("", date(2026, 11, 1), date(2026, 11, 2), "report_20261101_20261102", "Report 2026-11-01 - 2026-11-02"),
    ],
)
def test_each_period_has_its_id_and_title(unit: Any, first: date, last: date, id_: str, title: str) -> None:
    span: Period = figures.period(first, last, "UTC", unit=unit)
    made = Summary(span, "UTC", {}, [], [], [], [], [], [], [], until=span.end)
    assert span.id == id_ and report.rendered(made, "text", "en").startswith(f"{title} · UTC · {id_}\n")


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), (100.0, "100 %"), (99.9999, "99.99 %"), (0.0, "0.00 %")])
def test_a_share_is_never_rounded_up_to_all(value: float | None, shown: str) -> None:
    assert percent(value) == shown


# --- forms -----------------------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    manual = (Path(__file__).parents[2] / "docs/reference/report-formats.md").read_text()
    found: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", manual, re.S)[0])
    return found


def test_the_json_is_what_the_manual_says(good: Summary, bad: Summary) -> None:
    empty = Summary(SPAN, "UTC", {}, [], [], [], [], [], [], [], until=SPAN.end)
    for made in (good, bad, hostile(), empty):
        assert json_schema.faults(json.loads(report.rendered(made, "json", "en")), schema()) == []
    tree = json.loads(report.rendered(bad, "json", "en"))
    del tree["times"]["repair"]
    tree["alerts"][0]["severity"], tree["until"], tree["new"] = 1, "noon", 1
    wrong = ["$.alerts[0].severity: 1 is not string", "$.times: repair is missing", "$.until: 'noon' is no date-time"]
    assert sorted(json_schema.faults(tree, schema())) == [*wrong, "$: new is not in the schema"]


@pytest.mark.whole
@pytest.mark.parametrize("locale", LOCALES)
def test_a_page_is_drawn_without_a_complaint(bad: Summary, tmp_path: Path, locale: str) -> None:
    page = tmp_path / "report.html"
    page.write_text(report.rendered(bad, "html", locale))
    assert not re.search(r"<script|<link|<img|url\(|https?://", page.read_text())
    assert page.read_text().count("<svg") > 30
    if locale == "en":
        seen = chromium.open_page(page)
        assert seen.console == [] and "42 min without a pass" in seen.dom
    dark, width = (False, 1200) if locale == "en" else (True, 390)
    assert axe.faults(page.read_text(), tmp_path, dark=dark, width=width) == []


@pytest.mark.whole
def test_a_page_whoever_speaks_in_it(tmp_path: Path) -> None:
    text = report.rendered(hostile(), "html", "en")
    letter = report.letter(hostile(), "en").page
    for page in (text, letter):
        assert "<script" not in page and "<img" not in page and "\x1b" not in page and "\u202e" not in page
    assert "&lt;script&gt;" in text
    (tmp_path / "page.html").write_text(text)
    assert chromium.open_page(tmp_path / "page.html").console == []


@pytest.mark.parametrize("locale", ["en", "zh-HK", "zh-CN"])
def test_what_a_mail_carries_is_only_looked_at(good: Summary, bad: Summary, locale: str) -> None:
    for made in (good, bad, hostile()):
        assert is_still(report.letter(made, locale).page)


def test_texts_whoever_speaks_in_them() -> None:
    made = hostile()
    for form in ("text", "markdown", "csv", "json"):
        text = report.rendered(made, form, "en")
        assert not [char for char in text if not char.isprintable() and char != "\n"], form
    assert wide(report.rendered(made, "text", "en")) == []
    shown = report.rendered(made, "markdown", "en")
    assert "<script" not in shown and not re.search(r"(?<!\\)\]\(|https?://", shown) and "**b**" not in shown
    assert all(line.count(" | ") == line.replace("\\|", "").count(" | ") for line in shown.splitlines())
    assert not re.search(r"(^|,)[=+@]", report.rendered(made, "csv", "en"), re.M)


@pytest.mark.parametrize("form", [*report.FORMS, "letter"])
def test_secrets_stay_out_of_every_form(form: str) -> None:
    made = hostile()
    said = f"login {SECRET} at postgresql://u:pa55word@h/x refused"
    one = made.incidents[0]._replace(cause=said)
    made = made._replace(
        names={"x": said},
        incidents=[one],
        stories=stories([one], [made.attempts[0]._replace(detail=said, output=said)], SPAN.end),
        attempts=[made.attempts[0]._replace(detail=said, output=said)],
        alerts=[made.alerts[0]._replace(title=said, reason=said)],
        deliveries=[made.deliveries[0]._replace(last_error=said)],
        gaps=[made.gaps[0]._replace(reason=said)],
        degraded=[made.degraded[0]._replace(reason=said)],
    )
    if form == "letter":
        text = "".join(report.letter(made, "en", (SECRET,)))
    else:
        text = report.rendered(made, form, "en", (SECRET,))
    assert SECRET not in text and "pa55word" not in text


# --- as a message ----------------------------------------------------------------------------------------------------


def test_a_chat_hears_what_needs_a_person_in_one_message(bad: Summary) -> None:
    """A hundred faults at once: the first dozen one by one, the others by name, and where to read the rest."""
    ids = [f"agent-{n:03}" for n in range(100)]
    found = [
        Incident(f"{id_}@1", id_, "agent", "high", "no answer: " + "x" * 300, SPAN.start + n, SPAN.start + n + 90)
        for n, id_ in enumerate(ids)
    ]
    made = bad._replace(incidents=found, stories=stories(found, [], SPAN.end))
    letter = report.letter(made, "en")
    assert letter.title == "Daily report 2026-11-21: 100 incidents, 100 still open; 101 things need a person"
    alert = Alert("r", "report", "low", letter.title, "report", NOW, None, "", letter._asdict())
    message = messages.message(alert, "en", "UTC", [])
    (part,) = telegram_text.fit(message.html)
    assert telegram_text.units(part.plain) <= telegram_text.LIMIT
    for wanted in ("Needs a person", "agent-099", "agent-088", "and 89 more: agent-087", "--date 2026-11-21"):
        assert wanted in part.plain
    assert "Availability" in message.text and message.page == letter.page


def test_a_short_report_goes_whole(good: Summary) -> None:
    letter = report.letter(good, "zh-HK")
    assert letter.brief == letter.text and letter.title == "每日報告 2026-11-21: 一切正常：10 個組件，沒有事故"


def test_a_mail_bears_the_page(bad: Summary) -> None:
    from heartbeat_cli.channels import _letter

    letter = report.letter(bad, "en")
    alert = Alert("r", "report", "low", letter.title, "report", NOW, None, "", letter._asdict())
    mail = _letter.compose(messages.message(alert, "en", "UTC", []), "a@example.org", ["b@example.org"])
    plain, page = (part.get_content() for part in mail.iter_parts())
    assert "Needs a person\n! PostgreSQL" in plain.replace("\r", "") and page.replace("\r", "") == letter.page
    assert "<svg" not in page and "3 things need a person" in page


# --- as text ---------------------------------------------------------------------------------------------------------


def test_lines_break_where_words_do() -> None:
    assert report_text.wrapped("one two three", "- ", "  ", 9) == ["- one two", "  three"]
    assert report_text.wrapped("已修復：重新啟動，其後正常", "", " ", 12) == ["已修復：重新", " 啟動，其後", " 正常"]
    assert report_text.wrapped("it took 12 min, no more", "", "", 10) == ["it took", "12 min, no", "more"]
    assert report_text.wrapped("x" * 25, "", "", 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert report_text.padded("容器名稱很長", 8) == "容器名… "


def test_an_unknown_outcome_is_shown_as_it_is(bad: Summary) -> None:
    odd = [one._replace(outcome="later", detail="") for one in bad.attempts[:1]]
    assert "| later |" in report.rendered(bad._replace(attempts=odd), "markdown", "en")


def test_budgets_of_all_are_told_by_component(bad: Summary) -> None:
    made = bad._replace(budgets=MappingProxyType({}), budget=None)
    assert "target" not in report.rendered(made, "text", "en")


@pytest.mark.parametrize(("locale", "first"), [("en", "No channel reaches a person"), ("zh-HK", "沒有渠道能通知到人")])
def test_that_no_channel_reaches_a_person_comes_first(good: Summary, locale: str, first: str) -> None:
    unread = good._replace(reaches_person=False)
    assert report.rendered(unread, "text", locale).splitlines()[1].startswith(first)
    assert report.rendered(unread, "markdown", locale).splitlines()[2].startswith(f"**{first}")
    letter = report.letter(unread, locale)
    assert letter.text.startswith(first) and letter.brief.startswith(first) and first in letter.page
    for form in ("text", "markdown", "html"):
        assert first not in report.rendered(good, form, locale)
