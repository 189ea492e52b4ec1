"""`heartbeat dashboard`, and the page that `heartbeat run` keeps up to date."""

import os
import time
from pathlib import Path

import pytest

from heartbeat_cli.commands import _page
from heartbeat_cli.commands._app import App
from heartbeat_cli.config import load, places
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.store.history import passes
from tests.parts import deployment
from tests.parts.verb import heartbeat

CONFIG = """
[heartbeat]
state_dir = "{0}/state"
timezone = "Asia/Hong_Kong"
[components.port]
kind = "tcp"
host = "127.0.0.1"
port = 9
fail_threshold = 2
[components.sshd]
kind = "service"
unit = "ssh.service"
observer = "elsewhere"
[dashboard]
file = "{0}/page.html"
interval = 600
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "heartbeat.toml").write_text(CONFIG.format(tmp_path))
    return tmp_path


def test_the_page_is_written_whole_and_for_ones_own_eyes_unless_it_is_public(folder: Path) -> None:
    target = folder / "other.html"
    ended = heartbeat(folder, "dashboard", "-o", str(target))
    assert (ended.code, ended.out, ended.err) == (0, "", f"{target}: written\n")
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_text().startswith("<!doctype html>") and "</html>" in target.read_text()
    assert not [path for path in folder.iterdir() if path.name.startswith(".other")]
    (folder / "heartbeat.toml").write_text(CONFIG.format(folder) + "public = true\n")
    assert heartbeat(folder, "dashboard", "-o", str(target)).code == 0
    assert target.stat().st_mode & 0o777 == 0o644


def test_badges_are_written_and_those_of_what_is_gone_are_removed(folder: Path) -> None:
    place = folder / "badges"
    ended = heartbeat(folder, "dashboard", "--badges", str(place))
    assert ended == (0, "", f"{place}: 3 badges written\n")
    assert {path.name for path in place.iterdir()} == {"_all.svg", "port.svg", "sshd.svg"}
    assert (place / "port.svg").stat().st_mode & 0o777 == 0o600 and place.stat().st_mode & 0o777 == 0o700
    (place / "drawing.svg").write_text("<svg/>")
    text = CONFIG.format(folder)
    text = text[: text.index("[components.sshd]")] + text[text.index("[dashboard]") :]
    (folder / "heartbeat.toml").write_text(text + 'badges = "badges"\npublic = true\n')
    assert heartbeat(folder, "run").code == 0
    assert {path.name for path in place.iterdir()} == {"_all.svg", "port.svg", "drawing.svg"}
    assert (place / "port.svg").stat().st_mode & 0o777 == 0o644


def test_run_keeps_badges_alone_up_to_date_too(folder: Path) -> None:
    text = CONFIG.format(folder).replace(f'file = "{folder}/page.html"', 'badges = "badges"')
    (folder / "heartbeat.toml").write_text(text)
    badge = folder / "badges/_all.svg"
    assert heartbeat(folder, "run") == (0, "", "")
    first = badge.stat().st_ino
    assert heartbeat(folder, "run").code == 0 and badge.stat().st_ino == first
    os.utime(badge, (time.time() - 700, time.time() - 700))
    assert heartbeat(folder, "run").code == 0 and badge.stat().st_ino != first
    assert not (folder / "page.html").exists()


def test_without_a_name_it_goes_where_the_configuration_says_or_nowhere(folder: Path) -> None:
    assert heartbeat(folder, "dashboard").code == 0
    assert (folder / "page.html").exists()
    assert heartbeat(folder, "dashboard", "-o", "-").out.startswith("<!doctype html>")
    (folder / "heartbeat.toml").write_text(CONFIG.format(folder).partition("[dashboard]")[0])
    ended = heartbeat(folder, "dashboard")
    assert ended.code == 2
    assert ended.err == (
        "heartbeat: nowhere to write to: give -o FILE or --badges DIR, or set file or badges in [dashboard]\n"
    )


def test_run_writes_the_page_when_it_is_missing_when_something_changed_and_when_it_is_old(folder: Path) -> None:
    page = folder / "page.html"

    def run() -> int:
        assert heartbeat(folder, "run").code == 0
        return page.stat().st_ino

    first = run()
    assert run() == first, "nothing is new and the interval is not over: not written again"
    _look_again(folder)
    second = run()
    assert second != first, "the second failing check makes a fault"
    assert "1 of 2 components in fault" in page.read_text()
    _look_again(folder)
    assert run() == second, "still failing is no news"
    os.utime(page, (time.time() - 700, time.time() - 700))
    assert run() != second, "the interval is over"


def _look_again(folder: Path) -> None:
    """Make the last looks old enough for `run` to find everything due."""
    config = App(str(folder / "heartbeat.toml")).config
    with deployment.store(config) as db:
        db.run("UPDATE heartbeat_looks SET at = at - 3600")


def test_a_page_that_cannot_be_written_is_told_once_and_never_fails_the_pass(folder: Path) -> None:
    text = CONFIG.format(folder).replace("page.html", "later/page.html")
    (folder / "heartbeat.toml").write_text(text)
    line = f"heartbeat: dashboard: {folder}/later/page.html: cannot be written: No such file or directory\n"
    assert heartbeat(folder, "run") == (0, "", line)
    assert heartbeat(folder, "run") == (0, "", ""), "cron mails every line"
    told = places.config_folder(load.read(folder / "heartbeat.toml")) / "dashboard.trouble"
    os.utime(told, (time.time() - 90_000, time.time() - 90_000))
    assert heartbeat(folder, "run") == (0, "", line), "once a day"
    (folder / "later").mkdir()
    assert heartbeat(folder, "run") == (0, "", "")
    assert (folder / "later/page.html").exists() and not told.exists()


def test_a_broken_template_of_ones_own_is_told_with_file_and_line(folder: Path) -> None:
    own = folder / "own"
    own.mkdir()
    (own / "dashboard.html.j2").write_text("<h1>\n{% if %}")
    text = CONFIG.format(folder).replace("[heartbeat]", f'[heartbeat]\ntemplates = "{own}"')
    (folder / "heartbeat.toml").write_text(text)
    ended = heartbeat(folder, "dashboard")
    assert ended.code == 3
    assert ended.err.startswith(f"heartbeat: template {own}/dashboard.html.j2, line 2: ")
    ended = heartbeat(folder, "run")
    assert ended.code == 0 and ended.err.count("\n") == 1


def test_refresh_follows_a_clock_that_was_set_back(folder: Path) -> None:
    app = App(str(folder / "heartbeat.toml"))
    now = app.now()
    with deployment.store(app.config) as db:
        one = passes.Pass("p", app.config.observer, now - 1, now - 0.5)
        passes.save(db, one, {"port": Reading("healthy", 0.01)}, app.config.components)
        detect.detect(db, app.config, now)
        _page.refresh(app, db, now + 5_000)
        first = (folder / "page.html").stat().st_ino
        _page.refresh(app, db, now + 5_010)
        assert (folder / "page.html").stat().st_ino == first
        _page.refresh(app, db, now + 10)
        assert (folder / "page.html").stat().st_ino != first, "a page from the future would never grow old"
