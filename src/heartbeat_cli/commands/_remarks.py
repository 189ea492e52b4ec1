"""What `heartbeat status` says besides its table: what else a person should know of the passes and the messages."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from heartbeat_cli.commands._base import App
from heartbeat_cli.domain.text import Text

if TYPE_CHECKING:
    from heartbeat_cli.store.sql.database import Database


def of_passes(app: App, db: "Database", now: float) -> list[str]:
    """Lines about passes that are missing, and the time that the store was away."""
    return [app.words(one) for one in (*_missing_pass_remarks(app, db, now), *_outage_remarks(app, db, now))]


def of_messages(app: App, db: "Database", now: float) -> list[str]:
    """Lines about why somebody was not notified."""
    found = (
        _silence_remarks(app, db, now),
        _channel_trouble_remarks(app, db, now),
        _removed_channel_remarks(app, db, now),
        _button_remarks(app, db, now),
    )
    return [app.words(one) for remarks in found for one in remarks]


def of_judgement(rows: Iterable[Any]) -> list[Text]:
    """A line about components that were checked and not judged."""
    from heartbeat_cli.views.tables import is_unjudged

    if not (n := sum(map(is_unjudged, rows))):
        return []
    return [
        Text.counted(
            n,
            "heartbeat: {n} component has been checked, but not judged: `heartbeat run` does both",
            "heartbeat: {n} components have been checked, but not judged: `heartbeat run` does both",
        )
    ]


def _missing_pass_remarks(app: App, db: "Database", now: float) -> list[Text]:
    from heartbeat_cli.domain.checking.coverage import is_late
    from heartbeat_cli.domain.plain import duration
    from heartbeat_cli.passes.check import check, clock
    from heartbeat_cli.store.history import gaps
    from heartbeat_cli.store.quorum import peer_liveness

    suspect = clock.suspicion(db, app.config.observer, now)
    lines, every, watches = [], check.expected_every(db, app.config), gaps.watches(db)
    silent = peer_liveness.silent(db, app.config.observer, watches, now)
    for host, watch in watches.items():
        if host != app.config.observer:
            if host in silent:
                lines.append(
                    Text("heartbeat: {host} has made no pass for {span}", host=host, span=duration(now - silent[host]))
                )
        elif suspect is not None:
            lines.append(
                Text(
                    "heartbeat: the clock of this host is suspect: {suspect}; nothing is pruned until it is right",
                    suspect=str(suspect),
                )
            )
        elif is_late(watch.ended, now, every):
            lost = duration(now - watch.ended)
            lines.append(Text("heartbeat: no pass for {span}: does cron run? `heartbeat doctor` looks", span=lost))
    return lines


def _silence_remarks(app: App, db: "Database", now: float) -> list[Text]:
    """Lines about silences and maintenance in force: they explain why nobody was notified."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.store.state import silences
    from heartbeat_cli.views.wording import local_time

    return [
        Text(
            "heartbeat: {kind} {id} of {target} until {until}: {reason}",
            kind=Text("maintenance") if one.kind == "maintenance" else Text("silence"),
            id=one.id,
            target=one.target,
            until=local_time(one.ends, app.config.timezone),
            reason=one_line(one.reason, 160),
        )
        for one in sentences.known(db, silences.in_force(db, app.config, now), app.locale)
    ]


def _outage_remarks(app: App, db: "Database", now: float) -> list[Text]:
    """Lines about when, in the last 24 hours, a local spool was used in place of the store, and why."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.store.standby import spool
    from heartbeat_cli.views.wording import local_time

    lines = []
    for one in sentences.known(db, spool.degraded_between(db, now - 86_400, now), app.locale):
        since, reason = local_time(one.started, app.config.timezone), one_line(one.reason, 160)
        if one.ended is None:
            line = Text("heartbeat: the store was away from {since} and still is: {reason}", since=since, reason=reason)
        else:
            until = local_time(one.ended, app.config.timezone)
            line = Text(
                "heartbeat: the store was away from {since} until {until}: {reason}",
                since=since,
                until=until,
                reason=reason,
            )
        lines.append(line)
    return lines


def _channel_trouble_remarks(app: App, db: "Database", now: float) -> list[Text]:
    """Lines about channels that do not take messages: since when, why, and how many wait."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.store.outbox import sends
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.views.wording import local_time

    return [
        Text(
            "heartbeat: channel {channel} has taken nothing since {since} ({waiting} waiting): {why}",
            channel=one.channel,
            since=local_time(one.since, app.config.timezone),
            waiting=one.waiting,
            why=one_line(one.last_error, 160),
        )
        for one in sentences.known(db, sends.channel_troubles(db, now), app.locale)
        if one.channel in app.config.channels
    ]


def _removed_channel_remarks(app: App, db: "Database", now: float) -> list[Text]:
    """Lines about channels that are not in the configuration (any more) and have messages that wait, or waited
    lately."""
    from heartbeat_cli.store.outbox import channels

    said = {
        "waiting": Text("not sent: unless another host has it, the next run sends through the channels there are"),
        "handed_over": Text("sent through the channels there are"),
    }
    return [
        Text.counted(
            many,
            "heartbeat: {n} message for channel {channel}, which is not in the configuration: {said}",
            "heartbeat: {n} messages for channel {channel}, which is not in the configuration: {said}",
            channel=channel,
            said=said[state],
        )
        for channel, state, many in channels.unconfigured(db, app.config.channels, now - 86_400.0)
    ]


def _button_remarks(app: App, db: "Database", now: float) -> list[Text]:
    """Lines about buttons under messages that do nothing, because what was pressed cannot be collected."""
    if not any(getattr(one.settings, "buttons", False) for one in app.config.channels.values()):
        return []
    from heartbeat_cli.passes.buttons import troubles

    return [
        Text("heartbeat: {text}; {advice}", text=one.text, advice=one.advice)
        for one in troubles.lasting(db, app.config, now)
    ]
