"""Passes and heartbeats: kept whole, kept once, read as people query them."""

import json
import threading
import time
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import STATUSES, Metric, Reading, unknown
from heartbeat_cli.domain.component import Component
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.board import board
from heartbeat_cli.store.history import last_checks, passes
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql.database import Database, connect
from tests.parts.stores import elsewhere

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
COMPONENTS = {
    id_: Component(id_, kind, None) for id_, kind in (("main", "agent"), ("db", "database"), ("host", "host"))
}
SEEN = {
    "main": Reading("healthy", 0.123456, metrics=(Metric("phase_seconds", 0.01, metadata={"phase": "connect"}),)),
    "db": Reading("error", None, "no connection", evidence={"log": "refused"}, memory={"n": 1}, attempts=2),
    "host": Reading(
        "degraded",
        0.004,
        "disk 91 % full",
        (Metric("cpu_percent", 12.5), Metric("boots", 3, "counter")),
        {},
        {"a": [1]},
    ),
}


def pass_at(at: float, id_: str = "", observer: str = "here") -> Pass:
    return Pass(id_ or f"{observer}@{at}", observer, at, at + 1.5)


def moment(value: Any) -> datetime:
    """A view's timestamp: PostgreSQL's own type (read here as epoch seconds), or ISO 8601 text in SQLite."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    assert found.utcoffset() == timedelta(0)
    return found


def test_a_pass_is_read_through_the_public_views(store: Database) -> None:
    at = NOON + 0.123457
    passes.save(store, pass_at(at), SEEN, COMPONENTS)
    rows = store.rows(
        "SELECT component, status, response_time, error, timestamp, kind, observer, attempts FROM heartbeat_logs"
        " ORDER BY component"
    )
    assert [row[:4] for row in rows] == [
        ("db", "error", None, "no connection"),
        ("host", "degraded", 0.004, "disk 91 % full"),
        ("main", "healthy", 0.123456, None),
    ]
    assert all(isinstance(row[2], float) for row in rows[1:])
    assert [row[5:] for row in rows] == [("database", "here", 2), ("host", "here", 1), ("agent", "here", 1)]
    for row in rows:
        assert moment(row[4]) == datetime(2026, 11, 22, 12, 0, 0, 123457, UTC)


def test_metrics_are_rows_of_system_metrics(store: Database) -> None:
    passes.save(store, pass_at(NOON), SEEN, COMPONENTS)
    rows = store.rows(
        "SELECT component, metric_name, metric_value, metric_type, timestamp, metadata FROM system_metrics"
        " ORDER BY metric_name"
    )
    assert [row[:4] for row in rows] == [
        ("host", "boots", 3.0, "counter"),
        ("host", "cpu_percent", 12.5, "gauge"),
        ("main", "phase_seconds", 0.01, "gauge"),
    ]
    assert {moment(row[4]) for row in rows} == {datetime(2026, 11, 22, 12, tzinfo=UTC)}
    metadata = [json.loads(row[5]) if isinstance(row[5], str) else row[5] for row in rows]
    assert metadata == [{}, {}, {"phase": "connect"}]


def test_a_pass_saved_twice_is_kept_once(store: Database) -> None:
    """The answer to a COMMIT may be lost: the same pass comes again, and detection sees it once."""
    for _ in range(3):
        passes.save(store, pass_at(NOON, "the-same"), SEEN, COMPONENTS)
    assert store.rows("SELECT count(*) FROM heartbeat_logs") == [(3,)]
    assert store.rows("SELECT count(*) FROM system_metrics") == [(3,)]
    assert len(passes.undetected(store, "here")) == 1


def test_a_pass_that_fails_in_the_middle_leaves_nothing(store: Database) -> None:
    store.run("ALTER TABLE heartbeat_looks RENAME TO looks_elsewhere")
    with pytest.raises(StoreError, match="heartbeat_looks"):
        passes.save(store, pass_at(NOON), SEEN, COMPONENTS)
    for table in ("heartbeat_logs", "heartbeat_passes", "system_metrics", "heartbeat_components"):
        assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_detection_gets_whole_passes_once_and_in_order(store: Database) -> None:
    for number in range(3):
        passes.save(store, pass_at(NOON + 30 * number), SEEN, COMPONENTS)
    passes.save(store, pass_at(NOON, observer="elsewhere"), SEEN, COMPONENTS)
    with store.transaction():
        waiting = passes.undetected(store, "here")
        passes.mark_detected(store, [one.key for one in waiting[:2]])
    assert [one.started for one in waiting] == [NOON, NOON + 30, NOON + 60]
    seen = dict(waiting[1].heartbeats)
    assert {id_: (one.at, one.status, one.error) for id_, one in seen.items()} == {
        "main": (NOON + 30, "healthy", None),
        "db": (NOON + 30, "error", "no connection"),
        "host": (NOON + 30, "degraded", "disk 91 % full"),
    }
    assert [one.started for one in passes.undetected(store, "here")] == [NOON + 60]
    assert len(passes.undetected(store, "elsewhere")) == 1


@pytest.mark.parametrize("offset", [0.0, 0.000001, 0.1, 0.3333333, 0.5000005, 0.999999, 0.9999996])
def test_a_moment_survives_whatever_its_fraction(store: Database, offset: float) -> None:
    """`waiting` finds heartbeats by their exact moment: one lost to rounding would never be judged."""
    for base in (NOON, 1_000_000_000.0, 4_000_000_000.0):
        at = base + offset
        passes.save(store, pass_at(at), {"main": Reading("healthy", 0.1)}, COMPONENTS)
        (waiting,) = passes.undetected(store, "here")
        assert len(waiting.heartbeats) == 1
        assert waiting.started == pytest.approx(at, abs=1e-6)
        passes.mark_detected(store, [waiting.key])


def test_the_last_look_is_remembered_by_observer(store: Database) -> None:
    passes.save(store, pass_at(NOON), SEEN, COMPONENTS)
    passes.save(store, pass_at(NOON + 5, observer="elsewhere"), {"db": Reading("healthy", 0.2)}, COMPONENTS)
    mine = last_checks.read(store, "here")
    assert mine["db"][:4] == (NOON, "error", None, "no connection")
    assert mine["db"].evidence == {"log": "refused"}
    left = {"main": (NOON, {}), "db": (NOON, {"n": 1}), "host": (NOON, {"a": [1]})}
    assert last_checks.memories(store, "here") == left
    assert last_checks.read(store)["db"].status == "healthy"
    passes.save(store, pass_at(NOON - 3600, "put-back"), {"db": unknown("no idea", {"n": 1})}, COMPONENTS)
    assert last_checks.read(store, "here")["db"].at == NOON - 3600  # the clock was put back: what is newest counts


def test_the_newest_pass_of_an_observer(store: Database) -> None:
    assert board.last_pass(store, "here") is None
    for at in (NOON, NOON + 30):
        passes.save(store, pass_at(at), SEEN, COMPONENTS)
    passes.save(store, pass_at(NOON + 60, observer="elsewhere"), SEEN, COMPONENTS)
    assert board.last_pass(store, "here") == ("here", NOON + 30, NOON + 31.5, len(SEEN))


def test_a_component_that_changed_its_kind_is_known_by_the_new_one(store: Database) -> None:
    passes.save(store, pass_at(NOON), {"main": Reading("healthy")}, COMPONENTS)
    changed = {"main": Component("main", "docker", None)}
    passes.save(store, pass_at(NOON + 1), {"main": Reading("healthy")}, changed)
    assert store.rows("SELECT DISTINCT component, kind FROM heartbeat_logs") == [("main", "docker")]
    assert store.rows("SELECT id, registered FROM heartbeat_components") == [("main", NOON)]


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(None, None), (0.0, 0), (0.1234567, 123457), (1e9, 2_147_483_647), (-0.5, 0), (float("nan"), None)],
)
def test_response_times_fit_their_column(seconds: float | None, kept: int | None) -> None:
    assert passes.microseconds(seconds) == kept


NASTY = {
    "nul": "before\0after",
    "surrogate": "half \udcff of a pair \ud800",
    "emoji": "🎉 心跳 \U0001f1ed\U0001f1f0",
    "controls": "\x01\x1b[31m\x7f\u202e\r\n\t",
    "quotes": "'; DROP TABLE heartbeat_log; -- %s ? {} \\u0000 \\",
    "megabyte": "x" * 1_000_000,
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_whatever_a_component_says_is_kept_and_breaks_nothing(store: Database, text: str) -> None:
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    reading = Reading(
        "error", 0.1, text, (Metric("m", 1.0, metadata={text: text}),), {"said": text}, {"memory": text, "deep": [text]}
    )
    passes.save(store, pass_at(NOON), {"main": reading}, COMPONENTS)
    assert store.rows("SELECT error FROM heartbeat_logs") == [(clean,)]
    (row,) = store.rows("SELECT metadata FROM system_metrics")
    assert (json.loads(row[0]) if isinstance(row[0], str) else row[0]) == {clean: clean}
    last = last_checks.read(store, "here")["main"]
    assert (last.error, last.evidence) == (clean, {"said": clean})
    assert last_checks.memories(store, "here")["main"].memory == {"memory": clean, "deep": [clean]}
    ((_, seen),) = passes.undetected(store, "here")[0].heartbeats
    assert seen.error == clean


def test_figures_that_are_no_numbers_and_memories_that_are_no_json_break_nothing(store: Database) -> None:
    metrics = (Metric("bad", float("nan")), Metric("worse", float("inf")), Metric("good", 1.5))
    strange: Any = {"when": datetime(2026, 1, 1, tzinfo=UTC), "set": (1, 2), 3: float("-inf")}
    passes.save(store, pass_at(NOON), {"main": Reading("healthy", 0.1, metrics=metrics, memory=strange)}, COMPONENTS)
    assert store.rows("SELECT metric_value FROM system_metrics WHERE metric_name = 'good'") == [(1.5,)]
    assert last_checks.memories(store, "here")["main"].memory == {
        "when": "2026-01-01 00:00:00+00:00",
        "set": [1, 2],
        "3": None,
    }


def test_many_components_are_few_statements(store: Database) -> None:
    many = {f"c{number}": Component(f"c{number}", "tcp", None) for number in range(3000)}
    metrics = (Metric("m", 1.0),)
    readings = {id_: Reading(STATUSES[n % 5], n / 1000, None, metrics) for n, id_ in enumerate(many)}
    passes.save(store, pass_at(NOON), readings, many)
    before = store.statements
    passes.save(store, pass_at(NOON + 30), readings, many)
    assert store.statements - before <= 10
    assert store.rows("SELECT count(*) FROM heartbeat_logs") == [(6000,)]
    assert len(passes.undetected(store, "here")[1].heartbeats) == 3000


_SAVE = """
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.store.history import passes
import os
schema.migrate(db)
component = {"main": Component("main", "agent", None)}
for number in range(40):
    at = float(sys.argv[2]) + number * 86_400
    done = passes.Pass(f"{os.getpid()}@{at}", "here", at, at)
    passes.save(db, done, {"main": Reading("healthy", 0.1, metrics=(Metric("m", 1.0),))}, component)
"""


def test_two_passes_at_once_meet_new_days_and_lose_nothing(store: Database, store_url: str) -> None:
    elsewhere(store_url, _SAVE, NOON, times=2)
    assert store.rows("SELECT count(*), count(DISTINCT pass) FROM heartbeat_logs") == [(80, 80)]
    assert store.rows("SELECT count(*) FROM system_metrics") == [(80,)]


_DETECT = """
from heartbeat_cli.store.history import passes
schema.migrate(db)
with db.transaction():
    found = passes.undetected(db, "here")
    import time; time.sleep(0.5)
    passes.mark_detected(db, [one.key for one in found])
print(len(found))
"""


def test_two_detections_at_once_take_turns(store: Database, store_url: str) -> None:
    for number in range(5):
        passes.save(store, pass_at(NOON + number), SEEN, COMPONENTS)
    assert sorted(elsewhere(store_url, _DETECT)) == ["0\n", "5\n"]


@pytest.mark.parametrize(("held", "gets_it"), [(1.2, True), (3.0, False)])
def test_a_turn_is_waited_for_longer_than_a_statement_and_not_for_ever(
    store: Database, store_url: str, held: float, gets_it: bool
) -> None:
    """Another host brings what it has seen in a long outage; the store answers all the time."""
    if store.dialect == "sqlite":
        return
    taken = threading.Event()

    def judge() -> None:
        with closing(connect(store_url, 5.0)) as there, there.transaction():
            passes.undetected(there, "there")
            taken.set()
            time.sleep(held)

    other = threading.Thread(target=judge)
    other.start()
    try:
        assert taken.wait(5.0)
        with closing(connect(store_url, 0.5)) as here, nullcontext() if gets_it else pytest.raises(StoreError):
            here.time_left = 1.0
            with here.transaction():
                assert passes.undetected(here, "here") == []
                assert here.rows("SHOW statement_timeout") == here.rows("SHOW lock_timeout") == [("450ms",)]
            assert here.time_left > 0.5, "that was no fault of the store"
    finally:
        other.join()


@pytest.mark.parametrize(("given", "kept"), [(-1_000_000, 1), (0, 1), (63, 63), (1_000_000, 63)])
def test_no_number_of_tries_keeps_a_pass_out_of_the_store(store: Database, given: int, kept: int) -> None:
    seen = {"db": Reading("error", attempts=given, category="dependency")}
    passes.save(store, pass_at(NOON), seen, {"db": Component("db", "agent", None)})
    assert store.rows("SELECT attempts, category FROM heartbeat_logs") == [(kept, "dependency")]


def test_the_kind_of_failure_of_a_check_is_kept(store: Database) -> None:
    """With the number of tries, in the row and in what detection is given; people query its category."""
    seen = {
        "db": Reading("error", error="refused", attempts=3),
        "main": Reading("unhealthy", error="no database", attempts=2, category="dependency", remedy="person"),
        "chat": Reading("degraded", error="nearly full", category="resource"),
        "host": Reading("healthy"),
    }
    passes.save(store, pass_at(NOON), seen, {id_: Component(id_, "agent", None) for id_ in seen})
    (waiting,) = passes.undetected(store, "here")
    assert {id_: one.failure for id_, one in waiting.heartbeats} == {id_: one.failure for id_, one in seen.items()}
    assert {id_: one.failure for id_, one in last_checks.read(store, "here").items()} == {
        id_: one.failure for id_, one in seen.items()
    }
    rows = store.rows("SELECT component, attempts, category FROM heartbeat_logs ORDER BY component")
    assert [tuple(row) for row in rows] == [
        ("chat", 1, "resource"),
        ("db", 3, "process"),
        ("host", 1, None),
        ("main", 2, "dependency"),
    ]
