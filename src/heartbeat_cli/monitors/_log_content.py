"""The bytes of one file of a log, plain or compressed with gzip, and whether a remembered place is one in it."""

import errno
import fcntl
import io
import os
import struct
import sys
import time
import zlib
from contextlib import suppress
from typing import Any, Protocol

from heartbeat_cli.domain.kinds.log_place import LONGEST, WINDOW, Place, checksum
from heartbeat_cli.domain.record import Record

_SKIPPED = 268_435_456  # decompressed bytes at most that are passed over to reach a place
_CHUNK = 1_048_576
_GET_GENERATION = 2 << 30 | struct.calcsize("l") << 16 | ord("v") << 8 | 1  # FS_IOC_GETVERSION


_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)


def can_be_skipped(error: OSError) -> bool:
    """Whether the file itself cannot be read. What no descriptor is left for would be taken for missing or new."""
    return error.errno not in _NO_MORE_FILES


class Identity(Record):
    """Which file it is, and when it was written last. `generation`: of the inode; it changes when the file system gives
    the inode to another file. None where it does not say."""

    device: int
    inode: int
    generation: int | None
    mtime: float


class Content(Protocol):
    """`size` in bytes, 0 where it is not known. `final`: nothing will be written to it any more."""

    identity: Identity
    size: int
    final: bool

    def window(self, offset: int) -> bytes:
        """The last bytes before an offset, `WINDOW` of them at most; fewer where it does not reach that far."""

    def read(self, offset: int, most: int) -> bytes:
        """The bytes from an offset on; fewer than `most` only at the end."""

    def skipped(self, offset: int) -> int:
        """Where the next bytes are: behind an offset in a hole of the file, which takes no place on the disk."""

    def close(self) -> None: ...


def identity(handle: int) -> Identity:
    """Of an open file."""
    found, buffer, generation = os.fstat(handle), bytearray(8), None
    with suppress(OSError):
        fcntl.ioctl(handle, _GET_GENERATION, buffer)
        generation = int.from_bytes(buffer[:4], sys.byteorder)
    return Identity(found.st_dev, found.st_ino, generation, found.st_mtime)


def may_be(content: Content, place: Place) -> bool:
    """Whether its inode is that of the place, and nothing tells that it was given to another file since."""
    one = content.identity
    return one.inode == place.inode and (None in (one.generation, place.generation) or is_sure(content, place))


def is_sure(content: Content, place: Place) -> bool:
    """Whether it is the file of the place, as the file system says."""
    one = content.identity
    return one.inode == place.inode and one.generation is not None and one.generation == place.generation


def has(content: Content, place: Place) -> bool:
    """Whether the bytes before the mark of the place are those that were there then."""
    window = content.window(place.mark)
    return len(window) == min(WINDOW, place.mark) and checksum(window) == place.before


def opened(handle: int, name: str, deadline: float) -> Content:
    """The content of an open file, which it takes over; `deadline` (time.monotonic()) ends the passing over of what is
    compressed."""
    return Packed(handle, deadline) if name.endswith(".gz") else Plain(handle)


class Plain:
    """A file as it stands."""

    final = False

    def __init__(self, handle: int) -> None:
        self.identity, self.size, self._handle = identity(handle), os.fstat(handle).st_size, handle

    def window(self, offset: int) -> bytes:
        length = min(WINDOW, offset)
        return self.read(offset - length, length)

    def read(self, offset: int, most: int) -> bytes:
        """No further than to the size that it had when it was opened: a place after that would be none to compare."""
        most = min(most, max(0, self.size - offset))
        parts = []
        while most > 0 and (part := os.pread(self._handle, most, offset)):
            parts.append(part)
            offset, most = offset + len(part), most - len(part)
        return b"".join(parts)

    def skipped(self, offset: int) -> int:
        """A hole is what a writer leaves that goes on at its old place in a file that was truncated."""
        data = os.pread(self._handle, LONGEST, offset) if offset < self.size else b""
        if not data or data.strip(b"\0"):
            return offset
        try:
            return min(os.lseek(self._handle, offset, os.SEEK_DATA), self.size)
        except OSError as error:  # there is nothing behind it, or the file system does not tell
            is_to_the_end = error.errno == errno.ENXIO and os.fstat(self._handle).st_size >= self.size
            return self.size if is_to_the_end else offset

    def close(self) -> None:
        os.close(self._handle)


class _Timed(io.FileIO):
    """A file that is not read after `deadline`: one call of gzip goes through any number of empty members, and through
    a header without an end."""

    def __init__(self, handle: int, deadline: float) -> None:
        super().__init__(handle, "rb")
        self._deadline = deadline

    def readinto(self, buffer: Any, /) -> int | None:
        if time.monotonic() > self._deadline:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return super().readinto(buffer)


class Packed:
    """A file compressed with gzip; offsets are those in what it holds. It is read from its beginning on."""

    final = True

    def __init__(self, handle: int, deadline: float) -> None:
        import gzip

        self.identity, self.size = identity(handle), 0
        self._raw = io.BufferedReader(_Timed(handle, deadline))
        self._file, self._deadline = gzip.GzipFile(fileobj=self._raw, mode="rb"), deadline
        self._at, self._tail = 0, b""

    def window(self, offset: int) -> bytes:
        """Raises OSError where it lies too far on, the time is over, or the file is damaged."""
        if offset < self._at:
            self._file.seek(0)
            self._at, self._tail = 0, b""
        while self._at < offset and self._next(min(_CHUNK, offset - self._at)):
            if self._at > _SKIPPED or time.monotonic() > self._deadline:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return self._tail if self._at == offset else b""

    def read(self, offset: int, most: int) -> bytes:
        """Raises OSError as `window` does."""
        self.window(offset)
        return self._next(most) if self._at == offset else b""

    def skipped(self, offset: int) -> int:
        return offset

    def _next(self, most: int) -> bytes:
        try:
            data = self._file.read(most)
        except (EOFError, zlib.error) as error:  # it is still being written, say
            raise OSError(str(error)) from None
        self._at, self._tail = self._at + len(data), (self._tail + data)[-WINDOW:]
        return data

    def close(self) -> None:
        self._file.close()
        self._raw.close()
