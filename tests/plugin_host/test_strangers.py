"""What another user owns, or may write, of a plug-in's package and of what it imports, is not imported."""

import json
import os
import py_compile
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts import scratch, users
from tests.parts.plugins import HEAD, Packages

PROBE = HEAD + 'import hb_two.deep.lib, helper\ndef probe(settings, context):\n    return Reading("healthy")\n'
CONFIG = '[components.it]\nkind = "two"\n[components.other]\nkind = "command"\ncommand = ["true"]\n'


def theirs(path: Path) -> None:
    os.chown(path, users.NOBODY, users.NOBODY)


def writable(path: Path) -> None:
    path.chmod(0o666 if path.is_file() else 0o777)


def installed(folder: Path) -> Packages:
    """A kind whose module imports one of a package below its own, and one beside it."""
    packages = Packages(folder / "site")
    packages.add("two", monitors_two=PROBE)
    deep = packages.folder / "hb_two/deep"
    deep.mkdir()
    (deep / "__init__.py").write_text("")
    (deep / "lib.py").write_text("")
    (packages.folder / "helper.py").write_text("")
    (folder / "heartbeat.toml").write_text(CONFIG)
    return packages


def checked(packages: Packages, folder: Path) -> tuple[str, str]:
    rows = json.loads(packages.heartbeat(folder, "check", "--all", "--format", "json").out)
    found = {row["component"]: row for row in rows}
    assert found["other"]["status"] == "healthy"
    return found["it"]["status"], found["it"]["error"] or ""


@pytest.mark.parametrize("change", [theirs, writable])
@pytest.mark.parametrize(
    "name",
    [
        *("hb_two", "hb_two/__init__.py", "hb_two/two.py", "hb_two/deep", "hb_two/deep/__init__.py"),
        *("hb_two/deep/lib.py", "helper.py", "hb_two/__pycache__", "hb_two/__pycache__/two.pyc"),
    ],
)
def test_each_file_that_is_imported_is_judged(tmp_path: Path, name: str, change: Callable[[Path], None]) -> None:
    users.need_root()
    packages = installed(tmp_path)
    place = packages.folder / name
    if "__pycache__" in name:
        compiled = Path(py_compile.compile(str(packages.folder / "hb_two/two.py")) or "")
        place = compiled if name.endswith("pyc") else compiled.parent
    assert checked(packages, tmp_path) == ("healthy", "")
    change(place)
    status, error = checked(packages, tmp_path)
    said = f"it cannot be used: {place} "
    assert status == "unknown" and said in error, error
    assert ("belongs to nobody" if change is theirs else "can be written by everybody") in error


def test_a_module_that_is_found_by_another_finder_is_judged(tmp_path: Path) -> None:
    """As with an editable installation."""
    packages = installed(tmp_path)
    with scratch.open_to_others() as elsewhere:
        shutil.move(packages.folder / "hb_two", elsewhere / "hb_two")
        finder = (
            "import sys\nfrom importlib.machinery import PathFinder\nclass Finder:\n    @staticmethod\n"
            "    def find_spec(name, path=None, target=None):\n"
            f"        return PathFinder.find_spec(name, [{str(elsewhere)!r}]) if name == 'hb_two' else None\n"
            "sys.meta_path.append(Finder)\n"
        )
        (packages.folder / "sitecustomize.py").write_text(finder)
        assert checked(packages, tmp_path) == ("healthy", "")
        writable(elsewhere / "hb_two/two.py")
        assert f"{elsewhere}/hb_two/two.py can be written by everybody" in checked(packages, tmp_path)[1]


def test_what_a_call_imports_later_is_judged_too(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("two", monitors_two=HEAD + "def probe(settings, context):\n    import late\n")
    (packages.folder / "late.py").write_text("raise SystemExit\n")
    writable(packages.folder / "late.py")
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    status, error = checked(packages, tmp_path)
    assert status == "unknown" and "late.py can be written by everybody" in error
