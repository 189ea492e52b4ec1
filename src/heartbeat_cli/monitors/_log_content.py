"""The bytes of one file of a log, plain or compressed with gzip, and whether a remembered place is one in it."""

import errno
import io
import os
import time
import zlib
from typing import Any, Protocol

from heartbeat_cli.domain.kinds.log_place import WINDOW, Place, checksum

_SKIPPED = 268_435_456  # decompressed bytes at most that are passed over to reach a place
_CHUNK = 1_048_576


class Content(Protocol):
    """`size` in bytes, 0 where it is not known. `final`: nothing will be written to it any more."""

    inode: int
    size: int
    final: bool

    def window(self, offset: int) -> bytes:
        """The last bytes before an offset, `WINDOW` of them at most; fewer where it does not reach that far."""

    def read(self, offset: int, most: int) -> bytes:
        """The bytes from an offset on; fewer than `most` only at the end."""

    def close(self) -> None: ...


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
        found = os.fstat(handle)
        self.inode, self.size, self._handle = found.st_ino, found.st_size, handle

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

        self.inode, self.size = os.fstat(handle).st_ino, 0
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
