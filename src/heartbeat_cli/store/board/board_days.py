"""How much of each hour and each day a component was up and down, from the hourly rollups: the bars of the dashboard.

hours, days = known_time(db, names, components, slots, midnights, now, folder / "dashboard.days")
"""

import json
from bisect import bisect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.reporting.board import Known, Slots, gathered
from heartbeat_cli.store.history import rollups, spans
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.system.files import read_own, write_own

_MAX_BYTES = 256_000_000  # bytes of the file: more than any deployment's takes
_MAX_LIVE_HOURS = 50  # hours that are not rolled up yet, and asked of the log all the same; older ones wait for it

Pieces = dict[str, dict[int, tuple[int, int]]]


def known_time(
    db: Database,
    names: Mapping[int, str],
    components: Mapping[str, Component],
    slots: Slots,
    begins: Sequence[float],
    now: float,
    cache: Path,
) -> tuple[dict[str, list[Known]], dict[str, list[Known]]]:
    """What is known of each component's hours, and of the days that begin at `begins`. What was before the first hour
    is read once an hour and cached in the file `cache`: for 500 components it is a million rows. Late data is shown
    within the hour."""
    hours = [slots.start + 3600.0 * n for n in range(round((slots.end - slots.start) / 3600))]
    edges = sorted({*hours, *begins})
    recent = bisect(edges, slots.start) - 1
    found = _cached_days(db, names, edges[: recent + 1], cache) if recent else {}
    for id_, pieces in days(db, names, [*edges[recent:], now]).items():
        found.setdefault(id_, {}).update({recent + n: piece for n, piece in pieces.items()})
    return (
        {id_: gathered(found.get(id_, {}), edges, hours, now) for id_ in components},
        {id_: gathered(found.get(id_, {}), edges, begins, now) for id_ in components},
    )


def _cached_days(db: Database, names: Mapping[int, str], edges: Sequence[float], cache: Path) -> Pieces:
    """`days` of these edges, from the file if it is of the same edges and the same store."""
    about = [db.where, *edges]
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # none yet, or nothing that we wrote
        cached = json.loads(read_own(cache, _MAX_BYTES))
        if cached["about"] == about:
            return {id_: {n: (up, down) for n, up, down in rows} for id_, rows in cached["days"].items()}
    found = days(db, names, edges)
    cached = {"about": about, "days": {id_: [[n, *one] for n, one in pieces.items()] for id_, pieces in found.items()}}
    with suppress(OSError):  # a full disk: then it is read each time
        write_own(cache, json.dumps(cached, separators=(",", ":")))
    return found


def days(db: Database, names: Mapping[int, str], edges: Sequence[float]) -> dict[str, dict[int, tuple[int, int]]]:
    """Microseconds up and down, by component and by the number of the day among those that begin at `edges` (the last
    edge ends the last day). An hour belongs to the day it begins in; days without a check are left out."""
    way = rollups.plan(db, edges[0], edges[-1])
    found: dict[str, dict[int, tuple[int, int]]] = {}
    rows = []
    if stretches := _stretches(edges, way.rolled):
        marks = ", ".join(f"({n}, {first}, {after})" for n, first, after in stretches)
        rows = db.rows(
            f"WITH days(number, first, after) AS (VALUES {marks}) SELECT h.component, d.number, sum(h.up_us),"
            " sum(h.down_us) FROM days d JOIN heartbeat_hours h ON h.hour >= d.first AND h.hour < d.after GROUP BY 1, 2"
        )
    for start, end in way.live[-_MAX_LIVE_HOURS:]:
        number = bisect(edges, start) - 1
        rows += [(key, number, one.up_us, one.down_us) for key, one in spans.tallies(db, start, end).items()]
    for key, number, up, down in rows:
        of_component = found.setdefault(names.get(key, ""), {})
        before = of_component.get(number, (0, 0))
        of_component[number] = before[0] + int(up), before[1] + int(down)
    return found


def _stretches(edges: Sequence[float], rolled: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The rolled hours of each day: (number, first hour, the one after the last). As a join on these an index is used;
    a condition on all hours beside the join would make SQLite read all for each day."""
    found = []
    for number, (start, end) in enumerate(pairwise(edges)):
        for first, after in rolled:
            a, b = max(first, -hour_of(-start)), min(after, -hour_of(-end))
            if a < b:
                found.append((number, a, b))
    return found
