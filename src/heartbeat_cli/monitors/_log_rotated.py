"""Finds what rotation has made of the files of a log since the last check: renamed, copied, compressed, or several
times over."""

import os
from collections.abc import Callable
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


class Search:
    """The files in the folder of `spot` to which rotation may have given other names; `names` are read anyway. `at` is
    the time of the last check, `now` of this one (epoch seconds). Each content that is opened is handed to `keep`,
    which closes it. `lost` are names of files that would have to be read and cannot be, `unfound` places without
    a file, `vanished` the names of those in which lines had not been read yet."""

    def __init__(
        self, spot: Spot, names: set[str], at: float, now: float, deadline: float, keep: Callable[[Content], None]
    ) -> None:
        self._spot, self._at, self._now, self._deadline, self._keep = spot, at, now, deadline, keep
        self._inodes = {name: inode for name, inode in spot.entries(_MOST_NAMES).items() if name not in names}
        self.lost: list[str] = []
        self.vanished: list[str] = []
        self.unfound: list[Place] = []

    def old(self, base: str, gone: list[Place]) -> list[Found]:
        """The files that the places of the name `base` lie in now, and those that were made and rotated since the last
        check, oldest first."""
        order = rotated(base, list(self._inodes))[-_MOST_FILES:]
        found: dict[str, Found] = {}
        newest = -1
        for place in gone:
            name, one = self._moved(place, order)
            if one is not None:
                found[name] = one
                if (
                    name in order and place.left is None and place.mark > 0
                ):  # an empty one may have been filled and copied
                    newest = max(newest, order.index(name))
            else:
                self._miss(place, order)
        if any(place.left is None for place in gone):
            unseen = [name for name in order[newest + 1 :] if name not in found]
            self._add_new(base, unseen if newest >= 0 else [name for name in unseen if self._is_new(name)], found)
        return [found[name] for name in sorted(found, key=lambda name: order.index(name) if name in order else -1)]

    def _moved(self, place: Place, order: list[str]) -> tuple[str, Found | None]:
        """Where the file of a place is now: renamed, or else copied or compressed."""
        moved = place._replace(left=self._now if place.left is None else min(place.left, self._now))
        for name in [name for name, inode in self._inodes.items() if inode == place.inode]:
            if content := self._holding(name, place):
                return name, Found(moved, content, name)
        # Compression keeps the time of a file, and a clock that was set back makes it mean nothing.
        anyway = _is_unread(place) or self._at > self._now
        for name in reversed(order) if place.mark > 0 else ():
            if (anyway or self._is_new(name)) and (content := self._holding(name, place)):
                return name, Found(moved._replace(inode=content.inode), content, name)
        return "", None

    def _miss(self, place: Place, order: list[str]) -> None:
        self.unfound.append(place)
        if not _is_unread(place):
            return
        if order and order[-1].endswith(_UNREADABLE):
            self.lost.append(order[-1])
        else:
            self.vanished.append(place.name)

    def _add_new(self, base: str, names: list[str], found: dict[str, Found]) -> None:
        for name in names:
            content = self._open(name)
            if content is not None:
                found[name] = Found(unread(base, content.inode, self._now), content, name)
            elif name not in self.lost:
                self.lost.append(name)

    def _holding(self, name: str, place: Place) -> Content | None:
        """The content of a file in which the place is one."""
        content = self._open(name)
        with suppress(OSError):
            if content is not None and has(content, place):
                return content
        return None

    def _is_new(self, name: str) -> bool:
        """Whether it has been written since the last check."""
        with suppress(OSError):
            return os.stat(name, dir_fd=self._spot.folder, follow_symlinks=False).st_mtime > self._at
        return False

    def _open(self, name: str) -> Content | None:
        if name.endswith(_UNREADABLE):
            return None
        try:
            content = opened(self._spot.open(name), name, self._deadline)
        except OSError:
            return None
        self._keep(content)
        return content


def _is_unread(place: Place) -> bool:
    """Whether there were bytes behind the place, also those of a line without its end."""
    return place.offset < place.mark
