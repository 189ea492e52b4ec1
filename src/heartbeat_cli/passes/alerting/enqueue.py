"""Into the outbox: an alert and the channels it goes to. Used by detection and recovery, inside their transactions.

Alerts about a host, or about the watch itself, are made by `host_alert`, enqueued by `enqueue_host_alert` and ended by
`enqueue_end`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.routing import audience, may_wait, split, waits_until
from heartbeat_cli.domain.component import Component, Severity, goes_to
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.store.outbox import alerts, notification_history
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording


class Enqueued(Record):
    """Whether an alert is new, its reason in one line, and whether a silence withholds it."""

    new: bool
    reason: str
    muted: bool = False


def enqueue_alert(
    db: Database, config: Config, alert: Alert, component: Component, in_force: Iterable[Silence], now: float
) -> bool:
    """Record an alert for the channels that it goes to; False when it is there already.

    An end goes to those, and only those, who were notified of anything before, silence or not: who was woken must know
    that it is over. That a fault has returned goes to them, too. Everything else a silence withholds, and the alert's
    reason says so.
    """
    if alert.type == "recovered" and alert.incident:
        return enqueue_to(db, config, alert, alerts.notified_channels(db, alert.incident), now)
    for silence in in_force:
        if silence.covers(component, now):
            return enqueue_to(db, config, muted(alert, silence), (), now)
    channels = channels_for(db, config, alert.type, alert.severity, component, alert.at)
    if alert.incident and alert.details.get("again"):  # who was notified that it is over must know that it is not
        channels = list(dict.fromkeys([*channels, *alerts.notified_channels(db, alert.incident)]))
    return enqueue_to(db, config, alert, channels, now)


def host_alert(
    config: Config,
    kind: str,
    severity: Severity,
    about: str,
    at: float,
    reason: str,
    details: Mapping[str, Any],
    *,
    host: str | None = None,
    title: str | None = None,
    ends: bool = True,
) -> Alert:
    """An alert about a host (this one by default) or the watch itself, and not about a component. `about` names what
    happened; where that `ends`, it is the incident that its alerts share. `title`: the title's key, if not `kind`."""
    host = host or config.observer
    return Alert(
        id=f"{about}/{kind}",
        type=kind,
        severity=severity,
        title=wording.observer_title(title or kind, host, config.heartbeat.locale),
        component=host,
        at=at,
        incident=about if ends else None,
        reason=reason,
        details=details,
    )


def enqueue_host_alert(
    db: Database, config: Config, alert: Alert, now: float, in_force: Iterable[Silence] = ()
) -> Enqueued:
    """Record an alert about a host. It concerns everything, so a channel for some components only takes it, too, if it
    is grave enough; one with `escalate_after` does not, unless there is no other. A silence of everything, or of the
    host's name, withholds it."""
    for silence in in_force:
        if goes_to(silence.target, alert.component):
            new = enqueue_to(db, config, muted(alert, silence), (), now)
            return Enqueued(new, f"{alert.reason}; muted: {silence.kind} {silence.id}", muted=True)
    return Enqueued(enqueue_to(db, config, alert, host_channels(config, alert.severity), now), alert.reason)


def enqueue_end(db: Database, config: Config, alert: Alert, now: float, weight: Severity) -> bool:
    """Record that the incident of an alert about a host is over, for those who were notified of it; False when nobody
    was. `weight`: how grave it was while it lasted."""
    notified = alerts.notified_channels(db, alert.incident) if alert.incident else []
    if not notified:
        return False
    from heartbeat_cli.passes.alerting import still_open  # an end is rare

    return enqueue_to(db, config, still_open.added(db, config, alert, now), notified, now, weight)


def host_channels(config: Config, severity: Severity) -> list[str]:
    """The channels that such an alert goes to."""
    takers = audience(common_settings(config), severity, None)
    at_once, _ = split(common_settings(config), takers)
    return at_once or takers


def enqueue_to(
    db: Database,
    config: Config,
    alert: Alert,
    channels: Iterable[str],
    now: float,
    weight: Severity | None = None,
) -> bool:
    """Record an alert for these channels; it waits for the end of quiet hours. False when it is there already. `weight`
    is how grave the matter is where the alert itself is slight: an end may go out whenever its beginning did."""
    names = list(channels)
    return alerts.add(db, alert, names, now, later=_waits(config, names, weight or alert.severity, now))


def add_channels(
    db: Database,
    config: Config,
    alert_id: str,
    severity: Severity,
    channels: Iterable[str],
    now: float,
    remark: str | None = None,
) -> None:
    """Send an alert that is recorded on these channels, too; it waits for the end of quiet hours. `remark` is what its
    message says besides."""
    names = list(channels)
    alerts.enqueue(db, alert_id, names, now, later=_waits(config, names, severity, now), remark=remark)


def channels_for(
    db: Database, config: Config, kind: str, severity: Severity, component: Component, at: float
) -> list[str]:
    """The channels that an alert of this kind goes to now. That recovery has given up goes at once to channels with
    `escalate_after`, too: nothing else will heal it."""
    if kind == "degraded_ended":
        began = notification_history.slowness_channels(db, component.id, at)
        if began is not None:
            return began
    takers = audience(common_settings(config), severity, component)
    at_once, later = split(common_settings(config), takers)
    if kind.startswith("recovery_") and later and not _acknowledged(db, component):
        return takers
    return at_once


def common_settings(config: Config) -> Mapping[str, ChannelCommon]:
    """What every channel has in common with the others, by id."""
    return {id_: one.common for id_, one in config.channels.items()}


def muted(alert: Alert, silence: Silence) -> Alert:
    """The alert with the reason why it is not sent."""
    kept_back = Text("muted: silence {id} ({reason})", id=silence.id, reason=silence.reason)
    if silence.kind == "maintenance":
        kept_back = Text("muted: maintenance {id} ({reason})", id=silence.id, reason=silence.reason)
    return alert._replace(reason=joined([alert.reason, kept_back]))


def _acknowledged(db: Database, component: Component) -> bool:
    incident = states.open_incidents(db).get(component.id)
    return incident is not None and incident.acked is not None


def _waits(config: Config, channels: Iterable[str], severity: Severity, now: float) -> dict[str, float]:
    """Until when each channel that has its quiet hours just now is not to be disturbed with this."""
    resting = [
        config.channels[id_]
        for id_ in channels
        if id_ in config.channels and may_wait(config.channels[id_].common, severity)
    ]
    if not resting:
        return {}
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(config.timezone)
    ends = {one.id: waits_until(one.common, severity, now, zone) for one in resting}
    return {id_: end for id_, end in ends.items() if end is not None}
