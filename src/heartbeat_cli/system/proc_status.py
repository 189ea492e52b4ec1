"""One line of what the kernel says of a process in /proc/<pid>/status. Who starts a process makes that text long: up to
65,536 groups stand before the lines behind `Groups:`."""

import errno
import os

_MOST = 1_048_576  # bytes; with all the groups that there may be, the text has some 720,000


def words(place: str, key: str) -> list[str]:
    """The words of the line of that key, of the process whose folder in /proc this is; none where there is no such
    line. Raises OSError where the text cannot be read, or where the line is not within what is read of it."""
    start, left = f"{key}:".encode(), _MOST
    with open(f"{place}/status", "rb", buffering=8_192) as file:
        while line := file.readline(left):  # the kernel escapes a newline in a name
            left -= len(line)
            if left <= 0:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), file.name)
            if line.startswith(start):
                return line[len(start) :].decode(errors="replace").split()
    return []
