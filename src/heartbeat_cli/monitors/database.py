"""A PostgreSQL server: log in, run `SELECT 1`, then read its own figures.

healthy    it let heartbeat in and answered
degraded   it answered, and a warning limit is reached: connections, an open transaction, locks, replication lag,
           transaction ids
unhealthy  a server is there and refuses: too many connections, starting up, shutting down (waited for, up to
           `draining_limit`)
error      nothing answered in time, or the connection broke
unknown    this `dsn` does not get in: password, pg_hba.conf, no such database, another user who listens on a port of
           this host; that is no reason to restart it

Grant the role `pg_monitor`; without it, heartbeat sees only its own sessions and says so. It works on a standby,
through a pooler and with several hosts in the `dsn`. If the figures cannot be read, a server that answers is healthy.
Where the connections run short, evidence says who holds them; where heartbeat itself gets none, as of the last check.

    [components.db]
    kind = "database"
    dsn = "env:APP_DSN"
    container = "openclaw-postgres"
"""

import time
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.kinds import postgres_health
from heartbeat_cli.domain.kinds.postgres_health import Figures, Limits
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text
from heartbeat_cli.postgres import libpq
from heartbeat_cli.postgres.driver import driver

LADDER: tuple[Mapping[str, str], ...] = (
    {"action": "postgres", "do": "reload", "dsn": "{dsn}"},
    {"action": "docker", "container": "{container}"},
    {"action": "script", "name": "restart_{id}.sh"},
)

_SHARE = 0.95  # of the check's time: the rest is for hanging up and for the way back to the engine
_DRAINING = "draining"  # a Lasting
_EARLIER = "draining_since"  # as earlier versions kept it: the moment when it began
_SIZE_TIMEOUT = 2.0
_SIZE_EVERY = 300.0  # it stats every file of the database; nobody needs that every 15 s

_FIGURES = """
WITH seen AS (
  SELECT pid, usename, application_name, state, backend_type, query_start,
         extract(epoch FROM clock_timestamp() - xact_start)::float8 AS open_for,
         extract(epoch FROM clock_timestamp() - state_change)::float8 AS still_for
  FROM pg_stat_activity WHERE pid <> pg_backend_pid()
), client AS (
  SELECT *, format('pid %%s, role %%s, application %%s', pid, usename, application_name) AS who
  FROM seen WHERE backend_type = 'client backend'
), idle AS (
  SELECT * FROM client WHERE state LIKE 'idle in transaction%%'
), waiting AS (  -- waitstart came with PostgreSQL 14; before, the query's start is the best there is
  SELECT l.pid, extract(epoch FROM clock_timestamp() - coalesce(
           min((to_jsonb(l)->>'waitstart')::timestamptz), min(s.query_start)))::float8 AS waited
  FROM pg_locks l LEFT JOIN seen s ON s.pid = l.pid
  WHERE NOT l.granted
    AND coalesce(s.backend_type, 'client backend') IN ('client backend', 'parallel worker')
  GROUP BY l.pid
), counted AS (
  SELECT sum(numbackends) AS backends, sum(deadlocks) AS deadlocks,
         sum(blks_hit) AS hit, sum(blks_read) AS missed
  FROM pg_stat_database
)
SELECT current_user::text,
  pg_has_role('pg_read_all_stats', 'USAGE'),
  CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN (SELECT count(*) + 1 FROM client)
       ELSE counted.backends END::float8,
  current_setting('max_connections')::float8,
  (SELECT count(*) FROM client WHERE state = 'active')::float8,
  (SELECT max(open_for) FROM client),
  (SELECT who FROM client WHERE open_for IS NOT NULL ORDER BY open_for DESC LIMIT 1),
  (SELECT count(*) FROM idle)::float8,
  (SELECT max(still_for) FROM idle),
  (SELECT who FROM idle ORDER BY still_for DESC LIMIT 1),
  (SELECT count(*) FROM waiting)::float8,
  (SELECT count(*) FROM waiting WHERE waited >= %s)::float8,
  (SELECT max(waited) FROM waiting),
  (SELECT string_agg(line, E'\n') FROM (
     SELECT format('pid %%s waits %%s s for pid %%s: role %%s, application %%s, %%s', waiting.pid,
                   round(waiting.waited), blocker, s.usename, s.application_name, s.state) AS line
     FROM waiting CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker
     LEFT JOIN seen s ON s.pid = blocker ORDER BY waiting.waited DESC NULLS LAST LIMIT 5) AS lines),
  CASE WHEN NOT pg_is_in_recovery() THEN
         (SELECT extract(epoch FROM max(coalesce(replay_lag, '0'))) FROM pg_stat_replication
          WHERE state = 'streaming')
       WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver)
         THEN 0
       ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8,
  counted.deadlocks::float8,
  (counted.hit / nullif(counted.hit + counted.missed, 0))::float8,
  (SELECT max(age(datfrozenxid)) FROM pg_database)::float8
FROM counted
"""


class Settings(Record):
    """Keys of a `database` component. Every limit makes the status degraded and is switched off by 0.

    dsn: PostgreSQL connection string (URL or keywords, several hosts allowed), best as `env:NAME`
    container: Docker container the server runs in, for the restart step of the default ladder
    connections_warn_percent: percent of `max_connections` in use
    connections_critical_percent: the same, but unhealthy (a failure) instead of degraded; off unless set
    longest_transaction_warn: seconds the oldest transaction is open
    idle_in_transaction_warn: seconds a session has been idle inside a transaction
    blocked_warn: sessions that wait for a lock longer than `blocked_warn_seconds`
    blocked_warn_seconds: seconds of waiting for a lock that count as blocked
    replication_lag_warn: seconds a standby is behind (asked on the standby itself or on its primary)
    xid_age_warn_percent: percent of the 2^31 transaction ids used before wraparound protection stops writes
    draining_limit: seconds a shutdown may take; one that lasts longer, because a session does not end, is a fault that
        a restart mends
    details: read the server's figures too; false does the login and `SELECT 1` only
    """

    dsn: str
    container: str | None = None
    connections_warn_percent: float = 85.0
    connections_critical_percent: float = 0.0
    longest_transaction_warn: Seconds = 3600.0
    idle_in_transaction_warn: Seconds = 600.0
    blocked_warn: int = 1
    blocked_warn_seconds: Seconds = 60.0
    replication_lag_warn: Seconds = 300.0
    xid_age_warn_percent: float = 70.0
    draining_limit: Seconds = 330.0
    details: bool = True


def host_of(settings: Settings) -> str | None:
    """The (first) host that a check must reach."""
    return postgres_health.host_of_dsn(settings.dsn)


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if not settings.dsn.strip():
        found.append(("dsn", 'expected a connection string such as "postgresql://user@host/database", got nothing'))
    scheme, _, rest = settings.dsn.partition("://")
    if rest and scheme not in ("postgresql", "postgres"):
        found.append(("dsn", "expected a URL that starts with postgresql://"))
    if rest.partition("?")[0].count("@") > 1 or "@" in rest.partition("?")[0].partition("/")[2]:
        found.append(("dsn", "cannot be read: in a password, write @ as %40, / as %2F and ? as %3F"))
    for key in Limits._fields:
        value = getattr(settings, key)
        if value < 0 or (key.endswith("_percent") and value > 100):
            expected = "0 to 100" if key.endswith("_percent") else "0 or more"
            found.append((key, f"expected {expected} (0 switches it off), got {value:g}"))
    if settings.draining_limit < 0:
        found.append(("draining_limit", f"expected 0 or more seconds, got {settings.draining_limit:g}"))
    return found


def unreachable_problems(settings: Settings, timeout: float) -> list[tuple[str, str, str]]:
    """Limits that are never reached, as (key, text, advice)."""
    warn, critical = settings.connections_warn_percent, settings.connections_critical_percent
    if not 0 < critical <= warn:
        return []
    text = Text(
        "{warn:g} % is never reached: from connections_critical_percent ({critical:g} %) on it is unhealthy",
        warn=warn,
        critical=critical,
    )
    return [("connections_warn_percent", text, Text("choose less than connections_critical_percent"))]


def prepare() -> None:
    """Load psycopg2, which costs less before other threads run."""
    driver()


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Connect and ask; the time of both is the response time. libpq's loading is not the database's time."""
    deadline = time.monotonic() + context.timeout * _SHARE
    driver()
    begun = time.monotonic()
    memory = {key: value for key, value in context.memory.items() if key not in (_DRAINING, _EARLIER)}
    try:
        with libpq.connect(settings.dsn, deadline=deadline) as session:
            asked = time.monotonic()
            session.rows("SELECT 1", deadline=deadline)
            answered = time.monotonic()
            good = Reading(
                "healthy",
                answered - begun,
                metrics=(Metric("query_seconds", answered - asked),),
                memory=memory,
            )
            return _with_details(good, session, settings, context, deadline) if settings.details else good
    except libpq.Trouble as trouble:
        from heartbeat_cli.monitors import _postgres  # every pass pays for imports

        reading = _postgres.failed(trouble, settings.dsn, time.monotonic() - begun)._replace(memory=memory)
        if postgres_health.no_slot_left(trouble.code, trouble.text):
            from heartbeat_cli.monitors import _connection_holders  # rarely needed, and every pass pays for imports

            return reading._replace(evidence=_connection_holders.remembered(context))
        return _draining(reading, settings, context) if reading.category == "draining" else reading


def _draining(reading: Reading, settings: Settings, context: CheckContext) -> Reading:
    """A shutdown takes its time, until it has taken too long: then it waits for a session that does not end."""
    from heartbeat_cli.domain.kinds import lasting

    took = lasting.seen_again(lasting.recalled(context.memory.get(_DRAINING)), context.now, context.interval)
    reading = reading._replace(memory={**reading.memory, _DRAINING: list(took)})
    if took.seconds < settings.draining_limit:
        return reading
    longest = duration(settings.draining_limit)
    line = Text("{error}, for longer than {limit}", error=reading.error or "", limit=longest)
    return reading._replace(error=line, category="process")


def _with_details(
    good: Reading, session: libpq.Session, settings: Settings, context: CheckContext, deadline: float
) -> Reading:
    """The reading with what the server tells about itself, or with a note on why that is missing."""
    limits = Limits(*(getattr(settings, key) for key in Limits._fields))
    try:
        rows = session.bounded_rows(_FIGURES, (limits.blocked_warn_seconds,), deadline=deadline)
    except libpq.Trouble as trouble:
        return good._replace(evidence={Text("figures missing"): _excuse(trouble)})
    figures = Figures(*rows[0])
    status, error = postgres_health.judge(figures, limits)
    evidence = postgres_health.evidence(figures)
    size, memory = _size(session, context, deadline, evidence)
    holders, connections = _connections(session, figures, limits, context, deadline)
    return good._replace(
        status=status,
        error=error,
        metrics=good.metrics + postgres_health.metrics(figures) + size,
        evidence={**holders, **evidence},
        memory={**memory, "connections": connections},
        category=postgres_health.category(figures, limits),
    )


def _size(
    session: libpq.Session, context: CheckContext, deadline: float, evidence: dict[str, str]
) -> tuple[tuple[Metric, ...], Mapping[str, Any]]:
    """The database's size, measured every five minutes; one too big to measure is not tried more often."""
    at, size = context.memory.get("size_at"), context.memory.get("size")
    if not isinstance(at, int | float) or not 0 <= context.now - at < _SIZE_EVERY:
        at, size = context.now, None
        try:
            within = min(deadline, time.monotonic() + _SIZE_TIMEOUT)
            size = session.bounded_rows("SELECT pg_database_size(current_database())", deadline=within)[0][0]
        except libpq.Trouble as trouble:
            evidence[Text("size missing")] = _excuse(trouble)
    known = (Metric("size_bytes", float(size)),) if isinstance(size, int | float) else ()
    return known, {"size_at": at, "size": size}


def _connections(
    session: libpq.Session, figures: Figures, limits: Limits, context: CheckContext, deadline: float
) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """Where the connections run short, who holds them, as evidence; and what a check that gets none will need to know.
    Whatever keeps the answer away takes nothing from the reading, and nothing is asked in this session after it."""
    known = {"at": context.now, "used": figures.connections_used, "max": figures.connections_max}
    if not postgres_health.connections_run_short(figures, limits):
        return {}, known
    from heartbeat_cli.domain import text_source
    from heartbeat_cli.monitors import _connection_holders

    try:
        holders = _connection_holders.asked(session, deadline)
    except libpq.Trouble as trouble:
        return {Text("connection holders missing"): trouble.text}, known
    return {_connection_holders.LABEL: holders}, {**known, "who": text_source.source(holders)}


def _excuse(trouble: libpq.Trouble) -> str:
    """Figures that are late or not allowed are only missing; a server that goes away is the news itself."""
    if trouble.kind == "connect" or (trouble.code or "").startswith("57P"):
        raise trouble
    return trouble.text
