"""What waits for a channel that has been renamed or removed goes to the channels there are. Used by `deliver`."""

from collections.abc import Collection, Iterable

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.routing import audience, split
from heartbeat_cli.domain.record import Record
from heartbeat_cli.passes.alerting import enqueue
from heartbeat_cli.store.outbox import channels
from heartbeat_cli.store.outbox.channels import ConfiguredChannels, Stranded
from heartbeat_cli.store.sql.database import Database


class Redirected(Record):
    """How many notifications waited for a channel that is gone, and the channels that get them now (none: all of them
    had it anyway)."""

    channel: str
    many: int
    to: tuple[str, ...]


def redirect(
    db: Database, config: Config, waited_for: Iterable[str], known: Collection[ConfiguredChannels], now: float
) -> list[Redirected]:
    """Move what waits for channels that nobody has any more; `known` is which channels each configuration that uses
    this store has: those of this one are written where they have changed."""
    own = ConfiguredChannels(config.observer, config.source, frozenset(config.channels))
    if own not in known:
        channels.save_configured(db, own)
    gone = channels.removed(db, waited_for, own, known, now)
    return [found for channel in gone for found in _moved(db, config, channel, now)]


def _moved(db: Database, config: Config, channel: str, now: float) -> list[Redirected]:
    from heartbeat_cli.views.wording import word

    remark = word("channel_gone", config.heartbeat.locale, channel=channel)
    count, to = 0, dict[str, None]()
    while True:
        with db.transaction():
            rows = channels.stranded(db, channel, now)
            for one in rows:
                takers = channels.not_notified(db, one.alert_id, _listeners(config, one))
                enqueue.add_channels(db, config, one.alert_id, one.severity, takers, now, remark)
                to |= dict.fromkeys(takers)
            channels.mark_handed_over(db, [one.id for one in rows], now)
        count += len(rows)
        if not rows:
            return [Redirected(channel, count, tuple(to))] if count else []


def _listeners(config: Config, one: Stranded) -> list[str]:
    """The channels that take such an alert by today's configuration; the first channel there is when none does."""
    if one.kind == "report" and config.report.channels:
        return list(config.report.channels)
    component = config.components.get(one.component)
    takers = (
        list(config.channels)
        if one.kind == "report"
        else audience(enqueue.common_settings(config), one.severity, component)
    )
    at_once, _ = split(enqueue.common_settings(config), takers)
    return at_once or takers or list(config.channels)[:1]
