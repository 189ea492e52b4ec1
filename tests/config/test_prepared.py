"""Configurations that are not parsed again: the same ones are, and nothing else is believed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.config import load, places
from heartbeat_cli.config.types import Config
from heartbeat_cli.passes.housekeeping import tidy
from tests.parts import lacking
from tests.parts.filesystems import mounted
from tests.parts.users import NOBODY, need_root

MAIN = """
[heartbeat]
state_dir = "{folder}/state"
include = ["more/*.toml"]
[components.job]
kind = "push"
period = 3600.5
[channels.hook]
kind = "webhook"
url = "env:HOOK"
"""
MORE = '[components.other]\nkind = "push"\nperiod = 60\n'
WINDOW = '[maintenance.move]\nfrom = 2026-01-01T10:00:00Z\nuntil = 2026-01-01T11:00:00Z\nreason = "move"\n'
HOOK = "http://127.0.0.1:9/s3cr3t-word-of-the-hook"


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK", HOOK)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/one.toml").write_text(MORE)
    path = tmp_path / "heartbeat.toml"
    path.write_text(MAIN.format(folder=tmp_path))
    return path


def run(path: Path) -> None:
    argv = [sys.executable, "-m", "heartbeat_cli", "--config", str(path), "run"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=path.parent)
    assert not done.stderr


def prepared(path: Path) -> list[bool]:
    """Which files of the configuration are not parsed."""
    return [one.prepared for one in load.read(path).files]


def kept(config: Config) -> Path:
    return places.config_folder(config) / "prepared"


def rewritten(place: Path, old: str, new: str, version: str | None = None) -> None:
    """What was kept, with other words in its tables, and a checksum that is right."""
    head, _, rest = place.read_bytes().partition(b"\n")
    was, _, files = json.loads(head)
    size = sum(one[1] for one in files)
    rest = rest[:size] + rest[size:].replace(old.encode(), new.encode())
    place.write_bytes(json.dumps([version or was, crc32(rest), files]).encode() + b"\n" + rest)


def test_a_run_prepares_the_configuration_for_the_next(main: Path) -> None:
    before = load.read(main)
    assert prepared(main) == [False, False]
    run(main)
    after = load.read(main)
    assert [one.prepared for one in after.files] == [True, True]
    assert after._replace(files=()) == before._replace(files=())
    assert os.stat(kept(after)).st_mode & 0o777 == 0o600


def test_however_the_file_is_named(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(main)
    monkeypatch.chdir(main.parent)
    assert prepared(Path(main.name)) == [True, True]


def test_a_prepared_run_does_not_import_the_parser(main: Path) -> None:
    run(main)
    code = "import sys; from heartbeat_cli.config import load; load.read(sys.argv[1]); print('tomllib' in sys.modules)"
    code = code.replace("sys.argv[1]", "__import__('pathlib').Path(sys.argv[1])", 1)
    done = subprocess.run([sys.executable, "-c", code, str(main)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["heartbeat.toml", "more/one.toml"])
def test_a_file_that_has_changed_is_parsed(main: Path, name: str) -> None:
    run(main)
    path = main.parent / name
    path.write_text(path.read_text().replace("3600.5", "7200.5").replace("= 60", "= 61"))
    tables = load.read(main).tables["components"]
    assert (tables["job"]["period"], tables["other"]["period"]) in ((7200.5, 60), (3600.5, 61))
    assert sorted(prepared(main)) == [False, True]
    run(main)
    assert prepared(main) == [True, True]


def test_a_file_that_is_included_from_now_on_is_read(main: Path) -> None:
    run(main)
    (main.parent / "more/two.toml").write_text(MORE.replace("other", "third"))
    assert "third" in load.read(main).components
    (main.parent / "more/one.toml").unlink()
    assert "other" not in load.read(main).components


def test_what_references_stand_for_is_not_kept(main: Path) -> None:
    run(main)
    place = kept(load.read(main))
    assert b"env:HOOK" in place.read_bytes()
    everything = b"".join(path.read_bytes() for path in main.parent.rglob("prepared"))
    assert HOOK.rpartition("/")[2].encode() not in everything


def test_what_others_may_write_is_not_believed(main: Path) -> None:
    run(main)
    place = kept(load.read(main))
    rewritten(place, "3600.5", "1.5")
    assert load.read(main).tables["components"]["job"]["period"] == 1.5, "the file is used while it is ours alone"
    place.chmod(0o666)
    assert load.read(main).tables["components"]["job"]["period"] == 3600.5


@pytest.mark.parametrize(("user", "group"), [(NOBODY, -1), (-1, NOBODY)])
def test_what_another_user_owns_or_shares_is_not_believed(main: Path, user: int, group: int) -> None:
    need_root()
    run(main)
    place = kept(load.read(main))
    rewritten(place, "3600.5", "1.5")
    os.chown(place, user, group)
    place.chmod(0o660)
    assert load.read(main).tables["components"]["job"]["period"] == 3600.5


def test_a_configuration_with_a_date_is_parsed_every_time(main: Path) -> None:
    with main.open("a") as file:
        file.write(WINDOW)
    for _ in range(2):
        run(main)
        assert load.read(main).maintenance and not any(prepared(main))


@pytest.mark.parametrize("how", ["a date", "an include that is gone"])
def test_nothing_stays_of_what_the_files_no_longer_say(main: Path, how: str) -> None:
    other = main.parent / "more/one.toml"
    other.write_text(MORE + f"# {HOOK}\n")
    run(main)
    place = kept(load.read(main))
    assert HOOK.encode() in place.read_bytes()
    if how == "an include that is gone":
        other.unlink()
    else:
        other.write_text(MORE + WINDOW)
    run(main)
    assert not place.exists() or HOOK.encode() not in place.read_bytes()


def test_nothing_is_kept_of_a_configuration_from_a_pipe(main: Path) -> None:
    main.write_text(main.read_text().replace("include = ", "#"))
    script = 'exec "$0" -m heartbeat_cli --config <(cat heartbeat.toml) run'
    subprocess.run(["bash", "-c", script, sys.executable], check=True, cwd=main.parent, timeout=60)
    assert not list(main.parent.rglob("prepared"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another device than the state folder."""
    here = os.stat(tmp_path).st_dev
    above = next((one for one in ("/dev/shm", "/var/tmp") if os.stat(one).st_dev != here), None)
    if above is None:
        lacking("two devices")
    with tempfile.TemporaryDirectory(dir=above) as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", ["heartbeat.toml", "more/one.toml"])
def test_nothing_is_kept_of_what_is_on_another_device(main: Path, elsewhere: Path, name: str) -> None:
    """As a Secret of Kubernetes is, and what systemd has decrypted. The file may have been beside the state before."""
    run(main)
    place = kept(load.read(main))
    assert place.exists()
    moved = elsewhere / "moved.toml"
    shutil.move(main.parent / name, moved)
    (main.parent / name).symlink_to(moved)
    run(main)
    assert not place.exists() and not any(prepared(main))


def test_nothing_is_kept_in_a_state_folder_on_another_device(main: Path, elsewhere: Path) -> None:
    """Nor does what somebody has moved there stay."""
    run(main)
    state = main.parent / "state"
    state.symlink_to(shutil.move(state, elsewhere))
    assert prepared(main) == [True, True] and list(elsewhere.rglob("prepared"))
    run(main)
    assert not list(elsewhere.rglob("prepared")) and not any(prepared(main))


@pytest.mark.parametrize("kind", ["ramfs", "ext4"])
def test_whatever_kind_of_filesystem_that_is(main: Path, kind: str) -> None:
    """The image of the block device may be in memory, or encrypted: nobody can tell."""
    options = ("-o", "loop") if kind == "ext4" else ()
    image = main.parent / "image" if kind == "ext4" else Path("none")
    if kind == "ext4":
        with image.open("wb") as file:
            file.truncate(20_000_000)
        subprocess.run(["mkfs.ext4", "-q", image], check=True, timeout=60)
    with mounted(kind, main.parent / "more", *options, source=image) as more:
        (more / "one.toml").write_text(MORE)
        run(main)
        assert not kept(load.read(main)).exists()


def test_a_configuration_in_memory_is_prepared_there(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        path = Path(memory) / "heartbeat.toml"
        path.write_text(f'[heartbeat]\nstate_dir = "{memory}/state"\n{MORE}')
        run(path)
        assert prepared(path) == [True]


def test_nothing_stays_of_a_configuration_that_has_another_name_now(main: Path) -> None:
    run(main)
    place = kept(load.read(main))
    moved = main.rename(main.with_name("moved.toml"))
    run(moved)
    assert not place.exists() and prepared(moved) == [True, True]


@pytest.mark.parametrize("how", ["gone", "changed", "as it was"])
def test_nothing_stays_of_another_configuration_that_no_longer_says_it(main: Path, how: str) -> None:
    other = main.with_name("other.toml")
    other.write_text(f'[heartbeat]\nstate_dir = "{main.parent}/state"\n{MORE}# {HOOK}\n')
    run(other)
    place = kept(load.read(other))
    run(main)
    assert place.exists()
    if how == "gone":
        other.unlink()
    elif how == "changed":
        other.write_text(other.read_text().replace(HOOK, ""))
    tidy._sweep(load.read(main), time.time())
    assert place.exists() == (how == "as it was") and prepared(main) == [True, True]


def test_what_another_version_wrote_is_not_believed(main: Path) -> None:
    run(main)
    rewritten(kept(load.read(main)), "3600.5", "1.5", version="0.0.1")
    assert load.read(main).tables["components"]["job"]["period"] == 3600.5


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-9],
        lambda data: data.replace(b"3600.5", b"3601.5"),
        lambda data: b"[]\n",
        lambda data: b"{}",
        lambda data: b"\xff" * 100,
        lambda data: b'["1", 0, 7]\n',
        lambda data: b"[" * 100_000 + b"\n",
    ],
)
def test_a_damaged_file_is_parsed_again(main: Path, damage: "type[bytes]") -> None:
    run(main)
    place = kept(load.read(main))
    place.write_bytes(damage(place.read_bytes()))
    assert load.read(main).tables["components"]["job"]["period"] == 3600.5
    run(main)
    assert prepared(main) == [True, True]


@pytest.mark.parametrize(
    "line",
    [
        "heartbeat.state_dir = '{folder}/state'",
        'heartbeat = {{ observer = "a", state_dir = "state" }}',
        '# state_dir = "/nowhere"\nheartbeat.state_dir = "{folder}/state"',
        'heartbeat.state_dir = """{folder}/state"""',
        'heartbeat.state_dir = "env:STATE"',
        'heartbeat.observer = "a"',
    ],
)
def test_wherever_the_state_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    path = tmp_path / "heartbeat.toml"
    path.write_text(line.format(folder=tmp_path) + "\n" + MORE)
    run(path)
    found = load.read(path)
    assert found.tables["components"] == {"other": {"kind": "push", "period": 60}}
    assert found.files[0].prepared == kept(found).exists()


def test_a_text_with_a_mark_of_its_order_and_carriage_returns(main: Path) -> None:
    main.write_bytes(b"\xef\xbb\xbf" + main.read_bytes().replace(b"\n", b"\r\n"))
    run(main)
    assert prepared(main) == [True, True]
