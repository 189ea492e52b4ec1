"""Files in a folder that others may fill: another user, or root of a container into which the folder is mounted.

That root is root of the host there. So the owner of what has a name says little: it may be a link to any file of the
host, or a device that is the host's disk. Nothing is opened before it is known what it is: opening alone can set off a
device, or wake the writer of a pipe.
"""

import errno
import os
import stat

from heartbeat_cli.domain.text import Text
from heartbeat_cli.system.trusted import is_ours

SEEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # opens nothing: no writer is woken, no device does anything


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


def judge(found: os.stat_result, shown: str) -> None:
    """Raises OSError for a link, what belongs to another user, and a device outside of /dev."""
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, Text("is a link; name the file that it leads to"), shown)
    if not is_ours(found):
        regular, other = Text("belongs to another user"), Text("belongs to another user and is not a regular file")
        raise OSError(errno.EPERM, regular if stat.S_ISREG(found.st_mode) else other, shown)
    is_device = stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode)
    if is_device and not _is_of_dev(found, shown):
        raise OSError(errno.EPERM, Text("is a device outside of /dev"), shown)


def _is_of_dev(found: os.stat_result, shown: str) -> bool:
    """Whether a device is one of those that the host has made; in /dev/shm there may be anybody's."""
    return any(shown.startswith(f"{one}/") and found.st_dev == os.stat(one).st_dev for one in ("/dev", "/dev/pts"))


def open_seen(seen: int, flags: int, shown: str) -> int:
    """The very file that has been seen (a descriptor of `SEEN`), whatever has its name by now. Never waits. Raises
    OSError."""
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{seen}", flags)
    except FileNotFoundError:  # the file is there: its name leads to it even when it has been removed
        raise OSError(errno.ENODEV, Text("/proc is not mounted"), shown) from None
