"""Into the outbox: an alert and who hears of it. Used by detection and recovery, inside their transactions."""

from collections.abc import Iterable, Sequence

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.component import Component
from heartbeat_cli.store import alerts
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.silences import Silence


def tell(
    db: Database, config: Config, alert: Alert, component: Component, quiet: Iterable[Silence], now: float
) -> bool:
    """Record an alert for everyone who should hear of it; False when it is there already.

    An end is told to those, and only those, who were told of anything before, silence or not: who was woken must hear
    that it is over. Everything else a silence keeps back, and the alert bears that as its reason.
    """
    if alert.type == "recovered" and alert.incident:
        return alerts.add(db, alert, alerts.told(db, alert.incident), now)
    for silence in quiet:
        if silence.covers(component, now):
            muted = alert._replace(reason=f"{alert.reason}; muted: {silence.kind} {silence.id} ({silence.reason})")
            return alerts.add(db, muted, (), now)
    return alerts.add(db, alert, channels_of(component, config), now)


def channels_of(component: Component, config: Config) -> Sequence[str]:
    """The channels that hear of a component."""
    own = component.common.channels
    return list(config.channels) if own is None else own
