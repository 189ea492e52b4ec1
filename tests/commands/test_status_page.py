"""The status page that `heartbeat run` keeps up to date, its feed and its JSON."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.commands import _status_page
from heartbeat_cli.commands._app import App
from heartbeat_cli.config import load, places
from tests.parts import deployment
from tests.parts.verb import heartbeat

CONFIG = """
[heartbeat]
state_dir = "{0}/state"
timezone = "Asia/Hong_Kong"
[components.port]
kind = "tcp"
name = "Shop"
host = "127.0.0.1"
port = 9
fail_threshold = 2
[dashboard]
interval = 600
[status_page]
file = "public/status.html"
"""
FILES = ("feed.atom", "status.html", "status.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "heartbeat.toml").write_text(CONFIG.format(tmp_path))
    (tmp_path / "public").mkdir()
    return tmp_path


def run(folder: Path) -> int:
    """A run that has nothing to say of the page; returns the inode of that."""
    ended = heartbeat(folder, "run")
    assert (ended.code, ended.out) == (0, "") and "status page" not in ended.err
    return (folder / "public/status.html").stat().st_ino


def test_ids_say_nothing_where_the_store_was_never_reached(folder: Path) -> None:
    """The page is made of the spool then, which does not know the store's salt."""
    path = folder / "heartbeat.toml"
    path.write_text(path.read_text().replace("timezone =", 'store = "postgresql://127.0.0.1:1/none"\ntimezone ='))
    found = []
    for _ in range(2):
        heartbeat(folder, "run")
        found.append(json.loads((folder / "public/status.json").read_text())["components"][0]["id"])
        (folder / "public/status.html").unlink()
    assert found[0] == found[1] != hashlib.sha256(b"\nport").hexdigest()[:20]


def _look_again(folder: Path) -> None:
    """Make the last looks old enough for `run` to find everything due."""
    with deployment.store(App(str(folder / "heartbeat.toml")).config) as db:
        db.run("UPDATE heartbeat_looks SET at = at - 3600")


def test_three_files_are_written_for_everybody_and_nothing_is_left_beside_them(folder: Path) -> None:
    run(folder)
    assert sorted(path.name for path in (folder / "public").iterdir()) == sorted(FILES)
    for name in FILES:
        path = folder / "public" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o644 and path.stat().st_nlink == 1
    assert (folder / "public/status.html").read_text().endswith("</html>\n")
    assert (folder / "public/feed.atom").read_text().endswith("</feed>\n")
    assert json.loads((folder / "public/status.json").read_text())["components"][0]["name"] == "Shop"


def test_they_are_written_when_missing_when_something_changed_and_when_they_are_old(folder: Path) -> None:
    page = folder / "public/status.html"
    first = run(folder)
    assert run(folder) == first, "nothing is new and the interval is not over: not written again"
    _look_again(folder)
    second = run(folder)
    assert second != first, "the second failing check makes a fault"
    assert "1 component is down" in page.read_text() and "Shop is down" in (folder / "public/feed.atom").read_text()
    _look_again(folder)
    assert run(folder) == second, "still failing is no news"
    os.utime(page, (time.time() - 700, time.time() - 700))
    assert run(folder) != second, "the interval is over"


def test_a_page_that_cannot_be_written_costs_the_pass_one_line_a_day(folder: Path) -> None:
    (folder / "public").rmdir()
    line = f"heartbeat: status page: {folder}/public/feed.atom: cannot be written: No such file or directory\n"
    assert heartbeat(folder, "run") == (0, "", line)
    assert heartbeat(folder, "run") == (0, "", ""), "cron mails every line"
    said = places.config_folder(load.read(folder / "heartbeat.toml")) / "status_page.trouble"
    os.utime(said, (time.time() - 90_000, time.time() - 90_000))
    assert heartbeat(folder, "run") == (0, "", line), "once a day"
    (folder / "public").mkdir()
    run(folder)
    assert not said.exists()


def test_a_broken_template_of_ones_own_is_named_and_the_pass_goes_on(folder: Path) -> None:
    (folder / "own").mkdir()
    (folder / "own/status.html.j2").write_text("<h1>\n{% if %}")
    text = CONFIG.format(folder).replace("[heartbeat]", f'[heartbeat]\ntemplates = "{folder}/own"')
    (folder / "heartbeat.toml").write_text(text)
    ended = heartbeat(folder, "run")
    assert ended.code == 0 and ended.err.count("\n") == 1
    assert ended.err.startswith(f"heartbeat: status page: template {folder}/own/status.html.j2, line 2: ")


def test_a_store_whose_tables_cannot_be_read_makes_a_page_that_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pass has come as far as the page, and then the store is damaged."""
    run(folder)
    app = App(str(folder / "heartbeat.toml"))
    feed = (folder / "public/feed.atom").read_text()
    with deployment.store(app.config) as db:
        db.run("ALTER TABLE heartbeat_state RENAME TO heartbeat_gone")
        _status_page.refresh(app, db, app.now())
        assert "heartbeat: status page: " in capsys.readouterr().err
        page = (folder / "public/status.html").read_text()
        assert "The present state is not known" in page and "Operational" not in page
        assert json.loads((folder / "public/status.json").read_text())["states_known"] is False
        assert (folder / "public/feed.atom").read_text() == feed, "an empty feed would say that nothing was"
        db.run("ALTER TABLE heartbeat_gone RENAME TO heartbeat_state")
        _status_page.refresh(app, db, app.now() + 61)
    assert json.loads((folder / "public/status.json").read_text())["states_known"] is True


def test_a_store_whose_history_cannot_be_read_leaves_the_states(folder: Path) -> None:
    run(folder)
    app = App(str(folder / "heartbeat.toml"))
    with deployment.store(app.config) as db:
        db.run("ALTER TABLE heartbeat_hours RENAME TO heartbeat_gone")
        os.utime(folder / "public/status.html", (0, 0))
        for path in app.config.state_dir.rglob("dashboard.days"):
            path.unlink()
        _status_page.refresh(app, db, app.now())
    made = json.loads((folder / "public/status.json").read_text())
    assert made["states_known"] is True and made["history_known"] is False
    assert made["components"][0]["daily_availability_percent"] == [] and made["incidents_complete"] is False


def test_while_the_store_is_away_the_states_go_on_and_the_page_says_what_is_missing(folder: Path) -> None:
    text = CONFIG.format(folder).replace("[heartbeat]", f'[heartbeat]\nstore = "sqlite:///{folder}/store/hb.db"')
    (folder / "heartbeat.toml").write_text(text)
    (folder / "store").mkdir(mode=0o700)
    run(folder)
    before = json.loads((folder / "public/status.json").read_text())
    (folder / "store").rename(folder / "moved")
    (folder / "store").write_text("no folder")
    os.utime(folder / "public/status.html", (0, 0))
    ended = heartbeat(folder, "run")
    assert ended.code == 0, ended
    made = json.loads((folder / "public/status.json").read_text())
    assert made["states_known"] is True and made["history_known"] is False
    assert made["components"][0]["id"] == before["components"][0]["id"], "the same ids as with the store"
    assert "could not be read" in (folder / "public/status.html").read_text()


def test_a_run_without_the_section_imports_nothing_of_it_and_a_page_that_is_young_costs_no_template(
    folder: Path,
) -> None:
    names = _imported(folder)
    assert "heartbeat_cli.views.status_page" in names and "jinja2" in names
    names = _imported(folder)
    assert "jinja2" not in names and "heartbeat_cli.views.status_page" not in names
    text = CONFIG.format(folder)
    (folder / "heartbeat.toml").write_text(text[: text.index("[dashboard]")])
    assert [name for name in _imported(folder) if "status_page" in name] == []


def _imported(folder: Path) -> set[str]:
    code = "import sys; from heartbeat_cli import cli; cli.run(['run']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
