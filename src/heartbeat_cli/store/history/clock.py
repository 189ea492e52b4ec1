"""A clock that was set back: times in the store that now lie in the future are brought back to the present.

Heartbeats, ended incidents and sends keep their times. What is still going on must not keep them: a silence would begin
late, a message would wait for hours, and an incident would end before it began.

Where other hosts' clocks are ahead of this one's, it is this one that is wrong: what they share stays as it is.
"""

from heartbeat_cli.store.sql.database import Database

_OPEN_INCIDENTS_ONLY = "incident IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL)"
_CHECKED_BY_NO_OTHER = "component NOT IN (SELECT component FROM heartbeat_looks WHERE observer <> :observer)"


def set_back(db: Database, now: float, alone: str | None = None) -> None:
    """Bring what is still going on back to `now` (epoch seconds). Call it in the transaction of the pass that noticed.
    `alone`: only what this observer shares with no other host."""
    which = "1 = 1" if alone is None else _CHECKED_BY_NO_OTHER
    values = {"now": now, "observer": alone}
    for column in ("since", "failing_since"):
        _limit_times(db, "heartbeat_state", column, which, values)
    for column in ("started", "declared", "acked"):
        _limit_times(db, "heartbeat_incidents", column, f"ended IS NULL AND {which}", values)
    # The alert of an end in this very pass is later.
    before = values | {"now": now - 0.001}
    _limit_times(db, "heartbeat_alert_rows", "alert_time", f"{_OPEN_INCIDENTS_ONLY} AND {which}", before)
    rest = ("finished", "verify_until", "verified")
    if alone is not None:  # deliveries, silences and steps of other hosts go by their clocks
        own = f"{_OPEN_INCIDENTS_ONLY} AND observer = :observer"
        _shift_times(db, "heartbeat_recoveries", "started", rest, own, values)
        return
    for column in ("created", "next_try"):  # leases go by the store's clock
        _limit_times(db, "heartbeat_outbox", column, "state = 'waiting'", values)
    _shift_times(db, "heartbeat_silences", "starts", ("ends",), "1 = 1", values)
    _shift_times(db, "heartbeat_recoveries", "started", rest, _OPEN_INCIDENTS_ONLY, values)


def _limit_times(db: Database, table: str, column: str, which: str, values: dict[str, float | str | None]) -> None:
    """Set the times after `:now` to that."""
    at = "to_timestamp(:now)"
    db.run(f"UPDATE {table} SET {column} = {at} WHERE {column} > {at} AND {which}", values)


def _shift_times(
    db: Database, table: str, begin: str, rest: tuple[str, ...], which: str, values: dict[str, float | str | None]
) -> None:
    """Of rows that begin after `:now`, let them begin then, and shift the rest of their times by as much."""
    earlier = f"({begin} - to_timestamp(:now))"
    changes = ", ".join(f"{column} = {column} - {earlier}" for column in (*rest, begin))
    db.run(f"UPDATE {table} SET {changes} WHERE {begin} > to_timestamp(:now) AND {which}", values)
