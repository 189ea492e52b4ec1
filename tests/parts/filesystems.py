"""Small filesystems of their own: one to be filled, and one whose server never answers. Only root can mount them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.parts import lacking
from tests.parts.users import need_root


@contextmanager
def mounted(kind: str, point: Path, *options: str, source: Path = Path("none")) -> Iterator[Path]:
    """A filesystem over what stands there: in memory (`tmpfs`, `ramfs`), or in an image (`source`)."""
    need_root()
    done = subprocess.run(["mount", "-t", kind, *options, source, point], capture_output=True, check=False)
    if done.returncode:
        lacking(f"the right to mount a {kind}")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", point], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty filesystem of 64 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    with mounted("tmpfs", point, "-o", "size=64m"):
        yield point


def fill(path: Path, size: int) -> None:
    """Write a file of so many bytes, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


class hanging_mount:
    """FUSE over /dev/fuse, with nobody reading the requests."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        import ctypes
        import tempfile

        self._libc = ctypes.CDLL(None, use_errno=True)
        self._point = tempfile.mkdtemp(prefix="heartbeat-fuse-", dir=self._folder)
        self._device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0".encode()
        if self._libc.mount(b"nobody", self._point.encode(), b"fuse.test", 0, options) != 0:
            os.close(self._device)
            os.rmdir(self._point)
            lacking(f"the right to mount: {os.strerror(ctypes.get_errno())}")
        return self._point

    def __exit__(self, *_: object) -> None:
        os.close(self._device)  # aborts the connection: whoever hangs gets an error
        self._libc.umount2(self._point.encode(), 2)
        os.rmdir(self._point)
