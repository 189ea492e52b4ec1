"""The tables, as numbered migrations that are applied once, however many first starts come together.

The statements are templates of `dialects`, for what the two databases word differently. The tables that grow with every
check are narrow: integer keys, response times in microseconds, statuses as numbers; the public names are views.
"""

from contextlib import suppress

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.sql import identity, locks
from heartbeat_cli.store.sql.database import Database, connect

_MIGRATION_TIMEOUT = 600.0  # seconds that one statement of a migration may take: it may have millions of rows to move
_MAX_ANSWER = 65_536  # bytes that a server may answer to one: none of them asks for rows

_TABLES = (
    "CREATE TABLE heartbeat_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE heartbeat_components (key {key}, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        registered {time} NOT NULL)""",
    """CREATE TABLE heartbeat_passes (key {key}, id TEXT NOT NULL UNIQUE, observer TEXT NOT NULL,
        started {time} NOT NULL, finished {time} NOT NULL, detected {time}, looks INTEGER NOT NULL,
        blind TEXT)""",
    "CREATE INDEX heartbeat_passes_waiting ON heartbeat_passes (key) WHERE detected IS NULL",
    "CREATE INDEX heartbeat_passes_started ON heartbeat_passes (started)",
    """CREATE TABLE heartbeat_looks (observer TEXT NOT NULL, component TEXT NOT NULL, at {time} NOT NULL,
        status TEXT NOT NULL, response_time DOUBLE PRECISION, error TEXT, evidence TEXT NOT NULL, memory TEXT NOT NULL,
        PRIMARY KEY (observer, component))""",
    """CREATE TABLE heartbeat_log (at {time} NOT NULL, pass INTEGER NOT NULL, component INTEGER NOT NULL,
        response_us INTEGER, status SMALLINT NOT NULL, attempts SMALLINT NOT NULL, error TEXT){partitioned}""",
    """CREATE TABLE heartbeat_samples (at {time} NOT NULL, component INTEGER NOT NULL,
        samples {json} NOT NULL){partitioned}""",
    """CREATE TABLE heartbeat_state (component TEXT PRIMARY KEY, state TEXT NOT NULL, fail_count INTEGER NOT NULL,
        success_count INTEGER NOT NULL, flapping BOOLEAN NOT NULL, since {time} NOT NULL, failing_since {time},
        degraded_count INTEGER NOT NULL, degraded BOOLEAN NOT NULL, held_by TEXT, grace_looks INTEGER NOT NULL,
        history TEXT NOT NULL)""",
    """CREATE TABLE heartbeat_incidents (id TEXT PRIMARY KEY, component TEXT NOT NULL, kind TEXT NOT NULL,
        severity TEXT NOT NULL, cause TEXT NOT NULL, started {time} NOT NULL, declared {time} NOT NULL, ended {time},
        held_by TEXT, acked {time}, acked_by TEXT, recovery TEXT NOT NULL)""",
    "CREATE INDEX heartbeat_incidents_open ON heartbeat_incidents (component) WHERE ended IS NULL",
    "CREATE INDEX heartbeat_incidents_started ON heartbeat_incidents (started)",
    """CREATE TABLE heartbeat_alert_rows (alert_id TEXT PRIMARY KEY, alert_type TEXT NOT NULL, severity TEXT NOT NULL,
        title TEXT NOT NULL, component TEXT NOT NULL, alert_time {time} NOT NULL, incident TEXT, reason TEXT NOT NULL,
        details TEXT NOT NULL)""",
    "CREATE INDEX heartbeat_alert_rows_time ON heartbeat_alert_rows (alert_time)",
    """CREATE TABLE heartbeat_outbox (id TEXT PRIMARY KEY, alert_id TEXT NOT NULL, channel TEXT NOT NULL,
        state TEXT NOT NULL, created {time} NOT NULL, attempts INTEGER NOT NULL, next_try {time} NOT NULL,
        lease_until {time}, lease_by TEXT, sent {time}, last_error TEXT)""",
    "CREATE INDEX heartbeat_outbox_waiting ON heartbeat_outbox (next_try) WHERE state = 'waiting'",
    """CREATE TABLE heartbeat_recoveries (key {key}, id TEXT NOT NULL UNIQUE, incident TEXT, component TEXT NOT NULL,
        rung INTEGER NOT NULL, action TEXT NOT NULL, requested_by TEXT NOT NULL, observer TEXT NOT NULL,
        started {time} NOT NULL, finished {time}, outcome TEXT NOT NULL, detail TEXT NOT NULL, output TEXT NOT NULL,
        verify_until {time}, verified {time})""",
    "CREATE INDEX heartbeat_recoveries_component ON heartbeat_recoveries (component, started)",
    """CREATE TABLE heartbeat_beats (key {key}, component TEXT NOT NULL, at {time} NOT NULL, event TEXT NOT NULL,
        exit_code INTEGER, message TEXT, rid TEXT)""",
    "CREATE INDEX heartbeat_beats_component ON heartbeat_beats (component, key)",
    "CREATE UNIQUE INDEX heartbeat_beats_once ON heartbeat_beats (component, at, event)",
    """CREATE TABLE heartbeat_gaps (observer TEXT NOT NULL, started {time} NOT NULL, ended {time} NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY (observer, started))""",
    """CREATE TABLE heartbeat_degraded (id TEXT PRIMARY KEY, observer TEXT NOT NULL, started {time} NOT NULL,
        reason TEXT NOT NULL, ended {time})""",
    """CREATE TABLE heartbeat_silences (id TEXT PRIMARY KEY, target TEXT NOT NULL, kind TEXT NOT NULL,
        starts {time} NOT NULL, ends {time} NOT NULL, reason TEXT NOT NULL, created_by TEXT NOT NULL)""",
    """CREATE VIEW heartbeat_logs AS SELECT c.id AS component, CASE l.status {statuses} END AS status,
        CAST(l.response_us AS DOUBLE PRECISION) / 1000000 AS response_time, l.error AS error,
        {shown:l.at} AS timestamp, c.kind AS kind, p.observer AS observer, p.id AS pass, l.attempts AS attempts
        FROM heartbeat_log l JOIN heartbeat_components c ON c.key = l.component
        JOIN heartbeat_passes p ON p.key = l.pass""",
    """CREATE VIEW heartbeat_alerts AS SELECT alert_id, alert_type, severity, title, component,
        {shown:alert_time} AS alert_time, incident, reason, details FROM heartbeat_alert_rows""",
)

_SQLITE = (
    "CREATE INDEX heartbeat_log_at ON heartbeat_log (at)",
    "CREATE INDEX heartbeat_samples_at ON heartbeat_samples (at)",
    """CREATE VIEW system_metrics AS SELECT json_extract(m.value, '$[0]') AS metric_name,
        json_extract(m.value, '$[1]') AS metric_value, json_extract(m.value, '$[2]') AS metric_type, c.id AS component,
        {shown:s.at} AS timestamp, json_extract(m.value, '$[3]') AS metadata
        FROM heartbeat_samples s JOIN heartbeat_components c ON c.key = s.component, json_each(s.samples) m""",
)

_POSTGRES = (
    "CREATE INDEX heartbeat_log_at ON heartbeat_log USING brin (at) WITH (autosummarize = on)",
    "CREATE INDEX heartbeat_samples_at ON heartbeat_samples USING brin (at) WITH (autosummarize = on)",
    """CREATE VIEW system_metrics AS SELECT m.value ->> 0 AS metric_name,
        (m.value ->> 1)::double precision AS metric_value, m.value ->> 2 AS metric_type,
        c.id AS component, s.at AS timestamp, m.value -> 3 AS metadata
        FROM heartbeat_samples s JOIN heartbeat_components c ON c.key = s.component,
        LATERAL jsonb_array_elements(s.samples) m""",
)

_REASONS = (
    "ALTER TABLE heartbeat_recoveries ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX heartbeat_recoveries_started ON heartbeat_recoveries (started)",
)

# Messages that hold several alerts, are handed over from channel to channel, and whose every try is recorded.
_MESSAGES = (
    "ALTER TABLE heartbeat_outbox ADD COLUMN batch TEXT",
    "ALTER TABLE heartbeat_outbox ADD COLUMN remark TEXT",
    "ALTER TABLE heartbeat_outbox ADD COLUMN note TEXT",
    "ALTER TABLE heartbeat_outbox ADD COLUMN failing_since {time}",
    "CREATE INDEX heartbeat_outbox_alert ON heartbeat_outbox (alert_id)",
    """CREATE TABLE heartbeat_sends (key {key}, id TEXT NOT NULL UNIQUE, at {time} NOT NULL, observer TEXT NOT NULL,
        channel TEXT NOT NULL, alert_id TEXT NOT NULL, batch TEXT NOT NULL, alerts INTEGER NOT NULL,
        outcome TEXT NOT NULL, error TEXT, note TEXT, took_us INTEGER NOT NULL)""",
    "CREATE INDEX heartbeat_sends_at ON heartbeat_sends (at)",
    "CREATE INDEX heartbeat_sends_alert ON heartbeat_sends (alert_id)",
)

# Hours are stored as numbers, counted from the epoch. `reach` is how many seconds a check counts for at most (NULL:
# 150), `stale` the first hour whose rollup does not include the pass yet, `last_hour` the last hour it counts for.
_ROLLUPS = (
    "ALTER TABLE heartbeat_log ADD COLUMN reach INTEGER",
    "ALTER TABLE heartbeat_passes ADD COLUMN stale INTEGER",
    "ALTER TABLE heartbeat_passes ADD COLUMN last_hour INTEGER",
    "UPDATE heartbeat_passes SET stale = {hour:started}, last_hour = {hour:started} + 1",
    "CREATE INDEX heartbeat_passes_stale ON heartbeat_passes (stale) WHERE stale IS NOT NULL",
    """CREATE TABLE heartbeat_hours (hour INTEGER NOT NULL, component INTEGER NOT NULL, healthy INTEGER NOT NULL,
        degraded INTEGER NOT NULL, unhealthy INTEGER NOT NULL, error INTEGER NOT NULL, unknown INTEGER NOT NULL,
        attempts INTEGER NOT NULL, flaps INTEGER NOT NULL, answered INTEGER NOT NULL, total_us BIGINT NOT NULL,
        least_us INTEGER, most_us INTEGER, median_us INTEGER, up_us BIGINT NOT NULL, down_us BIGINT NOT NULL,
        sketch {json} NOT NULL, PRIMARY KEY (hour, component))""",
    """CREATE TABLE heartbeat_hour_gauges (hour INTEGER NOT NULL, component INTEGER NOT NULL, metric TEXT NOT NULL,
        label TEXT NOT NULL, number INTEGER NOT NULL, total BIGINT NOT NULL, least BIGINT NOT NULL,
        most BIGINT NOT NULL, last BIGINT NOT NULL, PRIMARY KEY (hour, component, metric, label))""",
    """CREATE TABLE heartbeat_forgotten (what TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL,
        number INTEGER NOT NULL, PRIMARY KEY (what, first, second))""",
    "CREATE INDEX heartbeat_incidents_ended ON heartbeat_incidents (ended)",
)

# A pass is a narrow row that is never changed. What is still to be done with it (detection has not consumed it, an
# hour's rollup does not include it) is a row of `heartbeat_pending`, deleted when it is done. A pass is identified by
# its start, its observer, and `number`, the process: its id is made of these three.
_NARROW_PASSES = (
    "DROP VIEW heartbeat_logs",
    "CREATE TABLE heartbeat_observers (key {key}, id TEXT NOT NULL UNIQUE)",
    "INSERT INTO heartbeat_observers (id) SELECT DISTINCT observer FROM heartbeat_passes",
    """CREATE TABLE heartbeat_pass_rows (started {time} NOT NULL, key {key}{full}, number INTEGER NOT NULL,
        took_us INTEGER NOT NULL, observer INTEGER NOT NULL, looks INTEGER NOT NULL, last_hour INTEGER NOT NULL,
        blind TEXT, UNIQUE (started, number, observer){full}){soon_vacuumed}""",
    """INSERT INTO heartbeat_pass_rows (started, key, number, took_us, observer, looks, last_hour, blind)
        SELECT p.started, p.key, {number}, {took}, o.key, p.looks, COALESCE(p.last_hour, {hour:p.started} + 1), p.blind
        FROM heartbeat_passes p JOIN heartbeat_observers o ON o.id = p.observer ORDER BY p.key""",
    """CREATE TABLE heartbeat_pending (pass INTEGER PRIMARY KEY, observer INTEGER NOT NULL, detected BOOLEAN NOT NULL,
        stale INTEGER, last_hour INTEGER NOT NULL)""",
    """INSERT INTO heartbeat_pending (pass, observer, detected, stale, last_hour)
        SELECT p.key, r.observer, p.detected IS NOT NULL, p.stale, r.last_hour FROM heartbeat_passes p
        JOIN heartbeat_pass_rows r ON r.key = p.key WHERE p.detected IS NULL OR p.stale IS NOT NULL""",
    "CREATE INDEX heartbeat_pending_waiting ON heartbeat_pending (pass) WHERE NOT detected",
    "CREATE INDEX heartbeat_pending_stale ON heartbeat_pending (stale)",
    "DROP TABLE heartbeat_passes",
    """CREATE VIEW heartbeat_passes AS SELECT p.key AS key, {id} AS id, o.id AS observer, p.started AS started,
        {finished} AS finished, CASE WHEN NOT EXISTS (SELECT 1 FROM heartbeat_pending w WHERE w.pass = p.key
        AND NOT w.detected) THEN TRUE END AS detected, p.looks AS looks, p.blind AS blind,
        (SELECT w.stale FROM heartbeat_pending w WHERE w.pass = p.key) AS stale, p.last_hour AS last_hour
        FROM heartbeat_pass_rows p JOIN heartbeat_observers o ON o.key = p.observer""",
    """CREATE VIEW heartbeat_logs AS SELECT c.id AS component, CASE l.status {statuses} END AS status,
        CAST(l.response_us AS DOUBLE PRECISION) / 1000000 AS response_time, l.error AS error,
        {shown:l.at} AS timestamp, c.kind AS kind, o.id AS observer, {id} AS pass, l.attempts AS attempts
        FROM heartbeat_log l JOIN heartbeat_components c ON c.key = l.component
        JOIN heartbeat_pass_rows p ON p.key = l.pass JOIN heartbeat_observers o ON o.key = p.observer""",
)
_NARROW_POSTGRES = (
    "SELECT setval(pg_get_serial_sequence('heartbeat_pass_rows', 'key'),"
    " (SELECT COALESCE(max(key), 0) + 1 FROM heartbeat_pass_rows), FALSE)",
    # As text they take about half and two thirds of what they take as JSONB.
    "ALTER TABLE heartbeat_hours ALTER COLUMN sketch TYPE JSON"
    " USING CAST(replace(CAST(sketch AS TEXT), ' ', '') AS JSON)",
    "DROP VIEW system_metrics",
    "ALTER TABLE heartbeat_samples ALTER COLUMN samples TYPE JSON",
    """CREATE VIEW system_metrics AS SELECT m.value ->> 0 AS metric_name,
        (m.value ->> 1)::double precision AS metric_value, m.value ->> 2 AS metric_type,
        c.id AS component, s.at AS timestamp, (m.value -> 3)::jsonb AS metadata
        FROM heartbeat_samples s JOIN heartbeat_components c ON c.key = s.component,
        LATERAL json_array_elements(s.samples) m""",
)

# For components that several hosts check: when each host had checked before its newest check, and its last check that
# ended a round.
_ROUNDS = (
    "ALTER TABLE heartbeat_looks ADD COLUMN before {time}",
    "ALTER TABLE heartbeat_looks ADD COLUMN ended {time}",
)

# Components that could not be checked for a while: see `State` in domain/fault_detection.py.
_UNOBSERVED = (
    "ALTER TABLE heartbeat_state ADD COLUMN unknown_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE heartbeat_state ADD COLUMN unknown_since {time}",
    "ALTER TABLE heartbeat_state ADD COLUMN unobserved BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE heartbeat_state ADD COLUMN unobserved_alert TEXT",
)

# What our sentences were made of: see sentences.py. `day` is the last one, of the epoch, on which a line was said.
_SENTENCES = ("CREATE TABLE heartbeat_texts (line TEXT PRIMARY KEY, source TEXT NOT NULL, day INTEGER NOT NULL)",)

# The times at which the fault of an incident returned, as JSON: see `Relapse` in domain/incident.py.
_RELAPSES = ("ALTER TABLE heartbeat_incidents ADD COLUMN relapses TEXT NOT NULL DEFAULT '[]'",)

# What kind of failure a check shows, and an incident's cause is: see domain/category.py. In `attempts` of heartbeat_log
# it stands above the number of tries: FAILURE times its own number and one.
FAILURE = 64
_LOGS = (
    """{replaced_view} heartbeat_logs AS SELECT c.id AS component, CASE l.status {statuses} END AS status,
        CAST(l.response_us AS DOUBLE PRECISION) / 1000000 AS response_time, l.error AS error,
        {shown:l.at} AS timestamp, c.kind AS kind, o.id AS observer, {id} AS pass,
        CAST(l.attempts & 63 AS SMALLINT) AS attempts, CASE (l.attempts / 64 - 1) & 15 {categories} END AS category
        FROM heartbeat_log l JOIN heartbeat_components c ON c.key = l.component
        JOIN heartbeat_pass_rows p ON p.key = l.pass JOIN heartbeat_observers o ON o.key = p.observer""",
)
_FAILURES = (
    "ALTER TABLE heartbeat_looks ADD COLUMN failure SMALLINT",
    "ALTER TABLE heartbeat_incidents ADD COLUMN category TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE heartbeat_incidents ADD COLUMN remedy TEXT NOT NULL DEFAULT ''",
    *_LOGS,
)

# For a store of many hosts: what a pass asks for must not go through what all of them check.
UNSETTLED = "state <> 'healthy' OR degraded OR unobserved OR unobserved_alert IS NOT NULL"
_HOSTS = (
    f"CREATE INDEX IF NOT EXISTS heartbeat_state_unsettled ON heartbeat_state (component) WHERE {UNSETTLED}",
    "CREATE INDEX IF NOT EXISTS heartbeat_looks_component ON heartbeat_looks (component, observer)",
)

MIGRATIONS: tuple[dict[str, tuple[str, ...]], ...] = (
    {"sqlite": _TABLES + _SQLITE, "postgres": _TABLES + _POSTGRES},
    {"sqlite": _REASONS, "postgres": _REASONS},
    {"sqlite": _MESSAGES, "postgres": _MESSAGES},
    {"sqlite": _ROLLUPS, "postgres": _ROLLUPS},
    {"sqlite": _NARROW_PASSES, "postgres": _NARROW_PASSES + _NARROW_POSTGRES},
    {"sqlite": _ROUNDS, "postgres": _ROUNDS},
    {"sqlite": _UNOBSERVED, "postgres": _UNOBSERVED},
    {"sqlite": _SENTENCES, "postgres": _SENTENCES},
    {"sqlite": _RELAPSES, "postgres": _RELAPSES},
    {"sqlite": ("DROP VIEW heartbeat_logs", *_FAILURES), "postgres": _FAILURES},
    # The category `certificate` is known to the view.
    {"sqlite": ("DROP VIEW heartbeat_logs", *_LOGS), "postgres": _LOGS},
    {"sqlite": (), "postgres": _HOSTS},
)


def migrate(db: Database, observer: str = "") -> None:
    """Bring the store to this version's tables and give it an identity; `db.identity` and `db.watch_json` (of this
    observer) are known then. Raises StoreError when it belongs to a newer heartbeat."""
    try:
        version = identity.version(db, observer)
    except StoreError:
        version = -1
    if version != len(MIGRATIONS):
        _apply(db)
    if not db.identity:
        with suppress(StoreError):  # a role or a disk that may only be read: what is there can be shown all the same
            identity.create(db, observer)


def open_store(url: str, timeout: float, time_left: float | None = None, observer: str = "") -> Database:
    """Open the store at `url` and bring it to this version's tables. `time_left` is what all its statements may take
    (seconds). Raises StoreError when that cannot be done."""
    db = connect(url, timeout)
    db.time_left, db.observer = time_left, observer
    try:
        with db.reading():
            migrate(db, observer)
    except BaseException:
        db.close()
        raise
    return db


def _apply(db: Database) -> None:
    from heartbeat_cli.store.sql.dialects import render  # used only when tables are made

    with db.with_timeout(_MIGRATION_TIMEOUT, _MAX_ANSWER), db.transaction():
        if db.dialect == "postgres":
            db.rows("SELECT pg_advisory_xact_lock(?)", (locks.SCHEMA,))
        db.run("CREATE TABLE IF NOT EXISTS heartbeat_schema (version INTEGER NOT NULL)")
        version = _version(db)
        if version > len(MIGRATIONS):
            raise StoreError(
                Text(
                    "store {where}: made by a newer heartbeat (schema {version}, this one knows {count}); upgrade"
                    " heartbeat on this host",
                    where=db.where,
                    version=version,
                    count=len(MIGRATIONS),
                )
            )
        for migration in MIGRATIONS[version:]:
            for statement in migration[db.dialect]:
                db.run(render(statement, db.dialect))
        db.run("DELETE FROM heartbeat_schema")
        db.run("INSERT INTO heartbeat_schema VALUES (?)", (len(MIGRATIONS),))


def _version(db: Database) -> int:
    rows = db.rows("SELECT version FROM heartbeat_schema")
    return db.whole(rows[0][0]) if rows else 0
