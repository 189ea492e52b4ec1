"""What a heartbeat takes in the store, and what a pass reads: counted, and the same however old the store is."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.passes.housekeeping.tidy import tidy
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.partitions import ensure_day
from heartbeat_cli.store.sql.postgres import Postgres
from tests.parts.hosts import Hosts
from tests.parts.lived import START, Life, live, sizes
from tests.parts.scene import Scene
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores
from tests.parts.stores import opened

_BYTES = 69  # a heartbeat, with the indexes over it and its share of the pass


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("life", "before", "after"), [(Life(8, 15), 100, 900), (Life(250, 60), 8, 40)], ids=["8 at 15 s", "many"]
)
def test_a_heartbeat_stays_small(database: str, life: Life, before: int, after: int) -> None:
    """What the tables grow by from pass to pass: their first pages say nothing about a year."""
    db = opened(database)
    live(db, life, 0, before)
    first = sizes(db, maps=False)
    live(db, life, before, after)
    grown = {table: size - first.get(table, 0) for table, size in sizes(db, maps=False).items()}
    lasting = ("heartbeat_log", "heartbeat_pass_rows", "heartbeat_observers", "heartbeat_components")
    each = sum(grown.get(table, 0) for table in lasting) / (life.components * (after - before))
    assert 52 <= each <= _BYTES
    assert db.rows("SELECT count(*) FROM heartbeat_log") == [(life.components * after,)]
    db.close()


def test_what_is_done_with_leaves_nothing_pending(store: Database) -> None:
    """Of three hours' passes only those that the hour that goes on needs are still noted."""
    live(store, Life(2, 60), 0, 60)
    assert store.rows("SELECT count(*), sum(CASE WHEN detected THEN 1 ELSE 0 END) FROM heartbeat_pending") == [(60, 60)]
    live(store, Life(2, 60), 60, 200)
    ((pending, oldest),) = store.rows(
        "SELECT count(*), min(p.started) FROM heartbeat_pending w JOIN heartbeat_pass_rows p ON p.key = w.pass"
    )
    assert pending <= 60 and oldest > START + 6_900
    assert store.rows("SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]


class Explaining(Postgres):
    """Has every statement explained first, in a session that scans whole tables only where nothing else will do."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, 30.0)
        self._other = Postgres(dsn, 30.0)
        self._other.run("SET enable_seqscan = off")
        self.plans: dict[str, list[str]] = {}

    def _execute(self, sql: str, params: Sequence[Any]) -> Any:
        last = sql.rpartition(";")[2].strip()
        if hasattr(self, "plans") and last.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            self.plans[last] = [row[0].strip() for row in self._other.rows(f"EXPLAIN {last}", params)]
        return super()._execute(sql, params)


@pytest.mark.postgres
def test_a_pass_opens_its_own_day_alone(database: str, tmp_path: Path) -> None:
    """However many days are kept: no statement scans the log or the passes, and none opens more than one day."""
    db = opened(database)
    live(db, Life(4, 60), 0, 300)
    db.close()
    db = Explaining(database)
    Hosts(db, database, tmp_path, "ab").round(2, a="healthy", b="healthy")  # so that it is one in company
    scene = Scene(db, database, tmp_path, {"a": {"kind": "tcp", "host": "127.0.0.1", "port": 9}})
    for day in range(40):
        ensure_day(db, scene.now - 86_400 * day)
    scene.pass_(4)
    scene.recover()
    scene.deliver()
    tidy(db, scene.config, scene.now)
    db.close()
    assert len(db.plans) > 20
    assert any("ended, failure, before FROM heartbeat_looks" in sql for sql in db.plans)
    for sql, plan in db.plans.items():
        scans = [line for line in plan if re.search(r"Scan.* on heartbeat_(log|samples|pass_rows)", line)]
        assert not [line for line in scans if "Seq Scan" in line], (sql, plan)
        assert len({day for line in scans for day in re.findall(r" on \w+_(20\d{6})", line)}) <= 1, (sql, plan)
    assert any("heartbeat_log_20261122" in line for plan in db.plans.values() for line in plan)
