"""Files that a path or a glob names, bounded in entries and time: of each only its state is read, nothing is opened."""

import errno
import os
import re
import stat
import time
from collections.abc import Callable
from fnmatch import translate
from typing import NamedTuple

from heartbeat_cli.domain.text import Text

MOST_ENTRIES = 10_000

# What leads nowhere. Any user can put a link that leads to itself, or to a name that is too long, where he may write.
_MISSING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


class TooMany(Exception):
    """There is more than may be read, or not the time for it; the text says which."""


class File(NamedTuple):
    """`modified` is when its content was written, as its owner may have set it (mtime), `changed` when its state was
    changed last, which only the clock sets (ctime): both seconds since the epoch. `size` in bytes."""

    path: str
    size: int
    modified: float
    changed: float


class Found(NamedTuple):
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

    Raises TooMany past `most` entries or `until` (time.monotonic()), and OSError where a disk or a network mount is
    broken; what is missing, or may not be read, raises nothing."""
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
        self._until, self._left = until, most
        self._files: dict[str, File] = {}
        self._unread: dict[str, None] = {}
        self._stack: list[tuple[str, tuple[str, ...]]] = []

    def run(self, parts: list[str]) -> Found:
        if parts[-1] == "**":
            parts = [*parts, "*"]
        self._stack.append(("/", tuple(parts)))
        while self._stack:
            self._step(*self._stack.pop())
        return Found(list(self._files.values()), list(self._unread))

    def _step(self, folder: str, parts: tuple[str, ...]) -> None:
        """Take the first part of what is left of the pattern, in a folder."""
        part, rest = parts[0], parts[1:]
        if part == "**":
            self._stack.append((folder, rest))
            for entry in self._entries(folder):
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    self._stack.append((entry.path, parts))
        elif is_pattern(part):
            matches = _matcher(part)
            for entry in self._entries(folder):
                if matches(entry.name):
                    self._go(entry.path, rest)
        else:
            self._go(os.path.join(folder, part), rest)

    def _go(self, path: str, rest: tuple[str, ...]) -> None:
        if rest:
            self._stack.append((path, rest))
        else:
            self._keep(path)

    def _entries(self, folder: str) -> list["os.DirEntry[str]"]:
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count()
                    found.append(entry)
        except PermissionError:
            self._unread[folder] = None
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

    def _keep(self, path: str) -> None:
        try:
            found = os.stat(path)
        except PermissionError:
            self._unread[os.path.dirname(path)] = None
            return
        except OSError as error:
            _pass_over(error)
            return
        if not stat.S_ISDIR(found.st_mode):
            self._files[path] = _file(path, found)


def _matcher(part: str) -> Callable[[str], bool]:
    found, dotted = re.compile(translate(part)).match, part.startswith(".")
    return lambda name: (dotted or not name.startswith(".")) and found(name) is not None
