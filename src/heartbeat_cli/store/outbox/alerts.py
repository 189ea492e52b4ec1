"""Alerts and their notifications: saved with what caused them, and read back with how their delivery went."""

from collections.abc import Iterable, Mapping, Sequence

from heartbeat_cli.domain.alerting.alert import Alert, Sent
from heartbeat_cli.domain.text import within
from heartbeat_cli.store.sql.database import Database, Row
from heartbeat_cli.store.sql.text import as_json, storable, understood

COLUMNS = "alert_id, alert_type, severity, title, component, alert_time, incident, reason, details"
_NOT_LATER: Mapping[str, float] = {}


def add(
    db: Database, alert: Alert, channels: Iterable[str], now: float, later: Mapping[str, float] = _NOT_LATER
) -> bool:
    """Save an alert and its notifications. Returns False when it is there already. `later` are the channels that must
    wait, and until when (epoch seconds)."""
    alert = alert._replace(title=storable(alert.title), reason=storable(alert.reason))
    row = (*alert[:8], as_json(dict(alert.details)))
    db.said += within(alert.details)
    added = db.run(
        f"INSERT INTO heartbeat_alert_rows ({COLUMNS}) VALUES (?, ?, ?, ?, ?, to_timestamp(?), ?, ?, ?)"
        " ON CONFLICT (alert_id) DO NOTHING",
        row,
    )
    if not added:
        return False
    enqueue(db, alert.id, channels, now, later)
    return True


def enqueue(
    db: Database,
    alert_id: str,
    channels: Iterable[str],
    now: float,
    later: Mapping[str, float] = _NOT_LATER,
    remark: str | None = None,
) -> None:
    """Put notifications of an alert into the outbox, not to be sent before `later` where that has the channel; `remark`
    is added to the message. They are this host's to send (see `outbox.ready`)."""
    own = f"{db.observer}/" if db.observer else None
    db.insert(
        "INSERT INTO heartbeat_outbox (id, alert_id, channel, state, created, attempts, next_try, lease_by, remark)",
        "(?, ?, ?, 'waiting', to_timestamp(?), 0, to_timestamp(?), ?, ?)",
        [(f"{alert_id}/{name}", alert_id, name, now, max(now, later.get(name, now)), own, remark) for name in channels],
        "ON CONFLICT (id) DO NOTHING",
    )


def amend(db: Database, incident: str, more: Mapping[str, object]) -> None:
    """Add details to the alerts that say an incident has begun, as long as no delivery has taken them up: what was sent
    is made again as it was."""
    rows = db.rows(
        "SELECT a.alert_id, a.details FROM heartbeat_alert_rows a WHERE a.incident = ? AND a.alert_type LIKE ?"
        " AND NOT EXISTS (SELECT 1 FROM heartbeat_outbox o WHERE o.alert_id = a.alert_id"
        " AND (o.state <> 'waiting' OR o.attempts > 0 OR o.batch IS NOT NULL OR o.lease_until IS NOT NULL))",
        (incident, "%_down"),
    )
    db.said += within(more)
    for id_, details in rows:
        changed = as_json((understood(details, dict) or {}) | dict(more))
        db.run("UPDATE heartbeat_alert_rows SET details = ? WHERE alert_id = ?", (changed, id_))


def unnotified(db: Database) -> list[tuple[str, str, str]]:
    """The alerts (id, type, component) of a fault, or of a recovery that gave up, that have no notifications because a
    silence kept them back. Only those of open incidents count, since they were last reopened."""
    rows = db.rows(
        "SELECT a.alert_id, a.alert_type, a.component FROM heartbeat_incidents i"
        " JOIN heartbeat_alert_rows a ON a.incident = i.id"
        " WHERE i.ended IS NULL AND i.held_by IS NULL AND (a.alert_type LIKE ? OR a.alert_type LIKE ?)"
        " AND NOT EXISTS (SELECT 1 FROM heartbeat_outbox o WHERE o.alert_id = a.alert_id)"
        " AND NOT EXISTS (SELECT 1 FROM heartbeat_alert_rows b WHERE b.incident = a.incident"
        " AND b.alert_type = 'recovered' AND b.alert_time > a.alert_time) ORDER BY a.alert_time",
        ("%_down", "recovery_%"),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def unnotified_slowness(db: Database, components: Sequence[str], since: float) -> list[tuple[str, str, str]]:
    """Likewise of the current slowness or warning of these components, when it was raised after `since` (epoch
    seconds)."""
    rows = db.rows(
        "SELECT a.alert_id, a.alert_type, a.component FROM heartbeat_alert_rows a"
        f" WHERE a.component IN ({', '.join('?' for _ in components)}) AND a.incident IS NULL"
        " AND a.alert_time > to_timestamp(?) AND (a.alert_type LIKE ? OR a.alert_type LIKE ?)"
        " AND NOT EXISTS (SELECT 1 FROM heartbeat_alert_rows b WHERE b.component = a.component"
        " AND b.incident IS NULL AND b.alert_time > a.alert_time)"
        " AND NOT EXISTS (SELECT 1 FROM heartbeat_outbox o WHERE o.alert_id = a.alert_id) ORDER BY a.alert_time",
        (*components, since, "%_slow", "%_degraded"),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def between(db: Database, start: float, end: float, limit: int = 100_000) -> list[Alert]:
    """The alerts of a span of time, newest first."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM heartbeat_alert_rows WHERE alert_time >= to_timestamp(?)"
        " AND alert_time < to_timestamp(?) ORDER BY alert_time DESC, alert_id LIMIT ?",
        (start, end, limit),
    )
    return [as_alert(row) for row in rows]


def of_incident(db: Database, incident: str) -> list[Alert]:
    """The alerts about one incident, oldest first."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM heartbeat_alert_rows WHERE incident = ? ORDER BY alert_time, alert_id", (incident,)
    )
    return [as_alert(row) for row in rows]


def observed_again(db: Database, since: float) -> list[Alert]:
    """The alerts since a moment that something can be checked again, oldest first; `details` says since when it could
    not."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM heartbeat_alert_rows WHERE alert_time >= to_timestamp(?)"
        " AND alert_type = 'observed_again' ORDER BY alert_time, alert_id",
        (since,),
    )
    return [as_alert(row) for row in rows]


def deliveries(db: Database, alert_ids: Iterable[str]) -> list[Sent]:
    """The notifications of these alerts, with how they went."""
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


def notified_channels(db: Database, incident: str) -> list[str]:
    """The channels that were notified of an incident, or are to be; not those that refused it, or that another channel
    replaced."""
    rows = db.rows(
        "SELECT DISTINCT o.channel FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
        " WHERE a.incident = ? AND o.state IN ('waiting', 'sent', 'printed') ORDER BY o.channel",
        (incident,),
    )
    return [row[0] for row in rows]


def channels_notified_of_end(db: Database, alert_id: str) -> set[str]:
    """The channels that were notified, or are to be, that the incident of this alert is over."""
    rows = db.rows(
        "SELECT o.channel FROM heartbeat_alert_rows a JOIN heartbeat_alert_rows b ON b.incident = a.incident"
        " AND b.alert_time > a.alert_time AND b.alert_type IN ('recovered', 'observed_again') JOIN heartbeat_outbox o"
        " ON o.alert_id = b.alert_id AND o.state IN ('waiting', 'sent', 'printed') WHERE a.alert_id = ?",
        (alert_id,),
    )
    return {row[0] for row in rows}


def as_alert(row: Row) -> Alert:
    return Alert(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], understood(row[8], dict) or {})


def is_waiting(db: Database) -> bool:
    """Whether there is anything to deliver, now or later. Most passes ask nothing else of the outbox."""
    return bool(db.rows("SELECT 1 FROM heartbeat_outbox WHERE state = 'waiting' LIMIT 1"))
