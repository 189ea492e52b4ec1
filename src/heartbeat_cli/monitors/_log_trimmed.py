"""Finds the place again in a file whose beginning was cut off, as `tail -n 1000 log > kept; mv kept log` does."""

import time
from zlib import crc32

from heartbeat_cli.domain.kinds.log_place import WINDOW, Place
from heartbeat_cli.monitors._log_content import Content

_LOOKED_AT = 4_194_304  # bytes at the end of the file
_AT_ONCE = 1_000  # line ends that are tried between two looks at the clock


def trimmed(content: Content, place: Place, deadline: float) -> Place | None:
    """The same place in a file that begins with later lines than when the place was noted; None where it is none in it,
    or the time (time.monotonic()) is over. Where the same bytes stand in it several times, it is the first of them: a
    line that is read twice is better than one that is not read."""
    start = max(0, content.size - _LOOKED_AT)
    data = content.read(start, _LOOKED_AT)
    end = _whole(data, place, deadline) if place.mark >= WINDOW else None
    if end is None and start == 0:
        end = _beginning(data, place)
    offset = -1 if end is None else start + end - (place.mark - place.offset)
    if end is None or offset < 0:
        return None
    return place.marked(offset, start + end, data[max(0, end - WINDOW) : end])._replace(inode=content.identity.inode)


def _whole(data: bytes, place: Place, deadline: float) -> int | None:
    """Where all the bytes that are remembered end."""
    tried, line_end = 0, data.find(b"\n") + 1
    while line_end:
        end = line_end + place.rest
        if WINDOW <= end <= len(data) and crc32(data[end - WINDOW : end]) == place.before:
            return end
        tried += 1
        if tried % _AT_ONCE == 0 and time.monotonic() > deadline:
            return None
        line_end = data.find(b"\n", line_end) + 1
    return None


def _beginning(data: bytes, place: Place) -> int | None:
    """Where they end when only some of them are left: they begin the file, perhaps behind a piece of a line."""
    for start in (0, data.find(b"\n", 0, WINDOW) + 1):
        for length, wanted in place.tails:
            if start + length <= len(data) and crc32(data[start : start + length]) == wanted:
                return start + length
    return None
