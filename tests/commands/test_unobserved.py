"""What cannot be checked is called well nowhere: every view and exit code, with real passes of `heartbeat`."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.parts.postgres import Server
from tests.parts.verb import Ended, heartbeat

CONFIG = """
[heartbeat]
locale = "{locale}"
timezone = "UTC"
[dashboard]
file = "{folder}/page.html"
badges = "{folder}/badges"
interval = 0
[channels.log]
kind = "file"
path = "{folder}/told.log"
[components.works]
kind = "command"
command = ["/bin/true"]
interval = 0.01
[components.thing]
kind = "command"
command = ["{folder}/look"]
interval = 0.01
recovery = "off"
"""
CALLED_WELL = re.compile(
    r"All (components are healthy|work|well)|全部運作中|所有組件|一切正常|2 components watched, all healthy"
)


class Place:
    """`thing` in `folder`, whose check ends with the exit code it is told to: 0 well, 2 failing, 3 cannot be made."""

    def __init__(self, folder: Path, locale: str = "en") -> None:
        self.folder, self.script = folder, folder / "look"
        (folder / "badges").mkdir()
        (folder / "heartbeat.toml").write_text(CONFIG.format(folder=folder, locale=locale))

    def run(self, code: int, times: int = 1) -> Ended:
        self.script.write_text(f"#!/bin/sh\necho 'no answer from the daemon'; exit {code}\n")
        self.script.chmod(0o755)
        for _ in range(times):
            ended = heartbeat(self.folder, "run", "-v")
        return ended

    def said(self, *words: str) -> Ended:
        return heartbeat(self.folder, *words)

    def told(self) -> list[tuple[str, str]]:
        log = self.folder / "told.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(one["type"], one["title"]) for one in map(json.loads, lines)]

    def views(self) -> dict[str, str]:
        """Everything a person or a program may read, by name."""
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        shown = {
            form: self.said("report", "--date", day, "--format", form).out for form in ("text", "markdown", "html")
        }
        shown["report json"] = json.loads(self.said("report", "--date", day, "--format", "json").out)["verdict"]
        shown["page"] = (self.folder / "page.html").read_text()
        shown["badge of all"] = (self.folder / "badges/_all.svg").read_text()
        shown["status"] = self.said("status").out
        shown["nagios"] = self.said("status", "--format", "nagios").out
        return shown


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
def test_no_view_calls_it_well(tmp_path: Path, locale: str) -> None:
    place, word = Place(tmp_path, locale), {"en": "unobserved", "zh-HK": "無法檢查"}[locale]
    said = {"en": "thing: unobserved: 3 checks in a row could not be made", "zh-HK": "thing：無法檢查："}[locale]
    place.run(0)
    assert place.said("status").code == 0
    assert CALLED_WELL.search(place.views()["page"]), "else this test would see nothing"
    ended = place.run(3, times=3)
    assert (ended.code, said in ended.err) == (0, True)
    assert [type_ for type_, _ in place.told()] == ["command_unobserved"]

    status = place.said("status")
    assert status.code == 1
    assert re.search(rf"thing +command +{word} +", status.out), status.out
    (_, row) = json.loads(place.said("status", "--format", "json").out)
    assert (row["state"], row["unobserved"], row["status"]) == ("healthy", True, "unknown")
    assert row["unobserved_since"] is not None
    nagios = place.said("status", "--format", "nagios")
    assert (nagios.code, nagios.out) == (3, nagios.out) and nagios.out.startswith(
        "HEARTBEAT UNKNOWN - thing: no answer"
    )

    shown = place.views()
    for name, text in shown.items():
        assert not CALLED_WELL.search(text), name
    for name in ("page", "status", "badge of all"):
        assert word in shown[name], name
    badge = (tmp_path / "badges/thing.svg").read_text()
    assert word in badge and "#23804f" not in badge + shown["badge of all"], "not green"
    if locale == "en":
        assert '<h1 id="verdict">1 of 2 components cannot be checked</h1>' in shown["page"]
        assert re.search(r"Healthy now.{0,80}1 / 2", re.sub(r"<[^>]+>|\s+", " ", shown["page"]), re.S)
    metrics = place.said("metrics").out
    assert 'heartbeat_component_state{component="thing",kind="command",state="unobserved"} 1' in metrics
    assert 'heartbeat_component_state{component="thing",kind="command",state="healthy"} 0' in metrics
    assert 'heartbeat_component_unobserved{component="thing",kind="command"} 1' in metrics

    place.run(0)
    assert [type_ for type_, _ in place.told()] == ["command_unobserved", "observed_again"]
    assert place.said("status").code == 0 and word not in place.said("status").out
    page = (tmp_path / "page.html").read_text()
    assert CALLED_WELL.search(page)


def test_what_is_unknown_from_the_first_check_on_is_told_too(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run(3, times=2)
    (_, row) = json.loads(place.said("status", "--format", "json").out)
    assert (row["state"], row["unobserved"]) == ("unknown", False)
    assert "1 of 2 components not known" in place.views()["page"] and not CALLED_WELL.search(place.views()["page"])
    metrics = place.said("metrics").out
    assert 'heartbeat_component_state{component="thing",kind="command",state="unknown"} 1' in metrics
    place.run(3)
    (_, row) = json.loads(place.said("status", "--format", "json").out)
    assert (row["state"], row["unobserved"]) == ("unknown", True)
    assert place.told() == [("command_unobserved", "thing cannot be checked")]


def test_a_fault_that_cannot_be_checked_is_shown_as_both(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run(0)
    place.run(2, times=3)
    place.run(3, times=3)
    shown = place.said("status")
    assert re.search(r"thing +command +unobserved +unknown .*last known state: fault", shown.out), shown.out
    assert place.said("status", "--format", "nagios").code == 2, "it stays a fault until it is seen to end"
    page = (tmp_path / "page.html").read_text()
    assert "1 of 2 components in fault" in page and "Unobserved" in page and "last known state: fault" in page
    assert [type_ for type_, _ in place.told()] == ["command_down", "command_unobserved"]


def test_check_exits_as_before(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run(3, times=3)
    assert place.said("check", "--component", "thing").code == 1
    assert place.said("check", "--component", "thing", "--format", "nagios").code == 3


def test_maintenance_of_the_thing_itself_is_not_told(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run(0)
    assert place.said("maintenance", "thing", "--for", "60", "--reason", "upgrade").code == 0
    place.run(3, times=5)
    assert place.told() == []
    (_, row) = json.loads(place.said("status", "--format", "json").out)
    assert row["unobserved"] is False and place.said("status").code == 1, "an unknown status is not well either"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        running.execute("CREATE ROLE heartbeat LOGIN")
        yield running


@pytest.mark.postgres
def test_a_role_that_may_log_in_no_more(server: Server, tmp_path: Path) -> None:
    """`ALTER ROLE heartbeat NOLOGIN`: the role's two components are one message."""
    dsn = server.dsn(user="heartbeat")
    blocks = [f'[components.{id_}]\nkind = "database"\ndsn = "{dsn}"\ninterval = 0.01\n' for id_ in ("db", "again")]
    log = f'[channels.log]\nkind = "file"\npath = "{tmp_path}/told.log"\n'
    (tmp_path / "heartbeat.toml").write_text(log + "\n".join(blocks))
    heartbeat(tmp_path, "run")
    assert heartbeat(tmp_path, "status").code == 0
    server.execute("ALTER ROLE heartbeat NOLOGIN")
    for _ in range(8):
        heartbeat(tmp_path, "run")
    told = [json.loads(line) for line in (tmp_path / "told.log").read_text().splitlines()]
    assert [(one["type"], one["severity"], one["title"]) for one in told] == [
        ("database_unobserved", "high", "db, again cannot be checked")
    ]
    assert 'role "heartbeat" is not permitted to log in' in told[0]["text"]
    assert heartbeat(tmp_path, "status").code == 1
    assert heartbeat(tmp_path, "status", "--format", "nagios").code == 3
    server.execute("ALTER ROLE heartbeat LOGIN")
    heartbeat(tmp_path, "run")
    told = [json.loads(line) for line in (tmp_path / "told.log").read_text().splitlines()]
    assert [one["title"] for one in told[1:]] == ["db, again can be checked again"]
    assert heartbeat(tmp_path, "status").code == 0


@pytest.mark.postgres
def test_what_was_silenced_in_an_outage_of_the_store_is_no_second_message_after_it(tmp_path: Path) -> None:
    """When the outage is judged again, the silence is over; by then it was not."""
    with Server() as server:
        place = Place(tmp_path)
        path = tmp_path / "heartbeat.toml"
        head = f'[heartbeat]\nstore = "{server.dsn()}"\nstate_dir = "{tmp_path}/state"\nstore_timeout = 1\n'
        other = f'[components.other]\nkind = "command"\ncommand = ["{tmp_path}/second"]\ninterval = 0.01\nretries = 0\n'
        text = (
            path.read_text().replace("[heartbeat]\n", head, 1).replace('kind = "file"', 'kind = "file"\ndigest = false')
        )
        path.write_text(text + other)
        (tmp_path / "second").symlink_to("/bin/true")
        place.run(0)
        silenced = place.said("silence", "thing", "--for", "60")
        assert silenced.code == 0
        place.run(3)
        (tmp_path / "second").unlink()
        (tmp_path / "second").symlink_to("look")
        server.stop()
        place.run(3, times=3)
        assert place.said("silence", "--end", silenced.out.split()[0]).code == 0
        place.run(3)
        told = place.told()
        server.start()
        place.run(3, times=2)
        place.run(0)
        assert [title for type_, title in told if type_ == "command_unobserved"] == ["other cannot be checked"]
        later = [one for one in place.told()[len(told) :] if one[0] != "store_restored"]
        assert later == [("observed_again", "other can be checked again")]
