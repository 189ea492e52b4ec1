"""Alerts and the outbox: written with what caused them, claimed with a lease, kept with their outcome."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from heartbeat_cli.domain.alert import Alert, Sent
from heartbeat_cli.store.database import Database, Row
from heartbeat_cli.store.text import as_json, storable

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
    alert = alert._replace(title=storable(alert.title), reason=storable(alert.reason))
    row = (*alert[:8], as_json(dict(alert.details)))
    added = db.run(
        f"INSERT INTO heartbeat_alert_rows ({_ALERT}) VALUES (?, ?, ?, ?, ?, to_timestamp(?), ?, ?, ?)"
        " ON CONFLICT (alert_id) DO NOTHING",
        row,
    )
    if not added:
        return False
    post(db, alert.id, channels, now)
    return True


def post(db: Database, alert_id: str, channels: Iterable[str], now: float) -> None:
    """Have an alert told on these channels."""
    db.insert(
        "INSERT INTO heartbeat_outbox (id, alert_id, channel, state, created, attempts, next_try)",
        "(?, ?, ?, 'waiting', to_timestamp(?), 0, to_timestamp(?))",
        [(f"{alert_id}/{channel}", alert_id, channel, now, now) for channel in channels],
        "ON CONFLICT (id) DO NOTHING",
    )


FARTHEST = 3_600.0  # seconds that a next try may be away
# Due, and in nobody's hands. What bears a time that cannot be (the clock was put back since) does not wait for it.
_DUE = (
    "o.state = 'waiting'"
    " AND (o.next_try <= to_timestamp(?) OR o.next_try > to_timestamp(?) OR o.created > to_timestamp(?))"
    " AND (o.lease_until IS NULL OR o.lease_until <= to_timestamp(?) OR o.lease_until > to_timestamp(?))"
)
# A channel hears of an incident in order: its end waits while its beginning still does.
_IN_ORDER = (
    "NOT EXISTS (SELECT 1 FROM heartbeat_outbox e JOIN heartbeat_alert_rows b ON b.alert_id = e.alert_id"
    " WHERE e.state = 'waiting' AND e.channel = o.channel AND b.incident = a.incident AND b.alert_time < a.alert_time)"
)


def claim(
    db: Database, owner: str, now: float, lease: float, channels: Iterable[str], limit: int = 1000
) -> list[Notification]:
    """Take what is due for these channels, oldest first, for `lease` seconds: whoever else looks meanwhile does not
    see it, and a process that dies leaves it to the next one."""
    names = list(channels)
    if not names:
        return []
    columns = ", ".join("a." + column for column in _ALERT.split(", "))
    lock = "FOR UPDATE OF o SKIP LOCKED" if db.dialect == "postgres" else ""
    with db.transaction():
        rows = db.rows(
            f"SELECT o.id, o.channel, o.attempts, o.created, {columns} FROM heartbeat_outbox o"
            f" JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id WHERE {_DUE} AND {_IN_ORDER}"
            f" AND o.channel IN ({_marks(names)}) ORDER BY a.alert_time, o.created, o.id LIMIT ? {lock}",
            (now, now + FARTHEST, now, now, now + lease, *names, limit),
        )
        if rows:
            db.run(
                f"UPDATE heartbeat_outbox SET lease_until = to_timestamp(?), lease_by = ? WHERE id IN ({_marks(rows)})",
                (now + lease, owner, *[row[0] for row in rows]),
            )
    return [Notification(row[0], _alert(row[4:]), row[1], row[2], row[3]) for row in rows]


def lease_owners(db: Database) -> list[str]:
    """Who has taken something that still waits."""
    sql = "SELECT DISTINCT lease_by FROM heartbeat_outbox WHERE state = 'waiting' AND lease_until IS NOT NULL"
    return [row[0] for row in db.rows(sql)]


def release(db: Database, owner: str) -> None:
    """Let go of what an owner has taken: it is known to be gone."""
    db.run("UPDATE heartbeat_outbox SET lease_until = NULL WHERE state = 'waiting' AND lease_by = ?", (owner,))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


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
        ("failed" if next_try is None else "waiting", next_try, storable(error), id_),
    )


def undelivered(db: Database) -> int:
    """How many notifications still wait; what failed for good is not tried again and not counted."""
    return int(db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'")[0][0])


def give_up_removed(db: Database, channels: Iterable[str], before: float) -> None:
    """What has waited since `before` for a channel that the configuration does not have will never go out: say so and
    stop waiting. Not at once: another host that shares the store may well have that channel."""
    names = list(channels)
    db.run(
        "UPDATE heartbeat_outbox SET state = 'failed', lease_until = NULL,"
        " last_error = 'the channel is no longer in the configuration'"
        f" WHERE state = 'waiting' AND created < to_timestamp(?) AND channel NOT IN ({_marks(names)})",
        (before, *names),
    )


def untold(db: Database) -> list[tuple[str, str]]:
    """The `down` alerts (id, component) of open incidents that nobody was to hear of: a silence kept them back."""
    rows = db.rows(
        "SELECT a.alert_id, a.component FROM heartbeat_incidents i JOIN heartbeat_alert_rows a ON a.incident = i.id"
        " WHERE i.ended IS NULL AND i.held_by IS NULL AND a.alert_type LIKE ? AND NOT EXISTS"
        " (SELECT 1 FROM heartbeat_outbox o WHERE o.alert_id = a.alert_id)",
        ("%_down",),
    )
    return [(row[0], row[1]) for row in rows]


def between(db: Database, start: float, end: float, limit: int = 100_000) -> list[Alert]:
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
            f" WHERE alert_id IN ({_marks(ids)}) ORDER BY created, id",
            ids,
        )
    ]


def told(db: Database, incident: str) -> list[str]:
    """The channels that were to hear anything of an incident."""
    rows = db.rows(
        "SELECT DISTINCT o.channel FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
        " WHERE a.incident = ? ORDER BY o.channel",
        (incident,),
    )
    return [row[0] for row in rows]


def _alert(row: Row) -> Alert:
    return Alert(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], json.loads(row[8]))
