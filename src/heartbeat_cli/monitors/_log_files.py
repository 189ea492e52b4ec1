"""Follows the files of a log from check to check: each line is read once, across rotation and truncation.

A place is kept for each file. One that has lost its name is read to its end, and for a while after that: its writer may
not have noticed. What was rotated more than once since the last check is read as a whole. Files that the first check
finds are read from their end on, those that appear later from their beginning.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fnmatch import fnmatchcase
from typing import NamedTuple

from heartbeat_cli.domain.kinds.log_place import LONGEST, WINDOW, Place, State, is_next, is_rotated, lines_in, unread
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._log_content import Content, has, opened
from heartbeat_cli.monitors._log_rotated import Found, Search, is_unread
from heartbeat_cli.monitors._log_tally import Tally
from heartbeat_cli.monitors._log_trimmed import trimmed
from heartbeat_cli.system import foreign_file
from heartbeat_cli.system.foreign_file import Spot

_MOST_FILES = 50  # that a glob may match
_MOST_NAMES = 10_000  # in the folder
_CHUNK = 1_048_576
_AT_FIRST = 2  # checks that a file counts as missing for after the first one without it
_OLD_SECONDS = 900.0  # for which a file without its name is still read
GLOB = frozenset("*?[")


class Followed(NamedTuple):
    """`state` for the next check; `behind`: bytes that have not been read yet; and files with lines that may be
    missing: `lost` cannot be read, `vanished` are not found any more, with lines in them that have not been read, and
    of `moved` the last lines before they were moved away are not known."""

    state: State
    behind: int = 0
    lost: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


class _Named(NamedTuple):
    """A file that the configured path means, None as content where it is not there."""

    spot: Spot
    content: Content | None


def follow(path: str, before: State | None, key: str, now: float, tally: Tally, olddir: str | None = None) -> Followed:
    """Read on in the files of an absolute path, or of a glob in its last part. `olddir` is the folder that rotation
    moves them to, where it is another one, also as a path from their own. Raises Unobservable where one must not or
    cannot be read."""
    try:
        with ExitStack() as stack:
            return _Files(stack, before, now, tally, olddir).follow(path, key)
    except OSError as error:
        why = (
            error.strerror if isinstance(error.strerror, Text) else system_words((error.strerror or str(error)).lower())
        )
        place = error.filename if str(error.filename).startswith("/") else path
        raise Unobservable(Text("cannot read {path}: {why}", path=one_line(str(place)), why=why)) from None


class _Files:
    def __init__(self, stack: ExitStack, before: State | None, now: float, tally: Tally, olddir: str | None) -> None:
        self._stack, self._before, self._now, self._tally, self._olddir = stack, before, now, tally, olddir
        self._lost: list[str] = []
        self._unfound: list[Place] = []
        self._vanished: list[str] = []
        self._moved: list[str] = []

    def follow(self, path: str, key: str) -> Followed:
        named = self._named(path)
        missing = not any(one.content for one in named.values())
        # One that is missing at the first check is not about to be rotated.
        count = (self._before.missing + 1 if self._before else _AT_FIRST) if missing else 0
        if self._before is None:
            ends = [_end(name, one) for name, one in named.items() if one.content]
            return Followed(State(key, self._now, tuple(one for one in ends if one is not None), count))
        if not named:  # not even its folder: it may come back as it was
            gone = [one.name for one in self._before.places if one.offset < one.mark]
            state = self._before._replace(at=self._now, missing=count)
            return Followed(state, vanished=tuple(gone) if count == 1 else ())
        read = list(self._read_all(list(self._to_read(path, named))))
        behind = sum(left for _, left in read)
        places = [one for one, left in read if one.left is None or left or self._now - one.left < _OLD_SECONDS]
        places += self._unfound if missing else []  # its file system may be away for a moment
        waiting = self._before.behind + 1 if behind else 0
        vanished = self._vanished if count < 2 else []  # it is said once
        state = State(key, self._now, tuple(places), count, waiting)
        return Followed(state, behind, tuple(self._lost), tuple(vanished), tuple(self._moved))

    def _named(self, path: str) -> dict[str, _Named]:
        """What the path means, by name. The name of a glob itself stands for a folder without any."""
        folder, _, last = path.rpartition("/")
        names = [last]
        try:
            if GLOB & set(last):
                with foreign_file.spot(path) as spot:
                    found = spot.entries(_MOST_NAMES)
                names = sorted(name for name in found if fnmatchcase(name, last) and not is_rotated(name)) or [last]
            if len(names) > _MOST_FILES:
                text = Text("{path} matches {n} files, more than {most}", path=path, n=len(names), most=_MOST_FILES)
                raise Unobservable(text)
            return {name: self._open(os.path.join(folder, name)) for name in names}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def _open(self, path: str) -> _Named:
        spot = self._stack.enter_context(foreign_file.spot(path))
        try:
            content = opened(spot.open(), "", self._tally.deadline)
        except FileNotFoundError:
            return _Named(spot, None)
        self._keep(content)
        return _Named(spot, content)

    def _keep(self, content: Content) -> None:
        self._stack.callback(content.close)

    def _to_read(self, path: str, named: dict[str, _Named]) -> Iterator[Found]:
        """Every file with the place from which on it is to be read, the older ones of a name first."""
        places = self._before.places if self._before else ()
        contents = {one.content.inode: one.content for one in named.values() if one.content}
        # An empty file does not show that it was filled, copied and truncated since.
        standing = {
            one.inode: one for one in places if one.mark > 0 and one.inode in contents and has(contents[one.inode], one)
        }
        for name in dict.fromkeys([*(one.name for one in places), *named]):
            own = named.get(name)
            content = own.content if own else None
            gone = [one for one in places if one.name == name and standing.get(one.inode) != one]
            start = None
            if gone:
                spot = own.spot if own else next(iter(named.values())).spot
                base = own.spot.name if own else name
                search = Search(
                    self._spots(path, spot, gone), {one.spot.name for one in named.values()}, *self._times()
                )
                yield from search.old(base, gone)
                self._lost += search.lost
                start = self._trimmed(search.unfound, content)
                self._miss(search, base, content)
            if own and content:
                new = start or standing.get(content.inode, unread(name, content.inode))
                yield Found(new._replace(name=name, left=None, folder=own.spot.shown), content, name)

    def _spots(self, path: str, spot: Spot, gone: list[Place]) -> list[Spot]:
        """The folders in which rotated files may lie, that of the log first."""
        folders = [os.path.join(os.path.dirname(path), self._olddir)] if self._olddir else []
        folders += [one.folder for one in gone if one.folder.startswith("/") and is_next(one.folder, spot.shown)]
        found = {_number(spot): spot}
        for folder in dict.fromkeys(folders):
            with suppress(FileNotFoundError, NotADirectoryError):
                one = self._stack.enter_context(foreign_file.spot(os.path.join(folder, spot.name)))
                found.setdefault(_number(one), one)
        return list(found.values())

    def _trimmed(self, unfound: list[Place], content: Content | None) -> Place | None:
        """Where to read on in a file whose beginning has been cut off."""
        for place in unfound:
            if content and place.left is None and place.mark > 0:
                start = trimmed(content, place, self._tally.deadline)
                if start is not None:
                    unfound.remove(place)
                    return start
        return None

    def _miss(self, search: Search, base: str, content: Content | None) -> None:
        """Note the places that are found nowhere."""
        self._unfound += search.unfound
        packed = search.unreadable(base)
        # A file that was rotated, and not written after the last check, is not looked at.
        seen = packed or search.lost or search.has_rotated(base)
        for place in search.unfound:
            if is_unread(place):
                (self._lost if packed else self._vanished).append(packed or place.name)
            elif place.left is None and place.mark > 0 and content and content.inode != place.inode and not seen:
                self._moved.append(place.name)

    def _times(self) -> tuple[float, float, float, Callable[[Content], None]]:
        return self._before.at if self._before else self._now, self._now, self._tally.deadline, self._keep

    def _read_all(self, found: list[Found]) -> Iterator[tuple[Place, int]]:
        """Read each, with an equal share of what may be read; the places after that, and how many bytes are left."""
        for number, (place, content, name) in enumerate(found):
            share = self._tally.left // (len(found) - number)
            try:
                read, left = self._read(place, content, share)
            except OSError:
                if not content.final:
                    raise
                self._lost.append(name)  # compressed, and damaged or too long
                continue
            if left or not content.final:
                yield read, left

    def _read(self, place: Place, content: Content, share: int) -> tuple[Place, int]:
        offset, ended = place.offset, False
        tail = content.window(offset)
        stop = offset + share
        while not ended and offset < stop and not self._tally.is_over:
            wanted = max(LONGEST, min(_CHUNK, stop - offset))
            data = content.read(offset, wanted)
            ended = len(data) < wanted
            lines = lines_in(data, ended and (content.final or content.size == place.mark))
            judged = lines[: self._tally.take(lines)] if lines else []
            length = sum(map(len, judged))
            tail = (tail + data[:length])[-WINDOW:]
            offset += length
            ended = ended and len(judged) == len(lines)
        size = place.mark if content.final else content.size
        left = 0 if ended else max(1 if content.final else 0, size - offset)
        return _reached(place, content, offset, tail), left


def _number(spot: Spot) -> tuple[int, int]:
    found = os.stat(spot.folder)
    return found.st_dev, found.st_ino


def _reached(place: Place, content: Content, offset: int, tail: bytes) -> Place:
    """The place after all before `offset` has been read, which ends with `tail`. A file that has been truncated
    meanwhile lies on in its copy, and is known there by what was read of it."""
    if content.final and offset < place.mark:
        return place._replace(offset=offset)
    window = b"" if content.final else content.window(content.size)
    if not content.final and len(window) == min(WINDOW, content.size):
        return place.marked(offset, content.size, window)
    if len(tail) == min(WINDOW, offset):
        return place.marked(offset, offset, tail)
    return place._replace(offset=offset)


def _end(name: str, named: _Named) -> Place | None:
    """The place at which the first check begins: what was written before it is no news. None where the file has been
    truncated just now: what it holds at the next check is new."""
    content = named.content
    window = content.window(content.size) if content else b""
    if content is None or len(window) < min(WINDOW, content.size):
        return None
    return unread(name, content.inode)._replace(folder=named.spot.shown).marked(content.size, content.size, window)
