"""Three hosts share one PostgreSQL, and run at the same moment: one fault is one incident, told once, and healed by one
of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.store.sql import database as stores
from tests.parts.postgres import Server, free_port
from tests.parts.verb import Ended, heartbeat

pytestmark = pytest.mark.postgres
NAMES = ("alpha", "beta", "gamma")


class Cluster:
    """`web` is well for a host while the file of that host's name is there; what heals it makes all of them again, and
    writes a line to `healed`."""

    def __init__(self, folder: Path, dsn: str, more: str = "") -> None:
        self.folder, self.dsn = folder, dsn
        heal = folder / "heal"
        heal.write_text(f"#!/bin/sh\necho $$ >> {folder}/healed\nsleep 0.3\ncd {folder} && touch {' '.join(NAMES)}\n")
        heal.chmod(0o755)
        for name in NAMES:
            self.well(name)
            own = folder / f"of-{name}"
            own.mkdir()
            (own / "heartbeat.toml").write_text(
                f'[heartbeat]\nobserver = "{name}"\nstore = "{dsn}"\nstate_dir = "{own}/state"\nstore_timeout = 5\n'
                f"[recovery]\nverify_wait = 3\n"
                f'[channels.log]\nkind = "file"\npath = "{folder}/told.jsonl"\n'
                f'[components.web]\nkind = "command"\ncommand = ["test", "-e", "{folder}/{name}"]\n'
                f'exit_codes = "plain"\ninterval = 0.01\nretries = 0\nfail_threshold = 2\nquorum = 2\n{more}\n'
                f'[components.web.recovery]\nladder = [{{action = "command", command = ["{heal}"]}}]\n'
            )

    def well(self, name: str, is_well: bool = True) -> None:
        (self.folder / name).touch() if is_well else (self.folder / name).unlink(missing_ok=True)

    def run(self, *names: str) -> list[Ended]:
        """One pass of each of these hosts, all at the same moment."""
        with ThreadPoolExecutor(len(NAMES)) as pool:
            ended = list(pool.map(lambda name: heartbeat(self.folder / f"of-{name}", "run"), names or NAMES))
        assert all(one.code == 0 and "Traceback" not in one.err for one in ended), ended
        return ended

    def told(self) -> list[str]:
        path = self.folder / "told.jsonl"
        return [json.loads(line)["type"] for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def healed(self) -> int:
        path = self.folder / "healed"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(stores.connect(self.dsn, 5)) as db:
            return db.rows(sql)


@pytest.fixture
def cluster(tmp_path: Path, database: str) -> Cluster:
    return Cluster(tmp_path, database)


def test_one_fault_is_one_incident_and_one_step(cluster: Cluster) -> None:
    for _ in range(2):
        cluster.run()
    for name in NAMES:
        cluster.well(name, False)
    for _ in range(9):
        cluster.run()
    assert cluster.healed == 1
    assert cluster.told() == ["command_down", "recovered"]
    assert cluster.rows("SELECT count(*), count(ended) FROM heartbeat_incidents") == [(1, 1)]
    assert cluster.rows("SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]
    ((observers, checks),) = cluster.rows("SELECT count(DISTINCT observer), count(*) FROM heartbeat_logs")
    assert observers == 3 and int(str(checks)) >= 33, "the run that took the step may have made some more meanwhile"
    assert cluster.rows("SELECT count(*) FROM heartbeat_outbox WHERE state <> 'sent'") == [(0,)]


def test_one_host_that_sees_it_fail_is_overruled(cluster: Cluster) -> None:
    cluster.run()
    cluster.well("alpha", False)
    for _ in range(6):
        cluster.run()
    assert (cluster.healed, cluster.told()) == (0, [])
    ended = heartbeat(cluster.folder / "of-beta", "status", "--format", "json")
    (row,) = json.loads(ended.out)
    assert (ended.code, row["state"], row["status"]) == (0, "healthy", "healthy")
    assert [(one["observer"], one["status"]) for one in row["votes"]] == [
        ("alpha", "unhealthy"),
        ("beta", "healthy"),
        ("gamma", "healthy"),
    ]


def test_only_the_healer_heals(tmp_path: Path, database: str) -> None:
    cluster = Cluster(tmp_path, database, 'healer = "gamma"')
    cluster.run()
    for name in NAMES:
        cluster.well(name, False)
    for _ in range(5):
        cluster.run("alpha", "beta")
    assert cluster.healed == 0 and cluster.told() == ["command_down"]
    cluster.run("gamma")
    assert cluster.healed == 1
    assert cluster.rows("SELECT DISTINCT observer FROM heartbeat_recoveries WHERE outcome <> 'held'") == [("gamma",)]


def test_while_the_store_is_away_none_of_several_heals(tmp_path: Path) -> None:
    """And nothing of it is lost: what each has seen is in the store afterwards, once, and is history there."""
    with Server() as server:
        cluster = Cluster(tmp_path, server.dsn().replace("postgresql:///", "postgresql://localhost/"))
        for _ in range(2):
            cluster.run()  # of the first one each knows but itself
        server.stop()
        for name in NAMES:
            cluster.well(name, False)
        for _ in range(3):
            cluster.run()
        assert cluster.healed == 0 and "command_down" not in cluster.told()
        assert "unconfirmed" in cluster.told(), "each for itself: none of them hears of the others"
        for name in NAMES:
            cluster.well(name)
        server.start()
        for _ in range(3):
            cluster.run()
        assert cluster.rows("SELECT count(*), count(DISTINCT pass) FROM heartbeat_logs") == [(24, 24)]
        told = dict(
            cluster.rows(
                "SELECT a.alert_type, count(*) FROM heartbeat_alert_rows a JOIN heartbeat_outbox o"
                " ON o.alert_id = a.alert_id AND o.state = 'sent' WHERE a.component = 'web' GROUP BY 1"
            )
        )
        # Whoever brings what it told after the others have ended theirs ends its own. An alert is named by the
        # millisecond in which the component began to fail: hosts that saw that in the same one share a row.
        failed = cluster.rows("SELECT min(timestamp) FROM heartbeat_logs WHERE status = 'unhealthy' GROUP BY observer")
        doubts = {incident_id("web", float(str(at))) for (at,) in failed}
        assert told.keys() == {"unconfirmed", "unconfirmed_ended"}
        assert told["unconfirmed"] == len(doubts) and 1 <= told["unconfirmed_ended"] <= len(doubts)
        assert cluster.healed == 0, "what answers again is left alone"
        kept = cluster.rows("SELECT value FROM heartbeat_settings WHERE name LIKE 'shared/%'")
        assert [json.loads(str(text))[1] for (text,) in kept] == [{}, {}, {}]
        assert cluster.rows("SELECT value FROM heartbeat_settings WHERE name = 'doubts'") == [("{}",)]


def test_observers(cluster: Cluster) -> None:
    home = cluster.folder / "of-alpha"
    assert heartbeat(home, "observers") == (0, "", "no host has made a pass yet\n")
    cluster.run()
    ended = heartbeat(home, "observers")
    assert ended.code == 0 and [line.split()[:2] for line in ended.out.splitlines()[2:]] == [
        [name, "watching"] for name in NAMES
    ]
    with closing(stores.connect(cluster.dsn, 5)) as db, db.transaction():
        db.run("UPDATE heartbeat_settings SET value = '[1.0, 2.0, 0.0, null, 60.0]' WHERE name = 'watched/beta'")
        db.run("DELETE FROM heartbeat_settings WHERE name LIKE 'sights/%'")
    ended = heartbeat(home, "observers", "--format", "json")
    rows = json.loads(ended.out)
    assert ended.code == 1 and [row["state"] for row in rows] == ["watching", "silent", "watching"]
    assert rows[0]["components"] == rows[0]["shared"] == ["web"]
    assert "beta has made no pass for" in heartbeat(home, "status").err
    assert heartbeat(home, "observers", "--forget", "bete") == (
        2, "", "heartbeat: no observer 'bete'; did you mean beta?\n",
    )  # fmt: skip
    assert heartbeat(home, "observers", "--forget", "alpha").code == 2
    assert heartbeat(home, "observers", "--forget", "beta").code == 0
    assert "beta" not in heartbeat(home, "observers").out


def test_nobody_is_forgotten_while_the_store_is_away(cluster: Cluster) -> None:
    """The spool would take it, and never bring it to the store."""
    home = cluster.folder / "of-alpha"
    cluster.run()
    configuration = (home / "heartbeat.toml").read_text()
    for passes in (0, 1):  # before anybody noticed, and with a spool in use
        away = f"postgresql://u@127.0.0.1:{free_port()}/db"
        (home / "heartbeat.toml").write_text(configuration.replace(cluster.dsn, away))
        for _ in range(passes):
            heartbeat(home, "run")
        ended = heartbeat(home, "observers", "--forget", "beta")
        assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)
        assert ended.err.endswith("Connection refused; beta is not forgotten: say it again when the store answers\n")
    (home / "heartbeat.toml").write_text(configuration)
    heartbeat(home, "run")
    assert "beta" in heartbeat(home, "observers").out
