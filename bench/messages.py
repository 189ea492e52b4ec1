"""Two hundred lives told of over servers that misbehave, with deliveries that are killed: what arrived, how often, and
that nothing was lost. And how soon a healthy channel has it while another hangs."""

import statistics
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tabulate import tabulate
from tests.parts.bot_api import CHAT, TOKEN, Step
from tests.parts.messages_world import Played, World
from tests.parts.moody_servers import Servers
from tests.parts.nursery import Nursery
from tests.parts.postgres import Server, fresh_database
from tests.parts.runner import Deployment
from tests.parts.stores import opened

from bench._measure import Rows, target

_SEEDS = 200
_FAULTS = 20
_SOON = 3.0  # seconds from detection to delivered


def main() -> Rows:
    with tempfile.TemporaryDirectory() as folder, Servers() as servers:
        wrong = target("messages lost, out of order or misdirected", _lives(Path(folder), servers), 0)
        return wrong + _healthy_beside_hanging(Path(folder), servers)


def _lives(folder: Path, servers: Servers) -> int:
    """Every second one on PostgreSQL."""
    played: list[Played] = []
    with Server() as postgres, Nursery() as nursery:
        for seed in range(_SEEDS):
            place = folder / str(seed)
            place.mkdir()
            if seed % 2:
                with fresh_database(postgres.dsn()) as url:
                    played.append(_life(url, place, servers, nursery, seed))
            else:
                played.append(_life(f"sqlite:///{place}/store.db", place, servers, nursery, seed))
    endings = [one.ending for one in played]
    by_channel, duplicates, moods = Counter[str](), Counter[str](), Counter[str]()
    for one in played:
        by_channel.update(one.ending.messages)
        duplicates.update(one.ending.duplicates)
        moods.update({name: many for name, many in one.moods.items() if not name.endswith(": well")})
    wrong = [line for one in endings for line in one.wrong]
    rows = [
        ("scenarios", len(played)),
        ("incidents told of", sum(one.faults for one in endings)),
        *((f"messages taken by {name}", many) for name, many in sorted(by_channel.items())),
        ("sends", sum(one.sends for one in endings)),
        ("retries", sum(one.retries for one in endings)),
        ("hand-overs", sum(one.handed_over for one in endings)),
        ("answers withheld or refused", moods.total()),
        ("deliveries killed", sum(one.kills for one in played)),
        ("buttons pressed", sum(one.pressed for one in played)),
        ("of them by who may", sum(one.counted for one in played)),
        *((f"duplicates: {name}", many) for name, many in sorted(duplicates.items())),
        ("lost, out of order, told to the wrong one, or done twice", len(wrong)),
    ]
    print("Messages over servers that misbehave on a script, and deliveries killed in between")
    print(tabulate(rows))
    print(*wrong, sep="\n")
    return len(wrong)


def _life(url: str, place: Path, servers: Servers, nursery: Nursery, seed: int) -> Played:
    db = opened(url)
    try:
        played = World(db, url, place, servers, nursery, seed).play()
    finally:
        db.close()
    wrong = tuple(f"seed {seed}: {line}" for line in played.ending.wrong)
    return played._replace(ending=played.ending._replace(wrong=wrong))


_CONFIG = """
[heartbeat]
store = "sqlite:///{folder}/hanging.db"
state_dir = "{folder}/state"
reopen_within = 0
[components.db]
kind = "command"
command = ["test", "-e", "{folder}/well"]
exit_codes = "plain"
interval = 0.01
retries = 0
fail_threshold = 1
recovery_threshold = 1
hold_flapping = false
recovery = "off"
[channels.tg]
kind = "telegram"
token = "{token}"
chat_id = "{chat}"
base_url = "{api}"
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {port}
security = "none"
from = "heartbeat@example.org"
to = ["ops@example.org"]
"""


def _healthy_beside_hanging(folder: Path, servers: Servers) -> Rows:
    """Whole runs, from the moment a fault is declared to the moment the mail server has the mail."""
    here = {"api": servers.api.url, "port": servers.box.port, "token": TOKEN, "chat": CHAT}
    runs = Deployment(folder, _CONFIG.format(folder=folder, **here))
    arrived: list[float] = []
    servers.api.mood = lambda call: Step(instead="hang")
    servers.api.taken = lambda call, step: None
    servers.box.mood = lambda mail: None
    servers.box.taken = lambda mail, whim: arrived.append(time.time())
    took = []
    for _ in range(_FAULTS):
        (folder / "well").touch()
        runs.heartbeat("run")
        (folder / "well").unlink()
        arrived.clear()
        hanging = threading.Thread(target=runs.heartbeat, args=("run",))
        hanging.start()
        while not (arrived and servers.api.held) and hanging.is_alive():
            time.sleep(0.01)
        assert arrived and servers.api.held, "the mail did not arrive while Telegram hung"
        servers.let_go()
        hanging.join()
        took.append(arrived[0] - _detected(folder))
    print(f"Seconds from detection to delivered by mail while Telegram hangs, {_FAULTS} faults")
    print(tabulate([(f"{statistics.median(took):.3f}", f"{max(took):.3f}")], headers=["median", "worst"]))
    judged = target("worst, s", max(took), _SOON)
    print()
    return judged


def _detected(folder: Path) -> float:
    db = opened(f"sqlite:///{folder}/hanging.db")
    try:
        return float(db.rows("SELECT max(created) FROM heartbeat_outbox")[0][0])
    finally:
        db.close()
