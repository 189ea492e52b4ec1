"""A message that waits while the store goes away is in every host's mirror; one of them sends it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.parts.http import Answer, Server, healthy_server
from tests.parts.postgres import Server as Postgres
from tests.parts.verb import heartbeat

pytestmark = pytest.mark.postgres
NAMES = ("alpha", "beta", "gamma")


class Hosts:
    """They watch `thing`, which is well while its file is there, and notify `receiver`."""

    def __init__(self, folder: Path, dsn: str, receiver: Server) -> None:
        self.folder, self.receiver = folder, receiver
        self.thing = folder / "thing"
        self.thing.touch()
        for name in NAMES:
            (folder / name).mkdir()
            (folder / name / "heartbeat.toml").write_text(
                f'[heartbeat]\nobserver = "{name}"\nstore = "{dsn}"\nstate_dir = "{folder}/{name}/state"\n'
                f'store_timeout = 5\n[channels.hook]\nkind = "webhook"\nurl = "{receiver.url}/{name}"\n'
                f'[components.web]\nkind = "command"\ncommand = ["test", "-e", "{self.thing}"]\nexit_codes = "plain"\n'
                f'interval = 0.01\nretries = 0\nfail_threshold = 2\nquorum = 2\nrecovery = "off"\n'
            )

    def run(self, times: int = 1) -> None:
        for _ in range(times):
            with ThreadPoolExecutor(len(NAMES)) as pool:
                ended = list(pool.map(lambda name: heartbeat(self.folder / name, "run"), NAMES))
            assert all(one.code == 0 for one in ended), ended

    def told(self, type_: str) -> int:
        """How many messages of this type were taken or refused."""
        return sum(json.loads(one.body)["type"] == type_ for one in self.receiver.seen)


@pytest.fixture
def receiver() -> Iterator[Server]:
    with healthy_server() as made:
        yield made


def test_what_waits_when_the_store_goes_away_is_sent_once(tmp_path: Path, receiver: Server) -> None:
    with Postgres() as server:
        hosts = Hosts(tmp_path, server.dsn(), receiver)
        hosts.run(2)
        receiver.answer = Answer(503, headers=(("Retry-After", "1"),))
        hosts.thing.unlink()
        hosts.run(4)
        assert hosts.told("command_down") > 0, "it was tried"
        receiver.seen.clear()
        receiver.answer = Answer()
        server.stop()
        for _ in range(50):
            hosts.run()
            if hosts.told("command_down"):
                break
        hosts.run(2)
        assert hosts.told("command_down") == 1
        server.start()
        hosts.run()
        hosts.thing.touch()
        hosts.run(5)
        assert (hosts.told("command_down"), hosts.told("recovered")) == (1, 1)
