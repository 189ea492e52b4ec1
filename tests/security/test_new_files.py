"""What heartbeat makes in a folder of another user is made in that folder, whatever he puts in its place meanwhile."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import scratch, users
from tests.parts.verb import heartbeat


@pytest.fixture(autouse=True)
def root() -> None:
    users.need_root()


# At the first opening after the new file has its name, its folder is exchanged for a link of another user's.
_EXCHANGED = """
import os, sys
from pathlib import Path
from heartbeat_cli.commands import init
from heartbeat_cli.errors import HeartbeatError
folder, elsewhere, user = sys.argv[1], sys.argv[2], int(sys.argv[3])

def exchange(event, details):
    if event == "open" and not os.path.islink(folder) and os.path.lexists(f"{folder}/hb.toml"):
        os.rename(folder, f"{folder}.old")
        os.symlink(elsewhere, folder)
        os.lchown(folder, user, user)

sys.addaudithook(exchange)
try:
    init._write(Path(folder, "hb.toml"), "text", False)
except HeartbeatError as error:
    print(error)
"""


def test_a_new_configuration_removes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home/hb.toml").write_text("precious")
    words = [str(tmp_path / "theirs"), str(tmp_path / "home"), str(users.NOBODY)]
    done = subprocess.run(
        [sys.executable, "-c", _EXCHANGED, *words], capture_output=True, text=True, timeout=60, check=True
    )
    assert (tmp_path / "theirs").is_symlink()
    assert (tmp_path / "home/hb.toml").read_text() == "precious"
    assert (done.stdout, (tmp_path / "theirs.old/hb.toml").read_text()) == ("", "text")


@pytest.mark.parametrize("leads", ["to a file", "nowhere"])
def test_a_new_configuration_is_not_made_through_a_link(tmp_path: Path, leads: str) -> None:
    """Not even through one that appears after the name was found free."""
    from heartbeat_cli.commands import init
    from heartbeat_cli.errors import UsageError

    target = tmp_path / "target"
    if leads == "to a file":
        target.write_text("precious")
    (tmp_path / "hb.toml").symlink_to(target)
    with pytest.raises(UsageError, match="is already there"):
        init._write(tmp_path / "hb.toml", "text", False)
    assert (tmp_path / "hb.toml").is_symlink()
    assert target.read_text() == "precious" if leads == "to a file" else not target.exists()


def test_a_new_configuration_is_not_made_through_a_link_of_another_user(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    with scratch.open_to_others() as place:
        place.chmod(0o777)
        users.as_user(users.NOBODY, "ln", "-s", str(tmp_path / "home"), str(place / "way"))
        done = heartbeat(tmp_path, "init", "-o", str(place / "way/hb.toml"))
    assert done.code == 3 and "is a link that belongs to nobody" in done.err
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "dashboard"])
def test_no_folder_of_badges_is_made_elsewhere(tmp_path: Path, verb: str) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    with scratch.open_to_others() as place:
        place.chmod(0o777)
        users.as_user(users.NOBODY, "ln", "-s", str(tmp_path / "home"), str(place / "way"))
        (tmp_path / "hb.toml").write_text(
            f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
            f'[dashboard]\nbadges = "{place}/way/badges"\npublic = true\n'
        )
        done = heartbeat(tmp_path, "--config", "hb.toml", verb)
    assert "is a link that belongs to nobody" in done.err
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize(("public", "mode"), [("true", 0o755), ("false", 0o700)])
def test_the_folder_of_badges_is_made(tmp_path: Path, public: str, mode: int) -> None:
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
        f'[dashboard]\nbadges = "{tmp_path}/badges"\npublic = {public}\n'
    )
    for _ in range(2):
        assert heartbeat(tmp_path, "--config", "hb.toml", "dashboard").code == 0
    assert stat.S_IMODE((tmp_path / "badges").stat().st_mode) == mode
    assert (tmp_path / "badges/h.svg").exists()
