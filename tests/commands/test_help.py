"""`heartbeat --help`: every command once, grouped, with a whole sentence."""

import re
from pathlib import Path

import pytest

from heartbeat_cli import cli, commands
from heartbeat_cli.verbs import GROUPS

COMMANDS = Path(commands.__path__[0])


def test_every_command_is_listed_once_and_no_summary_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    listed = re.findall(r"^  ([a-z]+) {2,}\S", shown, re.M)
    assert sorted(listed) == sorted(path.stem for path in COMMANDS.glob("*.py") if not path.stem.startswith("_"))
    assert "..." not in shown.partition("Options:")[2] and "Others:" not in shown
    assert [title for title in GROUPS if f"\n{title}:\n" not in shown] == []


def test_a_command_without_a_group_is_shown_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GROUPS, "Exports", ())
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "Exports:" not in shown and "metrics" in shown.partition("\nOthers:\n")[2]
