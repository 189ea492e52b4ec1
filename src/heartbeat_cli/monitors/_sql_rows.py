"""What a query gives, or why it gives nothing; for `_sql.py` and what it asks."""

import time
from collections.abc import Iterable
from typing import Any

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.kinds.sql_errors import ErrorVerdict
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import Unobservable

SQLITE = "sqlite:///"


class Table(Record):
    """What a query gives: at most as many rows as were asked for, `cut` where there were more. `seconds` from the
    beginning of the check to its end, `query_seconds` without the connection."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool
    seconds: float
    query_seconds: float


class Failed(Exception):
    """There are no rows, because of what is watched; `reading` says why."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading.error)
        self.reading = reading


def failed(verdict: ErrorVerdict, text: str, took: float) -> Failed:
    """The exception for a verdict on an error. Raises Unobservable where that is `unknown`."""
    if verdict.status == "unknown":
        raise Unobservable(text) from None
    answered = took if verdict.status == "unhealthy" else None
    return Failed(Reading(verdict.status, answered, text, category=verdict.category))


def table(
    columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]], most_rows: int, begun: float, asked: float
) -> Table:
    """The result of a query that began at `begun` and was sent at `asked` (time.monotonic())."""
    now = time.monotonic()
    taken = list(rows)
    kept = tuple(tuple(map(_value, row)) for row in taken[:most_rows])
    return Table(columns, kept, len(taken) > most_rows, now - begun, now - asked)


def _value(value: Any) -> Any:
    """A number, a text, true, false or None: bytes are their hexadecimal digits, everything else its text."""
    if value is None or isinstance(value, int | float | str):
        return value
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
