"""What a soak watches, and who is told: real servers in moods, a port, a command, a container, a job that beats, this
host; a store that is stopped, hung, cut off or held by somebody else. All by the script."""

import json
import random
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.parts import hostile
from tests.parts.bot_api import BotApi, receiver
from tests.parts.docker import BUSYBOX, docker, need_image, unique
from tests.parts.hostile import hostile_server
from tests.parts.postgres import Server, execute, with_movable_clock
from tests.parts.smtp import MailBox, smtp_server

from bench._soak_parts import AGENT, HTTP, SMTP, TIMEOUT, WELL, Port, known_by
from bench._soak_script import AGENTS, Trouble
from heartbeat_cli.config import load as configuration
from heartbeat_cli.config import places


class Arrival(NamedTuple):
    """A message that was taken in a pass; `key` is how the other side knows it, `lost` whether its answer was withheld
    or said otherwise."""

    channel: str
    key: Any
    number: int
    lost: bool


class World:
    """Use as a context manager: all of it runs, and `config` is over it."""

    def __init__(self, folder: Path, store: str, box: bool, seed: int) -> None:
        self.folder, self.dialect = folder, store
        self.config = folder / "heartbeat.toml"
        self.state, self.public = folder / "state", folder / "public"
        self.sqlite = folder / "store.db"
        self.arrivals: list[Arrival] = []
        self.number = 0
        self.away = False  # the store cannot be asked just now
        self._chance = random.Random(seed)
        self._moods: dict[str, str] = {}
        self._wants_box, self.box = box, ""
        self._held: sqlite3.Connection | None = None
        self._lines = 0
        self._stack = ExitStack()

    @property
    def kept(self) -> Path:
        """Where mirror and spool of the store are kept; above it is the folder of the configuration."""
        return places.store_folder(configuration.read(self.config))

    def __enter__(self) -> "World":
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.public.mkdir()
        autovacuum = {"autovacuum": "on", "autovacuum_naptime": "1s"}
        self.server = self._stack.enter_context(Server(settings=autovacuum))
        with_movable_clock(self.server.dsn())
        self.hook: BotApi = self._stack.enter_context(receiver())
        self.mail: MailBox = self._stack.enter_context(smtp_server())
        self.hook.mood = lambda call: HTTP.get(self._mood("hook"))
        self.mail.mood = lambda letter: SMTP.get(self._mood("mail"))
        self.hook.taken = lambda call, step: self._arrived("hook", call["id"], bool(step.instead) or step.status >= 400)
        self.mail.taken = lambda letter, whim: self._arrived("mail", known_by(letter), whim is not None)
        self._urls = {id_: self._stack.enter_context(hostile_server(self._agent(id_))).url for id_ in AGENTS}
        self._port = Port()
        self._stack.callback(self._port.close)
        for name in ("mailq", "quiet", "worker"):
            (self.folder / name).touch()
        if self._wants_box:
            need_image("busybox", BUSYBOX)
            self.box = unique("soak")
            self._stack.callback(docker, "rm", "--force", self.box)
            docker("run", "--detach", "--network", "none", "--name", self.box, BUSYBOX, "sleep", "100000")
        self.config.write_text(self.text(self.store, self.folder))

    @property
    def store(self) -> str:
        return self.server.dsn() if self.dialect == "postgres" else f"sqlite:///{self.sqlite}"

    def text(self, store: str, own: Path) -> str:
        """A configuration over all of it, with its store, and its state and page in its own folder."""
        folder = self.folder
        blocks = [_HEAD.format(store=store, folder=own, hook=self.hook.url, port=self.mail.port)]
        for id_, url in self._urls.items():
            blocks.append(f'[components.{id_}]\nkind = "agent"\nurl = "{url}"\ntimeout = {TIMEOUT}')
            blocks[-1] += f"\nslow_after = {TIMEOUT / 4}\nretries = 0"
        blocks[-1] += '\ndepends_on = ["redis"]'
        for id_ in ("mailq", "quiet"):
            blocks.append(_COMMAND.format(id=id_, path=folder / id_))
        blocks.append(_COMMAND.format(id="worker", path=folder / "worker"))
        blocks[-1] += '\n[components.worker.recovery]\nmode = "on"\n[[components.worker.recovery.ladder]]\n'
        blocks[-1] += f'action = "command"\ncommand = ["touch", "{folder}/worker"]'
        blocks.append(f'[components.redis]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {self._port.number}\nretries = 0')
        blocks.append('[components.job]\nkind = "push"\nperiod = 300\ngrace = 60')
        blocks.append(f'[components.db]\nkind = "database"\ndsn = "{self.server.dsn()}"\ntimeout = 0.6\nretries = 0')
        quiet = "\n".join(f"{limit}_warn = 0" for limit in ("cpu", "load", "memory", "swap", "disk", "inodes"))
        blocks.append(f'[components.host]\nkind = "host"\noom_warn = false\n{quiet}')
        if self.box:
            blocks.append(f'[components.box]\nkind = "docker"\ncontainer = "{self.box}"\nrecovery = "on"')
        return "\n\n".join(blocks)

    # --- the other sides ---

    def _agent(self, id_: str) -> hostile.Behaviour:
        def behave(connection: socket.socket, stop: threading.Event) -> None:
            how = AGENT.get(self._moods.get(id_, ""))
            if how is not None:
                how(connection, stop)
            else:
                connection.sendall(WELL)

        return behave

    def _mood(self, channel: str) -> str:
        return self._moods.get(channel, "") if self._chance.random() < 0.6 else ""

    def _arrived(self, channel: str, key: Any, lost: bool) -> None:
        self.arrivals.append(Arrival(channel, key, self.number, lost))

    def read_file(self) -> None:
        """What the channel `log` has taken since."""
        path = self.folder / "told.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines[self._lines :]:
            self._arrived("log", json.loads(line)["id"], False)
        self._lines = len(lines)

    # --- trouble ---

    def move(self, number: int, troubles: Iterable[Trouble]) -> None:
        """Before a pass: end what is over, begin what begins."""
        self.number = number
        listed = list(troubles)
        for one in listed:
            if one.last == number - 1:
                self._turn(one, False)
        for one in listed:
            if one.first == number:
                self._turn(one, True)

    def _turn(self, one: Trouble, on: bool) -> None:
        act: Callable[[str, bool], None] = {
            "store": self._store,
            "redis": lambda how, on: self._port.close() if on else self._port.open(),
            "box": self._kill_box,
        }.get(one.what, lambda how, on: self._other(one.what, how, on))
        act(one.how, on)

    def _kill_box(self, how: str, on: bool) -> None:
        if on:
            docker("kill", self.box)

    def _other(self, what: str, how: str, on: bool) -> None:
        if how == "removed":  # what heals it is heartbeat
            if on:
                (self.folder / what).unlink()
        elif how != "missing":
            self._moods[what] = how if on else ""
        elif on:
            (self.folder / what).unlink()
        else:
            (self.folder / what).touch()

    def _store(self, how: str, on: bool) -> None:
        server = self.server
        if how == "restart":
            if on:
                server.stop()
                server.start()
        elif how == "cut":
            self._moods["store"] = "cut" if on else ""
        elif how == "hold":
            self._hold(on)
        else:
            {"stop": (server.start, server.stop), "pause": (server.resume, server.pause)}[how][on]()
            self.away = on

    def _hold(self, on: bool) -> None:
        """Somebody else writes to the SQLite store and does not come to an end."""
        if on:
            self._held = sqlite3.connect(self.sqlite, isolation_level=None)
            self._held.execute("BEGIN IMMEDIATE")
        elif self._held is not None:
            self._held.rollback()
            self._held.close()
        self.away = on

    def cutting(self) -> threading.Timer | None:
        """While sessions are cut: what will do it in the pass that is about to start."""
        if self._moods.get("store") != "cut":
            return None
        timer = threading.Timer(self._chance.uniform(0.05, 0.2), self._cut)
        timer.start()
        return timer

    def _cut(self) -> None:
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'heartbeat%'"
        execute(self.server.admin_dsn(), sql)


_HEAD = """
[heartbeat]
store = "{store}"
observer = "soak"
timezone = "Europe/Berlin"
state_dir = "{folder}/state"
store_timeout = 1
reference = []
[recovery]
mode = "off"
[retention]
heartbeats_days = 1
metrics_days = 1
[report]
channels = ["log"]
[dashboard]
file = "{folder}/public/index.html"
badges = "{folder}/public/badges"
interval = 300
[channels.log]
kind = "file"
path = "{folder}/told.jsonl"
[channels.hook]
kind = "webhook"
url = "{hook}/hook"
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {port}
security = "none"
from = "heartbeat@example.org"
to = ["ops@example.org"]
digest = false"""

_COMMAND = """[components.{id}]
kind = "command"
command = ["test", "-e", "{path}"]
exit_codes = "plain"
retries = 0"""
