"""A file is written whole or not at all, and nothing that is no file is replaced by one."""

import os
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from heartbeat_cli.system import once
from heartbeat_cli.system.files import read_own, sweep, write_named, write_new, write_own, write_whole


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "page"
    target.write_text("old")
    target.chmod(0o640)
    before = target.open()
    write_whole(target, "né", 0o604)
    assert before.read() == "old"
    before.close()
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("né", 0o604)
    assert left_in(tmp_path) == ["page"]


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_mode_is_exact(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "page", "x", 0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page").stat().st_mode) == 0o644


def test_a_link_is_replaced_unless_it_is_to_be_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    for name in ("link", "replaced"):
        (tmp_path / name).symlink_to("real")
    (tmp_path / "dangling").symlink_to("made")
    write_whole(tmp_path / "replaced", "page", 0o600)
    assert (tmp_path / "replaced").read_text() == "page" and not (tmp_path / "replaced").is_symlink()
    assert (tmp_path / "real").read_text() == "old"
    write_named(tmp_path / "link", "new", 0o600, follow=True)
    write_named(tmp_path / "dangling", "new", 0o600, follow=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == (tmp_path / "made").read_text() == "new"


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    """As root, a file moved onto /dev/null would break the host. (A device of our own would need a mount without
    nodev, so it is /dev/full that is tried: writing fails, and it is still there.)"""
    before = os.stat("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        write_named("/dev/full", "x", 0o600)
    (tmp_path / "link").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        write_named(tmp_path / "link", "x", 0o600, follow=True)
    after = os.stat("/dev/full")
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="No such device or address"):
        write_named(fifo, "nobody reads", 0o600)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    written = False
    until = time.monotonic() + 20
    while not written and time.monotonic() < until:
        with suppress(OSError):  # until the reader is there
            write_named(fifo, "x" * 300_000, 0o600)
            written = True
    reader.join(20)
    assert read == ["x" * 300_000]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_pipe_that_nobody_empties_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    both = os.open(tmp_path / "fifo", os.O_RDWR)
    for path in (tmp_path / "fifo", f"/dev/fd/{both}"):
        with pytest.raises(TimeoutError, match="was not read in time"):
            write_named(path, "x" * 300_000, 0o600, seconds=0.1)
    os.close(both)


def test_only_what_is_named_on_purpose_is_a_pipe_or_device(tmp_path: Path) -> None:
    """A file moved onto /dev/stdout would take that from the whole host."""
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    for path in (tmp_path / "fifo", "/dev/full", "/dev/stdout", f"/dev/fd/{reader}"):
        with pytest.raises(OSError, match="is not a regular file"):
            write_whole(path, "x", 0o600)
    os.close(reader)
    assert os.path.islink("/dev/stdout") and stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_a_new_file_takes_no_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("made")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, "new", 0o600)
    assert left_in(tmp_path) == ["file", "link"] and (tmp_path / "file").read_text() == "old"
    with pytest.raises(UnicodeEncodeError):
        write_new(tmp_path / "new", "\udcff", 0o600)
    assert left_in(tmp_path) == ["file", "link"]
    write_new(tmp_path / "new", "new", 0o600)
    assert left_in(tmp_path) == ["file", "link", "new"] and (tmp_path / "new").read_text() == "new"


def test_nothing_is_left_behind_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "none/page", tmp_path / "folder/page\0"):
        with pytest.raises((OSError, ValueError)):
            write_whole(target, "x", 0o600)
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "page", "\udcff", 0o600)
    assert left_in(tmp_path) == ["folder"]
    assert left_in(tmp_path / "folder") == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files fails a write half-way, as a full disk does."""
    (tmp_path / "page").write_text("old")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "from heartbeat_cli.system.files import write_whole\n"
        "try: write_whole(sys.argv[1], 'x' * 20_000, 0o600)\n"
        "except OSError as error: print(error.strerror)"
    )
    argv = [sys.executable, "-c", code, tmp_path / "page"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "File too large\n"
    assert (left_in(tmp_path), (tmp_path / "page").read_text()) == (["page"], "old")


def test_what_killed_writers_left_goes(tmp_path: Path) -> None:
    """Half a file, an hour old; not what is being written just now, and nothing of anybody else's."""
    now = time.time()
    old = [".mirror.json.4711.new", "__jinja2_0f.cache8abc.tmp"]
    kept = ["mirror.json", ".mirror.json.new", ".notes.txt.new", "page.4711.new", "report.tmp", "__jinja2_0f.cache"]
    for name in (*old, *kept):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - 3_700, now - 3_700))
    (tmp_path / ".page.4712.new").touch()
    (tmp_path / ".folder.4713.new").mkdir()
    sweep([tmp_path, tmp_path / "nowhere"], now, time.monotonic() + 60)
    assert left_in(tmp_path) == sorted([*kept, ".page.4712.new", ".folder.4713.new"])


# --- files of the state folder ---------------------------------------------------------------------------------------


def odd_ones(folder: Path) -> list[Path]:
    """What is no regular file: a FIFO that nobody writes to, a folder, a link to a device without an end."""
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("/dev/zero")
    return [folder / "fifo", folder / "folder", folder / "link"]


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """Opening the FIFO waited for a writer, for ever; no descriptor is left open."""
    before = os.listdir("/proc/self/fd")
    for path in odd_ones(tmp_path):
        with pytest.raises(OSError, match=r"regular|symbolic"):
            read_own(path, 10)
    assert os.listdir("/proc/self/fd") == before


def test_no_more_is_read_than_it_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_own(path, 10) == b"0123456789" and read_own(path, 10, 4) == b"0123"
    with pytest.raises(OSError, match="is larger than 9 bytes"):
        read_own(path, 9)
    os.truncate(path, 1 << 32)  # four gigabytes that take no room
    with pytest.raises(OSError, match="larger"):
        read_own(path, 1_000_000)


def test_whatever_has_its_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    fifo, folder, link = odd_ones(tmp_path)
    (tmp_path / "theirs").write_text("theirs")
    link.unlink()
    link.symlink_to(tmp_path / "theirs")
    for path in (fifo, link):
        write_own(path, "ours")
        assert read_own(path, 10) == b"ours" and stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert (tmp_path / "theirs").read_text() == "theirs"
    with pytest.raises(IsADirectoryError):
        write_own(folder, "ours")
    assert left_in(tmp_path) == ["fifo", "folder", "link", "theirs"]


def test_what_stays_wrong_is_news_once_a_day(tmp_path: Path) -> None:
    told = tmp_path / "trouble"
    assert once.is_news(told, "a", 1e9)
    assert not once.is_news(told, "a", 1e9 + 86_399)
    assert once.is_news(told, "a", 1e9 + 86_401), "a day later"
    assert once.is_news(told, "b", 1e9 + 86_402), "something else"
    assert once.is_news(told, "b", 1e9), "the clock was set back"
    once.is_over(told)
    assert once.is_news(told, "b", 1e9 + 1), "again"
    once.is_over(told)
    once.is_over(told)
    told.mkdir()
    assert once.is_news(told, "b", 1e9) and once.is_news(told, "b", 1e9), "better than never"
