"""One heartbeat at a time on a host: a kernel lock on a file, gone with the process, however it ends.

Beside the lock of the pass there are two smaller ones. Deliveries share `deliver.lock`, except one from a spool, which
must be the only one: what the others have sent is not in it. `mirror.lock` is held while the mirror is made and
written, so that no older copy takes the place of a newer one.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from heartbeat_cli.errors import HeartbeatError


class Busy(HeartbeatError):
    """Another heartbeat holds the lock."""


class Shared:
    """A lock that may be shared, in a file of its own; `held` says how it is held now."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._handle: int | None = None
        self.held = ""

    def take(self, *, alone: bool, wait: float = 0.0) -> bool:
        """Hold it, alone or with others who share it; False when that is not to be had within `wait` seconds."""
        wanted, before = "alone" if alone else "shared", self.held
        if before == wanted:
            return True
        until = time.monotonic() + wait
        try:
            if self._handle is None:
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(self._handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                    self.held = wanted
                    return True
                self.held = ""  # whoever asks for more gives back what he had
                if time.monotonic() >= until:
                    if before:
                        self.take(alone=before == "alone")
                    return False
                time.sleep(0.02)
        except OSError:  # the folder is gone, or its file system has no locks: then the pass had none either
            return False

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self.held = None, ""


@contextmanager
def only_one(folder: Path, wait: float = 0.0) -> Iterator[Callable[[], None]]:
    """Hold the lock in `folder`, waiting up to `wait` seconds for it; gives what releases it before the end. Raises
    Busy when somebody else keeps it."""
    path = folder / "run.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HeartbeatError(f"{path}: {error.strerror}; set [heartbeat] state_dir to a writable folder") from error
    held = [handle]

    def release() -> None:
        while held:
            os.close(held.pop())

    try:
        _take(handle, path, time.monotonic() + wait)
        with suppress(OSError):  # who holds it is a courtesy: a full disk must not stop the pass
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield release
    finally:
        release()


def _take(handle: int, path: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
                who = f"process {holder}, " if holder.isdecimal() else ""
                raise Busy(f"another heartbeat is running ({who}lock {path}); try again in a moment") from None
            time.sleep(0.05)
        except OSError as error:  # a file system without locks
            raise HeartbeatError(f"{path}: cannot be locked: {error.strerror}; set [heartbeat] state_dir") from error
