"""`heartbeat maintenance`: neither messages nor recovery for a while."""

import re
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat


def healed_by_touch(folder: Path) -> Outage:
    """A thing whose recovery leaves a mark and mends it."""
    (folder / "mend").write_text(f"#!/bin/sh\ntouch {folder}/mended; rm -f {folder}/broken\n")
    (folder / "mend").chmod(0o755)
    return Outage(folder, recovery=f'{{ ladder = [{{ action = "command", command = ["{folder}/mend"] }}] }}')


def test_nothing_is_restarted_and_nobody_told(tmp_path: Path) -> None:
    thing = healed_by_touch(tmp_path)
    begun = heartbeat(tmp_path, "maintenance", "thing", "--reason", "new disk")
    assert begun.code == 0
    assert thing.down() == (0, "", "")
    assert not (tmp_path / "mended").exists()
    assert heartbeat(tmp_path, "recover").out == "thing: held: maintenance (new disk)\n"
    assert heartbeat(tmp_path, "maintenance", "--end", begun.out.split()[0]).code == 0
    thing.run()
    assert (tmp_path / "mended").exists()


def test_without_it_the_same_thing_is_mended(tmp_path: Path) -> None:
    thing = healed_by_touch(tmp_path)
    thing.down()
    assert (tmp_path / "mended").exists()


def test_looking_goes_on(tmp_path: Path) -> None:
    thing = healed_by_touch(tmp_path)
    heartbeat(tmp_path, "maintenance", "*")
    thing.down()
    assert heartbeat(tmp_path, "status", "--format", "nagios").out.startswith(
        "HEARTBEAT CRITICAL - thing: it is broken"
    )


def test_a_person_may_still_recover_it(tmp_path: Path) -> None:
    thing = healed_by_touch(tmp_path)
    heartbeat(tmp_path, "maintenance", "thing")
    thing.down()
    ended = heartbeat(tmp_path, "recover", "--component", "thing", "--force")
    assert ended.code == 0
    assert (tmp_path / "mended").exists()


PLANNED = """[heartbeat]
timezone = "UTC"
[maintenance.moving]
from = 2020-01-01
until = 2099-01-01
reason = "moving house"
[maintenance.weekly]
cron = "30 2 1 1 *"
duration = "2h"
components = ["thing", "command"]
[maintenance.over]
until = 2020-01-01
"""


def test_what_the_configuration_plans_is_listed_shown_and_kept(tmp_path: Path) -> None:
    thing = Outage(tmp_path, also=PLANNED)
    listed = heartbeat(tmp_path, "maintenance").out.splitlines()
    assert listed[0] == "moving  *  until 2099-01-01 00:00:00  moving house (configuration)"
    assert re.fullmatch(
        r"weekly  thing, command  from 20\d\d-01-01 02:30:00 until 20\d\d-01-01 04:30:00"
        r"  planned maintenance \(configuration\)",
        listed[1],
    )
    assert len(listed) == 2, "what is over for good is not planned any more"
    assert thing.down() == (0, "", "")
    shown = heartbeat(tmp_path, "status")
    assert "heartbeat: maintenance moving of * until 2099-01-01 00:00:00: moving house\n" in shown.err


def test_what_the_configuration_plans_is_ended_there(tmp_path: Path) -> None:
    Outage(tmp_path, also=PLANNED)
    ended = heartbeat(tmp_path, "maintenance", "--end", "moving")
    assert ended.code == 2
    assert ended.err == "heartbeat: moving is planned in heartbeat.toml: change [maintenance.moving] there\n"
