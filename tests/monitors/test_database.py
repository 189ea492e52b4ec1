"""The `database` monitor against real servers: well, warned, ill-treated, gone."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg2
import pytest

from heartbeat_cli.domain import text_source
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import postgres_health
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import database as monitor
from heartbeat_cli.monitors.database import Settings
from heartbeat_cli.postgres import libpq
from tests.parts.docker import wait_for
from tests.parts.postgres import Server, session
from tests.parts.postgres_impostor import impostor, refusal

SLACK = 3.0
SECRET = "s3cret-w0rd"
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A small server with an ordinary role that has no special rights; passwords are asked for."""
    settings = {"max_connections": "8", "superuser_reserved_connections": "2"}
    with Server(auth="scram-sha-256", settings=settings) as server:
        server.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'")
        yield server


def check(dsn: str, *, timeout: float = 5.0, memory: dict[str, Any] | None = None, **limits: Any) -> Reading:
    begun = time.monotonic()
    try:
        return monitor.probe(Settings(dsn, **limits), CheckContext("db", timeout, NOW, memory or {}))
    finally:
        assert time.monotonic() - begun < timeout + SLACK


def app(server: Server) -> str:
    return server.dsn(user="app", password=SECRET)


@contextmanager
def when_free(dsn: str) -> Iterator[Any]:
    """A session that is held. One that was hung up on, or refused, keeps its slot until the server notices: so it is
    asked for until there is room."""
    ends = time.monotonic() + 60
    with ExitStack() as stack:
        while True:
            try:
                connection = stack.enter_context(session(dsn))
                break
            except psycopg2.OperationalError:
                assert time.monotonic() < ends, "no slot was free within a minute"
                time.sleep(0.02)
        yield connection


def await_sessions(watcher: Any, count: int) -> None:
    """Until the server has `count` clients, the watcher being one of them."""
    watcher.autocommit = True
    ends = time.monotonic() + 60
    with watcher.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            if cursor.fetchone() == (count,):
                return
            assert time.monotonic() < ends, f"not {count} clients within a minute"
            time.sleep(0.02)


def values(reading: Reading) -> dict[str, float]:
    return {metric.name: metric.value for metric in reading.metrics}


@pytest.mark.whole
def test_a_healthy_server_tells_its_figures(database: str) -> None:
    found = check(database)
    assert (found.status, found.error, found.evidence) == ("healthy", None, {})
    assert found.response_time is not None and 0 < found.response_time < 5
    figures = values(found)
    assert set(figures) >= {
        *("query_seconds", "connections_used", "connections_max", "connections_used_percent", "size_bytes"),
        *("active_connections", "longest_transaction_seconds", "idle_in_transaction", "xid_age", "deadlocks"),
        *("idle_in_transaction_seconds", "blocked_locks", "cache_hit_ratio"),
    }
    assert figures["connections_used"] >= 1
    assert figures["connections_used_percent"] == pytest.approx(
        100 * figures["connections_used"] / figures["connections_max"]
    )
    assert figures["size_bytes"] > 1_000_000
    assert figures["query_seconds"] < found.response_time


def test_without_details_it_only_logs_in_and_asks(database: str) -> None:
    found = check(database, details=False)
    assert (found.status, set(values(found))) == ("healthy", {"query_seconds"})


_SLOW_TO_LOAD = """
import sys, time
from importlib.abc import MetaPathFinder
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import database

class Slow(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "psycopg2":
            time.sleep(5)

sys.meta_path.insert(0, Slow())
found = database.probe(database.Settings(sys.argv[1], details=False), CheckContext("db", 30.0, 0.0))
assert found.status == "healthy" and "psycopg2" in sys.modules
print(found.response_time)
"""


@pytest.mark.whole
def test_a_driver_that_is_slow_to_load_is_not_a_slow_database(database: str) -> None:
    """The first check of a process reads libpq from the disk: with `slow_after` a cold cache would call for a
    person."""
    words = [sys.executable, "-c", _SLOW_TO_LOAD, database]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert 0 < float(done.stdout) < 5


def test_a_session_idle_in_its_transaction(own: Server) -> None:
    with session(own.admin_dsn() + " application_name=sleeper", "SELECT 1"):
        time.sleep(0.3)
        found = check(own.admin_dsn(), idle_in_transaction_warn=0.2)
        assert found.status == "degraded"
        assert found.error is not None and "a session is idle in a transaction for 0." in found.error
        assert values(found)["idle_in_transaction"] == 1
        assert values(found)["idle_in_transaction_seconds"] >= 0.2
        assert "application sleeper" in found.evidence["idle in transaction"]
        assert check(own.admin_dsn()).status == "healthy"
        assert check(own.admin_dsn(), longest_transaction_warn=0.2).status == "degraded"


@contextmanager
def blocked(dsn: str, *, held: Any) -> Iterator[None]:
    """A second session that waits for the lock the first one holds."""

    def wait() -> None:
        with session(dsn, "LOCK TABLE kept"):
            return

    waiter = threading.Thread(target=wait)
    waiter.start()
    try:
        yield
    finally:
        held.rollback()
        waiter.join(10)


def test_a_session_blocked_by_another(own: Server) -> None:
    dsn = own.admin_dsn()
    own.execute("CREATE TABLE kept (n int)")
    with session(dsn, "LOCK TABLE kept") as holder:
        with blocked(dsn, held=holder):
            time.sleep(0.5)
            found = check(dsn, blocked_warn_seconds=0.2)
            patient = check(dsn)
        assert found.status == "degraded"
        assert found.error is not None
        assert found.error.startswith("1 session waits for a lock longer than 0.2 s, the longest for ")
        assert values(found)["blocked_locks"] == 1
        assert f"s for pid {holder.info.backend_pid}: role " in found.evidence["who waits for whom"]
        assert (patient.status, values(patient)["blocked_locks"]) == ("healthy", 1)


def test_a_role_without_pg_monitor_sees_less_and_says_so(own: Server) -> None:
    with session(own.admin_dsn(), "SELECT 1"):
        found = check(app(own))
    assert (found.status, found.error) == ("healthy", None)
    assert "GRANT pg_monitor TO app" in found.evidence["limited view"]
    assert values(found)["connections_used"] >= 2
    assert values(found)["idle_in_transaction"] == 0


def test_figures_that_are_forbidden_are_only_missing(own: Server) -> None:
    own.execute("REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
    try:
        found = check(app(own))
    finally:
        own.execute("GRANT SELECT ON pg_stat_activity TO PUBLIC")
    assert (found.status, set(values(found))) == ("healthy", {"query_seconds"})
    assert "permission denied for view pg_stat_activity" in found.evidence["figures missing"]


@pytest.mark.whole
def test_figures_that_are_late_are_only_missing(own: Server) -> None:
    with session(own.admin_dsn(), "LOCK TABLE pg_catalog.pg_locks IN ACCESS EXCLUSIVE MODE"):
        found = check(app(own), timeout=1.0)
    assert (found.status, found.error, set(values(found))) == ("healthy", None, {"query_seconds"})
    assert "timeout" in found.evidence["figures missing"]


def test_connections_run_short_and_then_out(own: Server) -> None:
    with ExitStack() as held:
        watcher = held.enter_context(when_free(own.admin_dsn()))
        for _ in range(4):
            held.enter_context(when_free(app(own)))
        await_sessions(watcher, 5)
        found = check(app(own), connections_warn_percent=75.0)
        assert (found.status, found.error) == ("degraded", "6 of 8 connections used (limit 75 %)")
        await_sessions(watcher, 5)
        critical = check(app(own), connections_critical_percent=75.0)
        assert (critical.status, critical.error) == ("unhealthy", "6 of 8 connections used (limit 75 %)")
        held.enter_context(when_free(app(own)))
        full = check(app(own))
        assert full.status == "unhealthy"
        assert full.error is not None and "connection slots are reserved" in full.error
        for _ in range(2):
            held.enter_context(when_free(own.admin_dsn()))
        overfull = check(app(own))
        assert overfull.status == "unhealthy"
        assert overfull.error is not None and overfull.error.endswith("sorry, too many clients already")


HOLDERS = "who holds the connections"


def test_connections_that_run_short_are_said_to_be_held_by_whom(own: Server) -> None:
    """A group a role, application, address and state; below the limit nobody is asked."""
    with ExitStack() as held:
        watcher = held.enter_context(when_free(own.admin_dsn() + " application_name=watcher"))
        for number in range(3):
            worker = f"{app(own)}&application_name=worker%20-%20127.0.0.1:{5000 + number}"
            connection = held.enter_context(when_free(worker))
            connection.rollback()
        held.enter_context(session(own.admin_dsn(), "SELECT 1"))
        await_sessions(watcher, 5)
        calm = check(own.admin_dsn(), connections_warn_percent=90.0)
        assert HOLDERS not in calm.evidence
        assert calm.memory["connections"] == {"at": NOW, "used": 6, "max": 8}
        found = check(own.admin_dsn(), connections_warn_percent=75.0)
    assert (found.status, next(iter(found.evidence))) == ("degraded", HOLDERS)
    lines = found.evidence[HOLDERS].splitlines()
    assert lines[0].startswith("3 connections: role app, application worker, from 127.0.0.1, idle, the oldest for ")
    assert any("1 connection: role postgres, idle in transaction, the oldest for " in line for line in lines[1:])
    assert any("role postgres, application watcher, " in line for line in lines[1:])
    assert found.memory["connections"] == {
        "at": NOW,
        "used": 6,
        "max": 8,
        "who": text_source.source(found.evidence[HOLDERS]),
    }


def test_a_role_that_sees_little_names_the_roles_at_least(own: Server) -> None:
    with ExitStack() as held:
        watcher = held.enter_context(when_free(own.admin_dsn()))
        held.enter_context(when_free(own.admin_dsn()))
        await_sessions(watcher, 2)
        found = check(app(own), connections_warn_percent=10.0)
    assert found.evidence[HOLDERS] == "2 connections: role postgres"


def test_where_heartbeat_gets_no_connection_the_last_check_says_who_holds_them(own: Server) -> None:
    with ExitStack() as held:
        watcher = held.enter_context(when_free(own.admin_dsn()))
        for _ in range(4):
            held.enter_context(when_free(app(own)))
        await_sessions(watcher, 5)
        short = check(app(own), connections_warn_percent=75.0)
        held.enter_context(when_free(app(own)))
        later = {"connections": {**short.memory["connections"], "at": NOW - 90}}
        full = check(app(own), memory=later)
    assert full.status == "unhealthy" and full.category == "resource"
    first, *rest = full.evidence[HOLDERS].splitlines()
    assert (first, rest) == ("2 min ago: 6 of 8 connections used", short.evidence[HOLDERS].splitlines())
    assert full.memory["connections"] == later["connections"], "the next check that gets none needs it, too"


def test_a_storm_that_came_between_two_checks_shows_how_it_was_before() -> None:
    with impostor(refusal("53300", "FATAL", "sorry, too many clients already")) as port:
        dsn = f"host=127.0.0.1 port={port} sslmode=disable"
        found = check(dsn, memory={"connections": {"at": NOW - 15, "used": 4.0, "max": 100.0}})
        assert found.evidence == {HOLDERS: "15 s ago: 4 of 100 connections used"}
        for garbage in (None, 3, {}, {"at": NOW + 9, "used": 1, "max": 2}, {"at": NOW, "used": float("nan"), "max": 2}):
            assert check(dsn, memory={"connections": garbage}).evidence == {}
    with impostor(refusal("57P03", "FATAL", "the database system is starting up")) as port:
        dsn = f"host=127.0.0.1 port={port} sslmode=disable"
        assert check(dsn, memory={"connections": {"at": NOW, "used": 4.0, "max": 9.0}}).evidence == {}


def test_who_holds_the_connections_is_only_evidence(own: Server) -> None:
    """The connection breaks before the answer: the figures stand."""
    until = time.monotonic() + 9
    with libpq.connect(own.admin_dsn(), deadline=until) as broken:
        figures = postgres_health.Figures(*broken.bounded_rows(monitor._FIGURES, (60.0,), deadline=until)[0])
        broken.close()
        limits = postgres_health.Limits(1, 0, 0, 0, 0, 0, 0, 0)
        evidence, known = monitor._connections(broken, figures, limits, CheckContext("db", 5, NOW), until)
    assert list(evidence) == ["connection holders missing"] and "who" not in known


@pytest.mark.parametrize(
    ("password", "dbname", "said"),
    [
        ("wrong", "postgres", "password authentication failed"),
        (SECRET, "nowhere", 'database "nowhere" does not'),
    ],
)
def test_credentials_that_do_not_fit_are_our_own_trouble(own: Server, password: str, dbname: str, said: str) -> None:
    with pytest.raises(Unobservable, match=said) as caught:
        check(own.dsn(user="app", password=password, dbname=dbname))
    assert SECRET not in str(caught.value)


@pytest.mark.whole
def test_a_paused_server_is_left_in_time(own: Server) -> None:
    own.pause()
    try:
        found = check(app(own), timeout=0.8)
    finally:
        own.resume()
    assert (found.status, found.response_time) == ("error", None)
    assert found.error is not None and "did not answer within" in found.error


def test_a_port_that_accepts_and_hangs_is_left_in_time() -> None:
    with impostor() as port:
        assert check(f"host=127.0.0.1 port={port}", timeout=0.6).status == "error"


def test_a_server_that_is_starting_up_answers_so() -> None:
    with impostor(refusal("57P03", "FATAL", "the database system is starting up")) as port:
        found = check(f"host=127.0.0.1 port={port} sslmode=disable", memory={"size_at": NOW, "size": 7})
    assert (found.status, found.error) == (
        "unhealthy",
        f"127.0.0.1:{port} takes no connection: the database system is starting up",
    )
    assert found.memory == {"size_at": NOW, "size": 7}


def test_killed_and_back_again_and_as_a_standby() -> None:
    with Server() as server:
        server.kill()
        gone = check(server.dsn())
        assert (gone.status, gone.error) == (
            "error",
            f"no connection to 127.0.0.1:{server.port}: Connection refused",
        )
        server.start()
        assert check(server.dsn()).status == "healthy"
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        standby = check(server.dsn())
        assert (standby.status, standby.evidence) == ("healthy", {})
        server.stop()
        server.configure(hot_standby="off")
        server.start()
        closed = check(server.dsn())
        assert closed.status == "unhealthy"
        said = ("is not accepting connections", "is starting up")  # the second is PostgreSQL 13's word for it
        assert closed.error is not None and any(f"the database system {words}" in closed.error for words in said)


@pytest.mark.whole
def test_a_standby_that_falls_behind() -> None:
    with Server() as primary:
        primary.execute("CREATE TABLE kept (n int)")
        standby = primary.standby()
        try:
            primary.execute("INSERT INTO kept VALUES (0)")
            ends = time.monotonic() + 10
            while "replication_lag_seconds" not in values(check(standby.dsn())) and time.monotonic() < ends:
                time.sleep(0.05)
            standby.execute("SELECT pg_wal_replay_pause()")
            primary.execute("INSERT INTO kept VALUES (1)")
            time.sleep(0.5)
            found = check(standby.dsn(), replication_lag_warn=0.3)
            assert found.status == "degraded"
            assert found.error is not None and found.error.startswith("replication is ")
            assert values(found)["replication_lag_seconds"] >= 0.3
            assert "replication_lag_seconds" in values(check(primary.dsn()))
        finally:
            standby.destroy()


def test_the_size_is_measured_every_five_minutes(database: str) -> None:
    kept = check(database, memory={"size_at": NOW - 100, "size": 7})
    assert (values(kept)["size_bytes"], kept.memory["size_at"], kept.memory["size"]) == (7, NOW - 100, 7)
    unknown = check(database, memory={"size_at": NOW - 100, "size": None})
    assert "size_bytes" not in values(unknown)


@pytest.mark.parametrize("at", [NOW - 301, NOW + 50, "yesterday", None, float("nan")])
def test_a_stale_or_strange_memory_is_measured_anew(database: str, at: object) -> None:
    found = check(database, memory={"size_at": at, "size": "big"})
    assert values(found)["size_bytes"] > 1_000_000
    assert found.memory["size_at"] == NOW


def test_the_pooler_behind_it_keeps_nothing_of_the_check(database: str) -> None:
    """A check must not leave settings in the session; only a transaction of its own may have them."""
    with libpq.connect(database, deadline=time.monotonic() + 5) as kept:
        kept.bounded_rows(monitor._FIGURES, (60.0,), deadline=time.monotonic() + 5)
        shown = "SELECT current_setting('lock_timeout'), current_setting('transaction_read_only')"
        assert kept.rows(shown, deadline=time.monotonic() + 5) == [("0", "off")]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (Settings(" "), "dsn"),
        (Settings("mysql://app@h/db"), "dsn"),
        (Settings("postgresql://app:p@ss@h/db"), "dsn"),
        (Settings("postgresql://app:p/ss@h/db"), "dsn"),
        (Settings("dbname=x", connections_warn_percent=101.0), "connections_warn_percent"),
        (Settings("dbname=x", blocked_warn=-1), "blocked_warn"),
    ],
)
def test_settings_that_cannot_be_meant(settings: Settings, key: str) -> None:
    assert [found for found, _ in monitor.problems(settings)] == [key]


@pytest.mark.parametrize(
    "dsn", ["postgresql://a:b@h1,h2:5433/db?options=-c%20x=1", "host=h user=a@b password=c@d", "service=main"]
)
def test_settings_that_are_fine(dsn: str) -> None:
    assert monitor.problems(Settings(dsn)) == []


@pytest.mark.parametrize(
    ("dsn", "host"),
    [
        ("postgresql://a:b@h1:5432,h2:5433/db", "h1"),
        ("host=h1,h2 port=1,2", "h1"),
        ("postgresql://a@%2Frun%2Fone,%2Frun%2Ftwo/db", None),
        ("postgresql:///db?host=/run/one", None),
    ],
)
def test_which_host_a_check_must_reach(dsn: str, host: str | None) -> None:
    assert monitor.host_of(Settings(dsn)) == host


def test_a_shutdown_is_waited_for_until_it_takes_too_long() -> None:
    """It waits for a session that does not end, and lets nobody in: from some moment on that is a fault."""
    with Server() as server, session(server.dsn()):
        server.drain()
        wait_for(lambda: "shutting down" in str(check(server.dsn()).error), "the shutdown")
        first = check(server.dsn())
        assert (first.status, first.category) == ("unhealthy", "draining")

        def later(seconds: float, **limits: Any) -> Reading:
            memory = {**first.memory, "draining": [seconds - 60, NOW - 60]}
            return check(server.dsn(), memory=memory, **limits)

        assert later(329).category == "draining"
        assert (later(330).category, later(330).memory["draining"]) == ("process", [330, NOW])
        assert str(later(330).error).endswith("for longer than 6 min")
        assert later(60, draining_limit=60).category == "process"
        server.kill()
        server.start()
        assert "draining" not in check(server.dsn(), memory={"draining": [9, NOW - 9]}).memory


def test_a_clock_that_jumps_makes_no_shutdown_long() -> None:
    """Set forward, or a host that slept: nothing was seen of that time. Set back, it takes nothing away."""
    with impostor(refusal("57P03", "FATAL", "the database system is shutting down")) as port:
        settings = Settings(f"host=127.0.0.1 port={port} sslmode=disable")
        memory: Any = {"draining_since": NOW - 1e6}  # as an earlier version left it
        readings, now = [], NOW
        for step in (0, 30, 3_600, -7_200, 60, 60, 60):
            now += step
            context = CheckContext("db", 5.0, now, json.loads(json.dumps(memory)), None, 60.0)
            readings.append(monitor.probe(settings, context))
            memory = readings[-1].memory
        assert [one.memory["draining"][0] for one in readings] == [0, 30, 150, 150, 210, 270, 330]
        assert [one.category for one in readings] == ["draining"] * 6 + ["process"]
        assert "draining_since" not in memory
