"""A clock that was set back: what the store holds of a future that has not come yet is brought into the present.

Heartbeats, ended incidents and what was sent keep the times they were given. What still goes on must not: a silence
would begin late and a message wait for hours, and an incident would end before it began.

Where other hosts' clocks are ahead of this one's, it is this one that is wrong: what they share stays as it is.
"""

from collections.abc import Sequence

from heartbeat_cli.store.sql.database import Database

# How much earlier a time is from now on, so that spans keep their length.
_SHIFTED = "{0} = {0} - ({1} - to_timestamp(?))"
_OPEN_INCIDENTS_ONLY = "incident IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL)"
_ONLY_OURS = (
    "component NOT IN (SELECT component FROM heartbeat_looks WHERE observer <> ?)"  # looked at by no other host
)


def set_back(db: Database, now: float, alone: str | None = None) -> None:
    """Bring what still goes on back to `now`. Call it in the transaction of the pass that noticed. `alone`: only what
    this host has for itself."""
    of, mine = ("1 = 1", ()) if alone is None else (_ONLY_OURS, (alone,))
    for column in ("since", "failing_since"):
        _limit_times(db, "heartbeat_state", column, of, now, mine)
    for column in ("started", "declared", "acked"):
        _limit_times(db, "heartbeat_incidents", column, f"ended IS NULL AND {of}", now, mine)
    # An end told in this very pass is later.
    _limit_times(db, "heartbeat_alert_rows", "alert_time", f"{_OPEN_INCIDENTS_ONLY} AND {of}", now - 0.001, mine)
    rest = ("finished", "verify_until", "verified")
    if alone is not None:  # what others deliver, silence and heal goes by their clocks
        _shift_times(db, "heartbeat_recoveries", "started", rest, f"{_OPEN_INCIDENTS_ONLY} AND observer = ?", now, mine)
        return
    for column in ("created", "next_try"):  # leases go by the store's clock
        _limit_times(db, "heartbeat_outbox", column, "state = 'waiting'", now)
    _shift_times(db, "heartbeat_silences", "starts", ("ends",), "1 = 1", now)
    _shift_times(db, "heartbeat_recoveries", "started", rest, _OPEN_INCIDENTS_ONLY, now)


def _limit_times(db: Database, table: str, column: str, of: str, now: float, more: Sequence[str] = ()) -> None:
    sql = f"UPDATE {table} SET {column} = to_timestamp(?) WHERE {column} > to_timestamp(?) AND {of}"
    db.run(sql, (now, now, *more))


def _shift_times(
    db: Database, table: str, begin: str, rest: tuple[str, ...], of: str, now: float, more: Sequence[str] = ()
) -> None:
    changes = ", ".join(_SHIFTED.format(column, begin) for column in (*rest, begin))
    sql = f"UPDATE {table} SET {changes} WHERE {begin} > to_timestamp(?) AND {of}"
    db.run(sql, (*(now,) * (len(rest) + 2), *more))
