"""Delivery after the lock of the pass has been given back: a channel that hangs holds up nobody, a second pass leaves
it to the first, and what is out is known even if the store goes away meanwhile."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.commands._base import App
from heartbeat_cli.commands._deliver import PassDelivery, deliver
from heartbeat_cli.config import places
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.standby.keeper import Keeper
from heartbeat_cli.system.lock import DELIVERY, Shared, only_one
from tests.parts import faketime
from tests.parts.forked import Forked
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.postgres import Server as PostgreSQL
from tests.parts.postgres import free_port
from tests.parts.stores import opened, store_url
from tests.parts.verb import heartbeat

__all__ = ["store_url"]

_CONFIG = """
[heartbeat]
store = "{store}"
state_dir = "{folder}/state"
observer = "here"
[channels.hook]
kind = "webhook"
url = "{hook}"
[channels.log]
kind = "file"
path = "{folder}/log"
"""
_COMPONENT = """
[components.{name}]
kind = "command"
command = ["test", "-e", "{folder}/{name}"]
exit_codes = "plain"
interval = 0.01
retries = 0
fail_threshold = 1
recovery = "off"
"""


@pytest.fixture
def hook() -> Iterator[Server]:
    with healthy_server(Answer(204, b"")) as server:
        yield server


def config(folder: Path, store: str, hook: str) -> Path:
    path = folder / "heartbeat.toml"
    text = [_CONFIG.format(folder=folder, store=store, hook=hook)]
    text += [_COMPONENT.format(name=name, folder=folder) for name in ("one", "two")]
    path.write_text("".join(text))
    return path


def told(folder: Path) -> list[str]:
    path = folder / "log"
    return [json.loads(line)["component"] for line in path.read_text().splitlines()] if path.exists() else []


def test_while_a_channel_hangs_the_next_pass_is_made_and_leaves_it_to_the_first(
    store_url: str, tmp_path: Path, hook: Server
) -> None:
    """The first process is stopped while its message hangs, so that it stays there however busy the machine is."""
    hook.answer = Answer(204, b"", delay=60.0)
    (tmp_path / "two").touch()
    config(tmp_path, store_url, hook.url)
    first = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    while not (hook.seen and told(tmp_path)):
        time.sleep(0.01)
    with only_one(places.config_folder(App(str(tmp_path / "heartbeat.toml")).config), 8.0):
        os.kill(first.pid, signal.SIGSTOP)
    try:
        (tmp_path / "two").unlink()
        second = heartbeat(tmp_path, "run", "-v")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.code == 0 and "checked 2 of 2 components" in second.err
    assert told(tmp_path) == ["one", "two"]
    assert len(hook.seen) == 1
    first.communicate()
    assert first.returncode == 0
    db = opened(store_url)
    rows = db.rows("SELECT alert_id, state, lease_until FROM heartbeat_outbox WHERE channel = 'hook' ORDER BY created")
    db.close()
    assert [(alert.partition("@")[0], state, lease) for alert, state, lease in rows] == [
        ("one", "waiting", None), ("two", "waiting", None)
    ]  # fmt: skip


def alert(at: float) -> Alert:
    return Alert("a/x", "command_down", "high", "t", "one", at, None, "r")


def add(app: App, keeper: Keeper) -> None:
    keeper.run(lambda db: alerts.add(db, alert(app.now()), ["hook"], app.now()), app.now())
    keeper.refresh_mirror(app.now())


@pytest.mark.postgres
def test_what_was_sent_while_the_store_went_away_is_not_sent_again(
    database_with_tables: str, tmp_path: Path, hook: Server
) -> None:
    """The store fails after the lock was given back and before the answer came; the next pass finds a spool."""
    hook.answer = Answer(204, b"", delay=4.0)
    app = App(str(config(tmp_path, database_with_tables, hook.url)))

    def away() -> None:
        while not hook.seen:
            time.sleep(0.01)
        db = opened(database_with_tables)
        db.run("ALTER TABLE heartbeat_outbox RENAME TO out_of_reach")
        db.close()

    thread = threading.Thread(target=away)
    thread.start()
    with app.keeper() as keeper:
        add(app, keeper)
        assert [one.error for one in PassDelivery(app, keeper).end()] == [None]
    thread.join()
    (path,) = spool.existing(places.store_folder(app.config))
    kept = opened(f"sqlite:///{path}")
    assert kept.rows("SELECT state FROM heartbeat_outbox") == [("sent",)]
    kept.close()
    db = opened(database_with_tables)
    db.run("ALTER TABLE out_of_reach RENAME TO heartbeat_outbox")
    with app.keeper() as keeper:
        assert keeper.degraded is None and deliver(app, keeper) == []
    assert db.rows("SELECT state FROM heartbeat_outbox") == [("sent",)] and len(hook.seen) == 1
    db.close()


def test_from_a_spool_nothing_is_sent_while_another_process_delivers(tmp_path: Path, hook: Server) -> None:
    """What that one has sent stands in the store, which is away: it would be sent twice."""
    nowhere = f"postgresql://heartbeat@127.0.0.1:{free_port()}/heartbeat"
    app = App(str(config(tmp_path, nowhere, hook.url)))
    other = Shared(places.config_folder(app.config), DELIVERY)
    with app.keeper() as keeper:
        assert keeper.degraded is not None
        add(app, keeper)
        assert other.take(alone=False)
        assert PassDelivery(app, keeper).end() == [] == hook.seen
        other.release()
        assert [one.error for one in PassDelivery(app, keeper).end()] == [None]
        assert keeper.unlock() is False, "a spool is worked on under the lock only"
    assert len(hook.seen) == 1


def test_a_spool_that_another_pass_began_meanwhile_hears_of_what_was_sent(tmp_path: Path, hook: Server) -> None:
    """The store lets nobody in any more, but the connection of the process that delivers goes on."""
    hook.answer = Answer(204, b"", delay=5.0)
    (tmp_path / "two").touch()
    with PostgreSQL() as server:
        server.execute("CREATE ROLE watcher LOGIN SUPERUSER")
        app = App(str(config(tmp_path, server.dsn(user="watcher"), hook.url)))
        first = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        while not hook.seen:
            time.sleep(0.01)
        with only_one(places.config_folder(app.config), 8.0):
            server.execute("ALTER ROLE watcher NOLOGIN")
        assert heartbeat(tmp_path, "run").code == 0
        assert spool.existing(places.store_folder(app.config))
        first.communicate()
        assert first.returncode == 0
        hook.answer = Answer(204, b"")
        assert heartbeat(tmp_path, "run").code == 0
        assert [json.loads(one.body)["type"] for one in hook.seen] == ["command_down"]
        server.execute("ALTER ROLE watcher LOGIN")
        assert heartbeat(tmp_path, "run").code == 0
        db = opened(server.dsn())
        assert db.rows("SELECT DISTINCT state FROM heartbeat_outbox") == [("sent",)]
        db.close()


def test_what_was_sent_before_the_lock_was_given_back_is_in_the_mirror(tmp_path: Path, hook: Server) -> None:
    """One channel has its message, another one hangs; then the process is killed, and the store is away."""
    hook.answers["/slow"] = Answer(204, b"", delay=60.0)
    (tmp_path / "two").touch()
    with PostgreSQL() as server:
        path = config(tmp_path, server.dsn(), hook.url)
        path.write_text(f'{path.read_text()}[channels.slow]\nkind = "webhook"\nurl = "{hook.url}/slow"\n')
        app = App(str(path))
        first = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        while len(hook.seen) < 2:
            time.sleep(0.01)
        with only_one(places.config_folder(app.config), 8.0):
            os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        server.stop()
        hook.answers["/slow"] = Answer(204, b"")
        assert heartbeat(tmp_path, "run").code == 0
        assert sorted(one.path for one in hook.seen) == ["/", "/slow", "/slow"], "the slow one is not known to have it"


@pytest.mark.postgres
@pytest.mark.parametrize("off", [200.0, -200.0])
def test_a_host_with_another_clock_leaves_what_is_being_sent_alone(
    database_with_tables: str, tmp_path: Path, hook: Server, off: float
) -> None:
    """Minutes off, as clocks are: until when a message is in somebody's hands goes by the store's."""
    faketime.library()
    hook.answer = Answer(204, b"", delay=6.0)
    (tmp_path / "two").touch()
    path = config(tmp_path, database_with_tables, hook.url)
    text = path.read_text()
    first = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    while not hook.seen:
        time.sleep(0.01)
    with only_one(places.config_folder(App(str(path)).config), 8.0):
        other = tmp_path / "other"
        other.mkdir()
    (tmp_path / "one").touch()
    (other / "heartbeat.toml").write_text(text.replace('"here"', '"there"').replace("/state", "/other/state"))
    argv = [sys.executable, "-m", "heartbeat_cli", "run"]
    done = faketime.run(argv, faketime.off(off), other, {"PATH": os.environ["PATH"], "HOME": str(other)})
    assert (done.returncode, done.stderr) == (0, "")
    first.communicate()
    assert [json.loads(one.body)["type"] for one in hook.seen].count("command_down") == 1
