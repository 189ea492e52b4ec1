"""Tab after `--config FILE`: the file may be another user's, and what is offered goes to a command line."""

import os
from pathlib import Path

import pytest

from tests.parts import users
from tests.parts.verb import from_nothing

CONFIG = """
[components.plain]
kind = "command"
name = "a\\u001b[2J\\u001b]0;owned\\u0007b"
[components."$(id>ran)"]
kind = "file"
[components.other]
kind = "x;id"
[components.third]
kind = "tcp"
name = 5
"""


def offered(folder: Path, config: Path | str, shell: str = "bash") -> str:
    """What is offered for `heartbeat --config CONFIG status --component `."""
    words = f"heartbeat --config {config} status --component "
    variables = {"_HEARTBEAT_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": "5"}
    if shell == "fish":
        variables["COMP_CWORD"] = ""
    done = from_nothing(folder, timeout=30, **variables)
    assert done.err == ""
    return done.out.strip()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_only_ids_are_offered_and_no_name_steers_the_terminal(tmp_path: Path, shell: str) -> None:
    (tmp_path / "hb.toml").write_text(CONFIG)
    out = offered(tmp_path, tmp_path / "hb.toml", shell)
    assert all(word in out for word in ("plain", "other", "third", "command", "tcp"))
    assert "\x1b" not in out and "\x07" not in out
    assert "$(" not in out and "plain,x;id" not in out and "\nx;id\nevery" not in out


def test_a_configuration_of_another_user_is_not_read(tmp_path: Path) -> None:
    users.need_root()
    (tmp_path / "hb.toml").write_text(CONFIG)
    assert "plain" in offered(tmp_path, tmp_path / "hb.toml")
    os.chown(tmp_path / "hb.toml", users.NOBODY, users.NOBODY)
    assert offered(tmp_path, tmp_path / "hb.toml") == ""


@pytest.mark.parametrize("path", ["pipe", "/dev/stdin", "/dev/zero"])
def test_nothing_is_waited_for(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert offered(tmp_path, tmp_path / path) == ""


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "x = " + "[" * 100_000, "components = 5", 'components.a = "b"', "\xff"]
)
def test_what_is_no_configuration_offers_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "hb.toml").write_bytes(text.encode("latin-1"))
    assert offered(tmp_path, tmp_path / "hb.toml") == ""


def test_a_file_that_is_too_large_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "hb.toml").write_text("[components.a]\nkind = 'tcp'\n" + "#" * 4_000_000)
    assert offered(tmp_path, tmp_path / "hb.toml") == ""
