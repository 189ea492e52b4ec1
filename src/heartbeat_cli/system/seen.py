"""See what has a name before it is opened: opening alone can set off a device, or wake the writer of a pipe."""

import errno
import os

from heartbeat_cli.domain.text import Text

SEEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # opens nothing: no writer is woken, no device does anything


def open_seen(seen: int, flags: int, shown: str) -> int:
    """The very file that has been seen (a descriptor of `SEEN`), whatever has its name by now. Never waits. Raises
    OSError."""
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{seen}", flags)
    except FileNotFoundError:  # the file is there: its name leads to it even when it has been removed
        raise OSError(errno.ENODEV, Text("/proc is not mounted"), shown) from None
