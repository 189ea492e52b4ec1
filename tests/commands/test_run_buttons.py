"""Buttons in whole runs: a run that is killed at any point does nothing twice and loses nothing, a bot that hangs holds
up nothing else, and who has no buttons pays nothing."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.store.state import silences, states
from tests.parts.bot_api import CHAT, TOKEN, USER, BotApi, Step, bot_api
from tests.parts.docker import wait_for
from tests.parts.forked import Forked
from tests.parts.stores import opened, store_url
from tests.parts.verb import heartbeat

__all__ = ["store_url"]

_CONFIG = """
[heartbeat]
store = "{store}"
state_dir = "{folder}/state"
observer = "here"
[components.one]
kind = "command"
command = ["test", "-e", "{folder}/well"]
exit_codes = "plain"
interval = 0.01
retries = 0
fail_threshold = 1
recovery_threshold = 1
recovery = {{ mode = "ask", ladder = [{{ action = "command", command = ["sh", "-c", "echo >> {folder}/steps"] }}] }}
[recovery]
verify_wait = 0
[channels.tg]
kind = "telegram"
token = "{token}"
chat_id = "{chat}"
base_url = "{url}"
buttons = {buttons}
users = [{user}]
"""
ACK, SILENCE, RECOVER = "✓ Acknowledge", "🔕 Silence 1 h", "↻ Recover now"


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as server:
        yield server


def config(folder: Path, store: str, api: BotApi, buttons: bool = True) -> None:
    keys = {
        "folder": folder,
        "url": api.url,
        "token": TOKEN,
        "chat": CHAT,
        "user": USER,
        "buttons": str(buttons).lower(),
    }
    (folder / "heartbeat.toml").write_text(_CONFIG.format(store=store, **keys))


def killed(folder: Path, api: BotApi, at: str) -> None:
    """A run that is killed while it waits for this method of the Bot API."""
    api.other_mood = lambda method: Step(instead="hang") if method == at else None
    one = Forked(["run"], folder, {"PATH": os.environ["PATH"], "HOME": str(folder)})
    wait_for(lambda: bool(api.held), f"it waits for {at}")
    os.kill(one.pid, signal.SIGKILL)
    one.communicate()
    api.let_go()
    api.other_mood = lambda method: None


def run(folder: Path) -> None:
    done = heartbeat(folder, "run")
    assert (done.code, done.err) == (0, "")


def texts(api: BotApi, words: str) -> int:
    return sum(words in one["text"] for one in api.messages)


@pytest.mark.parametrize("at", ["getUpdates", "answerCallbackQuery"])
def test_a_run_that_is_killed_does_nothing_twice_and_loses_nothing(
    store_url: str, tmp_path: Path, api: BotApi, at: str
) -> None:
    """Before it has read the presses, and when all of them are carried out but Telegram does not know."""
    config(tmp_path, store_url, api)
    run(tmp_path)
    for button in (ACK, SILENCE, RECOVER):
        api.press(api.buttons[button])
    killed(tmp_path, api, at)
    for _ in range(2):
        run(tmp_path)
    db = opened(store_url)
    assert states.open_incidents(db)["one"].acked_by == "@kim_ops (Telegram 4711)"
    assert [one.target for one in silences.active(db, 0.0)] == ["one"]
    db.close()
    assert (tmp_path / "steps").read_text() == "\n"
    words = ("is acknowledged by", "No messages about", "its recovery begins", "what came of the order")
    assert [texts(api, one) for one in words] == [1] * 4


def test_a_run_that_is_killed_in_the_step_it_was_ordered_to_take_does_not_take_it_again(
    store_url: str, tmp_path: Path, api: BotApi
) -> None:
    config(tmp_path, store_url, api)
    path = tmp_path / "heartbeat.toml"
    path.write_text(path.read_text().replace('/steps"', '/steps; exec sleep 60"'))
    run(tmp_path)
    api.press(api.buttons[RECOVER])
    one = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    wait_for((tmp_path / "steps").exists, "the step is under way")
    os.kill(one.pid, signal.SIGKILL)
    one.communicate()
    for _ in range(2):
        run(tmp_path)
    assert (tmp_path / "steps").read_text() == "\n" and texts(api, "what came of the order") == 1


def test_a_bot_that_hangs_holds_up_no_message_and_a_press_waits_for_the_next_run(tmp_path: Path, api: BotApi) -> None:
    config(tmp_path, f"sqlite:///{tmp_path}/store.db", api)
    api.other_mood = lambda method: Step(instead="hang")
    run(tmp_path)
    assert len(api.messages) == 1
    api.press(api.buttons[ACK])
    run(tmp_path)
    api.let_go()
    api.other_mood = lambda method: None
    run(tmp_path)
    assert texts(api, "is acknowledged by") == 1


@pytest.mark.parametrize("mood", ["hang", "nonsense"])
def test_presses_that_cannot_be_collected_for_long_are_said_by_status_and_doctor(
    store_url: str, tmp_path: Path, api: BotApi, mood: str
) -> None:
    config(tmp_path, store_url, api)
    api.other_mood = lambda method: Step(instead="hang") if mood == "hang" else Step(status=200, body=b"nonsense")
    run(tmp_path)
    said = "buttons of channel tg do nothing: presses could not be collected since "
    what_to_do = "check its token and the way to it: heartbeat notify --test tg"
    assert said not in heartbeat(tmp_path, "status").err, "a disturbance that passes is no trouble"
    db = opened(store_url)
    (source,) = [row[0] for row in db.rows("SELECT name FROM heartbeat_settings WHERE name LIKE 'presses_trouble/%'")]
    sql = "UPDATE heartbeat_settings SET value = ? WHERE name = ?"
    db.run(sql, ('[1795000000.0, "no answer within 2 s"]', source))
    run(tmp_path)
    status, doctor = heartbeat(tmp_path, "status"), heartbeat(tmp_path, "doctor")
    assert re.search(rf"heartbeat: {said}2026-11-18 \S+: no answer within 2 s; {what_to_do}\n", status.err)
    assert re.search(rf"buttons: {said}2026-11-18 \S+: no answer within 2 s\n +→ {what_to_do}\n", doctor.out)
    api.let_go()
    api.other_mood = lambda method: None
    run(tmp_path)
    assert said not in heartbeat(tmp_path, "status").err and said not in heartbeat(tmp_path, "doctor").out
    db.close()


def test_without_buttons_a_run_asks_nothing_and_imports_nothing_of_them(tmp_path: Path, api: BotApi) -> None:
    config(tmp_path, f"sqlite:///{tmp_path}/store.db", api, buttons=False)
    code = "import sys; from heartbeat_cli import cli; cli.run(['run']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if "button" in name or "presses" in name] == []
    assert len(api.messages) == 1 and api.others == []


def test_recover_by_hand_and_a_press_are_the_same_word(tmp_path: Path, api: BotApi) -> None:
    """`ask` waits for it; a run by itself takes no step."""
    config(tmp_path, f"sqlite:///{tmp_path}/store.db", api)
    for _ in range(2):
        run(tmp_path)
    assert not (tmp_path / "steps").exists()
    api.press(api.buttons[RECOVER], user=USER + 1)
    run(tmp_path)
    assert not (tmp_path / "steps").exists()
    api.press(api.buttons[RECOVER])
    run(tmp_path)
    assert (tmp_path / "steps").exists()
