"""The manual says what the program does: its commands, configurations, links, files and keys are tried here."""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

from heartbeat_cli.config import load, manual
from heartbeat_cli.config.sections import SECTIONS
from heartbeat_cli.domain.checking.result import CheckContext
from tests.parts.manual import DOCS, blocks

ROOT = DOCS.parent
README = ROOT / "README.md"
PAGES = {str(path.relative_to(ROOT)): path for path in [README, *sorted(DOCS.rglob("*.md"))]}
COMMANDS = (DOCS / "reference/commands.md").read_text()
SECTION = dict(re.findall(r"^## heartbeat (\w+)\n(.*?)(?=^## |\Z)", COMMANDS, re.M | re.S))
WRITTEN = {"docs/reference/settings.md"}  # by scripts/reference; its examples are pieces of a file
SNIPPETS = [
    (name, number)
    for name in PAGES
    if name not in WRITTEN
    for number in range(PAGES[name].read_text().count("```toml"))
]
MOST_WORDS = 12_000
MOST_LINES = 150


def options(command: click.Command) -> set[str]:
    shown = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    found = {name for one in shown for name in one.opts}
    if isinstance(command, click.Group):
        for part in command.commands.values():
            found |= options(part)
    return found


def command_of(verb: str) -> click.Command:
    command: click.Command = importlib.import_module(f"heartbeat_cli.commands.{verb}").command
    return command


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", sorted(SECTION))
def test_a_verbs_section_names_every_option_and_no_other(verb: str) -> None:
    command = command_of(verb)
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


@pytest.mark.parametrize("name", PAGES)
def test_every_command_line_is_one_that_the_program_takes(name: str) -> None:
    """In blocks and in `code`: the verb is there and has these options; what stands for something is left out."""
    text = PAGES[name].read_text()
    shell = "\n".join(
        block for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S) if language in ("", "sh")
    )
    said = re.findall(r"`(heartbeat +[^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    lines = re.findall(r"(?:^|[;&*] *)heartbeat +([^#;&|\n]+)", "\n".join([shell, *said]), re.M)
    for line in lines:
        words = shlex.split(re.sub(r"[\[\]]", "", line).replace("\n", " "))
        while words and words[0].startswith("-"):
            assert words[0] in ("--config", "--version"), line
            words = words[1:] if words[0] == "--version" else words[2:]
        if words and words[0].isidentifier() and words[0].islower():
            named = {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)}
            assert named - options(command_of(words[0])) - {"--help"} == set(), line


# --- configurations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "number"), SNIPPETS)
def test_every_configuration_in_the_manual_loads(name: str, number: int) -> None:
    block = re.findall(r"^```toml\n(.*?)^```", PAGES[name].read_text(), re.S | re.M)[number]
    assert load.load(tomllib.loads(block), name)


def test_every_section_stands_in_the_manual() -> None:
    text = (DOCS / "configuration.md").read_text()
    assert [name for name in [*SECTIONS, "components", "channels"] if f"[{name}" not in text] == []


def test_the_reference_is_what_the_program_says_today() -> None:
    """`make reference` writes it."""
    argv = [sys.executable, str(ROOT / "scripts/reference"), "-"]
    made = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert made == (DOCS / "reference/settings.md").read_text()


def test_the_reference_has_every_kind_and_every_key_once() -> None:
    text = (DOCS / "reference/settings.md").read_text()
    parts = re.split(r"^### ", text, flags=re.M)[1:]
    pages = manual.pages()
    assert len(parts) == len(pages)
    found = sorted(sorted(re.findall(r"^\| `(\w+)` \|", part, re.M)) for part in parts)
    assert found == sorted(sorted(field.key for field in page.keys) for page in pages)
    for page in pages:
        if page.kind not in ("common", "ladder") and page.room != "section":
            assert text.count(f"### {page.kind} ({page.room})\n") == 1


# --- pages -----------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
        if "://" not in target:
            path = (page.parent / target) if target else page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_the_site_has_every_page_and_every_picture_is_shown() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    named = re.findall(r"^ +- (?:.*: )?(\S+\.md)$", site, re.M)
    assert sorted(named) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    text = "".join(path.read_text() for path in PAGES.values())
    assert [one.name for one in (DOCS / "images").iterdir() if one.name not in text] == []


def test_the_manual_is_short() -> None:
    """What people read from its beginning to its end; who looks something up finds it in the reference and recipes. The
    page of messages is what the program prints."""
    samples = DOCS / "messages.md"
    read = [path for path in PAGES.values() if path == README or (path.parent == DOCS and path != samples)]
    assert sum(len(path.read_text().split()) for path in read) <= MOST_WORDS
    assert len(README.read_text().splitlines()) <= MOST_LINES


def test_every_file_that_the_architecture_names_is_there() -> None:
    text = (DOCS / "architecture.md").read_text()
    named = set(re.findall(r"`((?:[\w.]+/)+(?:\w+\.\w+)?)`", text)) | set(re.findall(r"`(\w+\.py)`", text))
    named -= {"monitors/file_age.py", "tests/monitors/test_file_age.py"}  # the example
    places = (ROOT, ROOT / "src/heartbeat_cli")
    assert [one for one in sorted(named) if not any((place / one).exists() for place in places)] == []
    assert len(named) > 30


def test_the_kind_in_the_architecture_is_one(tmp_path: Path) -> None:
    """Its own configuration loads, and it can tell a file from none and an old one."""
    (code,) = blocks("architecture.md", "python")
    path = tmp_path / "file_age.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("file_age", path)
    assert spec and spec.loader
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def status(file: str, now: float) -> str:
        settings = module.Settings(file, 3600)
        assert module.problems(settings) == []
        return str(module.probe(settings, CheckContext("export", 5, now)).status)

    written = path.stat().st_mtime
    assert status(str(path), written + 60) == "healthy"
    assert status(str(path), written + 4000) == status(str(tmp_path / "none"), written) == "unhealthy"
    assert module.problems(module.Settings("relative"))


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
