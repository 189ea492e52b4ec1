"""Read a file that may belong to another user, such as a log, without being led to a file that is not his.

Whoever may change a folder on the way, or owns a link that is followed, decides which file is read at its end: with a
link, hard or symbolic, he could have the lines of a file shown that he must not read himself. So the walk notes all
such users except root and this one. A file is read when there are none, or when there is one and the file is his.

The walk goes from descriptor to descriptor, so that nothing can be exchanged between the check and the use. What is no
regular file, or is not his, is refused before it is opened: opening alone can wake a writer or set off a device.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system.acl import has_acl
from heartbeat_cli.system.seen import SEEN, open_seen
from heartbeat_cli.system.trusted import is_ours

_MOST_LINKS = 40  # as the kernel has it
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_EVERYBODY = -1


class Refused(PermissionError):
    """Another user decides which file this is; `why` says it in words."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(errno.EPERM, why, place)
        self.why = why


def open_any(path: str) -> int:
    """A descriptor of the regular file that `path` leads to, by whatever links and whosever it is: for what shows none
    of its content. Raises OSError as Spot.open does."""
    seen = os.open(path, SEEN & ~os.O_NOFOLLOW)
    try:
        _owner_of_file(seen, path)
        return open_seen(seen, os.O_RDONLY, path)
    finally:
        os.close(seen)


def _owner_of_file(seen: int, place: str) -> int:
    """The owner of what has been seen. Raises OSError where that is no regular file."""
    found = os.fstat(seen)
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, Text("is not a regular file"), place)
    return found.st_uid


class Spot(Record):
    """Where a path ends: the descriptor of the folder, the name in it (no link), the folder's path in words, and the
    users, besides root and this one, who decide what has that name."""

    folder: int
    name: str
    shown: str
    others: frozenset[int]

    def open(self, name: str | None = None) -> int:
        """A descriptor of the regular file of this name in the folder, by default of the path's own. Raises Refused, or
        another OSError: also for what is no regular file, which is never waited for."""
        name = self.name if name is None else name
        place = os.path.join(self.shown, name)
        seen = os.open(name, SEEN, dir_fd=self.folder)
        try:
            owner = _owner_of_file(seen, place)
            if self.others - {owner}:
                raise Refused(place, _why(owner, self.others))
            return open_seen(seen, os.O_RDONLY, place)
        finally:
            os.close(seen)

    def entries(self, most: int) -> dict[str, int]:
        """The names in the folder with their inodes. Raises OSError where they are more than so many."""
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            with os.scandir(handle) as entries:
                found = {entry.name: entry.inode() for _, entry in zip(range(most + 1), entries, strict=False)}
        finally:
            os.close(handle)
        if len(found) > most:
            raise OSError(errno.EFBIG, Text("it holds more than {most} names", most=most), self.shown)
        return found


@contextmanager
def spot(path: str) -> Iterator[Spot]:
    """Where an absolute path ends, with every link on the way followed. What has the last name need not exist. Raises
    OSError when a folder on the way cannot be reached."""
    rest, at, shown, links = _parts(path), os.open("/", _FOLDER), "/", 0
    others: set[int] = set()
    try:
        while True:
            name = rest.pop(0) if rest else "."
            found = None
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=at, follow_symlinks=False)
            others |= _writers(at, entered=found is not None and bool(rest))
            if found is not None and stat.S_ISLNK(found.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                others |= set() if is_ours(found) else {found.st_uid}
                target = os.readlink(name, dir_fd=at)
                rest[:0] = _parts(target)
                if target.startswith("/"):
                    at, shown = _instead(at, os.open("/", _FOLDER)), "/"
            elif not rest:
                yield Spot(at, name, shown, frozenset(others))
                return
            else:
                at, shown = _instead(at, os.open(name, _FOLDER, dir_fd=at)), os.path.join(shown, name)
    finally:
        os.close(at)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _instead(old: int, new: int) -> int:
    os.close(old)
    return new


def _writers(folder: int, *, entered: bool) -> set[int]:
    """The users besides root and this one who may give a name in a folder to another file. `entered`: to one that
    stands there now and belongs to somebody else, which the sticky bit forbids."""
    found = os.fstat(folder)
    who = set() if is_ours(found) else {found.st_uid}
    mode = found.st_mode
    if not mode & 0o022 or (entered and mode & stat.S_ISVTX) or os.fstatvfs(folder).f_flag & os.ST_RDONLY:
        return who
    if mode & 0o002 or has_acl(folder):
        return who | {_EVERYBODY}
    named = _members(found.st_gid) - {0, os.geteuid()}
    if not named and found.st_gid not in (0, os.getegid()):
        return who | {_EVERYBODY}  # it is shared with somebody: a process may have a group that no database gives it
    return who | named


@cache
def _members(group: int) -> frozenset[int]:
    """The users in a group; everybody where the system does not know it."""
    import grp
    import pwd

    try:
        named = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        return frozenset({_EVERYBODY})
    return frozenset(one.pw_uid for one in pwd.getpwall() if one.pw_gid == group or one.pw_name in named)


def _why(owner: int, others: frozenset[int]) -> str:
    if len(others) > 1 or _EVERYBODY in others:
        return Text("it belongs to {owner}, and several users may change its folder or path", owner=_user(owner))
    text = Text("it belongs to {owner}, and {other} may change its folder or path")
    return text.with_values(owner=_user(owner), other=_user(next(iter(others))))


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
