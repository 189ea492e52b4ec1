"""One heartbeat at a time on a host: a kernel lock on a file, gone with the process, however it ends.

Beside the lock of the pass there are two smaller ones. Deliveries share `deliver.lock`, except one from a spool, which
must be the only one: what the others have sent is not in it. `mirror.lock` is held while the mirror is made and
written, so that no older copy takes the place of a newer one.

A pass waits for no other pass, since that does its work. A command that is none (`recover`, `check`) it waits for, in
`turn.lock`, and comes next, however many commands wait for the lock: else one after another could keep passes out.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import trusted

MIRROR, DELIVERY, TURN = "mirror.lock", "deliver.lock", "turn.lock"
_LINE = 40  # bytes of the line that names the holder
_SHORT = 60.0  # seconds after which it does not help to try again in a moment
HELD = "lock-held"  # beside the lock while people have been notified that it is held for too long: of which holder

_BY_RUN = "run"  # behind the process and the time, where the holder is a pass
_TURN_WAIT = 0.2  # seconds: longer than somebody looks whether a pass waits

_ANOTHER = Text("another heartbeat")


class Busy(HeartbeatError):
    """Another heartbeat holds the lock at `path`: process `pid` (None: unknown), for `held` seconds, the
    machine's sleep not counted. `holder` tells this holding of the lock from all others; `is_pass`: whether it is a
    pass."""

    is_pass = False

    def __init__(self, path: Path, holder: str, pid: int | None, held: float, what: str = _ANOTHER) -> None:
        lock: str = Text("lock {path}", path=str(path))
        if pid:
            lock = Text("process {pid}, {lock}", pid=pid, lock=lock)
        if held < _SHORT:
            super().__init__(Text("{what} is running ({lock}); try again in a moment", what=what, lock=lock))
        else:
            span = Text("{n:.0f} h", n=held / 3600) if held >= 7_200 else Text("{n:.0f} min", n=held / 60)
            text = Text("{what} has been running for {span} ({lock})", what=what, span=span, lock=lock)
            end = Text("wait for it; heartbeat doctor says when it takes too long")
            super().__init__(Text("{first}; {then}", first=text, then=end))
        self.path, self.holder, self.pid, self.held = path, holder, pid, held


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
                self._handle = trusted.open_file(self._path, os.O_RDWR | os.O_CREAT)
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
def only_one(folder: Path, wait: float = 0.0, turn: float = 0.0) -> Iterator[Callable[[], None]]:
    """Hold the lock in `folder`, waiting up to `wait` seconds for it; gives what releases it before the end. With
    `turn` as a pass, which waits as many seconds at most for a command, and comes next. Raises Busy when somebody else
    keeps it."""
    path = folder / "run.lock"
    try:
        trusted.make_folder(folder)
        handle = trusted.open_file(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise HeartbeatError(f"{path}: {error.strerror}; set [heartbeat] state_dir to a writable folder") from error
    held = [handle]

    def release() -> None:
        while held:
            os.close(held.pop())

    try:
        if turn:
            _take_in_turn(handle, path, turn)
        else:
            _take(handle, path, time.monotonic() + wait)
        _sign(handle, _BY_RUN if turn else "")
        yield release
    finally:
        release()


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
                    raise _busy(handle, path, "an earlier version of heartbeat") from None
                time.sleep(0.05)
            except OSError:  # a file system without locks: then it had none either
                break
        yield
    finally:
        os.close(handle)


def a_pass_waits(folder: Path) -> bool:
    """Whether a pass waits in `folder` for a command to end."""
    try:
        handle = os.open(folder / TURN, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False


def _sign(handle: int, what: str) -> None:
    """Write who holds the lock, and since when. The line always has the same length and is written over the one before:
    to empty the file first makes ext4 wait for its journal. It is a courtesy: a full disk must not stop the pass."""
    line = f"{os.getpid()} {time.monotonic():.3f} {what}".ljust(_LINE - 1) + "\n"
    with suppress(OSError):
        try:
            os.pwrite(handle, line.encode(), 0)
        except OSError:  # then nobody is named, and not who held it before
            os.truncate(handle, 0)


def _take(handle: int, path: Path, until: float) -> None:
    """As a command: behind a pass that waits."""
    while a_pass_waits(path.parent) or not _is_taken(handle, path):
        if time.monotonic() >= until:
            raise _busy(handle, path)
        time.sleep(0.05)


def _take_in_turn(handle: int, path: Path, seconds: float) -> None:
    """As a pass: at once, or after a command that holds it, and before all others. Raises Busy."""
    until, turn = time.monotonic() + seconds, Shared(path.parent, TURN)
    try:
        while not _is_taken(handle, path):
            busy = _busy(handle, path)
            lasts = busy.is_pass or busy.held >= seconds or time.monotonic() >= until
            if lasts or not turn.take(alone=True, wait=_TURN_WAIT):
                raise busy
            time.sleep(0.05)
    finally:
        turn.release()


def _is_taken(handle: int, path: Path) -> bool:
    """Take the lock; False while somebody else holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks
        raise HeartbeatError(f"{path}: cannot be locked: {error.strerror}; set [heartbeat] state_dir") from error
    return True


def _busy(handle: int, path: Path, what: str = "another heartbeat") -> Busy:
    """What its holder wrote: its process, and when it took the lock (time.monotonic()). An earlier version wrote the
    process only, and on a full disk nothing can be written: then it is the file that says when."""
    text = os.pread(handle, _LINE, 0).decode("ascii", "replace").strip()
    found = re.fullmatch(rf"(\d{{1,9}})(?: (-?\d{{1,12}}\.\d{{3}})(?: ({_BY_RUN}))?)?", text, re.ASCII)
    pid = int(found[1]) if found else None
    if found and found[2]:
        busy = Busy(path, f"{pid}-{found[2]}", pid, max(0.0, time.monotonic() - float(found[2])), what)
        busy.is_pass = bool(found[3])
        return busy
    changed = os.fstat(handle).st_mtime
    return Busy(path, f"{pid or 0}-{round(changed)}", pid, max(0.0, time.time() - changed), what)
