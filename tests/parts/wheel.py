"""An environment of its own with heartbeat installed from its wheel, built from a copy of the sources; its dependencies
are borrowed from this environment. `add` builds and installs another package beside it, from no index."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

from tests.parts import lacking

ROOT = Path(__file__).parents[2]
SCHEMA = "docs/reference/heartbeat.schema.json"
SOURCES = ("src", "share", "templates", "pyproject.toml", "README.md", "LICENSE", "heartbeat.example.toml", SCHEMA)


class Installed(NamedTuple):
    """`folder` has no sources; `python` is the environment's."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv/bin/python"

    @property
    def site(self) -> Path:
        (site,) = (self.folder / "venv/lib").glob("python*/site-packages")
        return site

    def heartbeat(self, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        argv = [str(self.python), "-m", "heartbeat_cli", *words]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "DOCKER_HOST": "unix:///nowhere.sock"}
        return subprocess.run(argv, capture_output=True, text=True, cwd=home, env=environment, timeout=60, check=False)

    def add(self, source: Path) -> None:
        """Build the package in `source` as a wheel, from a copy, and install it."""
        copy = self.folder / "copies" / source.name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".venv", "__pycache__", "dist"))
        self.install(built(copy))

    def install(self, wheel: Path) -> None:
        _install(wheel, before=("--python", str(self.python)))


def install_into(site: Path, wheel: Path) -> None:
    """Install a wheel into a folder of packages."""
    _install(wheel, behind=("--target", str(site)))


def _install(wheel: Path, before: tuple[str, ...] = (), behind: tuple[str, ...] = ()) -> None:
    argv = [sys.executable, "-m", "pip", *before, "install", "--quiet", "--no-deps", "--no-index", *behind, str(wheel)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        lacking(f"pip cannot install a wheel here: {done.stderr}")


def built(source: Path) -> Path:
    """The wheel of the package in a folder."""
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source / "dist"), str(source)]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


def install(folder: Path) -> Installed:
    """heartbeat from its wheel in a new environment in `folder`."""
    for name in SOURCES:
        source = ROOT / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    wheel = built(folder)
    venv.create(folder / "venv", with_pip=False)
    found = Installed(folder)
    found.install(wheel)
    import click

    (found.site / "borrowed.pth").write_text(str(Path(click.__file__).parent.parent))
    shutil.rmtree(folder / "src")
    shutil.rmtree(folder / "templates")
    shutil.rmtree(folder / "share")
    return found
