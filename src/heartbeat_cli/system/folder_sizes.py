"""What fills a filesystem: a walk over its folders that is bounded in time, entries and depth.

It stays on one filesystem, follows no link, and asks nothing of a mount point: a mount whose server is gone would hang
it. A disk can hang, too, so a caller runs it in a thread (`in_threads`). Folders are read level by level, so that a
walk that is cut off has seen all of the upper ones.
"""

import os
import stat
import time
from array import array
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from heartbeat_cli.domain.record import Record

_ENTRIES = 200_000
_NAMES = 8_000_000  # bytes of all names that are held; folders beyond that are counted, and not read
_DEEPEST = 64  # levels that are read
_NAMED = 10  # levels at which a folder is counted by itself; what lies deeper counts for the folder above
_FILE_SHARE = 0.01  # of what is used: a file as large as that is counted by itself
_AT_ONCE = 256  # entries between two readings of the clock
_BLOCK = 512  # bytes in st_blocks, whatever the filesystem (POSIX, sys/stat.h)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOWHERE = -1


class Nodes:
    """The folders and large files of a walk by their numbers, each after the folder it lies in. Of a path only the name
    is held, as bytes: whoever may make folders could have a path of 4,096 bytes held for each."""

    def __init__(self, point: str) -> None:
        self._names, self._within, self._above = [os.fsencode(point)], array("l", [_NOWHERE]), array("l", [_NOWHERE])
        self.held = 0

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, within: int, above: int) -> int:
        """The number of a new node. `name`: that of a folder ends with /; `within`: the folder it lies in; `above`: the
        node that what it holds counts for where it is not named itself."""
        self._names.append(os.fsencode(name))
        self._within.append(within)
        self._above.append(above)
        self.held += len(self._names[-1])
        return len(self._names) - 1

    def above(self, number: int) -> int:
        """The node above, -1 for none."""
        return self._above[number]

    def path(self, number: int) -> str:
        """The path of a node; that of a folder ends with /."""
        parts = []
        while number != _NOWHERE:
            parts.append(self._names[number])
            number = self._within[number]
        return os.fsdecode(b"".join(reversed(parts)))


class Seen(Record):
    """What a walk saw. `sizes` (bytes on the disk) and `counts` (entries) are those of a node without its nodes below.
    `used` and `used_entries` are what the filesystem itself says; `unread` folders could not be read, `first_unread` is
    one; `complete`: nothing else is missing."""

    nodes: Nodes
    sizes: Sequence[int]
    counts: Sequence[int]
    used: int
    used_entries: int
    unread: int
    first_unread: str
    complete: bool


def walk(point: str, mounted: Collection[str], until: float, most: int = _ENTRIES, names: int = _NAMES) -> Seen:
    """Walk over the filesystem that is mounted at `point` until that moment (time.monotonic()), over `most` entries,
    holding so many bytes of `names`, leaving out the `mounted` paths below it. Raises OSError where the point itself
    cannot be read."""
    room = os.statvfs(point)
    used = (room.f_blocks - room.f_bfree) * room.f_frsize
    walker = _Walker(point, frozenset(mounted), used, until, most, names)
    complete = walker.run()
    used_entries = max(0, room.f_files - room.f_ffree)
    return Seen(
        walker.nodes, walker.sizes, walker.counts, used, used_entries, walker.unread, walker.first_unread, complete
    )


class _Folder(Record):
    """A folder to be read: `node` is where it counts, `inode` what it was when it was found."""

    number: int
    inode: int
    node: int
    depth: int


class _Walker:
    def __init__(
        self, point: str, mounted: frozenset[str], used: int, until: float, most: int, names: int = _NAMES
    ) -> None:
        self._mounted, self._until, self._left, self._names = mounted - {point}, until, most, names
        self._large = used * _FILE_SHARE
        found = os.stat(point)
        self._device = found.st_dev
        self.nodes, self.sizes, self.counts = Nodes(point.rstrip("/") + "/"), array("q", [0]), array("q", [0])
        self.unread, self.first_unread = 0, ""
        self._complete = True
        self._linked: set[int] = set()
        self._queue = deque([_Folder(0, found.st_ino, 0, 0)])

    def run(self) -> bool:
        """Whether everything was seen that may be read."""
        while self._queue:
            if time.monotonic() > self._until:
                return False
            folder = self._queue.popleft()
            path = self.nodes.path(folder.number)
            try:
                if not self._read(folder, path):
                    return False
            except OSError:
                self.unread += 1
                self.first_unread = self.first_unread or path
            self._complete = self._complete and folder.depth < _DEEPEST
        return self._complete

    def _read(self, folder: _Folder, path: str) -> bool:
        """Whether there was time for all of it. Raises OSError."""
        handle = os.open(path.rstrip("/") or "/", _OPEN)  # with the slash, a link would be followed
        try:
            opened = os.fstat(handle)
            if (opened.st_dev, opened.st_ino) != (self._device, folder.inode):
                return True  # another one has taken its place, perhaps by way of a link
            with os.scandir(handle) as entries:
                while part := list(islice(entries, min(_AT_ONCE, self._left))):
                    self._count(folder, path, iter(part))
                    self._left -= len(part)
                    if self._left <= 0 or time.monotonic() > self._until:
                        return False
        finally:
            os.close(handle)
        return True

    def _count(self, folder: _Folder, above: str, entries: "Iterator[os.DirEntry[str]]") -> None:
        for entry in entries:
            if above + entry.name in self._mounted:
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since
            if stat.S_ISDIR(found.st_mode):
                self._add_folder(folder, entry.name, found)
            elif found.st_nlink < 2 or found.st_ino not in self._linked:
                if found.st_nlink > 1:
                    self._linked.add(found.st_ino)
                self._add_file(folder, entry.name, found)

    def _add_folder(self, folder: _Folder, name: str, found: os.stat_result) -> None:
        if found.st_dev != self._device:
            return
        node, read = folder.node, folder.depth < _DEEPEST
        if read and self.nodes.held >= self._names:
            read = self._complete = False
        if read:
            number = self._node(f"{name}/", folder)
            node = number if folder.depth < _NAMED else node
            self._queue.append(_Folder(number, found.st_ino, node, folder.depth + 1))
        self.sizes[node] += found.st_blocks * _BLOCK
        self.counts[node] += 1

    def _add_file(self, folder: _Folder, name: str, found: os.stat_result) -> None:
        size = found.st_blocks * _BLOCK
        named = size and size >= self._large and self.nodes.held < self._names
        node = self._node(name, folder) if named else folder.node
        self.sizes[node] += size
        self.counts[folder.node] += 1

    def _node(self, name: str, folder: _Folder) -> int:
        self.sizes.append(0)
        self.counts.append(0)
        return self.nodes.add(name, folder.number, folder.node)


def heaviest(nodes: Nodes, weights: Iterable[int], share: float = 0.05, most: int = 5) -> list[tuple[str, int]]:
    """The nodes that hold at least that share of everything, the heaviest first, each as deep as it may be. A weight is
    without what another node of the list holds, so that no figure stands for the same thing twice."""
    rest = array("q", weights)
    least = max(1.0, share * sum(rest))
    found = []
    for number in range(len(nodes) - 1, -1, -1):
        if rest[number] >= least:
            found.append((number, rest[number]))
        elif nodes.above(number) != _NOWHERE:
            rest[nodes.above(number)] += rest[number]
    found = sorted(found, key=lambda one: -one[1])[:most]
    return [(nodes.path(number), weight) for number, weight in found]
