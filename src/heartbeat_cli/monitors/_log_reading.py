"""Reads the lines behind a place, within the bytes and the time of a check, and notes the place after them."""

from heartbeat_cli.domain.kinds.log_place import LONGEST, WINDOW, Place, lines_in, unread
from heartbeat_cli.monitors._log_content import Content
from heartbeat_cli.monitors._log_tally import Tally
from heartbeat_cli.system.foreign_file import Spot

_CHUNK = 524_288  # bytes that are read at once
_AT_ONCE = 10_000  # lines that are judged between two looks at the clock: a chunk may be line ends only


def read(place: Place, content: Content, share: int, tally: Tally, now: float) -> tuple[Place, int]:
    """Read `share` bytes at most from the place on. Returns the place after them, and how many bytes are left; 1 where
    that is not known. Raises OSError when the content cannot be read."""
    offset, data, ended = place.offset, b"", False
    tail, stop = content.window(offset), place.offset + share
    while offset < stop and not tally.is_over:
        lines = lines_in(data, ended and _is_complete(content, place), _AT_ONCE)
        if lines:
            length = sum(map(len, lines[: tally.take(lines, tail[-1:])]))
            tail, data, offset = (tail + data[:length])[-WINDOW:], data[length:], offset + length
            continue
        if ended:
            break
        if not data.strip(b"\0") and (start := content.skipped(offset)) > offset:
            tail, data, stop, offset = content.window(start), b"", stop + start - offset, start
        wanted = max(LONGEST, min(_CHUNK, stop - offset))
        more = content.read(offset + len(data), wanted)
        data, ended = data + more, len(more) < wanted
    ended = ended and not lines_in(data, _is_complete(content, place), 1)
    size = place.mark if content.final else content.size
    left = 0 if ended else max(1 if content.final else 0, size - offset)
    after = _reached(place, content, offset, tail)
    if after.left is not None:
        after = after._replace(tails=(), left=now if offset > place.offset else after.left)
    if not content.final:  # it may have been truncated meanwhile
        return after._replace(more=after.mark == after.offset < content.size), left
    return after._replace(more=left > 0), left


def _is_complete(content: Content, place: Place) -> bool:
    """Whether what stands behind the last line end is not waited for any more."""
    return content.final or content.size == place.mark


def _reached(place: Place, content: Content, offset: int, tail: bytes) -> Place:
    """The place after all before `offset` has been read, which ends with `tail`. A file that has been truncated
    meanwhile lies on in its copy, and is known there by what was read of it."""
    _, inode, generation, mtime = content.identity
    place = place._replace(inode=inode, generation=generation, mtime=mtime, unfound=None)
    if content.final and offset < place.mark:
        return place._replace(offset=offset)
    window = b"" if content.final else content.window(content.size)
    if not content.final and len(window) == min(WINDOW, content.size):
        return place.marked(offset, content.size, window)
    if len(tail) == min(WINDOW, offset):
        return place.marked(offset, offset, tail)
    return place._replace(offset=offset)


def end(name: str, spot: Spot, content: Content) -> Place | None:
    """The place at which the first check begins: what was written before it is no news. None where the file has been
    truncated just now: what it holds at the next check is new."""
    window = content.window(content.size)
    if len(window) < min(WINDOW, content.size):
        return None
    _, inode, generation, mtime = content.identity
    place = unread(name, inode)._replace(folder=spot.shown, generation=generation, mtime=mtime)
    return place.marked(content.size, content.size, window)
