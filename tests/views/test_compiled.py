"""Our own templates of messages as Python: what Jinja renders, byte for byte, without Jinja."""

import importlib.util
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.views import templates, voice
from heartbeat_cli.views.compiled.parts import MODULES
from tests.parts import lacking

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "templates"
TEXTS = (
    "",
    "",
    "Main Agent",
    "a <b> & 'c' \"d\" {e} {",
    "網頁",
    "line\nline",
    "reminder",
    "recovered",
    "main",
    "x" * 300,
)
LISTS = ("held", "well", "also", "also_since", "text", "advice", "ack", "silence", "evidence", "attempts", "votes")
LISTS += ("begun", "ended", "names")


def names_of(name: str) -> list[str]:
    """The files that may stand for a message, as views/messages.py asks for them."""
    head = name.removesuffix(".j2")
    return [f"{one}{language}.j2" for one in dict.fromkeys([head, "alert"]) for language in (".en", "")]


def drawn(seed: int, digest: bool) -> dict[str, Any]:
    """Values of every name that a template of ours uses, each there or not."""
    draw = random.Random(seed)

    def row() -> dict[str, Any]:
        return (
            dict.fromkeys(("action", "outcome", "detail", "waited", "host", "status", "said", "at"), "")
            | {
                name: draw.choice(TEXTS)
                for name in ("detail", "waited", "host", "status", "said", "at", "names", "action")
            }
            | {"number": draw.randrange(9), "fails": draw.random() < 0.5, "unknown": draw.random() < 0.5}
        )

    def one() -> dict[str, Any]:
        found: dict[str, Any] = {name: draw.choice(TEXTS) for name in USED}
        for name in LISTS:
            made: list[Any] = [draw.choice(TEXTS) for _ in range(draw.randrange(4))]
            if name == "evidence":
                made = [(text, text) for text in made]
            elif name in ("attempts", "votes") or (digest and name == "advice"):
                made = [row() for _ in made]
            found[name] = made
        return found | {"outages": draw.randrange(3), "whole": draw.random() < 0.3, "flapping": draw.random() < 0.5}

    values = one()
    values |= {name: [one() for _ in range(draw.randrange(4))] for name in ("begun", "ended")}
    speaks = voice.Voice(draw.choice(("en", "zh-HK")), "Asia/Hong_Kong", (), 0.0)
    return values | {"_": speaks.phrase, "locale": speaks.locale}


def used() -> set[str]:
    """The names in our templates: those of the values, and of what they hold."""
    from jinja2 import Environment, nodes

    found = set[str]()
    for name in MODULES:
        tree = Environment(autoescape=True).parse((PACKAGED / name).read_text())
        found |= {one.name for one in tree.find_all(nodes.Name)} | {one.attr for one in tree.find_all(nodes.Getattr)}
    return found


USED = sorted(used() - {"_", "loop", "super"})


@pytest.mark.parametrize("name", MODULES)
def test_it_says_what_jinja_says(name: str) -> None:
    lengths = set()
    for seed in range(150):
        values = drawn(seed, digest="digest" in name)
        fill = templates._in_python(names_of(name), None)
        assert fill
        found = fill(values)
        assert found == templates.render(name, values), seed
        lengths.add(len(found))
    assert len(lengths) > 100, "they are alike"


def test_it_is_what_the_templates_are(tmp_path: Path) -> None:
    """scripts/templates writes it."""
    if importlib.util.find_spec("ruff") is None:
        lacking("ruff, which formats what scripts/templates writes")
    subprocess.run([sys.executable, str(ROOT / "scripts/templates"), str(tmp_path)], check=True)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    folder = ROOT / "src/heartbeat_cli/views/compiled"
    assert written == {path.name: path.read_text() for path in folder.glob("alert*.py")}
    assert sorted(written) == sorted(f"{one}.py" for one in MODULES.values())


def own(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder)


@pytest.mark.parametrize("name", ["alert.over.j2", "alert.over.en.j2", "alert.j2", "alert.en.j2"])
def test_a_template_of_the_user_is_rendered_by_jinja(name: str, tmp_path: Path) -> None:
    """Also where ours builds upon it."""
    folder = own(tmp_path, name, "{% block seen %}{% endblock %}{% block foot %}mine{% endblock %}")
    values = drawn(1, digest=False) | {"locale": "en"}
    assert templates._in_python(names_of("alert.over.j2"), folder) is None
    assert "mine" in templates.first(names_of("alert.over.j2"), values, folder)


def test_a_folder_of_the_user_that_words_something_else_leaves_ours_alone(tmp_path: Path) -> None:
    folder = own(tmp_path, "alert.slow.j2", "mine")
    assert templates._in_python(names_of("alert.over.j2"), folder)


def test_a_template_of_ours_that_has_been_changed_is_rendered_by_jinja(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src/heartbeat_cli", tmp_path / "src/heartbeat_cli")
    shutil.copytree(PACKAGED, tmp_path / "templates")
    code = f"from heartbeat_cli.views import templates; print(templates._in_python({names_of('alert.over.j2')}, None))"
    argv = [sys.executable, "-c", code]
    environment = {"PYTHONPATH": str(tmp_path / "src")}
    assert "function render" in subprocess.run(argv, env=environment, capture_output=True, text=True).stdout
    with (tmp_path / "templates/alert.j2").open("a") as file:
        file.write("<i>changed</i>")
    assert subprocess.run(argv, env=environment, capture_output=True, text=True).stdout == "None\n"


def test_what_is_missing_is_said_as_jinja_says_it() -> None:
    values = drawn(1, digest=False) | {"locale": "en"}
    del values["mark"]
    with pytest.raises(Exception, match=r"alert\.j2, line \d+: UndefinedError: 'mark' is undefined"):
        templates.first(names_of("alert.j2"), values)
