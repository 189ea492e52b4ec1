"""Write a file whole or not at all; read and write the files of the state folder without trusting what lies there."""

import errno
import os
import re
import select
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import shared_folder, trusted

# What a writer that was killed leaves: our half files, and those of jinja2's cache of compiled templates.
_HALF = r"\..+\.\d+\.new|__jinja2_.+\.tmp"
_DEAD = 3_600.0  # seconds: nobody writes for so long
_MOST_SECONDS = 60.0  # for what is written to a pipe
_MOST_ENTRIES = 20_000  # of a folder that are looked at


def write_whole(path: str | Path, text: str, mode: int, at: float | None = None) -> None:
    """Write `text` beside `path` and move it there in one step: a reader sees the old file or the new one. `at` becomes
    its modification time.

    A link of ours or of root's in its place is replaced; another user's is refused. So is what is there and is no
    regular file: a file moved onto `/dev/null` would take that from the whole host, and a pipe may be one of root of a
    container, who never reads. Raises OSError when it cannot be written; then nothing is left behind.
    """
    if trusted.is_handed(path):
        raise OSError(errno.EINVAL, Text("is not a regular file"), os.fspath(path))
    with trusted.target(path) as (folder, name, shown):
        if (found := _special(name, folder)) is not None:
            shared_folder.judge(found, shown)
            is_folder = stat.S_ISDIR(found.st_mode)
            why = os.strerror(errno.EISDIR) if is_folder else Text("is not a regular file")
            raise OSError(errno.EISDIR if is_folder else errno.EINVAL, why, shown)
        _put(folder, name, text, mode, at)


def write_named(
    path: str | Path,
    text: str,
    mode: int,
    at: float | None = None,
    *,
    follow: bool = False,
    seconds: float = _MOST_SECONDS,
) -> None:
    """As `write_whole`, for a path that a person has named on purpose (`-o`): a pipe or device there (`/dev/stdout`,
    `>(…)`) is written to. Devices elsewhere than in /dev are refused, and pipes of another user. A link of ours or of
    root's is followed where `follow` is true, and replaced otherwise. Raises TimeoutError where that takes more than
    `seconds`, and as `write_whole` does."""
    if trusted.is_handed(path):
        _write_into(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC), text, seconds)
        return
    with trusted.target(path, follow=follow) as (folder, name, shown):
        if _special(name, folder) is None:
            _put(folder, name, text, mode, at)
            return
        # A pipe that nobody reads would block the opening for ever.
        handle = shared_folder.open_present(name, os.O_WRONLY, folder, shown)
    _write_into(handle, text, seconds)


def write_new(path: str | Path, text: str, mode: int) -> None:
    """Write a whole file or nothing where nothing has the name yet, not even a link. Raises FileExistsError where
    something has it, another OSError when it cannot be written; then nothing is left behind."""
    with trusted.target(path) as (folder, name, _):
        # The folder may be another user's, who could put another one in its place: all is done by its descriptor.
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=folder))
        try:
            _put(folder, name, text, mode)
        except BaseException:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise


def _special(name: str, folder: int) -> os.stat_result | None:
    """What is there, where that is neither a regular file nor a link, and so must not be replaced."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return None if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode) else found


def open_own(path: str | Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a file of the state folder; returns its descriptor, to be closed by the caller. Opening never waits.

    Raises OSError for a symbolic link, another user's file, and everything that is no regular file: a FIFO would be
    waited for, a device has no end.
    """
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, Text("is not a regular file"), str(path))
        if not trusted.is_ours(found):
            raise OSError(errno.EPERM, Text("belongs to another user"), str(path))
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_own(path: str | Path, most: int, size: int = -1) -> bytes:
    """The content of a file of the state folder, its first `size` bytes where that is given. Raises OSError as
    `open_own` does, and for a file of more than `most` bytes."""
    with os.fdopen(open_own(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"is larger than {most} bytes", str(path))
        return file.read(most if size < 0 else size)


def write_own(path: str | Path, text: str) -> None:
    """Write a file of the state folder, for this user alone. Whatever has its name is replaced, not followed or opened.
    Raises OSError when it cannot be written; then nothing is left behind."""
    parent, name = os.path.split(path)
    folder = os.open(parent or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _put(folder, name, text, 0o600)
    finally:
        os.close(folder)


def sweep(folders: Iterable[str | Path], now: float, until: float) -> None:
    """Remove what killed writers left half-written in these folders, until `until` (time.monotonic()); what cannot be
    removed is for the next time.

    A folder may be another user's, who fills it with names or exchanges it meanwhile: it is used by its descriptor, and
    only files of ours are removed."""
    for folder in folders:
        with suppress(OSError), trusted.target(Path(folder) / "x") as (above, _, _):
            handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
            try:
                _sweep(handle, now - _DEAD, until)
            finally:
                os.close(handle)


def _sweep(folder: int, before: float, until: float) -> None:
    with os.scandir(folder) as entries:
        for entry in islice(entries, _MOST_ENTRIES):
            if time.monotonic() >= until:
                return
            if _is_half_written(entry.name):
                with suppress(OSError):
                    found = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode) and trusted.is_ours(found) and found.st_mtime < before:
                        os.unlink(entry.name, dir_fd=folder)


def _is_half_written(name: str) -> bool:
    return name.endswith((".new", ".tmp")) and re.fullmatch(_HALF, name, re.DOTALL) is not None


def _create(name: str, folder: int) -> int:
    """A new file of our own; what a killed process of the same number left there, or somebody planted, goes first."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, 0o600, dir_fd=folder)
    except FileExistsError:
        os.unlink(name, dir_fd=folder)
        return os.open(name, flags, 0o600, dir_fd=folder)


def _write_into(handle: int, text: str, seconds: float) -> None:
    """Write to a descriptor that never blocks, and close it."""
    try:
        left, until, room = memoryview(text.encode()), time.monotonic() + seconds, select.poll()
        room.register(handle, select.POLLOUT)
        while left:
            rest = until - time.monotonic()
            if rest <= 0 or not room.poll(rest * 1_000):
                raise TimeoutError(errno.ETIMEDOUT, Text("was not read in time"))
            with suppress(BlockingIOError):
                left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def _put(folder: int, name: str, text: str, mode: int, at: float | None = None) -> None:
    """Write a new file in the folder with this descriptor and give it the name."""
    made = f".{name[:50]}.{os.getpid()}.new"
    handle = _create(made, folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fchmod(out.fileno(), mode)
            if at is not None:
                os.utime(out.fileno(), (at, at))
        os.replace(made, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(made, dir_fd=folder)
        raise
