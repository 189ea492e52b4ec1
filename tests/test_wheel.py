"""The wheel holds all it needs: built from a copy of the sources, installed elsewhere, used without them."""

import subprocess
from pathlib import Path

import pytest

from tests.parts import wheel
from tests.parts.wheel import ROOT, SCHEMA, Installed


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return wheel.install(tmp_path_factory.mktemp("wheel"))


def test_the_package_comes_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    code = "import heartbeat_cli; print(heartbeat_cli.__file__)"
    argv = [str(installed.python), "-c", code]
    found = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert found.startswith(str(installed.folder / "venv"))


def test_the_licence_is_in_it(installed: Installed) -> None:
    (text,) = [path.read_text() for path in installed.site.glob("*.dist-info/licenses/LICENSE")]
    assert text == (ROOT / "LICENSE").read_text() and "MIT License" in text


def test_type_checkers_may_read_it(installed: Installed) -> None:
    assert (installed.site / "heartbeat_cli/py.typed").is_file()


def test_pass_page_report_and_example_work_without_the_sources(installed: Installed, tmp_path: Path) -> None:
    assert installed.heartbeat(tmp_path, "check", "--all").returncode in (0, 1)
    page = installed.heartbeat(tmp_path, "dashboard", "-o", "page.html")
    assert page.returncode == 0, page.stderr
    assert "</html>" in (tmp_path / "page.html").read_text()
    report = installed.heartbeat(tmp_path, "report", "--date", "today", "--format", "html")
    assert "</html>" in report.stdout, report.stderr
    example = installed.heartbeat(tmp_path, "init", "-o", "heartbeat.toml")
    assert example.returncode == 0, example.stderr
    text = (tmp_path / "heartbeat.toml").read_text()
    assert "Main Agent" in text
    first = text.splitlines()[0].removeprefix("#:schema file://")
    assert first.startswith(str(installed.folder)) and Path(first).read_text() == (ROOT / SCHEMA).read_text()
    assert installed.heartbeat(tmp_path, "config", "check").returncode == 0
