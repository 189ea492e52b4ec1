"""Files that this process has deleted and still holds open."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.system import deleted_files, mounts
from tests.parts import lacking
from tests.parts.users import NOBODY, need_root


def find(folder: Path) -> deleted_files.Found:
    """On the filesystem that holds the folder, below the folder alone."""
    if not Path("/proc/self/fd").is_dir():
        lacking("/proc")
    return deleted_files.find(str(folder), {mount.point for mount in mounts.read()}, time.monotonic() + 20)


def test_a_deleted_file_that_is_open_has_its_size_and_its_holder(tmp_path: Path) -> None:
    sizes = {"small.log": 10_000, "large.log": 3_000_000, "kept.log": 5_000_000, "empty": 0, "x (deleted)": 7_000}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    with (
        (tmp_path / "large.log").open() as large,
        (tmp_path / "large.log").open(),
        (tmp_path / "small.log").open(),
        (tmp_path / "kept.log").open(),
        (tmp_path / "empty").open(),
        (tmp_path / "x (deleted)").open(),
    ):
        for name in ("small.log", "large.log", "empty"):
            (tmp_path / name).unlink()
        os.fsync(large.fileno())
        found = find(tmp_path).files
    own = Path("/proc/self/comm").read_text().strip()
    assert [(one.path, one.process, one.pid) for one in found] == [
        (f"{tmp_path}/large.log", own, os.getpid()),
        (f"{tmp_path}/small.log", own, os.getpid()),
    ]
    assert found[0].size >= 3_000_000 > 100_000 > found[1].size
    assert find(tmp_path).files == []


def test_a_file_below_another_mount_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "on").mkdir()
    (tmp_path / "on/file").write_bytes(b"x" * 10_000)
    with (tmp_path / "on/file").open() as file:
        (tmp_path / "on/file").unlink()
        os.fsync(file.fileno())
        until = time.monotonic() + 20
        assert len(deleted_files.find(str(tmp_path), (), until).files) == 1
        assert deleted_files.find(str(tmp_path), {str(tmp_path), f"{tmp_path}/on"}, until).files == []


def test_who_is_not_root_hears_how_many_processes_are_hidden() -> None:
    need_root()
    code = (
        "import time; from heartbeat_cli.system import deleted_files as d;"
        "print(d.find('/', (), time.monotonic() + 20).hidden > 0)"
    )
    argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"


def test_without_proc() -> None:
    with pytest.raises(OSError):
        deleted_files.find("/", (), time.monotonic() + 5, proc="/no/such/proc")
