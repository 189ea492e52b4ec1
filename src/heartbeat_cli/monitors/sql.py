r"""The rows of a query: limits on their columns, in PostgreSQL or SQLite.

healthy    every check holds in every row
degraded   a check's `warn` is broken
unhealthy  a check's `critical` is broken or its value is NULL; there are no rows (see `empty`); a table or column
           of the query does not exist; the server refuses
error      nothing answered, or the query did not end in time
unknown    the query is wrong or not permitted, the `dsn` does not get in, there is too much of an answer, another
           user can exchange the SQLite file, or SQLite needs more than 128 MiB of memory for the query

The query runs in a read-only transaction, and the server ends it shortly before `timeout`. At most 1,000 rows and 1 MiB
are judged. The worst row counts; the first ten that break a limit stand in the alert. Every column of numbers is a
metric; with several rows only where `label` tells them apart. An interval counts in seconds. For an SQLite file
heartbeat starts a process at each check: some 25 ms of CPU.

    [components.jobs]
    kind = "sql"
    dsn = "env:APP_DSN"
    query = "SELECT queue, extract(epoch FROM max(now() - created_at)) AS age FROM jobs GROUP BY queue"
    label = "queue"
    empty = "ok"
    checks = [{ column = "age", op = "<", warn = 300, critical = 3600 }]
"""

import time
from collections.abc import Mapping
from typing import Any, Literal

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.kinds import query_result
from heartbeat_cli.domain.kinds.check_keys import MEMORY
from heartbeat_cli.domain.kinds.query_result import ColumnCheck
from heartbeat_cli.domain.kinds.value_checks import RANKS
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _checks, _sql
from heartbeat_cli.monitors._sql_rows import Failed, Table
from heartbeat_cli.postgres.driver import driver

_SHARE = 0.95  # of the check's time: the rest is for hanging up and for the way back to the engine
_MOST_BYTES, _MOST_ROWS = 1_048_576, 1_000
_EMPTY: Mapping[str, Status] = {"ok": "healthy", "warn": "degraded", "critical": "unhealthy"}


class Settings(Record):
    """
    dsn: postgresql://… (best as env:NAME, of a role that may only read) or sqlite:////path
    query: one SELECT
    checks: limits on its columns, as a list of tables
    label: column whose value is the name of a row, in messages and metrics
    empty: what it means that there are no rows: ok, warn or critical; default: they cannot be judged, which is
        unhealthy (configuration)
    """

    dsn: str
    query: str
    checks: tuple[ColumnCheck, ...] = ()
    label: str | None = None
    empty: Literal["ok", "warn", "critical"] | None = None


def host_of(settings: Settings) -> str | None:
    """The (first) host that a check must reach; None for a file."""
    return _sql.host_of(settings.dsn)


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = _sql.problems(settings.dsn, settings.query)
    figures: dict[str, tuple[Any, ...]] = {}
    for number, check in enumerate(settings.checks):
        where, as_check = f"checks[{number}]", check.of_row(check.column or "", {})
        found += [(f"{where}.{key}", text) for key, text in _checks.limit_problems(as_check)]
        if settings.label is not None and check.column == settings.label:
            found.append((f"{where}.column", "is the label; expected another column"))
        if figures.setdefault(as_check.figure, as_check.selection) != as_check.selection:
            text = f"two checks have the figure {as_check.figure}; give this one a name of its own"
            found.append((f"{where}.name", text))
    return found


def prepare() -> None:
    """Load psycopg2, which costs less before other threads run."""
    driver()


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Ask and judge. Raises Unobservable where heartbeat cannot ask, or not judge what came."""
    kept = {MEMORY: context.memory[MEMORY]} if MEMORY in context.memory else {}
    deadline = time.monotonic() + context.timeout * _SHARE
    try:
        found = _sql.read(settings.dsn, settings.query, deadline, most_bytes=_MOST_BYTES, most_rows=_MOST_ROWS)
    except Failed as failed:
        reading = failed.reading
        # The server is not what this component is: no step of its own mends that.
        return reading._replace(category=reading.category or "dependency", memory=kept)
    metrics = (Metric("query_seconds", found.query_seconds), Metric("rows", float(len(found.rows))))
    reading = Reading("healthy", found.seconds, metrics=metrics, memory=kept)
    if not found.rows:
        return _empty(settings, reading)
    if why := query_result.mistake(settings.checks, settings.label, found.columns, found.rows):
        raise Unobservable(why)
    return _judged(settings, found, reading, context)


def _empty(settings: Settings, reading: Reading) -> Reading:
    if settings.empty is None:
        error = Text('the query gives no rows; if that is well, set empty = "ok"')
        return reading._replace(status="unhealthy", error=error, category="configuration")
    status = _EMPTY[settings.empty]
    return reading if status == "healthy" else reading._replace(status=status, error=Text("the query gives no rows"))


def _judged(settings: Settings, found: Table, reading: Reading, context: CheckContext) -> Reading:
    before: Any = context.memory.get(MEMORY)
    before = before if isinstance(before, Mapping) else {}
    outcome, named = query_result.judge(settings.checks, settings.label, found.columns, found.rows, before, context.now)
    memory = {MEMORY: dict(outcome.rates)} if outcome.rates else {}
    reading = reading._replace(memory=memory, evidence={Text("rows"): "\n".join(named)} if named else {})
    taken = {metric.name for metric in reading.metrics}
    metrics = (*reading.metrics, *(one for one in outcome.metrics if one.name not in taken))
    status, lines = outcome.status, [outcome.error] if outcome.error else []
    if found.cut:
        lines.append(Text("only the first {n:,} rows were judged", n=_MOST_ROWS))
        status = status if RANKS[status] >= RANKS["degraded"] else "degraded"
    category = outcome.category or ("configuration" if found.cut and status == "degraded" else None)
    took = None if status == "unknown" else reading.response_time
    return reading._replace(
        status=status, response_time=took, error=joined(lines) or None, category=category, metrics=metrics
    )
