"""Files that are deleted and still held open by a process: they take room that no folder shows."""

import os
import time
from collections.abc import Collection

from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record

_MOST = 100_000  # open files that are examined
_DELETED = " (deleted)"  # what the kernel adds to the name (proc(5), /proc/pid/fd)
_BLOCK = 512


class Held(Record):
    """One such file: its size in bytes on the disk, its former path, and the process that holds it (one of them)."""

    size: int
    path: str
    process: str
    pid: int


class Found(Record):
    """The files, the largest first, and how many processes do not show this user what they hold."""

    files: list[Held]
    hidden: int


def find(point: str, mounted: Collection[str], until: float, proc: str = "/proc") -> Found:
    """The files on the filesystem that is mounted at `point`, as far as they are found until that moment
    (time.monotonic()). A file whose name lies below another mount is not asked for its size: that may hang. Raises
    OSError where the point cannot be read, or there is no `/proc`."""
    device, left, hidden = os.stat(point).st_dev, _MOST, 0
    files: dict[int, Held] = {}
    for name in os.listdir(proc):
        pid = whole(name)
        if pid is None:
            continue
        try:
            handles = os.listdir(f"{proc}/{pid}/fd")
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue  # ended since
        for handle in handles[:left]:
            _add(f"{proc}/{pid}", handle, point, mounted, device, files)
        left -= len(handles)
        if left <= 0 or time.monotonic() > until:
            break
    return Found(sorted(files.values(), reverse=True), hidden)


def _add(process: str, handle: str, point: str, mounted: Collection[str], device: int, files: dict[int, Held]) -> None:
    try:
        path = os.readlink(f"{process}/fd/{handle}")
        if not path.endswith(_DELETED) or not _lies_on(path, point, mounted):
            return
        found = os.stat(f"{process}/fd/{handle}")
        if found.st_dev != device or found.st_nlink or found.st_ino in files or not found.st_blocks:
            return
        with open(f"{process}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read(64).rstrip("\n")
    except OSError:
        return  # closed since
    pid = whole(process.rpartition("/")[2]) or 0
    files[found.st_ino] = Held(found.st_blocks * _BLOCK, path.removesuffix(_DELETED), name, pid)


def _lies_on(path: str, point: str, mounted: Collection[str]) -> bool:
    if not path.startswith(point.rstrip("/") + "/"):
        return False
    return not any(path.startswith(f"{one}/") for one in mounted if len(one) > len(point))
