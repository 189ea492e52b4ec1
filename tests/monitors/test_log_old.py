"""Files that rotation made before the last check, and files of another log: none of their lines is news."""

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from tests.monitors.test_log import Watched, matches, write

MISSING = "lines may be missing"


def watched(**keys: Any) -> Watched:
    """A log that is checked at the present time."""
    log = Watched(contains="ERROR", **keys)
    log.now = time.time()
    return log


def now(log: Watched) -> Reading:
    """A check at the present time."""
    log.now = time.time()
    return log.check(0)


def old(path: Path, *lines: str) -> Path:
    write(path, *(lines or ("ERROR of last year",)))
    os.utime(path, (1e9, 1e9))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    write(path, "begins")
    return path


@pytest.fixture
def disk() -> Iterator[Path]:
    """A log on a disk, whose file system gives the inode of a file that was removed to the next one, as ext4 does."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        path = Path(folder) / "log/app.log"
        path.parent.mkdir()
        write(path, "begins")
        yield path


def logrotate(folder: Path, *lines: str, of: str = "app.log") -> None:
    conf = folder.parent / f"{folder.name}.conf"
    conf.write_text(f"{folder}/{of} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n")
    conf.chmod(0o644)
    subprocess.run(["logrotate", "--force", "--state", f"{conf}.state", conf], check=True)


@pytest.mark.parametrize(
    ("stale", "rotated"),
    [
        ("app.log.bak", "app.log.1"),
        ("app.log.old", "app.log.1"),
        ("app.log.1", "app.log-20261128"),  # dateext has been turned on
        ("app.log.1", "app.log.2"),  # the higher number is the newer one
        ("app.log-30112026", "app.log-01122026"),
    ],
)
def test_files_that_were_there_before_are_not_read_at_a_rotation(path: Path, stale: str, rotated: str) -> None:
    old(path.with_name(stale))
    log = watched(path=str(path))
    now(log)
    write(path, "ERROR 1")
    path.rename(path.with_name(rotated))
    write(path, "ERROR 2")
    assert [matches(now(log)) for _ in range(3)] == [2, 0, 0]


def gunzip(path: Path) -> None:
    with gzip.open(f"{path}.gz") as packed:
        path.write_bytes(packed.read())


@pytest.mark.parametrize(
    "touch",
    [
        lambda path: os.utime(path.with_name("app.log.1")),
        lambda path: write(path.with_name("app.1.log"), "ERROR of another instance"),
        lambda path: gunzip(path.with_name("app.log.3")),
        lambda path: path.with_name("app.log.1").rename(path.with_name("app.log.2")),
        lambda path: subprocess.run(["gzip", path.with_name("app.log.1")], check=True),
    ],
    ids=["touched", "written", "restored", "renamed", "compressed"],
)
@pytest.mark.parametrize("rotate", [False, True], ids=["empty", "rotated"])
def test_a_rotated_file_that_somebody_touches_is_not_read(
    path: Path, touch: Callable[[Path], None], rotate: bool
) -> None:
    for name in ("app.log.1", "app.1.log", "app.log.3"):
        old(path.with_name(name))
    subprocess.run(["gzip", path.with_name("app.log.3")], check=True)
    path.write_text("")
    log = watched(path=str(path))
    now(log)
    touch(path)
    if rotate:
        write(path, "ERROR 1")
        path.rename(path.with_name("app.log-20261128"))
        path.touch()
    assert [matches(now(log)) for _ in range(3)] == [float(rotate), 0, 0]


@pytest.mark.parametrize("how", ["xz", "link", "folder"])
def test_what_was_there_before_and_cannot_be_read_is_not_said(path: Path, how: str) -> None:
    stale = path.with_name("app.log.old")
    if how == "xz":
        old(path.with_name("app.log.old.xz"))
    elif how == "link":
        stale.symlink_to("/etc/hostname")
    else:
        stale.mkdir()
    log = watched(path=str(path))
    now(log)
    write(path, "ERROR 1")
    path.rename(path.with_name("app.log.1"))
    write(path, "ERROR 2")
    reading = now(log)
    assert matches(reading) == 2 and MISSING not in str(reading.error)


@pytest.mark.parametrize("compress", [False, True])
def test_lines_of_another_log_that_got_the_inode_are_not_read(disk: Path, compress: bool) -> None:
    path = disk
    path.write_text("")
    other = path.with_name("other.log")
    write(other, "ERROR of the other log")
    log = watched(path=str(path))
    now(log)
    if compress:
        logrotate(path.parent, "rotate 3", "compress", "ifempty", "create", of="*.log")
    else:
        path.unlink()
        path.with_name("secret").touch()
    write(other if compress else path.with_name("secret"), "ERROR of the other log")
    assert [matches(now(log)) for _ in range(2)] == [0, 0]
    write(path, "ERROR 1")
    assert matches(now(log)) == 1


def test_two_files_with_the_same_first_line_are_told_apart(disk: Path) -> None:
    path = disk
    path.write_text("# fields: time level text\n")
    log = watched(path=str(path))
    now(log)
    write(path, "ERROR 1")
    with path.open("rb") as plain, gzip.open(f"{path}.1.gz", "wb") as packed:  # as handlers of Python's logging do
        shutil.copyfileobj(plain, packed)
    path.unlink()
    write(path, "# fields: time level text", "ERROR 2")
    assert [matches(now(log)) for _ in range(2)] == [2, 0]


def test_a_file_that_was_replaced_is_said_whatever_inode_the_new_one_has(disk: Path) -> None:
    log = watched(path=str(disk))
    now(log)
    disk.unlink()
    write(disk, "begins anew")
    assert f"{MISSING}: app.log was moved away" in str(now(log).error)


@pytest.mark.parametrize("how", ["copytruncate", "create"])
@pytest.mark.parametrize("compress", [True, False])
def test_a_file_rotated_between_the_beginning_of_the_pass_and_the_check_is_read_once(
    path: Path, how: str, compress: bool
) -> None:
    log = watched(path=str(path))
    now(log)
    write(path, "ERROR 1")
    log.now = time.time()
    write(path, "ERROR 2")
    logrotate(path.parent, "rotate 3", how, *["compress"] * compress)
    assert [matches(log.check(0)), *(matches(now(log)) for _ in range(2))] == [2, 0, 0]


@pytest.mark.parametrize("how", ["copytruncate", "create"])
@pytest.mark.parametrize("compress", ["", "compress", "compress delaycompress"])
def test_a_rotated_file_that_the_glob_means_too_is_not_read_again(path: Path, how: str, compress: str) -> None:
    write(path, "ERROR of yesterday")
    log = watched(path=str(path.with_name("*.log")))
    now(log)
    options = ["rotate 2", "extension .log", how, *compress.split()]
    for _ in range(4):
        write(path, "ERROR 1")
        logrotate(path.parent, *options)
        write(path, "ERROR 2")
        reading = now(log)
        assert matches(reading) == 2 and MISSING not in str(reading.error)
    assert matches(now(log)) == 0


def test_a_link_to_another_file_of_the_glob_is_no_second_file(path: Path) -> None:
    path.with_name("current.log").symlink_to("app.log")
    log = watched(path=str(path.with_name("*.log")))
    now(log)
    write(path, "ERROR 1")
    assert [matches(now(log)) for _ in range(2)] == [1, 0]


def test_the_backup_of_an_editor_is_no_rotated_file(path: Path) -> None:
    write(path, *(f"ERROR {n} it cannot be written" for n in range(50)))
    log = watched(path=str(path))
    now(log)
    text = path.read_text()
    path.rename(f"{path}~")
    path.write_text(text)
    write(path, "ERROR new")
    assert [matches(now(log)) for _ in range(2)] == [1, 0]


def test_a_glob_may_mean_names_with_dates_only(tmp_path: Path) -> None:
    log = watched(path=str(tmp_path / "access_log.*"))
    write(tmp_path / "access_log.20261128", "ERROR of yesterday")
    assert now(log).status == "healthy"
    write(tmp_path / "access_log.20261128", "ERROR 1")
    write(tmp_path / "access_log.20261129", "ERROR 2")
    assert [matches(now(log)) for _ in range(2)] == [2, 0]
