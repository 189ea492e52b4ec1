"""What an earlier version, or a configuration file that was moved, left: who it belongs to takes it over."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import SQLite
from heartbeat_cli.store.standby import mirror, spool, takeover
from heartbeat_cli.system import lock

NOW = 1_795_348_800.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder
    for one in (folder, *folder.glob("*/*")):
        shutil.rmtree(spool.folders(one)[1], ignore_errors=True)


def loaded(state: Path, name: str = "heartbeat.toml", store: str = "postgresql://h/d") -> Config:
    path = state.parent / name
    path.write_text(
        f'[heartbeat]\nstore = "{store}"\nstate_dir = "{state}"\nobserver = "here"\n'
        '[components.a]\nkind = "tcp"\nhost = "h"\nport = 1\n'
    )
    return configuration.read(path)


def spool_of(path: Path, store: str = "postgresql://h/d") -> None:
    """A spool with something in it, begun because that store did not answer."""
    begun = Degraded("here@1", "here", NOW, f"store {store}: no connection")
    db = spool.begin(path, dict, begun, 5)
    preferences.put(db, "noted", "yes")
    db.close()


def noted(path: Path) -> str | None:
    db = SQLite(path, 5)
    try:
        return preferences.get(db, "noted")
    finally:
        db.close()


@pytest.mark.parametrize("place", [0, 1], ids=["disk", "memory"])
def test_the_spool_of_an_earlier_version(state: Path, place: int) -> None:
    config = loaded(state)
    old = spool.folders(state)[place] / "spool.db"
    spool_of(old)
    takeover.take_over(config)
    new = spool.folders(places.store_folder(config))[place] / "spool.db"
    assert not old.exists() and noted(new) == "yes" and takeover.strangers(config) == []


def test_what_it_has_not_yet_written_into_its_file_comes_along(state: Path) -> None:
    """The process that wrote it was killed, and its log is beside it still."""
    config = loaded(state)
    spool_of(state / "spool.db")
    code = (
        "import os, sys; from pathlib import Path; from heartbeat_cli.store.sql import preferences;"
        "from heartbeat_cli.store.sql.database import SQLite;"
        "db = SQLite(Path(sys.argv[1]), 5); preferences.put(db, 'noted', 'late'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(state / "spool.db")], check=True)
    assert (state / "spool.db-wal").stat().st_size > 0
    takeover.take_over(config)
    assert noted(places.store_folder(config) / "spool.db") == "late"


def test_one_of_another_store_stays_where_it_is(state: Path) -> None:
    config = loaded(state)
    spool_of(state / "spool.db", "postgresql://h/other")
    takeover.take_over(config)
    assert takeover.strangers(config) == [state / "spool.db"] and noted(state / "spool.db") == "yes"


def test_one_that_would_take_the_place_of_another_waits(state: Path) -> None:
    config = loaded(state)
    own = places.store_folder(config) / "spool.db"
    own.parent.mkdir(parents=True)
    spool_of(own)
    spool_of(state / "spool.db")
    takeover.take_over(config)
    assert own.exists() and (state / "spool.db").exists()


@pytest.mark.parametrize(
    ("observer", "component", "taken"), [("here", "a", True), ("here", "b", False), ("x", "a", False)]
)
def test_the_mirror_of_an_earlier_version_is_known_by_what_it_looked_at(
    state: Path, observer: str, component: str, taken: bool
) -> None:
    config = loaded(state)
    copy = {"heartbeat_looks": [(observer, component, NOW, "healthy", None, None, "{}", "{}", None)]}
    mirror.write(state / "mirror.json", copy, mirror.Head("", observer))
    head, _, text = (state / "mirror.json").read_text().partition("\n")
    (state / "mirror.json").write_text(f"{head.split(' ')[0]}\n{text}")
    takeover.take_over(config)
    own = places.store_folder(config) / "mirror.json"
    assert own.exists() == taken != (state / "mirror.json").exists()
    assert not taken or mirror.read(own)["heartbeat_looks"] == copy["heartbeat_looks"]


def test_a_configuration_file_that_was_moved(state: Path) -> None:
    old = loaded(state)
    takeover.take_over(old)
    for folder in spool.folders(places.store_folder(old)):
        folder.mkdir(exist_ok=True, mode=0o700)
        spool_of(folder / "spool.db")
    new = loaded(state, "moved.toml")
    takeover.take_over(loaded(state, "other.toml"))
    assert noted(places.store_folder(old) / "spool.db") == "yes", "it is there: a second configuration takes nothing"
    Path(old.source).unlink()
    takeover.take_over(new)
    assert [noted(folder / "spool.db") for folder in spool.folders(places.store_folder(new))] == ["yes", "yes"]


def test_the_built_in_configuration_takes_nothing_and_says_what_is_there(state: Path) -> None:
    """It may stand in for a file that an editor has away for a moment."""
    old = loaded(state)
    takeover.take_over(old)
    held = places.store_folder(old) / "spool.db"
    spool_of(held)
    Path(old.source).unlink()
    tables = {"heartbeat": {"state_dir": str(state), "store": "postgresql://h/d", "observer": "here"}}
    built_in = configuration.load(tables, places.BUILT_IN)
    takeover.take_over(built_in)
    assert takeover.strangers(built_in) == [held]


def test_one_whose_run_goes_on_is_waited_for(state: Path) -> None:
    old = loaded(state)
    takeover.take_over(old)
    spool_of(places.store_folder(old) / "spool.db")
    Path(old.source).unlink()
    new = loaded(state, "moved.toml")
    with lock.only_one(places.config_folder(old)), pytest.raises(lock.Busy):
        takeover.take_over(new)
    assert (places.store_folder(old) / "spool.db").exists()
    takeover.take_over(new)
    assert noted(places.store_folder(new) / "spool.db") == "yes"
