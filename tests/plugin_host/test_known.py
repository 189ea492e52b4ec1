"""What is installed is known to `kinds`, `config schema`, `config check` and `doctor`; a run without plug-ins pays
nothing for it."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from heartbeat_cli.config import schema
from tests.parts.plugins import HEAD, Packages
from tests.test_house import HEAVY

PROBE = 'def probe(settings, context):\n    return Reading("healthy")\n'
RICH = (
    '''"""A plug-in of a test."""
from typing import Literal, NamedTuple
from heartbeat_cli.plugin_api import Reading, Seconds
class Settings(NamedTuple):
    """Keys.

    place: where it is
    """
    place: str
    every: Seconds = 60.0
    way: Literal["up", "down"] = "up"
    names: tuple[str, ...] = ()
    token: str | None = None
def problems(settings):
    return [("place", "expected a place")] if settings.place == "nowhere" else []
def host_of(settings):
    return settings.place
'''
    + PROBE
)


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    found = Packages(tmp_path / "site")
    found.add("riches", "3.1", monitors_rich=RICH)
    return found


def written(home: Path, text: str) -> None:
    (home / "heartbeat.toml").write_text(text)


def test_kinds_shows_its_keys_and_whose_it_is(packages: Packages, tmp_path: Path) -> None:
    assert "\n  rich        A plug-in of a test.\n" in packages.heartbeat(tmp_path, "kinds").out
    said = packages.heartbeat(tmp_path, "kinds", "rich").out
    for part in (
        "Plug-in of the package riches 3.1.",
        "  place: a string, required\n      where it is",
        "  every: a duration, default 60",
        '  way: one of up, down, default "up"',
        "  names: a list, a string each, default []",
    ):
        assert part in said


def test_mistakes_are_found_with_their_lines(packages: Packages, tmp_path: Path) -> None:
    written(
        tmp_path,
        '[components.a]\nkind = "rich"\nplace = "nowhere"\n'
        '[components.b]\nkind = "rich"\nplace = "x"\nway = "left"\nevery = "1 year"\nnaems = []\n'
        '[components.c]\nkind = "rihc"\n[components.d]\nkind = "rich"\n',
    )
    ended = packages.heartbeat(tmp_path, "config", "check")
    assert ended.code == 2
    assert [line.removeprefix("heartbeat: heartbeat.toml:") for line in ended.err.splitlines()] == [
        "3: components.a.place: expected a place",
        "9: components.b.naems: unknown key; did you mean names?",
        '8: components.b.every: expected a number of seconds, or text as in "30s", "5m", "2h", "1d"; got "1 year"',
        '7: components.b.way: expected one of up, down, got "left"',
        '11: components.c.kind: unknown kind "rihc"; did you mean rich?; installed plug-ins: rich (riches 3.1)',
        "12: components.d.place: is required: a string",
    ]


def test_the_schema_has_it(packages: Packages, tmp_path: Path) -> None:
    made = json.loads(packages.heartbeat(tmp_path, "config", "schema").out)
    judge = jsonschema.Draft7Validator(made)
    good = {"kind": "rich", "place": "x", "way": "down", "every": "5m"}
    for keys, right in ((good, True), ({**good, "place": 3}, False), ({**good, "naems": []}, False)):
        assert judge.is_valid({"components": {"a": keys}}) == right
    assert "component.rich" not in schema.build()["definitions"]


def test_defaults_of_its_kind_and_blocks(packages: Packages, tmp_path: Path) -> None:
    written(
        tmp_path,
        '[defaults.rich]\nplace = "x"\n[components."w-{n}"]\nkind = "rich"\neach = { n = "1..3" }\n',
    )
    assert packages.heartbeat(tmp_path, "config", "check").code == 0
    ended = packages.heartbeat(tmp_path, "check", "--all", "--format", "json")
    assert [(row["component"], row["status"]) for row in json.loads(ended.out)] == [
        (f"w-{n}", "healthy") for n in (1, 2, 3)
    ]


def test_doctor_says_which_package_it_is_of(packages: Packages, tmp_path: Path) -> None:
    written(tmp_path, '[components.a]\nkind = "rich"\nplace = "127.0.0.1"\n')
    said = packages.heartbeat(tmp_path, "doctor").out
    assert "rich: hb_riches.rich of the package riches 3.1" in said
    assert "rich, 127.0.0.1: healthy" in said


def test_a_secret_of_it_is_hidden(packages: Packages, tmp_path: Path) -> None:
    written(tmp_path, '[components.a]\nkind = "rich"\nplace = "x"\ntoken = "Geheimnis99x"\n')
    said = packages.heartbeat(tmp_path, "config", "show").out
    assert "token" in said and "Geheimnis" not in said


def test_one_that_others_may_write_is_not_imported(packages: Packages, tmp_path: Path) -> None:
    written(tmp_path, '[components.a]\nkind = "rich"\nplace = "x"\n')
    for path in (packages.folder / "hb_riches", packages.folder / "riches-3.1.dist-info"):
        path.chmod(0o777)
        said = packages.heartbeat(tmp_path, "config", "check").err
        assert f"it cannot be used: {path} can be written by everybody; run chmod go-w {path}" in said
        path.chmod(0o755)
    assert packages.heartbeat(tmp_path, "config", "check").code == 0


def test_without_a_plug_in_nothing_looks_for_one(tmp_path: Path) -> None:
    written(tmp_path, '[components.a]\nkind = "command"\ncommand = ["true"]\n')
    code = (
        "import sys; from heartbeat_cli import cli; cli.run(['run']);"
        "print([name for name in sys.modules if 'plugin_' in name or 'importlib.metadata' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "[]\n"


def test_the_api_is_light_to_import() -> None:
    """A plug-in's process imports it for each command; and a plug-in may be tested with nothing else."""
    code = "import sys, heartbeat_cli.plugin_api; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()


def test_its_settings_are_asked_once_a_run(tmp_path: Path) -> None:
    """Of many components with the same settings; and none is asked where the module has nothing to say of them."""
    packages = Packages(tmp_path / "site")
    log = tmp_path / "asked"
    source = HEAD + PROBE + f"def problems(settings):\n    open({str(log)!r}, 'a').write('!')\n    return []\n"
    packages.add("ask", monitors_ask=source)
    written(tmp_path, '[components."w-{n}"]\nkind = "ask"\neach = { n = "1..20" }\n')
    assert packages.heartbeat(tmp_path, "check", "--all").code == 0
    assert log.read_text() == "!"


def test_settings_that_are_judged_for_ever_hold_nobody_for_long(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    source = HEAD + PROBE + "def problems(settings):\n    import time\n    time.sleep(600)\n"
    packages.add("ask", monitors_ask=source)
    written(tmp_path, '[components."w-{n}"]\nkind = "ask"\nhow = "x{n}"\neach = { n = "1..20" }\n')
    begun = time.monotonic()
    said = packages.heartbeat(tmp_path, "config", "check").err.splitlines()
    assert time.monotonic() - begun < 20, "a second for each"
    *first, then = said  # on a busy machine less than a second is left for the last one that is asked
    assert re.search(r"it did not end within 1 s and was killed \([345] components\)$", first[0])
    assert all("and was killed" in line for line in first) and len(first) <= 2
    assert re.search(r"it did not judge the settings of all components within 5 s \(1[567] components\)$", then)
