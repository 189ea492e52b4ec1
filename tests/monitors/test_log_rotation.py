"""What rotation does to lines that have not been read yet, and in the middle of a check."""

import gzip
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.errors import Unobservable
from tests.monitors.test_log import Watched, matches, write

MISSING = "lines may be missing"


def behind(reading: Reading) -> float:
    return {metric.name: metric.value for metric in reading.metrics}["behind_bytes"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    write(path, "begins")
    return path


def backlog(path: Path, *, seconds: float = 0) -> Watched:
    """A log with an ERROR line far behind what has been read, rotated files of earlier days beside it."""
    for n in (2, 3):
        write(path.with_name(f"app.log.{n}"), f"day {n}", "ERROR of another day")
    log = Watched(path=str(path), contains="ERROR", max_bytes=100_000)
    log.now -= seconds
    log.check()
    write(path, *(f"{n:06} all is well, and there is much to say about it" for n in range(8_000)), "ERROR at the end")
    assert behind(log.check()) > 90_000
    return log


def compress(path: Path) -> None:
    """As gzip(1) does, which keeps the time."""
    subprocess.run(["gzip", path], check=True)


def test_unread_lines_of_a_file_that_was_compressed_are_read(path: Path) -> None:
    log = backlog(path)
    path.rename(f"{path}.1")
    compress(Path(f"{path}.1"))
    path.touch()
    found = [log.check() for _ in range(9)]
    assert sum(map(matches, found)) == 1
    assert MISSING not in str([one.error for one in found])


def test_unread_lines_of_a_rotated_file_that_is_compressed_later_are_read(path: Path) -> None:
    log = backlog(path)
    path.rename(f"{path}.1")
    path.touch()
    log.settings = log.settings._replace(max_bytes=60_000)
    assert matches(log.check()) == 0
    compress(Path(f"{path}.1"))
    assert sum(matches(log.check()) for _ in range(4)) == 1


def test_a_last_line_without_an_end_is_read_from_the_compressed_file(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    path.write_text(path.read_text() + "ERROR last words")
    assert matches(log.check()) == 0
    path.rename(f"{path}.1")
    compress(Path(f"{path}.1"))
    path.touch()
    assert [matches(log.check()) for _ in range(2)] == [1, 0]


def test_unread_lines_of_a_compressed_file_that_is_removed_are_said_to_be_missing(path: Path) -> None:
    log = backlog(path)
    path.rename(f"{path}.1")
    compress(Path(f"{path}.1"))
    path.touch()
    assert behind(log.check()) > 90_000
    Path(f"{path}.1.gz").unlink()
    assert MISSING in (log.check().error or "")


@pytest.mark.parametrize("how", ["removed", "missing", "folder", "xz"])
def test_unread_lines_that_are_gone_are_said_to_be_missing(path: Path, how: str) -> None:
    log = backlog(path)
    log.settings = log.settings._replace(missing_ok=True)
    if how == "xz":
        path.rename(f"{path}.1")
        subprocess.run(["xz", f"{path}.1"], check=True)
    elif how == "folder":
        shutil.rmtree(path.parent)
    else:
        path.unlink()
    if how in ("xz", "removed"):
        path.touch()
    for _ in range(3):  # as many checks as make a fault
        reading = log.check()
        assert (reading.status, reading.category) == ("degraded", "configuration")
        named = "app.log.1.xz" if how == "xz" else "app.log"
        assert MISSING in (reading.error or "") and named in (reading.error or "")
    assert how == "xz" or log.check().status == "healthy"


def test_lines_of_a_file_whose_file_system_was_away_for_a_moment_are_read_on(path: Path) -> None:
    log = backlog(path)
    away = path.with_name("away")
    path.rename(away)
    away = away.rename(path.parent.parent / f"{path.parent.name}-away")
    assert MISSING in (log.check().error or "")
    away.rename(path)
    assert sum(matches(log.check()) for _ in range(3)) == 1


def test_a_copy_is_found_after_the_clock_was_set_back(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    write(path, "ERROR before the copy")
    shutil.copyfile(path, f"{path}.1")
    os.truncate(path, 0)
    assert matches(log.check(-60)) == 1


def test_a_file_that_is_truncated_during_the_check_is_read_on_in_its_copy(path: Path) -> None:
    """At whatever moment of the check: no line of the old file is news."""
    for n in range(8):
        for old in path.parent.glob("app.log*"):
            old.unlink()
        write(path, *(f"{number} ERROR that is long mended" for number in range(5_000)))
        log = Watched(path=str(path), pattern="(ERROR|CRITICAL) .*")
        log.now = time.time()
        log.check(0)
        write(path, *(f"{number} is quiet, a line of some length as logs have them" for number in range(60_000)))

        def rotate(after: float = 0.02 * n) -> None:
            time.sleep(after)
            shutil.copyfile(path, f"{path}.1")
            os.truncate(path, 0)

        rotating = threading.Thread(target=rotate)
        rotating.start()
        log.check(0)
        rotating.join()
        write(path, "CRITICAL new")
        found = [log.check(1) for _ in range(2)]
        assert sum(map(matches, found)) == 1, f"truncated after {0.02 * n} s"


def test_more_names_than_are_looked_at_are_said(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    for n in range(10_000):
        os.mknod(path.with_name(f"session-{n}"))
    write(path, "ERROR before")
    path.rename(f"{path}.1")
    path.touch()
    with pytest.raises(Unobservable, match="holds more than 10000 names"):
        log.check()
    with pytest.raises(Unobservable, match="holds more than 10000 names"):
        Watched(path=str(path.with_name("*.log")), contains="ERROR").check()
    for n in range(10):
        path.with_name(f"session-{n}").unlink()
    assert matches(log.check()) == 1


def test_a_compressed_file_takes_no_more_than_the_checks_time(path: Path) -> None:
    packed = Path(f"{path}.1.gz")
    log = Watched(path=str(path), contains="ERROR", timeout=1)
    log.check()
    os.truncate(path, 0)
    for content in (gzip.compress(b"") * 1_000_000, b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"a" * 100_000_000):
        packed.write_bytes(content)
        os.utime(packed, (log.now + 30, log.now + 30))
        started = time.monotonic()
        memory = log.memory
        found = [log.check() for _ in range(2)]
        assert time.monotonic() - started < 4
        assert MISSING in (found[1].error or "") and "app.log.1.gz" in (found[1].error or "")
        log.memory = memory


def test_a_copied_file_that_is_filled_again_with_lines_that_are_alike(tmp_path: Path) -> None:
    """The bytes before the place are the same again, and nothing follows it in the copy: the beginnings differ."""
    path = tmp_path / "app.log"
    write(path, *["tick"] * 2_000)
    log = Watched(path=str(path), contains="ERROR")
    log.now = time.time()
    log.check(0)
    shutil.copy(path, f"{path}.1")
    path.write_text("")
    write(path, *["tick"] * 100, "ERROR bo.", *["tick"] * 1_950)
    assert [matches(log.check()) for _ in range(2)] == [1, 0]


def test_a_hole_to_the_end_of_a_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    write(path, "begins")
    log = Watched(path=str(path), contains="ERROR", max_bytes=100_000)
    log.check()
    os.truncate(path, 50_000_000)
    reading = log.check()
    lines = {metric.name: metric.value for metric in reading.metrics}["lines"]
    assert lines <= 2 and behind(reading) == 0, "no more than begins in a block that holds data"
    write(path, "ERROR behind it")
    assert matches(log.check()) == 1
