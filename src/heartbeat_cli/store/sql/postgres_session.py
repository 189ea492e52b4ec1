"""A session with PostgreSQL: how it gives times, how it takes values, and how long its client may be silent."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from heartbeat_cli.store.sql.database import Params
from heartbeat_cli.store.sql.tables import EARLIEST, LATEST

TIMESTAMPTZ = 1184  # the type's oid, as in PostgreSQL's pg_type.dat

# Times the timeout, and seconds at least: how long a transaction may stand idle until the server ends it. Shorter than
# the wait for a lock, so that others get theirs from a host that froze; long enough for one that is only slow.
_IDLE_TIMEOUTS, _MIN_IDLE = 2.0, 1.0
_WITH_TCP_TIMEOUT = 120_000  # PostgreSQL 12
_ANY_TEXT = ("UTF8", "SQL_ASCII", "")
_SAME_IN_PYTHON = ("iso8859_", "cp125", "koi8_")  # how the names of Python's codecs begin
_LONGEST = 64  # characters of a time; what is remembered of the last ones is bounded by it
_NAMED_VALUE = re.compile(r"(?<![:\w]):([a-z]\w*)")  # `:name`, and not the type of a cast, as in `::float8`


def epoch_seconds(text: Any, _: Any) -> float | None:
    """`timestamptz` as seconds since the epoch."""
    return None if text is None else _seconds(text[:_LONGEST])


def figure(text: str | None, _: Any) -> float | None:
    """A number of the store; NaN and infinity, which no heartbeat writes, are none."""
    found = None if text is None else float(text)
    return found if found is not None and math.isfinite(found) else None


@lru_cache(256)  # the thousand rows of a pass have one moment
def _seconds(text: str) -> float:
    from datetime import datetime

    try:
        return min(max(EARLIEST, datetime.fromisoformat(text).timestamp()), LATEST)
    except (ValueError, OverflowError):
        return EARLIEST if text.startswith("-") or text.endswith("BC") else LATEST


def codec(encoding: str) -> str | None:
    """The Python codec for text that a database of this encoding takes; None if it takes any. It is ASCII except for
    the ISO 8859, Windows 125x and KOI8 encodings: in others Python and PostgreSQL may differ about a character."""
    if encoding in _ANY_TEXT:
        return None
    from heartbeat_cli.postgres.driver import driver

    name = driver().extensions.encodings.get(encoding, "ascii")
    return name if name.startswith(_SAME_IN_PYTHON) else "ascii"


def encodable(params: Params, codec: str) -> Params:
    """The values of a statement, every character that the codec lacks as an escape (`\\u6f22`, `\\xfc`). The server
    would refuse the statement, and with it the whole pass."""
    if isinstance(params, Mapping):
        return {name: _encodable(value, codec) for name, value in params.items()}
    return [_encodable(value, codec) for value in params]


def _encodable(value: Any, codec: str) -> Any:
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode(codec, "backslashreplace").decode(codec)


def driver_sql(sql: str, named: bool) -> str:
    """The statement with its values written as the driver wants them: `%s` for `?`, `%(name)s` for `:name`."""
    return _NAMED_VALUE.sub(r"%(\1)s", sql) if named else sql.replace("?", "%s")


def idle_settings(timeout: float, version: int) -> str:
    """The statements that limit how long a transaction's client may be silent, or take no more of an answer."""
    milliseconds = int(max(_IDLE_TIMEOUTS * timeout, _MIN_IDLE) * 1000)
    names = ["idle_in_transaction_session_timeout", *(["tcp_user_timeout"] if version >= _WITH_TCP_TIMEOUT else [])]
    return "; ".join(f"SET LOCAL {name} = {milliseconds}" for name in names)
