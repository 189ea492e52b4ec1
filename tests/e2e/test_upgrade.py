"""A store that version 0.1.0 wrote (tests/data/upgrade) is brought up to date by the program itself: the figures stay,
no row is lost, and what was not delivered is delivered once."""

import json
import math
import os
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.data.upgrade import record
from tests.parts import faketime
from tests.parts.http import Server as Hook
from tests.parts.http import healthy_server
from tests.parts.postgres import Server as PostgreSQL
from tests.parts.postgres import moved_clock, with_movable_clock

HEALED = ("alpha",)  # by their step, not by the script of the world
# Sentences, which may change. That of a bad day now says that the target was missed, no longer that nobody is needed.
TEXTS = ("verdict",)
VIEWS = ("heartbeat_logs", "heartbeat_alerts", "system_metrics")


class Upgraded:
    """The recorded store with its state folder and world, some minutes after its last pass, and today's program."""

    def __init__(self, folder: Path, store: str, hook: Hook, environment: dict[str, str]) -> None:
        self.folder, self.hook = folder, hook
        self.truth = json.loads((folder / "figures.json").read_text())
        self._ahead = (record.START + timedelta(hours=record.END)).timestamp() + 600 - time.time()
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
        record.furnish(folder)
        for _, target, state in record.WORLD:
            (folder / "world" / target).write_text(f"{record.FINE if target in HEALED else state}\n")
        text = (record.HERE / "heartbeat.toml").read_text()
        text = text.replace("[components.backup]", "[components.backup]\nretries = 0")  # libfaketime lets nothing sleep
        for key, value in (("folder", str(folder)), ("store", store), ("hook", hook.url)):
            text = text.replace(f"{{{key}}}", value)
        (folder / "heartbeat.toml").write_text(text)

    def heartbeat(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        environment = self._environment | (moved_clock(self._ahead) if "PGHOST" in self._environment else {})
        argv = [sys.executable, "-m", "heartbeat_cli", *words]
        done = faketime.run(argv, faketime.off(self._ahead), self.folder, environment)
        assert done.returncode in codes, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def run(self, times: int) -> None:
        """That many passes, ten minutes from each other."""
        for _ in range(times):
            self.heartbeat("run")
            self._ahead += 600

    def reported(self) -> dict[str, Any]:
        """What the program of today says of the same days."""
        days = {day: json.loads(self.heartbeat("report", "--date", day, "--format", "json")) for day in record.DAYS}
        span = ("report", "--from", record.DAYS[0], "--to", record.DAYS[-1], "--format", "json")
        return {**days, "span": json.loads(self.heartbeat(*span))}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    @property
    def spool(self) -> Path:
        """Where 0.1.0 kept it."""
        return self.folder / "state/spool.db"


class OnSqlite(Upgraded):
    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return asked(self.folder / "store.db", sql)


class OnPostgres(Upgraded):
    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        here = {key.removeprefix("PG").lower(): value for key, value in self._environment.items() if key[:2] == "PG"}
        with closing(psycopg2.connect(dbname="heartbeat", **here)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.execute(sql))


def unpacked(name: str, folder: Path) -> None:
    with tarfile.open(record.HERE / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Upgraded]:
    unpacked(request.param, tmp_path)
    with healthy_server() as hook:
        if request.param == "sqlite":
            with closing(sqlite3.connect(tmp_path / "state/spool.db")) as db, db:  # it names the store by its path
                moved = (str(record.FOLDER / "sqlite"), str(tmp_path))
                db.execute("UPDATE heartbeat_degraded SET reason = replace(reason, ?, ?)", moved)
            yield OnSqlite(tmp_path, "sqlite:///store.db", hook, {})
            return
        with PostgreSQL() as server:
            server.execute("CREATE DATABASE heartbeat")
            lines = (tmp_path / "store.sql").read_text().splitlines()
            server.execute("\n".join(line for line in lines if not line.startswith("\\")), "heartbeat")
            with_movable_clock(server.admin_dsn("heartbeat"))
            environment = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres"}
            yield OnPostgres(tmp_path, "postgresql:///heartbeat", hook, environment)


def changes(old: Any, new: Any, where: str = "") -> list[str]:
    """Where a recorded value is another one today; keys that have come since are none."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [f"{where}/{key} is gone" for key in old if key not in new]
        return gone + [one for key in old if key in new for one in changes(old[key], new[key], f"{where}/{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [one for at, both in enumerate(zip(old, new, strict=True)) for one in changes(*both, f"{where}/{at}")]
    numbers = isinstance(old, float) and isinstance(new, float)
    same = math.isclose(old, new, rel_tol=1e-9) if numbers else old == new
    return [] if same or where.rpartition("/")[2] in TEXTS else [f"{where}: {old!r} -> {new!r}"]


def test_the_figures_of_past_days_stay(upgraded: Upgraded) -> None:
    """Before the first pass, when a person asks first, and after it."""
    recorded = {**upgraded.truth["reports"], "span": upgraded.truth["span"]}
    assert changes(recorded, upgraded.reported()) == []
    upgraded.run(2)
    assert changes(recorded, upgraded.reported()) == []


def test_states_alerts_acknowledgements_and_silences_stay(upgraded: Upgraded) -> None:
    alerts = json.loads(upgraded.heartbeat("alerts", "--since", "7d", "--format", "json"))
    assert changes(upgraded.truth["alerts"], alerts) == []
    recorded = upgraded.truth["status"]
    began = {one["component"]: one["started"] for one in upgraded.truth["span"]["incidents"] if one["ended"] is None}
    for row in recorded:
        del row["age"], row["late"]  # of now
        # 0.2.0 corrected this: a fault begins with its first failing check, no longer with the one that declared it.
        row["since"] = began.get(row["component"], row["since"])
    rows = json.loads(upgraded.heartbeat("status", "--format", "json", codes=(1,)))
    assert changes(recorded, rows) == []
    assert {row["component"] for row in rows if row["acked"]} == {"epsilon"}
    assert "moving house" in upgraded.heartbeat("silence")
    incidents = dict(upgraded.rows("SELECT id, ended FROM heartbeat_incidents"))
    upgraded.run(2)
    after = dict(upgraded.rows("SELECT id, ended FROM heartbeat_incidents"))
    assert {id_: after.get(id_, "gone") for id_ in incidents} == incidents
    opened = {id_.partition("@")[0] for id_, ended in after.items() if ended is None}
    assert opened == {"backup", "delta", "epsilon", "gamma", "zeta"}


def test_no_row_is_lost_and_the_spool_is_brought_in(upgraded: Upgraded) -> None:
    counted = {view: upgraded.rows(f"SELECT count(*) FROM {view}")[0][0] for view in VIEWS}
    logs = "SELECT component, status, error, count(*) FROM heartbeat_logs GROUP BY 1, 2, 3"
    heartbeats = Counter({row[:3]: row[3] for row in upgraded.rows(logs)})
    spooled = Counter({row[:3]: row[3] for row in asked(upgraded.spool, logs)})
    assert spooled.total() == 35
    upgraded.run(1)
    after = Counter({row[:3]: row[3] for row in upgraded.rows(logs)})
    assert heartbeats + spooled - after == Counter()
    assert (after - (heartbeats + spooled)).total() == 7  # of the pass
    assert all(upgraded.rows(f"SELECT count(*) FROM {view}")[0][0] >= counted[view] for view in VIEWS)
    assert upgraded.rows("SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]
    assert upgraded.rows("SELECT count(*) FROM heartbeat_degraded WHERE ended IS NULL") == [(0,)]
    assert list((upgraded.folder / "state").rglob("spool.db")) == []
    day = json.loads(upgraded.heartbeat("report", "--date", "2026-11-23", "--format", "json"))
    assert day["degraded_seconds"] > 3000


def test_what_was_not_delivered_goes_out_once(upgraded: Upgraded) -> None:
    undelivered = "SELECT alert_id FROM heartbeat_outbox WHERE state = 'waiting' AND channel = 'hook'"
    in_store = {id_ for (id_,) in upgraded.rows(undelivered)}
    in_spool = {id_ for (id_,) in asked(upgraded.spool, undelivered)}
    assert len(in_store) == 2 and len(in_spool) >= 4
    delivered = "SELECT alert_id, channel FROM heartbeat_sends WHERE outcome = 'sent'"
    before = Counter(upgraded.rows(delivered)) + Counter(asked(upgraded.spool, delivered))
    batches = "SELECT DISTINCT batch FROM heartbeat_sends WHERE outcome = 'sent' AND channel = 'hook'"
    earlier = {*upgraded.rows(batches), *asked(upgraded.spool, batches)}
    upgraded.run(3)
    after = Counter(upgraded.rows(delivered))
    sent = after - before
    assert {(id_, "hook") for id_ in in_store | in_spool} <= set(sent)
    assert set(after.values()) == {1}
    assert upgraded.rows("SELECT count(*) FROM heartbeat_outbox WHERE state <> 'sent'") == [(0,)]
    ids = [json.loads(one.body)["id"] for one in upgraded.hook.seen]
    assert len(ids) == len(set(ids)) == len({*upgraded.rows(batches)} - earlier) > 0


def test_the_recorder_takes_version_0_1_0() -> None:
    """As far as this clone has the history."""
    argv = ["git", "show", f"{record.COMMIT}:src/heartbeat_cli/__init__.py"]
    shown = subprocess.run(argv, cwd=record.HERE, capture_output=True, text=True, timeout=60, check=False)
    if shown.returncode == 0:
        assert '__version__ = "0.1.0"' in shown.stdout
