"""Files in a folder that others may fill: another user, or root of a container into which the folder is mounted.

That root is root of the host there. So the owner of what has a name says little: it may be a link to any file of the
host, or a device that is the host's disk. Nothing is opened before it is known what it is: opening alone can set off a
device, or wake the writer of a pipe.
"""

import errno
import os
import stat

from heartbeat_cli.domain.text import Text
from heartbeat_cli.system.seen import SEEN, open_seen
from heartbeat_cli.system.trusted import is_handed, is_ours


def open_present(name: str, flags: int, folder: int, shown: str) -> int:
    """A descriptor of what has this name in the folder (a descriptor), called `shown` in words. Never waits. Raises
    OSError for a link, what belongs to another user, and a device outside of /dev."""
    seen = os.open(name, SEEN, dir_fd=folder)
    try:
        judge(os.fstat(seen), shown)
        return open_seen(seen, flags, shown)
    finally:
        os.close(seen)


def read_ours(name: str, most: int, folder: int) -> bytes:
    """The beginning of a file that we wrote: what is no regular file of ours or root's is refused. Raises OSError."""
    seen = os.open(name, SEEN, dir_fd=folder)
    try:
        found = os.fstat(seen)
        if not stat.S_ISREG(found.st_mode) or not is_ours(found):
            raise OSError(errno.EINVAL, Text("is not a regular file of heartbeat's own user"), name)
        with open(open_seen(seen, os.O_RDONLY, name), "rb") as file:
            return file.read(most)
    finally:
        os.close(seen)


def check_readable(path: str) -> None:
    """Raises OSError when the file at `path`, which a library is to read, cannot be opened, is a pipe, at which the
    library would wait for ever, or a device other than /dev/null. Whose it is does not matter."""
    if is_handed(path):
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        return
    seen = os.open(path, SEEN & ~os.O_NOFOLLOW)
    try:
        found = os.fstat(seen)
        if stat.S_ISFIFO(found.st_mode):
            raise OSError(errno.EINVAL, Text("is a pipe, and not a file"), path)
        if _is_device(found) and found.st_rdev != os.stat(os.devnull).st_rdev:
            raise OSError(errno.EINVAL, Text("is not a regular file"), path)
        os.close(open_seen(seen, os.O_RDONLY, path))
    finally:
        os.close(seen)


def judge(found: os.stat_result, shown: str) -> None:
    """Raises OSError for a link, what belongs to another user, and a device outside of /dev."""
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, Text("is a link; name the file that it leads to"), shown)
    if not is_ours(found):
        regular, other = Text("belongs to another user"), Text("belongs to another user and is not a regular file")
        raise OSError(errno.EPERM, regular if stat.S_ISREG(found.st_mode) else other, shown)
    if _is_device(found) and not _is_of_dev(found, shown):
        raise OSError(errno.EPERM, Text("is a device outside of /dev"), shown)


def _is_device(found: os.stat_result) -> bool:
    return stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode)


def _is_of_dev(found: os.stat_result, shown: str) -> bool:
    """Whether a device is one of those that the host has made; in /dev/shm there may be anybody's."""
    return any(shown.startswith(f"{one}/") and found.st_dev == os.stat(one).st_dev for one in ("/dev", "/dev/pts"))
