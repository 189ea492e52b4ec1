"""The hosts that watch: each with a folder, a configuration and a clock of its own, and ways that can be cut. And what
they watch: an agent that is well while a file is there, which a step of its ladder may bring back."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from heartbeat_cli.config import load, places
from heartbeat_cli.store.standby import spool
from tests.parts import faketime
from tests.parts.cluster.cluster import Cluster
from tests.parts.cluster.network import Way
from tests.parts.forked import Forked
from tests.parts.http import Answer, Seen, healthy_server

QUORUM, FAILED_ROUNDS, GOOD_ROUNDS = 3, 2, 2
NAMES = ("o1", "o2", "o3", "o4", "o5")
STORE_TIMEOUT = 2.0
GRACE = 3.0  # seconds that a step has to help
ANYWHERE = "0x7f000001"  # loopback in a form that heartbeat takes for a host on the network, so hosts share it
_AGENT_SECONDS = 0.03  # what the agent takes to answer


class Request(NamedTuple):
    """A check that the agent was asked for, by whom, and what it said."""

    at: float
    observer: str
    status: int


class Step(NamedTuple):
    """A recovery step that was really taken: its number in the ladder, by whom, from when to when."""

    observer: str
    number: int
    begun: float
    ended: float


class Agent:
    """`heals` are the steps that bring it back."""

    def __init__(self, folder: Path, heals: tuple[int, ...]) -> None:
        self.folder, self.heals, self.requests = folder, heals, list[Request]()
        self._up, self._calls = folder / "up", folder / "steps"
        self._up.touch()
        self._calls.mkdir()
        self.script = folder / "restart"
        cure = "|".join(map(str, heals)) or "none"
        # One file a step: what is written into it is whole or absent, whoever else takes one at the same moment.
        self.script.write_text(
            f'#!/bin/sh\nfile="{self._calls}/$1-$2-$$"\ndate +%s.%N >"$file"\nsleep 0.2\n'
            f'case $2 in {cure}) touch "{self._up}" ;; esac\ndate +%s.%N >>"$file"\n'
        )
        self.script.chmod(0o755)

    def falls(self) -> None:
        self._up.unlink(missing_ok=True)

    def comes_back(self) -> None:
        self._up.touch()

    @property
    def is_up(self) -> bool:
        return self._up.exists()

    def steps(self) -> list[Step]:
        """What the script has recorded of itself, in the order it was called."""
        found = []
        for path in self._calls.iterdir():
            observer, number, _ = path.name.split("-")
            times = [float(line) for line in path.read_text().split()]
            found.append(Step(observer, int(number), times[0], times[-1]))
        return sorted(found, key=lambda one: one.begun)

    def answer(self, seen: Seen) -> Answer:
        status = 200 if self.is_up else 503
        self.requests.append(Request(time.time(), seen.headers.get("x-observer", ""), status))
        return Answer(status, delay=_AGENT_SECONDS)


@contextmanager
def agent(folder: Path, heals: tuple[int, ...]) -> Iterator[tuple[Agent, int]]:
    """The agent and the port at which it answers."""
    made = Agent(folder, heals)
    with healthy_server() as server:
        server.choose = made.answer
        yield made, server.port


class Run(NamedTuple):
    """A `heartbeat run`: the process, from when to when, how it ended, and what it said on standard error."""

    observer: str
    pid: int
    began: float
    ended: float
    code: int
    said: str


class Observer:
    """`ways` are those to its store and to what it watches; `ahead` are the seconds that its clock is ahead."""

    def __init__(self, name: str, folder: Path, ways: tuple[Way, ...], config: str, ahead: float) -> None:
        self.name, self.folder, self.ways, self.ahead = name, folder, ways, ahead
        self.runs: list[Run] = []
        folder.mkdir()
        self.config = folder / "heartbeat.toml"
        self.config.write_text(config)
        self._kept = places.store_folder(load.read(self.config))

    def run(self, verb: str = "run") -> Run:
        """One pass, in a process of its own."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        words, began = ["--config", str(self.config), verb], time.time()
        if self.ahead:
            argv = [sys.executable, "-m", "heartbeat_cli", *words]
            started = faketime.Started(argv, faketime.off(self.ahead), self.folder, environment)
            done = started.end(120)
            found = Run(self.name, started.pid, began, time.time(), done.returncode, done.stderr)
        else:
            forked = Forked(words, self.folder, environment, session=True)
            _, said = forked.communicate(120)
            found = Run(self.name, forked.pid, began, time.time(), forked.returncode or 0, said)
        self.runs.append(found)
        return found

    def spools(self) -> list[Path]:
        return spool.existing(self._kept)

    def part(self) -> None:
        for way in self.ways:
            way.cut()

    def join(self) -> None:
        for way in self.ways:
            way.mend()

    def close(self) -> None:
        for way in self.ways:
            way.close()


def observer(
    cluster: Cluster, folder: Path, place: int, database: str, agent: Agent, ports: tuple[int, int], ahead: float
) -> Observer:
    """The observer at this place: two reach the store through PgBouncer, two through HAProxy, and one knows all nodes.
    `ports` are those of the agent and of the receiver of messages."""
    name = NAMES[place]
    to_store = cluster.network.way_to((cluster.pooled_port, cluster.leader_port)[place % 2]) if place < 4 else None
    to_agent, to_rest = cluster.network.way_to(ports[0]), cluster.network.way_to(cluster.primary_rest_port)
    store = cluster.dsn(database, *([to_store.port] if to_store else [])) + f"&application_name={name}"
    text = _config(name, store, folder / name, agent.script, (to_agent.port, to_rest.port, ports[1]))
    ways = tuple(way for way in (to_store, to_agent, to_rest) if way is not None)
    return Observer(name, folder / name, ways, text, ahead)


def _config(name: str, store: str, folder: Path, script: Path, ports: tuple[int, int, int]) -> str:
    common = f"interval = 0.01\nretries = 0\ntimeout = 1\nquorum = {QUORUM}\n"
    common += f"fail_threshold = {FAILED_ROUNDS}\nrecovery_threshold = {GOOD_ROUNDS}\n"
    steps = ", ".join(f'{{ action = "command", command = ["{script}", "{name}", "{n}"] }}' for n in (1, 2))
    return f"""
[heartbeat]
observer = "{name}"
store = "{store}"
state_dir = "{folder}/state"
store_timeout = {STORE_TIMEOUT}
reopen_within = 3
[recovery]
verify_wait = 1
startup_grace = {GRACE}
backoff = 1
timeout = 5
[channels.hook]
kind = "webhook"
url = "http://127.0.0.1:{ports[2]}/{name}"
digest = false
[components.web]
kind = "agent"
url = "http://{ANYWHERE}:{ports[0]}/health"
headers = {{ X-Observer = "{name}" }}
{common}
[components.web.recovery]
ladder = [{steps}]
[components.cluster]
kind = "agent"
url = "http://{ANYWHERE}:{ports[1]}/primary"
recovery = "off"
{common}
"""
