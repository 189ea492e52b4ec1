"""Whose the unit files are, and what they are called: real files in a folder of our own; no systemd is asked."""

from pathlib import Path

import pytest

from heartbeat_cli.domain.kinds import timer_units
from heartbeat_cli.domain.kinds.crontab import Job
from heartbeat_cli.domain.kinds.timer_units import NO_FILE, Units
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import units
from heartbeat_cli.system.units import Manager

FIRST, SECOND = "/etc/heartbeat/heartbeat.toml", "/etc/heartbeat/blue team.toml"


@pytest.fixture
def where(tmp_path: Path) -> Manager:
    for name in ("own", "packages"):
        (tmp_path / name).mkdir()
    return Manager(False, tmp_path / "own", [str(tmp_path / "packages")], ["/bin/false"])


def write(where: Manager, name: str, source: str) -> None:
    made = Units(name, source, Job(["/usr/bin/heartbeat"]), 30, 170.0, Needs(), "/state", "root", True)
    where.path(name, "service").write_text(timer_units.service(made))
    where.path(name, "timer").write_text(timer_units.timer(made))


def test_the_first_configuration_has_the_plain_name_and_the_next_its_own(where: Manager) -> None:
    assert units.name_for(where, FIRST) == "heartbeat"
    write(where, "heartbeat", FIRST)
    assert units.installed(where, FIRST) == units.name_for(where, FIRST) == "heartbeat"
    second = units.name_for(where, SECOND)
    assert second.startswith("heartbeat-blue_team-")
    assert units.installed(where, SECOND) is None
    write(where, second, SECOND)
    where.path("heartbeat", "timer").unlink()
    where.path("heartbeat", "service").unlink()
    assert units.installed(where, SECOND) == units.name_for(where, SECOND) == second


def test_units_without_a_file_start_the_one_that_is_written_later(where: Manager) -> None:
    """They use the configuration that is found: units of its own besides would start it twice."""
    write(where, "heartbeat", NO_FILE)
    assert units.name_for(where, FIRST) == units.installed(where, FIRST) == "heartbeat"


@pytest.mark.parametrize("kind", units.KINDS)
def test_what_others_have_made_is_refused(where: Manager, kind: str) -> None:
    path = where.path("heartbeat", kind)
    path.write_text("[Unit]\nDescription=my own\n")
    with pytest.raises(HeartbeatError, match=f"{path} was not made by"):
        units.name_for(where, FIRST)
    path.unlink()
    path.symlink_to("/dev/null")  # masked
    with pytest.raises(HeartbeatError, match="was not made by"):
        units.name_for(where, FIRST)


def test_a_unit_of_a_package_is_not_hidden_by_ours(where: Manager) -> None:
    Path(where.others[0], "heartbeat.service").write_text("[Service]\nExecStart=/usr/sbin/heartbeat\n")
    with pytest.raises(HeartbeatError, match=r"packages/heartbeat\.service was not made by"):
        units.name_for(where, FIRST)


def test_nothing_is_written_where_systemd_does_not_answer(where: Manager) -> None:
    with pytest.raises(HeartbeatError, match="systemctl show"):
        units.install(where, "heartbeat", ("a", "b"))
    assert list(where.folder.iterdir()) == []
    assert units.version(where) is None
