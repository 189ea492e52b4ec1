"""The manual pages say what the program says, and a formatter takes them without a warning."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.verbs import SECTIONS
from tests.parts import lacking

ROOT = Path(__file__).parent.parent
SHARE = ROOT / "share"
PAGES = sorted((SHARE / "man").rglob("*.[15]"))
VERBS = [verb for _, verbs in SECTIONS for verb in verbs]
KINDS = sorted({kind for package in ("monitors", "actions", "channels") for kind in plugins.kinds(package)})


def shown(page: str) -> str:
    """A page as a reader sees it."""
    if not shutil.which("mandoc"):
        lacking("mandoc (Debian package mandoc)")
    argv = ["mandoc", "-T", "utf8", "-O", "width=100", str(SHARE / "man" / page)]
    text = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout
    return re.sub(".\b", "", text)  # bold is a letter over itself, italic a letter over a line


def test_they_are_what_the_program_says_today(tmp_path: Path) -> None:
    """`make reference` writes them."""
    subprocess.run([sys.executable, str(ROOT / "scripts/manpages"), str(tmp_path)], check=True, timeout=60)
    made = {path.relative_to(tmp_path): path.read_text() for path in (tmp_path / "man").rglob("*") if path.is_file()}
    assert made == {path.relative_to(SHARE): path.read_text() for path in PAGES}


def test_every_command_and_kind_has_a_page() -> None:
    names = {path.name for path in PAGES}
    expected = {"heartbeat.1", "heartbeat.toml.5"}
    expected |= {f"heartbeat-{verb}.1" for verb in VERBS} | {f"heartbeat-{kind}.5" for kind in KINDS}
    assert names == expected


def test_mandoc_has_nothing_to_warn_of() -> None:
    if not shutil.which("mandoc"):
        lacking("mandoc (Debian package mandoc)")
    argv = ["mandoc", "-T", "lint", "-W", "warning", *map(str, PAGES)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_man_shows_them() -> None:
    if not shutil.which("man"):
        lacking("man")
    argv = ["man", "--warnings", "-l", str(SHARE / "man/man5/heartbeat-log.5")]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANPAGER": "cat", "MANWIDTH": "100"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=environment, check=True)
    assert done.stderr == "" and "Lines of a file or journal that match a pattern" in done.stdout


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        ("man1/heartbeat-beat.1", ["0 3 * * * backup.sh; heartbeat beat backup --exit-code $?", "-m, --message TEXT"]),
        (
            "man1/heartbeat-config.1",
            ["heartbeat config schema [OPTIONS]", "-h, --help", "0, or 2 if something is wrong."],
        ),
        ("man5/heartbeat-docker.5", ["exited_ok (true or false; default false)", "stop_timeout (a duration)"]),
        ("man5/heartbeat.toml.5", ["[heartbeat]", "rollups_days (a whole number; default 400)"]),
    ],
)
def test_a_page_shows_options_keys_and_examples(page: str, lines: list[str]) -> None:
    found = [line.strip() for line in shown(page).splitlines()]
    assert [one for one in lines if not any(line.startswith(one) for line in found)] == []
