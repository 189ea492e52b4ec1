"""Carry out what people pressed. What a press brings about, its answer in the outbox and the number of the next press
are saved in one transaction: a run that is killed does nothing twice, and what it did not save is collected again.
"""

import os
from collections.abc import Callable, Iterable, Sequence

from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.presses import ACTIONS, SILENCE, Collected, NotAlone, Press
from heartbeat_cli.domain.incident import Incident, incident_id
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.passes.alerting import answers
from heartbeat_cli.passes.alerting.enqueue import enqueue_host_alert, host_alert
from heartbeat_cli.passes.buttons.collect import Question, module
from heartbeat_cli.redact import redact
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import presses, silences, states
from heartbeat_cli.store.state.presses import Order, Trouble
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views.wording import local_time, word

_OLD = 172_800.0  # seconds for which a button of an incident that is over is still known; the press lives for a day
_TEXT = 180  # characters of an answer
_SEEN = 60.0  # seconds between two notes that this host still collects
_NOTIFIED = 86_400.0  # seconds in which people are notified once that somebody else collects


class Answer(Record):
    """What the one who pressed is shown."""

    channel: Channel
    press: Press
    text: str


class _Pressed(Record):
    """A press that counts: by its channel, for which open or ended incident."""

    config: Config
    channel: Channel
    press: Press
    incident: Incident
    now: float

    @property
    def name(self) -> str:
        component = self.config.components.get(self.incident.component)
        return component.name if component is not None else self.incident.component

    def word(self, key: str, **values: str) -> str:
        return word(key, self.config.heartbeat.locale, name=self.name, **values)


class _TakenOver(Exception):
    """Another process has collected the same meanwhile."""


def carry_out(db: Database, config: Config, asked: Question, said: object, now: float) -> list[Answer]:
    """Carry out what a source said (see `collect.ask`). Returns the answers to those who pressed."""
    try:
        with db.transaction():
            _note_trouble(db, config, asked, said)
            if isinstance(said, NotAlone):
                _refused(db, config, asked, one_line(str(said), 200), now)
            elif isinstance(said, Collected):
                return _collected(db, config, asked, said, now)
    except _TakenOver:
        pass
    return []


def _note_trouble(db: Database, config: Config, asked: Question, said: object) -> None:
    """Note since when a source cannot be asked, and that it can be again."""
    if isinstance(said, DeliveryError):
        if asked.trouble is None:
            why = one_line(redact(str(said), config.secrets), 200)
            presses.note_trouble(db, asked.source.id, Trouble(asked.at, why))
    elif asked.trouble is not None and isinstance(said, Collected | NotAlone):
        presses.note_trouble(db, asked.source.id, None)


def _collected(db: Database, config: Config, asked: Question, said: Collected, now: float) -> list[Answer]:
    found, after = asked.found, asked.after
    following = said.next if after is None or said.next is None else max(after, said.next)
    is_news = following is not None and following != after
    still = found.by == config.observer and found.refused is None and abs(asked.at - found.seen) < _SEEN
    if still and not is_news:
        return []
    new = found._replace(by=config.observer, seen=asked.at, refused=None)
    if is_news:
        new = new._replace(next=following, moved=asked.at)
    if not presses.swap(db, asked.source.id, asked.stored, new):
        raise _TakenOver
    fresh = [one for one in said.presses if after is None or one.number >= after]
    return _carried_out(db, config, asked, {one.number: one for one in fresh}.values(), now)


def _carried_out(db: Database, config: Config, asked: Question, fresh: Iterable[Press], now: float) -> list[Answer]:
    answers = []
    for press in fresh:
        channels = asked.source.accepting(press)
        if not channels:
            continue
        incidents = states.incidents_between(db, now - _OLD, now + _OLD)  # anew: a press before may have changed one
        meant = _meant(channels, incidents, press)
        if meant is None:
            answers.append(_shown(config, channels[0], press, word("pressed_unknown", config.heartbeat.locale)))
            continue
        channel, action, incident = meant
        pressed = _Pressed(config, channel, press, incident, now)
        text = pressed.word("pressed_over") if incident.ended is not None else _ACTIONS[action](db, pressed)
        answers.append(_shown(config, channel, press, text))
        tell(db, config, f"{asked.source.id}/{press.number}", channel.id, text, press.by, now)
    return answers


def _meant(
    channels: Iterable[Channel], incidents: Sequence[Incident], press: Press
) -> tuple[Channel, str, Incident] | None:
    """The channel whose message bears the button, what that does, and about which incident; None when it is no button
    of these channels and incidents."""
    for channel in channels:
        for one in incidents:
            for do in ACTIONS:
                if module(channel).mark(channel.settings, channel.id, do, one.id) == press.mark:
                    return channel, do, one
    return None


def _shown(config: Config, channel: Channel, press: Press, text: str) -> Answer:
    """An answer with a text fit to be shown: names come from outside."""
    return Answer(channel, press, one_line(redact(text, config.secrets), _TEXT))


def tell(
    db: Database, config: Config, id_: str, channel: str, text: str, by: str, now: float, **details: object
) -> None:
    """Put what came of a press into the outbox of the channel where it was made."""
    reason = Text("{by} pressed a button under a message", by=by)
    details = {"observer": config.observer, **details}
    alert = Alert(f"button/{id_}", "button", "low", text, "heartbeat", now, None, reason, details)
    alerts.add(db, alert, [channel], now)


def _acknowledge(db: Database, one: _Pressed) -> str:
    if one.incident.acked_by:
        return one.word("pressed_acked", by=one.incident.acked_by)
    answers.acknowledge(db, one.config, [one.incident], one.press.by, one.now, one.channel.id)
    return one.word("pressed_ack", by=one.press.by)


def _silence(db: Database, one: _Pressed) -> str:
    target, zone = one.incident.component, one.config.timezone
    active = [each for each in silences.active(db, one.now) if each.target == target and each.kind == "silence"]
    if active:
        return one.word("pressed_silenced", until=local_time(max(each.ends for each in active), zone))
    ends = one.now + SILENCE
    reason = Text("a button under a message")
    made = Silence(os.urandom(3).hex(), target, "silence", one.now, ends, reason, one.press.by)
    answers.silence(db, one.config, made, one.now, one.channel.id)
    return one.word("pressed_silence", until=local_time(ends, zone))


def _recover(db: Database, one: _Pressed) -> str:
    presses.give_order(db, Order(one.incident.component, one.incident.id, one.now, one.press.by, one.channel.id))
    return one.word("pressed_recover")


_ACTIONS: dict[str, Callable[[Database, _Pressed], str]] = {
    "ack": _acknowledge,
    "silence": _silence,
    "recover": _recover,
}


def _refused(db: Database, config: Config, asked: Question, said: str, now: float) -> None:
    """Somebody else collects: ask no more for a while, and notify people, at most once a day."""
    found = asked.found
    is_news = found.notified is None or abs(asked.at - found.notified) >= _NOTIFIED
    notified = asked.at if is_news else found.notified
    new = found._replace(by=config.observer, seen=asked.at, refused=asked.at, notified=notified)
    if not presses.swap(db, asked.source.id, asked.stored, new):
        raise _TakenOver
    if is_news:
        reason = Text("{source}: somebody else collects what is pressed: {said}", source=asked.source.id, said=said)
        details = {"started": now, "cause": reason, "kind": "observer"}
        about = incident_id(config.observer, now)
        alert = host_alert(config, "buttons_off", "medium", about, now, reason, details, ends=False)
        enqueue_host_alert(db, config, alert, now)
