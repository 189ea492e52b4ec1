"""A host with more filesystems than fit into a message: all are judged."""

from pathlib import Path

from heartbeat_cli.monitors import _host_disks, host
from heartbeat_cli.system import mounts


def table(folder: Path, number: int, prefix: str = "m") -> list[mounts.Mount]:
    """Filesystems by these numbers, each at a folder."""
    found = []
    for n in range(number):
        point = folder / f"{prefix}{n:03}"
        point.mkdir()
        found.append(mounts.Mount(str(point), "ext4", f"8:{prefix}{n}"))
    return found


def test_one_behind_many_others_is_judged(tmp_path: Path) -> None:
    """By path it is the last one."""
    every = table(tmp_path, 200)
    (tmp_path / "m199").rmdir()  # what is wrong with it
    _, findings, full = _host_disks.judge(host.Settings(disk_warn=0, disk_critical=0), every, 9e9)
    assert [one.text for one in findings] == [f"disk {tmp_path}/m199: no such file or directory"] and full == []


def test_so_many_are_named_and_measured(tmp_path: Path) -> None:
    every = table(tmp_path, 50, "z") + table(tmp_path, 50, "a")
    metrics, findings, full = _host_disks.judge(host.Settings(disk_warn=1e-9, disk_critical=0), every, 9e9)
    assert len(full) == 100 and len(findings) == 33 and findings[-1].text == "further disks: 68"
    measured = {Path(one.metadata["mount"]).name for one in metrics}
    assert measured == {f"z{n:03}" for n in range(32)}, "those that were mounted first"


def test_what_is_counted_is_as_bad_as_the_worst_of_it() -> None:
    warned, bad = _host_disks.Finding(False, "w"), _host_disks.Finding(True, "b")
    assert [one.critical for one in _host_disks._bounded([warned] * 40 + [bad])] == [True, *[False] * 32]
    assert _host_disks._bounded([bad] * 33)[-1].critical and not _host_disks._bounded([warned] * 33)[-1].critical
