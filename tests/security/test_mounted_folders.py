"""Root of a container is root of the host for the folders that are mounted into it: what it leaves there belongs to
root, as what the host's own root leaves does. Whoever runs the tests stands for it here."""

import ctypes
import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartbeat_cli.system import files, shared_folder
from tests.parts import users
from tests.parts.verb import Ended, heartbeat

CONFIG = '[heartbeat]\nstate_dir = "{home}/state"\n[components.h]\nkind = "host"\n'
MOUNTED = '[status_page]\nfile = "{0}/status.html"\n[dashboard]\nfile = "{0}/page.html"\nbadges = "{0}"\n'
CHANNEL = '[channels.log]\nkind = "file"\npath = "{}/log"\n'
_OPENED = 0x20  # IN_OPEN of inotify(7)
PAGES = ("status.html", "status.json", "feed.atom", "page.html", "_all.svg", "h.svg")


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A folder that a container may write."""
    (tmp_path / "mounted").mkdir()
    return tmp_path / "mounted"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file that only root of the host may read and write."""
    (tmp_path / "precious").write_text("precious\n")
    (tmp_path / "precious").chmod(0o600)
    return tmp_path / "precious"


def run(home: Path, more: str, *words: str) -> Ended:
    (home / "hb.toml").write_text(CONFIG.format(home=home) + more)
    return heartbeat(home, "--config", "hb.toml", *words)


def is_untouched(path: Path) -> bool:
    return (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("precious\n", 0o600)


def device(path: Path) -> Path:
    """A device that fails each write; the rights of the default container are enough to make it, or a disk."""
    users.need_root()
    os.mknod(path, 0o600 | stat.S_IFCHR, os.stat("/dev/full").st_rdev)
    return path


@pytest.mark.parametrize("verb", ["dashboard", "metrics", "report"])
def test_a_link_in_the_place_of_what_is_written_is_replaced(
    tmp_path: Path, mounted: Path, precious: Path, verb: str
) -> None:
    (mounted / "out").symlink_to(precious)
    assert run(tmp_path, "", verb, "-o", str(mounted / "out")).code == 0
    assert is_untouched(precious)
    assert not (mounted / "out").is_symlink() and (mounted / "out").stat().st_size > 0


def test_links_in_the_place_of_pages_and_badges_are_replaced(tmp_path: Path, mounted: Path, precious: Path) -> None:
    for name in PAGES:
        (mounted / name).symlink_to(precious)
    done = run(tmp_path, MOUNTED.format(mounted), "run")
    assert is_untouched(precious)
    assert [name for name in PAGES if (mounted / name).is_symlink()] == [], done


def test_a_link_to_a_young_file_does_not_keep_a_page_from_being_written(tmp_path: Path, mounted: Path) -> None:
    settings = MOUNTED.format(mounted)
    assert run(tmp_path, settings, "run").code == 0
    (tmp_path / "young").write_text("young")
    os.utime(tmp_path / "young", (2e9, 2e9))
    for name in ("status.html", "page.html"):
        (mounted / name).unlink()
        (mounted / name).symlink_to(tmp_path / "young")
        os.utime(mounted / name, (1e9, 1e9), follow_symlinks=False)
    run(tmp_path, settings, "run")
    assert not (mounted / "status.html").is_symlink() and not (mounted / "page.html").is_symlink()


def test_the_file_channel_follows_no_link(tmp_path: Path, mounted: Path, precious: Path) -> None:
    (mounted / "log").symlink_to(precious)
    done = run(tmp_path, CHANNEL.format(mounted), "notify", "--test", "log")
    assert done.code == 1 and f"{mounted}/log: is a link; name the file that it leads to" in done.out, done
    assert is_untouched(precious)


@pytest.mark.parametrize("verb", ["dashboard", "metrics", "report"])
def test_nothing_is_written_to_a_device_outside_of_dev(tmp_path: Path, mounted: Path, verb: str) -> None:
    """As root it would be the host's disk."""
    done = run(tmp_path, "", verb, "-o", str(device(mounted / "out")))
    assert done.code == 3 and "is a device outside of /dev" in done.err, done
    assert stat.S_ISCHR((mounted / "out").stat().st_mode)


def test_no_page_and_no_message_goes_to_a_device_outside_of_dev(tmp_path: Path, mounted: Path) -> None:
    for name in ("status.json", "_all.svg", "log"):
        device(mounted / name)
    settings = MOUNTED.format(mounted) + CHANNEL.format(mounted)
    done = run(tmp_path, settings, "run")
    assert done.err.count("is a device outside of /dev") == 2, done
    done = run(tmp_path, settings, "notify", "--test", "log")
    assert done.code == 1 and f"{mounted}/log: is a device outside of /dev" in done.out, done


def full_pipe(path: Path) -> int:
    """A pipe with a reader who never reads, and its end of it; a page is more than it takes."""
    os.mkfifo(path)
    os.utime(path, (0, 0))  # so that a page in its place is due
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(handle, fcntl.F_SETPIPE_SZ, 4_096)
    return handle


@pytest.mark.parametrize("name", PAGES)
def test_a_pipe_in_the_place_of_a_page_or_badge_holds_no_pass(tmp_path: Path, mounted: Path, name: str) -> None:
    handle = full_pipe(mounted / name)
    try:
        done = run(tmp_path, MOUNTED.format(mounted), "run")
        assert done.code == 0 and f"{mounted}/{name}: cannot be written: is not a regular file" in done.err, done
        assert os.read(handle, 1) == b""
    finally:
        os.close(handle)
    assert stat.S_ISFIFO((mounted / name).stat().st_mode)


def test_a_page_of_the_configuration_is_no_pipe_for_the_verb_either(tmp_path: Path, mounted: Path) -> None:
    handle = full_pipe(mounted / "page.html")
    done = run(tmp_path, MOUNTED.format(mounted), "dashboard")
    os.close(handle)
    assert done.code == 3 and "page.html: cannot be written: is not a regular file" in done.err, done


@pytest.mark.parametrize("verb", ["dashboard", "metrics", "report"])
def test_a_pipe_that_a_person_names_is_written_to(tmp_path: Path, verb: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with open(os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 1_048_576)
        done = run(tmp_path, "", verb, "-o", str(tmp_path / "pipe"))
        assert done.code == 0 and reader.read(), done


@contextmanager
def unopened(path: Path) -> Iterator[None]:
    """See that nobody opens a pipe or device meanwhile: opening alone wakes a writer, or sets off a device."""
    libc = ctypes.CDLL(None)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    try:
        assert libc.inotify_add_watch(handle, os.fsencode(path), _OPENED) > 0
        yield
        with pytest.raises(BlockingIOError):  # nothing has happened
            os.read(handle, 4_096)
    finally:
        os.close(handle)


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_what_is_no_badge_is_not_opened(tmp_path: Path, mounted: Path) -> None:
    """A pipe among the badges is not even opened to see what it is."""
    with unopened(pipe(mounted / "old.svg")):
        assert run(tmp_path, "", "dashboard", "--badges", str(mounted)).code == 0


@pytest.mark.parametrize("make", [pipe, device])
@pytest.mark.parametrize("name", ["worker.pid", "elsewhere"])
def test_what_is_no_regular_file_in_the_place_of_a_pid_file_is_not_opened(
    tmp_path: Path, mounted: Path, name: str, make: Callable[[Path], Path]
) -> None:
    with unopened(make(mounted / name)):
        if name == "elsewhere":
            (mounted / "worker.pid").symlink_to(name)
        settings = f'[components.p]\nkind = "process"\npid_file = "{mounted}/worker.pid"\n'
        done = run(tmp_path, settings, "check", "--component", "p")
        assert "is not a regular file" in done.out, done


@pytest.mark.parametrize(("make", "why"), [(pipe, "is a pipe, and not a file"), (device, "is not a regular file")])
def test_what_is_no_file_in_the_place_of_a_certificate_is_not_opened(
    mounted: Path, make: Callable[[Path], Path], why: str
) -> None:
    with unopened(make(mounted / "ca.pem")), pytest.raises(OSError, match=why):
        shared_folder.check_readable(str(mounted / "ca.pem"))


def test_a_certificate_may_be_named_as_none(mounted: Path) -> None:
    (mounted / "ca.pem").symlink_to("/dev/null")
    shared_folder.check_readable(str(mounted / "ca.pem"))
    shared_folder.check_readable("/dev/null")


def test_a_device_of_dev_is_written_to() -> None:
    files.write_named("/dev/null", "x", 0o600)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_file_channel_appends_to_its_file(tmp_path: Path, mounted: Path) -> None:
    for count in (1, 2):
        assert run(tmp_path, CHANNEL.format(mounted), "notify", "--test", "log").code == 0
        assert len([json.loads(line) for line in (mounted / "log").read_text().splitlines()]) == count
