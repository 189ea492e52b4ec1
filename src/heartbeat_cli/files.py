"""Write a file whole or not at all."""

import os
import tempfile
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
    handle, made = tempfile.mkstemp(prefix=f".{target.name[:50]}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fchmod(out.fileno(), mode)
        os.replace(made, target)
    except BaseException:
        os.unlink(made)
        raise


def _write_into(path: str | Path, text: str) -> None:
    # A pipe that nobody reads would block the opening for ever; once it is open, its reader may take his time.
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        os.set_blocking(handle, True)
        out.write(text)
