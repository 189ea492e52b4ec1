"""A store that has been lived in: passes written, judged and rolled up by the product itself, quickly, and what of it
takes how much room."""

import random
from typing import NamedTuple

from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.store.history import passes, rollups
from heartbeat_cli.store.sql.database import Database

START = 1_795_305_600.0  # 2026-11-22 00:00 UTC
_TOGETHER = 20  # passes a transaction: a commit each would take longer than all the rest
_REFUSED = "no connection to 127.0.0.1:8000 (Connection refused)"


class Life(NamedTuple):
    """`components` checked every `step` seconds; one check in `failing` fails (0: none), `hosts` of them are hosts."""

    components: int
    step: int
    failing: int = 0
    hosts: int = 0

    @property
    def daily(self) -> int:
        """Heartbeats a day."""
        return self.components * 86_400 // self.step


def live(db: Database, life: Life, first: int, last: int) -> None:
    """The passes from number `first` to before `last`, each a pass of the observer agents-01."""
    chance = random.Random(first)
    ids = [f"c{number}" for number in range(life.components)]
    kinds = {id_: Component(id_, "host" if n < life.hosts else "tcp", None) for n, id_ in enumerate(ids)}
    for start in range(first, last, _TOGETHER):
        with db.transaction():
            for number in range(start, min(start + _TOGETHER, last)):
                at = round(START + number * life.step + chance.random() * 0.3, 6)
                readings = {id_: _reading(chance, life, n) for n, id_ in enumerate(ids)}
                id_ = f"agents-01@{round(at * 1000)}-{chance.randint(1_000, 4_000_000)}"
                passes.save(db, passes.Pass(id_, "agents-01", at, at + 0.2), readings, kinds)
            passes.mark_detected(db, [one.key for one in passes.undetected(db, "agents-01")])
        rollups.refresh(db, hour_of(START + start * life.step), float("inf"))


def _reading(chance: random.Random, life: Life, number: int) -> Reading:
    if life.failing and not chance.randrange(life.failing):
        return Reading("error", None, _REFUSED)
    metrics: tuple[Metric, ...] = ()
    if number < life.hosts:
        names = ("cpu_percent", "memory_used_percent", "load_per_cpu", "swap_used_percent")
        metrics = tuple(Metric(name, round(chance.uniform(1, 90), 1)) for name in names)
        metrics += tuple(
            Metric("disk_used_percent", round(chance.uniform(1, 90), 1), metadata={"mount": mount})
            for mount in ("/", "/var")
        )
    return Reading("healthy", (0.005 + 0.002 * (number % 50)) * chance.lognormvariate(0, 0.35), metrics=metrics)


_MAPS = "pg_relation_size({0}, 'fsm') + pg_relation_size({0}, 'vm')"


def sizes(db: Database, *, maps: bool = True) -> dict[str, int]:
    """Bytes of every table with its indexes and all that belongs to it; day partitions count as their table. Without
    `maps`: not the maps of free space, which come at once and then stay as they are."""
    if db.dialect == "postgres":
        of_indexes = (
            f"(SELECT COALESCE(sum({_MAPS.format('x.indexrelid')}), 0) FROM pg_index x WHERE x.indrelid = c.oid)"
        )
        less = "" if maps else f" - {_MAPS.format('c.oid').replace('+', '-')} - {of_indexes}"
        rows = db.rows(
            f"SELECT COALESCE(i.inhparent, c.oid)::regclass::text, sum(pg_total_relation_size(c.oid){less})::bigint"
            " FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind = 'r'"
            " AND c.relname LIKE 'heartbeat_%' AND pg_table_is_visible(c.oid) GROUP BY 1"
        )
    else:
        rows = db.rows(
            "SELECT COALESCE(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat s LEFT JOIN sqlite_schema m"
            " ON m.name = s.name WHERE s.aggregate = 1 GROUP BY 1"
        )
    return {name: int(size) for name, size in rows}
