"""The owner of a watched log, who may fill its folder as he likes, takes no pass its descriptors or its time."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartbeat_cli.errors import Unobservable
from tests.monitors.test_log import Watched, matches, write


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
