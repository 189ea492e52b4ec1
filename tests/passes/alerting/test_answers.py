"""What others learn of a person's answer to a fault: who acknowledged or silenced it, once, without a sound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.alerting import answers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence
from tests.parts.bot_api import CHAT, TOKEN, BotApi, bot_api
from tests.parts.scene import Scene

BAD = Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as server:
        yield server


class World(Scene):
    """`db` and `web`, and the channels `tg`, which rings at any severity, and `late`, which is not notified at once."""

    def __init__(self, db: Database, url: str, folder: Path, api: BotApi, **heartbeat: Any) -> None:
        made = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url, "silent": []}
        late = {"kind": "file", "path": str(folder / "late.log"), "escalate_after": 900}
        names = {"db": TCP | {"name": "The base"}, "web": TCP}
        super().__init__(db, url, folder, names, {"tg": made, "late": late}, heartbeat=heartbeat)

    def fall(self) -> None:
        for _ in range(3):
            self.saw(db=BAD, web=BAD)
        self.deliver()

    def acknowledge(self, *ids: str, by: str | None = "kim") -> None:
        with self.db.transaction():
            answers.acknowledge(self.db, self.config, [self.incidents[id_] for id_ in ids], by, self.now)
        self.now += 1
        self.deliver()


@pytest.fixture
def world(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> World:
    return World(store, store_url, tmp_path, api)


def heads(api: BotApi) -> list[str]:
    return [call["text"].partition("\n")[0].replace("<b>", "").replace("</b>", "") for call in api.messages]


def test_one_command_is_one_notice_to_those_who_were_notified_and_makes_no_sound(world: World, api: BotApi) -> None:
    world.fall()
    world.acknowledge("db", "web")
    assert heads(api)[1:] == ["🔵 [here] kim has acknowledged: The base is down; web is down"]
    assert [call["disable_notification"] for call in api.messages] == [False, True]
    assert not (world.folder / "late.log").exists()
    assert world.incidents["db"].acked_by == "kim"


def test_what_nobody_has_acknowledged_is_named_beside_what_somebody_has(world: World, api: BotApi) -> None:
    world.fall()
    world.acknowledge("db")
    assert "Still open, and acknowledged by nobody: web (since " in api.messages[-1]["text"]
    world.acknowledge("web")
    assert "kim deals with it: nothing to do about it for anybody else." in api.messages[-1]["text"]
    assert "Still open" not in api.messages[-1]["text"]


def test_the_same_acknowledgement_once_more_is_no_news_and_that_of_another_is(world: World, api: BotApi) -> None:
    world.fall()
    for by in ("kim", "kim", "lee", None):
        world.acknowledge("db", by=by)
    assert heads(api)[1:] == [
        "🔵 [here] kim has acknowledged: The base is down",
        "🔵 [here] lee has acknowledged: The base is down",
        "🔵 [here] The base is down: its acknowledgement was taken back",
    ]


def test_a_silence_of_what_is_in_fault_says_until_when(world: World, api: BotApi) -> None:
    world.fall()
    for target in ("db", "nothing"):
        made = Silence(target, target, "silence", world.now, world.now + 3600, "no reason given", "kim")
        with world.db.transaction():
            answers.silence(world.db, world.config, made, world.now)
    world.deliver()
    assert heads(api)[1:] == ["🔵 [here] The base is down: no messages until 13:01, silenced by kim"]


def test_it_can_be_turned_off(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> None:
    world = World(store, store_url, tmp_path, api, announce_acknowledgements=False)
    world.fall()
    world.acknowledge("db")
    assert len(api.messages) == 1 and world.incidents["db"].acked_by == "kim"


def test_what_could_not_be_delivered_waits(world: World, api: BotApi) -> None:
    world.fall()
    with world.db.transaction():
        answers.acknowledge(world.db, world.config, [world.incidents["db"]], "kim", world.now)
    assert world.outbox[-1] == "acknowledged to tg: waiting"
