"""Where a night is played: hosts over one store, a chat and a mailbox, and one clock.

stage.open({"main": AGENT | {...}})
stage.run(3, main=refused("127.0.0.1:8000"))    # three passes as `heartbeat run` makes them; the others are well
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.domain.alerting.markup import parse
from heartbeat_cli.domain.checking.exchange import Response
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.text import Text
from heartbeat_cli.monitors import _http
from heartbeat_cli.passes.alerting import answers
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.check.check import Checked
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from heartbeat_cli.views.wording import local_time
from tests.parts.bot_api import CHAT, TOKEN, BotApi
from tests.parts.scene import Scene
from tests.parts.smtp import MailBox

LANGUAGES = ("en", "zh-HK")
NIGHT = 1_795_028_400.0  # 2026-11-19 03:00 in Hong Kong
STEP = 30.0  # seconds from one pass to the next
ZONE = "Asia/Hong_Kong"
OPS, BOSS, LATE = "ops@example.org", "boss@example.org", "-100200301"
GOOD = Reading("healthy", 0.02)
AGENT = {"kind": "agent", "url": "http://127.0.0.1:1/health", "retries": 0, "interval": 30}
_RULE = "=" * 60


class Message(NamedTuple):
    """One message: when it came (local time) and through which channel, and what it says."""

    head: str
    text: str


class Truth(NamedTuple):
    """The answers of one night, each a line or more."""

    what: str
    where: str
    since: str
    fault: str
    done: str
    now: str

    def page(self, number: int) -> str:
        """The answers as a page of Markdown."""
        questions = ("What", "Where", "Since when", "Whose fault", "What was done", "What now")
        parts = [f"## {question}\n\n{answer}\n" for question, answer in zip(questions, self, strict=True)]
        return "\n".join([f"# Night {number:02}\n", *parts])


class Told(NamedTuple):
    messages: Sequence[Message]
    truth: Truth

    @property
    def text(self) -> str:
        """The messages as one text."""
        return "\n".join(f"{_RULE}\n{one.head}\n{_RULE}\n{one.text}\n" for one in self.messages)


class Stage:
    """`now` is the time of the next pass, `messages` what has come so far."""

    def __init__(self, db: Database, url: str, folder: Path, locale: str, api: BotApi, box: MailBox) -> None:
        self.db, self.url, self.folder, self.locale, self.api, self.box = db, url, folder, locale, api, box
        self.now = NIGHT
        self.messages: list[Message] = []
        self.scenes: dict[str, Scene] = {}
        self._chats = self._mails = 0
        api.chats.add(LATE)

    def open(
        self, components: Mapping[str, Any], hosts: Sequence[str] = ("agents-1",), late: bool = False, **more: Any
    ) -> None:
        """Set up the hosts, which share one configuration; with `late` somebody else is notified after 15 minutes."""
        telegram = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": self.api.url}
        mail = {"kind": "email", "host": "127.0.0.1", "port": self.box.port, "security": "none"}
        mail |= {"from": "heartbeat@example.org", "to": [OPS]}
        channels = {"ops-chat": telegram, "ops-mail": mail}
        if late:
            after = {"escalate_after": 900}
            channels |= {
                "supervisor-chat": telegram | after | {"chat_id": LATE},
                "supervisor-mail": mail | after | {"to": [BOSS]},
            }
        general = {"timezone": ZONE, "locale": self.locale} | more.pop("heartbeat", {})
        own = {"verify_wait": 0.1, "scripts": str(self.folder)} | more.pop("recovery", {})
        for host in hosts:
            (self.folder / host).mkdir()
            sections: dict[str, Any] = {"heartbeat": general | {"observer": host}, "recovery": own, **more}
            self.scenes[host] = Scene(self.db, self.url, self.folder / host, components, channels, **sections)

    def script(self, name: str, text: str) -> dict[str, Any]:
        """A recovery that runs a script of these lines once."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return {"ladder": [{"action": "script", "name": name, "tries": 1}]}

    def run(self, passes: int = 1, /, *, step: float = STEP, **seen: Reading) -> None:
        """Passes of the first host that saw this; what is not named is well."""
        scene = next(iter(self.scenes.values()))
        for _ in range(passes):
            self._pass(scene, seen)
            self.now += step

    def together(self, passes: int = 1, **seen: Mapping[str, Reading]) -> None:
        """Passes of these hosts (`_` stands for `-`) at the same time."""
        for _ in range(passes):
            for host, readings in seen.items():
                self._pass(self.scenes[host.replace("_", "-")], readings)
            self.now += STEP

    def acknowledge(self, component: str, who: str) -> None:
        """As `heartbeat ack` does it."""
        config = next(iter(self.scenes.values())).config
        with self.db.transaction():
            answers.acknowledge(self.db, config, [states.open_incidents(self.db)[component]], who, self.now)

    def clock(self, back: float = 0.0) -> str:
        """The local time of `back` seconds ago."""
        return local_time(self.now - back, ZONE, "%H:%M:%S")

    def _pass(self, scene: Scene, seen: Mapping[str, Reading]) -> None:
        scene.now = self.now
        readings = {id_: seen.get(id_, GOOD) for id_ in scene.config.components}
        host = scene.config.observer
        done = Pass(check.pass_id(host, self.now), host, self.now, self.now + 0.5)
        check.save(self.db, scene.config, Checked(done, readings, STEP))
        scene.detect()
        scene.recover()
        scene.deliver()
        self._collect()

    def _collect(self) -> None:
        at = local_time(self.now, ZONE, "%H:%M")
        sent = self.api.messages[self._chats :]
        self._chats += len(sent)
        for call in sent:
            whose = "ops" if call["chat_id"] == CHAT else "boss"
            text = "".join(run.text for run in parse(call["text"])).strip()
            self._add(f"{at}  Telegram, chat of", whose, text)
        mails = list(zip(self.box.mails, self.box.readers, strict=True))[self._mails :]
        self._mails += len(mails)
        for mail, readers in mails:
            body = mail.get_body(("plain",))
            assert body is not None
            said = body.get_content().replace("\r\n", "\n").strip()
            to = ", ".join(readers)
            self._add(f"{at}  Mail to", to, f"Subject: {mail['Subject']}\n\n{said}")

    def _add(self, head: str, reader: str, text: str) -> None:
        """One message more; what several people get is one, whoever was served first."""
        for place, one in enumerate(self.messages):
            if one.text == text and one.head.startswith(head):
                readers = sorted([*one.head.removeprefix(head).strip().split(", "), reader], reverse=True)
                self.messages[place] = one._replace(head=f"{head} {', '.join(readers)}")
                return
        self.messages.append(Message(f"{head} {reader}", text))


Story = Callable[[Stage], Truth]


def answered(status: int, said: str, url: str = "http://localhost:8000/health") -> Reading:
    """A bad answer of an agent's health address."""
    body = f'{{"status": "fail", "output": "{said}"}}'.encode()
    evidence = _http.evidence(Response(status, body=body, phases={"connect": 0.001, "first_byte": 0.18}, url=url))
    error = Text("{line}: {said}", line=Text("HTTP {status}", status=status), said=said)
    return Reading("unhealthy", 0.18, error, (), evidence, category="process")


def refused(place: str) -> Reading:
    """Nothing listens there."""
    return Reading("error", None, Text("connection refused by {place}", place=place), category="process")
