"""Figures of a PostgreSQL server become metrics, a status and a plain line."""

import pytest

from heartbeat_cli.domain.kinds import postgres_health
from heartbeat_cli.domain.kinds.postgres_health import Figures, Limits, port_of_dsn

QUIET = Figures(
    role="app",
    sees_all=True,
    connections_used=10.0,
    connections_max=100.0,
    active_connections=2.0,
    longest_transaction=None,
    longest_transaction_by=None,
    idle_in_transaction=0.0,
    idle_in_transaction_longest=None,
    idle_in_transaction_by=None,
    blocked=0.0,
    blocked_long=0.0,
    blocked_longest=None,
    blockers=None,
    replication_lag=None,
    deadlocks=3.0,
    cache_hit_ratio=None,
    xid_age=200_000_000.0,
)
LIMITS = Limits(85.0, 0.0, 3600.0, 600.0, 1, 60.0, 300.0, 70.0)


def test_a_quiet_server_is_healthy() -> None:
    assert postgres_health.judge(QUIET, LIMITS) == ("healthy", None)
    assert postgres_health.evidence(QUIET) == {}


def test_every_warning_has_its_line() -> None:
    busy = QUIET._replace(
        connections_used=91.0,
        longest_transaction=7500.0,
        idle_in_transaction_longest=720.0,
        blocked_long=2.0,
        blocked_longest=95.0,
        replication_lag=301.0,
        xid_age=1.6e9,
    )
    status, text = postgres_health.judge(busy, LIMITS)
    assert status == "degraded"
    assert text == (
        "91 of 100 connections used (limit 85 %); a transaction is open for 2 h 5 min (limit 1 h); "
        "a session is idle in a transaction for 12 min (limit 10 min); "
        "2 sessions wait for a lock longer than 1 min, the longest for 2 min; "
        "replication is 5 min behind (limit 5 min); "
        "75 % of the transaction ids are used up before a vacuum has to free some (limit 70 %)"
    )
    assert postgres_health.judge(busy, Limits(*(0 for _ in LIMITS))) == ("healthy", None)


def test_a_limit_is_reached_at_its_value() -> None:
    assert postgres_health.judge(QUIET._replace(connections_used=85.0), LIMITS)[0] == "degraded"
    assert postgres_health.judge(QUIET._replace(connections_used=84.0), LIMITS)[0] == "healthy"


def test_only_the_critical_limit_makes_it_unhealthy() -> None:
    limits = LIMITS._replace(connections_critical_percent=95.0)
    assert postgres_health.judge(QUIET._replace(connections_used=94.0), limits)[0] == "degraded"
    assert postgres_health.judge(QUIET._replace(connections_used=95.0), limits) == (
        "unhealthy",
        "95 of 100 connections used (limit 95 %)",
    )


def test_metrics_leave_out_what_does_not_apply() -> None:
    found = {metric.name: metric for metric in postgres_health.metrics(QUIET)}
    assert found["connections_used_percent"].value == 10.0
    assert (found["deadlocks"].value, found["deadlocks"].type) == (3.0, "counter")
    assert found["longest_transaction_seconds"].value == 0.0
    assert "replication_lag_seconds" not in found
    assert "cache_hit_ratio" not in found


def test_a_server_clock_set_back_makes_nothing_negative() -> None:
    back = QUIET._replace(longest_transaction=-3600.0, blocked_long=1.0, blocked_longest=-5.0)
    found = {metric.name: metric.value for metric in postgres_health.metrics(back)}
    assert found["longest_transaction_seconds"] == 0.0
    assert postgres_health.judge(back, LIMITS)[1] == (
        "1 session waits for a lock longer than 1 min, the longest for 0 s"
    )


def test_a_limited_view_says_what_to_grant() -> None:
    told = postgres_health.evidence(QUIET._replace(sees_all=False))
    assert told["limited view"].endswith("GRANT pg_monitor TO app shows all")
    hostile = postgres_health.evidence(QUIET._replace(sees_all=False, role='app"; DROP ROLE x; --'))
    assert hostile["limited view"].endswith('GRANT pg_monitor TO "app""; DROP ROLE x; --" shows all')


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (None, "FATAL: sorry, too many clients already", True),
        (None, "remaining connection slots are reserved for roles with the SUPERUSER attribute", True),
        (None, 'too many connections for role "app"', True),
        ("53300", "lo siento, ya tenemos demasiados clientes", True),
        ("53200", "out of memory", False),
        (None, "the database system is starting up", False),
    ],
)
def test_a_refusal_for_want_of_a_slot(code: str | None, text: str, expected: bool) -> None:
    assert postgres_health.no_slot_left(code, text) is expected


@pytest.mark.parametrize(
    ("dsn", "port"),
    [
        ("postgresql://u:p@db.example.org:5433/app?sslmode=disable", "5433"),
        ("postgresql://u:6@db.example.org/app", ""),
        ("postgresql://[::1]:5434/app", "5434"),
        ("postgresql://a:1,b:2/app", ""),
        ("host=db port=6432 dbname=app", "6432"),
        ("host=db dbname=app", ""),
    ],
)
def test_the_port_of_a_connection_string(dsn: str, port: str) -> None:
    assert port_of_dsn(dsn) == port
