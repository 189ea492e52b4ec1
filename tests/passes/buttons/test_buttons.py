"""Buttons under messages: what is pressed is carried out once, for those who may press, and for nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.errors import ConfigError
from heartbeat_cli.passes.buttons import collect, effects, orders
from heartbeat_cli.passes.recover import recover
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import presses, silences
from tests.parts.bot_api import CHAT, TOKEN, USER, BotApi, Step, bot_api, refusal
from tests.parts.scene import Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
ACK, SILENCE, RECOVER = "✓ Acknowledge", "🔕 Silence 1 h", "↻ Recover now"


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as server:
        yield server


class World(Scene):
    """A component `db`, whose step writes a line into `steps`, and the channel `tg` with buttons."""

    def __init__(self, db: Database, url: str, folder: Path, api: BotApi, mode: str = "ask", **more: Any) -> None:
        self.steps = folder / "steps"
        step = {"action": "command", "command": ["sh", "-c", f"echo step >> {self.steps}"]}
        keys = {"name": "The base", "recovery": {"mode": mode, "ladder": [step]}}
        made = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url}
        channels = {"tg": made | {"buttons": True, "users": [USER, 12]}} | more.pop("channels", {})
        super().__init__(db, url, folder, {"db": TCP | keys, "web": TCP}, channels, **more)

    def fall(self, *ids: str) -> None:
        for _ in range(3):
            self.saw(**dict.fromkeys(ids or ("db",), BAD))
        self.deliver()

    def rise(self) -> None:
        for _ in range(2):
            self.saw(db=GOOD)
        self.deliver()

    def collect(self) -> list[str]:
        """What a pass does with presses; the answers, which are shown as well."""
        asked = collect.questions(self.db, self.config, self.now)
        said = [(one, collect.ask(one)) for one in asked]
        answers = []
        while said:
            answers += [one for pair in said for one in effects.carry_out(self.db, self.config, *pair, self.now)]
            said = [(one, collect.ask(one)) for one in collect.unfinished(self.db, said, self.now)]
        for one in answers:
            collect.module(one.channel).answer(one.channel.settings, one.press, one.text, timeout=5.0)
        self.now += 1
        return [one.text for one in answers]

    def heal(self) -> None:
        """Recovery, as a pass runs it with people's orders."""
        due = orders.take(self.db, self.config, self.now)
        asked = [one.component for one in due]
        results = recover.recover(recover.one_store(self.db), self.config, self.clock, asked=asked)
        orders.settle(self.db, self.config, due, results, self.now)


@pytest.fixture
def world(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> World:
    return World(store, store_url, tmp_path, api)


def polls(api: BotApi) -> list[dict[str, Any]]:
    return [call for method, call in api.others if method == "getUpdates"]


def shown(api: BotApi) -> list[str]:
    """What those who pressed were shown."""
    return [call["text"] for method, call in api.others if method == "answerCallbackQuery"]


def heads(api: BotApi) -> list[str]:
    return [call["text"].partition("\n")[0].replace("<b>", "").replace("</b>", "") for call in api.messages]


# --- what stands under a message ---


def test_a_message_about_a_fault_has_three_buttons_and_its_end_has_none(world: World, api: BotApi) -> None:
    world.fall()
    assert list(api.buttons) == [ACK, SILENCE, RECOVER]
    marks = api.buttons.values()
    assert len(set(marks)) == 3 and all(len(one.encode()) <= 64 for one in marks)
    world.rise()
    assert len(api.messages) == 2 and "reply_markup" not in api.messages[1]


def test_without_buttons_nothing_stands_there_and_other_channels_have_none(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    log = tmp_path / "messages.log"
    world = World(store, store_url, tmp_path, api, channels={"log": {"kind": "file", "path": str(log)}})
    world.tables["channels"]["tg"]["buttons"] = False
    world.config = configuration.load(world.tables, "heartbeat.toml", tmp_path)
    world.fall()
    assert "reply_markup" not in api.messages[0] and "buttons" not in json.loads(log.read_text())
    assert collect.sources(world.config) == []


def test_a_digest_has_a_row_for_each_fault_and_none_for_what_recovery_may_not_do(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    world = World(store, store_url, tmp_path, api, mode="off")
    world.fall("db", "web")
    first, second = api.messages[0]["reply_markup"]["inline_keyboard"]
    assert [one["text"] for one in (*first, *second)] == ["✓ The base", SILENCE, "✓ web", SILENCE]


# --- what a press does ---


def test_an_acknowledgement_is_made_answered_and_confirmed_once(world: World, api: BotApi) -> None:
    world.fall()
    api.press(api.buttons[ACK])
    said = "The base is acknowledged by @kim_ops (Telegram 4711)"
    assert world.collect() == [said] == shown(api)
    assert world.incidents["db"].acked_by == "@kim_ops (Telegram 4711)"
    assert world.collect() == [] and api.updates == []
    world.deliver()
    assert heads(api)[1:] == [f"🔵 [here] {said}"]
    api.press(api.buttons[ACK], user=12, **{"from": {"id": 12}})
    assert world.collect() == ["The base was acknowledged before, by @kim_ops (Telegram 4711)"]


def test_a_silence_lasts_an_hour_and_a_second_press_adds_none(world: World, api: BotApi) -> None:
    world.fall()
    for _ in range(2):
        api.press(api.buttons[SILENCE])
    begun = world.now
    first, second = world.collect()
    assert first.startswith("No messages about The base until 2026-") and "is silenced already" in second
    (only,) = silences.active(world.db, world.now)
    assert (only.target, only.kind, only.ends - begun) == ("db", "silence", 3_600.0)
    assert only.created_by == "@kim_ops (Telegram 4711)"


def test_recover_now_is_the_word_that_a_component_waits_for(world: World, api: BotApi) -> None:
    world.fall()
    world.heal()
    assert not world.steps.exists()
    api.press(api.buttons[RECOVER])
    assert world.collect() == ["The base: its recovery begins"]
    world.heal()
    assert world.steps.read_text() == "step\n"
    assert world.attempts[-1].requested_by == "person"
    world.heal()
    assert world.steps.read_text() == "step\n" and presses.orders(world.db) == []
    world.deliver()
    assert heads(api)[1:] == [
        "🔵 [here] The base: its recovery begins",
        "🔵 [here] The base: what came of the order to recover it",
    ]
    assert "1. command: done" in api.messages[-1]["text"]


def test_recover_now_keeps_to_the_brakes_and_says_what_holds_it_back(world: World, api: BotApi) -> None:
    silences.add(
        world.db, silences.Silence("m", "db", "maintenance", world.now + 200, world.now + 900, "a disk", "kim")
    )
    world.fall()
    api.press(api.buttons[RECOVER])
    world.now += 120
    world.collect()
    world.heal()
    world.deliver()
    assert not world.steps.exists() and presses.orders(world.db) == []
    assert "a disk" in api.messages[-1]["text"]


def test_an_order_whose_step_was_begun_by_a_killed_run_is_not_carried_out_again(world: World, api: BotApi) -> None:
    world.fall()
    api.press(api.buttons[RECOVER])
    world.collect()
    (order,) = orders.take(world.db, world.config, world.now)
    recover.recover(recover.one_store(world.db), world.config, world.clock, asked=[order.component])
    world.heal()  # of the next run: this one was killed before it removed the order
    assert world.steps.read_text() == "step\n" and presses.orders(world.db) == []


def test_a_press_on_an_incident_that_is_over_says_so_and_touches_no_other(world: World, api: BotApi) -> None:
    world.fall()
    old = api.buttons
    world.rise()
    world.now += 3_600
    world.fall()
    assert set(old.values()) & set(api.buttons.values()) == set()
    for data in old.values():
        api.press(data)
    assert world.collect() == ["The base: this incident is over"] * 3
    assert world.incidents["db"].acked is None and silences.active(world.db, world.now) == []
    world.now += 4 * 86_400
    api.updates.clear()  # Telegram keeps them for a day
    api.press(old[ACK])
    assert world.collect() == ["heartbeat does not know this button any more: use one under a newer message"]


# --- what is hostile, or comes twice ---


def test_who_may_not_press_and_what_is_no_press_does_nothing(world: World, api: BotApi) -> None:
    world.fall()
    ack = api.buttons[ACK]
    api.press(ack, user=666)
    api.press(ack, chat="-666")
    api.press(ack, **{"from": {"id": True}})
    api.press(ack, **{"from": {"id": str(USER)}})
    api.press(ack, message=None)
    api.press(ack, message={"chat": {"id": [int(CHAT)]}})
    api.press(ack, id=7)
    for data in ("", "x" * 64, ack[:-1], ack + "A", "é" * 22):
        api.press(data)
    api.press(ack, data={"a": 1})
    last = api.press(ack, data=None)
    api.updates.append({"update_id": last + 1, "message": {"text": "/start", "chat": {"id": int(CHAT)}}})
    before = world.db.rows("SELECT count(*) FROM heartbeat_alert_rows")
    assert world.collect() == [] and shown(api) == []
    assert world.incidents["db"].acked is None
    assert world.db.rows("SELECT count(*) FROM heartbeat_alert_rows") == before
    world.collect()
    assert api.updates == [], "and none of it is asked for again"


def test_a_mark_of_another_incident_action_bot_chat_or_channel_is_none_of_these(world: World, api: BotApi) -> None:
    world.fall()
    settings, incident = world.config.channels["tg"].settings, world.incidents["db"].id
    module = collect.module(world.config.channels["tg"])
    assert module.mark(settings, "tg", "ack", incident) == api.buttons[ACK]
    forged = [
        module.mark(settings, "tg", "ack", incident + "0"),
        module.mark(settings, "tg", "acK", incident),
        module.mark(settings, "ops", "ack", incident),
        module.mark(settings._replace(chat_id=f"{CHAT}0"), "tg", "ack", incident),
        module.mark(settings._replace(token="123456:another"), "tg", "ack", incident),
        "9rk1cG4zPmA7xM9xq1dXWw",  # as messages bore them whose marks were the same for all chats of the bot
    ]
    for data in forged:
        api.press(data)
    assert set(world.collect()) == {"heartbeat does not know this button any more: use one under a newer message"}
    assert world.incidents["db"].acked is None


@pytest.mark.parametrize("chat", [CHAT, "-100200999"])
def test_a_press_counts_for_the_channel_whose_message_bears_the_button(
    store: Database, store_url: str, tmp_path: Path, api: BotApi, chat: str
) -> None:
    """Another channel of the same bot, in the same chat or another one, does not take it: 666 is listed there alone."""
    api.chats.add(chat)
    made = {"kind": "telegram", "token": TOKEN, "chat_id": chat, "base_url": api.url, "buttons": True}
    dev = made | {"users": [666], "components": ["web"]}
    world = World(store, store_url, tmp_path, api, channels={"dev": dev})
    world.fall()
    for data in api.buttons.values():
        api.press(data, user=666, chat=chat)
    assert set(world.collect()) == {"heartbeat does not know this button any more: use one under a newer message"}
    assert world.incidents["db"].acked is None and silences.active(world.db, world.now) == []
    assert orders.take(world.db, world.config, world.now) == []
    world.now += 3_600
    before = len(api.messages)
    world.fall("web")
    new = [one for one in api.messages[before:] if "reply_markup" in one and one["chat_id"] == chat]
    for one in new:
        api.press(one["reply_markup"]["inline_keyboard"][0][0]["callback_data"], user=666, chat=chat)
    said = [one for one in world.collect() if "does not know this button" not in one]
    assert said == ["web is acknowledged by @kim_ops (Telegram 666)"]


def test_a_user_of_two_channels_in_one_chat_may_press_under_the_messages_of_both(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    made = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url, "buttons": True}
    world = World(store, store_url, tmp_path, api, channels={"dev": made | {"users": [USER], "components": ["web"]}})
    world.fall("db", "web")
    keyboards = [one["reply_markup"]["inline_keyboard"] for one in api.messages]
    marks = {row[0]["callback_data"] for rows in keyboards for row in rows}
    assert len(marks) == 3, "db and web by tg, web by dev"
    for data in marks:
        api.press(data)
    assert len(world.collect()) == 3 and all(one.acked for one in world.incidents.values())


def test_presses_of_those_who_may_not_press_keep_nobody_waiting(world: World, api: BotApi) -> None:
    world.fall()
    for _ in range(400):
        api.press(api.buttons[ACK], user=666)
    api.press(api.buttons[ACK])
    for _ in range(400):
        api.press(api.buttons[SILENCE], user=666)
    api.press(api.buttons[SILENCE])
    assert len(world.collect()) == 2
    assert world.incidents["db"].acked and len(silences.active(world.db, world.now)) == 1


def test_presses_that_were_passed_over_are_not_asked_for_again_when_the_bot_fails_after_them(
    world: World, api: BotApi
) -> None:
    world.fall()
    for _ in range(40):
        api.press(api.buttons[ACK], user=666)
    last = api.press(api.buttons[ACK])
    answered = iter([None, Step(instead="reset")])
    api.other_mood = lambda method: next(answered, None) if method == "getUpdates" else None
    assert world.collect() == []
    assert len(world.collect()) == 1 and world.incidents["db"].acked
    assert [one.get("offset") for one in polls(api)] == [None, last - 20, last - 20, last]


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b'{"ok": true}',
        b'{"ok": true, "result": {"a": 1}}',
        b'{"ok": true, "result": [1, null, [], {"update_id": "5"}, {"update_id": true}, {"update_id": -1}]}',
        b'{"ok": true, "result": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
        b'{"ok": true, "result": [' + b"{}," * 300_000 + b"{}]}",
        b'{"ok": true, "result": ["' + b"x" * 3_000_000 + b'"]}',
    ],
)
def test_an_answer_that_is_none_does_nothing(world: World, api: BotApi, body: bytes) -> None:
    world.fall()
    api.press(api.buttons[ACK])
    api.other_mood = lambda method: Step(body=body)
    assert world.collect() == []
    api.other_mood = lambda method: None
    assert len(world.collect()) == 1, "what was not collected is still there"


def test_what_is_given_again_is_not_done_again(world: World, api: BotApi) -> None:
    """As after a run that was killed when it had saved its work: nobody has told Telegram."""
    world.fall()
    api.press(api.buttons[SILENCE])
    kept = list(api.updates)
    assert len(world.collect()) == 1
    for one in silences.active(world.db, world.now):
        silences.end(world.db, one.id, world.now)
    api.other_mood = lambda method: Step(body=json.dumps({"ok": True, "result": kept}).encode())
    assert world.collect() == world.collect() == []
    assert silences.active(world.db, world.now) == []


def test_numbers_that_begin_anew_after_a_week_are_taken(world: World, api: BotApi) -> None:
    world.fall()
    api.press(api.buttons[ACK])
    world.collect()
    world.now += 8 * 86_400
    api.updates.clear()
    api._update = 5
    world.fall("web")
    api.press(api.buttons[ACK])
    assert world.collect() == ["web is acknowledged by @kim_ops (Telegram 4711)"]


# --- several hosts, and somebody else ---


def other_host(world: World, api: BotApi) -> World:
    return World(world.db, world.tables["heartbeat"]["store"], world.folder, api, heartbeat={"observer": "there"})


def test_one_of_two_hosts_collects_and_the_other_takes_over_when_it_is_silent(world: World, api: BotApi) -> None:
    there = other_host(world, api)
    world.fall()
    world.collect()
    api.press(api.buttons[ACK])
    there.now = world.now
    assert there.collect() == [] and len(polls(api)) == 1
    there.now += 301
    assert len(there.collect()) == 1
    world.now = there.now
    assert world.collect() == [] and len(polls(api)) == 2, "and it stays with the other one"


def test_of_two_hosts_that_were_given_the_same_one_carries_it_out(world: World, api: BotApi) -> None:
    there = other_host(world, api)
    world.fall()
    api.press(api.buttons[ACK])
    there.now = world.now
    both = [(one, collect.questions(one.db, one.config, one.now)[0]) for one in (world, there)]
    said = [(one, asked, collect.ask(asked)) for one, asked in both]
    answers = [effects.carry_out(one.db, one.config, asked, found, one.now) for one, asked, found in said]
    assert [len(one) for one in answers] == [1, 0]


def test_a_bot_that_somebody_else_collects_is_left_alone_and_people_are_told_once(world: World, api: BotApi) -> None:
    conflict = refusal(409, f"Conflict: can't use getUpdates method while webhook is active at /bot{TOKEN}/")
    api.other_mood = lambda method: conflict
    for _ in range(60):
        world.collect()
        world.now += 119
    assert len(polls(api)) == 2, "asked again after an hour"
    world.deliver()
    (message,) = api.messages
    assert "buttons under messages do not work" in message["text"] and "webhook is active" in message["text"]
    assert TOKEN not in str(world.db.rows("SELECT * FROM heartbeat_alert_rows"))
    api.other_mood = lambda method: None
    world.now += 3_600
    world.fall()
    api.press(api.buttons[ACK])
    assert len(world.collect()) == 1


# --- the configuration ---


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"users": []}, "channels.tg.users: buttons need the ids of those who may press them"),
        ({"users": ["4711"]}, "channels.tg.users[0]: expected a whole number"),
        ({"chat_id": "@ops"}, "channels.tg.chat_id: buttons need the number of the chat"),
    ],
)
def test_buttons_want_users_and_a_number(world: World, keys: dict[str, Any], said: str) -> None:
    world.tables["channels"]["tg"] |= keys
    with pytest.raises(ConfigError) as raised:
        configuration.load(world.tables, "heartbeat.toml", world.folder)
    assert said in str(raised.value)


def test_an_order_that_no_host_carries_out_is_void_and_one_that_was_left_behind_is_forgotten(
    world: World, api: BotApi
) -> None:
    for late, said in ((901.0, 1), (3_601.0, 0)):
        world.fall()
        api.press(api.buttons[RECOVER])
        world.collect()
        world.now += late
        before = len(api.messages)
        world.heal()
        assert not world.steps.exists() and presses.orders(world.db) == []
        world.deliver()
        answers = [one["text"] for one in api.messages[before:] if "what came of the order" in one["text"]]
        assert ["no host has carried it out in time" in one for one in answers] == [True] * said
        world.rise()
        world.now += 3_600


def test_the_chat_of_a_press_is_told_once_and_the_others_as_well(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    log = tmp_path / "messages.log"
    world = World(store, store_url, tmp_path, api, channels={"log": {"kind": "file", "path": str(log)}})
    world.fall()
    api.press(api.buttons[ACK])
    assert len(world.collect()) == 1
    world.deliver()
    assert len(api.messages) == 2 and heads(api)[1].startswith("🔵")
    assert [json.loads(line)["type"] for line in log.read_text().splitlines()] == ["tcp_down", "acknowledged"]
