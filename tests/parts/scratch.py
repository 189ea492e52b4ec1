"""Where tests write: memory, where the system offers enough of it. A thousand databases are made and dropped, and on a
disk that takes longer than everything they are made for; what is written is read again, nothing is kept."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 4_000_000_000  # bytes; what a container usually gets is 64 MB


@functools.cache
def root() -> Path:
    """The folder to make folders in; its path is short, as that of a socket must be."""
    return _MEMORY if _fits() else Path("/tmp")


def _fits() -> bool:
    """Whether there is room, and programs may be started from there."""
    try:
        if shutil.disk_usage(_MEMORY).free < _ENOUGH:
            return False
        with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
            program = Path(folder) / "program"
            program.write_text("#!/bin/sh\n")
            program.chmod(0o700)
            return subprocess.run([program], check=False).returncode == 0
    except OSError:
        return False


def use() -> None:
    """Let pytest's `tmp_path` be there, too, unless somebody has said where."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(root()))


def let_others_in(folder: Path) -> None:
    """Let other users reach a folder of pytest's, whatever stands above it."""
    for one in (folder, *folder.parents):
        if "pytest" in str(one):
            one.chmod(0o755)


@contextmanager
def open_to_others() -> Iterator[Path]:
    """A folder that other users reach. Any pytest that starts shuts the folder above all of pytest's own."""
    with tempfile.TemporaryDirectory(prefix="hb-users-", dir=root()) as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
