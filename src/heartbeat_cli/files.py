"""Write a file whole or not at all."""

import os
from pathlib import Path


def write_whole(path: str | Path, text: str, mode: int) -> None:
    """Write `text` beside `path` and move it there in one step: a reader sees the old file or the new one.

    A link is followed. What is there and is no regular file (`/dev/stdout`, a pipe) is written to, never replaced: a
    file moved onto `/dev/null` would take that from the whole host.
    Raises OSError when it cannot be written; then nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(path) and not target.is_file():
        _write_into(path, text)
        return
    made = str(target.with_name(f".{target.name[:50]}.{os.getpid()}.new"))
    handle = _create(made)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fchmod(out.fileno(), mode)
        os.replace(made, target)
    except BaseException:
        os.unlink(made)
        raise


def _create(path: str) -> int:
    """A new file of our own; what a killed process of the same number left there, or somebody planted, goes first."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o600)


def _write_into(path: str | Path, text: str) -> None:
    # A pipe that nobody reads would block the opening for ever; once it is open, its reader may take his time.
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        os.set_blocking(handle, True)
        out.write(text)
