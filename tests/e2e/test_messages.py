"""Messages arrive, once and in order, over channels that misbehave and with senders that die (200 such lives:
`python -m bench messages`); and less noise without anything being swallowed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.deliver.deliver import Delivering
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences
from heartbeat_cli.store.state.silences import Silence
from tests.parts.bot_api import CHAT, TOKEN, Step
from tests.parts.messages_world import World
from tests.parts.moody_servers import Servers
from tests.parts.nursery import Nursery
from tests.parts.scene import Scene
from tests.parts.stores import store, store_url

__all__ = ["store", "store_url"]

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


@pytest.mark.parametrize("seed", range(3))
def test_a_life_over_bad_channels(
    store: Database, store_url: str, tmp_path: Path, servers: Servers, nursery: Nursery, seed: int
) -> None:
    played = World(store, store_url, tmp_path, servers, nursery, seed).play()
    assert played.ending.wrong == ()


@pytest.fixture
def both(store: Database, store_url: str, tmp_path: Path, servers: Servers) -> Any:
    """both(components) gives a scene with the channels `tg` and `mail`, and more keys for each."""

    def make(components: dict[str, Any], tg: dict[str, Any] | None = None, mail: dict[str, Any] | None = None) -> Scene:
        address = {"from": "heartbeat@example.org", "to": ["ops@example.org"]}
        telegram = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": servers.api.url}
        smtp = {"kind": "email", "host": "127.0.0.1", "port": servers.box.port, "security": "none"}
        channels = {"tg": telegram | (tg or {}), "mail": smtp | address | (mail or {})}
        return Scene(store, store_url, tmp_path, components, channels)

    return make


def heads(servers: Servers) -> list[str]:
    """The first line of each message that Telegram took, without tags; and mail took the same ones."""
    plain = [call["text"].partition("\n")[0].replace("<b>", "").replace("</b>", "") for call in servers.api.messages]
    assert len(plain) == len(servers.box.mails)
    return plain


def life(scene: Scene, **looks: str) -> None:
    """A pass for each letter (F fails, S is well), and its delivery."""
    for letters in zip(*looks.values(), strict=True):
        scene.saw(30.0, **{id_: BAD if letter == "F" else GOOD for id_, letter in zip(looks, letters, strict=True)})
        scene.deliver()


def test_thirty_that_fail_with_their_parent_give_one_message(both: Any, servers: Servers) -> None:
    children = {f"c{number:02}": TCP | {"depends_on": ["db"]} for number in range(30)}
    scene = both({"db": TCP} | children)
    life(scene, **dict.fromkeys(["db", *children], "FFFF"))
    assert len(servers.api.messages) == len(servers.box.mails) == 1
    assert "db" in heads(servers)[0] and "c29" in servers.api.messages[0]["text"]
    life(scene, **dict.fromkeys(["db", *children], "SSSS"))
    assert len(heads(servers)) == 2


def test_one_that_flaps_gives_two_messages(both: Any, servers: Servers) -> None:
    scene = both({"db": TCP})
    life(scene, db="FFF" + "SF" * 5 + "SSFFF" * 5 + "S" * 24)
    first, last = heads(servers)
    assert first.startswith("🔴") and last.startswith("🟢")


@pytest.mark.parametrize("kind", ["silence", "maintenance"])
def test_a_quiet_time_swallows_no_final_state(both: Any, servers: Servers, kind: str) -> None:
    """What was told before it ends in it; what lasts longer than it is told then; what is over sooner is not."""
    scene = both({"db": TCP, "web": TCP, "main": TCP})
    life(scene, db="FFF", web="SSS", main="SSS")
    assert len(heads(servers)) == 1
    silences.add(scene.db, Silence("s", "*", kind, scene.now, scene.now + 300, "work", "kim"))
    life(scene, db="SSSSSSSS", web="FFFFFFFF", main="FFFFSSSS")
    assert len(heads(servers)) == 2 and "db" in heads(servers)[1] and heads(servers)[1].startswith("🟢")
    life(scene, db="SSS", web="FFF", main="SSS")
    assert len(heads(servers)) == 3 and "web" in heads(servers)[2] and heads(servers)[2].startswith("🔴")
    life(scene, db="SS", web="SS", main="SS")
    assert len(heads(servers)) == 4 and heads(servers)[3].startswith("🟢")


def test_a_healthy_channel_has_it_while_another_hangs(both: Any, servers: Servers) -> None:
    """A call hangs at Telegram from before the mail until long after it; the next fault is mailed all the same."""
    scene = both({"db": TCP, "web": TCP})
    servers.api.mood = lambda call: Step(instead="hang")
    for number, id_ in enumerate(("db", "web"), 1):
        for _ in range(3):
            scene.saw(**{id_: BAD})
        delivering = Delivering(scene.config, scene.clock)
        while not (servers.api.held and delivering.results):
            delivering.work(scene.db, patience=0.05)
        assert [(one.channel, one.error) for one in delivering.results] == [("mail", None)]
        assert len(servers.box.mails) == number and servers.api.messages == []
        delivering.finish()
        servers.let_go()
    servers.api.mood = lambda call: None
    scene.now += 3600
    scene.deliver()
    assert len(servers.api.messages) == 2 and len(servers.box.mails) == 2, (
        "each in its own message, as it was sent first"
    )


def test_who_has_heard_of_the_end_is_not_told_that_it_lasts(both: Any, servers: Servers) -> None:
    """The escalation of a channel that fails goes to its fallback, which was told of the end a moment before."""
    away = {"escalate_after": 60, "fallback": "tg", "fallback_after": 300, "port": 1}
    scene = both({"db": TCP}, mail=away)
    life(scene, db="FFF")
    scene.now += 60
    life(scene, db="FF")
    assert scene.outbox[1].endswith("to mail: waiting")
    life(scene, db="SS")
    scene.now += 3600
    scene.deliver()
    assert [call["text"][:4] for call in servers.api.messages] == ["<b>🔴", "<b>🟢"]
    assert not [row for row in scene.outbox if "waiting" in row]


def test_the_morning_message_comes_again_as_it_was(both: Any, servers: Servers) -> None:
    """It tells a beginning and its end; its answer was lost."""
    scene = both({"db": TCP}, tg={"quiet_hours": "11:00-13:00", "quiet_severity": "severe"})
    scene.tables["heartbeat"]["timezone"] = "UTC"
    scene.config = configuration.load(scene.tables, "heartbeat.toml", scene.folder)
    life(scene, db="FFFSS")
    servers.api.script = [Step(accept=True, instead="reset")]
    scene.now += 3600
    scene.deliver()
    scene.now += 60
    scene.deliver()
    first, again = (call["text"] for call in servers.api.messages)
    assert first == again and "has recovered" in first and "Since" in first
    assert not [row for row in scene.outbox if "waiting" in row]
