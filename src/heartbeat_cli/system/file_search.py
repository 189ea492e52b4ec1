"""Files that a path or a glob names, bounded in entries, time and memory: of each only its state is read, no file is
opened."""

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Callable
from fnmatch import translate

from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

MOST_ENTRIES = 10_000
MOST_BYTES = 8_000_000  # of memory for paths: another user's may be 4,000 signs long, each of them four bytes wide
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

# What leads nowhere. Any user can put a link that leads to itself, or to a name that is too long, where he may write.
_MISSING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


class TooMany(Exception):
    """There is more than may be read, or not the time for it; the text says which."""


class File(Record):
    """`modified` is when its content was written, as its owner may have set it (mtime), `changed` when its state was
    changed last, which only the clock sets (ctime): both seconds since the epoch. `size` in bytes."""

    path: str
    size: int
    modified: float
    changed: float


class Found(Record):
    """`unread` are the folders (or the path itself) that this user may not read; `folder`: the path is no glob, and is
    that of a folder."""

    files: list[File]
    unread: list[str]
    folder: bool = False


def is_pattern(path: str) -> bool:
    """Whether a path is a glob."""
    return any(sign in path for sign in "*?[")


def find(path: str, until: float, most: int = MOST_ENTRIES) -> Found:
    """The files at an absolute path, or that match a glob: `*`, `?` and `[...]` within a name, `**` for any number of
    folders. As in a shell, they match no leading dot; `**` does not follow links to folders.

    Raises TooMany past `most` entries, `until` (time.monotonic()) or MOST_BYTES of paths, and OSError where a disk or a
    network mount is broken; what is missing, or may not be read, raises nothing."""
    if not is_pattern(path):
        return _plain(path)
    return _Search(until, most).run([part for part in path.split("/") if part])


def _plain(path: str) -> Found:
    try:
        found = os.stat(path)
    except PermissionError:
        return Found([], [path])
    except OSError as error:
        _pass_over(error)
        return Found([], [])
    if stat.S_ISDIR(found.st_mode):
        return Found([], [], folder=True)
    return Found([_file(path, found)], [])


def _file(path: str, found: os.stat_result) -> File:
    return File(path, found.st_size, found.st_mtime, found.st_ctime)


def _pass_over(error: OSError) -> None:
    """Raises what does not say that nothing is there."""
    if error.errno not in _MISSING:
        raise error


class _Search:
    """One search. What is left to do is kept on a stack: folders may be nested deeper than Python's calls."""

    def __init__(self, until: float, most: int) -> None:
        self._until, self._left, self._room = until, most, MOST_BYTES
        self._files: dict[str, File] = {}
        self._unread: dict[str, None] = {}
        self._stack: list[tuple[str, tuple[str, ...]]] = []

    def run(self, parts: list[str]) -> Found:
        if parts[-1] == "**":
            parts = [*parts, "*"]
        self._push("/", tuple(parts))
        while self._stack:
            folder, rest = self._stack.pop()
            self._room += sys.getsizeof(folder)
            self._step(folder, rest)
        return Found(list(self._files.values()), list(self._unread))

    def _step(self, folder: str, parts: tuple[str, ...]) -> None:
        """Take the first part of what is left of the pattern, in a folder."""
        part, rest = parts[0], parts[1:]
        if part == "**":
            self._push(folder, rest)
            for name in self._entries(folder, _is_shown_folder):
                self._push(os.path.join(folder, name), parts)
        elif is_pattern(part):
            matches = _matcher(part)
            for name in self._entries(folder, lambda entry: matches(entry.name)):
                self._go(os.path.join(folder, name), rest)
        else:
            self._go(os.path.join(folder, part), rest)

    def _go(self, path: str, rest: tuple[str, ...]) -> None:
        if rest:
            self._push(path, rest)
        else:
            self._keep(path)

    def _push(self, path: str, rest: tuple[str, ...]) -> None:
        self._hold(path)
        self._stack.append((path, rest))

    def _hold(self, path: str) -> None:
        self._room -= sys.getsizeof(path)
        if self._room < 0:
            raise TooMany(Text("their paths are longer than {n:,} bytes together", n=MOST_BYTES))

    def _entries(self, folder: str, wanted: "Callable[[os.DirEntry[str]], bool]") -> list[str]:
        """The names of the wanted entries of a folder, which are shorter than their paths."""
        found = []
        try:
            handle = os.open(folder, _OPEN)
            try:
                with os.scandir(handle) as entries:
                    for entry in entries:
                        self._count()
                        if wanted(entry):
                            found.append(entry.name)
            finally:
                os.close(handle)
        except PermissionError:
            self._skip(folder)
        except OSError as error:
            _pass_over(error)
            return []
        return found

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooMany(Text("there are more than {n:,} entries to look through", n=MOST_ENTRIES))
        if time.monotonic() > self._until:
            raise TooMany(Text("they could not be read in time"))

    def _skip(self, folder: str) -> None:
        """Note a folder that may not be read."""
        if folder not in self._unread:
            self._hold(folder)
            self._unread[folder] = None

    def _keep(self, path: str) -> None:
        try:
            found = os.stat(path)
        except PermissionError:
            self._skip(os.path.dirname(path))
            return
        except OSError as error:
            _pass_over(error)
            return
        if not stat.S_ISDIR(found.st_mode) and path not in self._files:
            self._hold(path)
            self._files[path] = _file(path, found)


def _is_shown_folder(entry: "os.DirEntry[str]") -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def _matcher(part: str) -> Callable[[str], bool]:
    found, dotted = re.compile(translate(part)).match, part.startswith(".")
    return lambda name: (dotted or not name.startswith(".")) and found(name) is not None
