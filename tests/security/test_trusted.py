"""A path that another user owns or may write is not read, run or kept in. Other users are real: `setpriv`."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_cli.system import trusted
from heartbeat_cli.system.trusted import Untrusted
from tests.parts import lacking

NOBODY = 65534


@pytest.fixture
def root() -> None:
    """Only root can make files of other users."""
    if os.geteuid() != 0:
        lacking("root, since only root can give a file away")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("content")
    for one in (tmp_path, tmp_path / "a", tmp_path / "a/b"):
        one.chmod(0o755)
    return tmp_path


def test_our_own_files_are_read(place: Path) -> None:
    assert trusted.read(place / "a/b/file", 100) == b"content"
    assert trusted.read(place / "a/b/file", 3) == b"cont", "one byte more than the limit, so that a reader can tell"
    assert trusted.read(place / "a/b/../b/./file", 100) == b"content"
    trusted.check(place / "a/b")
    trusted.check("/")


def test_a_relative_path_starts_from_the_current_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "a")
    assert trusted.read("b/file", 100) == b"content"
    assert trusted.read("../a/b/file", 100) == b"content"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("part", ["a", "a/b", "a/b/file"])
def test_nothing_on_the_way_may_belong_to_another_user(place: Path, part: str) -> None:
    os.chown(place / part, NOBODY, NOBODY)
    with pytest.raises(Untrusted) as caught:
        trusted.read(place / "a/b/file", 100)
    assert caught.value.filename == str(place / part)
    assert "belongs to nobody" in caught.value.why and "sudo -u nobody heartbeat …" in caught.value.mend


@pytest.mark.parametrize("part", ["a", "a/b", "a/b/file"])
@pytest.mark.parametrize(("bits", "who"), [(0o020, "the group "), (0o002, "everybody")])
def test_nothing_on_the_way_may_be_written_by_others(place: Path, part: str, bits: int, who: str) -> None:
    (place / part).chmod(stat.S_IMODE((place / part).stat().st_mode) | bits)
    with pytest.raises(Untrusted) as caught:
        trusted.read(place / "a/b/file", 100)
    assert f"can be written by {who}" in caught.value.why
    assert caught.value.mend == f"run chmod go-w {place / part}"


def test_a_sticky_folder_of_root_is_fine(place: Path) -> None:
    """As /tmp: nobody can exchange in it what belongs to others."""
    (place / "a").chmod(0o1777)
    if os.geteuid() == 0:
        assert trusted.read(place / "a/b/file", 100) == b"content"
    else:
        with pytest.raises(Untrusted):
            trusted.read(place / "a/b/file", 100)


def test_links_as_a_config_map_has_them(place: Path) -> None:
    (place / "a/..2026").mkdir()
    (place / "a/..2026/hb.toml").write_text("x")
    (place / "a/..data").symlink_to("..2026")
    (place / "a/hb.toml").symlink_to("..data/hb.toml")
    (place / "absolute").symlink_to(place / "a/hb.toml")
    assert trusted.read(place / "a/hb.toml", 10) == trusted.read(place / "absolute", 10) == b"x"
    (place / "a/..2026").chmod(0o777)
    with pytest.raises(Untrusted):
        trusted.read(place / "absolute", 10)


@pytest.mark.usefixtures("root")
def test_a_link_of_another_user_is_not_followed(place: Path) -> None:
    (place / "a").chmod(0o1777)
    (place / "a/link").symlink_to("b/file")
    (place / "a/way").symlink_to("b")
    for link in ("link", "way"):
        os.lchown(place / "a" / link, NOBODY, NOBODY)
    for path in ("a/link", "a/way/file"):
        with pytest.raises(Untrusted, match="is a link that belongs to nobody"):
            trusted.read(place / path, 10)


def test_links_in_a_circle_and_links_to_nowhere(place: Path) -> None:
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    (place / "gone").symlink_to("a/none")
    with pytest.raises(OSError, match="Too many levels"):
        trusted.read(place / "one", 10)
    with pytest.raises(FileNotFoundError):
        trusted.read(place / "gone", 10)
    with pytest.raises(FileNotFoundError):
        trusted.check(place / "none/none")


def test_what_is_no_regular_file_is_never_waited_for(place: Path) -> None:
    os.mkfifo(place / "fifo")
    with pytest.raises(IsADirectoryError):
        trusted.read(place / "a", 10)
    for path in (place / "fifo", Path("/dev/zero")):
        with pytest.raises(OSError, match="is not a regular file"):
            trusted.read(path, 10)


def test_a_missing_file_is_made_and_one_that_is_there_is_opened(place: Path) -> None:
    for _ in range(2):
        with open(trusted.open_file(place / "new", os.O_RDWR | os.O_CREAT), "r+") as file:
            found = file.read()
            file.write("content")
    assert found == "content" and stat.S_IMODE((place / "new").stat().st_mode) == 0o600


def test_what_the_caller_has_opened_is_read(place: Path) -> None:
    """`--config <(decrypt hb.toml.age)`."""
    reader, writer = os.pipe()
    os.write(writer, b"from a pipe")
    os.close(writer)
    try:
        assert trusted.read(f"/dev/fd/{reader}", 100) == b"from a pipe"
    finally:
        os.close(reader)


def test_new_folders_are_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    make = f"trusted.make_folder({str(tmp_path / 'x/y/z')!r})"
    code = f"import os; os.umask(0); from heartbeat_cli.system import trusted; {make}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    for part in ("x", "x/y", "x/y/z"):
        assert stat.S_IMODE((tmp_path / part).stat().st_mode) == 0o700
    trusted.make_folder(tmp_path / "x/y")
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        trusted.make_folder(tmp_path / "file")
    with pytest.raises(OSError):
        trusted.make_folder(tmp_path / "file/below")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("how", ["everybody writes", "another's", "a link of another's"])
def test_no_folder_is_made_where_another_user_could_exchange_it(place: Path, how: str) -> None:
    """Between its making and its chmod it would give way to a link, and what that leads to would be closed to all."""
    above = place / "a/above"
    above.mkdir()
    if how == "everybody writes":
        above.chmod(0o777)
    elif how == "another's":
        os.chown(above, 65534, 65534)
    else:
        above.rmdir()
        above.symlink_to(place / "a/b")
        os.lchown(above, 65534, 65534)
    with pytest.raises(Untrusted):
        trusted.make_folder(above / "new/state")
    assert list(above.iterdir()) == ([above / "file"] if how == "a link of another's" else [])


def test_no_descriptor_stays_open(place: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (place / "a/b/file").chmod(0o666)
    for _ in range(50):
        with pytest.raises(Untrusted):
            trusted.read(place / "a/b/file", 10)
        with pytest.raises(FileNotFoundError):
            trusted.read(place / "a/none", 10)
        trusted.check(place / "a")
    assert len(os.listdir("/proc/self/fd")) == before
