"""The real machine under real and absurd limits; levels that this machine does not have are made up."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.monitors import _full_disks, _host_disks, host
from heartbeat_cli.system import deleted_files, folder_sizes, mounts
from heartbeat_cli.system.procfs import Snapshot
from heartbeat_cli.system.rates import Rates
from tests.parts import lacking
from tests.parts.filesystems import disk as disk
from tests.parts.filesystems import fill, hanging_mount

CALM = Snapshot("b", 1e5, 4, (0, 0), (1, 1, 1), 16e9, 8e9, 4e9, 4e9, {}, {})
IDLE = Rates(5.0, 0.0, 0.0, 0.0, 0.0, 0.0)
OFF = host.Settings(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, False)


def probe(settings: host.Settings, memory: dict[str, object] | None = None) -> Reading:
    return host.probe(settings, CheckContext("host", 5.0, time.time(), memory or {}))


def values(reading: Reading) -> dict[str, float]:
    return {metric.name: metric.value for metric in reading.metrics}


def texts(settings: host.Settings, now: Snapshot, since: Rates | None = IDLE) -> list[tuple[bool, str]]:
    return [finding[:2] for finding in host.judge(settings, now, since)]


def test_the_first_check_has_levels_and_no_rates() -> None:
    reading = probe(OFF)
    assert (reading.status, reading.error, reading.evidence) == ("healthy", None, {})
    found = values(reading)
    assert found["uptime_seconds"] > 0
    assert 0 < found["memory_used_percent"] < 100
    assert {"load1", "load5", "load15", "memory_available_bytes"} <= set(found)
    assert not {"cpu_percent", "disk_read_bytes_per_second"} & set(found)
    root = [metric for metric in reading.metrics if metric.metadata.get("mount") == "/"]
    assert {metric.name for metric in root} >= {"disk_used_percent", "disk_free_bytes"}


@pytest.mark.whole
def test_the_second_check_has_rates_from_what_the_first_left() -> None:
    memory = json.loads(json.dumps(probe(OFF).memory))
    end = time.monotonic() + 1.1
    while time.monotonic() < end:
        time.sleep(0.1)
    again = probe(OFF, memory)
    found = values(again)
    assert 0 <= found["cpu_percent"] <= 100
    names = ("network_receive", "network_transmit", "disk_read", "disk_write")
    assert all(found[f"{name}_bytes_per_second"] >= 0 for name in names)
    just_before = {**again.memory, "uptime": again.memory["uptime"] - 0.2}
    at_once = probe(OFF, just_before)
    assert "cpu_percent" not in values(at_once)
    assert at_once.memory == just_before


@pytest.mark.parametrize("memory", [{"boot": []}, {"uptime": None}, {"cpu": "x", "network": 3}])
def test_garbage_in_memory_is_a_first_check(memory: dict[str, object]) -> None:
    assert "cpu_percent" not in values(probe(OFF, memory))


def test_a_calm_machine_is_well() -> None:
    assert texts(host.Settings(), CALM) == []
    assert texts(host.Settings(), CALM, None) == []


def test_a_busy_cpu_degrades_and_only_fails_when_asked_to() -> None:
    busy = IDLE._replace(cpu_percent=95.0)
    assert texts(host.Settings(), CALM, busy) == [(False, "CPU 95 % busy (limit 90 %)")]
    assert texts(host.Settings(cpu_critical=94), CALM, busy) == [(True, "CPU 95 % busy (limit 94 %)")]
    assert texts(host.Settings(cpu_warn=None), CALM, busy) == []
    assert texts(host.Settings(cpu_warn=0), CALM, busy) == []


def test_load_is_per_cpu() -> None:
    assert texts(host.Settings(), CALM._replace(load=(99, 7.9, 1))) == []
    assert texts(host.Settings(), CALM._replace(load=(0, 12.3, 1))) == [
        (False, "load 12.3 on 4 CPUs, 3.1 each (limit 2)")
    ]


HALF = CALM._replace(load=(0, 200, 0), memory_available=8e9, swap_free=2e9)  # everything stands at 50


@pytest.mark.parametrize(
    ("name", "about"),
    [("cpu", "cpu"), ("load", "cpu"), ("memory", "memory"), ("swap", "swap"), ("disk", "space"), ("inodes", "inodes")],
)
@pytest.mark.parametrize(
    ("warn", "critical", "verdict"),
    [
        (50, None, "degraded"), (51, None, None), (0, 50, "unhealthy"), (0, 51, None), (40, 60, "degraded"),
        (40, 50, "unhealthy"), (None, None, None), (0, 0, None),
    ],
)  # fmt: skip
def test_every_limit_begins_where_it_is_set(
    name: str, about: str, warn: float | None, critical: float | None, verdict: str | None
) -> None:
    """A load at `load_critical` that only warns, or warns nobody of which process it is, is found out in the outage."""
    settings = OFF._replace(**{f"{name}_warn": warn, f"{name}_critical": critical})
    found = host.judge(settings, HALF, IDLE._replace(cpu_percent=50.0))
    found += _host_disks._judge_disk(settings, "/", mounts.Usage(50.0, 1e9, 50.0))
    assert [(host._status([one]), one.about) for one in found] == ([] if verdict is None else [(verdict, about)])


def test_each_figure_is_kept_under_its_own_name() -> None:
    """Who looks back at a night's load of a minute must not be shown that of a quarter of an hour."""
    now = CALM._replace(uptime=7.0, load=(1.25, 5.5, 15.75), memory_available=4e9, swap_free=3e9)
    since = Rates(cpu_percent=1.0, received=2.0, transmitted=3.0, read=4.0, written=5.0, oom_kills=6.0)
    assert {one.name: one.value for one in host._metrics(now, since)} == {
        **{"load1": 1.25, "load5": 5.5, "load15": 15.75, "uptime_seconds": 7.0},
        **{"memory_used_percent": 75.0, "memory_available_bytes": 4e9, "swap_used_percent": 25.0},
        **{"cpu_percent": 1.0, "network_receive_bytes_per_second": 2.0, "network_transmit_bytes_per_second": 3.0},
        **{"disk_read_bytes_per_second": 4.0, "disk_write_bytes_per_second": 5.0},
    }
    assert "swap_used_percent" not in {one.name for one in host._metrics(now._replace(swap_total=0), None)}


@pytest.mark.parametrize(("inodes", "more"), [(12.0, {"inodes_used_percent": 12.0}), (None, {})])
def test_a_file_system_without_inodes_has_no_figure_of_them(inodes: float | None, more: dict[str, float]) -> None:
    found = _host_disks._disk_metrics("/", mounts.Usage(96.4, 1.2e9, inodes))
    assert {one.name: one.value for one in found} == {"disk_used_percent": 96.4, "disk_free_bytes": 1.2e9} | more


def test_memory_counts_what_is_available() -> None:
    low = CALM._replace(memory_available=1e9)
    assert texts(host.Settings(), low) == [(False, "memory 94 % used (limit 90 %), 1.0 GB available")]
    none = CALM._replace(memory_available=0.16e9)
    assert texts(host.Settings(), none) == [(True, "memory 99 % used (limit 97 %), 160.0 MB available")]


def test_swap_and_killed_processes() -> None:
    assert texts(host.Settings(), CALM._replace(swap_free=0.4e9)) == [(False, "swap 90 % used (limit 80 %)")]
    assert texts(host.Settings(), CALM._replace(swap_total=0, swap_free=0)) == []
    killed = IDLE._replace(oom_kills=2.0)
    assert texts(host.Settings(), CALM, killed) == [(False, "the kernel killed 2 process(es) for want of memory")]
    assert texts(host.Settings(oom_warn=False), CALM, killed) == []


def test_a_full_disk_names_mount_limit_and_room() -> None:
    usage = mounts.Usage(96.4, 1.2e9, 12.0)
    assert _host_disks._judge_disk(host.Settings(), "/", usage) == [
        (True, "disk / 96 % full (limit 95 %), 1.2 GB free", "space")
    ]
    assert _host_disks._judge_disk(host.Settings(), "/", mounts.Usage(90.0, 1.2e9, 99.0)) == [
        (False, "disk / 90 % full (limit 85 %), 1.2 GB free", "space"),
        (True, "disk / 99 % of inodes used (limit 95 %)", "inodes"),
    ]
    assert _host_disks._judge_disk(host.Settings(), "/", mounts.Usage(10.0, 1.2e9, None)) == []


@pytest.mark.whole
def test_the_real_root_over_an_absurd_limit() -> None:
    used = values(probe(OFF._replace(mounts=("/",))))["disk_used_percent"]
    limit = max(0.001, used / 2)
    warned = probe(OFF._replace(disk_warn=limit, mounts=("/",)))
    failed = probe(OFF._replace(disk_critical=limit, mounts=("/",)))
    assert (warned.status, failed.status) == ("degraded", "unhealthy")
    assert (failed.error or "").startswith(f"disk / {used:.0f} % full (limit ")


def test_the_worst_comes_first_and_processes_are_evidence() -> None:
    reading = probe(OFF._replace(memory_warn=0.001, load_warn=0.0, mounts=("/", "/no/such")))
    assert reading.status == "unhealthy"
    assert (reading.error or "").startswith("/no/such is not mounted; memory ")
    assert list(reading.evidence) == ["biggest processes by memory"]
    assert "(pid " in reading.evidence["biggest processes by memory"]


def test_mounts_are_those_asked_for_or_those_not_ignored() -> None:
    def watched(settings: host.Settings) -> set[str]:
        return {m.metadata["mount"] for m in probe(settings).metrics if m.name == "disk_used_percent"}

    assert "/" in watched(OFF)
    assert watched(OFF._replace(ignore_mounts=("/*",))) == set()
    assert watched(OFF._replace(mounts=("/", "/dev/shm/"))) == {"/", "/dev/shm"}


def test_a_disk_that_may_not_be_entered_is_no_outage_and_one_that_is_gone_is(tmp_path: Path) -> None:
    """What only root may see, as a user's encrypted folder, can still be well: nobody is to be woken for it."""
    if os.geteuid() != 0:
        lacking("root, to become somebody who may not enter a folder")

    def found(name: str) -> list[tuple[bool, str]]:
        table = [mounts.Mount(str(tmp_path / name), "ext4", "a disk")]
        return [
            (one.critical, one.text.rpartition(": ")[2]) for one in _host_disks.judge(host.Settings(), table, 9e9)[1]
        ]

    assert found("gone") == [(True, "no such file or directory")]
    os.seteuid(65_534)
    try:
        assert found("shut") == [(False, "permission denied")]
    finally:
        os.seteuid(0)


@pytest.mark.whole
def test_a_network_mount_that_hangs_is_a_finding_within_the_deadline() -> None:
    """A file system in user space whose server never answers, mounted for real."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        lacking("root and /dev/fuse, to mount a file system that hangs")
    with hanging_mount() as point:
        started = time.monotonic()
        reading = host.probe(OFF._replace(mounts=(point,)), CheckContext("host", 2.0, time.time()))
        assert time.monotonic() - started < 2 + 5
        assert (reading.status, reading.error) == ("unhealthy", f"disk {point} does not answer")
        assert point not in {metric.metadata.get("mount") for metric in probe(OFF).metrics}


SPACE, INODES = "largest folders and files", "folders with the most files"
DELETED = "deleted files that are still open"
NOW = 1_800_000_000.0


def full(disk: Path, memory: dict[str, object] | None = None, now: float = NOW, **limits: float) -> Reading:
    settings = OFF._replace(mounts=(str(disk),), **(limits or {"disk_warn": 20.0}))
    reading = host.probe(settings, CheckContext("host", 9.0, now, memory or {}))
    return reading._replace(memory=json.loads(json.dumps(reading.memory)))


def test_a_full_filesystem_names_its_largest_folders_and_how_much_was_seen(disk: Path) -> None:
    """Of 64 MiB; the log is deleted and goes on growing, as a log does whose writer was not told."""
    fill(disk / "home/ann/model.gguf", 10_000_000)
    for number in range(30):
        fill(disk / f"home/ann/cache/{number}", 100_000)
    fill(disk / "spool/letter", 1_000)
    fill(disk / "app.log", 20_000_000)
    with (disk / "app.log").open():
        (disk / "app.log").unlink()
        reading = full(disk)
    assert reading.status == "degraded" and list(reading.evidence) == [SPACE, DELETED]
    assert reading.evidence[SPACE].splitlines() == [
        f"10.0 MB {disk}/home/ann/model.gguf",
        f"3.1 MB {disk}/home/ann/cache/",
        f"searched 13.1 MB of 33.1 MB used on {disk}",
    ]
    held = f"20.0 MB {disk}/app.log, held open by {Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
    assert reading.evidence[DELETED] == held


def test_the_evidence_of_what_is_worst_comes_first(disk: Path) -> None:
    """Of several alerts in one message each shows two pieces."""
    fill(disk / "old", 20_000_000)
    worse = full(disk, disk_critical=20.0, memory_warn=0.001)
    assert list(worse.evidence) == [SPACE, "biggest processes by memory"]
    better = full(disk, disk_warn=20.0, memory_critical=0.001)
    assert list(better.evidence) == ["biggest processes by memory", SPACE]


def test_many_small_files_are_named_by_their_number(disk: Path) -> None:
    for number in range(100):
        fill(disk / f"spool/in/{number}", 1)
    for number in range(30):
        fill(disk / f"spool/{number}", 1)
    reading = full(disk, inodes_critical=0.0001)
    assert reading.status == "unhealthy" and list(reading.evidence) == [INODES]
    assert reading.evidence[INODES].splitlines() == [
        f"101 {disk}/spool/in/",
        f"31 the rest of {disk}/spool/",
        f"searched 132 of 133 files on {disk}",
    ]


def test_a_walk_is_remembered_for_an_hour_or_until_the_disk_is_fuller(disk: Path) -> None:
    fill(disk / "old", 20_000_000)
    first = full(disk)
    fill(disk / "new", 1_200_000)  # 1.8 percent of the disk
    again = full(disk, dict(first.memory), NOW + 600)
    assert again.evidence[SPACE] == first.evidence[SPACE] + "\nas of 10 min ago"
    assert again.memory["full"] == first.memory["full"]
    for later, now in ((again, NOW + 3600), (again, NOW - 1)):
        assert "/new\n" in full(disk, dict(later.memory), now).evidence[SPACE]
    fill(disk / "newer", 1_200_000)
    fuller = full(disk, dict(again.memory), NOW + 700)
    assert "/newer\n" in fuller.evidence[SPACE] and fuller.memory["full"][str(disk)]["at"] == NOW + 700
    also = full(disk, dict(fuller.memory), NOW + 800, disk_warn=20.0, inodes_warn=0.0001)
    assert INODES in also.evidence, "it is short of something else now"
    (disk / "old").unlink()
    calm = full(disk, {**fuller.memory, "uptime": fuller.memory["uptime"] - 10}, NOW + 900)
    assert (calm.status, calm.evidence, "full" in calm.memory) == ("healthy", {}, False)


@pytest.mark.parametrize("known", [3, [], {"at": NOW}, {"at": "x", "percents": [1, 2]}, {"percents": [99, 99]}])
def test_a_remembered_walk_that_is_garbage_is_made_anew(disk: Path, known: object) -> None:
    fill(disk / "old", 20_000_000)
    if isinstance(known, dict):
        known = {"space": "what was never seen", "percents": [99], **known}
    assert f"{disk}/old" in full(disk, {"full": {str(disk): known}}).evidence[SPACE]
    assert f"{disk}/old" in full(disk, {"full": known}).evidence[SPACE]


def test_a_disk_that_hangs_under_the_walk_costs_its_time_once() -> None:
    """It answered before, and what it holds does not come: the finding stands without evidence."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        lacking("root and /dev/fuse, to mount a file system that hangs")
    with hanging_mount() as point:
        one = _full_disks.Full(
            mounts.Mount(point, "ext4", "9:9"), point, mounts.Usage(99.0, 1.0, 5.0), frozenset({"space"})
        )
        pieces, kept = _full_disks.evidence([one], [one.mount], None, NOW, time.monotonic() + 0.2)
        assert pieces == {} and kept[point]["space"] == ""
        assert _full_disks.evidence([one], [one.mount], kept, NOW + 60, 0.0)[1] == kept


def test_who_may_not_read_every_folder_is_told_so() -> None:
    nodes = folder_sizes.Nodes("/d/")
    nodes.add("a/", 0, 0)
    seen = folder_sizes.Seen(nodes, [10, 40], [1, 1], 100, 9, 2, "/d/shut/", False)
    one = _full_disks.Full(mounts.Mount("/d", "ext4", "9:9"), "/d", mounts.Usage(99.0, 1.0, 5.0), frozenset({"space"}))
    nothing = deleted_files.Found([], 7)
    assert _full_disks._space_note(one, seen, 2.0, nothing) == (
        "searched 50 B of 100 B used on /d; the search was ended after 2 s; "
        "2 folders could not be read, the first of them /d/shut/"
    )
    assert _full_disks._space_note(one, seen._replace(complete=True, unread=0), 2.0, nothing) == (
        "searched 50 B of 100 B used on /d; deleted files that other users' processes hold open cannot be seen"
    )


def test_swap_that_is_short_names_who_is_swapped_out() -> None:
    swapped = host.judge(host.Settings(), CALM._replace(swap_free=0.4e9), IDLE)
    assert list(host._evidence(swapped, 1.0)) == ["biggest processes by swap"]


def test_an_ordinary_check_never_imports_psutil() -> None:
    code = (
        "import sys; from heartbeat_cli.monitors import host;"
        "from heartbeat_cli.domain.checking.result import CheckContext;"
        f"host.probe(host.Settings(*{tuple(OFF)!r}), CheckContext('h', 5, 0)); print('psutil' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "False\n"


def test_problems() -> None:
    assert host.problems(host.Settings()) == []
    wrong = host.Settings(cpu_warn=120, disk_warn=96, disk_critical=95, load_warn=150, swap_warn=-1, mounts=("srv",))
    assert [key for key, _ in host.problems(wrong)] == ["cpu_warn", "swap_warn", "disk_warn", "mounts"]
    assert host.problems(host.Settings(load_warn=-1, swap_warn=101)) == [
        ("load_warn", "expected 0 (off) or more, got -1"),
        ("swap_warn", "expected 0 (off) to 100 percent, got 101"),
    ]
    assert host.problems(host.Settings(cpu_warn=0, disk_warn=95, disk_critical=95, memory_critical=100)) == []
