"""What a host is short of: of the lines that its check really says, only those that are over a critical limit."""

from typing import Any

import pytest

from heartbeat_cli.domain.kinds.host_limits import short_of
from heartbeat_cli.domain.text import Text, brief, joined
from heartbeat_cli.monitors import _host_disks, host
from heartbeat_cli.system import mounts, procfs

SETTINGS = host.Settings(cpu_critical=95, load_critical=4, swap_critical=90, disk_warn=95)


def said(**levels: Any) -> str:
    """What the check says of a snapshot with these levels."""
    now = procfs.take()._replace(
        memory_total=100, memory_available=100 - levels.get("memory", 0), swap_total=100, cpus=1
    )
    now = now._replace(swap_free=100 - levels.get("swap", 0), load=(0.0, levels.get("load", 0.0), 0.0))
    used = mounts.Usage(levels.get("disk", 0.0), 1_400_000_000, levels.get("inodes", 0.0))
    found = [*host.judge(SETTINGS, now, None), *_host_disks._judge_disk(SETTINGS, "/", used)]
    return joined([one.text for one in sorted(found, key=lambda one: not one.critical)])


@pytest.mark.parametrize(
    ("levels", "short"),
    [
        ({"disk": 98.0}, ["space"]),
        ({"inodes": 99.0}, ["inodes"]),
        ({"memory": 99, "disk": 98.0}, ["memory", "space"]),
        ({"memory": 91, "disk": 98.0}, ["space"]),
        ({"swap": 95, "load": 9.0}, ["cpu", "swap"]),
        ({"memory": 91}, []),
    ],
)
def test_what_is_over_a_critical_limit_is_what_it_is_short_of(levels: dict[str, Any], short: list[str]) -> None:
    assert short_of(said(**levels), SETTINGS) == short


def test_what_is_no_limit_is_not_called_short() -> None:
    gone = Text("{point} is not mounted", point="/srv/nas")
    assert short_of(joined([gone, said(disk=98.0)]), SETTINGS) == []
    assert short_of("disk / 98 % full (limit 95 %)", SETTINGS) == []


def test_a_long_sentence_is_shown_by_the_one_that_it_begins_with() -> None:
    full = said(disk=98.2)
    assert brief(full, 30) == "disk / 98 % full" and brief(full, 99) == full
    assert brief("x" * 50, 30) == "x" * 50


def test_disks_that_are_only_counted_are_short_of_the_same() -> None:
    (line,) = _host_disks._judge_disk(SETTINGS, "/", mounts.Usage(98.0, 1e9, None))
    found = _host_disks._bounded([line] * 40)
    assert [one.text for one in found[30:]] == [line.text, line.text, "further disks: 8"] and found[-1].critical
    assert short_of(joined([one.text for one in found]), SETTINGS) == ["space"]
