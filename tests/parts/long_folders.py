"""Folders whose paths are as long as the system lets them be, as any user can make them."""

import os
from pathlib import Path


def make(top: Path, deep: int, many: int, *, files: bool = False) -> None:
    """Make so many empty folders (or files), all names as long as they may be, which only root may read."""
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(deep):
        name = "\U0001f600" + "d" * 250
        os.mkdir(name, dir_fd=at)
        at, above = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at), at
        os.close(above)
    for number in range(many):
        name = f"\U0001f600{number:05d}" + "x" * 245
        if files:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=at))
        else:
            os.mkdir(name, 0o700, dir_fd=at)
    os.close(at)
