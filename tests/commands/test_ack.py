"""`heartbeat ack`: somebody is on it."""

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
