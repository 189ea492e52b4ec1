"""Test messages that somebody sends by hand (`notify --test`): recorded like every other send."""

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.store.outbox import alerts, outbox, outcomes
from heartbeat_cli.store.sql.database import Database


def save(db: Database, alert: Alert, channel: str, outcome: outcomes.Outcome) -> None:
    """Save a test message and its outcome. It never waits in the outbox."""
    with db.transaction():
        alerts.add(db, alert, [channel], outcome.at)
        only = outbox.Notification(f"{alert.id}/{channel}", alert, 0, None, "")
        outcomes.save(db, outbox.Batch(alert.id, channel, (only,)), outcome)
