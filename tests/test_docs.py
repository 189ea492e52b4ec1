"""The manual says what the program does: every option of every verb, and configurations that load."""

import importlib
import re
import tomllib
from pathlib import Path

import click
import pytest

from heartbeat_cli.config import load
from heartbeat_cli.config.sections import SECTIONS

DOCS = Path(__file__).parent.parent / "docs"
COMMANDS = (DOCS / "commands.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
SECTION = dict(re.findall(r"^## heartbeat (\w+)\n(.*?)(?=^## |\Z)", COMMANDS, re.M | re.S))


def options(command: click.Command) -> set[str]:
    found = {name for one in command.params if isinstance(one, click.Option) for name in one.opts}
    if isinstance(command, click.Group):
        for part in command.commands.values():
            found |= options(part)
    return found


@pytest.mark.parametrize("verb", sorted(SECTION))
def test_a_verbs_section_names_every_option_and_no_other(verb: str) -> None:
    command: click.Command = importlib.import_module(f"heartbeat_cli.commands.{verb}").command
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.sub(r"```.*?```", "", SECTION[verb], flags=re.S)))
    assert options(command) - named == set()
    others = {"--component", "--force", "--install"} if verb in ("maintenance", "strategy") else set()
    assert named - options(command) - others == set()
    if isinstance(command, click.Group):
        for part in command.commands:
            assert f"heartbeat {verb} {part}" in SECTION[verb]


@pytest.mark.parametrize("verb", sorted(SECTION))
def test_a_verbs_section_has_exit_codes_and_an_example(verb: str) -> None:
    assert "\nExit: 0" in SECTION[verb]
    assert f"heartbeat {verb}" in SECTION[verb]


@pytest.mark.parametrize("number", range(CONFIGURATION.count("```toml")))
def test_every_configuration_in_the_manual_loads(number: int) -> None:
    block = re.findall(r"```toml\n(.*?)```", CONFIGURATION, re.S)[number]
    assert load.load(tomllib.loads(block), "configuration.md")


def test_every_section_stands_in_the_manual() -> None:
    assert [name for name in [*SECTIONS, "components", "channels"] if f"[{name}" not in CONFIGURATION] == []


def test_every_test_that_the_threat_model_names_is_there() -> None:
    """A claim without its test is a promise. A file without a folder stands in tests/security."""
    text, tests, missing = (DOCS / "security.md").read_text(), DOCS.parent / "tests", []
    named = re.findall(r"`((?:tests/)?(?:\w+/)*test_\w+\.py)(?:::(\w+))?`", text)
    for file, function in named:
        path = DOCS.parent / file if file.startswith("tests/") else tests / "security" / file
        if not path.is_file() or (function and f"def {function}(" not in path.read_text()):
            missing.append(f"{file}::{function}")
    assert missing == [] and len(named) > 10


def test_every_file_of_attacks_stands_in_the_threat_model() -> None:
    text = (DOCS / "security.md").read_text()
    assert [one.name for one in (DOCS.parent / "tests/security").glob("test_*.py") if one.name not in text] == []
