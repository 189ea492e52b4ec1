"""The declaration of a fault waits a moment for what recovery comes to, so that both are one message."""

from collections.abc import Sequence

from heartbeat_cli.store.sql.database import Database, placeholders

# A try that the same run repeats counts as no attempt.
_UNTRIED = "state = 'waiting' AND attempts = 0 AND failing_since IS NULL"


def delay(db: Database, components: Sequence[str], now: float, until: float) -> bool:
    """Put off the first try to notify of the open faults of these components until then (epoch seconds); returns
    whether there is any. What has been tried, or handed off, or waits for later anyway, is left alone. Nothing
    else need happen for it to be sent: whoever delivers after `until` sends it."""
    changed = db.run(
        f"UPDATE heartbeat_outbox SET next_try = to_timestamp(?) WHERE {_UNTRIED}"
        " AND next_try <= to_timestamp(?) AND lease_until IS NULL AND batch IS NULL AND alert_id IN"
        " (SELECT a.alert_id FROM heartbeat_alert_rows a JOIN heartbeat_incidents i ON i.id = a.incident"
        " WHERE i.ended IS NULL AND i.recovery = '' AND a.alert_type LIKE ? ESCAPE '!'"
        f" AND a.component IN ({placeholders(components)}))",
        (until, now, "%!_down", *components),
    )
    return bool(changed)


def release(db: Database, now: float, until: float) -> None:
    """Send now what was put off until then."""
    db.run(
        f"UPDATE heartbeat_outbox SET next_try = to_timestamp(?) WHERE {_UNTRIED} AND next_try = to_timestamp(?)",
        (now, until),
    )


def release_left(db: Database, now: float, within: float) -> None:
    """Send now what was put off by a process that is gone: by no more than so many seconds. What another host has put
    off goes a moment earlier by that, too."""
    db.run(
        f"UPDATE heartbeat_outbox SET next_try = to_timestamp(?) WHERE {_UNTRIED}"
        " AND next_try > to_timestamp(?) AND next_try <= to_timestamp(?) AND alert_id IN"
        " (SELECT alert_id FROM heartbeat_alert_rows WHERE alert_type LIKE ? ESCAPE '!')",
        (now, now, now + within, "%!_down"),
    )
