"""The hand-computed day of tests/passes/test_day.py in every form: the same figures, to the last digit shown."""

import csv
import html
import io
import json
import re
from pathlib import Path

import pytest

from heartbeat_cli.domain.reporting.summary import Summary
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.views import report
from tests.parts.scene import Scene
from tests.parts.stores import opened
from tests.passes import test_day as by_hand

AVAILABLE = 100 * (2 * 84_001 + 83_401) / (2 * 86_401 + 85_801)
HEALTHY = 100 * 416 / 434
WATCHED = 100 * (90_000 - 3_599) / 90_000
AVERAGE = (134 * 0.1 + 6 * 2 + 141 * 0.05 + 141 * 0.01 + 4 * 0.5) / (140 + 141 + 145)
# In a text, each line of it: what the day comes to, rounded as a person would.
EN = [
    "Daily report 2026-10-25",
    "Europe/Berlin",
    "report_20261025",
    "3 incidents, over by now; the availability target was missed",
    f"{AVAILABLE:.2f} %; target 99.9 % missed: 40 min down, 1 min 30 s allowed; watched {WATCHED:.2f} % of the time",
    "target missed by api (38 min 30 s), db (38 min 30 s), web (38 min 30 s)",
    f"435, {HEALTHY:.2f} % healthy, average response {AVERAGE * 1000:.0f} ms",
    "1 of 2 attempts helped (50.00 %); 1 not carried out",
    "detected after 20 min on average, ended after 1 h 23 min, one per 1 d 10 h of uptime",
    "db (1 incident, 4 failing checks, changed state 2 times)",
    "api (4 failing checks, changed state 2 times)",
    "59 min 59 s without a pass: 09:05 CET-10:05 CET",
    "1 h kept on the local spool: 11:05 CET-12:05 CET",
    "01:05 CEST to 01:55 CEST (50 min)",  # web
    "01:25 CEST to 02:15 CEST (50 min)",  # db, over before the clock goes back
    "10-24 23:00 CEST to 01:30 CEST (2 h 30 min)",  # db's old one
    "down with it: api",
    "healed by docker",
]
ROWS = [
    ("api", "145", "141", "0", "0", "4", "0"),
    ("db", "145", "141", "0", "4", "0", "0"),
    ("web", "145", "134", "6", "0", "4", "1"),
    ("Total", "435", "416", "6", "4", "8", "1"),
]


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder: Path = tmp_path_factory.mktemp("day")
    url = f"sqlite:///{folder / 'store.db'}"
    db: Database = opened(url)
    components = {"web": by_hand.TCP, "api": by_hand.TCP | {"depends_on": ["web"]}, "db": by_hand.TCP}
    scene = Scene(db, url, folder, components, heartbeat={"timezone": "Europe/Berlin"})
    by_hand.live(scene)
    made = by_hand.summary(scene)
    db.close()
    return made


def words(text: str, form: str) -> str:
    """A form as one line of words, as a reader sees it."""
    if form == "html":
        body = re.sub(r"<(style|title).*?</\1>", " ", text, flags=re.S)
        text = html.unescape(re.sub(r"<[^>]+>", " ", body))
    if form == "markdown":
        text = re.sub(r"\\(.)", r"\1", text).replace("**", "")
    return " ".join(text.split())


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_figures_people_read(summary: Summary, form: str) -> None:
    shown = words(report.rendered(summary, form, "en"), form)
    assert [one for one in EN if one not in shown] == []
    cells = shown.replace("|", " ")
    for row in ROWS:
        assert re.search(rf"{row[0]} {' +'.join(row[1:])} ", " ".join(cells.split())), row


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_same_digits_in_chinese(summary: Summary, form: str) -> None:
    """Whatever the words around them; only `100 %` is `100%`."""

    def digits(locale: str) -> list[str]:
        shown = words(report.rendered(summary, form, locale), form)
        assert locale == "en" or not re.search(r"\d %", shown)
        return sorted(re.findall(r"\d[\d,.:]*%?", shown.replace(",", "").replace("、", " ").replace(" %", "%")))

    english, chinese = digits("en"), digits("zh-HK")
    assert [one for one in chinese if one not in english] == [] and len(chinese) >= len(english) - 4


def test_the_figures_programs_read(summary: Summary) -> None:
    tree = json.loads(report.rendered(summary, "json", "en"))
    assert (tree["report_id"], tree["schema_version"]) == ("report_20261025", 1)
    assert (tree["from"], tree["to"]) == ("2026-10-24T22:00:00.000+00:00", "2026-10-25T23:00:00.000+00:00")
    assert tree["total_heartbeats"] == 435 and tree["healthy_percent"] == HEALTHY
    assert tree["availability_percent"] == AVAILABLE and tree["coverage_percent"] == pytest.approx(WATCHED, abs=1e-9)
    assert tree["average_response_time"] == pytest.approx(AVERAGE, abs=1e-9)
    assert tree["response_times"]["p50"] == summary.whole.response_time(0.5) == pytest.approx(0.05, rel=1 / 64)
    assert tree["budget"] == {"target_percent": 99.9, "allowed": 90.0, "used": 2400.0, "left": -2310.0}
    between = (2 * 84_001 + 83_401) / 2
    times = {"detect": 1200.0, "repair": 5000.0, "between": between, "began": 2, "ended": 3, "held": 1}
    assert tree["times"] == times
    assert tree["recovery"] == {"carried_out": 2, "verified": 1, "stopped": 1, "success_percent": 50.0}
    assert (tree["gap_seconds"], tree["degraded_seconds"]) == (3599, 3600)
    rows = {one["component"]: one for one in tree["components"]}
    assert [[*one["statuses"].values()] for one in rows.values()] == [[int(n) for n in row[2:]] for row in ROWS[:3]]
    assert {id_: one["incident_seconds"] for id_, one in rows.items()} == {"api": 3000, "db": 8100, "web": 3000}
    assert rows["web"]["up_seconds"] == 83_401 and rows["web"]["down_seconds"] == 2400
    healed = {one["component"] for one in tree["incidents"] if one["healed_by"]}
    assert healed == {"db"} and len(tree["incidents"]) == 4


def test_the_figures_spreadsheets_read(summary: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(report.rendered(summary, "csv", "en"))))
    names = ("component", "heartbeats", "healthy", "degraded", "unhealthy", "error", "unknown")
    total = ("*", *ROWS[3][1:])
    assert [tuple(row[name] for name in names) for row in rows] == [*ROWS[:3], total]
    whole = rows[-1]
    assert float(whole["availability_percent"]) == round(AVAILABLE, 6)
    assert float(whole["healthy_percent"]) == round(HEALTHY, 6)
    assert float(whole["average_response_time"]) == round(AVERAGE, 6)
    assert float(whole["p99"]) == round(summary.whole.response_time(0.99) or 0, 6)
    assert [float(row["budget_left_seconds"]) for row in rows] == [-2310.0] * 4
    assert [row["incident_seconds"] for row in rows] == ["3000.0", "8100.0", "3000.0", "14100.0"]
    assert (whole["gap_seconds"], whole["degraded_seconds"]) == ("3599.0", "3600.0")
    assert (whole["recoveries"], whole["recoveries_verified"]) == ("2", "1")
    assert [float(row["up_seconds"]) for row in rows] == [84_001, 84_001, 83_401, 251_403]
