"""What psutil is for: systems without `/proc`, and the biggest processes when something is wrong.

Kept apart so that an ordinary tick on Linux never imports psutil.
"""

import os
import time

import psutil

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.text import Text, stacked
from heartbeat_cli.system import proc_status
from heartbeat_cli.system.mounts import Mount
from heartbeat_cli.system.procfs import Snapshot, is_part, parse_meminfo

_BETWEEN_SECONDS = 0.2  # two samples this far apart tell who is using the CPU now


def take() -> Snapshot:
    """The same counters as `procfs.take`. The boot time moves with the clock here, so it names no boot."""
    times, memory, swap = psutil.cpu_times(), psutil.virtual_memory(), psutil.swap_memory()
    idle = times.idle + getattr(times, "iowait", 0.0)
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    network, disks = psutil.net_io_counters(pernic=True), psutil.disk_io_counters(perdisk=True) or {}
    return Snapshot(
        "",
        time.monotonic(),
        psutil.cpu_count() or 1,
        (total - idle, total),
        psutil.getloadavg(),
        float(memory.total),
        float(memory.available),
        float(swap.total),
        float(swap.free),
        {name: (float(n.bytes_recv), float(n.bytes_sent)) for name, n in network.items() if name[:2] != "lo"},
        {name: (float(d.read_bytes), float(d.write_bytes)) for name, d in disks.items() if not is_part(name, disks)},
    )


def mounts() -> list[Mount]:
    return [
        Mount(part.mountpoint, part.fstype, part.device, "/", "ro" not in part.opts.split(","))
        for part in psutil.disk_partitions(all=True)
    ]


def biggest(by: str, seconds: float, most: int = 5) -> str:
    """The biggest processes by `memory`, `swap` or `cpu`, a line each; names only, since arguments may hold secrets.

    Ends within about `seconds`, with what it has by then.
    """
    deadline = time.monotonic() + seconds
    found = []
    for process in psutil.process_iter():
        if time.monotonic() > deadline:
            break
        _size(process, by)
        found.append(process)
    if by == "cpu":
        time.sleep(max(0.0, min(_BETWEEN_SECONDS, deadline - time.monotonic())))
    sizes = sorted(((_size(process, by), process.pid, process) for process in found), reverse=True)
    return stacked(_line(process, size, by) for size, _, process in sizes[:most] if size > 0)


def _size(process: psutil.Process, by: str) -> float:
    try:
        if by == "swap":
            return _swapped(process.pid)
        return process.cpu_percent() if by == "cpu" else float(process.memory_info().rss)
    except (psutil.Error, OSError):
        return 0.0


def _swapped(pid: int) -> float:
    """Bytes of a process that are in swap, as every user may read them; 0 where the system does not tell."""
    return parse_meminfo(f"VmSwap: {' '.join(proc_status.words(f'/proc/{pid}', 'VmSwap'))}").get("VmSwap", 0.0)


def _name(process: psutil.Process) -> str:
    """As the kernel has it, cut after 15 characters. psutil completes it from the command line, which is memory of the
    process: who owns it can have a read of that wait for ever."""
    try:
        with open(f"/proc/{process.pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read(64).rstrip("\n")
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            raise
        return process.name()


def _line(process: psutil.Process, size: float, by: str) -> str:
    try:
        name = plain.one_line(_name(process), 40)
    except (psutil.Error, OSError):
        name = "(ended)"
    used = Text("{size:.0f} % of one CPU", size=size) if by == "cpu" else plain.size(size)
    return Text("{name} (pid {pid}): {used}", name=name, pid=process.pid, used=used)
