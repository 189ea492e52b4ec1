"""Into the outbox: an alert and who hears of it. Used by detection and recovery, inside their transactions."""

from collections.abc import Iterable, Mapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.routing import audience, may_wait, split, waits_until
from heartbeat_cli.domain.component import Component, Severity
from heartbeat_cli.store.outbox import alerts, notification_history
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from heartbeat_cli.store.state.silences import Silence


def tell(
    db: Database, config: Config, alert: Alert, component: Component, quiet: Iterable[Silence], now: float
) -> bool:
    """Record an alert for everyone who should hear of it; False when it is there already.

    An end is told to those, and only those, who were told of anything before, silence or not: who was woken must hear
    that it is over. Everything else a silence keeps back, and the alert bears that as its reason.
    """
    if alert.type == "recovered" and alert.incident:
        return add(db, config, alert, alerts.notified_channels(db, alert.incident), now)
    for silence in quiet:
        if silence.covers(component, now):
            return add(db, config, muted(alert, silence), (), now)
    channels = listeners(db, config, alert.type, alert.severity, component, alert.at)
    return add(db, config, alert, channels, now)


def tell_of_observer(db: Database, config: Config, alert: Alert, now: float) -> bool:
    """Record an alert about the host that looks. It concerns everything, so a channel that hears of some components
    only takes it, too, if it is grave enough; one that is told late does not, unless there is no other."""
    return add(db, config, alert, listeners_of_observer(config, alert.severity), now)


def listeners_of_observer(config: Config, severity: Severity) -> list[str]:
    """The channels that hear of such an alert."""
    takers = audience(commons(config), severity, None)
    at_once, _ = split(commons(config), takers)
    return at_once or takers


def add(
    db: Database,
    config: Config,
    alert: Alert,
    channels: Iterable[str],
    now: float,
    weight: Severity | None = None,
) -> bool:
    """Record an alert for these channels; where it is quiet now it waits. False when it is there already. `weight` is
    how grave the matter is where the alert itself is slight: an end may go out whenever its beginning did."""
    names = list(channels)
    return alerts.add(db, alert, names, now, later=_waits(config, names, weight or alert.severity, now))


def post(
    db: Database,
    config: Config,
    alert_id: str,
    severity: Severity,
    channels: Iterable[str],
    now: float,
    remark: str | None = None,
) -> None:
    """Have an alert that is recorded told on these channels, too; where it is quiet now it waits. `remark` is what its
    message says besides."""
    names = list(channels)
    alerts.enqueue(db, alert_id, names, now, later=_waits(config, names, severity, now), remark=remark)


def listeners(
    db: Database, config: Config, kind: str, severity: Severity, component: Component, at: float
) -> list[str]:
    """The channels that hear of an alert of this kind now. That recovery has given up is told, too, where a fault is
    told only when nobody sees to it: nothing else will heal it."""
    if kind == "degraded_ended":
        began = notification_history.slowness_channels(db, component.id, at)
        if began is not None:
            return began
    takers = audience(commons(config), severity, component)
    at_once, later = split(commons(config), takers)
    if kind.startswith("recovery_") and later and not _acknowledged(db, component):
        return takers
    return at_once


def commons(config: Config) -> Mapping[str, ChannelCommon]:
    """What every channel has in common with the others, by id."""
    return {id_: one.common for id_, one in config.channels.items()}


def muted(alert: Alert, silence: Silence) -> Alert:
    """The alert with the reason why nobody hears of it."""
    return alert._replace(reason=f"{alert.reason}; muted: {silence.kind} {silence.id} ({silence.reason})")


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
