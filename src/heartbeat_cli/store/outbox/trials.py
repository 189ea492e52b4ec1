"""Messages sent by hand to see whether a channel works: recorded as every send is. Used by `notify --test`."""

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.store.outbox import alerts, outbox, outcomes
from heartbeat_cli.store.sql.database import Database


def save(db: Database, alert: Alert, channel: str, outcome: outcomes.Outcome) -> None:
    """Record a message that somebody sent by hand, and how that went: it never waits for anyone to send it."""
    with db.transaction():
        alerts.add(db, alert, [channel], outcome.at)
        only = outbox.Notification(f"{alert.id}/{channel}", alert, 0, None, "")
        outcomes.save(db, outbox.Batch(alert.id, channel, (only,)), outcome)
