"""What the store knows of channels: until when one is paused, which ones each configuration has, and what waits for one
that was removed from the configuration."""

import json
import os
from collections.abc import Collection, Iterable
from typing import Any

from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts, outbox
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.text import number, understood
from heartbeat_cli.store.standby import spool

REMOVED = "the channel is no longer in the configuration"
_PAUSE, _OF_HOST = "pause/", "channels/"  # and the channel, the host: among the settings, which travel to the spool
_LONGEST = 3_600.0  # seconds of a pause: a longer one was written before a clock was put back
_HOST_GONE = 3_600.0  # seconds after its last pass for which a host still counts
_KEPT_FOR_SILENT_HOST = (
    86_400.0  # seconds that wait for a channel which a host may have that does not say which ones it has
)
_ROWS_AT_A_TIME = 500  # rows redirected in one transaction


class ConfiguredChannels(Record):
    """The channels of one configuration: the host that uses it, and its file there."""

    host: str
    source: str
    channels: frozenset[str]


class ChannelState(Record):
    """`pauses` is until when channels want no message (epoch seconds), `configured` which channels each configuration
    has."""

    pauses: dict[str, float]
    configured: list[ConfiguredChannels]


class Stranded(Record):
    """A notification that waits for a channel which was removed."""

    id: str
    alert_id: str
    kind: str
    severity: Severity
    component: str


def read(db: Database, now: float) -> ChannelState:
    """The pauses, and the channels of each configuration."""
    sql = "SELECT name, value FROM heartbeat_settings WHERE name LIKE ? OR name LIKE ?"
    rows: dict[str, str] = dict(db.rows(sql, (_PAUSE + "%", _OF_HOST + "%")))
    paused = {name.removeprefix(_PAUSE): text for name, text in rows.items() if name.startswith(_PAUSE)}
    pauses = {channel: understood(text, number) or 0.0 for channel, text in paused.items()}
    configured = [understood(text, _as_configured) for name, text in rows.items() if name.startswith(_OF_HOST)]
    return ChannelState(
        {channel: until for channel, until in pauses.items() if now < until <= now + _LONGEST},
        [one for one in configured if one is not None],
    )


def _as_configured(stored: list[Any]) -> ConfiguredChannels | None:
    host, source, names = stored
    return ConfiguredChannels(str(host), str(source), frozenset(map(str, names)))


def pause(db: Database, channel: str, until: float) -> None:
    """Send nothing through this channel until then (epoch seconds)."""
    preferences.put(db, _PAUSE + channel, repr(until))


def save_configured(db: Database, has: ConfiguredChannels) -> None:
    """Tell the other hosts of this store which channels a configuration has."""
    name = f"{_OF_HOST}{has.host}/{has.source}"
    preferences.put(db, name, json.dumps([has.host, has.source, sorted(has.channels)]))


def removed(
    db: Database, waited_for: Iterable[str], own: ConfiguredChannels, known: Iterable[ConfiguredChannels], now: float
) -> list[str]:
    """Of the channels that something waits for, those that no configuration has any more. Hosts that have made no pass
    for an hour are ignored (but not in a spool, which cannot know), and so are configurations of this host whose file
    is gone."""
    foreign = [one for one in waited_for if one not in own.channels]
    if not foreign:
        return []
    away = spool.current_outage(db) is not None
    watches = gaps.watches(db)
    others = {one for one, watch in watches.items() if one != own.host and (away or now - watch.ended < _HOST_GONE)}
    theirs = [one for one in known if one.host in others or _is_other_configuration(one, own)]
    found = [one for one in foreign if not any(one in has.channels for has in theirs)]
    if others <= {one.host for one in theirs}:
        return found
    return [one for one in found if not _used_since(db, one, now - _KEPT_FOR_SILENT_HOST)]


def _is_other_configuration(one: ConfiguredChannels, own: ConfiguredChannels) -> bool:
    """Whether this is another configuration that is used on this host."""
    return one.host == own.host and one.source != own.source and os.path.exists(one.source)


def _used_since(db: Database, channel: str, since: float) -> bool:
    """Whether anything was put into the outbox for a channel, or tried on it, since then."""
    return bool(
        db.rows(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM heartbeat_outbox WHERE state = 'waiting' AND channel = ?"
            " AND created > to_timestamp(?)) OR EXISTS (SELECT 1 FROM heartbeat_sends"
            " WHERE channel = ? AND at > to_timestamp(?))",
            (channel, since, channel, since),
        )
    )


def stranded(db: Database, channel: str, now: float) -> list[Stranded]:
    """The notifications that wait for a channel and have no lease, oldest first. Call it in the transaction that moves
    them."""
    lock = "FOR UPDATE OF o SKIP LOCKED" if db.dialect == "postgres" else ""
    rows = db.rows(
        "SELECT o.id, o.alert_id, a.alert_type, a.severity, a.component FROM heartbeat_outbox o"
        " JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id WHERE o.state = 'waiting' AND o.channel = ?"
        " AND (o.lease_until IS NULL OR o.lease_until <= to_timestamp(?))"
        f" ORDER BY a.alert_time, o.created, o.id LIMIT {_ROWS_AT_A_TIME} {lock}",
        (channel, outbox.store_time(db, now)),
    )
    return [Stranded(*row) for row in rows]


def not_notified(db: Database, alert_id: str, channels: Iterable[str]) -> list[str]:
    """Of these channels, those that have neither this alert nor the end of its incident, sent or waiting."""
    knows = {row[0] for row in db.rows("SELECT channel FROM heartbeat_outbox WHERE alert_id = ?", (alert_id,))}
    knows |= alerts.channels_notified_of_end(db, alert_id)
    return [one for one in channels if one not in knows]


def mark_handed_over(db: Database, ids: list[str], now: float) -> None:
    """Mark these notifications as handed over, because their channel was removed."""
    if ids:
        db.run(
            "UPDATE heartbeat_outbox SET state = 'handed_over', lease_until = NULL, batch = NULL, last_error = ?,"
            f" next_try = to_timestamp(?) WHERE id IN ({placeholders(ids)})",
            (REMOVED, now, *ids),
        )


def unconfigured(db: Database, own: Collection[str], since: float) -> list[tuple[str, str, int]]:
    """The channels that are not among `own` and have messages: which one, `waiting` or `handed_over` since then, and
    how many."""
    names = list(own)
    rows = db.rows(
        "SELECT channel, state, count(*) FROM heartbeat_outbox WHERE (state = 'waiting' OR (state = 'handed_over'"
        f" AND last_error = ? AND next_try > to_timestamp(?))) AND channel NOT IN ({placeholders(names)})"
        " GROUP BY channel, state ORDER BY channel, state",
        (REMOVED, since, *names),
    )
    return [(channel, state, many) for channel, state, many in rows]
