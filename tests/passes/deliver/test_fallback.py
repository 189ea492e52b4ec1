"""Delivering to channels that misbehave: digests, falling back, rates, and one that hangs; against real servers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.outbox import alerts, outbox, sends
from heartbeat_cli.store.sql.database import Database
from tests.parts.bot_api import CHAT, TOKEN, BotApi, Step, bot_api, refusal
from tests.parts.docker import wait_for
from tests.parts.http import Answer, healthy_server
from tests.parts.scene import START, Scene
from tests.parts.smtp import MailBox, smtp_server

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
THREE = {"db": TCP, "main": TCP | {"fail_threshold": 3}, "web": TCP}


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as server:
        yield server


@pytest.fixture
def box() -> Iterator[MailBox]:
    with smtp_server() as found:
        yield found


def telegram(api: BotApi, **more: Any) -> dict[str, Any]:
    return {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url, **more}


def mail(box: MailBox, **more: Any) -> dict[str, Any]:
    address = {"from": "heartbeat@example.org", "to": ["ops@example.org"]}
    return {"kind": "email", "host": "127.0.0.1", "port": box.port, "security": "none", **address, **more}


def notify(scene: Scene, *names: str, incident: str | None = None, channels: tuple[str, ...] = ("tg",)) -> None:
    for name in names:
        alert = Alert(f"a/{name}", name, "high", f"{name} of it", "db", scene.now, incident, "r")
        alerts.add(scene.db, alert, channels, scene.now)


def test_what_breaks_at_once_is_reported_at_once(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> None:
    """One message for three faults; its loss of answer is answered by the very same message, not by a bigger one."""
    scene = Scene(store, store_url, tmp_path, THREE, {"tg": telegram(api)})
    for _ in range(3):
        scene.saw(db=BAD, main=BAD, web=BAD)
    api.script = [Step(accept=True, instead="reset")]
    assert len(scene.deliver()) == 3
    scene.now += 1
    notify(scene, "later")
    assert scene.deliver() == ["later tg sent"]
    scene.now += 15
    assert scene.deliver() == ["tcp_down tg sent"] * 3
    assert len(api.messages) == 3 and api.messages[0] == api.messages[2]
    assert all(name in api.messages[0]["text"] for name in THREE)
    (batch,) = {one.batch for id_ in scene.incidents.values() for one in sends.sends_of(store, [f"{id_.id}/tcp_down"])}
    assert batch.startswith("digest/tg/")


def test_without_a_digest_each_has_its_own_message(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    scene = Scene(store, store_url, tmp_path, THREE, {"tg": telegram(api, digest=False)})
    for _ in range(3):
        scene.saw(db=BAD, main=BAD, web=BAD)
    assert len(scene.deliver()) == len(api.messages) == 3


@pytest.mark.whole
def test_a_digest_is_a_reply_in_the_thread_of_each_incident(
    store: Database, store_url: str, tmp_path: Path, box: MailBox
) -> None:
    scene = Scene(store, store_url, tmp_path, THREE, {"mail": mail(box)})
    for _ in range(3):
        scene.saw(db=BAD, web=BAD)
    scene.deliver()
    for _ in range(2):
        scene.saw(db=GOOD)
    scene.deliver()
    digest, end = box.mails
    assert len(digest["References"].split()) == 2 and end["References"] in digest["References"].split()
    assert digest["Message-ID"] != end["Message-ID"]


def test_a_chain_of_fallbacks(store: Database, store_url: str, tmp_path: Path, api: BotApi, box: MailBox) -> None:
    """A bot that was thrown out and a server that refuses us: the file has it, in the same pass, and says why."""
    log = tmp_path / "messages.log"
    channels = {
        "tg": telegram(api, fallback="mail"),
        "mail": mail(box, fallback="log"),
        "log": {"kind": "file", "path": str(log)},
    }
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"channels": ["tg"]}}, channels)
    api.script = [refusal(403, "Forbidden: bot was kicked")] * 2
    box.sender = "550 go away"
    for _ in range(3):
        scene.saw(db=BAD)
    said = scene.deliver()
    assert len(said) == 3 and said[-1] == "tcp_down log sent"
    assert said[0].endswith("was the bot removed or blocked?; handed over to mail")
    (message,) = scene.messages
    assert "tg does not take it (127.0.0.1 answered 403 (Forbidden: bot was kicked)" in message["text"]
    assert "550 go away): sent here instead" in message["text"]
    assert sorted(scene.outbox) == [
        "tcp_down to log: sent", "tcp_down to mail: handed_over", "tcp_down to tg: handed_over"
    ]  # fmt: skip
    # Both work again: the end goes to who has the beginning, and to nobody else.
    api.script, box.sender = [], "250 OK"
    for _ in range(2):
        scene.saw(db=GOOD)
    assert scene.deliver() == ["recovered log sent"]
    assert (api.messages, box.mails) == ([], [])


def test_temporary_trouble_is_handed_over_when_it_lasts(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    channels = {
        "tg": telegram(api, fallback="log", fallback_after=60),
        "log": {"kind": "file", "path": str(tmp_path / "messages.log")},
    }
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, channels)
    api.script = [refusal(500, "Internal Server Error")] * 9
    notify(scene, "one")
    times = {}
    for second in range(0, 120, 15):
        scene.now = START + second
        for line in scene.deliver():
            times[second] = line.partition(" 127")[0]
    assert times == {0: "one tg", 15: "one tg", 30: "one tg", 45: "one tg", 60: "one log sent"}
    # The channel is known to fail: what comes now is tried once and waits no longer.
    notify(scene, "two")
    assert [line[:7] for line in scene.deliver()] == ["two tg ", "two log"]
    assert [one["type"] for one in scene.messages] == ["one", "two"]
    assert [one.channel for one in sends.channel_troubles(store, scene.now)] == ["tg"]
    api.script = []
    notify(scene, "three")
    assert scene.deliver() == ["three tg sent"]
    assert sends.channel_troubles(store, scene.now) == []


def test_no_more_than_the_rate_and_the_rest_together(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, {"tg": telegram(api, rate=2)})
    for name in ("one", "two", "three", "four"):
        notify(scene, name)
        scene.deliver()
        scene.now += 5
    assert len(api.messages) == 2 and outbox.count_waiting(store) == 2
    scene.now = START + 61
    assert scene.deliver() == ["three tg sent", "four tg sent"]
    assert len(api.messages) == 3


def test_nothing_is_sent_before_the_other_side_wants_it(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, {"tg": telegram(api)})
    api.script = [refusal(429, "Too Many Requests", retry_after=40)]
    notify(scene, "one")
    scene.deliver()
    for second in (5, 20, 39):
        scene.now = START + second
        notify(scene, f"after {second}")
        assert scene.deliver() == []
    scene.now = START + 40
    assert len(scene.deliver()) == 4
    assert len(api.calls) == 2


@pytest.mark.whole
def test_a_hanging_channel_holds_up_nobody(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> None:
    """The healthy one has its message long before the round is over; the other's is put off, and not lost."""
    from heartbeat_cli.passes.deliver.deliver import Delivering

    with healthy_server(Answer(204, b"")) as server:
        channels = {"tg": telegram(api), "hook": {"kind": "webhook", "url": server.url}}
        scene = Scene(store, store_url, tmp_path, {"db": TCP}, channels)
        api.script = [Step(instead="hang")]
        notify(scene, "one", channels=("tg", "hook"))
        delivering = Delivering(scene.config, scene.clock)
        begun = time.monotonic()
        delivering.work(store, patience=1.0)
        took = time.monotonic() - begun
        assert [(one.channel, one.error) for one in delivering.results] == [("hook", None)] and len(server.seen) == 1
        notify(scene, "two", channels=("tg", "hook"))
        delivering.work(store, patience=0.5)
        wait_for(lambda: len(server.seen) == 2, "the second message is there")
        assert len(api.calls) == 1
        delivering.finish()
    assert took < 8.0, "less than the channel that hangs may take"
    assert scene.outbox.count("one to tg: waiting") == 1
    scene.now += 15
    assert sorted(scene.deliver()) == ["one tg sent", "two tg sent"]


def test_every_try_can_be_shown(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, {"tg": telegram(api)})
    api.script = [refusal(502, "Bad Gateway"), refusal(400, "Bad Request: can't parse entities: x")]
    notify(scene, "one")
    scene.deliver()
    scene.now += 15
    scene.deliver()
    first, second = sends.sends_of(store, ["a/one"])
    assert (first.outcome, first.error) == ("retry", "127.0.0.1 answered 502 (Bad Gateway)")
    assert (second.outcome, second.note) == ("sent", "sent as plain text: the markup was not accepted")
    assert (second.observer, second.channel, second.alerts, second.batch) == ("here", "tg", 1, "a/one")
    assert 0 < second.took < 10
    assert json.loads(json.dumps(second._asdict()))["at"] == scene.now


def test_a_message_that_fails_for_long_is_handed_over_though_the_channel_takes_others(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    """Counted from when the channel failed last, a message that it never takes would wait for ever."""
    channels = {
        "tg": telegram(api, digest=False, fallback="log", fallback_after=300),
        "log": {"kind": "file", "path": str(tmp_path / "messages.log"), "components": ["main"]},
    }
    scene = Scene(store, store_url, tmp_path, THREE, channels)
    api.script = [refusal(502, "Bad Gateway")]
    notify(scene, "stuck")
    scene.deliver()
    scene.now += 5
    notify(scene, "fine")
    assert scene.deliver() == ["fine tg sent"]
    scene.now += 300
    api.script = [refusal(502, "Bad Gateway")]
    scene.deliver()
    assert "stuck to tg: handed_over" in scene.outbox and "stuck to log: sent" in scene.outbox
