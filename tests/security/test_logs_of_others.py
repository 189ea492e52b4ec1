"""The owner of a watched log, who may fill its folder as he likes, takes no pass its descriptors or its time. A store
that others may write has no other file of that folder read."""

import os
import resource
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartbeat_cli.domain.kinds.log_place import MOST, remembered
from heartbeat_cli.errors import Unobservable
from tests.monitors.test_log import Watched, matches, write
from tests.monitors.test_log_old import now, watched


@contextmanager
def descriptors(most: int) -> Iterator[None]:
    """As few more of them as that may be open in this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def many_names(folder: Path, number: int) -> None:
    """The file of the last check, with other content, under many names, and a new one in its place."""
    path = folder / "app.log"
    path.rename(folder / "z")
    (folder / "z").write_text("other\n" * 1_000)
    for at in range(number):
        os.link(folder / "z", folder / f"z{at}")
    write(path, "ERROR new")


def test_many_names_of_one_file_take_few_descriptors(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    write(path, *["line"] * 200)
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    many_names(tmp_path, 9_000)
    with descriptors(12):
        assert matches(log.check()) == 1


def test_some_names_of_a_file_are_tried_and_no_more(tmp_path: Path) -> None:
    """The kernel counts what this thread reads: an opening each, and the bytes before the place."""
    path = tmp_path / "app.log"
    write(path, *["line"] * 200)
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    many_names(tmp_path, 5_000)
    before = _openings()
    log.check()
    assert _openings() - before < 3_000


def _openings() -> int:
    """Calls of read and their like of this thread so far, as the kernel counts them."""
    with open(f"/proc/self/task/{threading.get_native_id()}/io") as file:
        return int(dict(line.split(": ") for line in file.read().splitlines())["syscr"])


def test_rotated_files_of_a_glob_take_a_bounded_number_of_descriptors(tmp_path: Path) -> None:
    log = Watched(path=str(tmp_path / "*.log"), contains="ERROR")
    for at in range(40):
        write(tmp_path / f"a{at}.log", f"begins {at}")
    log.check()
    for at in range(40):
        (tmp_path / f"a{at}.log").rename(tmp_path / f"a{at}.log.21")
        for number in range(20):
            write(tmp_path / f"a{at}.log.{number + 1}", f"ERROR {at} {number}")
            os.utime(tmp_path / f"a{at}.log.{number + 1}", (log.now + 30, log.now + 30))
        write(tmp_path / f"a{at}.log", f"new {at}")
    with descriptors(400):
        reading = log.check()
    assert matches(reading) >= 40
    assert "was rotated too often since the last check" in str(reading.error)


@pytest.mark.parametrize("most", range(1, 12))
def test_no_more_descriptors_make_it_unknown(tmp_path: Path, most: int) -> None:
    """It neither reads an old file again, nor loses one: the next check finds what this one could not open."""
    path = tmp_path / "app.log"
    write(path, "ERROR of yesterday, which is long enough to be known by its bytes " * 2)
    write(tmp_path / "app.log.1", "ERROR of the day before")
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    write(path, "ERROR last")
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
    path.rename(tmp_path / "app.log.1")
    write(path, "ERROR new")
    found = 0.0
    with descriptors(most):
        try:
            found = matches(log.check())
        except Unobservable as error:
            assert "too many open files" in str(error)
    assert found + matches(log.check()) == 2


# --- places that another host has written into the store


def place(name: str, inode: int, mark: int, before: bytes, folder: Path) -> list[object]:
    return [name, inode, 0, mark, zlib.crc32(before), None, str(folder), 0, [], None, 0.0, False, None]


@pytest.fixture(params=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Memory has no generations of inodes, the disk of most machines has."""
    if request.param == "memory":
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        yield Path(made)


@pytest.mark.parametrize("keys", ["app.log", "app*.log"])
def test_no_place_of_a_store_has_another_file_of_the_folder_read(folder: Path, keys: str) -> None:
    secrets = ["auth.log", "payroll.log.1", "payroll.log", "dated-1.log", "id_rsa"]
    for name in secrets:
        write(folder / name, "a secret ERROR of another file")
    write(folder / "app.log", "begins")
    log = Watched(path=str(folder / keys), contains="ERROR")
    log.check()
    forged = [place(name, 0, 0, b"", folder) for name in [*secrets, f"../{folder.name}/auth.log", "\0", "app\0.log"]]
    for name in secrets:
        inode = (folder / name).stat().st_ino
        forged += [place("app.log", inode, mark, b"a secret ERROR"[:mark], folder) for mark in (0, 1, 8)]
    log.memory["place"]["places"] += forged
    log.memory["place"]["at"] = 1.0
    reading = log.check()
    assert matches(reading) == 0 and "secret" not in str(reading)
    write(folder / "app.log", "ERROR of its own")
    assert matches(log.check()) == 1


def test_no_file_above_is_read_by_a_name_that_a_glob_fits(tmp_path: Path) -> None:
    """A `*` of a glob fits a slash, too."""
    (tmp_path / "logs/old").mkdir(parents=True)
    write(tmp_path / "secret.log", "a secret ERROR")
    write(tmp_path / "logs/app.log", "begins")
    log = Watched(path=str(tmp_path / "logs/*.log"), contains="ERROR", olddir="old")
    log.check()
    log.memory["place"]["at"] = 1.0
    log.memory["place"]["places"].append(place("../../secret.log", 0, 0, b"", tmp_path))
    assert matches(log.check()) == 0


def test_places_beyond_those_that_are_kept_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "app.log", "begins")
    log = Watched(path=str(tmp_path / "app.log"), contains="ERROR")
    log.check()
    memory = log.memory["place"]
    memory["places"] += [place("app.log", at, 0, b"", tmp_path) for at in range(15_000)]
    memory["known"] = [[at, 1, 1.0, 1] for at in range(15_000)]
    found = remembered(memory, memory["key"])
    assert found is not None and found.known is not None and len(found.places) == len(found.known) == MOST
    write(tmp_path / "app.log", "ERROR 1")
    assert matches(log.check()) == 1


def test_a_small_file_is_followed_to_a_name_of_a_row_where_inodes_have_no_generation(tmp_path: Path) -> None:
    current = tmp_path / "current"
    write(current, "begins")
    log = watched(path=str(current))
    now(log)
    for at in range(2):
        write(current, f"ERROR {at}")
        current.rename(tmp_path / f"@400000006756d5a12b1a7a2{at}.s")
    write(current, "ERROR")
    assert matches(now(log)) == 3
