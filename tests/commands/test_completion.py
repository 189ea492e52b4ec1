"""Completion as the shells do it: the printed script, sourced by the real shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import lacking
from tests.parts.verb import heartbeat

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
CONFIG = '[components.main]\nkind = "agent"\nname = "Main Agent"\nurl = "x"\n[components.mail]\nkind = "tcp"\n'


def completed(folder: Path, *words: str) -> set[str]:
    """What bash offers for the last of `words`."""
    if not shutil.which("bash"):
        lacking("bash")
    script = heartbeat(folder, "completion", "bash").out
    typed = " ".join(f"'{word}'" for word in words)
    line = f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}\n_heartbeat_completion heartbeat\n"
    line += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={"PATH": PATH, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_verbs_and_options(tmp_path: Path) -> None:
    assert completed(tmp_path, "heartbeat", "cro") == {"crontab"}
    assert completed(tmp_path, "heartbeat", "crontab", "--") >= {"--install", "--remove", "--jitter"}


@pytest.mark.parametrize("verb", ["check", "status", "recover"])
def test_component_ids(tmp_path: Path, verb: str) -> None:
    """Read from the file alone: it need not even be right."""
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    assert completed(tmp_path, "heartbeat", verb, "--component", "ma") == {"main", "mail"}
    assert completed(tmp_path, "heartbeat", verb, "--component", "a") == {"agent"}
    (tmp_path / "other.toml").write_text(CONFIG.replace("mail", "mallet"))
    assert completed(tmp_path, "heartbeat", "--config", "other.toml", verb, "--component", "ma") == {"main", "mallet"}
    (tmp_path / "heartbeat.toml").write_text("not TOML")
    assert completed(tmp_path, "heartbeat", verb, "--component", "ma") == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_the_script(tmp_path: Path, shell: str) -> None:
    ended = heartbeat(tmp_path, "completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_HEARTBEAT_COMPLETE" in ended.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ended.out, text=True, timeout=20, check=True)


def test_another_shell_is_refused(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "completion", "tcsh")
    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_a_key_press_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    code = (
        "import sys, click\n"
        "from heartbeat_cli.commands._complete import component_ids\n"
        "from heartbeat_cli.verbs import root\n"
        "found = component_ids(root.make_context('heartbeat', [], resilient_parsing=True), None, 'mai')\n"
        "assert [(one.value, one.help) for one in found] == [('main', 'Main Agent'), ('mail', 'tcp')], found\n"
        "heavy = {'psycopg2', 'pycurl', 'docker', 'requests', 'jinja2', 'psutil', 'sqlite3'}\n"
        "heavy |= {name for name in sys.modules if name.startswith('heartbeat_cli.monitors')}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {"PATH": PATH, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, timeout=60, check=True)
