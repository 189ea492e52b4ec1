"""`heartbeat maintenance`: neither messages nor recovery for a while."""

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
