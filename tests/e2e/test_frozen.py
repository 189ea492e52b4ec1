"""A host that freezes, or is cut off, in the middle of a transaction: the others keep their store, and nothing that it
had begun is lost or done twice when it is back."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from heartbeat_cli.store.sql import database as stores
from tests.parts.docker import wait_for
from tests.parts.forked import Forked
from tests.parts.kill_points import rows
from tests.parts.severed import way_to
from tests.parts.verb import Ended, heartbeat

pytestmark = pytest.mark.postgres
_TIMEOUT = 1.5


class Host:
    """One of those that look at `web`. Its step leaves a line in `done` and heals, after a drain that leaves the file
    `draining`."""

    def __init__(self, folder: Path, name: str, store: str) -> None:
        self.folder, self.name, self.config = folder, name, folder / f"{name}.toml"
        step = f"cd {folder}; echo {name} >> done; touch well"
        self.config.write_text(f"""
            [heartbeat]
            store = "{store}"
            store_timeout = {_TIMEOUT}
            state_dir = "{folder}/{name}"
            observer = "{name}"
            [recovery]
            verify_wait = 1
            startup_grace = 1
            [channels.log]
            kind = "file"
            path = "{folder}/told.jsonl"
            [components.web]
            kind = "command"
            command = ["/usr/bin/test", "-e", "{folder}/well"]
            exit_codes = "plain"
            interval = 0.01
            retries = 0
            [components.web.recovery]
            ladder = [{{ action = "command", command = ["/bin/sh", "-c", "{step}"] }}]
            drain = {{ command = ["/bin/sh", "-c", "touch {folder}/draining-{name}; sleep 1"] }}
            """)

    def begin(self) -> Forked:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return Forked(["--config", str(self.config), "run"], self.folder, environment)

    def run(self) -> Ended:
        return heartbeat(self.folder, "--config", str(self.config), "run")


def waits_for_a_lock(dsn: str) -> bool:
    db = stores.connect(dsn, 5)
    try:
        return bool(
            db.rows(
                "SELECT 1 FROM pg_locks w JOIN pg_locks h ON h.pid = w.pid AND h.granted AND h.locktype = 'advisory'"
                " WHERE NOT w.granted"
            )
        )
    finally:
        db.close()


@contextmanager
def in_the_middle(host: Host, dsn: str) -> Iterator[Forked]:
    """A run of the host that has come to its judgement: it has the turn that all hosts share, and waits for a row
    that is locked as long as this lasts."""
    with closing(psycopg2.connect(dsn)) as locking, locking.cursor() as cursor:
        cursor.execute("SELECT 1 FROM heartbeat_settings WHERE name = %s FOR UPDATE", (f"sights/{host.name}",))
        assert cursor.rowcount == 1
        one = host.begin()
        wait_for(lambda: waits_for_a_lock(dsn), "the pass in its transaction")
        yield one


def test_the_others_keep_the_store_when_a_host_freezes(tmp_path: Path, database: str) -> None:
    frozen, other = (Host(tmp_path, name, database) for name in ("frozen", "other"))
    (tmp_path / "well").touch()
    assert [host.run().err for host in (frozen, other) * 2] == [""] * 4
    with in_the_middle(frozen, database) as one:
        one.send_signal(signal.SIGSTOP)
    try:
        assert other.run() == Ended(0, "", ""), "it has the store, and nothing to say"
        assert not list((tmp_path / "other").glob("spool*"))
    finally:
        one.send_signal(signal.SIGCONT)
    _, said = one.communicate()
    assert one.returncode == 0 and "going on with" in said, "its transaction is gone: it keeps the pass itself"
    back = frozen.run()
    assert back.code == 0 and "what was seen" in back.err
    whole(database, passes=7)


def test_the_others_keep_the_store_when_the_network_parts(tmp_path: Path, database: str) -> None:
    port = urlsplit(database).port
    assert port is not None
    with way_to(port) as way:
        far = database.replace(f":{port}/", f":{way.port}/")
        cut_off, other = Host(tmp_path, "cut_off", far), Host(tmp_path, "other", database)
        (tmp_path / "well").touch()
        assert [host.run().err for host in (cut_off, other) * 2] == [""] * 4
        with in_the_middle(cut_off, database) as one:
            way.part()
        assert other.run() == Ended(0, "", "")
        _, said = one.communicate()
        assert one.returncode == 0 and "going on with" in said
        way.mend()
        assert "what was seen" in cut_off.run().err
        whole(database, passes=7)


def test_a_host_that_stood_still_before_its_step_leaves_it(tmp_path: Path, database: str) -> None:
    """By the time it wakes another one may have taken a step, and what it decided upon is long past."""
    frozen = Host(tmp_path, "frozen", database)
    assert [frozen.run().err for _ in range(2)] == ["", ""]
    one = frozen.begin()
    wait_for((tmp_path / "draining-frozen").exists, "the drain before the step")
    one.send_signal(signal.SIGSTOP)
    time.sleep(14)  # longer than a step may take to begin
    one.send_signal(signal.SIGCONT)
    one.communicate()
    assert not (tmp_path / "done").exists()
    assert [row.outcome for row in rows(database)] == ["lost"]
    frozen.run()
    assert [row.outcome for row in rows(database)] == ["lost", "done"]
    assert (tmp_path / "done").read_text() == "frozen\n"


def whole(dsn: str, passes: int) -> None:
    """Every pass is there once, and judged."""
    with closing(stores.connect(dsn, 5)) as db:
        assert db.rows("SELECT count(*), count(DISTINCT id), count(detected) FROM heartbeat_passes") == [(passes,) * 3]
        assert db.rows("SELECT count(*) FROM heartbeat_logs") == [(passes,)]
