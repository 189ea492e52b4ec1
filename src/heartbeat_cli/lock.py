"""One heartbeat at a time on a host: a kernel lock on a file, gone with the process, however it ends."""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from heartbeat_cli import trusted
from heartbeat_cli.errors import HeartbeatError

HELD = "lock-held"  # beside the lock while people have been told that it is held for too long: of which holder


class Busy(HeartbeatError):
    """Another heartbeat holds the lock at `path`: process `pid` (None: it cannot be told), for `held` seconds, the
    machine's sleep not counted. `holder` tells this holding of the lock from all others."""

    def __init__(self, path: Path, holder: str, pid: int | None, held: float) -> None:
        who = f"process {pid}, " if pid else ""
        super().__init__(f"another heartbeat is running ({who}lock {path}); try again in a moment")
        self.path, self.holder, self.pid, self.held = path, holder, pid, held


@contextmanager
def only_one(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock in `folder`, waiting up to `wait` seconds for it. Raises Busy when somebody else keeps it."""
    path = folder / "run.lock"
    try:
        trusted.make_folder(folder)
        handle = trusted.open_file(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise HeartbeatError(f"{path}: {error.strerror}; set [heartbeat] state_dir to a writable folder") from error
    try:
        _take(handle, path, time.monotonic() + wait)
        with suppress(OSError):  # who holds it is a courtesy: a full disk must not stop the pass
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {time.monotonic():.3f}\n".encode(), 0)
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
                raise _busy(handle, path) from None
            time.sleep(0.05)
        except OSError as error:  # a file system without locks
            raise HeartbeatError(f"{path}: cannot be locked: {error.strerror}; set [heartbeat] state_dir") from error


def _busy(handle: int, path: Path) -> Busy:
    """What its holder wrote: its process, and when it took the lock (time.monotonic()). An earlier version wrote the
    process only, and on a full disk nothing can be written: then it is the file that says when."""
    text = os.pread(handle, 40, 0).decode("ascii", "replace").strip()
    found = re.fullmatch(r"(\d{1,9})(?: (-?\d{1,12}\.\d{3}))?", text, re.ASCII)
    pid = int(found[1]) if found else None
    if found and found[2]:
        return Busy(path, f"{pid}-{found[2]}", pid, max(0.0, time.monotonic() - float(found[2])))
    changed = os.fstat(handle).st_mtime
    return Busy(path, f"{pid or 0}-{round(changed)}", pid, max(0.0, time.time() - changed))
