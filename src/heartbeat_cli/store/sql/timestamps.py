"""PostgreSQL's `timestamptz` as seconds since the epoch."""

from functools import lru_cache
from typing import Any

OID = 1184  # its oid, as in PostgreSQL's pg_type.dat


def epoch_seconds(text: Any, _: Any) -> float | None:
    """`timestamptz` as seconds since the epoch."""
    return None if text is None else _seconds(text)


@lru_cache(256)  # the thousand rows of a pass have one moment
def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
