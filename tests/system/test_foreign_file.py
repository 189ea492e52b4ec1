"""Files of other users, with a real other user who puts links and special files in the way."""

import grp
import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest

from heartbeat_cli.system import foreign_file
from heartbeat_cli.system.foreign_file import Refused
from tests.parts import scratch
from tests.parts.users import NOBODY, as_user, need_root


def read(path: Path) -> bytes:
    with foreign_file.spot(str(path)) as spot:
        handle = spot.open()
        try:
            return os.read(handle, 100)
        finally:
            os.close(handle)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of another user's, beside a folder that only root may enter."""
    need_root()
    scratch.let_others_in(tmp_path)
    (tmp_path / "private").mkdir(mode=0o700)
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


def test_a_pipe_behind_the_link_of_another_user_is_not_opened(theirs: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "private/pipe"
    os.mkfifo(pipe, 0o600)
    as_user(NOBODY, "ln", "-s", str(pipe), f"{theirs}/app.log")
    writer = subprocess.Popen(["sh", "-c", 'echo job > "$0"', str(pipe)])
    try:
        time.sleep(0.3)
        with pytest.raises(OSError, match="is not a regular file"):
            read(theirs / "app.log")
        time.sleep(0.3)
        assert writer.poll() is None, "it waits on for its reader"
    finally:
        writer.kill()
        writer.wait()


def test_what_the_path_means_is_read(theirs: Path, tmp_path: Path) -> None:
    as_user(NOBODY, "sh", "-c", f"echo theirs > {theirs}/app.log")
    assert read(theirs / "app.log") == b"theirs\n"
    (tmp_path / "private/secret").write_text("root:hash")
    as_user(NOBODY, "ln", "-s", str(tmp_path / "private/secret"), f"{theirs}/link.log")
    with pytest.raises(Refused):
        read(theirs / "link.log")
    with pytest.raises(FileNotFoundError):
        read(theirs / "none.log")


def test_a_group_has_members_that_the_user_database_does_not_name(tmp_path: Path) -> None:
    need_root()
    scratch.let_others_in(tmp_path)
    primary = {one.pw_gid for one in pwd.getpwall()}
    group = next(one.gr_gid for one in grp.getgrall() if not one.gr_mem and one.gr_gid not in primary)
    folder = tmp_path / "shared"
    folder.mkdir()
    os.chown(folder, 0, group)
    folder.chmod(0o2770)
    (folder / "app.log").write_text("mine")
    (folder / "secret").write_text("root:hash")
    (folder / "secret").chmod(0o600)
    member = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={group}"]
    subprocess.run([*member, "mv", "-f", folder / "secret", folder / "app.log"], check=True)
    with pytest.raises(Refused, match="several users may change its folder or path"):
        read(folder / "app.log")
    os.chown(folder, 0, 0)
    assert read(folder / "app.log") == b"root:hash", "the group of root itself"
