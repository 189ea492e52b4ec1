"""A fault has one beginning, its first failing check: status, dashboard, message and report name the same moment."""

import json
import re
from pathlib import Path

import pytest

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

CHANNEL = '[heartbeat]\ntimezone = "Asia/Hong_Kong"\n[channels.log]\nkind = "file"\npath = "{path}"\n'


def fault(folder: Path) -> tuple[Outage, str]:
    """A fault, and when its first check failed, as the store has it (ISO 8601)."""
    thing = Outage(folder, also=CHANNEL.format(path=folder / "messages"))
    thing.run()
    thing.down()
    tree = json.loads(heartbeat(folder, "report", "--date", "today", "--format", "json").out)
    (incident,) = tree["incidents"]
    assert incident["started"] < incident["declared"]
    return thing, incident["started"]


def since(folder: Path) -> str:
    (row,) = json.loads(heartbeat(folder, "status", "--format", "json").out)
    return str(row["since"])


def test_one_since_everywhere(tmp_path: Path) -> None:
    thing, started = fault(tmp_path)
    assert since(tmp_path) == started
    heartbeat(tmp_path, "dashboard", "-o", "page.html")
    page = (tmp_path / "page.html").read_text()
    found = re.findall(r'data-head="Since"><time datetime="([^"]+)"|<dt>Since</dt><dd><time datetime="([^"]+)"', page)
    assert [one for pair in found for one in pair if one] == [started, started]
    (local,) = set(re.findall(r"<dt>Since</dt><dd><time datetime=[^>]+ title=\"[\d-]+ (\d\d:\d\d:\d\d)\"", page))
    assert f"since {local[:5]}" in heartbeat(tmp_path, "report", "--date", "today").out
    assert local[:5] in (tmp_path / "messages").read_text()
    assert re.search(rf"it is broken; since \d\d-\d\d {local[:5]}", heartbeat(tmp_path, "status").out)
    assert local in heartbeat(tmp_path, "ack").out
    thing.heals()
    thing.run()
    assert since(tmp_path) > started


@pytest.mark.parametrize("states", [("fault", "recovering", "fault")])
def test_it_stays_while_a_fault_comes_to_its_end(tmp_path: Path, states: tuple[str, ...]) -> None:
    thing, started = fault(tmp_path)
    thing.config.write_text(thing.config.read_text().replace("recovery_threshold = 1", "recovery_threshold = 9"))
    thing.heals()
    thing.run()
    (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert (row["state"], row["since"]) == (states[1], started)


def test_a_suspect_is_one_since_its_first_failing_check(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    before = since(tmp_path)
    thing.breaks()
    thing.run()
    first = since(tmp_path)
    thing.run()
    assert before < first == since(tmp_path)


def test_the_report_says_a_fault_once(tmp_path: Path) -> None:
    """First who is needed for what, in a line each; then what was seen and what was done."""
    fault(tmp_path)
    for form in ("text", "markdown", "html"):
        said = heartbeat(tmp_path, "report", "--date", "today", "--format", form).out
        assert said.count("it is broken") == 1, form
    (need,) = json.loads(heartbeat(tmp_path, "report", "--date", "today", "--format", "json").out)["needs_person"]
    assert need["why"] == ["it is broken"]
