"""What a PostgreSQL server's own figures mean: the metrics they make and the warnings they give.

`monitors/database.py` reads the figures; here nothing but judging. A warning never makes a database
unhealthy by itself, except for `connections_critical_percent`: while it answers, restarting it would do
more harm than good.
"""

import re

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Metric, Status
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined

# What a server says to a client that it does not let in, or whose work it ends: by SQLSTATE where there is one (class
# 53: insufficient resources), else in words. https://www.postgresql.org/docs/current/errcodes-appendix.html
_SAID: tuple[tuple[str, Category], ...] = (
    ("(?:starting up|in recovery mode|not yet accepting connections)", "starting"),
    ("shutting down", "draining"),
    ("(?:too many clients|too many connections|connection slots|no space left|out of memory)", "resource"),
)
_TOO_MANY_CONNECTIONS = "53300"
_NO_SLOT = "(?:too many clients|too many connections|connection slots)"
_XID_SPAN = 2_147_483_648  # transaction ids between the oldest row and the server refusing to write


def host_of_dsn(dsn: str) -> str | None:
    """The (first) host of a connection string; None for the local socket, which a URL writes as %2Fpath."""
    found = re.search(r"(?:^\w+://(?:[^@/]*@)?|\bhost(?:addr)?\s*=\s*)(?P<host>\[[^\]]+\]|[^:/?,\s]+)", dsn)
    return found["host"] if found and not found["host"].lower().startswith("%2f") else None


def port_of_dsn(dsn: str) -> str:
    """The port of a connection string that names one host; "" where it names none, or several hosts."""
    found = re.search(r"(?:^\w+://(?:[^@/]*@)?(?:\[[^\]]+\]|[^:/?,\s]*):|\bport\s*=\s*)(\d{1,5})(?=[/?\s]|$)", dsn)
    return found[1] if found else ""


class Limits(Record):
    """Where warnings begin; the keys of the same names in a `database` table. 0 switches one off."""

    connections_warn_percent: float
    connections_critical_percent: float
    longest_transaction_warn: float
    idle_in_transaction_warn: float
    blocked_warn: int
    blocked_warn_seconds: float
    replication_lag_warn: float
    xid_age_warn_percent: float


class Figures(Record):
    """One row of figures, in the order they are selected. None: it does not apply, or may not be seen."""

    role: str
    sees_all: bool
    connections_used: float
    connections_max: float
    active_connections: float
    longest_transaction: float | None
    longest_transaction_by: str | None
    idle_in_transaction: float
    idle_in_transaction_longest: float | None
    idle_in_transaction_by: str | None
    blocked: float
    blocked_long: float
    blocked_longest: float | None
    blockers: str | None
    replication_lag: float | None
    deadlocks: float
    cache_hit_ratio: float | None
    xid_age: float


def connections_percent(figures: Figures) -> float:
    return 100 * figures.connections_used / max(1.0, figures.connections_max)


def metrics(figures: Figures) -> tuple[Metric, ...]:
    """The figures as metrics; what does not apply here (no replica, nothing read yet) is left out."""
    values = {
        "connections_used": figures.connections_used,
        "connections_max": figures.connections_max,
        "connections_used_percent": connections_percent(figures),
        "active_connections": figures.active_connections,
        "longest_transaction_seconds": _seconds(figures.longest_transaction),
        "idle_in_transaction": figures.idle_in_transaction,
        "idle_in_transaction_seconds": _seconds(figures.idle_in_transaction_longest),
        "blocked_locks": figures.blocked,
        "replication_lag_seconds": figures.replication_lag,
        "cache_hit_ratio": figures.cache_hit_ratio,
        "xid_age": figures.xid_age,
    }
    gauges = tuple(Metric(name, float(value)) for name, value in values.items() if value is not None)
    return (*gauges, Metric("deadlocks", float(figures.deadlocks), "counter"))


def judge(figures: Figures, limits: Limits) -> tuple[Status, str | None]:
    """The status the figures deserve and the line that says why (None when nothing is to be said)."""
    lines = [line for line in (*_session_warnings(figures, limits), *_server_warnings(figures, limits)) if line]
    if not lines:
        return "healthy", None
    critical = _above(connections_percent(figures), limits.connections_critical_percent)
    return "unhealthy" if critical else "degraded", joined(lines)


def category(figures: Figures, limits: Limits) -> Category | None:
    """The kind of failure behind the figures: connections and transaction ids are used up, else nothing special."""
    return "resource" if _connections(figures, limits) or _wraparound(figures, limits) else None


def category_of_error(code: str | None, text: str) -> Category | None:
    """The kind of failure that a server's own error shows; None where it says nothing special."""
    if (code or "").startswith("53"):
        return "resource"
    return next((found for words, found in _SAID if re.search(words, text, re.I)), None)


def no_slot_left(code: str | None, text: str) -> bool:
    """Whether a server refuses a client because the connections are used up: all, or those of a role or a database."""
    return code == _TOO_MANY_CONNECTIONS or re.search(_NO_SLOT, text, re.I) is not None


def connections_run_short(figures: Figures, limits: Limits) -> bool:
    """Whether a limit of the connections is reached."""
    return _connections(figures, limits) is not None


def evidence(figures: Figures) -> dict[str, str]:
    """Who is behind the figures, and what this role is not allowed to see."""
    found = {
        Text("longest transaction"): figures.longest_transaction_by,
        Text("idle in transaction"): figures.idle_in_transaction_by,
        Text("who waits for whom"): figures.blockers,
    }
    if not figures.sees_all:
        found[Text("limited view")] = Text(
            "role {role} sees only its own sessions: GRANT pg_monitor TO {role} shows all",
            role=_identifier(str(figures.role)),
        )
    return {label: text for label, text in found.items() if text}


def _identifier(role: str) -> str:
    """A role's name as SQL takes it: what the server says may be anything, and a person pastes it."""
    return role if re.fullmatch("[a-z_][a-z0-9_]*", role) else '"' + role.replace('"', '""') + '"'


def _session_warnings(figures: Figures, limits: Limits) -> list[str | None]:
    return [
        _connections(figures, limits),
        _too_long(
            figures.longest_transaction,
            limits.longest_transaction_warn,
            Text("a transaction is open for {span} (limit {limit})"),
        ),
        _too_long(
            figures.idle_in_transaction_longest,
            limits.idle_in_transaction_warn,
            Text("a session is idle in a transaction for {span} (limit {limit})"),
        ),
        _blocked(figures, limits),
    ]


def _server_warnings(figures: Figures, limits: Limits) -> list[str | None]:
    return [
        _too_long(
            figures.replication_lag, limits.replication_lag_warn, Text("replication is {span} behind (limit {limit})")
        ),
        _wraparound(figures, limits),
    ]


def _connections(figures: Figures, limits: Limits) -> str | None:
    percent = connections_percent(figures)
    reached = [
        limit
        for limit in (limits.connections_critical_percent, limits.connections_warn_percent)
        if _above(percent, limit)
    ]
    if not reached:
        return None
    used, most = figures.connections_used, figures.connections_max
    return Text("{used:.0f} of {most:.0f} connections used (limit {limit:g} %)", used=used, most=most, limit=reached[0])


def _blocked(figures: Figures, limits: Limits) -> str | None:
    if limits.blocked_warn <= 0 or figures.blocked_long < limits.blocked_warn:
        return None
    return Text.counted(
        round(figures.blocked_long),
        "1 session waits for a lock longer than {limit}, the longest for {span}",
        "{n} sessions wait for a lock longer than {limit}, the longest for {span}",
        limit=duration(limits.blocked_warn_seconds),
        span=duration(_seconds(figures.blocked_longest)),
    )


def _wraparound(figures: Figures, limits: Limits) -> str | None:
    percent = 100 * figures.xid_age / _XID_SPAN
    if not _above(percent, limits.xid_age_warn_percent):
        return None
    return Text(
        "{percent:.0f} % of the transaction ids are used up before a vacuum has to free some (limit "
        "{xid_age_warn_percent:g} %)",
        percent=percent,
        xid_age_warn_percent=limits.xid_age_warn_percent,
    )


def _too_long(seconds: float | None, limit: float, text: Text) -> str | None:
    if seconds is None or not _above(seconds, limit):
        return None
    return text.with_values(span=duration(seconds), limit=duration(limit))


def _above(value: float, limit: float) -> bool:
    return 0 < limit <= value


def _seconds(value: float | None) -> float:
    """No such session is no waiting time; a server clock set back must not make one negative."""
    return max(0.0, value or 0.0)
