"""Write a file whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(path: str | Path, text: str, mode: int) -> None:
    """Write `text` beside `path` and move it there in one step: a reader sees the old file or the new one.

    Raises OSError when it cannot be written; then nothing is left behind.
    """
    target = Path(path)
    handle, made = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fchmod(out.fileno(), mode)
        os.replace(made, target)
    except BaseException:
        os.unlink(made)
        raise
