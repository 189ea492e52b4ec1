"""A small note in the state folder that outlives a pass which is killed: what was spent must be known before it is.

What a check leaves in `Reading.memory` is saved at the end of the pass, in the store. This is saved at once, on this
host, and read and written by one process at a time.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.system import trusted

_MOST = 65_536  # bytes
_WAIT = 0.5  # seconds for another process that holds it


class Note:
    """A note that this process alone may change now. `value`: what it holds, None where it holds nothing yet;
    `unreadable`: it holds something, and nobody knows what."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        raw = os.pread(handle, _MOST + 1, 0)
        self._size = len(raw)
        self.value: Any = None
        self.unreadable = False
        if raw.strip():
            try:
                self.value = foreign_json.parse(raw)
            except foreign_json.NotJson:
                self.unreadable = True

    def save(self, value: Mapping[str, Any]) -> None:
        """Write it, and have it on the disk. Raises OSError. It is padded with blanks instead of being cut, so that
        there is no moment at which the old one is gone and the new one is not there."""
        text = json.dumps(value).encode().ljust(self._size)
        if os.pwrite(self._handle, text, 0) != len(text):
            raise OSError("could not be written whole")
        self._size = len(text)
        os.fsync(self._handle)


@contextmanager
def held(path: str) -> Iterator[Note]:
    """Hold the note at `path`, which is made where it is not there. Raises OSError when that cannot be: also when
    another process does not let go of it in time, and when another user could change it."""
    handle = trusted.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        _lock(handle, time.monotonic() + _WAIT)
        yield Note(handle)
    finally:
        os.close(handle)


def _lock(handle: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.02)
