"""Finds what rotation has made of the files of a log since the last check: renamed, copied, compressed, or several
times over."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from heartbeat_cli.domain.kinds.log_names import UNREADABLE, is_backup, may_be_own, shape
from heartbeat_cli.domain.kinds.log_place import WINDOW, Place, unread
from heartbeat_cli.domain.record import Record
from heartbeat_cli.monitors._log_content import Content, can_be_skipped, has, is_sure, may_be, opened
from heartbeat_cli.monitors._log_folder import File, Folders, seen
from heartbeat_cli.system.foreign_file import Spot

_MOST_FILES = 30  # rotated ones of one name that are read for the first time
_MOST_TRIED = 300  # names that a place is looked for under: its owner may give one file any number of them
_COMPARED = 1_048_576  # bytes
_T = TypeVar("_T")
_SLACK = 1.0  # seconds: some programs keep the time of what they compress in whole seconds only


class Found(Record):
    """A file to read, where to go on in it, and the name that it has now."""

    place: Place
    content: Content
    name: str


class Search:
    """The files to which rotation may have given other names than `base`, in the folders of `spots`, of which the first
    is that of the log; a glob may mean that name, though rotation has made it of `first`. `standing` are files that are
    read anyway, to which those are added that are found, `named` those that would be read as new ones. Each
    content that is used is handed to `keep`, which closes it.

    After `find`: `unfound` are places without a file, `resting` those of files in which nothing is new, `named_starts`
    the places in files of `named`, and `unexplained` are files under names that tell nothing of how others are named,
    where there may be others. After `files`: `lost` are names of files that would have to be read and cannot be, and
    `is_too_many` says whether more have been made than are read."""

    def __init__(
        self,
        folders: Folders,
        spots: Sequence[Spot],
        base: str,
        first: str | None,
        standing: set[tuple[int, int]],
        named: set[tuple[int, int]],
        now: float,
        deadline: float,
        keep: Callable[[Content], None],
    ) -> None:
        self._folders, self._spots, self._base, self._now = folders, spots, base, now
        self._taken, self._named, self._deadline, self._keep = standing, named, deadline, keep
        self._own = folders.files(spots, base)
        self._files = [*(folders.files(spots, first) if first else ()), *self._own]
        self._found: list[tuple[File, Found]] = []
        self._row: set[str] = set()
        self._held = frozenset(standing)
        self.lost: list[str] = []
        self.unfound: list[Place] = []
        self.resting: list[Place] = []
        self.named_starts: dict[tuple[int, int], Place] = {}
        self.is_too_many = False
        self.unexplained: list[str] = []

    def find(self, gone: Sequence[Place]) -> None:
        """Look for the files that the places `gone` of this log lie in now."""
        # An empty one may be known by a name that is like those of the others.
        moved = [place for place in sorted(gone, key=lambda one: one.mark == 0) if not self._renamed(place)]
        # The current one first: it is the newest, and bytes that begin every file show least in it.
        moved.sort(key=lambda place: (place.left is None, place.left or 0.0), reverse=True)
        self.unfound += [place for place in moved if not self._copied(place)]

    def files(self, held: frozenset[tuple[int, int]], most: int, *, has_fresh: bool) -> list[Found]:
        """The files that have been found, and those that were made and rotated since the last check, `most` of them at
        most, the older ones first. `held` are all files that hold a place of any log, `has_fresh` says whether there
        may be new ones."""
        self._held = held
        if has_fresh or any(place.mark == 0 for place in self.unfound):
            self._add_fresh(min(most, _MOST_FILES))
        self._found.sort(key=lambda one: (one[0].mtime, one[0].number))
        return [found for _, found in self._found]

    def unreadable(self, place: Place) -> File | None:
        """The rotated file that may hold the place, but is compressed so that it cannot be read."""
        files = [one for one in self._files if one.name.endswith(UNREADABLE) and not self._folders.is_unchanged(one)]
        files = [one for one in files if one.mtime >= place.mtime - _SLACK]
        return max(files, key=lambda one: (one.mtime, one.number), default=None)

    def has_others(self) -> bool:
        """Whether there are rotated files that were not there at the last check, and are not known to hold a place."""
        others = (file for file in self._files if file.key not in self._held)
        return any(not self._folders.is_known(file) for file in others)

    def goes_on_elsewhere(self, content: Content, place: Place) -> bool:
        """Whether a rotated file that was made since the last check holds the place as the content does, but other
        bytes behind it or at the beginning: then it is the copy of the file as it was before it was truncated."""
        files = [one for one in self._files if one.key not in self._taken and self._folders.is_fresh(one)]
        return any(self._differs(file, content, place) for file in self._in_time(files))

    def _differs(self, file: File, content: Content, place: Place) -> bool:
        other = self._open(file)
        if other is None:
            return False
        try:
            length = min(place.mark, _COMPARED)
            has_begun_anew = other.read(0, length) != content.read(0, length)
            if not has(other, place):
                return False
            data = other.read(place.mark, _COMPARED)
            return has_begun_anew or data != content.read(place.mark, len(data))
        except OSError:
            return False
        finally:
            other.close()

    def _renamed(self, place: Place) -> bool:
        """Whether its file is there under another name, which may be any one in the folder of the log."""
        for file, is_related in self._in_time(self._of_inode(place.inode)):
            if file.key in self._taken | self._named:
                continue
            row = set() if is_related else {file.name}
            is_still = place.left is not None and (file.size, file.mtime) == (place.mark, place.mtime)
            if is_still and not place.is_unread:
                self._taken.add(file.key)
                left = min(place.left or 0.0, self._now)
                self.resting.append(place._replace(folder=file.spot.shown, left=left, unfound=None))
                self._row |= row
                return True
            is_of_row = is_related or shape(file.name) in map(shape, self._row)
            if self._holds(file, place, is_of_row, is_related or may_be_own(file.name, self._base)):
                self._row |= row
                if not is_related and shape(file.name) == file.name and self._has_unexplained(file.name):
                    self.unexplained.append(file.name)
                return True
        return False

    def _holds(self, file: File, place: Place, is_related: bool | None, is_own: bool = True) -> bool:
        """Whether the place is one in the file, which then is taken. `is_related` is None where the inode need not be
        that of the place; `is_own`: whether its name alone says that it is a file of this log."""
        content = self._open(file)
        if content is None:
            return False
        with suppress(OSError):
            is_certain = is_own or _is_certain(content, place)
            if is_certain and (has(content, place) if is_related is None else _is_its_file(content, place, is_related)):
                self._take(file, content, place)
                return True
        content.close()
        return False

    def _in_time(self, candidates: Iterable[_T]) -> Iterator[_T]:
        """As many of them as may be tried."""
        for one in islice(candidates, _MOST_TRIED):
            if time.monotonic() > self._deadline:
                return
            yield one

    def _of_inode(self, inode: int) -> Iterator[tuple[File, bool]]:
        names = {file.name for file in self._files if file.spot is self._spots[0]}
        yield from ((file, True) for file in self._files if file.inode == inode)
        for name, other in self._folders.entries(self._spots[0]).items():
            if other == inode and name not in names and not is_backup(name):
                file = seen(self._spots[0], name)
                if file is not None:
                    yield file, False

    def _copied(self, place: Place) -> bool:
        """Whether its bytes are in another file: a copy, or a compressed one."""
        anyway = place.is_unread or self._folders.is_set_back
        files = [one for one in self._files if place.mark > 0 and one.key not in self._taken]
        old = {one.key for one in files if self._folders.is_unchanged(one) or self._folders.is_restored(one)}
        files = [one for one in files if anyway or one.key not in old]
        files = [one for one in files if one.mtime == place.mtime or not self._folders.is_repacked(one)]
        if not self._folders.is_set_back:  # compression keeps the time of a file, and nothing makes it an earlier one
            files = [one for one in files if one.mtime >= place.mtime - _SLACK]
        # What was there before may begin with the same bytes, and have been read.
        files.sort(key=lambda one: (one.mtime != place.mtime, one.key in old, one.mtime, one.number))
        return any(self._holds(file, place, None) for file in self._in_time(files))

    def _take(self, file: File, content: Content, place: Place) -> None:
        self._taken.add(file.key)
        self._keep(content)
        one = place._replace(
            left=self._now if place.left is None else min(place.left, self._now),
            folder=file.spot.shown,
            inode=content.identity.inode,
            generation=content.identity.generation,
        )
        if file.key in self._named:
            self.named_starts[file.key] = one
        else:
            self._found.append((file, Found(one, content, file.name)))

    def _add_fresh(self, most: int) -> None:
        taken = self._taken | self._named
        files = [one for one in [*self._own, *self._same_row()] if one.key not in taken]
        files = [one for one in files if not any(form.key in self._held for form in self._folders.forms(one))]
        fresh = sorted((one for one in files if self._folders.is_fresh(one)), key=lambda one: (one.mtime, one.number))
        self.is_too_many = len(fresh) > most
        for file in fresh[-most:]:
            content = self._open(file)
            self._taken.add(file.key)
            if content is None:
                self.lost.append(file.name)
                continue
            self._keep(content)
            place = unread(self._base, content.identity.inode, self._now)
            place = place._replace(folder=file.spot.shown, generation=content.identity.generation)
            self._found.append((file, Found(place, content, file.name)))

    def _same_row(self) -> Iterator[File]:
        """Files that have names like those under which files of this log were found, where no rule tells these."""
        shapes = {shape(name) for name in self._row if shape(name) != name}
        names = [name for name in self._folders.entries(self._spots[0]) if shapes and shape(name) in shapes]
        files = (seen(self._spots[0], name) for name in names if name not in self._row)
        yield from (file for file in files if file is not None)

    def _has_unexplained(self, name: str) -> bool:
        """Whether a file beside that one, of which no rule tells whether it is a rotated one, is new."""
        related = {file.name for file in self._files}
        names = [one for one in self._folders.entries(self._spots[0]) if one.startswith(self._base)]
        files = [seen(self._spots[0], one) for one in names if one not in related | {self._base, name}]
        others = [file for file in files if file and file.key not in self._taken and not is_backup(file.name)]
        return any(self._folders.is_new(file.mtime) for file in others)

    def _open(self, file: File) -> Content | None:
        if file.name.endswith(UNREADABLE):
            return None
        try:
            return opened(file.spot.open(file.name), file.name, self._deadline)
        except OSError as error:
            if not can_be_skipped(error):
                raise
            return None


def _is_its_file(content: Content, place: Place, is_related: bool) -> bool:
    if place.mark > 0:
        return may_be(content, place) and has(content, place)
    # Where the file system does not tell, an empty file has nothing else to be known by.
    is_alike = is_related and content.final == place.more
    return is_sure(content, place) or (is_alike and may_be(content, place))


def _is_certain(content: Content, place: Place) -> bool:
    """Whether inode and bytes are enough to know the file by, whatever it is called. A store that others may write
    could guess an inode and a few bytes, and would be shown what follows them in a file that is none of this log."""
    if content.identity.generation is not None:
        return is_sure(content, place)
    return place.mark >= WINDOW
