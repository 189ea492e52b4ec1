"""How psycopg2 reads the values that a server sends, so that no value costs more than its bytes.

A server names the type of each column itself, whatever the query casts it to. psycopg2 would make a Decimal of a
`numeric`: `int` and `round` of `1e1000000000` hold the interpreter for good. Nor is left to it what it has read without
bounds: elements of arrays (https://github.com/psycopg/psycopg2/issues/1847), intervals (issue 1835), JSON.
"""

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from heartbeat_cli.postgres.driver import driver

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# pg_type.oid, https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
NUMBERS = (700, 701, 1700)  # float4, float8, numeric
INTERVAL = (1186,)
_AS_USUAL = frozenset(
    (*(16, 17, 20, 21, 23, 26), *(18, 19, 25, 705, 1042, 1043), *(1082, 1083, 1114, 1184, 1266))
)  # bool, bytea, integers; texts; times
# As IntervalStyle `postgres` writes it: `1 year 2 mons -3 days +04:05:06.789`.
_PARTS = r"(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?"
_INTERVAL = _PARTS + r"(?:([+-]?)(\d+):(\d\d):(\d\d(?:\.\d{1,6})?))?"
_YEAR, _MONTH, _DAY = 31_536_000, 2_592_000, 86_400  # seconds; of a year 365 days, of a month 30
_LONGEST = 100  # characters of an interval


def register(connection: "Connection") -> None:
    """Read numbers as floats, and arrays, ranges, intervals and JSON as the text that the server sent."""
    extensions = driver().extensions
    extensions.register_type(extensions.new_type(NUMBERS, "FINITE", _finite), connection)
    extensions.register_type(extensions.new_type(_others(), "TEXT", lambda text, _: text), connection)


def any_float(text: str | None, _: object) -> float | None:
    """The number in `text`, which may be NaN or infinite. Raises ValueError for what is no number."""
    return None if text is None else float(text)


def interval_seconds(text: str | None, _: object) -> float | None:
    """An interval as seconds, which may be infinite. Raises ValueError for what is no interval."""
    if text is None:
        return None
    if text in ("infinity", "-infinity"):
        return float(text)
    found = re.fullmatch(_INTERVAL, text, re.ASCII) if 0 < len(text) <= _LONGEST else None
    if not found:
        raise ValueError("not an interval")
    years, months, days, sign, hours, minutes, seconds = found.groups(default="0")
    time = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return int(years) * _YEAR + int(months) * _MONTH + int(days) * _DAY + (-time if sign == "-" else time)


def unreadable() -> tuple[type[BaseException], ...]:
    """What is raised where a value is not of the type that the server says, or is out of its range."""
    return (driver().Error, ValueError, ArithmeticError, RecursionError, MemoryError)


def _finite(text: str | None, _: object) -> float | None:
    """NaN and infinity are no figures of a server or a store: here, and nowhere else, they are refused."""
    found = None if text is None else float(text)
    if found is not None and not math.isfinite(found):
        raise ValueError("not a finite number")
    return found


@lru_cache(1)
def _others() -> tuple[int, ...]:
    """The types that psycopg2 would make other objects of."""
    return tuple(oid for oid in driver().extensions.string_types if oid not in _AS_USUAL and oid not in NUMBERS)
