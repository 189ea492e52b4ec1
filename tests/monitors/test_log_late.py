"""Lines that are easily missed: of writers that keep an old file open, of several rotations between two checks, of
files that were away. What may have been missed is said, and nothing else is."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.monitors.test_log import Watched, matches, write
from tests.monitors.test_log_old import MISSING, logrotate, now, old, watched


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    write(path, "begins, and there is as much to say about it as there is in a log " * 3)
    return path


@pytest.mark.parametrize("create", [[], ["ERROR 1"]], ids=["empty", "used"])
def test_a_writer_may_keep_the_old_file_open_for_long(path: Path, create: list[str]) -> None:
    log = Watched(path=str(path), contains="ERROR")
    log.now = time.time()
    log.check(0)
    rotated = path.rename(f"{path}.1")
    write(path, *create)
    assert matches(log.check()) == len(create)
    for minutes in [1] * 20 + [200] * 3:
        write(rotated, "ERROR late")
        os.utime(rotated, (log.now + 30, log.now + 30))
        assert matches(log.check(minutes)) == 1
    compressed = subprocess.run(["gzip", rotated], check=False)
    assert compressed.returncode == 0 and matches(log.check()) == 0


NAMES = [
    ("app.log.2026-11-28_19-49", "app.log.2026-11-28_19-50"),
    ("app.log.2026-11-28_19-49-01", "app.log.2026-11-28_19-49-02"),
    ("app-2026-11-28T19-49-49.123.log", "app-2026-11-28T19-49-50.123.log"),
    ("app-2026-11-28T19-49-49.123.log.gz", "app-2026-11-28T19-49-50.123.log.gz"),
    ("app.2026-11-28.0.log", "app.2026-11-28.1.log"),
    ("app-2026-11-28-1.log", "app-2026-11-28-2.log"),
    ("app-11-28-2026-1.log.gz", "app-11-28-2026-2.log.gz"),
    ("app.log-2026-10", "app.log-2026-11"),
    ("app.log-202610.gz", "app.log-202611.gz"),
    ("app.log_20261127", "app.log_20261128"),
    ("app.log.2.txt", "app.log.1.txt"),
    ("app.log.2026-11-28T19:49:49Z", "app.log.2026-11-28T19:50:49Z"),
    ("app.log.2026-11-28T19:49:49+08:00", "app.log.2026-11-28T19:50:49+08:00"),
    ("@400000006756d5a12b1a7a2c.s", "@400000006756d5a12b1a7a2d.s"),
]


@pytest.mark.parametrize("names", NAMES)
def test_two_rotations_between_two_checks_lose_no_line(path: Path, names: tuple[str, str]) -> None:
    log = watched(path=str(path))
    now(log)
    for name in names:
        write(path, f"ERROR {name}")
        plain = path.rename(path.with_name(name.removesuffix(".gz")))
        if name.endswith(".gz"):
            subprocess.run(["gzip", plain], check=True)
    write(path, "ERROR now")
    reading = now(log)
    assert matches(reading) == 3 and MISSING not in str(reading.error)
    assert [matches(now(log)) for _ in range(2)] == [0, 0]


def test_a_name_that_tells_nothing_of_the_others_is_said(path: Path) -> None:
    log = watched(path=str(path))
    now(log)
    path.rename(f"{path}.beforelast")
    write(path, "ERROR 1")
    path.rename(f"{path}.thelast")
    write(path, "ERROR 2")
    reading = now(log)
    assert matches(reading) == 1
    assert f"{MISSING}: app.log.beforelast was rotated, and names of older files are not recognised" in str(
        reading.error
    )


def test_a_file_that_was_away_may_be_written_and_rotated_before_the_next_check(path: Path) -> None:
    log = watched(path=str(path))
    now(log)
    logrotate(path.parent, "rotate 3", "nocreate")
    assert matches(now(log)) == 0
    write(path, "ERROR 1")
    logrotate(path.parent, "rotate 3", "nocreate")
    write(path, "ERROR 2")
    logrotate(path.parent, "rotate 3", "nocreate")
    assert [matches(now(log)) for _ in range(2)] == [2, 0]


def test_a_new_file_of_a_glob_may_have_been_rotated(path: Path) -> None:
    log = watched(path=str(path.with_name("*.log")))
    old(path.with_name("job.log.9"))
    now(log)
    job = path.with_name("job.log")
    for n in (3, 2, 1):
        write(job, f"ERROR {n}")
        job.rename(f"{job}.{n}")
    write(job, "ERROR 0")
    assert [matches(now(log)) for _ in range(2)] == [4, 0]


def test_a_file_of_a_glob_that_is_away_may_be_written_and_rotated_before_the_next_check(path: Path) -> None:
    log = watched(path=str(path.with_name("*.log")))
    now(log)
    logrotate(path.parent, "rotate 3", "compress", "nocreate")
    assert matches(now(log)) == 0
    write(path, "ERROR 1")
    logrotate(path.parent, "rotate 3", "compress", "nocreate")
    assert [matches(now(log)) for _ in range(2)] == [1, 0]


def test_a_rotated_file_that_a_glob_means_may_be_written_and_compressed_before_the_next_check(path: Path) -> None:
    log = watched(path=str(path.with_name("*.log")))
    now(log)
    write(path, "ERROR 1")
    rotated = path.rename(path.with_name("app-2026-11-28.log"))
    path.touch()
    assert matches(now(log)) == 1
    write(path, "ERROR 2")
    write(rotated, "ERROR 3")
    subprocess.run(["gzip", rotated], check=True)
    assert [matches(now(log)) for _ in range(2)] == [2, 0]


def test_a_quiet_log_that_was_compressed_while_it_was_away_is_not_said(path: Path) -> None:
    log = watched(path=str(path))
    now(log)
    logrotate(path.parent, "rotate 3", "compress", "nocreate")
    assert now(log).error == f"no such file: {path}" or matches(now(log)) == 0
    write(path.with_name("filler"), "takes the inode")
    write(path, "ERROR 1")
    reading = now(log)
    assert matches(reading) == 1 and MISSING not in str(reading.error)


def test_a_file_of_a_glob_that_was_moved_is_said_when_the_new_one_comes(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write(path.with_name("other.log"), "begins")
    log = watched(path=str(path.with_name("*.log")))
    now(log)
    path.rename(tmp_path / "elsewhere/app.log.1")
    assert MISSING not in str(now(log).error)
    write(path, "begins anew")
    assert f"{MISSING}: app.log was moved away" in str(now(log).error)


@pytest.mark.parametrize("compress", [[], ["compress"]])
def test_the_rest_of_a_file_that_the_next_rotation_removes_is_said_to_be_missing(
    path: Path, compress: list[str]
) -> None:
    log = watched(path=str(path), max_bytes=100_000)
    now(log)
    write(path, *(f"{n:06} all is well, and there is much to say about it" for n in range(8_000)), "ERROR at the end")
    logrotate(path.parent, "rotate 1", "create", *compress)
    assert MISSING not in str(now(log).error)
    write(path, "one line")
    logrotate(path.parent, "rotate 1", "create", *compress)
    reading = now(log)
    assert f"{MISSING}: what had not been read of app.log is no longer found" in str(reading.error)
    assert "moved away" not in str(reading.error)


def test_more_rotations_than_are_read_are_said(path: Path) -> None:
    log = watched(path=str(path))
    now(log)
    for n in range(40, 0, -1):
        write(path, "ERROR")
        path.rename(f"{path}.{n}")
    path.touch()
    reading = now(log)
    assert matches(reading) == 31  # that which holds the place, and thirty more
    assert f"{MISSING}: app.log was rotated too often since the last check" in str(reading.error)


def test_the_places_of_many_files_are_kept_while_they_are_needed(tmp_path: Path) -> None:
    log = watched(path=str(tmp_path / "*.log"))
    files = [tmp_path / f"{n:02}.log" for n in range(50)]
    for path in files:
        write(path, f"{path.name} begins")
    now(log)
    for _ in range(6):
        for path in files:
            write(path, "ERROR 1")
        logrotate(tmp_path, "rotate 9", "create", of="*.log")
        for path in files:
            write(path, "ERROR 2")
        assert matches(now(log)) == 100
    assert matches(now(log)) == 0
    assert len(log.memory["place"]["places"]) <= 200


def test_names_that_are_many_and_do_not_come_back_are_forgotten_in_silence(tmp_path: Path) -> None:
    log = watched(path=str(tmp_path / "*.log"))
    for batch in "abcde":
        jobs = [tmp_path / f"{batch}job{'x' * n}.log" for n in range(50)]
        for job in jobs:
            write(job, "begins")
        now(log)
        for job in jobs:
            write(job, "ERROR")
        subprocess.run(["gzip", *jobs], check=True)
        reading = now(log)
        assert matches(reading) == 50 and MISSING not in str(reading.error)


def test_a_link_may_be_moved_twice_between_two_checks(tmp_path: Path) -> None:
    link = tmp_path / "app.INFO"

    def flip(n: int) -> None:
        name = f"app.host.log.INFO.20261128-10000{n}.{n}"
        write(tmp_path / name, f"ERROR {n}")
        link.unlink(missing_ok=True)
        link.symlink_to(name)

    flip(0)
    log = watched(path=str(link))
    now(log)
    for n in (1, 2, 3):
        flip(n)
    assert [matches(now(log)) for _ in range(2)] == [3, 0]


def test_the_link_to_the_folder_of_the_day_may_be_moved_twice_between_two_checks(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for day in ("00", "01", "02", "03"):
        (tmp_path / day).mkdir()
    old(tmp_path / "00/app.log")
    os.utime(tmp_path / "00", (1e9, 1e9))
    link.symlink_to("01")
    write(link / "app.log", "begins")
    log = watched(path=str(link / "app.log"))
    now(log)
    for day in ("02", "03"):
        link.unlink()
        link.symlink_to(day)
        write(link / "app.log", "ERROR")
    assert [matches(now(log)) for _ in range(2)] == [2, 0]


@pytest.mark.parametrize("late", [False, True])
def test_a_late_line_in_a_file_that_is_then_compressed_so_that_it_cannot_be_read_is_said(
    path: Path, late: bool
) -> None:
    log = watched(path=str(path))
    now(log)
    rotated = path.rename(f"{path}.1")
    write(path, "begins anew")
    now(log)
    if late:
        write(rotated, "ERROR late")
        os.utime(rotated, (log.now + 5, log.now + 5))
    subprocess.run(["xz", rotated], check=True)
    assert (MISSING in str(now(log).error)) == late


def test_the_hole_that_a_writer_leaves_in_a_truncated_file_is_passed_over(path: Path) -> None:
    log = watched(path=str(path), max_bytes=100_000)
    now(log)
    with path.open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"before\n")
        file.flush()
        shutil.copyfile(path, f"{path}.1")
        os.truncate(path, 0)
        file.write(b"ERROR 1\n")
    assert [matches(now(log)) for _ in range(2)] == [1, 0]


def test_places_of_earlier_versions_are_read_on(path: Path) -> None:
    for fields in (6, 9):
        log = watched(path=str(path))
        now(log)
        stored = log.memory["place"]
        stored["places"] = [one[:fields] for one in stored["places"]]
        del stored["known"]
        write(path, "ERROR 1")
        path.rename(f"{path}.{fields}")
        write(path, "ERROR 2")
        assert [matches(now(log)) for _ in range(2)] == [2, 0]
