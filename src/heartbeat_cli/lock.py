"""One heartbeat at a time on a host: a kernel lock on a file, gone with the process, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from heartbeat_cli.errors import HeartbeatError


class Busy(HeartbeatError):
    """Another heartbeat holds the lock."""


@contextmanager
def only_one(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock in `folder`, waiting up to `wait` seconds for it. Raises Busy when somebody else keeps it."""
    path = folder / "run.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HeartbeatError(f"{path}: {error.strerror}; set [heartbeat] state_dir to a writable folder") from error
    try:
        _take(handle, path, time.monotonic() + wait)
        with suppress(OSError):  # who holds it is a courtesy: a full disk must not stop the pass
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def beside_earlier(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Keep a run of an earlier version out, which locks the state folder itself; runs of this version do not exclude
    each other here. Raises Busy when such a run goes on for `wait` seconds. Without its lock file there is none."""
    path, until = folder / "run.lock", time.monotonic() + wait
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise Busy(f"an earlier version of heartbeat is running (lock {path})") from None
                time.sleep(0.05)
            except OSError:  # a file system without locks: then it had none either
                break
        yield
    finally:
        os.close(handle)


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
