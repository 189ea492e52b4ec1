"""Sources: where the kinds `progress` and `budget` read a number. All of a component's are read side by side.

A source is a table with one key, which says how it is read; each way has a module of its own (`_source_*.py`), imported
only when it is used. A source that cannot be read raises Unobservable: that is no failure of what is watched.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.domain.kinds.check_keys import Agg
from heartbeat_cli.domain.plain import one_line, own_fault
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable

_SHARE = 0.9  # of the check's time: the rest is for the way back to the engine
_NOTHING: dict[str, str] = {}


class JsonSource(Record):
    """A number in a JSON answer.

    url: address, http:// or https://
    path: where the number stands, dotted: jobs.done, items.length(), queues.*.depth
    agg: how several numbers become one: sum (the default), min, max, avg or count
    headers: extra request headers as a table
    """

    url: str
    path: str
    agg: Agg | None = None
    headers: dict[str, str] = _NOTHING


class PrometheusSource(Record):
    """A metric on a /metrics page.

    url: address of the page, http:// or https://
    metric: name of the metric
    labels: labels that a series must have, with their values; others do not matter
    agg: how several series become one number: sum (the default), min, max, avg or count
    headers: extra request headers as a table
    """

    url: str
    metric: str
    labels: dict[str, str] = _NOTHING
    agg: Agg | None = None
    headers: dict[str, str] = _NOTHING


class SqlSource(Record):
    """A query of PostgreSQL or SQLite.

    dsn: postgresql://… (best as env:NAME, of a role that may only read) or sqlite:////path
    query: one statement that gives one row with one number; it runs in a read-only transaction
    """

    dsn: str
    query: str


class RedisSource(Record):
    """The reply to a command of Redis or Valkey.

    command: the command as a list of words: ["LLEN", "celery"], ["GET", "done"], ["INFO", "stats"]; one that only reads
    host: name or address of the server
    port: port number
    user: user of an ACL to log in as
    password: password to log in with, best as env:NAME
    requirepeer: user (or its number) that a server of this host runs as, if not root, redis, valkey or heartbeat's own;
        no other gets the password
    db: number of the database
    field: for INFO: the field whose number counts, such as total_commands_processed
    """

    command: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 6379
    user: str | None = None
    password: str | None = None
    requirepeer: str | None = None
    db: int = 0
    field: str | None = None


class FileSource(Record):
    """A file.

    path: the file
    what: mtime (time of its last change), size (bytes) or lines (their number, of at most 64 MiB)
    """

    path: str
    what: Literal["mtime", "size", "lines"] = "mtime"


class Source(Record):
    """Where a number comes from: exactly one of these keys.

    json: a number in a JSON answer
    prometheus: a metric on a /metrics page
    sql: a query of PostgreSQL or SQLite
    redis: the reply to a command of Redis
    file: age, size or length of a file
    command: a program and its arguments, as a list; the first number in its first line counts
    """

    json: JsonSource | None = None
    prometheus: PrometheusSource | None = None
    sql: SqlSource | None = None
    redis: RedisSource | None = None
    file: FileSource | None = None
    command: tuple[str, ...] | None = None

    @property
    def way(self) -> str:
        """The key that is set."""
        return next(key for key, value in zip(self._fields, self, strict=True) if value is not None)


def problems(source: Source | None, key: str) -> list[tuple[str, str]]:
    """What is wrong with the source that stands under `key`, as (key, text)."""
    if source is None:
        return []
    given = [name for name, value in zip(source._fields, source, strict=True) if value is not None]
    if len(given) != 1:
        said = f"got {' and '.join(given)}" if given else "got none"
        return [(key, f"expected one of {', '.join(source._fields)}; {said}")]
    return [(f"{key}.{name}" if name else key, text) for name, text in _problems(source)]


def _problems(source: Source) -> list[tuple[str, str]]:
    module: Any = _module(source.way)
    found: Iterable[tuple[str, str]] = module.problems(getattr(source, source.way))
    return [(f"{source.way}.{name}" if name else source.way, text) for name, text in found]


def _module(way: str) -> Any:
    from importlib import import_module

    file = {"json": "http", "prometheus": "http", "file": "local", "command": "local"}.get(way, way)
    return import_module(f"heartbeat_cli.monitors._source_{file}")


def host_of(sources: Iterable[Source | None]) -> str | None:
    """The host that a check must reach: the first that is not this one, else the first."""
    from heartbeat_cli.domain.checking.isolation import is_remote

    hosts = [_module(one.way).host_of(getattr(one, one.way)) for one in sources if one is not None]
    named = [host for host in hosts if host]
    return next((host for host in named if is_remote(host)), named[0] if named else None)


def read(sources: Mapping[str, Source | None], context: CheckContext) -> dict[str, float]:
    """The number of each source that is set, by name. Raises Unobservable when one cannot be read in time."""
    from heartbeat_cli.system import in_threads

    deadline = time.monotonic() + context.timeout * _SHARE
    calls: dict[str, Callable[[], float]] = {
        name: partial(_module(one.way).read, getattr(one, one.way), deadline)
        for name, one in sources.items()
        if one is not None
    }
    found = in_threads.results(calls, deadline + context.timeout * (1 - _SHARE) / 2)
    return {name: _number(name, found.get(name), context) for name in calls}


def _number(name: str, found: float | Exception | None, context: CheckContext) -> float:
    if found is None:
        raise Unobservable(Text("cannot read {name}: no answer within {n:g} s", name=name, n=context.timeout))
    if isinstance(found, Unobservable):
        raise Unobservable(Text("cannot read {name}: {why}", name=name, why=one_line(str(found))))
    if isinstance(found, Exception):
        raise Unobservable(Text("cannot read {name}: {why}", name=name, why=own_fault(found)))
    if not math.isfinite(found):
        raise Unobservable(Text("cannot read {name}: the number is {value}", name=name, value=str(found)))
    return found
