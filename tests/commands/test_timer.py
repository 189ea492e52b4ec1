"""`heartbeat timer`, as far as it goes without a systemd: what it prints, and what it refuses."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import heartbeat_cli
from tests.parts import lacking
from tests.parts.verb import Ended, heartbeat

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CONFIG = '[components.job]\nkind = "push"\nperiod = 3600\n'


def here(folder: Path, text: str = CONFIG) -> Path:
    (folder / "heartbeat.toml").write_text(text)
    return folder


def calendar(ended: Ended) -> list[str]:
    return re.findall(r"^OnCalendar=(.*)$", ended.out, re.MULTILINE)


def test_without_an_option_it_prints_both_units(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path), "timer")
    assert (ended.code, ended.err) == (0, "")
    first, second = re.findall(r"^# (/\S+)$", ended.out, re.MULTILINE)
    assert (first, second) == ("/etc/systemd/system/heartbeat.service", "/etc/systemd/system/heartbeat.timer")
    program = Path(sys.executable).with_name("heartbeat")
    assert f"ExecStart={program} --config {tmp_path}/heartbeat.toml run\n" in ended.out
    assert f"Environment=HOME={tmp_path}\n" in ended.out
    assert f"# heartbeat timer: {tmp_path}/heartbeat.toml\n" in ended.out
    assert not list(tmp_path.rglob("*.timer"))


def test_a_users_own_units_stand_in_his_folder(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path), "timer", "--user")
    assert ended.code == 0
    assert f"# {tmp_path}/.config/systemd/user/heartbeat.timer\n" in ended.out
    assert "\nUser=" not in ended.out


@pytest.mark.parametrize(
    ("strategy", "when"),
    [("aggressive", "*-*-* *:*:00/15"), ("normal", "*-*-* *:*:00/30"), ("conservative", "*-*-* *:*:00")],
)
def test_it_follows_the_strategy_in_force(tmp_path: Path, strategy: str, when: str) -> None:
    assert heartbeat(here(tmp_path), "strategy", "set", strategy).code == 0
    assert calendar(heartbeat(tmp_path, "timer")) == [when]


def test_what_no_timer_does_is_said(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path, f"{CONFIG}interval = 5\n"), "timer")
    assert calendar(ended) == ["*-*-* *:*:00/10"]
    assert ended.err == "heartbeat: an interval of 5 s is wanted; a pass is started every 10 s at most\n"


def test_no_secret_stands_in_a_unit(tmp_path: Path) -> None:
    text = '[components.db]\nkind = "database"\ndsn = "env:MY_DSN"\n'
    ended = heartbeat(here(tmp_path, text), "timer", MY_DSN="postgresql://u:hunter2secret@localhost/x")
    assert "hunter2" not in ended.out + ended.err
    assert "systemd does not know $MY_DSN" in ended.err
    assert "`systemctl edit heartbeat.service`" in ended.err


def test_it_speaks_the_readers_language(tmp_path: Path) -> None:
    folder = here(tmp_path, f'[heartbeat]\nlocale = "zh-HK"\n{CONFIG}interval = 5\n')
    assert "秒" in heartbeat(folder, "timer").err


@pytest.mark.parametrize(
    "words", [("--install", "--remove"), ("--user", "--run-as", "root"), ("--run-as", "no such user")]
)
def test_wrong_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = heartbeat(here(tmp_path), "timer", *words)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)


def test_without_a_manager_nothing_is_written(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path), "timer", "--install", "--user", XDG_RUNTIME_DIR=str(tmp_path))
    assert ended.code == 3
    assert ended.err.startswith("heartbeat: ") and ended.err.count("\n") == 1
    assert not (tmp_path / ".config/systemd").exists()


def test_a_program_that_another_user_may_exchange_is_not_installed(tmp_path: Path) -> None:
    """root, or this user, would run it every few seconds."""
    program = tmp_path / "bin/heartbeat"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom heartbeat_cli.cli import main\nmain()\n")
    program.chmod(0o777)
    argv = [str(program), "--config", str(here(tmp_path) / "heartbeat.toml"), "timer", "--install", "--user"]
    done = subprocess.run(argv, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert f"{program} would be run, and must not be" in done.stderr


@pytest.mark.parametrize("link", [False, True])
def test_a_state_folder_of_another_user_is_refused(tmp_path: Path, link: bool) -> None:
    """Also where it is there already, and where a link of the user's own leads to it."""
    if os.geteuid() != 0:
        lacking("another user needs root")
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 65534, 65534)
    if link:
        (tmp_path / "state").symlink_to(theirs)
    text = f'[heartbeat]\nstate_dir = "{tmp_path / "state" if link else theirs}"\n{CONFIG}'
    ended = heartbeat(here(tmp_path, text), "timer", "--install", "--user", XDG_RUNTIME_DIR=str(tmp_path))
    assert (ended.code, ended.out) == (3, "")
    assert f"state folder {theirs}: {theirs} belongs to nobody, and must belong to root" in ended.err
    assert theirs.stat().st_uid == 65534 and not list(theirs.iterdir())


def test_a_user_who_cannot_run_it_is_refused(tmp_path: Path) -> None:
    """And one who can, but may not read the configuration, since it is in a folder of root's alone."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        lacking("another user needs root")
    tmp_path.chmod(0o700)
    can = subprocess.run([*NOBODY, "test", "-r", os.__file__, "-a", "-r", heartbeat_cli.__file__], check=False)
    ended = heartbeat(Path("/"), "--config", str(here(tmp_path) / "heartbeat.toml"), "timer", "--run-as", "nobody")
    assert (ended.code, ended.out) == (3 if can.returncode else 2, "")
    refused = r"heartbeat: nobody cannot run /\S+ \(.*\): install heartbeat where"
    assert can.returncode == 0 or re.match(refused, ended.err)


def test_only_root_installs_for_the_system(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        lacking("another user needs root")
    argv = [*NOBODY, sys.executable, "-m", "heartbeat_cli"]
    environment = {"HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    for option in ("--install", "--remove"):
        done = subprocess.run(
            [*argv, "timer", option], cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 3
        assert "only root may install units of the system" in done.stderr
        assert "--run-as nobody" in done.stderr
