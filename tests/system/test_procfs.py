"""Recorded text of /proc, and the real /proc of this machine held against psutil."""

import math
import sys
from pathlib import Path

import psutil
import pytest

from heartbeat_cli.system import portable, procfs
from tests.parts import lacking

STAT = """\
cpu  100 10 50 800 40 0 5 5 70 3
cpu0 50 5 25 400 20 0 3 2 35 1
cpu1 50 5 25 400 20 0 2 3 35 2
intr 384124 0 0
ctxt 852638
btime 1700000000
"""
MEMINFO = """\
MemTotal:       24684092 kB
MemFree:        24161992 kB
MemAvailable:   24245432 kB
Buffers:            6116 kB
Cached:           238272 kB
SwapTotal:       1000000 kB
SwapFree:         900000 kB
HugePages_Total:       7
"""
NET = """\
Inter-| Receive | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier
 lo: 3193 29 0 0 0 0 0 0 3193 29 0 0 0 0 0 0
 eth0:429230705 10187 0 0 0 0 0 0 603604 6916 0 0 0 0 0 0
eth0.12: 7 1 0 0 0 0 0 0 7 5 0 2 0 0 0 0
docker0: 5 1 0 0 0 0 0 0 526 5 0 2 0 0 0 0
br-1f2e3d: 5 1 0 0 0 0 0 0 526 5 0 2 0 0 0 0
veth04b968a: 9 1 0 0 0 0 0 0 1532 18 0 0 0 0 0 0
enp3s0: 1000 1 0 0 0 0 0 0 2000 18 0 0 0 0 0 0
"""
DISKS = """\
   7       0 loop0 10 0 20 0 0 0 0 0 0 0 0 0 0 0 0 0 0
   8       0 sda 100 0 1000 9621 47762 37015 2000 19611 0 7264 30013
   8       1 sda1 90 0 900 9621 47762 37015 1900 19611 0 7264 30013
 259       0 nvme0n1 10 0 10 0 0 0 20 0 0 0 0 0 0 0 0 0 0
 259       1 nvme0n1p1 10 0 10 0 0 0 20 0 0 0 0 0 0 0 0 0 0
 259       2 nvme0n10 1 0 1 0 0 0 2 0 0 0 0 0 0 0 0 0 0
 202       1 xvda1 10 0 5 0 0 0 6 0 0 0 0 0 0 0 0 0 0
 253       0 dm-0 33693 8333 2838802 9621 47762 37015 4547112 19611 0 7264 30013
 253       1 zram0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""


def test_guest_time_is_not_counted_twice_and_waiting_is_not_busy() -> None:
    assert procfs.parse_stat(STAT) == ((170, 1010), 2)


def test_memory_is_in_bytes() -> None:
    found = procfs.parse_meminfo(MEMINFO)
    assert (found["MemTotal"], found["HugePages_Total"]) == (24684092 * 1024, 7)


def test_only_real_network_devices_count() -> None:
    assert procfs.parse_network(NET) == {"eth0": (429230705, 603604), "enp3s0": (1000, 2000)}


def test_only_whole_disks_count() -> None:
    assert procfs.parse_disks(DISKS) == {
        "sda": (512000, 1024000),
        "nvme0n1": (5120, 10240),
        "nvme0n10": (512, 1024),
        "xvda1": (2560, 3072),
    }


def test_out_of_memory_kills() -> None:
    assert procfs.parse_oom_kills("pgfault 5\noom_kill 12\nx 1\n") == 12
    assert procfs.parse_oom_kills("") is None


def test_a_recorded_machine(tmp_path: Path) -> None:
    for name, text in {
        "stat": STAT, "meminfo": MEMINFO, "loadavg": "0.50 1.25 2.00 1/122 13087\n",
        "uptime": "1800.5 3000.0\n", "net/dev": NET, "sys/kernel/random/boot_id": "b-1\n",
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = procfs.take(str(tmp_path))
    assert (found.boot, found.uptime, found.cpus, found.load) == ("b-1", 1800.5, 2, (0.5, 1.25, 2.0))
    assert (found.swap_total - found.swap_free) / 1024 == 100_000
    assert (found.disks, found.oom_kills) == ({}, None)
    (tmp_path / "meminfo").unlink()
    with pytest.raises(OSError, match="meminfo"):
        procfs.take(str(tmp_path))


def test_this_machine_is_what_psutil_says_it_is() -> None:
    if sys.platform != "linux":
        lacking("a Linux, whose /proc is read")
    ours, theirs = procfs.take(), portable.take()
    assert ours.cpus == theirs.cpus == psutil.cpu_count()
    assert ours.memory_total == theirs.memory_total
    assert math.isclose(ours.memory_available, theirs.memory_available, rel_tol=0.2)
    assert ours.swap_total == theirs.swap_total
    assert abs(ours.load[0] - theirs.load[0]) < 1
    ticks = 100.0
    assert math.isclose(ours.cpu[1] / ticks, theirs.cpu[1], rel_tol=0.05)
    assert math.isclose(ours.cpu[0] / ticks, theirs.cpu[0], rel_tol=0.1, abs_tol=2)
    assert set(ours.network) <= set(theirs.network)
    assert set(ours.disks) <= set(theirs.disks)
    for name, (read, written) in ours.disks.items():
        assert theirs.disks[name][0] >= read
        assert theirs.disks[name][1] >= written


def test_the_biggest_processes_are_named_without_arguments() -> None:
    lines = portable.biggest("memory", 5).splitlines()
    assert 1 <= len(lines) <= 5
    assert all(" (pid " in line for line in lines)
    assert "MB" in lines[0] or "GB" in lines[0]
    assert len(portable.biggest("cpu", 1).splitlines()) <= 5
    assert portable.biggest("memory", -1) == ""


def test_what_is_swapped_out_of_a_process_is_read_in_the_same_way() -> None:
    """`/proc/PID/status` has lines of that form among others."""
    status = "Name:\tpython3\nUid:\t0\t0\t0\t0\nVmSwap:\t      12 kB\n"
    assert procfs.parse_meminfo(status)["VmSwap"] == 12_288
