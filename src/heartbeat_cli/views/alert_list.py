"""Alerts as `heartbeat alerts` shows them: a row each, or one whole with how every try to tell it went."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.delivery import Send
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.plain import EVIDENCE
from heartbeat_cli.domain.text import Text
from heartbeat_cli.views.rows import Row, iso
from heartbeat_cli.views.tables import table
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import local_time

_TEXT = 20_000  # characters of a message


def row(alert: Alert, notified: Iterable[Any], voice: Voice) -> Row:
    """One alert as `alerts --format json` gives it; `notified` are rows of store.alert_list.NotificationState."""
    return {
        "alert_id": alert.id,
        "alert_type": alert.type,
        "severity": alert.severity,
        "title": voice.clean(alert.title),
        "component": alert.component,
        "alert_time": iso(alert.at),
        "incident": alert.incident,
        "reason": voice.clean(alert.reason),
        "notifications": [
            {
                "channel": one.channel,
                "state": one.state,
                "attempts": one.attempts,
                "sent": iso(one.sent),
                "next_try": iso(one.next_try) if one.state == "waiting" else None,
                "error": voice.clean(one.last_error) or None,
                "note": voice.clean(one.note) or None,
            }
            for one in notified
        ],
    }


def whole(alert: Alert, notified: Iterable[Any], sends: Iterable[Send], message: Message, voice: Voice) -> Row:
    """One alert with all that is known of it; `message` is what it says by itself."""
    evidence = alert.details.get("evidence")
    return {
        **row(alert, notified, voice),
        "text": message.text,
        "evidence": {
            voice.clean(str(label)): voice.block(str(text), EVIDENCE)
            for label, text in (evidence.items() if isinstance(evidence, Mapping) else ())
        },
        "tries": [
            {
                "timestamp": iso(one.at),
                "channel": one.channel,
                "outcome": one.outcome,
                "took": one.took,
                "error": voice.clean(one.error) or None,
                "note": voice.clean(one.note) or None,
                "message": one.batch,
                "alerts": one.alerts,
                "observer": one.observer,
            }
            for one in sends
        ],
    }


def alerts_table(alerts: Sequence[Alert], notified: Mapping[str, Sequence[Any]], voice: Voice) -> str:
    """A line an alert; the last column is what `heartbeat alerts ID` takes."""
    heads = [voice.word(key) for key in ("time", "severity", "alert_type", "component", "alert", "delivered")]
    return table(
        [*heads, "ID"],
        [
            (
                local_time(one.at, voice.timezone),
                voice.word(one.severity),
                one.type,
                one.component,
                voice.clean(one.title),
                ", ".join(_standing(sent, voice) for sent in notified[one.id]) or voice.word("nobody_told"),
                one.id,
            )
            for one in alerts
        ],
    )


def _standing(one: Any, voice: Voice) -> str:
    if one.state == "sent":
        return f"{one.channel}{voice.word('colon')}{voice.named('delivery', 'sent')}"
    tries = f"{one.attempts}x " if one.attempts else ""
    why = f" ({tries}{voice.clean(one.last_error)})" if one.last_error else ""
    return f"{one.channel}{voice.word('colon')}{voice.named('delivery', one.state)}{why}"


def text(alert: Alert, notified: Sequence[Any], sends: Sequence[Send], message: Message, voice: Voice) -> str:
    """One alert with all that is known of it, for a person."""
    facts = {
        "ID": alert.id,
        voice.word("alert_type"): alert.type,
        voice.word("severity"): voice.word(alert.severity),
        voice.word("component"): alert.component,
        voice.word("time"): local_time(alert.at, voice.timezone),
        voice.word("incident"): alert.incident or "-",
        voice.word("reason"): voice.said(alert.reason) or "-",
    }
    lines = [f"{label}{voice.word('colon')}{voice.clean(value)}" for label, value in facts.items()]
    parts = [voice.clean(alert.title), "\n".join(lines), voice.block(message.text, _TEXT), _channels(notified, voice)]
    if sends:
        parts += [voice.word("tries"), _tries(sends, voice)]
    return "\n\n".join(part for part in parts if part)


def _channels(notified: Sequence[Any], voice: Voice) -> str:
    if not notified:
        return voice.word("nobody_told")
    heads = [voice.word(key) for key in ("channel", "state", "attempts", "time", "last_error", "note")]
    return table(
        heads,
        [
            (
                one.channel,
                voice.named("delivery", one.state),
                str(one.attempts),
                _when(one.next_try if one.state == "waiting" else one.sent, voice),
                voice.clean(one.last_error),
                voice.said(Text(one.note or "")),
            )
            for one in notified
        ],
    )


def _tries(sends: Sequence[Send], voice: Voice) -> str:
    heads = [voice.word(key) for key in ("time", "channel", "outcome", "response", "last_error", "note", "observer")]
    return table(
        heads,
        [
            (
                _when(one.at, voice),
                one.channel,
                voice.named("delivery", one.outcome),
                voice.took(one.took),
                voice.clean(one.error),
                voice.said(Text(one.note or "")),
                one.observer,
            )
            for one in sends
        ],
    )


def _when(at: float | None, voice: Voice) -> str:
    return "-" if at is None else local_time(at, voice.timezone)
