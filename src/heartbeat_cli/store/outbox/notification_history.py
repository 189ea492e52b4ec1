"""What was notified about the open incidents, and to which channels: reminders and escalation go by it."""

from collections.abc import Sequence
from itertools import groupby

from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.sql.database import Database

_PROMPT_SECONDS = 600.0  # a notification that was sent within them counts as sent when it was put into the outbox


class NotificationHistory(Record):
    """The notifications about one open incident. Times are epoch seconds.

    raised: when its alert was raised or, where a silence kept that back, put into the outbox
    last_notified: when the newest notification was put into the outbox or, where it had to wait there (for the end of
        quiet hours), sent; None: there is none yet
    reminders: how many reminders were raised
    channels: all channels that were to be notified
    reached: those of them that have been sent everything
    """

    raised: float
    last_notified: float | None = None
    reminders: int = 0
    channels: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()


class _Notification(Record):
    """An alert of an incident on one channel; without a channel (and what comes after it) where it has none."""

    incident: str
    alert_id: str
    kind: str
    raised: float
    channel: str | None
    state: str | None
    created: float | None
    sent: float | None

    def enqueued(self, now: float) -> float:
        """When it was put into the outbox. A time after `now` is from before a clock was set back: then the alert's
        own time."""
        return self.raised if self.created is None or self.created > now else self.created

    def notified(self, now: float) -> float:
        """When it counts as notified."""
        enqueued = self.enqueued(now)
        waited = self.sent is not None and enqueued + _PROMPT_SECONDS < self.sent <= now
        return self.sent if self.sent is not None and waited else enqueued


def of_open_incidents(db: Database, since: float, now: float) -> dict[str, NotificationHistory]:
    """The history of each open incident whose alert has been raised, by incident. `since` is when the oldest one
    began (epoch seconds)."""
    rows = db.rows(
        "SELECT a.incident, a.alert_id, a.alert_type, a.alert_time, o.channel, o.state, o.created, o.sent"
        " FROM heartbeat_alert_rows a LEFT JOIN heartbeat_outbox o ON o.alert_id = a.alert_id"
        " WHERE a.incident IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL)"
        " AND a.alert_time >= to_timestamp(?) ORDER BY a.incident, a.alert_time, o.created",
        (since - 1.0,),  # an alert whose time was set back with a clock is a moment earlier than its incident
    )
    found = groupby((_Notification(*row) for row in rows), key=lambda one: one.incident)
    return {incident: _history(list(notifications), now) for incident, notifications in found}


def _history(alerts: Sequence[_Notification], now: float) -> NotificationHistory:
    """The history of one incident, from its alerts in order."""
    first = alerts[0]
    sent_to = [one for one in alerts if one.channel is not None]
    began = sent_to[0] if sent_to and sent_to[0].alert_id == first.alert_id else None
    channels = frozenset(one.channel for one in sent_to if one.channel is not None)
    waiting = {one.channel for one in sent_to if one.state == "waiting"}
    taken = {one.channel for one in sent_to if one.state in ("sent", "printed")}
    return NotificationHistory(
        raised=first.raised if began is None else began.enqueued(now),
        last_notified=max((one.notified(now) for one in sent_to), default=None),
        reminders=len({one.alert_id for one in alerts if one.kind == "reminder"}),
        channels=channels,
        reached=frozenset(one for one in channels if one in taken and one not in waiting),
    )


def slowness_channels(db: Database, component: str, before: float) -> list[str] | None:
    """The channels that were to be notified of a component's last slowness or warning; None when none was raised before
    that time (epoch seconds)."""
    rows = db.rows(
        "SELECT alert_id FROM heartbeat_alert_rows WHERE component = ? AND incident IS NULL"
        " AND (alert_type LIKE ? OR alert_type LIKE ?) AND alert_time <= to_timestamp(?)"
        " ORDER BY alert_time DESC LIMIT 1",
        (component, "%_slow", "%_degraded", before),
    )
    if not rows:
        return None
    sql = (
        "SELECT channel FROM heartbeat_outbox WHERE alert_id = ? AND state IN ('waiting', 'sent', 'printed')"
        " ORDER BY channel"
    )
    return [row[0] for row in db.rows(sql, rows[0])]


def channels_notified(db: Database, incident: str, began: float, own: float, now: float) -> set[str]:
    """The channels that were notified of an incident since it `began`. What waits counts if it is due `now`, or was
    tried, and was put into the outbox since `own`: what is older may wait for another host. Times are epoch seconds."""
    rows = db.rows(
        "SELECT o.channel FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
        " WHERE a.incident = ? AND a.alert_time >= to_timestamp(?) AND (o.state = 'sent' OR o.state = 'waiting'"
        " AND o.created >= to_timestamp(?) AND (o.attempts > 0 OR o.next_try <= to_timestamp(?)))",
        (incident, began - 1.0, own, now),
    )
    return {row[0] for row in rows}
