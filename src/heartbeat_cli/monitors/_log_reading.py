"""Reads the lines behind a place, within the bytes and the time of a check, and notes the place after them."""

from heartbeat_cli.domain.kinds.log_place import LONGEST, WINDOW, Place, lines_in, unread
from heartbeat_cli.monitors._log_content import Content
from heartbeat_cli.monitors._log_tally import Tally
from heartbeat_cli.system.foreign_file import Spot

_CHUNK = 1_048_576


def read(place: Place, content: Content, share: int, tally: Tally, now: float) -> tuple[Place, int]:
    """Read `share` bytes at most from the place on. Returns the place after them, and how many bytes are left; 1 where
    that is not known. Raises OSError when the content cannot be read."""
    offset, ended = place.offset, False
    tail = content.window(offset)
    stop = offset + share
    while not ended and offset < stop and not tally.is_over:
        if (start := content.skipped(offset)) > offset:
            tail, stop, offset = content.window(start), stop + start - offset, start
        wanted = max(LONGEST, min(_CHUNK, stop - offset))
        data = content.read(offset, wanted)
        ended = len(data) < wanted
        lines = lines_in(data, ended and (content.final or content.size == place.mark))
        judged = lines[: tally.take(lines)] if lines else []
        length = sum(map(len, judged))
        tail = (tail + data[:length])[-WINDOW:]
        offset += length
        ended = ended and len(judged) == len(lines)
    size = place.mark if content.final else content.size
    left = 0 if ended else max(1 if content.final else 0, size - offset)
    after = _reached(place, content, offset, tail)
    if after.left is not None:
        after = after._replace(tails=(), left=now if offset > place.offset else after.left)
    if not content.final:  # it may have been truncated meanwhile
        return after._replace(more=after.mark == after.offset < content.size), left
    return after._replace(more=left > 0), left


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
