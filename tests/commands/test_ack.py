"""`heartbeat ack`: somebody is on it."""

import json
import os
import pwd
import re
from pathlib import Path

import pytest

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

ME = pwd.getpwuid(os.getuid()).pw_name
SINCE = r"thing  since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_nothing_to_acknowledge(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    assert heartbeat(tmp_path, "ack") == (0, "", "no open incident\n")
    assert heartbeat(tmp_path, "ack", "thing") == (0, "", "no open incident\n")
    thing.breaks()
    thing.run()
    assert heartbeat(tmp_path, "ack") == (0, "", "no open incident\n"), "one failing check is no incident"


@pytest.mark.parametrize("name", ["thing", "command", "t*"])
def test_to_and_fro(tmp_path: Path, name: str) -> None:
    Outage(tmp_path).down()
    ended = heartbeat(tmp_path, "ack")
    assert re.fullmatch(SINCE + "  not acknowledged  it is broken\n", ended.out)
    ended = heartbeat(tmp_path, "ack", name, LOGNAME="mei")  # $LOGNAME is no proof
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(SINCE + f"  acknowledged by {ME}  it is broken\n", ended.out)
    assert heartbeat(tmp_path, "ack").out == ended.out, "and it is remembered"
    ended = heartbeat(tmp_path, "ack", name, "--undo")
    assert re.fullmatch(SINCE + "  not acknowledged  it is broken\n", ended.out)
    assert heartbeat(tmp_path, "ack").out == ended.out


def test_an_incident_that_is_long_over_is_not_opened_again(tmp_path: Path) -> None:
    thing = Outage(tmp_path, also="[heartbeat]\nreopen_within = 0\n")
    thing.down()
    heartbeat(tmp_path, "ack", "thing")
    thing.heals()
    thing.run()
    assert heartbeat(tmp_path, "ack", "thing") == (0, "", "no open incident\n")
    ended = thing.down()
    assert "] thing reports a problem\n" in ended.err
    assert "not acknowledged" in heartbeat(tmp_path, "ack").out, "a new incident is a new one"


def test_wrong_usage(tmp_path: Path) -> None:
    Outage(tmp_path)
    line = "heartbeat: --undo wants the components whose acknowledgement is to be taken back\n"
    assert heartbeat(tmp_path, "ack", "--undo") == (2, "", line)
    assert heartbeat(tmp_path, "ack", "thng") == (2, "", "heartbeat: no component 'thng'; did you mean thing?\n")


def test_as_json_and_by_a_program(tmp_path: Path) -> None:
    """A program is named beside the user who runs it: nobody acknowledges in another one's name."""
    Outage(tmp_path).run()
    assert heartbeat(tmp_path, "ack", "--format", "json") == (0, "[]\n", "")
    Outage(tmp_path).down()
    (row,) = json.loads(heartbeat(tmp_path, "ack", "--format", "json").out)
    assert re.fullmatch(r"thing@\d+", row["incident"]) and row["since"].endswith("+00:00")
    assert (row["component"], row["kind"], row["cause"]) == ("thing", "command", "it is broken")
    assert (row["acked"], row["acked_by"], row["needs_person"]) == (None, None, False)
    ended = heartbeat(tmp_path, "ack", "thing", "--by", "chat\x1b[2J bot", "--format", "json")
    (row,) = json.loads(ended.out)
    assert (ended.code, ended.err, row["acked_by"]) == (0, "", f"chat [2J bot ({ME})")
    assert f"acknowledged by chat [2J bot ({ME})" in heartbeat(tmp_path, "ack").out
    line = "heartbeat: --by goes with the components that are acknowledged\n"
    assert heartbeat(tmp_path, "ack", "--by", "bot") == (2, "", line)
