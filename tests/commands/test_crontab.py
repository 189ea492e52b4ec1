"""`heartbeat crontab`, printed and installed by the real `crontab` program for a user of our own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.parts import lacking
from tests.parts.verb import Ended, heartbeat

CONFIG = '[components.host]\nkind = "host"\n'
THEIRS = b"# mine \xff\xfe\nMAILTO=ops\n\n@daily  /bin/true # 100\\%\n"


def starts(lines: str) -> list[str]:
    return [line for line in lines.splitlines() if line and not line.startswith("#")]


def here(folder: Path, text: str = CONFIG) -> Path:
    (folder / "heartbeat.toml").write_text(text)
    return folder


def test_two_starts_a_minute_by_default(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path), "crontab")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("# heartbeat begin\n")
    assert ended.out.endswith("\n# heartbeat end\n")
    program, config = Path(sys.executable).with_name("heartbeat"), tmp_path / "heartbeat.toml"
    first, second = starts(ended.out)
    assert first.endswith(f" {program} --config {config} run")
    assert first.startswith("* * * * * /usr/bin/env PATH=")
    assert second.startswith("* * * * * sleep 30; /usr/bin/env PATH=")


@pytest.mark.parametrize(("strategy", "count"), [("aggressive", 4), ("normal", 2), ("conservative", 1)])
def test_it_follows_the_strategy_in_force(tmp_path: Path, strategy: str, count: int) -> None:
    folder = here(tmp_path)
    assert heartbeat(folder, "strategy", "set", strategy).code == 0
    assert len(starts(heartbeat(folder, "crontab").out)) == count


def test_a_component_in_a_hurry_sets_the_pace(tmp_path: Path) -> None:
    hurried = '[heartbeat]\nstrategy = "conservative"\nobserver = "one"\n' + CONFIG + "interval = 20\n"
    assert len(starts(heartbeat(here(tmp_path, hurried), "crontab").out)) == 3
    elsewhere = hurried + 'observer = "two"\n'
    assert len(starts(heartbeat(here(tmp_path, elsewhere), "crontab").out)) == 1


def test_what_cron_cannot_do_is_said(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path, CONFIG + "interval = 5\n"), "crontab")
    assert len(starts(ended.out)) == 6
    assert ended.err == "heartbeat: an interval of 5 s is wanted; a pass is started every 10 s at most\n"


def test_a_line_makes_the_pass_that_the_shell_would_make(tmp_path: Path) -> None:
    """The line itself, run as cron runs it: same configuration, same state folder, none of the shell's variables."""
    folder = tmp_path / "50% of home"
    folder.mkdir()
    state = tmp_path / "state"
    printed = heartbeat(here(folder), "crontab", XDG_STATE_HOME=str(state))
    command = starts(printed.out)[0].removeprefix("* * * * * ").replace("\\%", "%")
    cron = {"HOME": str(tmp_path), "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "LOGNAME": "x"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", env=cron, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (state / "heartbeat/heartbeat.db").stat().st_size > 0
    seen = heartbeat(folder, "status", XDG_STATE_HOME=str(state))
    assert "host" in seen.out
    assert "never" not in seen.out


def test_what_cron_would_lack_is_carried_but_no_secret(tmp_path: Path) -> None:
    text = '[components.db]\nkind = "database"\ndsn = "env:MY_DSN"\n'
    secret = "postgresql://u:hunter2secret@localhost/x"
    ended = heartbeat(
        here(tmp_path, text), "crontab", MY_DSN=secret, DOCKER_HOST="unix:///run/my.sock", TZ="Asia/Hong_Kong"
    )
    assert " DOCKER_HOST=unix:///run/my.sock " in ended.out
    assert f" HOME={tmp_path} " in ended.out
    assert " TZ=Asia/Hong_Kong " in ended.out
    assert "hunter2" not in ended.out + ended.err
    assert "cron does not know $MY_DSN" in ended.err


def test_a_store_that_is_away_does_not_matter(tmp_path: Path) -> None:
    text = '[heartbeat]\nstore = "postgresql://x@127.0.0.1:1/x"\nstrategy = "aggressive"\n' + CONFIG
    ended = heartbeat(here(tmp_path, text), "crontab")
    assert (ended.code, len(starts(ended.out))) == (0, 4)
    assert "taking the strategy of the configuration, aggressive" in ended.err


def test_without_the_program_it_is_one_clear_line(tmp_path: Path) -> None:
    ended = heartbeat(here(tmp_path), "crontab", "--install", path=str(tmp_path))
    assert ended.code == 3
    assert ended.err.startswith("heartbeat: there is no `crontab` program here")
    assert ended.err.count("\n") == 1


def test_hosts_of_one_image_are_spread_by_their_observer(tmp_path: Path) -> None:
    printed = set()
    for observer in ("one", "two", "three", "four"):
        folder = here(tmp_path, f'[heartbeat]\nobserver = "{observer}"\n{CONFIG}')
        lines = heartbeat(folder, "crontab", "--jitter", "20").out
        assert heartbeat(folder, "crontab", "--jitter", "20").out == lines
        printed.add(lines)
    assert len(printed) > 1


@pytest.mark.parametrize("words", [("--install", "--remove"), ("--jitter", "61"), ("--jitter", "x")])
def test_wrong_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = heartbeat(here(tmp_path), "crontab", *words)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)


class Crontab(NamedTuple):
    """The crontab of a user of our own; `heartbeat` in `folder` sees it as the caller's."""

    folder: Path
    user: str
    path: str

    def read(self) -> bytes | None:
        done = subprocess.run(["crontab", "-u", self.user, "-l"], capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def write(self, text: bytes) -> None:
        subprocess.run(["crontab", "-u", self.user, "-"], input=text, check=True)

    def heartbeat(self, *words: str) -> Ended:
        return heartbeat(self.folder, "crontab", *words, path=self.path)


@pytest.fixture
def crontab(tmp_path: Path) -> Iterator[Crontab]:
    """The real program behind a script that names the user, so that nobody's own crontab is at risk."""
    real, user = shutil.which("crontab"), f"hb-crontab-{os.getpid()}"
    if real is None or os.geteuid() != 0 or not shutil.which("useradd"):
        lacking("crontab for a throw-away user needs cron and root")
    subprocess.run(["useradd", "--no-create-home", user], check=True, capture_output=True)
    script = tmp_path / "bin/crontab"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {real} -u {user} "$@"\n')
    script.chmod(0o755)
    yield Crontab(here(tmp_path), user, f"{script.parent}:{os.environ['PATH']}")
    subprocess.run([real, "-u", user, "-r"], capture_output=True, check=False)
    subprocess.run(["userdel", user], capture_output=True, check=False)


@pytest.mark.cron
def test_installed_twice_it_stands_there_once(crontab: Crontab) -> None:
    printed = crontab.heartbeat().out.encode()
    assert crontab.heartbeat("--install").code == 0
    assert crontab.read() == printed
    again = crontab.heartbeat("--install")
    assert (again.code, again.err) == (0, "crontab: nothing to change\n")
    assert crontab.read() == printed
    assert crontab.heartbeat("--remove").code == 0
    assert crontab.read() is None
    assert crontab.heartbeat("--remove").code == 0


@pytest.mark.cron
def test_other_lines_survive_to_the_byte(crontab: Crontab) -> None:
    crontab.write(THEIRS)
    assert crontab.heartbeat("--install").code == 0
    assert (crontab.read() or b"").startswith(THEIRS + b"# heartbeat begin\n")
    crontab.write((crontab.read() or b"") + b"@weekly after\n")
    assert heartbeat(crontab.folder, "strategy", "set", "aggressive").code == 0
    assert "4 times a minute" in crontab.heartbeat("--install").err
    now = crontab.read() or b""
    assert now.startswith(THEIRS)
    assert now.endswith(b"# heartbeat end\n@weekly after\n")
    assert now.count(b" run\n") == 4
    assert crontab.heartbeat("--remove").code == 0
    assert crontab.read() == THEIRS + b"@weekly after\n"


@pytest.mark.cron
def test_half_a_block_is_left_alone(crontab: Crontab) -> None:
    broken = b"# heartbeat begin\n@daily precious\n"
    crontab.write(broken)
    ended = crontab.heartbeat("--install")
    assert ended.code == 3
    assert "mend it with `crontab -e`" in ended.err
    assert crontab.read() == broken


@pytest.mark.cron
def test_a_crontab_that_cannot_be_read_is_never_overwritten(crontab: Crontab) -> None:
    crontab.write(THEIRS)
    script = crontab.folder / "bin/crontab"
    script.write_text(f'#!/bin/sh\n[ "$1" = -l ] && echo "you are not allowed" >&2 && exit 1\n{script.read_text()}')
    ended = crontab.heartbeat("--install")
    assert (ended.code, ended.err) == (3, "heartbeat: crontab -l failed: you are not allowed\n")
    assert crontab.read() == THEIRS


def test_the_program_crontab_learns_no_secret(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/crontab"
    program.write_text(f"#!/bin/sh\nenv >> {tmp_path}/seen\n")
    program.chmod(0o755)
    ended = heartbeat(here(tmp_path), "crontab", "--install", path=f"{tmp_path}/bin:/usr/bin:/bin", MY_KEY="s3cr3t")
    seen = (tmp_path / "seen").read_text()
    assert ended.code == 0 and "PATH=" in seen and "s3cr3t" not in seen
