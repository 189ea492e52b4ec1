"""Finds what rotation has made of the files of a log since the last check: renamed, copied, compressed, or several
times over."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from heartbeat_cli.domain.kinds.log_place import Place, rotated, unread
from heartbeat_cli.monitors._log_content import Content, has, opened
from heartbeat_cli.system.foreign_file import Spot

_MOST_NAMES = 10_000  # in the folder
_MOST_FILES = 30  # rotated ones that are read
_UNREADABLE = (".xz", ".bz2", ".zst")


class Found(NamedTuple):
    """A file to read, where to go on in it, and the name that it has now."""

    place: Place
    content: Content
    name: str


class _File(NamedTuple):
    spot: Spot
    name: str
    inode: int


class Search:
    """The files to which rotation may have given other names, in the folders of `spots`, of which the first is that of
    the log; its `names` are read anyway. `at` is the time of the last check, `now` of this one (epoch seconds). Each
    content that is opened is handed to `keep`, which closes it. `lost` are names of files that would have to be read
    and cannot be, `unfound` places without a file."""

    def __init__(
        self,
        spots: Sequence[Spot],
        names: set[str],
        at: float,
        now: float,
        deadline: float,
        keep: Callable[[Content], None],
    ) -> None:
        self._spots, self._at, self._now, self._deadline, self._keep = spots, at, now, deadline, keep
        self._files = [
            _File(spot, name, inode)
            for spot in spots
            for name, inode in spot.entries(_MOST_NAMES).items()
            if spot is not spots[0] or name not in names
        ]
        self.lost: list[str] = []
        self.unfound: list[Place] = []

    def old(self, base: str, gone: list[Place]) -> list[Found]:
        """The files that the places of the name `base` lie in now, and those that were made and rotated since the last
        check, oldest first."""
        order = self._rotated(base)
        found: dict[_File, Found] = {}
        newest = -1
        for place in gone:
            one = self._moved(place, order)
            if one is None:
                self.unfound.append(place)
                continue
            file, found[file] = one
            # An empty one may have been filled and copied.
            if file in order and place.left is None and place.mark > 0:
                newest = max(newest, order.index(file))
        is_current = any(place.left is None for place in gone)
        # An empty one that is filled and compressed cannot be known again, and another file may have its inode.
        is_empty = any(place.mark == 0 and place.left is not None for place in gone)
        unseen = [file for number, file in enumerate(order) if number > newest >= 0] if is_current else []
        if is_empty or (is_current and newest < 0):
            unseen += [file for file in order if file not in unseen and self._is_new(file)]
        self._add_new(base, [file for file in unseen if file not in found], found)
        return [found[file] for file in sorted(found, key=lambda file: order.index(file) if file in order else -1)]

    def unreadable(self, base: str) -> str:
        """The name of the newest rotated file where it is compressed so that it cannot be read, else nothing."""
        order = self._rotated(base)
        return order[-1].name if order and order[-1].name.endswith(_UNREADABLE) else ""

    def has_rotated(self, base: str) -> bool:
        """Whether a rotated file has been made or renamed since the last check, as far as the clock tells."""
        return self._at > self._now or any(self._time(file, changed=True) > self._at for file in self._rotated(base))

    def _rotated(self, base: str) -> list[_File]:
        """The rotated files, oldest first. Those in another folder are older than those beside the log, and the newest
        of them has its name."""
        order: list[_File] = []
        for spot in reversed(self._spots):
            names = {file.name: file for file in self._files if file.spot is spot}
            order += [names[name] for name in [*rotated(base, list(names)), base] if name in names]
        return order[-_MOST_FILES:]

    def _moved(self, place: Place, order: list[_File]) -> tuple[_File, Found] | None:
        """Where the file of a place is now: renamed, or else copied or compressed."""
        moved = place._replace(left=self._now if place.left is None else min(place.left, self._now))
        for file in self._files:
            # In the folder of the log it may have any name.
            named = file.spot is self._spots[0] or file in order
            if file.inode == place.inode and named and (content := self._holding(file, place)):
                return file, Found(moved._replace(folder=file.spot.shown), content, file.name)
        # Compression keeps the time of a file, and a clock that was set back makes it mean nothing.
        anyway = is_unread(place) or self._at > self._now
        for file in reversed(order) if place.mark > 0 else ():
            if (anyway or self._is_new(file)) and (content := self._holding(file, place)):
                return file, Found(moved._replace(inode=content.inode, folder=file.spot.shown), content, file.name)
        return None

    def _add_new(self, base: str, files: list[_File], found: dict[_File, Found]) -> None:
        for file in files:
            content = self._open(file)
            if content is not None:
                place = unread(base, content.inode, self._now)._replace(folder=file.spot.shown)
                found[file] = Found(place, content, file.name)
            elif file.name not in self.lost:
                self.lost.append(file.name)

    def _holding(self, file: _File, place: Place) -> Content | None:
        """The content of a file in which the place is one."""
        content = self._open(file)
        with suppress(OSError):
            if content is not None and has(content, place):
                return content
        return None

    def _is_new(self, file: _File) -> bool:
        """Whether it has been written since the last check."""
        return self._time(file) > self._at

    def _time(self, file: _File, *, changed: bool = False) -> float:
        with suppress(OSError):
            found = os.stat(file.name, dir_fd=file.spot.folder, follow_symlinks=False)
            return found.st_ctime if changed else found.st_mtime
        return 0.0

    def _open(self, file: _File) -> Content | None:
        if file.name.endswith(_UNREADABLE):
            return None
        try:
            content = opened(file.spot.open(file.name), file.name, self._deadline)
        except OSError:
            return None
        self._keep(content)
        return content


def is_unread(place: Place) -> bool:
    """Whether there were bytes behind the place, also those of a line without its end."""
    return place.offset < place.mark
