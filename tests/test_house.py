"""The house rules that a reviewer should not have to check: floors, kinds, what each verb imports, every help text."""

import ast
import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from bench.startup import VERBS as MEASURED

from heartbeat_cli import plugins
from heartbeat_cli.config.describe import Field, describe
from heartbeat_cli.config.ladders import Keys
from heartbeat_cli.config.sections import SECTIONS
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.component import Common
from heartbeat_cli.views import advice, descriptions

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/heartbeat_cli"
MODULES = sorted(SOURCE.rglob("*.py"))
VERBS = sorted(path.stem for path in (SOURCE / "commands").glob("*.py") if not path.stem.startswith("_"))

# From the top of the house to its ground; packages on one floor do not import each other.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("verbs",),
    ("commands",),
    ("passes.doctor",),
    ("passes.buttons", "passes.detect", "passes.recover", "passes.deliver", "passes.report", "passes.housekeeping"),
    ("passes.check",),
    ("passes.alerting",),
    ("discovery",),
    ("store.board",),
    ("store.outbox",),
    ("store.standby",),
    ("store.quorum",),
    ("store.history", "store.state"),
    ("store.sql", "monitors", "actions", "channels", "views"),
    ("views.compiled",),
    ("config",),
    ("plugins",),
    ("plugin_host", "plugin_api"),
    ("postgres", "http"),
    ("i18n",),
    ("system",),
    ("domain.reporting",),
    ("domain.alerting",),
    ("domain.detection", "domain.recovery", "domain.kinds"),
    ("domain.checking",),
    ("domain",),
    ("redact",),
    ("secret_forms", "secret_readings", "errors", "__init__"),
)
MOST_AT_THE_ROOT = 10


def module_of(path: Path) -> str:
    """`store.sql.schema`; a package's `__init__` has the package's name."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


NAMES = {module_of(path): path for path in MODULES}


def package_of(module: str) -> str:
    return module if module.count(".") == 0 and NAMES[module].name != "__init__.py" else module.rpartition(".")[0]


def floor(package: str) -> int:
    return next((number for number, names in enumerate(FLOORS) if package in names), -1)


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of this project that a module imports, inside functions and for type checking, too."""
    found = set()
    for node in ast.walk(ast.parse(NAMES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            _, _, inside = (node.module or "").partition("heartbeat_cli.")
            if (node.module or "").split(".")[0] == "heartbeat_cli":
                names = {f"{inside}.{alias.name}".lstrip(".") for alias in node.names}
                found |= {name if name in NAMES else inside for name in names} - {""}
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.startswith("heartbeat_cli.")}
    return frozenset(found - {module})


@pytest.mark.parametrize("module", [name for name in NAMES if NAMES[name].name != "__init__.py"])
def test_a_module_imports_only_from_its_own_package_and_lower_floors(module: str) -> None:
    own = package_of(module)
    assert floor(own) >= 0, f"{own} stands on no floor"
    for other in map(package_of, imports(module)):
        assert other == own or floor(other) > floor(own), f"{own} imports {other}"


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Kahn's algorithm: what is left when all that imports nothing more is taken away goes round in a circle."""
    left = {module: set(imports(module)) for module in NAMES}
    while free := {module for module, wanted in left.items() if not wanted & left.keys()}:
        left = {module: wanted for module, wanted in left.items() if module not in free}
    assert left == {}


def test_few_modules_stand_loose_and_each_package_says_its_job() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= MOST_AT_THE_ROOT
    for path in MODULES:
        if path.name == "__init__.py" and path.parent != SOURCE:
            said = ast.get_docstring(ast.parse(path.read_text())) or ""
            assert len(said.splitlines()[0]) > 20, f"{path}: what is this package for?"


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    """A package that only comes along with another one is gone when that does without it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = [*extras["apprise"], *extras["dns"], *extras["mcp"]]
    declared = {re.split(r"[^\w-]", one)[0] for one in [*project["dependencies"], *optional]}
    floors = [one for one in [*project["dependencies"], *optional] if ">=" not in one]
    assert floors == [], "without a floor nobody knows what works"
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.split(".")[0] for name in names}
    found -= {"heartbeat_cli", *sys.stdlib_module_names}
    distributions = importlib.metadata.packages_distributions()
    # zoneinfo reads tzdata; pycurl is imported by `lean_import`.
    brought = {distributions[name][0].lower().replace("_", "-") for name in found}
    assert brought | {"tzdata", "pycurl"} == declared


def test_named_tuples_are_records() -> None:
    """A class of `typing.NamedTuple` costs every pass that imports it; the modules at the root are not on its way."""
    inside = [path for path in MODULES if path.parent != SOURCE and path.name != "record.py"]
    assert [path.name for path in inside if "(NamedTuple)" in path.read_text()] == []


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
    for path in (SOURCE / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                head = name.split(".")[0]
                assert head == "heartbeat_cli" or (head in sys.stdlib_module_names and head not in forbidden), (
                    path,
                    name,
                )


def test_no_test_is_left_out_but_for_want_of_a_part() -> None:
    """`parts.lacking` is the one way: where all parts are required it fails. Any other skip would pass there."""
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name.lower() in {"skip", "skipif", "skiptest", "importorskip", "xfail"}:
                found.append(str(path.relative_to(ROOT / "tests")))
    assert found == ["parts/__init__.py"]


def test_what_the_kernel_or_a_program_says_is_split_at_newlines_only() -> None:
    """`str.splitlines` splits at signs that a name may hold, and what follows would pass for a line of its own."""
    places = [path for floor in ("system", "domain", "discovery", "passes") for path in (SOURCE / floor).rglob("*.py")]
    found = {path.name for path in places if re.search(r"\.splitlines\(\)", path.read_text())}
    assert len(places) > 100 and not found, "see domain/plain.py::lines_of"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_text_becomes_a_number_in_one_place(path: Path) -> None:
    """`"²".isdigit()` is true, and `int("²")` raises: `plain.whole` and `plain.port` know what a number is."""
    calls = [node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    if str(path.relative_to(SOURCE)) not in {"domain/plain.py", "http/transfer.py"}:  # that one: bytes
        assert {"isdigit", "isdecimal", "isnumeric"}.isdisjoint(calls)


def with_inner(fields: Iterable[Field]) -> Iterator[Field]:
    for field in fields:
        yield from (field, *with_inner(field.keys))


@pytest.mark.parametrize(("room", "kind"), [(room, kind) for room in plugins.PACKAGES for kind in plugins.kinds(room)])
def test_every_kind_has_settings_help_and_a_test(room: str, kind: str) -> None:
    module = plugins.load(room, kind)
    assert module.__doc__
    for field in with_inner(describe(module.Settings)):
        assert field.help, f"{room}/{kind}: key {field.key} has no help line"
    assert (ROOT / f"tests/{room}/test_{kind}.py").is_file()
    shapes = {"monitors": ("request", "probe", "probe_all"), "actions": ("run",), "channels": ("send",)}[room]
    assert sum(hasattr(module, shape) for shape in shapes) == 1


@pytest.mark.parametrize("cls", [Common, ChannelCommon, Keys, *SECTIONS.values()])
def test_every_common_key_and_section_key_has_help(cls: type) -> None:
    assert [field.key for field in describe(cls) if not field.help] == []


@pytest.mark.parametrize("kind", plugins.kinds("monitors"))
def test_a_default_ladder_is_fit_to_be_filled_as_it_stands(kind: str) -> None:
    """What it fills is not judged by type any more: its keys are the action's, its placeholders the kind's, one a
    text; and no action asks for what may be lacking."""
    module = plugins.load("monitors", kind)
    for step in getattr(module, "LADDER", ()):
        action = plugins.load("actions", step["action"])
        assert set(step) - {"action"} <= set(action.Settings._fields) and not hasattr(action, "unavailable")
        for text in step.values():
            names = re.findall(r"\{(\w+)\}", text)
            assert len(names) <= 1 and set(names) <= {"id", *module.Settings._fields}


@pytest.mark.parametrize("kind", plugins.kinds("monitors"))
def test_every_kind_has_advice(kind: str) -> None:
    assert descriptions.DESCRIPTIONS[kind] and advice.RECOMMENDATIONS[kind]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from heartbeat_cli import cli

    assert cli.run([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: heartbeat {verb}" in shown
    assert importlib.import_module(f"heartbeat_cli.commands.{verb}").command.help


def test_every_verb_stands_in_the_manual() -> None:
    manual = (ROOT / "docs/reference/commands.md").read_text()
    assert [verb for verb in VERBS if f"## heartbeat {verb}\n" not in manual] == []


HEAVY = {
    *("requests", "docker", "jinja2", "tabulate", "psutil", "asyncio", "aiohttp", "email", "logging", "zoneinfo"),
    *("ssl", "tempfile", "html", "subprocess", "concurrent", "hashlib", "dataclasses", "fractions", "difflib"),
    *("click", "inspect", "uuid", "platform", "gettext", "pycurl", "psycopg2"),
    *("prometheus_client", "tomli_w", "wcwidth"),
}
CLICK = {"click", "inspect", "uuid", "platform", "gettext"}  # and what it brings
TABLE = {"tabulate", "dataclasses", "email", "html", "tempfile", "wcwidth", "hashlib"}
PAGE = {"jinja2", "hashlib", "tempfile", "zoneinfo"}
# Of these a verb may import what is named here, and click; `run` goes without that.
ALLOWED = {
    "run": {"pycurl"},
    "check": {"pycurl", *TABLE},
    "check as JSON": {"pycurl"},
    "report": {"zoneinfo", *TABLE},
    "report as HTML": {"html", *PAGE},
    "status": TABLE,
    "alerts": {"zoneinfo"},
    "metrics": {"prometheus_client", "email", "hashlib", "html", "ssl", "tempfile"},
    "dashboard": {"difflib", *PAGE},  # click looks for a word like a short option before it finds that there is one
    "crontab": {"subprocess"},
    "timer": {"subprocess"},
    "replay": {"zoneinfo"},
    "doctor": {"pycurl", "zoneinfo", "subprocess"},
    "init": {"difflib", "psycopg2", "subprocess"},  # what it writes is read back; whom does cron mail?
    "completion": {"subprocess"},
}
HEALTHY = """
[heartbeat]
state_dir = "{folder}/state"
[components.main]
kind = "agent"
url = "http://127.0.0.1:9/health"
[components.job]
kind = "push"
period = 3600
[components.host]
kind = "host"
cpu_warn = 0
load_warn = 0
memory_warn = 0
swap_warn = 0
"""


def loaded(config: Path, words: Sequence[str]) -> set[str]:
    """The top-level modules that a process has in the end."""
    code = (
        "import json, sys; from heartbeat_cli import cli; cli.run(sys.argv[1:]);"
        "print(); print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    argv = [sys.executable, "-c", code, "--config", str(config), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=config.parent)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", MEASURED)
def test_a_verb_imports_no_more_than_it_needs(name: str, tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    config.write_text(HEALTHY.format(folder=tmp_path))
    allowed = ALLOWED.get(name, set()) | (CLICK if name != "run" else set())
    assert loaded(config, MEASURED[name]) & HEAVY <= allowed


def test_every_verb_is_measured() -> None:
    assert {words[0] for words in MEASURED.values()} >= set(VERBS)


@pytest.mark.parametrize("kind", ['"webhook"\nurl = "http://127.0.0.1:9/"', '"telegram"\ntoken = "1:x"\nchat_id = "1"'])
def test_a_run_that_notifies_over_http_imports_neither_requests_nor_ssl(kind: str, tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    down = "retries = 0\nfail_threshold = 1\n[components.job]"
    text = HEALTHY.format(folder=tmp_path).replace("[components.job]", down)
    more = 'base_url = "http://127.0.0.1:9"\n' if "telegram" in kind else ""
    config.write_text(f"{text}[channels.one]\nkind = {kind}\n{more}")
    found = loaded(config, ["run"])
    assert "pycurl" in found and not found & {"requests", "urllib3", "socket", "ssl", "email", "http", "jinja2"}


def test_a_run_that_notifies_imports_no_jinja(tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    down = "retries = 0\nfail_threshold = 1\n[components.job]"
    text = HEALTHY.format(folder=tmp_path).replace("[components.job]", down)
    config.write_text(f'{text}[channels.file]\nkind = "file"\npath = "{tmp_path}/told.jsonl"\n')
    assert "jinja2" not in loaded(config, ["run"])
    assert "is down" in (tmp_path / "told.jsonl").read_text()


def test_a_run_in_fault_or_with_a_page_that_is_not_due_imports_no_more(tmp_path: Path) -> None:
    """Cron goes on starting it every few seconds while something is down, and all the year with a page."""
    config = tmp_path / "heartbeat.toml"
    page = f'[dashboard]\nfile = "{tmp_path}/page.html"\ninterval = 86400\n'
    page += f'[status_page]\nfile = "{tmp_path}/status.html"\n'
    down = "interval = 0.01\nretries = 0\nfail_threshold = 1\n[components.job]"
    config.write_text(HEALTHY.format(folder=tmp_path).replace("[components.job]", down) + page)
    assert "jinja2" in loaded(config, ["run"]), "a message and a page are written"
    assert (tmp_path / "page.html").exists() and (tmp_path / "status.html").exists()
    # Not every time on a busy machine: systemd, asked for the agent's unit, may answer too late for a run or two.
    assert any(loaded(config, ["run"]) & HEAVY <= ALLOWED["run"] for _ in range(5))
