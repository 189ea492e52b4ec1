"""The messages of docs/messages.md, as two real servers take them: a night on one host, played through
detection, recovery, the outbox and the channels, in each language.

page() is the whole page; scripts/message_samples writes it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.domain.alerting.markup import parse
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.text import Text
from tests.parts.bot_api import CHAT, TOKEN, BotApi, bot_api
from tests.parts.scene import Scene
from tests.parts.smtp import MailBox, smtp_server
from tests.parts.stores import opened

LANGUAGES = {"en": "English", "zh-HK": "繁體中文（`zh-HK`）"}
LATE = "-100200301"  # the chat of a channel that is told late
OPS, BOSS = "ops@example.org", "boss@example.org"
NIGHT = 1_795_028_400.0  # 2026-11-19 03:00 in Hong Kong
GOOD = Reading("healthy", 0.02)
HEAD = """\
# Messages

What people get, by Telegram and as the text of a mail. `scripts/message_samples` makes this page from the program. The
host is `agents-1`, the time zone Asia/Hong_Kong. How to reword messages: [the recipe](recipes/reword-messages.md).
"""
TITLES = {
    "fault": "A fault",
    "end": "The end of a fault",
    "digest": "Several at once",
    "ends": "Several ends at once",
    "person": "A call for a person",
    "escalation": "An escalation",
}
SAID = {
    "fault": "Recovery is about to restart the agent.",
    "end": "The subject names the same machine and component as that of the beginning, and the mails are one thread.",
    "digest": "What came at the same moment, the worst first.",
    "ends": "Who healed each of them, as far as heartbeat knows.",
    "person": "Recovery came to its end in the run that declared the fault: one message says both.",
    "escalation": "Nobody has acknowledged the fault for 15 minutes, so a channel with `escalate_after` is notified.",
}


class Sample(NamedTuple):
    """One message as a reader sees it."""

    telegram: str
    subject: str
    mail: str


def page() -> str:
    """docs/messages.md as the program makes it now."""
    made = {locale: samples(locale) for locale in LANGUAGES}
    parts = [HEAD]
    for name, title in TITLES.items():
        parts.append(f"\n## {title}\n\n{SAID[name]}\n")
        for locale, language in LANGUAGES.items():
            one = made[locale][name]
            parts.append(f"\n### {title}: {language}\n\nTelegram:\n\n```text\n{one.telegram}\n```\n")
            parts.append(f"\nMail:\n\n```text\nSubject: {one.subject}\n\n{one.mail}\n```\n")
    return "".join(parts)


def samples(locale: str) -> Mapping[str, Sample]:
    """The messages of the night in a language, by what they are samples of."""
    with tempfile.TemporaryDirectory() as folder, bot_api() as api, smtp_server() as box:
        url = f"sqlite:///{folder}/store.db"
        db = opened(url)
        try:
            return dict(
                _Night(Scene(db, url, Path(folder), **_config(locale, Path(folder), api, box)), api, box).play()
            )
        finally:
            db.close()


def _config(locale: str, folder: Path, api: BotApi, box: MailBox) -> dict[str, Any]:
    telegram = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url}
    mail = {"kind": "email", "host": "127.0.0.1", "port": box.port, "security": "none", "from": "heartbeat@example.org"}
    mail["to"] = [OPS]
    late = {"escalate_after": 900, "components": ["db"]}
    telegram_late, mail_late = telegram | late | {"chat_id": LATE}, mail | late | {"to": [BOSS]}
    agent = {"kind": "agent", "url": "http://127.0.0.1:1/health", "retries": 0, "interval": 30}
    steps = {"main": "exit 0", "coding": "exit 0", "admin": "echo no space left on device >&2; exit 1"}
    for id_, text in steps.items():
        script = folder / f"restart_{id_}.sh"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o700)
    components: dict[str, Any] = {
        id_: agent
        | {"name": name, "recovery": {"ladder": [{"action": "script", "name": f"restart_{id_}.sh", "tries": 1}]}}
        for id_, name in (("main", "Main Agent"), ("coding", "Worker"), ("admin", "System Admin"))
    }
    components["db"] = {"kind": "database", "name": "PostgreSQL", "dsn": "postgresql://127.0.0.1:1/app"}
    components["gateway"] = {"kind": "docker", "name": "Gateway", "container": "openclaw-gateway"}
    components["chat"] = agent | {"name": "Chat Assistant", "depends_on": ["db"]}
    for id_ in ("db", "gateway", "chat"):
        components[id_]["recovery"] = "off"
    return {
        "components": components,
        "channels": {"tg": telegram, "mail": mail, "tg-late": telegram_late, "mail-late": mail_late},
        "heartbeat": {"observer": "agents-1", "timezone": "Asia/Hong_Kong", "locale": locale, "reopen_within": 0},
        "recovery": {"verify_wait": 0.1, "scripts": str(folder)},
    }


class _Night:
    def __init__(self, scene: Scene, api: BotApi, box: MailBox) -> None:
        self.scene, self.api, self.box = scene, api, box
        scene.now = NIGHT
        api.chats.add(LATE)
        self._well = dict.fromkeys(scene.config.components, GOOD)

    def play(self) -> Iterator[tuple[str, Sample]]:
        busy = _http(503, "connection pool exhausted")
        yield "fault", self._told(3, main=busy)
        self.scene.recover()
        yield "end", self._told(2)
        down = {"db": _refused("127.0.0.1:5432"), "gateway": _unhealthy(), "chat": _http(502, "no database")}
        yield "digest", self._told(3, coding=_http(500, "queue is stuck"), **down)
        self.scene.recover()
        yield "ends", self._told(2, db=down["db"], chat=down["chat"])
        self.scene.now += 900
        yield "escalation", self._told(1, db=down["db"], chat=down["chat"], to=LATE)
        full = _http(500, "cannot write its journal")
        yield "person", self._told(3, db=down["db"], chat=down["chat"], admin=full, recovers=True)

    def _told(self, passes: int, to: str = CHAT, recovers: bool = False, **readings: Reading) -> Sample:
        """What a chat, and the mailbox beside it, got last after so many passes that saw this; with `recovers`,
        recovery came to its end before it was sent."""
        for _ in range(passes):
            self.scene.saw(**self._well | readings)
        self.scene.now -= 30
        if recovers:
            self.scene.recover()
        self.scene.deliver()
        self.scene.now += 30
        said = [call["text"] for call in self.api.messages if call["chat_id"] == to]
        reader = BOSS if to == LATE else OPS
        mails = [mail for mail, readers in zip(self.box.mails, self.box.readers, strict=True) if reader in readers]
        return _sample("".join(run.text for run in parse(said[-1])), mails[-1])


def _sample(text: str, mail: EmailMessage) -> Sample:
    body = mail.get_body(("plain",))
    assert body is not None
    return Sample(text.strip(), str(mail["Subject"]), body.get_content().replace("\r\n", "\n").strip())


def _http(status: int, said: str) -> Reading:
    http = Text("{head} from {url}", head=Text("HTTP {status}", status=status), url="http://localhost:8000/health")
    evidence = {"http": http, Text("body"): f'{{"status": "fail", "output": "{said}"}}'}
    return Reading("unhealthy", 0.2, f"HTTP {status}: {said}", (), evidence, category="process")


def _refused(place: str) -> Reading:
    said = Text("no connection to {where}: {text}", where=place, text=Text("connection refused"))
    return Reading("error", None, said, category="process")


def _unhealthy() -> Reading:
    output = "dial tcp 127.0.0.1:5432: connection refused"
    line = Text("{line}: {said}", line=Text("health check failed {n} times in a row", n=4), said=output)
    return Reading("unhealthy", 0.01, line, category="dependency")
