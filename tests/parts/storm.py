"""Incidents that come and go while Telegram and the mail server misbehave by a seeded script and the sender dies now
and then, between any two of its steps: then what arrived is compared with what there was to tell.

`tg` falls back to `mail`, which falls back to the file `log`. Time is the scene's own.
"""

import os
import random
import re
import threading
from collections.abc import Callable
from email.message import EmailMessage
from typing import NamedTuple

from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.passes.deliver import Delivering
from heartbeat_cli.store import alerts, outbox
from heartbeat_cli.store.database import Database
from tests.parts.bot_api import BotApi, Step, refusal
from tests.parts.scene import Scene
from tests.parts.smtp import MailBox

_TITLE = re.compile(r"(?:fall|rise) \d{3}x")
_REFUSALS: tuple[Callable[[], Step], ...] = (
    lambda: refusal(429, "Too Many Requests", retry_after=40),
    lambda: refusal(500, "Internal Server Error"),
    lambda: refusal(400, "Bad Request: can't parse entities"),
    lambda: refusal(403, "Forbidden: bot was kicked"),
    lambda: Step(instead="reset"),
    lambda: Step(accept=True, instead="reset"),
)


class Killed(BaseException):
    """The process is gone at this very moment."""


class Ending(NamedTuple):
    """What came of it: alerts that nobody has; ends before their beginning; ends that who heard of the beginning did
    not hear of; alerts that stand in two different messages of a channel; messages told more than once, and how many of
    these the lost answers and the kills explain."""

    lost: list[str]
    disordered: list[str]
    unended: list[str]
    mixed: list[str]
    copies: int
    explained: int


class Storm:
    def __init__(self, scene: Scene, api: BotApi, box: MailBox, seed: int) -> None:
        self.scene, self.api, self.box = scene, api, box
        self.chance = random.Random(seed)
        self.open: list[int] = []
        self.told: list[str] = []
        self.explained = 0

    def blow(self, steps: int = 20) -> Ending:
        for _ in range(steps):
            self._happens()
            self._misbehave()
            self._deliver(killed=self.chance.random() < 0.25)
            self.scene.now += self.chance.choice((5.0, 15.0, 60.0, 400.0))
        while self.open:
            self._ends(self.open[0])
        self._behave()
        while outbox.undelivered(self.scene.db):
            self._deliver(killed=False)
            self.scene.now += 600.0
        return self._ending()

    def _happens(self) -> None:
        for _ in range(self.chance.choice((0, 1, 1, 3))):
            number = len(self.told)
            self.open.append(number)
            self._add(f"fall {number:03}x", "tcp_down", number, ["tg"])
        for number in list(self.open):
            if self.chance.random() < 0.3:
                self._ends(number)

    def _ends(self, number: int) -> None:
        self.open.remove(number)
        self._add(f"rise {number:03}x", "recovered", number, alerts.told(self.scene.db, f"db@{number}"))

    def _add(self, title: str, kind: str, number: int, channels: list[str]) -> None:
        self.scene.now += 0.5
        incident = f"db@{number}"
        alert = Alert(f"{incident}/{kind}", kind, "high", title, f"c{number}", self.scene.now, incident, "r")
        assert alerts.add(self.scene.db, alert, channels, self.scene.now)
        self.told.append(title)

    def _misbehave(self) -> None:
        self._behave()
        if self.chance.random() < 0.6:
            self.api.script = [self.chance.choice(_REFUSALS)() for _ in range(self.chance.randrange(1, 4))]
        if self.chance.random() < 0.4:
            self.box.data = self.chance.choice(("451 later", "554 not this one"))
        if self.chance.random() < 0.2:
            self.box.sender = "550 go away"

    def _behave(self) -> None:
        self.api.script, self.box.data, self.box.sender = [], "250 OK", "250 OK"

    def _deliver(self, *, killed: bool) -> None:
        """One pass of the sender, which may die before or after it has written how its n-th send went."""
        scene, left, before = self.scene, self.chance.randrange(1, 5) if killed else 0, self.chance.random() < 0.5
        to_come = self._lost_answers()

        def keep(work: Callable[[Database], None]) -> None:
            nonlocal left
            left -= 1
            if left == 0 and before:
                raise Killed
            work(scene.db)
            if left == 0:
                raise Killed

        delivering = Delivering(scene.config, scene.clock)
        try:
            delivering.work(scene.db, keep)
            delivering.finish(keep)
        except Killed:
            under_way = [one for one in threading.enumerate() if one.name.startswith("send to ")]
            for thread in under_way:  # what it has on its way may still arrive; then the process is gone
                thread.join(20)
            self.explained += 1 + len(under_way)
            outbox.release(scene.db, f"here/{os.getpid()}")
        self.explained += to_come - self._lost_answers()

    def _lost_answers(self) -> int:
        """How many messages the script has still to accept without saying so."""
        return sum(step.accept and step.instead == "reset" for step in self.api.script)

    def heard(self) -> dict[str, list[tuple[str, ...]]]:
        """By channel, the titles in each message that its other side accepted, in order."""
        texts = {
            "tg": [one["text"] for one in self.api.messages],
            "mail": [one["Subject"] + _plain(one) for one in self.box.mails],
            "log": [f"{one['title']} {one['text']}" for one in self.scene.messages],
        }
        return {
            channel: [tuple(dict.fromkeys(_TITLE.findall(text))) for text in told] for channel, told in texts.items()
        }

    def _ending(self) -> Ending:
        heard = self.heard()
        flat = {channel: [title for told in messages for title in told] for channel, messages in heard.items()}
        everyone = {title for titles in flat.values() for title in titles}
        disordered, unended, mixed = [], [], []
        for channel, titles in flat.items():
            mixed += [f"{channel}: {title}" for title in set(titles) if len(sets_with(title, heard[channel])) > 1]
            for title in set(titles):
                end = title.replace("fall", "rise")
                if end in titles and titles.index(end) < titles.index(title):
                    disordered.append(f"{channel}: {end}")
                if not any(end in flat[one] for one in _LINE[_LINE.index(channel) :]):
                    unended.append(f"{channel}: {end}")
        copies = sum(len(messages) - len(set(messages)) for messages in heard.values())
        return Ending(sorted(set(self.told) - everyone), disordered, unended, mixed, copies, self.explained)


_LINE = ("tg", "mail", "log")


def _plain(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def sets_with(title: str, messages: list[tuple[str, ...]]) -> set[tuple[str, ...]]:
    return {told for told in messages if title in told}
