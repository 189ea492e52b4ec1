"""Reminders and escalations for faults that last and that nobody has acknowledged.

Used by detection, inside its transaction. What is silenced, or held by a parent in fault, is passed over; when that is
over it is sent then, if it was due.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.routing import audience, reminder_distance, split
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import common_settings, enqueue_to
from heartbeat_cli.store.outbox import alerts, notification_history
from heartbeat_cli.store.outbox.notification_history import NotificationHistory
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.views import wording

Details = Mapping[str, object]


class Unacknowledged(Record):
    """An open incident that people may be reminded of: not acknowledged, held or silenced. `details` gathers what
    a message about it says, when there is one."""

    component: Component
    incident: Incident
    details: Callable[[], Details]


def remind(
    db: Database, config: Config, unacknowledged: Iterable[Unacknowledged], now: float
) -> Iterator[tuple[str, str, str]]:
    """Enqueue what is due; yields the component, what was decided, and why."""
    first = config.heartbeat.remind_after
    waits = [first] * (first > 0) + [
        c.escalate_after for c in common_settings(config).values() if c.escalate_after is not None
    ]
    ripe = [one for one in unacknowledged if waits and now - one.incident.declared >= min(waits)]
    if not ripe:
        return
    known = notification_history.of_open_incidents(db, min(one.incident.started for one in ripe), now)
    for one in ripe:
        if one.incident.id in known:
            yield from _escalate(db, config, one, known[one.incident.id], now)
            yield from _remind(db, config, one, known[one.incident.id], now)


def _remind(
    db: Database, config: Config, one: Unacknowledged, known: NotificationHistory, now: float
) -> Iterator[tuple[str, str, str]]:
    """Again to those who were notified; a channel that has not even taken the first message gets no second one. Where
    all of them are gone from the configuration, it goes to those that take their place."""
    channels = sorted(known.reached & config.channels.keys())
    if not channels and known.reached and not known.channels & config.channels.keys():
        takers = audience(common_settings(config), one.component.severity, one.component)
        channels, _ = split(common_settings(config), takers)
    first = config.heartbeat.remind_after
    if first <= 0 or known.last_notified is None or not channels:
        return
    if now - known.last_notified < reminder_distance(first, known.reminders):
        return
    number = known.reminders + 1
    reason = Text(
        "reminder {number}: still in fault {now} after the first failing check, not acknowledged",
        number=number,
        now=duration(now - one.incident.started),
    )
    alert = _alert(config, one, f"reminder-{number}", "reminder", reason, now)
    enqueue_to(db, config, alert._replace(details={**alert.details, "number": number}), channels, now)
    yield one.component.id, "reminded", reason


def _escalate(
    db: Database, config: Config, one: Unacknowledged, known: NotificationHistory, now: float
) -> Iterator[tuple[str, str, str]]:
    """To those who are notified when nobody has acknowledged it; one alert for all with the same patience."""
    _, later = split(common_settings(config), audience(common_settings(config), one.component.severity, one.component))
    due = {id_: after for id_, after in later.items() if id_ not in known.channels and now - known.raised >= after}
    for after in sorted(set(due.values())):
        channels = [id_ for id_, patience in due.items() if patience == after]
        reason = Text(
            "escalated: still in fault {after} after the first message, not acknowledged", after=duration(after)
        )
        alert = _alert(config, one, f"escalated-{after:g}", "escalated", reason, now)
        more = {"told_after": after, "informed": _informed(db, one.incident)}
        enqueue_to(db, config, alert._replace(details={**alert.details, **more}), channels, now)
        yield one.component.id, "escalated", f"{reason}: {', '.join(channels)}"


def _informed(db: Database, incident: Incident) -> list[list[object]]:
    """The channels that have taken a message of an incident, each with when it took the first one (epoch seconds)."""
    sent = alerts.deliveries(db, [one.id for one in alerts.of_incident(db, incident.id)])
    first: dict[str, float] = {}
    for one in sent:
        if one.sent is not None:
            first[one.channel] = min(one.sent, first.get(one.channel, one.sent))
    return [[channel, at] for channel, at in sorted(first.items(), key=lambda row: row[::-1])]


def _alert(config: Config, one: Unacknowledged, id_: str, kind: str, reason: str, now: float) -> Alert:
    return Alert(
        id=f"{one.incident.id}/{id_}",
        type=kind,
        severity=one.component.severity,
        title=wording.title(kind, one.component, config.heartbeat.locale),
        component=one.component.id,
        at=now,
        incident=one.incident.id,
        reason=reason,
        details=one.details(),
    )
