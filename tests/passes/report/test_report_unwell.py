"""A report never begins with "all well" over what cannot be checked, what fails, or a target that was missed."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.commands.report import rendered
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.reporting.summary import Summary
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import START, Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
UNSEEN = Reading("unknown", None, Text("Docker cannot be reached: {text}", text=Text("connection refused")))
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
FORMS, LOCALES = ("text", "markdown", "html"), ("en", "zh-HK")
WELL = ("All well", "一切正常", "nothing needs a person", "毋須人手處理")


@pytest.fixture
def scene(store: Database, store_url: str, tmp_path: Path) -> Scene:
    components = {"main": TCP | {"name": "Main Agent"}, "db": TCP}
    return Scene(store, store_url, tmp_path, components, heartbeat={"timezone": "UTC"}, report={"target": 99.0})


def made(scene: Scene, before: int = 0) -> Summary:
    day = report.today(START, "UTC") - timedelta(before)
    return report.report(scene.db, scene.config, report.period(day, day, "UTC"), scene.now)


def data(found: Summary) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(rendered(found, "json", "en"))
    return tree


def never_well(found: Summary, *said: str) -> None:
    """In every form and language; `said` is in the English ones."""
    assert data(found)["level"] not in ("ok", "dim")
    for locale in LOCALES:
        assert not any(word in json.loads(rendered(found, "json", locale))["verdict"] for word in WELL)
        for form in FORMS:
            text = rendered(found, form, locale)
            assert not any(word in text for word in WELL), text
            if locale == "en":
                for word in said:
                    assert word in text.replace("\\", ""), word


def test_what_cannot_be_checked_needs_a_person(scene: Scene) -> None:
    scene.saw(main=GOOD, db=GOOD)
    assert data(made(scene))["verdict"] == "All well: 2 components, no incident."
    for _ in range(2):
        scene.saw(main=GOOD, db=UNSEEN)
    assert data(made(scene))["level"] == "ok", "twice is not yet"
    scene.saw(main=GOOD, db=UNSEEN)
    never_well(made(scene), "db cannot be checked", "nobody knows whether it works", "db (unobserved)")
    tree = data(made(scene))
    assert (tree["level"], tree["verdict"]) == ("bad", "No incident; 1 thing needs a person: db cannot be checked.")
    assert tree["unobserved"] == [
        {"component": "db", "since": "2026-11-22T12:00:30.000+00:00", "error": UNSEEN.error},
    ]
    rows = {row["component"]: row for row in csv.DictReader(io.StringIO(rendered(made(scene), "csv", "en")))}
    assert [rows[id_]["unobserved"] for id_ in ("db", "main", "*")] == ["1", "0", "1"]
    assert data(made(scene, before=1))["unobserved"] == [], "the day before knew nothing of it"


def test_what_can_be_checked_again_is_still_no_good_day(scene: Scene) -> None:
    for reading in (GOOD, UNSEEN, UNSEEN, UNSEEN, GOOD, GOOD):
        scene.saw(main=GOOD, db=reading)
    never_well(made(scene), "No incident, but could not be checked for a time: db.")
    assert data(made(scene))["level"] == "warn"


def test_nor_is_any_day_that_it_lasted(scene: Scene) -> None:
    """Told on the 22nd and over on the 24th: the 23rd, on which nothing was told, was no good day either."""
    for reading in (GOOD, UNSEEN, UNSEEN, UNSEEN):
        scene.saw(main=GOOD, db=reading)
    for _ in range(48):
        scene.saw(step=3_600, main=GOOD, db=UNSEEN)
    scene.saw(main=GOOD, db=GOOD)
    for before in (-2, -1, 0):
        assert made(scene, before).unseen == ("db",)
    never_well(made(scene, -1)._replace(gaps=[], budget=None, budgets={}), "could not be checked for a time: db")
    assert made(scene, 1).unseen == ()


def test_what_was_never_checked_is_not_counted_as_well(scene: Scene) -> None:
    scene.saw(main=GOOD, db=UNSEEN)
    assert data(made(scene))["verdict"] == "All well: 1 component, no incident."
    for _ in range(3):
        scene.saw(db=UNSEEN)
    never_well(made(scene), "db cannot be checked")


def test_a_period_in_which_nothing_could_be_checked_is_not_well(scene: Scene) -> None:
    scene.saw(main=UNSEEN, db=UNSEEN)
    tree = data(made(scene))
    assert (tree["level"], tree["verdict"]) == ("dim", "Nothing could be checked in this period.")


def test_what_fails_and_is_not_in_fault_yet_is_said(scene: Scene) -> None:
    scene.saw(main=GOOD, db=GOOD)
    scene.saw(step=1, main=BAD, db=GOOD)
    found = made(scene)._replace(budget=None, budgets={})
    never_well(found, "No incident, but Main Agent is failing.")
    tree = data(found)
    assert tree["level"] == "warn" and [one["component"] for one in tree["failing"]] == ["main"]
    assert tree["failing"][0]["error"] == "no route"
    scene.saw(step=1, main=BAD, db=BAD)
    never_well(made(scene)._replace(budget=None, budgets={}), "db, Main Agent are failing")
    rows = list(csv.DictReader(io.StringIO(rendered(made(scene), "csv", "en"))))
    assert [row["failing"] for row in rows] == ["1", "1", "2"]


def test_a_missed_target_is_said(scene: Scene) -> None:
    """Blips of two failing checks are no incident; what they cost counts all the same."""
    for _ in range(8):
        scene.saw(step=150, main=BAD, db=GOOD)
        scene.saw(step=150, main=BAD, db=GOOD)
        scene.saw(step=150, main=GOOD, db=GOOD)
    found = made(scene)
    assert found.incidents == [] and found.budget is not None and found.budget.left < 0
    never_well(found, "No incident, but the availability target was missed.")
    one = found._replace(budget=found.budget._replace(used=0.0))
    never_well(one, "No incident, but the availability target was missed by Main Agent.")
    assert data(one)["level"] == data(found)["level"] == "warn"
