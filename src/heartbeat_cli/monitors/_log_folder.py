"""The rotated files in the folders of a log, and which of them were there at the last check."""

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress

from heartbeat_cli.domain.kinds.log_names import plain, related
from heartbeat_cli.domain.kinds.log_place import MOST, Known, Place, State, checksum
from heartbeat_cli.domain.record import Record
from heartbeat_cli.monitors._log_content import Plain, can_be_skipped
from heartbeat_cli.system.foreign_file import Spot

_MOST_NAMES = 10_000
_SLACK = 0.05  # seconds that the time of a file may lag behind the clock


class File(Record):
    """A rotated file as it stands in a folder; `number` is its place among those of its log, the older ones first, as
    far as the names tell."""

    spot: Spot
    name: str
    device: int
    inode: int
    size: int
    mtime: float
    number: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """Which file it is among those that are there now."""
        return self.device, self.inode


class Folders:
    """What one check finds in the folders of a log, each of which is listed once. `bases` are the names of all files
    whose rotated ones are looked for, `now` the time of this check (epoch seconds)."""

    def __init__(self, before: State | None, now: float, bases: Iterable[str]) -> None:
        self._bases = sorted(set(bases))
        self.is_set_back = before is not None and before.at > now
        # After it something counts as written since the last check. What is known is not read twice.
        slack = _SLACK if before and before.known is not None else 0.0
        self.since = before.at - slack if before is not None and not self.is_set_back else 0.0
        places = before.places if before else ()
        known = [*(before.known or () if before else ()), *(_known(one) for one in places if one.left is not None)]
        self._known = {one.inode: one for one in known}
        self._sizes = {(one.mtime, one.size) for one in known} | {(one.mtime, one.mark) for one in places}
        self._entries: dict[tuple[int, int], dict[str, int]] = {}
        self._forms: dict[tuple[int, int], dict[str, list[str]]] = {}
        self._files: dict[tuple[int, int], dict[str, list[File]]] = {}
        self._verdicts: dict[tuple[int, int], bool] = {}
        self._is_incomplete = False

    def entries(self, spot: Spot) -> dict[str, int]:
        """The names in a folder with their inodes. Raises OSError where they are too many."""
        key = number(spot)
        if key not in self._entries:
            self._entries[key] = spot.entries(_MOST_NAMES)
        return self._entries[key]

    def files(self, spots: Sequence[Spot], base: str) -> list[File]:
        """The rotated files of a log. Those of the same name in another folder are some, too."""
        found: list[File] = []
        for spot in reversed(spots):
            found += self._related(spot)[base]
            if spot is not spots[0]:
                found += [one for one in [seen(spot, base)] if one is not None]
        return [one._replace(number=at) for at, one in enumerate(found)]

    def _related(self, spot: Spot) -> dict[str, list[File]]:
        key = number(spot)
        if key not in self._files:
            names = related(self._bases, self.entries(spot))
            self._files[key] = {base: _seen(spot, each) for base, each in names.items()}
        return self._files[key]

    def is_new(self, mtime: float) -> bool:
        """Whether a file of this time has been written since the last check, as far as the clock tells."""
        return mtime > self.since

    def is_fresh(self, file: File) -> bool:
        """Whether it was made since the last check, and is no other form of a file that was there before: an old one
        may be renamed, touched, compressed or restored at any time."""
        if not self.is_new(file.mtime) or self.is_known(file) or self.is_repacked(file):
            return False
        return not (self.forms(file) if plain(file.name) != file.name else self.is_restored(file))

    def forms(self, file: File) -> list[File]:
        """The same file before or after it was compressed, where it lies beside it."""
        key = number(file.spot)
        if key not in self._forms:
            self._forms[key] = {}
            for one in self.entries(file.spot):
                self._forms[key].setdefault(plain(one), []).append(one)
        return _seen(file.spot, [one for one in self._forms[key].get(plain(file.name), ()) if one != file.name])

    def is_repacked(self, file: File) -> bool:
        """Whether it is the compressed form of a file that was there before: compression keeps the time."""
        if plain(file.name) == file.name or not any(file.mtime == mtime for mtime, _ in self._sizes):
            return False
        return not file.name.endswith(".gz") or (file.mtime, _packed_size(file)) in self._sizes

    def is_restored(self, file: File) -> bool:
        """Whether the file is what another one, which was there at the last check, holds in compressed form."""
        packed = [one for one in self.forms(file) if one.name.endswith(".gz") and self.is_known(one)]
        return plain(file.name) == file.name and any(_packed_size(one) == file.size % 2**32 for one in packed)

    def is_known(self, file: File) -> bool:
        """Whether it was there at the last check. One that was written since is the same if its inode still is."""
        known = self._known.get(file.inode)
        if known is None:
            return False
        if self.is_unchanged(file):
            return True
        if file.key not in self._verdicts:
            sign = _sign(file, known.size)
            self._verdicts[file.key] = sign is not None and sign == known.sign
        return self._verdicts[file.key]

    def is_unchanged(self, file: File) -> bool:
        """Whether it was there at the last check, and was not written since."""
        known = self._known.get(file.inode)
        return known is not None and (known.size, known.mtime) == (file.size, file.mtime)

    def note(self, spots: Sequence[Spot]) -> None:
        """Look at folders in which nothing has to be found in this check, for the next one."""
        for spot in spots:
            try:
                self._related(spot)
            except OSError as error:  # they hold too many names; that is said when something has to be found there
                if not can_be_skipped(error):
                    raise
                self._is_incomplete = True

    def known(self, places: Sequence[Place]) -> tuple[Known, ...] | None:
        """What the next check is to know of beside the places; None where a folder holds too much."""
        if self._is_incomplete:
            return None
        left = {one.inode for one in places if one.left is not None}
        found = {file.key: file for each in self._files.values() for files in each.values() for file in files}
        found = {key: file for key, file in found.items() if file.inode not in left}
        newest = sorted(found.values(), key=lambda file: file.mtime, reverse=True)[:MOST]
        return tuple(Known(one.inode, one.size, one.mtime, self._signed(one)) for one in newest)

    def _signed(self, file: File) -> int:
        if self.is_unchanged(file):
            return self._known[file.inode].sign
        return _sign(file, file.size) or 0


def number(spot: Spot) -> tuple[int, int]:
    """Which folder it is."""
    found = os.stat(spot.folder)
    return found.st_dev, found.st_ino


def seen(spot: Spot, name: str) -> File | None:
    """The regular file of a name, None where there is none."""
    with suppress(OSError):
        found = os.stat(name, dir_fd=spot.folder, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return File(spot, name, found.st_dev, found.st_ino, found.st_size, found.st_mtime)
    return None


def _seen(spot: Spot, names: Iterable[str]) -> list[File]:
    return [one for one in (seen(spot, name) for name in names) if one is not None]


def _known(place: Place) -> Known:
    sign = place.before if place.generation is None else place.generation
    return Known(place.inode, place.mark, place.mtime, sign)


def _opened(file: File) -> Plain | None:
    """Its content; None where it cannot be read."""
    try:
        return Plain(file.spot.open(file.name))
    except OSError as error:
        if not can_be_skipped(error):
            raise
        return None


def _packed_size(file: File) -> int | None:
    """What a gzip file says of the size of what it holds, modulo 2**32."""
    content = _opened(file)
    if content is None:
        return None
    try:
        return int.from_bytes(content.read(content.size - 4, 4), "little") if content.size > 4 else None
    except OSError:
        return None
    finally:
        content.close()


def _sign(file: File, size: int) -> int | None:
    """What tells the file from a later one with its inode; None where it cannot be read, or has become shorter."""
    content = _opened(file)
    if content is None:
        return None
    try:
        if content.identity.generation is not None:
            return content.identity.generation
        window = content.window(size)
        return checksum(window) if size <= content.size else None
    finally:
        content.close()
