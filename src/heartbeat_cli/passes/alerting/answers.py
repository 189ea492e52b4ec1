"""A person's answer to a fault (acknowledged, silenced, in maintenance), and the notice of it to those who were
notified of the fault.

Both share a transaction. Each channel gets one notice an answer, but for the one on which the person has given it. A
notice makes no sound and goes out when the fault itself may; `[heartbeat] announce_acknowledgements` turns it off.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert, family, worst_severity
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting import still_open
from heartbeat_cli.passes.alerting.enqueue import enqueue_to
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording

_ALIKE = ("kind", "target", "name", "observer", "local")  # details of the beginning that the notice has, too
_NAMED = 4  # faults in a title; more are counted


def acknowledge(
    db: Database, config: Config, incidents: Sequence[Incident], by: str | None, now: float, pressed_on: str = ""
) -> list[Incident]:
    """Acknowledge open incidents (`by` None: take that back), and notify the others; returns those that are changed.
    `pressed_on` is the channel that shows it anyway."""
    at = None if by is None else now
    done = [one for one in incidents if states.acknowledge(db, one.id, at, by)]
    news = [one for one in done if one.acked_by != by]
    key, type_ = ("answer_acked", "acknowledged") if by is not None else ("answer_unacked", "unacknowledged")
    more = still_open.unacknowledged(db, config) if news and by is not None else {}
    _notify(db, config, news, type_, key, {"by": by or ""}, now, pressed_on, more)
    return [one._replace(acked=at, acked_by=by) for one in done]


def silence(db: Database, config: Config, made: Silence, now: float, pressed_on: str = "") -> None:
    """Save a silence or a maintenance, and notify the others if a fault that it covers is known to them."""
    silences.add(db, made)
    known = config.components
    covered = [one for id_, one in states.open_incidents(db).items() if id_ in known and made.covers(known[id_], now)]
    key = "answer_silenced" if made.kind == "silence" else "answer_maintained"
    until = wording.local_time(made.ends, config.timezone)
    today = until[:10] == wording.local_time(now, config.timezone)[:10]
    values = {"by": made.created_by, "until": until[11:16] if today else until[:16]}
    _notify(db, config, covered, "silenced", key, values, now, pressed_on)


def _notify(
    db: Database,
    config: Config,
    incidents: Sequence[Incident],
    type_: str,
    key: str,
    values: Mapping[str, str],
    now: float,
    pressed_on: str,
    more: Mapping[str, object] = MappingProxyType({}),
) -> None:
    if not config.heartbeat.announce_acknowledgements:
        return
    begun: dict[str, Alert] = {}
    listeners: dict[str, list[str]] = {}  # by channel, the incidents it was notified of
    for one in incidents:
        downs = [alert for alert in alerts.of_incident(db, one.id) if family(alert.type) == "down"]
        for channel in alerts.notified_channels(db, one.id) if downs else ():
            begun[one.id] = downs[-1]
            if channel != pressed_on:
                listeners.setdefault(channel, []).append(one.id)
    groups: dict[tuple[str, ...], list[str]] = {}
    for channel, ids in listeners.items():
        groups.setdefault(tuple(ids), []).append(channel)
    for names, channels in groups.items():
        told = [begun[id_] for id_ in names]
        alert = _alert(config, told, type_, key, values, now)
        alert = alert._replace(details={**alert.details, **more})
        enqueue_to(db, config, alert, channels, now, worst_severity(one.severity for one in told))


def _alert(config: Config, told: Sequence[Alert], type_: str, key: str, values: Mapping[str, str], now: float) -> Alert:
    """The notice about these faults, in the thread of the first."""
    locale, first = config.heartbeat.locale, told[0]
    titles = wording.word("clauses", locale).join(one.title for one in told[:_NAMED])
    if len(told) > _NAMED:
        titles = f"{titles} {wording.word('more', locale, count=len(told) - _NAMED)}"
    details: dict[str, object] = {one: first.details[one] for one in _ALIKE if one in first.details}
    details |= {"shared": bool(first.details.get("votes")), "text": wording.word(f"{key}_means", locale, **values)}
    return Alert(
        id=f"{first.incident}/{type_}-{round(now * 1000)}",
        type=type_,
        severity="low",
        title=wording.word(key, locale, title=titles, **values),
        component=first.component,
        at=now,
        incident=first.incident,
        reason=Text("{by} has answered a message that was sent here, too", by=values["by"] or Text("somebody")),
        details=details,
    )
