"""What the message of an end says of the rest, while the store is there and while it is away."""

from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import Degraded, Watch
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.passes.alerting import still_open
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import states
from heartbeat_cli.views import messages
from tests.parts.scene import START, Scene
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores

BEGUN = Degraded("here@1", "here", START, "the store does not answer")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
BOXES = {"gw": TCP, "mine": TCP, "theirs": TCP | {"observer": "there"}}
NOT_KNOWN = "What other hosts see is not known while the store is away."


def message(
    db: Database, folder: Path, faults: tuple[str, ...] = (), hosts: tuple[str, ...] = ("here", "there")
) -> str:
    """The message of the end of `gw`, while these `faults` are open and these hosts are known."""
    scene = Scene(db, "postgresql://db.example/heartbeat", folder, BOXES)
    with db.transaction():
        for host in hosts:
            gaps.save_watch(db, host, Watch(START - 3_600 if host == "there" else START, START, every=30.0))
        for id_ in faults:
            states.save_incident(db, Incident(f"{id_}@1", id_, "tcp", "high", "refused", START, START))
    details = {"kind": "tcp", "started": START - 300, "cause": "refused", "observer": "here"}
    end = Alert("gw@1/recovered", "recovered", "low", "gw has recovered", "gw", START, "gw@1", "", details)
    return messages.message(still_open.added(db, scene.config, end, START), "en", "UTC", ()).text


@pytest.mark.parametrize("faults", [(), ("theirs",), ("elsewhere",)])
def test_without_the_store_nothing_is_said_of_what_other_hosts_see(tmp_path: Path, faults: tuple[str, ...]) -> None:
    with closing(spool.begin(tmp_path / "spool.db", dict, BEGUN, 3.0)) as db:
        text = message(db, tmp_path, faults)
    assert NOT_KNOWN in text and "Nothing" not in text and "nothing" not in text and "Still in fault" not in text


def test_without_the_store_what_this_host_sees_is_named(tmp_path: Path) -> None:
    with closing(spool.begin(tmp_path / "spool.db", dict, BEGUN, 3.0)) as db:
        text = message(db, tmp_path, ("mine", "theirs"))
    assert f"Still in fault: mine (since 12:00:00). {NOT_KNOWN}" in text and "theirs" not in text


def test_where_there_is_no_other_host_nothing_is_unknown(tmp_path: Path) -> None:
    with closing(spool.begin(tmp_path / "spool.db", dict, BEGUN, 3.0)) as db:
        text = message(db, tmp_path, hosts=("here",))
    assert "Nothing else is in fault." in text and NOT_KNOWN not in text


def test_with_the_store_all_is_known(store: Database, tmp_path: Path) -> None:
    assert "Nothing else is in fault." in message(store, tmp_path, hosts=("here",))
    text = message(store, tmp_path, ("theirs",), hosts=("here",))
    assert "Still in fault: theirs" in text and NOT_KNOWN not in text
