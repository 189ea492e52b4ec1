"""Who has heard what of the open incidents: what reminders and escalation go by."""

from typing import NamedTuple

from heartbeat_cli.store.sql.database import Database

_PROMPT_SECONDS = 600.0  # seconds: what was taken within them counts as told when it was handed over


class NotificationHistory(NamedTuple):
    """What was told of one open incident. `raised` is when its alert was raised, or, where a silence kept that back, when
    it was told after all; `last_notified` when something was last handed to a channel, or, had it to wait there (for the end of
    quiet hours), was taken (None: nothing yet); `reminders` how many were made; `channels` is every channel that was to
    hear of it, `reached` those that have it all, so that nothing waits for them."""

    raised: float
    last_notified: float | None = None
    reminders: int = 0
    channels: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()


def of_open_incidents(db: Database, since: float, now: float) -> dict[str, NotificationHistory]:
    """By incident; `since` is when the oldest open one began. One whose alert has not been raised is left out. Times
    after `now` are from before a clock was set back, and count as the alert's own."""
    rows = db.rows(
        "SELECT a.incident, a.alert_id, a.alert_type, a.alert_time, o.channel, o.state, o.created, o.sent"
        " FROM heartbeat_alert_rows a LEFT JOIN heartbeat_outbox o ON o.alert_id = a.alert_id"
        " WHERE a.incident IN (SELECT id FROM heartbeat_incidents WHERE ended IS NULL)"
        " AND a.alert_time >= to_timestamp(?) ORDER BY a.alert_time, o.created",
        (since - 1.0,),  # an alert that was brought back with a clock stands a moment before its incident
    )
    found: dict[str, NotificationHistory] = {}
    waiting: set[tuple[str, str]] = set()
    counted: set[str] = set()
    first: dict[str, str] = {}
    for incident, alert, kind, raised, channel, state, created, sent in rows:
        heard = found.get(incident, NotificationHistory(raised))
        if kind == "reminder" and alert not in counted:
            counted.add(alert)
            heard = heard._replace(reminders=heard.reminders + 1)
        first.setdefault(incident, alert)
        if channel is not None:
            handed = raised if created > now else created
            if alert == first[incident] and heard.last_notified is None:
                heard = heard._replace(raised=handed)
            taken = sent if sent is not None and handed + _PROMPT_SECONDS < sent <= now else handed
            heard = heard._replace(
                channels=heard.channels | {channel}, last_notified=max(heard.last_notified or taken, taken)
            )
            if state in ("sent", "printed"):
                heard = heard._replace(reached=heard.reached | {channel})
            elif state == "waiting":
                waiting.add((incident, channel))
        found[incident] = heard
    return {
        incident: heard._replace(reached=frozenset(one for one in heard.reached if (incident, one) not in waiting))
        for incident, heard in found.items()
    }


def slowness_channels(db: Database, component: str, before: float) -> list[str] | None:
    """The channels that were to hear of a component's last slowness or warning; None when none was ever raised."""
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
