"""Alerts and the outbox: written with what caused them, claimed with a lease, kept with their outcome."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from heartbeat_cli.domain.alert import Alert, Sent
from heartbeat_cli.store.database import Database, Row

_ALERT = "alert_id, alert_type, severity, title, component, alert_time, incident, reason, details"


class Notification(NamedTuple):
    """One alert on one channel: a row of the outbox, as claimed for sending."""

    id: str
    alert: Alert
    channel: str
    attempts: int
    created: float


def add(db: Database, alert: Alert, channels: Iterable[str], now: float) -> bool:
    """Record an alert and its notifications; False when it is there already (the same thing happened only once)."""
    row = (*alert[:8], json.dumps(dict(alert.details), ensure_ascii=False))
    added = db.run(
        f"INSERT INTO heartbeat_alert_rows ({_ALERT}) VALUES (?, ?, ?, ?, ?, to_timestamp(?), ?, ?, ?)"
        " ON CONFLICT (alert_id) DO NOTHING",
        row,
    )
    if not added:
        return False
    db.insert(
        "INSERT INTO heartbeat_outbox (id, alert_id, channel, state, created, attempts, next_try)",
        "(?, ?, ?, 'waiting', to_timestamp(?), 0, to_timestamp(?))",
        [(f"{alert.id}/{channel}", alert.id, channel, now, now) for channel in channels],
        "ON CONFLICT (id) DO NOTHING",
    )
    return True


def claim(db: Database, owner: str, now: float, lease: float, channels: Iterable[str]) -> list[Notification]:
    """Take what is due for these channels for `lease` seconds: whoever else looks meanwhile does not see it, and a
    process that dies leaves it to the next one."""
    names = list(channels)
    if not names:
        return []
    marks = ", ".join("?" for _ in names)
    with db.transaction():
        taken = db.rows(
            "UPDATE heartbeat_outbox SET lease_until = to_timestamp(?), lease_by = ? WHERE state = 'waiting'"
            " AND next_try <= to_timestamp(?) AND (lease_until IS NULL OR lease_until <= to_timestamp(?))"
            f" AND channel IN ({marks}) RETURNING id",
            (now + lease, owner, now, now, *names),
        )
        if not taken:
            return []
        wanted = {row[0] for row in taken}
        rows = db.rows(
            f"SELECT o.id, o.channel, o.attempts, o.created, {', '.join('a.' + c for c in _ALERT.split(', '))}"
            " FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
            " WHERE o.state = 'waiting' AND o.lease_by = ? ORDER BY a.alert_time, o.created, o.id",
            (owner,),
        )
    return [Notification(r[0], _alert(r[4:]), r[1], r[2], r[3]) for r in rows if r[0] in wanted]


def mark_sent(db: Database, id_: str, now: float) -> None:
    db.run(
        "UPDATE heartbeat_outbox SET state = 'sent', sent = to_timestamp(?), attempts = attempts + 1,"
        " lease_until = NULL, last_error = NULL WHERE id = ?",
        (now, id_),
    )


def mark_failed(db: Database, id_: str, error: str, next_try: float | None) -> None:
    """A try failed: again at `next_try`, or never (None)."""
    db.run(
        "UPDATE heartbeat_outbox SET state = ?, next_try = COALESCE(to_timestamp(?), next_try),"
        " attempts = attempts + 1, lease_until = NULL, last_error = ? WHERE id = ?",
        ("failed" if next_try is None else "waiting", next_try, error, id_),
    )


def undelivered(db: Database) -> int:
    """How many notifications wait or have failed for good."""
    return int(db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'")[0][0])


def between(db: Database, start: float, end: float, limit: int = 1000) -> list[Alert]:
    """Alerts of a span of time, newest first."""
    rows = db.rows(
        f"SELECT {_ALERT} FROM heartbeat_alert_rows WHERE alert_time >= to_timestamp(?)"
        " AND alert_time < to_timestamp(?) ORDER BY alert_time DESC, alert_id LIMIT ?",
        (start, end, limit),
    )
    return [_alert(row) for row in rows]


def deliveries(db: Database, alert_ids: Iterable[str]) -> list[Sent]:
    """How the notifications of these alerts went."""
    ids = list(alert_ids)
    if not ids:
        return []
    return [
        Sent(*row)
        for row in db.rows(
            "SELECT alert_id, channel, state, attempts, sent, last_error FROM heartbeat_outbox"
            f" WHERE alert_id IN ({', '.join('?' for _ in ids)}) ORDER BY created, id",
            ids,
        )
    ]


def _alert(row: Row) -> Alert:
    return Alert(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], json.loads(row[8]))
