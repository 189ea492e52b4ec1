"""What Tab offers, asked of the real shells with the files that the wheel installs."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.parts import lacking

ROOT = Path(__file__).parents[1]
BASH = ROOT / "share/bash-completion/completions/heartbeat"
FISH = ROOT / "share/fish/vendor_completions.d/heartbeat.fish"
ZSH = ROOT / "share/zsh/site-functions"
WAIT_SECONDS = 60


def environment(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "dumb"}


def needs(shell: str) -> str:
    return shutil.which(shell) or lacking(f"{shell} (Debian package {shell})")


def said(argv: list[str], home: Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, env=environment(home), timeout=WAIT_SECONDS, check=True)
    assert done.stderr == ""
    return done.stdout


def typed(argv: list[str], keys: list[bytes], until: str, home: Path) -> str:
    """What an interactive program shows on a terminal after it was sent these keys, each after its prompt."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(argv[0], argv, environment(home))
    try:
        shown, end = "", time.monotonic() + WAIT_SECONDS
        waiting = list(keys)
        while until not in shown and time.monotonic() < end:
            if waiting and shown.endswith("ready> "):
                os.write(terminal, waiting.pop(0))
            if select.select([terminal], [], [], 0.2)[0]:
                shown += os.read(terminal, 65_536).decode("utf-8", "replace")
        return shown
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)


@pytest.mark.parametrize(("word", "offered"), [("sta", {"status"}), ("main", {"maintenance"}), ("zzz", set())])
def test_bash_offers_the_commands(word: str, offered: set[str], tmp_path: Path) -> None:
    script = (
        f"source {BASH}; COMP_WORDS=(heartbeat {word}); COMP_CWORD=1; _heartbeat_completion heartbeat; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert {one for one in said([needs("bash"), "-c", script], tmp_path).split("\n") if one} == offered


@pytest.mark.parametrize(("line", "offered"), [("heartbeat sta", "status"), ("heartbeat report --for", "--format")])
def test_fish_offers_commands_and_options(line: str, offered: str, tmp_path: Path) -> None:
    answer = said([needs("fish"), "--no-config", "-c", f"source {FISH}; complete -C '{line}'"], tmp_path)
    assert offered in answer.split()


def test_zsh_completes_a_command(tmp_path: Path) -> None:
    (tmp_path / ".zshrc").write_text(
        f"PS1='ready> '; fpath=({ZSH} $fpath); autoload -Uz compinit; compinit -u; unset zle_bracketed_paste\n"
    )
    shown = typed([needs("zsh"), "-i"], [b"heartbeat sta\t"], "heartbeat status", tmp_path)
    assert "heartbeat status" in shown
