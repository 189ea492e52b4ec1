"""The house rules that a reviewer should not have to check: floors, kinds, what each verb imports, every help text."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.domain.channel import ChannelCommon
from heartbeat_cli.domain.component import Common
from heartbeat_cli.ladders import Keys
from heartbeat_cli.sections import SECTIONS
from heartbeat_cli.settings import describe
from heartbeat_cli.views import words_en, words_zh_hk

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/heartbeat_cli"
MODULES = sorted(SOURCE.rglob("*.py"))
VERBS = sorted(path.stem for path in (SOURCE / "commands").glob("*.py") if not path.stem.startswith("_"))

# From the top of the house to its ground; names that are not listed stand with the tools.
FLOORS = (
    ("cli", "verbs", "__main__"),
    ("commands",),
    ("passes",),
    ("discovery", "discovery_local", "discovery_http", "cron"),
    ("engine", "in_flight", "ping"),
    ("wire", "wire_options", "wire_transfer", "wire_fault", "curl"),
    ("monitors", "actions", "channels", "store", "views"),
    ("kinds_help",),
    ("config",),
    ("ladders",),
    (
        "plugins",
        "settings",
        "libpq",
        "dial",
        "http_call",
        "procfs",
        "mounts",
        "rates",
        "portable",
        "bounded_search",
        "files",
        "sections",
        "planned",
    ),
    ("domain",),
    ("errors", "redact", "lock", "process", "__init__"),
)
ROOMS = {"monitors", "actions", "channels", "store", "views"}


def floor(part: str) -> int:
    return next((number for number, names in enumerate(FLOORS) if part in names), -1)


def part_of(path: Path) -> str:
    inside = path.relative_to(SOURCE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path: Path) -> set[str]:
    """The parts of the package that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("heartbeat_cli"):
            inside = (node.module or "").split(".")[1:]
            found |= {inside[0]} if inside else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("heartbeat_cli.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_its_own_floor_and_below(path: Path) -> None:
    own = part_of(path)
    assert floor(own) >= 0, f"{own} stands on no floor"
    for part in imports(path):
        assert floor(part) >= floor(own), f"{own} reaches up to {part}"
        if own in ROOMS and part in ROOMS:
            assert part == own, f"the room {own} imports the room {part}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_says_its_place_and_keeps_a_readable_size(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no docstring"
    assert text.count("\n") <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, f"{node.name} is longer than 40 lines"


def test_the_domain_is_pure() -> None:
    """No clock, no I/O, nothing but the standard library's value modules."""
    forbidden = {"time", "os", "socket", "subprocess", "select", "threading", "random", "sqlite3", "pathlib"}
    for path in (SOURCE / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                head = name.split(".")[0]
                assert head == "heartbeat_cli" or (head in sys.stdlib_module_names and head not in forbidden), (
                    path,
                    name,
                )


@pytest.mark.parametrize(("room", "kind"), [(room, kind) for room in plugins.ROOMS for kind in plugins.kinds(room)])
def test_every_kind_has_settings_help_and_a_test(room: str, kind: str) -> None:
    module = plugins.load(room, kind)
    assert module.__doc__
    for field in describe(module.Settings):
        assert field.help, f"{room}/{kind}: key {field.key} has no help line"
    assert (ROOT / f"tests/{room}/test_{kind}.py").is_file()
    shapes = {"monitors": ("request", "probe", "probe_all"), "actions": ("run",), "channels": ("send",)}[room]
    assert sum(hasattr(module, shape) for shape in shapes) == 1


@pytest.mark.parametrize("cls", [Common, ChannelCommon, Keys, *SECTIONS.values()])
def test_every_common_key_and_section_key_has_help(cls: type) -> None:
    assert [field.key for field in describe(cls) if not field.help] == []


def test_both_languages_say_the_same_things() -> None:
    for name in ("TITLES", "DESCRIPTIONS", "RECOMMENDATIONS", "WORDS"):
        assert getattr(words_en, name).keys() == getattr(words_zh_hk, name).keys()
    for topic, steps in words_en.RECOMMENDATIONS.items():
        assert len(words_zh_hk.RECOMMENDATIONS[topic]) == len(steps)
    for kind in plugins.kinds("monitors"):
        assert words_en.DESCRIPTIONS[kind] and words_en.RECOMMENDATIONS[kind]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from heartbeat_cli import cli

    assert cli.run([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: heartbeat {verb}" in shown
    assert importlib.import_module(f"heartbeat_cli.commands.{verb}").command.help


def test_every_verb_stands_in_the_manual() -> None:
    manual = (ROOT / "docs/commands.md").read_text()
    assert [verb for verb in VERBS if f"## heartbeat {verb}\n" not in manual] == []


HEAVY = {
    *("requests", "docker", "jinja2", "tabulate", "psutil", "asyncio", "aiohttp", "email", "logging", "zoneinfo"),
    *("ssl", "tempfile", "html", "subprocess", "concurrent", "hashlib", "dataclasses", "fractions", "difflib"),
    *("click", "inspect", "uuid", "platform", "gettext"),
}
CLICK = {"click", "inspect", "uuid", "platform", "gettext"}  # and what it brings
ALLOWED = {
    "run": {"pycurl", "psycopg2", "sqlite3"},
    "check": {*CLICK, "dataclasses", "tabulate", "email", "html", "tempfile", "pycurl", "psycopg2", "sqlite3"},
    "detect": {*CLICK, "sqlite3"},
    "notify": {*CLICK, "sqlite3"},
    "recover": {*CLICK, "sqlite3"},
    "strategy": {*CLICK, "sqlite3"},
}


@pytest.mark.parametrize("verb", sorted(ALLOWED))
def test_a_verb_imports_no_more_than_it_needs(verb: str, tmp_path: Path) -> None:
    """What is in `sys.modules` after a healthy pass over an agent, a port and the host."""
    config = tmp_path / "heartbeat.toml"
    config.write_text(
        f"""
        [heartbeat]
        state_dir = "{tmp_path}/state"
        [components.main]
        kind = "agent"
        url = "http://127.0.0.1:9/health"
        [components.host]
        kind = "host"
        cpu_warn = 0
        load_warn = 0
        memory_warn = 0
        swap_warn = 0
        """
    )
    code = (
        "import json, sys; from heartbeat_cli import cli; cli.run(sys.argv[1:]);"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--config", str(config), verb], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded & HEAVY <= ALLOWED[verb]
