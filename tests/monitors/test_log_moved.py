"""Logs that rotation moves to another folder, and logs that are trimmed from their beginning."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.monitors.test_log import Watched, matches, write

MISSING = "lines may be missing"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log/app.log"
    path.parent.mkdir()
    write(path, *(f"{n:04} all is well, and there is much to say about it" for n in range(40)))
    return path


def watched(**keys: Any) -> Watched:
    """A log whose last check was before the files of this test were written."""
    log = Watched(contains="ERROR", **keys)
    log.now = time.time() - 3_600
    return log


def total(log: Watched, checks: int = 3) -> float:
    return sum(matches(log.check()) for _ in range(checks))


# --- another folder


@pytest.mark.parametrize("olddir", ["old", "{}/archive"])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_last_lines_before_logrotate_moved_the_file_are_read(
    path: Path, tmp_path: Path, olddir: str, compressed: bool
) -> None:
    olddir = olddir.format(tmp_path)
    folder = path.parent / olddir
    folder.mkdir()
    log = watched(path=str(path), olddir=olddir)
    log.check()
    write(path, "ERROR 1")
    path.rename(folder / "app.log.1")
    if compressed:
        subprocess.run(["gzip", folder / "app.log.1"], check=True)
    write(path, "ERROR 2")
    assert matches(log.check()) == 2
    if not compressed:
        write(folder / "app.log.1", "ERROR of a writer that has the old file open")
        assert matches(log.check()) == 1
    assert total(log) == 0
    assert MISSING not in str(log.check().error)


def test_files_rotated_several_times_into_another_folder_are_read(path: Path) -> None:
    folder = path.parent / "old"
    folder.mkdir()
    log = watched(path=str(path), olddir="old")
    log.check()
    write(path, "ERROR 1")
    path.rename(folder / "app.log.2")
    write(path, "ERROR 2")
    path.rename(folder / "app.log.1")
    write(path, "ERROR 3")
    for n, name in enumerate(("app.log.2", "app.log.1")):
        os.utime(folder / name, (log.now + n + 1, log.now + n + 1))
    assert matches(log.check()) == 3
    assert total(log) == 0


def test_a_folder_for_rotated_files_may_be_made_later(path: Path) -> None:
    log = watched(path=str(path), olddir="old")
    log.check()
    write(path, "ERROR 1")
    assert matches(log.check()) == 1
    (path.parent / "old").mkdir()
    write(path, "ERROR 2")
    path.rename(path.parent / "old/app.log.1")
    path.touch()
    assert matches(log.check()) == 1


@pytest.mark.parametrize("days", [("2026-11-27", "2026-11-28"), ("9", "10"), ("r9/log", "r10/log")])
def test_the_last_lines_before_a_link_moved_to_the_next_folder_are_read(tmp_path: Path, days: tuple[str, str]) -> None:
    for day in days:
        (tmp_path / day).mkdir(parents=True)
    link = tmp_path / "current"
    link.symlink_to(days[0])
    write(link / "app.log", "begins")
    log = watched(path=str(link / "app.log"))
    log.check()
    write(link / "app.log", "ERROR 1")
    link.unlink()
    link.symlink_to(days[1])
    write(link / "app.log", "ERROR 2")
    assert matches(log.check()) == 2
    write(tmp_path / days[0] / "app.log", "ERROR of a writer that has the old file open")
    assert matches(log.check()) == 1
    assert total(log) == 0


def test_files_rotated_on_both_days_are_read(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for day in ("1", "2"):
        (tmp_path / day).mkdir()
    link.symlink_to("1")
    write(link / "app.log", "begins")
    log = watched(path=str(link / "app.log"))
    log.check()
    for day in ("1", "2"):
        link.unlink()
        link.symlink_to(day)
        write(link / "app.log", f"ERROR {day}a")
        (link / "app.log").rename(link / "app.log.1")
        write(link / "app.log", f"ERROR {day}b")
    assert matches(log.check()) == 4
    assert total(log) == 0


def test_a_folder_of_another_name_is_not_looked_into(tmp_path: Path) -> None:
    """The store says where the file was, and who may write there could have any file of this name read."""
    for name in ("open", "secret"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("open")
    write(tmp_path / "open/app.log", "begins")
    write(tmp_path / "secret/app.log", "begins")
    log = watched(path=str(link / "app.log"))
    log.check()
    place = log.memory["place"]["places"][0]
    place[1] = (tmp_path / "secret/app.log").stat().st_ino
    place[6] = str(tmp_path / "secret")
    write(tmp_path / "secret/app.log", "ERROR secret")
    assert total(log) == 0


def test_a_file_that_was_moved_to_where_it_is_not_found_is_said(path: Path, tmp_path: Path) -> None:
    log = watched(path=str(path))
    log.check()
    path.rename(tmp_path / "app.log.1")
    write(path, "begins")
    for _ in range(3):  # as many checks as make a fault
        reading = log.check()
        assert (reading.status, reading.category) == ("degraded", "configuration")
        assert MISSING in str(reading.error) and "app.log" in str(reading.error) and "olddir" in str(reading.error)
    assert log.check().status == "healthy"


def test_a_file_whose_removal_is_no_fault_may_be_made_anew(path: Path, tmp_path: Path) -> None:
    log = watched(path=str(path), missing_ok=True)
    log.check()
    path.rename(tmp_path / "elsewhere")
    write(path, "ERROR 1")
    reading = log.check()
    assert matches(reading) == 1 and reading.status == "unhealthy" and MISSING not in str(reading.error)


# --- trimmed


def trim(path: Path, how: str, lines: int) -> None:
    kept = subprocess.run(["tail", "-n", str(lines), path], check=True, capture_output=True).stdout
    if how == "bytes":
        kept = kept[7:]
    if how == "mv":
        (path.parent / "kept").write_bytes(kept)
        (path.parent / "kept").rename(path)
    else:
        path.write_bytes(kept)


@pytest.mark.parametrize("how", ["in place", "mv", "bytes"])
@pytest.mark.parametrize("lines", [4, 10, 30, 45])
def test_the_lines_left_in_a_trimmed_file_are_not_read_again(path: Path, how: str, lines: int) -> None:
    log = watched(path=str(path))
    log.check()
    write(path, "0041 ERROR it cannot be written, for reasons that are not known")
    assert matches(log.check()) == 1
    write(path, "0042 ERROR again", "0043 and")
    trim(path, how, lines)
    assert matches(log.check()) == 1
    write(path, "0044 ERROR once more")
    assert matches(log.check()) == 1
    assert total(log) == 0


@pytest.mark.parametrize("how", ["in place", "mv"])
def test_a_line_without_an_end_is_found_in_a_trimmed_file(path: Path, how: str) -> None:
    log = watched(path=str(path))
    log.check()
    path.write_text(path.read_text() + "0040 ERROR half of")
    log.check()
    path.write_text(path.read_text() + " a line\n0041 ERROR\n")
    trim(path, how, 35)
    assert total(log) == 2


def test_a_file_that_was_emptied_and_written_anew_is_read_as_a_whole(path: Path) -> None:
    log = watched(path=str(path))
    log.check()
    path.write_text("".join(f"ERROR {n}\n" for n in range(100)))
    assert matches(log.check()) == 100


def test_a_new_file_that_repeats_the_old_one_is_read_when_the_old_one_was_renamed(path: Path) -> None:
    path.write_text("ERROR, the same every time, since no time stands in front of it\n" * 50)
    log = watched(path=str(path))
    log.check()
    write(path, "ERROR, the same every time, since no time stands in front of it")
    path.rename(f"{path}.1")
    path.write_text("ERROR, the same every time, since no time stands in front of it\n" * 50)
    assert matches(log.check()) == 51
