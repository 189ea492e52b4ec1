"""The store goes away in the moment between the decision to take a step and its record: the step of a component that
other hosts restart, too, is left to whoever reaches the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.http import Answer, Seen, healthy_server
from tests.parts.postgres import Server
from tests.parts.verb import Ended, heartbeat

pytestmark = pytest.mark.postgres
NAMES = ("alpha", "beta")
# Loopback in a form that heartbeat takes for a host on the network: other hosts see the same agent there.
SHARED, OWN = "0x7f000001", "127.0.0.1"


class World:
    """An agent that is down, its ladder, and two hosts. While `loses` is set, the store goes away in the second check
    of a run, which is the one right before its step."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server, self.loses, self.port = folder, server, False, 0
        self.steps = folder / "steps"
        self.checks = 0
        self.step = folder / "restart"
        self.step.write_text(f'#!/bin/sh\necho "$1" >>"{self.steps}"\n')
        self.step.chmod(0o755)

    def configure(self, port: int, host: str, names: tuple[str, ...]) -> None:
        for name in names:
            own = self.folder / name
            own.mkdir()
            (own / "heartbeat.toml").write_text(
                f'[heartbeat]\nobserver = "{name}"\nstore = "{self.server.dsn()}"\nstate_dir = "{own}/state"\n'
                f"store_timeout = 5\n[recovery]\nverify_wait = 0\n"
                f'[components.web]\nkind = "agent"\nurl = "http://{host}:{port}/health"\ninterval = 0.01\n'
                f"retries = 0\nfail_threshold = 1\nquorum = {len(names)}\n"
                f'[components.web.recovery]\nladder = [{{ action = "command", command = ["{self.step}", "{name}"] }}]\n'
            )

    def answer(self, seen: Seen) -> Answer:
        self.checks += 1
        if self.loses and self.checks == 2:
            self.server.kill()
        return Answer(503)

    def run(self, name: str) -> Ended:
        self.checks = 0
        ended = heartbeat(self.folder / name, "run")
        assert ended.code == 0, ended.err
        return ended

    def taken(self) -> list[str]:
        return self.steps.read_text().split() if self.steps.exists() else []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Server() as server, healthy_server() as agent:
        made = World(tmp_path, server)
        agent.choose = made.answer
        made.port = agent.port
        yield made


def test_a_shared_component_is_left_to_whoever_reaches_the_store(world: World) -> None:
    world.configure(world.port, SHARED, NAMES)
    world.run("alpha")
    world.run("beta")  # quorum 2, and alpha ended the first round: the next one is alpha's, too
    world.loses = True
    assert "going on with" in world.run("alpha").err
    assert world.taken() == []
    world.loses = False
    world.server.start()
    world.run("beta")
    assert world.taken() == ["beta"]
    world.run("alpha")
    world.run("beta")
    assert world.taken() == ["beta"], "the one host's step is given its time by the other one"


def test_a_component_of_one_host_is_restarted_all_the_same(world: World) -> None:
    world.configure(world.port, OWN, ("alpha",))
    world.loses = True
    assert "going on with" in world.run("alpha").err
    assert world.taken() == ["alpha"]
