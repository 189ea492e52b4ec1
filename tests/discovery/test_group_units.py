"""What blocks with `match = { unit = … }` stand for, as a real systemd says it."""

from pathlib import Path

import pytest

from heartbeat_cli.config.groups import Group
from heartbeat_cli.discovery import groups
from tests.parts.systemd import SystemdBox

pytestmark = [pytest.mark.docker, pytest.mark.systemd]
SLEEP = "[Service]\nExecStart=/bin/sleep 600\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
ONESHOT = "[Service]\nType=oneshot\nExecStart=/bin/true\n"


class Watched:
    """What one pattern stands for, asked again and again."""

    def __init__(self, folder: Path, box: SystemdBox, pattern: str) -> None:
        self.folder = folder
        self.group = Group("g", "service", {"unit": pattern}, {"systemctl": list(box.prefix)})

    @property
    def names(self) -> list[str]:
        found = groups.find(self.folder / "state", [self.group])
        assert found.fresh == {"g"}, "systemd did not answer"
        return [one.removesuffix(".service") for one in found.names["g"]]


def test_a_unit_with_an_alias_is_one(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box, watched = systemd_box, Watched(tmp_path, systemd_box, "ga-*.service")
    box.write_unit("ga-real.service", f"{SLEEP}{INSTALL}Alias=ga-second.service\nAlias=gb-third.service\n")
    box.systemctl("enable", "--now", "ga-real.service")
    assert watched.names == ["ga-real"]
    box.systemctl("stop", "ga-real.service")
    assert watched.names == ["ga-real"]
    other = Watched(tmp_path / "other", box, "gb-*.service")
    assert other.names == ["ga-real"]  # found by its second name
    assert other.names == ["ga-real"]
    box.systemctl("disable", "ga-real.service")  # the aliases go with it
    assert watched.names == ["ga-real"] and other.names == []


def test_the_alias_of_what_is_neither_enabled_nor_runs_is_nothing_to_watch(
    tmp_path: Path, systemd_box: SystemdBox
) -> None:
    box = systemd_box
    box.write_unit("gs-static.service", SLEEP)
    box.shell("ln -sf gs-static.service /etc/systemd/system/gs-second.service; systemctl daemon-reload")
    watched = Watched(tmp_path, box, "gs-*.service")
    assert watched.names == []
    box.systemctl("start", "gs-static.service")
    assert watched.names == ["gs-static"]


def test_an_instance_that_is_enabled_and_does_not_run_is_there(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box, watched = systemd_box, Watched(tmp_path, systemd_box, "gi-*.service")
    box.write_unit("gi-tpl@.service", f"{SLEEP}{INSTALL}")
    assert watched.names == []
    box.systemctl("enable", "gi-tpl@2.service")
    box.try_systemctl("status", "gi-tpl@3.service")  # merely read
    assert watched.names == ["gi-tpl@2"]
    box.systemctl("disable", "gi-tpl@2.service")
    assert watched.names == ["gi-tpl@2"]  # it was seen, and has a file


def test_an_instance_that_runs_without_a_file_is_there_until_it_ends(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box, watched = systemd_box, Watched(tmp_path, systemd_box, "gr-*.service")
    box.write_unit("gr-tpl@.service", SLEEP)
    box.write_unit("gr-masked.service", SLEEP)
    box.systemctl("start", "gr-tpl@1.service", "gr-masked.service")
    assert watched.names == ["gr-masked", "gr-tpl@1"]
    box.shell("rm /etc/systemd/system/gr-*.service; ln -s /dev/null /etc/systemd/system/gr-masked.service")
    box.systemctl("daemon-reload")
    assert box.property("gr-tpl@1.service", "LoadState") == "not-found"
    assert watched.names == ["gr-masked", "gr-tpl@1"]
    box.systemctl("stop", "gr-tpl@1.service", "gr-masked.service")
    assert watched.names == []


def test_an_instance_of_a_job_is_forgotten_once_nothing_is_left_of_it(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box, watched = systemd_box, Watched(tmp_path, systemd_box, "gj-*.service")
    box.write_unit("gj-job@.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'read line </run/gj'\n")
    box.shell("rm -f /run/gj; mkfifo /run/gj")
    box.systemctl("start", "--no-block", "gj-job@1.service")
    box.wait("gj-job@1.service", "ActiveState", "activating")
    assert watched.names == ["gj-job@1"]
    box.shell("echo done >/run/gj")
    box.wait("gj-job@1.service", "ActiveState", "inactive")
    assert watched.names == []


def test_a_job_that_failed_is_there(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box, watched = systemd_box, Watched(tmp_path, systemd_box, "gf-*.service")
    box.write_unit("gf-well.service", ONESHOT)
    box.write_unit("gf-bad.service", ONESHOT.replace("true", "false"))
    box.write_unit("gf-boot.service", ONESHOT + INSTALL)
    box.systemctl("enable", "--now", "gf-boot.service")
    for name in ("gf-well.service", "gf-bad.service"):
        box.try_systemctl("start", name)
    assert watched.names == ["gf-bad", "gf-boot"]  # gf-well rested whenever it was asked for
