"""Repair a running PostgreSQL from the inside, where a restart would end everybody's work.

reload              has the server read its configuration again: harmless, and the remedy for a bad `pg_hba.conf` or
                    limit that was corrected on disk
terminate_idle      ends sessions that are idle inside a transaction
terminate_blockers  ends sessions that keep others waiting for a lock and wait for none themselves

Rights: EXECUTE on `pg_reload_conf()` for reload; `pg_signal_backend` and `pg_read_all_stats` for the others, which
never touch a superuser's session unless they run as one.

    [components.db.recovery]
    ladder = [{ action = "postgres", do = "terminate_blockers", dsn = "env:APP_DSN", older_than = 120.0 }]
"""

import time
from typing import Literal

from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.postgres import libpq

_SHARE = 0.95
_ENDING = "GRANT pg_signal_backend, pg_read_all_stats TO this role"
_REMEDY = {
    "reload": "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO this role",
    "terminate_idle": _ENDING,
    "terminate_blockers": _ENDING,
}

# A session this role may not end is counted, not tried: one refusal would undo the whole statement.
_TERMINATE = """,
old AS (
  SELECT pid, format('pid %%s, role %%s, application %%s', pid, usename, application_name) AS who,
    me.rolsuper OR (NOT owner.rolsuper AND (pg_has_role(owner.oid, 'USAGE')
                                            OR pg_has_role('pg_signal_backend', 'USAGE'))) AS allowed
  FROM chosen JOIN pg_roles owner ON owner.oid = chosen.usesysid
  JOIN pg_roles me ON me.rolname = current_user
)
SELECT who, allowed, CASE WHEN allowed THEN pg_terminate_backend(pid) END FROM old ORDER BY who
"""
_CLIENTS = "SELECT * FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
_IDLE = f"""
WITH chosen AS (
  SELECT * FROM ({_CLIENTS}) client
  WHERE state LIKE 'idle in transaction%%' AND clock_timestamp() - state_change > make_interval(secs => %s)
){_TERMINATE}"""  # noqa: S608 (both parts are constants)
_BLOCKERS = f"""
WITH waiting AS (
  SELECT l.pid FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE NOT l.granted GROUP BY l.pid
  HAVING clock_timestamp() - coalesce(min((to_jsonb(l)->>'waitstart')::timestamptz), min(a.query_start))
         > make_interval(secs => %s)
), chosen AS (
  SELECT * FROM ({_CLIENTS}) client
  WHERE pid IN (SELECT unnest(pg_blocking_pids(waiting.pid)) FROM waiting)
    AND pid NOT IN (SELECT l.pid FROM pg_locks l WHERE NOT l.granted AND l.pid IS NOT NULL)
){_TERMINATE}"""  # noqa: S608 (both parts are constants)


class Settings(Record):
    """Keys of a `postgres` step.

    dsn: PostgreSQL connection string; best as `env:NAME` or `file:PATH`
    do: reload (read the configuration again), terminate_idle (end sessions idle in a transaction) or
        terminate_blockers (end sessions others wait for)
    older_than: seconds a session must have been idle in its transaction, or have kept another waiting
    """

    dsn: str
    do: Literal["reload", "terminate_idle", "terminate_blockers"] = "reload"
    older_than: Seconds = 300.0


_PURPOSES = {
    "reload": Text("it reads the configuration anew, and ends no session"),
    "terminate_idle": Text("it ends sessions that are idle in a transaction for long"),
    "terminate_blockers": Text("it ends sessions that keep others waiting"),
}


def purpose(settings: Settings) -> Text:
    """What a step is for."""
    return _PURPOSES[settings.do]


def frees(settings: Settings) -> bool:
    """Whether a step frees connections."""
    return settings.do != "reload"


def problems(settings: Settings) -> list[tuple[str, str]]:
    if settings.older_than < 0:
        return [("older_than", f"expected 0 or more seconds, got {settings.older_than:g}")]
    return []


def run(settings: Settings, *, timeout: float) -> Outcome:
    deadline = time.monotonic() + timeout * _SHARE
    try:
        with libpq.connect(settings.dsn, deadline=deadline) as session:
            if settings.do == "reload":
                return _reload(session, deadline)
            return _terminate(session, settings, deadline)
    except libpq.Trouble as trouble:
        if trouble.code == libpq.INSUFFICIENT_PRIVILEGE:
            return Outcome("denied", joined([trouble.text, _REMEDY[settings.do]]))
        return Outcome("failed", trouble.text)


def _reload(session: libpq.Session, deadline: float) -> Outcome:
    signalled = session.bounded_rows("SELECT pg_reload_conf()", deadline=deadline)[0][0]
    if signalled:
        return Outcome("done", Text("{where} reloads its configuration", where=session.where))
    return Outcome("failed", Text("{where} could not signal its postmaster to reload", where=session.where))


def _terminate(session: libpq.Session, settings: Settings, deadline: float) -> Outcome:
    statement = _IDLE if settings.do == "terminate_idle" else _BLOCKERS
    rows = session.bounded_rows(statement, (settings.older_than,), deadline=deadline)
    age = duration(settings.older_than)
    which = (
        Text("idle in a transaction for over {age}", age=age)
        if settings.do == "terminate_idle"
        else Text("blocking for over {age}", age=age)
    )
    if not rows:
        return Outcome("refused", Text("no session this role may see is {which}: nothing to end", which=which))
    ended = [who for who, _, signalled in rows if signalled]
    forbidden = [who for who, allowed, _ in rows if not allowed]
    output = "\n".join([f"ended: {who}" for who in ended] + [f"not allowed to end: {who}" for who in forbidden])
    if ended:
        n, total, left = len(ended), len(rows), len(rows) - len(ended)
        said = Text("ended {n} of {total} sessions {which}", n=n, total=total, which=which)
        if left:
            said = Text("ended {n} of {total} sessions {which}, {left} left", n=n, total=total, which=which, left=left)
        return Outcome("done", said, output)
    if forbidden:
        return Outcome(
            "denied",
            Text(
                "may not end the {forbidden} sessions {which}: {ending}",
                forbidden=len(forbidden),
                which=which,
                ending=_ENDING,
            ),
            output,
        )
    return Outcome(
        "failed", Text("the {rows} sessions {which} could not be signalled", rows=len(rows), which=which), output
    )
