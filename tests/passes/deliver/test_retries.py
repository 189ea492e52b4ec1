"""A channel that fails for a moment is tried again within the same pass, and holds up nobody by that."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.commands._base import App
from heartbeat_cli.config import places
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.delivery import Send
from heartbeat_cli.passes.deliver.deliver import Delivering, deliver
from heartbeat_cli.passes.deliver.due import Due
from heartbeat_cli.store.outbox import alerts, outbox, sends
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.system.lock import only_one
from tests.parts.bot_api import CHAT, TOKEN, BotApi, Step, bot_api, refusal
from tests.parts.docker import wait_for
from tests.parts.forked import Forked
from tests.parts.scene import START, Scene
from tests.parts.stores import opened
from tests.parts.verb import heartbeat

SOON = (0.05, 0.15)  # seconds, in place of 1 and 3
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
OOPS = refusal(500, "Internal Server Error")


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as server:
        yield server


class Live(Scene):
    """A scene whose clock runs, with the channels `tg` and `log`."""

    def __init__(self, db: Database, url: str, folder: Path, api: BotApi, **more: Any) -> None:
        channels: dict[str, Any] = {
            "tg": {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url, **more},
            "log": {"kind": "file", "path": str(folder / "messages.log")},
        }
        super().__init__(db, url, folder, {"db": TCP}, channels)
        self._begun = time.monotonic()

    def clock(self) -> float:
        return START + 60.0 + time.monotonic() - self._begun

    def notify(self, *names: str, channels: tuple[str, ...] = ("tg",)) -> None:
        for place, name in enumerate(names):
            at = START + place
            alerts.add(self.db, Alert(f"a/{name}", name, "high", f"{name} of it", "db", at, None, "r"), channels, at)

    def deliver(self) -> list[str]:
        found = deliver(self.db, self.config, self.clock, retries=SOON)
        return [f"{one.alert.partition('/')[2]} {one.channel} {one.error or 'sent'}" for one in found]

    def tries(self, name: str) -> list[Send]:
        return [one for one in sends.sends_of(self.db, [f"a/{name}"]) if one.channel == "tg"]


@pytest.fixture
def live(store: Database, store_url: str, tmp_path: Path, api: BotApi) -> Live:
    return Live(store, store_url, tmp_path, api)


def test_a_failure_and_a_short_pause_cost_seconds_and_one_attempt(live: Live, api: BotApi) -> None:
    """Until now the backoff of the failure and the pause went one after the other, each to a run of its own."""
    api.script = [OOPS, refusal(429, "Too Many Requests: retry after 1", retry_after=1)]
    live.notify("one")
    assert live.deliver()[-1] == "one tg sent"
    first, second, third = live.tries("one")
    assert [one.outcome for one in (first, second, third)] == ["retry", "retry", "sent"]
    assert first.error == "127.0.0.1 answered 500 (Internal Server Error)"
    assert second.at >= first.at + SOON[0] and third.at >= second.at + 1.0
    assert len(api.messages) == 1
    assert live.db.rows("SELECT state, attempts, lease_until FROM heartbeat_outbox") == [("sent", 1, None)]
    assert sends.channel_troubles(live.db, live.clock()) == []


def test_what_refuses_connections_is_tried_three_times_and_then_left_to_the_next_pass(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    with bot_api() as gone:
        pass
    live = Live(store, store_url, tmp_path, gone)
    live.notify("one", "two", channels=("tg", "log"))
    live.deliver()
    assert [one.outcome for one in live.tries("one")] == ["retry"] * 3
    assert len(live.messages) == 1, "both in one message"
    rows = store.rows("SELECT attempts, next_try, lease_until FROM heartbeat_outbox WHERE channel = 'tg'")
    assert [(attempts, lease) for attempts, _, lease in rows] == [(1, None)] * 2
    (last,) = {one.at for one in live.tries("one")[-1:]}
    assert all(next_try == pytest.approx(last + 8.0) for _, next_try, _ in rows)


def test_a_healthy_channel_does_not_wait_for_the_retry_of_another(live: Live, api: BotApi) -> None:
    api.script = [OOPS, OOPS]
    live.notify("one", channels=("tg", "log"))
    live.deliver()
    (logged,) = [one for one in sends.sends_of(live.db, ["a/one"]) if one.channel == "log"]
    assert logged.at < live.tries("one")[1].at


def test_what_waits_behind_a_message_that_is_tried_again_goes_out_after_it(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    live = Live(store, store_url, tmp_path, api, digest=False)
    api.script = [OOPS, refusal(429, "Too Many Requests", retry_after=1)]
    live.notify("one", "two", "three")
    live.deliver()
    assert [one["text"].split()[1] for one in api.messages] == ["one", "two", "three"]
    assert [len(live.tries(name)) for name in ("one", "two", "three")] == [3, 1, 1]


def test_a_success_makes_the_next_failure_the_first(
    store: Database, store_url: str, tmp_path: Path, api: BotApi
) -> None:
    live = Live(store, store_url, tmp_path, api, digest=False)
    taken = Step(accept=True)
    api.script = [OOPS, OOPS, taken, OOPS, OOPS, taken]
    live.notify("one", "two")
    live.deliver()
    assert [len(live.tries(name)) for name in ("one", "two")] == [3, 3] and len(api.messages) == 2


def test_what_a_person_has_to_mend_is_not_tried_again_in_the_pass(live: Live, api: BotApi) -> None:
    api.script = [refusal(403, "Forbidden: bot was kicked")]
    live.notify("one")
    live.deliver()
    assert len(api.calls) == 1 and outbox.count_waiting(live.db) == 1


def test_a_retry_that_this_pass_has_no_time_for_is_left_to_the_next_with_the_usual_backoff(
    live: Live, api: BotApi
) -> None:
    api.script = [OOPS]
    live.notify("one")
    delivering = Delivering(live.config, live.clock, (30.0,))
    delivering.work(live.db)
    assert not delivering.unfinished
    delivering.finish()
    (only,) = live.tries("one")
    ((attempts, next_try),) = live.db.rows("SELECT attempts, next_try FROM heartbeat_outbox")
    assert attempts == 1 and next_try == pytest.approx(only.at + 8.0)


def test_a_retry_falls_into_a_later_round_of_the_pass(live: Live, api: BotApi) -> None:
    """As in `run`: the first round may take a second only, because the lock is held."""
    api.script = [OOPS]
    live.notify("one")
    delivering = Delivering(live.config, live.clock, (2.0,))
    while not delivering.results:
        delivering.work(live.db, patience=0.2, more_follows=True)
    assert delivering.unfinished and delivering.results[0].error is not None
    delivering.work(live.db)
    delivering.finish()
    assert len(api.messages) == 1 and not delivering.unfinished


def test_a_channel_that_is_to_be_tried_again_leaves_the_first_threads_to_others(live: Live, api: BotApi) -> None:
    api.script = [OOPS]
    live.notify("one", channels=("tg", "log"))
    delivering = Delivering(live.config, live.clock, (3.0,))
    while len(delivering.results) < 2:
        delivering.work(live.db, patience=0.2, more_follows=True)
    delivering.finish()
    live.notify("two", channels=("tg", "log"))
    due = Due("here", live.config.channels)
    free = due.free(live.db, live.clock() + 10.0, ())
    assert due.chosen(free, ()) == ["log", "tg"] and due.doubtful("tg")


_CONFIG = """
[heartbeat]
store = "{store}"
state_dir = "{folder}/state"
[components.one]
kind = "command"
command = ["test", "-e", "{folder}/well"]
exit_codes = "plain"
interval = 0.01
retries = 0
fail_threshold = 1
recovery = "off"
[channels.tg]
kind = "telegram"
token = "{token}"
chat_id = "{chat}"
base_url = "{url}"
"""


def config(folder: Path, store: str, api: BotApi) -> Path:
    path = folder / "heartbeat.toml"
    path.write_text(_CONFIG.format(store=store, folder=folder, url=api.url, token=TOKEN, chat=CHAT))
    return path


def test_run_sends_it_after_a_failure_and_holds_no_lock_while_it_waits(
    store_url: str, tmp_path: Path, api: BotApi
) -> None:
    path = config(tmp_path, store_url, api)
    api.script = [OOPS, Step(instead="hang")]
    first = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    wait_for(lambda: len(api.calls) == 2, "it is tried again")
    with only_one(places.config_folder(App(str(path)).config), 8.0):
        assert first.poll() is None
    api.let_go()
    first.communicate()
    assert len(api.messages) == 1


def test_a_run_that_is_killed_before_it_tries_again_loses_nothing_and_sends_nothing_twice(
    store_url: str, tmp_path: Path, api: BotApi
) -> None:
    """Between two tries the message has no lease: the next run need not wait for one."""
    config(tmp_path, store_url, api)
    api.script = [OOPS]
    first = Forked(["run"], tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    wait_for(lambda: bool(api.calls), "it is tried")
    db = opened(store_url)
    wait_for(lambda: bool(db.rows("SELECT 1 FROM heartbeat_sends")), "the failure is recorded")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    ((next_try, *rest),) = db.rows("SELECT next_try, state, attempts, lease_until FROM heartbeat_outbox")
    assert rest == ["waiting", 0, None]
    wait_for(lambda: time.time() >= next_try, "it is due again")
    assert heartbeat(tmp_path, "run").code == 0
    assert db.rows("SELECT state, attempts, lease_until FROM heartbeat_outbox") == [("sent", 1, None)]
    assert len(api.messages) == 1
    db.close()
