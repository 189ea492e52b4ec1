"""What fills a filesystem: a walk over its folders that is bounded in time, entries and depth.

It stays on one filesystem, follows no link, and asks nothing of a mount point: a mount whose server is gone would hang
it. A disk can hang, too, so a caller runs it in a thread (`in_threads`). Folders are read level by level, so that a
walk that is cut off has seen all of the upper ones.
"""

import os
import stat
import time
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

_ENTRIES = 200_000
_DEEPEST = 64  # levels that are read
_NAMED = 10  # levels at which a folder is counted by itself; what lies deeper counts for the folder above
_FILE_SHARE = 0.01  # of what is used: a file as large as that is counted by itself
_AT_ONCE = 256  # entries between two readings of the clock
_BLOCK = 512  # bytes in st_blocks, whatever the filesystem (POSIX, sys/stat.h)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Node(NamedTuple):
    """A folder (its path ends with /) or a large file; `above` is the number of the folder it lies in, -1 for none."""

    path: str
    above: int


class Seen(NamedTuple):
    """What a walk saw. `sizes` (bytes on the disk) and `counts` (entries) are those of a node without its nodes below,
    which come after it. `used` and `used_entries` are what the filesystem itself says; `unread` folders could not be
    read, `first_unread` is one; `complete`: nothing else is missing."""

    nodes: list[Node]
    sizes: list[int]
    counts: list[int]
    used: int
    used_entries: int
    unread: int
    first_unread: str
    complete: bool


def walk(point: str, mounted: Collection[str], until: float, most: int = _ENTRIES) -> Seen:
    """Walk over the filesystem that is mounted at `point` until that moment (time.monotonic()), leaving out the
    `mounted` paths below it. Raises OSError where the point itself cannot be read."""
    room = os.statvfs(point)
    walker = _Walker(point, frozenset(mounted), (room.f_blocks - room.f_bfree) * room.f_frsize, until, most)
    complete = walker.run()
    used_entries = max(0, room.f_files - room.f_ffree)
    first = walker.unread[0] if walker.unread else ""
    return Seen(
        walker.nodes, walker.sizes, walker.counts, walker.used, used_entries, len(walker.unread), first, complete
    )


class _Folder(NamedTuple):
    """A folder to be read: `node` is where it counts, `inode` what it was when it was found."""

    path: str
    inode: int
    node: int
    depth: int


class _Walker:
    def __init__(self, point: str, mounted: frozenset[str], used: int, until: float, most: int) -> None:
        self._mounted, self._until, self._left = mounted - {point}, until, most
        self.used = used
        found = os.stat(point)
        self._device = found.st_dev
        self.nodes, self.sizes, self.counts = [Node(point.rstrip("/") + "/", -1)], [0], [0]
        self.unread: list[str] = []
        self._linked: set[int] = set()
        self._queue = deque([_Folder(self.nodes[0].path, found.st_ino, 0, 0)])

    def run(self) -> bool:
        """Whether everything was seen that may be read."""
        complete = True
        while self._queue:
            if time.monotonic() > self._until:
                return False
            folder = self._queue.popleft()
            try:
                if not self._read(folder):
                    return False
            except OSError:
                self.unread.append(folder.path)
            complete = complete and folder.depth < _DEEPEST
        return complete

    def _read(self, folder: _Folder) -> bool:
        """Whether there was time for all of it. Raises OSError."""
        handle = os.open(folder.path.rstrip("/") or "/", _OPEN)  # with the slash, a link would be followed
        try:
            opened = os.fstat(handle)
            if (opened.st_dev, opened.st_ino) != (self._device, folder.inode):
                return True  # another one has taken its place, perhaps by way of a link
            with os.scandir(handle) as entries:
                while part := list(islice(entries, min(_AT_ONCE, self._left))):
                    self._count(folder, iter(part))
                    self._left -= len(part)
                    if self._left <= 0 or time.monotonic() > self._until:
                        return False
        finally:
            os.close(handle)
        return True

    def _count(self, folder: _Folder, entries: "Iterator[os.DirEntry[str]]") -> None:
        for entry in entries:
            path = folder.path + entry.name
            if path in self._mounted:
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since
            if stat.S_ISDIR(found.st_mode):
                self._add_folder(folder, f"{path}/", found)
            elif found.st_nlink < 2 or found.st_ino not in self._linked:
                if found.st_nlink > 1:
                    self._linked.add(found.st_ino)
                self._add_file(folder, path, found)

    def _add_folder(self, folder: _Folder, path: str, found: os.stat_result) -> None:
        if found.st_dev != self._device:
            return
        node = self._node(path, folder.node) if folder.depth < _NAMED else folder.node
        self.sizes[node] += found.st_blocks * _BLOCK
        self.counts[node] += 1
        if folder.depth < _DEEPEST:
            self._queue.append(_Folder(path, found.st_ino, node, folder.depth + 1))

    def _add_file(self, folder: _Folder, path: str, found: os.stat_result) -> None:
        size = found.st_blocks * _BLOCK
        node = self._node(path, folder.node) if size and size >= self.used * _FILE_SHARE else folder.node
        self.sizes[node] += size
        self.counts[folder.node] += 1

    def _node(self, path: str, above: int) -> int:
        self.nodes.append(Node(path, above))
        self.sizes.append(0)
        self.counts.append(0)
        return len(self.nodes) - 1


def heaviest(nodes: list[Node], weights: list[int], share: float = 0.05, most: int = 5) -> list[tuple[str, int]]:
    """The nodes that hold at least that share of everything, the heaviest first, each as deep as it may be. A weight is
    without what another node of the list holds, so that no figure stands for the same thing twice."""
    rest, least = list(weights), max(1.0, share * sum(weights))
    found = []
    for number in range(len(nodes) - 1, -1, -1):
        node = nodes[number]
        if rest[number] >= least:
            found.append((node.path, rest[number]))
        elif node.above >= 0:
            rest[node.above] += rest[number]
    return sorted(found, key=lambda one: -one[1])[:most]
