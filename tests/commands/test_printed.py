"""What the built-in console channel has printed where nobody reads it, in every view; a process of its own, whose
standard error is a pipe."""

import json
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat


def test_what_was_only_printed_is_called_so_everywhere(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.breaks()
    thing.run()
    said = heartbeat(tmp_path, "run", "-v")
    assert "to console: printed" in said.err
    assert heartbeat(tmp_path, "notify") == (0, "", ""), "it is done"
    (row,) = json.loads(heartbeat(tmp_path, "alerts", "--format", "json").out)
    (told,) = row["notifications"]
    assert (told["channel"], told["state"], told["sent"], told["error"]) == ("console", "printed", None, None)
    assert "console: printed" in heartbeat(tmp_path, "alerts").out
    (tried,) = json.loads(heartbeat(tmp_path, "alerts", row["alert_id"], "--format", "json").out)["tries"]
    assert tried["outcome"] == "printed"
    series = 'heartbeat_notifications_total{channel="console",state="printed"} 1.0'
    assert series in heartbeat(tmp_path, "metrics").out.splitlines()


def test_a_trial_that_was_only_printed_is_called_so(tmp_path: Path) -> None:
    Outage(tmp_path)
    tried = heartbeat(tmp_path, "notify", "--test", "console")
    assert (tried.code, tried.out) == (0, "console: printed (standard error is no terminal)\n")


def test_report_and_dashboard_say_first_that_no_channel_reaches_a_person(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.breaks()
    thing.run()
    thing.run()
    first = "No channel reaches a person"
    lines = heartbeat(tmp_path, "report", "--date", "today").out.splitlines()
    assert lines[1].startswith(first)
    assert any("1 only printed" in line for line in lines)
    tree = json.loads(heartbeat(tmp_path, "report", "--date", "today", "--format", "json").out)
    assert tree["reaches_person"] is False and tree["alerts"][0]["notifications"][0]["state"] == "printed"
    page = heartbeat(tmp_path, "report", "--date", "today", "--format", "html").out
    assert page.index(first) < page.index('class="verdict"')
    assert heartbeat(tmp_path, "dashboard", "-o", "page.html").code == 0
    board = (tmp_path / "page.html").read_text()
    assert 0 < board.index(first) < board.index('<h1 id="verdict">')
