"""A clock that was set back: what the store holds of a future that has not come yet is brought into the present.

Heartbeats, ended incidents and what was sent keep the times they were given. What still goes on must not: a silence
would begin late and a message wait for hours, and an incident would end before it began.
"""

from heartbeat_cli.store.database import Database

# How much earlier a time is from now on, so that spans keep their length.
_SHIFTED = "{0} = {0} - ({1} - to_timestamp(?))"
_OF_OPEN = "incident IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL)"


def set_back(db: Database, now: float) -> None:
    """Bring what still goes on back to `now`. Call it in the transaction of the pass that noticed."""
    for column in ("since", "failing_since"):
        _cap(db, "heartbeat_state", column, "1 = 1", now)
    for column in ("started", "declared", "acked"):
        _cap(db, "heartbeat_incidents", column, "ended IS NULL", now)
    for column in ("created", "next_try", "lease_until"):
        _cap(db, "heartbeat_outbox", column, "state = 'waiting'", now)
    _cap(db, "heartbeat_alert_rows", "alert_time", _OF_OPEN, now - 0.001)  # an end told in this very pass is later
    _shift(db, "heartbeat_silences", "starts", ("ends",), "1 = 1", now)
    _shift(db, "heartbeat_recoveries", "started", ("finished", "verify_until", "verified"), _OF_OPEN, now)


def _cap(db: Database, table: str, column: str, of: str, now: float) -> None:
    sql = f"UPDATE {table} SET {column} = to_timestamp(?) WHERE {column} > to_timestamp(?) AND {of}"
    db.run(sql, (now, now))


def _shift(db: Database, table: str, begin: str, rest: tuple[str, ...], of: str, now: float) -> None:
    changes = ", ".join(_SHIFTED.format(column, begin) for column in (*rest, begin))
    db.run(f"UPDATE {table} SET {changes} WHERE {begin} > to_timestamp(?) AND {of}", (now,) * (len(rest) + 2))
