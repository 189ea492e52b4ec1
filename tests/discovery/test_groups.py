"""What blocks with `match` stand for, as Engines and service managers of several moods say it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from heartbeat_cli.config.groups import Found, Group
from heartbeat_cli.discovery import groups, notes
from heartbeat_cli.system import hung
from tests.parts.http import Answer, healthy_server
from tests.parts.users import NOBODY, as_user, need_root
from tests.parts.verb import heartbeat

UNITS = Group("units", "service", {"unit": "web-*.service"}, {})


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that prints the files `list-units` and `list-unit-files`."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\nfor word; do case $word in list-*) exec cat "{tmp_path}/$word";; esac; done\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in ("list-units", "list-unit-files"):
        (tmp_path / name).write_text("")
    return tmp_path


def names(folder: Path) -> list[str]:
    return list(groups.find(folder / "state", [UNITS]).names["units"])


def test_units_that_run_or_are_enabled(systemctl: Path) -> None:
    loaded = "web-a.service loaded active running A\nweb-read.service loaded inactive dead R\n"
    loaded += "web-no.service not-found inactive dead\n"
    (systemctl / "list-units").write_text(loaded)
    (systemctl / "list-unit-files").write_text("web-b.service enabled enabled\nweb-read.service disabled enabled\n")
    assert names(systemctl) == ["web-a.service", "web-b.service"]


def test_an_instance_that_was_seen_is_there_while_its_template_is(systemctl: Path) -> None:
    (systemctl / "list-units").write_text("web-c@1.service loaded active running C\n")
    (systemctl / "list-unit-files").write_text("web-c@.service disabled enabled\n")
    assert names(systemctl) == ["web-c@1.service"]
    (systemctl / "list-units").write_text("")  # stopped, and unloaded
    assert names(systemctl) == ["web-c@1.service"]
    (systemctl / "list-unit-files").write_text("")
    assert names(systemctl) == []


def test_an_answer_that_was_cut_forgets_nothing(systemctl: Path) -> None:
    (systemctl / "list-units").write_text("web-a.service loaded active running A\n")
    assert names(systemctl) == ["web-a.service"]
    (systemctl / "list-units").write_text(f"web-b.service loaded active running {'x' * 9_000_000}\n")
    found = groups.find(systemctl / "state", [UNITS])
    assert found.names["units"] == ["web-a.service"] and not found.fresh


def test_another_engine_says_nothing_of_what_the_first_one_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run by hand with another $DOCKER_HOST closes no incident."""
    group = Group("boxes", "docker", {"name": "*"}, {})
    listed = json.dumps([{"Names": ["/web"], "State": "running"}]).encode()
    with healthy_server(Answer(200, listed)) as first, healthy_server(Answer(200, b"[]")) as other:

        def found(url: str) -> tuple[list[str], bool]:
            monkeypatch.setenv("DOCKER_HOST", url.replace("http:", "tcp:"))
            now = groups.find(tmp_path, [group])
            return list(now.names["boxes"]), bool(now.fresh)

        assert found(first.url) == (["web"], True)
        assert found(other.url) == ([], True)
        assert found(other.url) == ([], True)
        assert groups.remembered(tmp_path, [group]) == Found({"boxes": []}, elsewhere={"boxes": ["web"]})
        monkeypatch.setenv("DOCKER_HOST", first.url.replace("http:", "tcp:"))
        assert groups.remembered(tmp_path, [group]) == Found({"boxes": ["web"]})


def test_a_name_that_a_link_gives_is_none_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.dumps([{"Names": ["/web/db", "/db"], "State": "running"}]).encode()
    with healthy_server(Answer(200, listed)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url.replace("http:", "tcp:"))
        assert not groups.find(tmp_path, [Group("boxes", "docker", {"name": "web*"}, {})]).names["boxes"]


def test_nothing_is_kept_where_the_folder_cannot_be_made(tmp_path: Path, systemctl: Path) -> None:
    (systemctl / "list-units").write_text("web-a.service loaded active running A\n")
    (tmp_path / "state").write_text("a file")
    assert names(systemctl) == ["web-a.service"]


def test_the_file_has_what_was_found(systemctl: Path) -> None:
    (systemctl / "list-units").write_text("web-a.service loaded active running A\n")
    assert names(systemctl) == ["web-a.service"]
    kept = (systemctl / "state" / "found.json").read_text()
    assert json.loads(kept) == {"units": {"systemctl": ["web-a.service"]}}


def test_a_manager_that_names_others_each_time_fills_no_store(systemctl: Path) -> None:
    """What is known stays, 200 new ones come in with each pass, and how many are left out is said."""

    def found(*ranges: range) -> Found:
        lines = [f"web-{number:04}.service loaded active running A\n" for one in ranges for number in one]
        (systemctl / "list-units").write_text("".join(lines))
        return groups.find(systemctl / "state", [UNITS])

    first = found(range(450))
    assert (len(first.names["units"]), first.left_out) == (200, {"units": 250})
    second = found(range(450))
    assert (len(second.names["units"]), second.left_out) == (400, {"units": 50})
    third = found(range(100, 450))
    assert (len(third.names["units"]), third.left_out) == (350, {"units": 0})
    other = found(range(100, 450), range(1_000, 4_000))
    assert (len(other.names["units"]), other.left_out) == (550, {"units": 2_800})
    assert set(third.names["units"]) < set(other.names["units"])
    for _ in range(10):
        last = found(range(100, 450), range(1_000, 4_000))
    assert (len(last.names["units"]), last.left_out) == (2_000, {"units": 1_350})


def test_a_manager_that_names_others_in_each_pass_fills_no_store_either(systemctl: Path) -> None:
    """In a day a block takes in twice what it may hold, so that its names and their hours are bounded, too."""
    seen: set[str] = set()
    for number in range(25):
        names = [f"web-{number}-{one}.service" for one in range(200)]
        (systemctl / "list-units").write_text("".join(f"{one} loaded active running A\n" for one in names))
        found = groups.find(systemctl / "state", [UNITS])
        seen |= {*found.names["units"]}
    assert (len(seen), found.names["units"], found.left_out) == (4_000, [], {"units": 200})
    kept = notes.read(systemctl / "state")
    day, number = kept.new["units"]
    notes.keep(systemctl / "state", kept._replace(new={"units": (day - 1, number)}))
    assert len(groups.find(systemctl / "state", [UNITS]).names["units"]) == 200, "on another day"


@pytest.mark.parametrize("text", ["", "[]", '{"new": 1, "left": 2}', '{"new": {"a": [1]}, "left": {}}', "[" * 100_000])
def test_damaged_notes_are_none(systemctl: Path, text: str) -> None:
    (systemctl / "list-units").write_text("web-a.service loaded active running A\n")
    (systemctl / "state").mkdir(mode=0o700)
    (systemctl / "state/found.notes").write_text(text)
    assert names(systemctl) == ["web-a.service"]


def test_no_systemctl_is_started_while_one_hangs_that_could_not_be_killed(systemctl: Path) -> None:
    (systemctl / "list-units").write_text("web-a.service loaded active running A\n")
    assert names(systemctl) == ["web-a.service"]
    (systemctl / "list-units").write_text("web-b.service loaded active running B\n")
    with subprocess.Popen(["sleep", "600"]) as stuck:
        left = {repr((("systemctl",), False)): hung.kept(stuck.pid)}
        notes.keep(systemctl / "state", notes.Notes(left=left))
        for _ in range(2):
            found = groups.find(systemctl / "state", [UNITS])
            assert (found.names["units"], found.fresh) == (["web-a.service"], set())
        assert notes.read(systemctl / "state").left == left
        stuck.kill()
    assert names(systemctl) == ["web-b.service"]
    assert notes.read(systemctl / "state").left == {}


_SEARCH = """
import json, sys
from pathlib import Path
from heartbeat_cli.config.groups import Group
from heartbeat_cli.discovery import groups, notes
from heartbeat_cli.system import hung
folder, *systemctl = sys.argv[1:]
for _ in range(2):
    groups.find(Path(folder), [Group("units", "service", {"unit": "web-*"}, {"systemctl": systemctl})])
"""


def test_a_systemctl_of_another_user_is_left_once() -> None:
    """As with sudo: heartbeat's own user may not kill it."""
    need_root()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        folder, log = Path(made), Path(made) / "started"
        folder.chmod(0o711)
        (folder / "state").mkdir(mode=0o700)
        os.chown(folder / "state", NOBODY, NOBODY)
        become = folder / "become"
        shutil.copy(str(shutil.which("setpriv")), become)
        become.chmod(0o4755)
        stuck = f"echo $$ >> {log}; exec sleep 60"
        argv = [str(become), "--reuid=0", "--regid=0", "--clear-groups", "sh", "-c", stuck]
        as_user(NOBODY, sys.executable, "-c", _SEARCH, str(folder / "state"), *argv)
        pids = log.read_text().split()
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        assert len(pids) == 1


def test_what_is_left_out_is_said(systemctl: Path) -> None:
    lines = [f"web-{number}.service loaded active running A\n" for number in range(203)]
    (systemctl / "list-units").write_text("".join(lines))
    (systemctl / "heartbeat.toml").write_text(
        '[heartbeat]\nstate_dir = "state"\n[components.units]\nkind = "service"\nmatch = { unit = "web-*" }\n'
        f'systemctl = ["{systemctl}/systemctl"]\n'
    )
    said = "units.match: 3 more fit it, and are not watched; each pass takes in 200 new ones"
    assert said in heartbeat(systemctl, "check", "--all").err
    assert said not in heartbeat(systemctl, "check", "--all").err


def test_a_block_that_stands_for_nothing_is_said(tmp_path: Path) -> None:
    """That nothing fits is not the same as that nobody could be asked."""
    (tmp_path / "heartbeat.toml").write_text(
        '[heartbeat]\nstate_dir = "state"\n[components.x]\nkind = "push"\nperiod = 60\n[components.gone]\n'
        'kind = "docker"\nhost = "unix:///no/docker.sock"\nmatch = { name = "*" }\n'
    )
    for words in (("check", "--all"), ("doctor",)):
        ended = heartbeat(tmp_path, *words)
        assert "components.gone.match: Docker did not say what there is" in ended.out + ended.err
    said = [heartbeat(tmp_path, "run").err.count("gone.match: Docker did not say") for _ in range(2)]
    assert said == [1, 0]  # once a day: cron mails it
    shown = heartbeat(tmp_path, "config", "show").out
    assert "[components.gone.match]" in shown
    assert "1 block with match" in heartbeat(tmp_path, "config", "check").out


def test_doctor_names_what_two_blocks_stand_for(tmp_path: Path) -> None:
    """Only who asks knows it; each would be checked, notified and restarted twice."""
    listed = json.dumps([{"Names": [f"/{name}"], "State": "running"} for name in ("web-a", "web-b", "db")]).encode()
    with healthy_server(Answer(200, listed)) as engine:
        host = f'kind = "docker"\nhost = "{engine.url.replace("http:", "tcp:")}"\n'
        (tmp_path / "heartbeat.toml").write_text(
            '[heartbeat]\nstate_dir = "state"\nobserver = "here"\n'
            f'[components.one]\n{host}match = {{ name = "web-*" }}\n'
            f'[components.two]\n{host}match = {{ name = "*" }}\n[components.db]\n{host}container = "db"\n'
            f'[components.same]\n{host}container = "web-x"\n[components.again]\n{host}container = "web-x"\n'
            f'[components.theirs]\n{host}match = {{ name = "*" }}\nobserver = "there"\n'
        )
        ended = heartbeat(tmp_path, "doctor", "--format", "json")
    assert "Traceback" not in ended.err
    said = [one["text"] for one in json.loads(ended.out) if "watches:" in one["text"]]
    assert [line.partition("heartbeat.toml:")[2] for line in said] == [
        "11: components.two.match: fits what components.db watches: db and two/db are both db",
        "11: components.two.match: fits what components.one watches: one/web-a and two/web-a are both web-a, and 1"
        " other likewise",
    ]


def test_doctor_names_a_unit_that_two_blocks_stand_for(systemctl: Path) -> None:
    (systemctl / "list-units").write_text("web-a.service loaded active running A\n")
    (systemctl / "heartbeat.toml").write_text(
        '[heartbeat]\nstate_dir = "state"\n[components.units]\nkind = "service"\nmatch = { unit = "web-*.service" }\n'
        '[components.own]\nkind = "service"\nunit = "web-a"\n'
    )
    ended = heartbeat(systemctl, "doctor", "--format", "json")
    said = [one["text"] for one in json.loads(ended.out) if "watches:" in one["text"]]
    assert len(said) == 1 and said[0].endswith("own and units/web-a.service are both web-a.service")
