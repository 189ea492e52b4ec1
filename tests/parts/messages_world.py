"""A life told of over channels that misbehave: components that fail and recover by a script, moody servers, deliveries
that are killed; at the end all is well, and `messages_model.py` compares. Seeded.

with Servers() as servers, Nursery() as nursery:
    ending = World(db, url, folder, servers, nursery, seed).play()
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.config import load as configuration
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.buttons import collect, effects
from heartbeat_cli.passes.deliver.deliver import Delivering
from heartbeat_cli.store.outbox import outbox
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.store.state.silences import Silence
from tests.parts.bot_api import CHAT, TOKEN, USER, Step
from tests.parts.messages_model import TEMPLATES, Arrival, Ending, Judge, Model, marks_in
from tests.parts.moody_servers import HTTP, MOODS, SMTP, Mood, Servers, why
from tests.parts.nursery import RETRIES, Nursery
from tests.parts.postgres import free_port
from tests.parts.scene import Scene
from tests.parts.smtp import Whim


class Played(NamedTuple):
    """What came of one world; `moods` counts what the servers did to messages."""

    ending: Ending
    kills: int
    moods: Counter[str]
    pressed: int
    counted: int


class World:
    """`arrivals` is what the other sides took, in order."""

    def __init__(self, db: Database, url: str, folder: Path, servers: Servers, nursery: Nursery, seed: int) -> None:
        self.chance = random.Random(seed)
        self.servers, self.nursery = servers, nursery
        self.arrivals: list[Arrival] = []
        self.moods: dict[str, Mood] = {}
        self.met: Counter[str] = Counter()
        self.kills = self.number = self.looks = 0
        self._doomed = self._dying = False
        self._lines = 0
        self._marks: list[str] = []  # of the buttons under the last message that has some
        self.pressed = self.counted = 0
        self.confirmed: list[str] = []  # why each confirmation of a press was lost, "" where it was not
        servers.api.updates.clear()
        self._folder = folder
        for name, text in TEMPLATES.items():
            (folder / name).write_text(text)
        self.closed = free_port()
        heartbeat = {
            "templates": str(folder),
            "timezone": "UTC",
            "remind_after": self.chance.choice([0, 300, 14_400]),
            "reopen_within": 0,  # the model knows each fault as an incident of its own
        }
        # Notices of presses name no cause by which the model knows a fault; they have tests of their own.
        heartbeat["announce_acknowledgements"] = False
        self.components = self._components()
        self.scene = Scene(db, url, folder, self.components, self._channels(), heartbeat=heartbeat)
        self.scene.tables["components"] = self._routed(self.components)
        self._well = self.scene.tables["channels"]
        self._use({})
        self.model = Model(self.scene.config)
        self.failing = dict.fromkeys(self.components, 0)
        self._listen()

    # --- the configuration ---

    def _components(self) -> dict[str, Any]:
        names = ["db", "main", "chat", "host"][: self.chance.randint(2, 4)]
        made: dict[str, Any] = {}
        for id_ in names:
            keys: dict[str, Any] = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "recovery": "off"}
            keys["severity"] = self.chance.choice(["low", "medium", "high", "severe"])
            keys["fail_threshold"] = self.chance.choice([1, 2, 3])
            if made and self.chance.random() < 0.4:
                keys["depends_on"] = [self.chance.choice(list(made))]
            made[id_] = keys
        return made

    def _channels(self) -> dict[str, Any]:
        kinds = self.chance.sample(
            ["telegram", "email", self.chance.choice(["webhook", "file"])], self.chance.randint(1, 3)
        )
        address = {"from": "heartbeat@example.org", "to": ["ops@example.org"]}
        own: dict[str, dict[str, Any]] = {
            "telegram": {
                "token": TOKEN,
                "chat_id": CHAT,
                "base_url": self.servers.api.url,
                "buttons": True,
                "users": [USER],
            },
            "email": {"host": "127.0.0.1", "port": self.servers.box.port, "security": "none", **address},
            "webhook": {"url": self.servers.hook.url},
            "file": {"path": str(self._folder / "told.jsonl")},
        }
        made = {kind: {"kind": kind, **own[kind], **self._common()} for kind in kinds}
        for kind, fallback in pairwise(kinds):
            if self.chance.random() < 0.5:
                made[kind] |= {"fallback": fallback, "fallback_after": self.chance.choice([0, 60, 300])}
        return made

    def _common(self) -> dict[str, Any]:
        keys: dict[str, Any] = {"digest": self.chance.random() < 0.7}
        if self.chance.random() < 0.25:
            keys["rate"] = self.chance.choice([0.5, 1, 3])
        if self.chance.random() < 0.25:
            keys["quiet_hours"] = self.chance.choice(["12:03-12:20", "11:00-12:10", "12:15-07:00"])
            keys["quiet_severity"] = self.chance.choice(["low", "medium", "severe"])
        if self.chance.random() < 0.2:
            keys["min_severity"] = self.chance.choice(["medium", "high"])
        if self.chance.random() < 0.15:
            keys["escalate_after"] = self.chance.choice([60, 300])
        return keys

    def _routed(self, components: dict[str, Any]) -> dict[str, Any]:
        """Some components name their channels."""
        names = list(self.scene.config.channels)
        return {
            id_: keys | ({"channels": [self.chance.choice(names)]} if self.chance.random() < 0.2 else {})
            for id_, keys in components.items()
        }

    def _use(self, moods: dict[str, Mood]) -> None:
        """What refuses connections does so because nobody is there."""
        channels = {}
        for id_, keys in self._well.items():
            gone = {
                "telegram": {"base_url": f"http://127.0.0.1:{self.closed}"},
                "webhook": {"url": f"http://127.0.0.1:{self.closed}"},
                "email": {"port": self.closed},
                "file": {"path": str(self._folder / "nowhere" / "told.jsonl")},
            }[id_]
            channels[id_] = keys | (gone if moods.get(id_, Mood()).name == "refuse" else {})
        self.moods = moods
        self.scene.tables["channels"] = channels
        self.scene.config = configuration.load(self.scene.tables, "heartbeat.toml", self._folder)

    # --- the other sides ---

    def _listen(self) -> None:
        def http(channel: str) -> Callable[[dict[str, Any]], Step | None]:
            def mood(call: dict[str, Any]) -> Step | None:
                name = self._mood(channel)
                if name == "markup" and call.get("parse_mode") != "HTML":
                    return None
                self.met[f"{channel}: {name}"] += 1
                asked = self.chance.choice([1, 7, 90])
                step = HTTP[name](asked) if name in HTTP else None
                return step._replace(headers=(("Retry-After", str(asked)),)) if name == "429" and step else step

            return mood

        def mail(letter: EmailMessage) -> Whim | None:
            name = self._mood("email")
            self.met[f"email: {name}"] += 1
            return SMTP.get(name)

        servers = self.servers
        servers.api.mood, servers.hook.mood, servers.box.mood = http("telegram"), http("webhook"), mail
        servers.api.taken = lambda call, step: self._in_the_chat(call, why(step))
        servers.hook.taken = lambda call, step: self._arrived("webhook", call["id"], call["text"], why(step))
        servers.box.taken = lambda letter, whim: self._arrived(
            "email",
            letter["Message-ID"],
            _plain(letter),
            why(whim),
        )

    def _mood(self, channel: str) -> str:
        mood = self.moods.get(channel, Mood())
        return mood.name if self.chance.random() < mood.likely else "well"

    def _in_the_chat(self, call: dict[str, Any], lost: str) -> None:
        rows = call.get("reply_markup", {}).get("inline_keyboard", [])
        self._marks = [button["callback_data"] for row in rows for button in row] or self._marks
        self._arrived("telegram", "", call["text"], lost)

    def _arrived(self, channel: str, id_: str, text: str, lost: str) -> None:
        marks = marks_in(text)
        if any(one.type == "button" for one in marks):
            self.confirmed.append(lost or ("killed" if self._dying else ""))
        else:
            self.arrivals.append(Arrival(channel, id_, marks, self.scene.now, self.number, lost))
        if self._doomed and self.chance.random() < 0.5:
            self.nursery.kill()

    def _read_file(self) -> None:
        path = self._folder / "told.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines[self._lines :]:
            said = json.loads(line)
            self._arrived("file", said["id"], said["text"], "")
        self._lines = len(lines)

    # --- the play ---

    def play(self) -> Played:
        for _ in range(self.chance.randint(15, 40)):
            self._change()
            self._pass(kills=True)
        for id_ in self.failing:
            self.failing[id_] = 0 if self.chance.random() < 0.85 else 10**6
        self._use({})
        for _ in range(30):
            self._pass()
        for _ in range(200):
            if not outbox.count_waiting(self.scene.db):
                break
            self.scene.now += 900
            self.number += 1
            self._deliver()
        judge = Judge(self.model, self.arrivals, self.scene.db)
        judge.judge_presses(self.counted, self.confirmed, self.pressed)
        return Played(judge.judge(), self.kills, self.met, self.pressed, self.counted)

    def _change(self) -> None:
        chance, scene = self.chance, self.scene
        for id_, left in self.failing.items():
            if left:
                self.failing[id_] = left - 1
            elif chance.random() < 0.15:
                self.failing[id_] = chance.choice([1, 1, 3, 4, 6, 10])
        if chance.random() < 0.1:
            kind, target = chance.choice(["silence", "maintenance"]), chance.choice([*self.components, "*"])
            ends = scene.now + chance.choice([45, 130, 300])
            silences.add(scene.db, Silence(f"s{self.number}", target, kind, scene.now, ends, "work", "kim"))
        if chance.random() < 0.1:
            for incident in scene.incidents.values():
                states.acknowledge(scene.db, incident.id, scene.now, "kim")
        moods = dict(self.moods)
        for channel in self._well:
            if chance.random() < 0.3:
                known = MOODS[channel] + (["554"] if channel == "email" and "fallback" in self._well[channel] else [])
                name = chance.choice([*known, *["well"] * (len(known) // 2)])
                moods[channel] = Mood(name, chance.choice([0.5, 1.0, 1.0]))
        self._use(moods)

    def _pass(self, kills: bool = False) -> None:
        self.number += 1
        errors: dict[str, str | None] = {}
        for id_, left in self.failing.items():
            self.looks += 1
            errors[id_] = f"fault {self.looks} of {id_}" if left else None
        readings = {
            id_: Reading("error", None, said) if said else Reading("healthy", 0.1) for id_, said in errors.items()
        }
        self.scene.keep(**readings)
        self.scene.detect()
        self.model.step(self.scene.now, errors, silences.active(self.scene.db, self.scene.now))
        self._press()
        if kills and self.chance.random() < (0.2 if outbox.count_waiting(self.scene.db) else 0.05):
            self._deliver_and_die()
        else:
            self._deliver()
        self.scene.now += 30.0

    def _press(self) -> None:
        """Somebody presses, who may or may not; and two processes at once collect that."""
        scene = self.scene
        if self._marks and self.chance.random() < 0.15:
            user = self.chance.choice([USER, USER, USER + 1])
            self.servers.api.press(self.chance.choice(self._marks), user=user)
            self.pressed, self.counted = self.pressed + 1, self.counted + (user == USER)
        both = [one for _ in range(2) for one in collect.questions(scene.db, scene.config, scene.now)]
        for one, said in [(one, collect.ask(one)) for one in both]:
            effects.carry_out(scene.db, scene.config, one, said, scene.now)

    def _deliver(self) -> None:
        """One delivery in this process, and everybody who hangs is given up when nothing else is under way."""
        begun, scene = len(self.arrivals), self.scene
        start = time.monotonic()
        delivering = Delivering(scene.config, lambda: scene.now + time.monotonic() - start, RETRIES)
        still = False
        while delivering.unfinished:
            before = len(delivering.results)
            delivering.work(scene.db, patience=0.03)
            quiet = len(_senders()) <= self.servers.holding
            if quiet and still and before == len(delivering.results):
                break
            still = quiet
        delivering.finish()
        self.servers.let_go()
        for sender in _senders():
            sender.join()
        self._read_file()
        tried = {(one.alert, one.channel) for one in delivering.results}
        known = set(
            scene.db.rows("SELECT alert_id, channel FROM heartbeat_sends WHERE at >= to_timestamp(?)", (scene.now,))
        )
        assert tried <= known, "a try is not recorded"
        judge = Judge(self.model, [], scene.db)
        for one in self.arrivals[begun:]:
            for mark in one.marks:
                assert (judge.alert_of(mark), one.channel) in known, f"what arrived is not recorded: {one}"

    def _deliver_and_die(self) -> None:
        """One in a process that is killed: when a message has just been taken, or at any other moment. What was taken,
        and is not known to be, lost its answer by that."""
        begun, scene = len(self.arrivals), self.scene
        self._doomed, self._dying = self.chance.random() < 0.6, True
        died = self.nursery.deliver(
            scene.tables["heartbeat"]["store"], scene.tables, scene.now, self.chance.uniform(0.0, 0.12)
        )
        self.kills += died
        self._doomed = False
        self.servers.outlive()
        self._read_file()
        self._dying = False
        judge = Judge(self.model, [], scene.db)
        for place in range(begun, len(self.arrivals)):
            one = self.arrivals[place]
            alerts = [judge.alert_of(mark) for mark in one.marks]
            known = all(judge.outbox.get((alert or "", one.channel)) == "sent" for alert in alerts)
            if died and not known and not one.lost:
                self.arrivals[place] = one._replace(lost="killed")


def _plain(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _senders() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("send to ")]
