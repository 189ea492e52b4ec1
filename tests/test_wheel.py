"""The wheel holds all it needs: built from a copy of the sources, installed elsewhere, used without them."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.parts import lacking

ROOT = Path(__file__).parent.parent
SCHEMA = "docs/reference/heartbeat.schema.json"
SOURCES = ("src", "templates", "pyproject.toml", "README.md", "LICENSE", "heartbeat.example.toml", SCHEMA)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `heartbeat` installed from the wheel, its dependencies borrowed from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(folder)]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    done = subprocess.run([*pip, str(wheel)], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        lacking(f"pip cannot install a wheel here: {done.stderr}")
    import click

    (site / "borrowed.pth").write_text(str(Path(click.__file__).parent.parent))
    shutil.rmtree(folder / "src")
    shutil.rmtree(folder / "templates")
    return folder


def heartbeat(installed: Path, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [str(installed / "venv/bin/python"), "-m", "heartbeat_cli", *words]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "DOCKER_HOST": "unix:///nowhere.sock"}
    return subprocess.run(argv, capture_output=True, text=True, cwd=home, env=environment, timeout=60, check=False)


def test_the_package_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import heartbeat_cli; print(heartbeat_cli.__file__)"
    argv = [str(installed / "venv/bin/python"), "-c", code]
    found = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert found.startswith(str(installed / "venv"))


def test_the_licence_is_in_it(installed: Path) -> None:
    (text,) = [
        path.read_text() for path in installed.glob("venv/lib/python*/site-packages/*.dist-info/licenses/LICENSE")
    ]
    assert text == (ROOT / "LICENSE").read_text() and "MIT License" in text


def test_pass_page_report_and_example_work_without_the_sources(installed: Path, tmp_path: Path) -> None:
    assert heartbeat(installed, tmp_path, "check", "--all").returncode in (0, 1)
    page = heartbeat(installed, tmp_path, "dashboard", "-o", "page.html")
    assert page.returncode == 0, page.stderr
    assert "</html>" in (tmp_path / "page.html").read_text()
    report = heartbeat(installed, tmp_path, "report", "--date", "today", "--format", "html")
    assert "</html>" in report.stdout, report.stderr
    example = heartbeat(installed, tmp_path, "init", "-o", "heartbeat.toml")
    assert example.returncode == 0, example.stderr
    text = (tmp_path / "heartbeat.toml").read_text()
    assert "Main Agent" in text
    first = text.splitlines()[0].removeprefix("#:schema file://")
    assert first.startswith(str(installed)) and Path(first).read_text() == (ROOT / SCHEMA).read_text()
    assert heartbeat(installed, tmp_path, "config", "check").returncode == 0
