"""The wheel holds all it needs: built from a copy of the sources, installed elsewhere, used without them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.parts import lacking, wheel
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


def test_manual_pages_and_completions_are_where_man_and_shells_look(installed: Installed) -> None:
    """`man` looks in `../share/man` of the folders of $PATH."""
    made = {str(path.relative_to(ROOT)) for path in (ROOT / "share").rglob("*") if path.is_file()}
    assert {path for path in made if not (installed.folder / "venv" / path).is_file()} == set()
    assert {"share/man/man1/heartbeat-run.1", "share/man/man5/heartbeat.toml.5"} < made
    assert {f"share/{one}" for one in ("bash-completion/completions/heartbeat", "zsh/site-functions/_heartbeat")} < made
    if not shutil.which("man"):
        lacking("man")
    path = f"{installed.folder / 'venv/bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
    argv = ["man", "--where", "heartbeat.toml"]
    found = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60, check=True).stdout
    assert found.strip() == str(installed.folder / "venv/share/man/man5/heartbeat.toml.5")


def test_completion_works_in_bash_from_the_installed_file(installed: Installed, tmp_path: Path) -> None:
    if not shutil.which("bash"):
        lacking("bash")
    line = (
        f"source {installed.folder}/venv/share/bash-completion/completions/heartbeat\n"
        "COMP_WORDS=(heartbeat re); COMP_CWORD=1\n"
        "$(complete -p heartbeat | sed 's/.*-F \\([^ ]*\\).*/\\1/') heartbeat\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = {"PATH": f"{installed.folder / 'venv/bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    argv = ["bash", "--norc", "-c", line]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60, check=True)
    assert (done.stdout.split(), done.stderr) == (["recover", "replay", "report"], "")
