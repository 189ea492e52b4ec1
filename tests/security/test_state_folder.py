"""What other users plant in /dev/shm stops no verb; a state folder of theirs is refused by every verb, in one line."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from binascii import crc32
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config import places
from tests.parts import lacking
from tests.parts.users import NOBODY, SOMEBODY, as_user, heartbeats, need_root

# Every verb that reads or writes the store.
VERBS = [
    ["check", "--all"],
    ["detect"],
    ["recover"],
    ["notify"],
    ["report"],
    ["report", "--send"],
    ["run"],
    ["status"],
    ["dashboard", "-o", "page.html"],
    ["strategy"],
    ["strategy", "set", "normal"],
    ["silence", "h", "--for", "1", "--reason", "test"],
    ["maintenance", "h", "--for", "1", "--reason", "test"],
    ["beat", "p"],
    ["metrics"],
    ["alerts"],
    ["observers"],
    ["replay", "--date", "today"],
    ["prune"],
]
TO_THE_STORE_ALONE = ["observers", "--forget", "other"]
CONFIG = (
    '[heartbeat]\nstate_dir = "{state}"\nstore = "{store}"\nlocale = "en"\n'
    '[components.h]\nkind = "host"\n[components.p]\nkind = "push"\nperiod = 3600\n'
    '[channels.log]\nkind = "file"\npath = "{state}-log"\n'
)
HB = ["--config", "hb.toml"]
AWAY = "postgresql://heartbeat@127.0.0.1:1/none?connect_timeout=2"


@pytest.fixture(autouse=True)
def root() -> None:
    need_root()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that others may reach: pytest closes its own ones anew whenever it is started."""
    with tempfile.TemporaryDirectory(prefix="hb-users-") as made:
        os.chmod(made, 0o711)
        yield Path(made)


@pytest.fixture(params=[0, SOMEBODY])
def uid(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def home(tmp_path: Path, uid: int) -> Path:
    """The home of the user heartbeat runs as."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)
    return folder


def configured(home: Path, uid: int, store: str, state: Path | None = None) -> configuration.Config:
    """A configuration of the user, `hb.toml` in his home, as he would load it."""
    (home / "hb.toml").write_text(CONFIG.format(state=state or home / "state", store=store))
    os.chown(home / "hb.toml", uid, uid)
    tables = {"heartbeat": {"state_dir": str(state or home / "state"), "store": store}, "components": {}}
    return configuration.load(tables, str(home / "hb.toml"), home)


# --- memory that everybody may write ------------------------------------------------------------------------------


def memory_of(config: configuration.Config, uid: int) -> Path:
    """As much of the name of the folder for a spool in memory as anybody can guess; it was all of it once."""
    of = os.path.realpath(places.store_folder(config))
    return Path("/dev/shm", f"heartbeat-{uid}-{crc32(os.fsencode(of)):08x}")


@pytest.fixture
def cleared() -> Iterator[list[Path]]:
    """Places in memory whose files, and those of like names, are removed at the end."""
    used: list[Path] = []
    yield used
    for path in (one for place in used for one in place.parent.glob(f"{place.name}*")):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.fixture
def full(home: Path, uid: int) -> Iterator[None]:
    """A state folder on a disk that is full."""
    state = home / "state"
    state.mkdir()
    options = f"size=64k,mode=0700,uid={uid},gid={uid}"
    argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(state)]
    if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        lacking("the right to mount a file system")
    with (state / "all").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    yield
    subprocess.run(["umount", str(state)], check=True)


def plant(what: str, at: Path) -> None:
    commands = {
        "folder": ["mkdir", "-m", "700", str(at)],
        "open folder with a spool": ["sh", "-c", f"mkdir -m 777 {at} && : > {at}/spool.db && chmod 666 {at}/spool.db"],
        "link": ["ln", "-s", "/etc", str(at)],
        "link to nothing": ["ln", "-s", "/nonexistent/x", str(at)],
        "file": ["touch", str(at)],
        "FIFO": ["mkfifo", str(at)],
    }
    as_user(NOBODY, *commands[what])


PLANTS = ["folder", "open folder with a spool", "link", "link to nothing", "file", "FIFO"]


@pytest.mark.parametrize("what", PLANTS)
@pytest.mark.parametrize("away", [False, True])
def test_what_is_planted_in_memory_stops_no_verb(
    home: Path, uid: int, what: str, away: bool, cleared: list[Path]
) -> None:
    planted = memory_of(configured(home, uid, AWAY if away else f"sqlite:///{home}/store.db"), uid)
    cleared.append(planted)
    plant(what, planted)
    for words, ended in zip(VERBS, heartbeats(uid, home, [[*HB, *one] for one in VERBS]), strict=True):
        assert ended.code in (0, 1) and str(planted) not in ended.err, (words, ended)


@pytest.mark.parametrize("what", PLANTS)
def test_without_a_disk_a_spool_has_a_name_that_nobody_can_take(
    home: Path, uid: int, what: str, full: None, cleared: list[Path]
) -> None:
    """The disk takes no spool, and what can be guessed of its name in memory is taken: every run goes on with the one
    that the first has begun, also among thousands of planted names, and when the first planted one is away again."""
    config = configured(home, uid, AWAY)
    planted = memory_of(config, uid)
    cleared.append(planted)
    plant(what, planted)
    assert [one.code for one in heartbeats(uid, home, [[*HB, "run", "-v"]] * 2)] == [0, 0]
    (kept,) = planted.parent.glob(f"{planted.name}-*")
    assert (kept.stat().st_uid, stat.S_IMODE(kept.stat().st_mode)) == (uid, 0o700)
    as_user(NOBODY, "rm", "-rf", str(planted))
    as_user(NOBODY, "sh", "-c", f"seq 25000 | sed 's#^#{planted}-#' | xargs touch")
    again, seen = heartbeats(uid, home, [[*HB, "run", "-v"], [*HB, "status", "--format", "json"]])
    assert again.code == 0 and not planted.exists(), again
    assert [one for one in planted.parent.glob(f"{planted.name}*") if one.is_dir()] == [kept]
    assert {one["component"] for one in json.loads(seen.out)} == {"h", "p"}, seen


# --- whose the state folder is ------------------------------------------------------------------------------------


def spoilt(how: str, home: Path, uid: int, config: configuration.Config) -> str:
    """Spoil the state folder; what must be said of it."""
    as_user(uid, "mkdir", "-p", "-m", "700", str(config.state_dir), str(places.store_folder(config)))
    state = config.state_dir.resolve()
    if how == "another's":
        as_user(0, "chown", "-R", f"{NOBODY}:{NOBODY}", str(state))
        mend = f"sudo -u nobody heartbeat …, or chown root {state}" if uid == 0 else f"sudo chown {uid} {state}"
        return f"{state} belongs to nobody, and must belong to root{' or you' if uid else ''}; run {mend}"
    if how == "open to all":
        state.chmod(0o777)
        return f"{state} can be written by everybody; run chmod go-w {state}"
    if how == "open to a group":
        os.chown(state, uid, 100)
        state.chmod(0o2770)
        return f"{state} can be written by the group users; run chmod go-w {state}"
    if how == "a folder above":
        home.chmod(0o777)
        return f"{home.resolve()} can be written by everybody; run chmod go-w {home.resolve()}"
    if how == "a link of another's":
        state.rename(home / "elsewhere")
        state.symlink_to(home / "elsewhere")
        os.lchown(state, NOBODY, NOBODY)
        return f"{state} is a link that belongs to nobody; remove it: rm {state}"
    part = places.config_folder(config) if how == "a configuration's folder" else places.store_folder(config)
    part.chmod(0o777)
    return f"{part} can be written by everybody; run chmod go-w {part}"


HOWS = [
    "another's",
    "open to all",
    "open to a group",
    "a folder above",
    "a link of another's",
    "a configuration's folder",
    "a store's folder",
]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_every_verb_refuses_a_state_folder_that_others_may_change(
    request: pytest.FixtureRequest, home: Path, uid: int, how: str, dialect: str
) -> None:
    """With the command that mends it, and without a change to what is there."""
    store = f"sqlite:///{home}/db/store.db" if dialect == "sqlite" else request.getfixturevalue("database")
    config = configured(home, uid, store)
    said = spoilt(how, home, uid, config)
    before = everything(home)
    if how == "a folder above":  # the configuration lies in it, too
        conf = home.parent / "hb.toml"
        shutil.copy2(home / "hb.toml", conf)
        os.chown(conf, uid, uid)
    hb = ["--config", str(home.parent / "hb.toml")] if how == "a folder above" else HB
    verbs = [*VERBS, TO_THE_STORE_ALONE]
    for words, ended in zip(verbs, heartbeats(uid, home, [[*hb, *one] for one in verbs]), strict=True):
        assert (ended.code, ended.out) == (3, ""), (words, ended)
        assert ended.err == f"heartbeat: state folder {config.state_dir}: {said}\n", words
    assert everything(home) == before


def everything(folder: Path) -> set[str]:
    return {str(one) for one in folder.rglob("*")}


@pytest.mark.parametrize("how", [one for one in HOWS if one != "a folder above"])  # in which the configuration lies
def test_doctor_says_what_is_wrong_with_a_state_folder_and_goes_on(home: Path, uid: int, how: str) -> None:
    config = configured(home, uid, f"sqlite:///{home}/db/store.db")
    said = spoilt(how, home, uid, config)
    (ended,) = heartbeats(uid, home, [[*HB, "doctor", "--format", "json"]])
    found = json.loads(ended.out)
    why, _, mend = said.rpartition("; ")
    assert ended.code == 2 and {"topic": "state", "level": "bad", "text": why, "advice": mend} in found, ended
    assert {"components h", "component h"} & {one["topic"] for one in found}, "the rest is looked at all the same"


def test_the_mending_command_mends_it(home: Path, uid: int) -> None:
    config = configured(home, uid, f"sqlite:///{home}/db/store.db")
    said = spoilt("open to all", home, uid, config)
    as_user(uid, "sh", "-c", said.rpartition("run ")[2])
    (ended,) = heartbeats(uid, home, [[*HB, "run"]])
    assert ended.code == 0, ended


@pytest.mark.parametrize("part", ["templates", "templates/alert.en.j2", "scripts", "scripts/restart_h.sh"])
def test_doctor_says_what_is_wrong_with_templates_and_scripts(home: Path, uid: int, part: str) -> None:
    configured(home, uid, f"sqlite:///{home}/db/store.db")
    for one in ("templates/alert.en.j2", "scripts/restart_h.sh"):
        (home / one).parent.mkdir()
        (home / one).touch(0o755)
    text = (home / "hb.toml").read_text().replace("locale", f'templates = "{home}/templates"\nlocale', 1)
    (home / "hb.toml").write_text(f'{text}[recovery]\nscripts = "{home}/scripts"\n')
    as_user(0, "chown", "-R", f"{uid}:{uid}", str(home))
    (home / part).chmod(0o777)
    (ended,) = heartbeats(uid, home, [[*HB, "doctor", "--format", "json"]])
    path = home.resolve() / part
    topic, why = part.partition("/")[0], f"{path} can be written by everybody"
    wanted = {"topic": topic, "level": "bad", "text": why, "advice": f"run chmod go-w {path}"}
    assert ended.code == 2 and wanted in json.loads(ended.out), ended


@pytest.mark.parametrize("side", ["", "-wal", "-shm"])
def test_a_database_that_root_has_left_is_told_with_what_mends_it(tmp_path: Path, side: str) -> None:
    """A run with sudo made it; it is not the state folder that is wrong."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, SOMEBODY, SOMEBODY)
    config = configured(home, SOMEBODY, f"sqlite:///{home}/state/heartbeat.db")
    heartbeats(SOMEBODY, home, [[*HB, "run"]])
    left = config.state_dir.resolve() / f"heartbeat.db{side}"
    left.touch()
    left.chmod(0o600)
    os.chown(left, 0, 0)
    status, doctor = heartbeats(SOMEBODY, home, [[*HB, "status"], [*HB, "doctor", "--format", "json"]])
    mend = f"run sudo chown {SOMEBODY} {left}"
    assert status.code == 3 and status.err.count("\n") == 1 and mend in status.err, status
    assert mend in [one["advice"] for one in json.loads(doctor.out)], doctor
    as_user(0, "sh", "-c", mend.removeprefix("run sudo "))
    assert heartbeats(SOMEBODY, home, [[*HB, "status"]])[0].code in (0, 1)


@pytest.mark.parametrize("side", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("how", ["file", "link", "FIFO"])
def test_what_is_planted_beside_a_database_is_not_used(home: Path, uid: int, side: str, how: str) -> None:
    """SQLite would write what components said into it, or what it leads to."""
    (home.parent / "shared").mkdir()
    (home.parent / "shared").chmod(0o1777)
    store = home.parent / "shared/store.db"
    configured(home, uid, f"sqlite:///{store}")
    plant(how, Path(f"{store}{side}"))
    (ended,) = heartbeats(uid, home, [[*HB, "status"]])
    assert ended.code == 3 and ended.err.count("\n") == 1, ended
    assert not store.exists() or store.stat().st_size == 0
