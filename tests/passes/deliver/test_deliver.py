"""Delivery: what waits goes out once, in order; what fails is tried again, and holds up nobody else."""

import json
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.errors import StoreError
from heartbeat_cli.passes.deliver import deliver
from heartbeat_cli.store.outbox import alerts, outbox, outcomes, sends
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import START, Scene
from tests.parts.stores import elsewhere, opened

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


@pytest.fixture
def two(store: Database, store_url: str, tmp_path: Path) -> Scene:
    """Channels `log`, which works, and `later`, whose folder is not there yet."""
    channels: dict[str, Any] = {
        "later": {"kind": "file", "path": str(tmp_path / "later" / "log")},
        "log": {"kind": "file", "path": str(tmp_path / "messages.log")},
    }
    return Scene(store, store_url, tmp_path, {"db": TCP | {"name": "The base"}}, channels)


def fall(scene: Scene) -> None:
    for _ in range(3):
        scene.saw(db=BAD)


def rise(scene: Scene) -> None:
    for _ in range(2):
        scene.saw(db=GOOD)


def test_a_message_goes_out_once(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"name": "The base"}})
    fall(scene)
    assert scene.deliver() == ["tcp_down log sent"]
    assert scene.deliver() == []
    (message,) = scene.messages
    assert message["title"] == "The base is down" and "no route" in message["text"]
    assert (message["id"], message["thread"]) == (f"{scene.incidents['db'].id}/tcp_down", scene.incidents["db"].id)
    assert scene.outbox == ["tcp_down to log: sent"]


@pytest.mark.whole
def test_a_failing_channel_is_tried_again_later_each_time_and_holds_up_nobody(two: Scene, tmp_path: Path) -> None:
    fall(two)
    begun = two.now
    assert two.deliver() == [
        f"tcp_down later {tmp_path}/later/log: No such file or directory", "tcp_down log sent"
    ]  # fmt: skip
    tries = []
    for second in range(0, 16 * 60):
        two.now = begun + second
        if two.deliver():
            tries.append(second)
    often = list(range(8, 241, 8))  # each costs nothing: at the next runs, thirty times
    assert tries == [*often, 255, 285, 345, 465, 705]
    (tmp_path / "later").mkdir()
    two.now = begun + 1905
    assert two.deliver() == ["tcp_down later sent"]
    assert two.outbox == ["tcp_down to later: sent", "tcp_down to log: sent"]


@pytest.mark.whole
def test_the_distance_grows_to_half_an_hour_and_no_further(two: Scene) -> None:
    fall(two)
    tries = []
    for minute in range(0, 600):
        two.now = START + 90 + 60 * minute
        if two.deliver():
            tries.append(minute)
    assert tries[-1] - tries[-2] == 30 and len(tries) > 20


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def late(scene: Scene, tmp_path: Path) -> None:
    """Down and over while the channel `later` takes nothing; then it works again."""
    fall(scene)
    scene.deliver()
    rise(scene)
    scene.deliver()
    (tmp_path / "later").mkdir()
    while "waiting" in " ".join(scene.outbox):
        scene.deliver()
        scene.now += 5


@pytest.mark.parametrize("digest", [True, False])
def test_what_was_over_before_it_could_be_delivered_is_one_message_that_says_so(
    digest: bool, store: Database, store_url: str, tmp_path: Path
) -> None:
    channels: dict[str, Any] = {
        "later": {"kind": "file", "path": str(tmp_path / "later" / "log"), "digest": digest},
        "log": {"kind": "file", "path": str(tmp_path / "messages.log"), "digest": digest},
    }
    utc = {"timezone": "UTC"}
    scene = Scene(store, store_url, tmp_path, {"db": TCP | {"name": "The base"}}, channels, heartbeat=utc)
    late(scene, tmp_path)
    assert [one["type"] for one in told(tmp_path / "messages.log")] == ["tcp_down", "recovered"]
    (only,) = told(tmp_path / "later" / "log")
    assert only["title"] == "The base has recovered: down from 12:00:00 to 12:02:00"
    assert only["severity"] == "low" and "no route" in only["text"]
    assert only["text"].splitlines()[-1].startswith("delivered late: later did not take it (")
    assert "What to do" not in only["text"] and len(only["threads"]) == 1


def test_late_messages_of_several_incidents_keep_what_still_lasts(two: Scene, tmp_path: Path) -> None:
    late(two, tmp_path)
    fall(two)
    two.deliver()
    again = told(tmp_path / "later" / "log")[-1]
    assert again["title"] == "The base is down again, 2 times in 4 min"


def test_an_incident_that_was_reopened_meanwhile_is_reported_as_it_is_now(two: Scene, tmp_path: Path) -> None:
    fall(two)
    rise(two)
    fall(two)
    two.deliver()
    (only,) = told(tmp_path / "messages.log")
    assert only["title"] == "The base is down again, 2 times in 4 min" and only["severity"] == "high"
    assert "has recovered" not in only["text"]


def test_a_dead_channel_costs_one_try_a_pass_however_much_waits(two: Scene) -> None:
    for number in range(20):
        alert = Alert(f"a{number}/x", "tcp_down", "high", "t", "db", START + number, None, "r")
        alerts.add(two.db, alert, ["later", "log"], START)
    said = two.deliver()
    assert sum("later" in line for line in said) == 20
    assert {one.alerts for one in sends.sends_of(two.db, ["a0/x"])} == {20}, "one message, one try"
    assert sum(line == "x log sent" for line in said) == 20
    assert outbox.count_waiting(two.db) == 20


def test_one_that_never_goes_out_does_not_starve_those_behind_it(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """One that cannot be worded (its time is the year 1, which New York has not) spoils the message for all: then each
    goes by itself, and that one is put off."""
    log = {"log": {"kind": "file", "path": str(tmp_path / "messages.log")}}
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, log, heartbeat={"timezone": "America/New_York"})
    for id_, at in (("bad/x", -62_135_596_790.0), *((f"a{n}/y", START) for n in range(3))):
        alerts.add(store, Alert(id_, "tcp_down", "high", "t", "db", at, None, "r"), ["log"], START)
    first, *rest = scene.deliver()
    if store.dialect == "postgres":  # there a moment before 1970 is read as 1970
        assert [first, *rest] == ["x log sent"] + ["y log sent"] * 3
        return
    assert first.startswith("x log heartbeat's own fault: ") and rest == ["y log sent"] * 3
    scene.now += 15
    assert len(scene.deliver()) == 1


def test_what_can_never_be_sent_is_failed_and_the_rest_goes_out(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """A webhook that says the message itself is too large will say so again."""
    from tests.parts.http import Answer, healthy_server

    with healthy_server(Answer(413, b"too large")) as server:
        channels = {
            "gone": {"kind": "webhook", "url": server.url},
            "log": {"kind": "file", "path": str(tmp_path / "messages.log")},
        }
        scene = Scene(store, store_url, tmp_path, {"db": TCP}, channels)
        fall(scene)
        said = scene.deliver()
        assert len(said) == 2 and "tcp_down log sent" in said
        scene.now += 99_999
        assert scene.deliver() == []
    assert scene.outbox == ["tcp_down to gone: failed", "tcp_down to log: sent"]


_DELIVER = """
import json
from heartbeat_cli.config import load as config
from heartbeat_cli.passes.deliver import deliver
loaded = config.load(json.loads(sys.argv[2]), "heartbeat.toml")
print(len(deliver.deliver(db, loaded, lambda: float(sys.argv[3]))))
"""


@pytest.mark.whole
def test_two_at_once_send_nothing_twice(store: Database, store_url: str, tmp_path: Path) -> None:
    import json

    channels = {"log": {"kind": "file", "path": str(tmp_path / "messages.log"), "digest": False}}
    scene = Scene(store, store_url, tmp_path, {"db": TCP}, channels)
    for number in range(60):
        alerts.add(store, Alert(f"a{number}", "tcp_down", "high", "t", "db", START, None, "r"), ["log"], START)
    said = [int(out) for out in elsewhere(store_url, _DELIVER, json.dumps(scene.tables), START)]
    left = 0  # on a slow machine the time of each may have been over before: others send the rest
    while outbox.count_waiting(store):
        scene.now += 3600
        left += len(scene.deliver())
    assert sum(said) + left == 60
    assert sorted(message["id"] for message in scene.messages) == sorted(f"a{number}" for number in range(60))


_KILLED = """
import os
from heartbeat_cli.errors import StoreError
from heartbeat_cli.passes.deliver import deliver
from heartbeat_cli.store.outbox import alerts, outbox
print(outbox.claim(db, "dead", float(sys.argv[2]), 120.0, "log").channel, flush=True)
os._exit(0)
"""


def test_what_a_killed_process_had_in_hand_goes_out_later(store: Database, store_url: str, tmp_path: Path) -> None:
    scene = Scene(store, store_url, tmp_path, {"db": TCP})
    fall(scene)
    assert elsewhere(store_url, _KILLED, scene.now, times=1) == ["log\n"]
    assert scene.deliver() == []
    scene.now += 121
    assert scene.deliver() == ["tcp_down log sent"]
    assert len(scene.messages) == 1


def test_a_store_that_goes_away_in_between_does_not_make_it_go_out_again(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """The other store stands for the spool: it has the same notification from the mirror."""
    scene = Scene(store, store_url, tmp_path, {"db": TCP})
    other = opened(f"sqlite:///{tmp_path / 'spool.db'}")
    alert = Alert("a/x", "tcp_down", "high", "t", "db", START, None, "r")
    for db in (store, other):
        alerts.add(db, alert, ["log"], START)

    def record(sends: Any) -> None:
        store.run("ALTER TABLE heartbeat_outbox RENAME TO out_of_reach")
        with pytest.raises(StoreError):
            outcomes.save_all(store, sends)
        outcomes.save_all(other, sends)

    with pytest.raises(StoreError):
        deliver.deliver(store, scene.config, scene.clock, record)
    assert deliver.deliver(other, scene.config, scene.clock) == []
    assert len(scene.messages) == 1
    other.close()


def test_secrets_stay_out_of_messages(store: Database, store_url: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TEST_TOKEN", "s3cr3t-and-long")
    agent = {"kind": "agent", "url": "http://127.0.0.1:1/", "headers": {"Authorization": "env:TEST_TOKEN"}}
    scene = Scene(store, store_url, tmp_path, {"db": agent})
    leaky = Reading("error", None, "refused s3cr3t-and-long", evidence={"log": "postgresql://u:pa55word@h/x"})
    for _ in range(3):
        scene.saw(db=leaky)
    scene.deliver()
    (message,) = scene.messages
    assert "s3cr3t" not in str(message) and "pa55word" not in str(message) and "refused" in message["text"]


_OWN_DEAD = """
import os
from heartbeat_cli.store.outbox import alerts, outbox
print(outbox.claim(db, f"{sys.argv[2]}/{os.getpid()}", float(sys.argv[3]), 120.0, "log").channel, flush=True)
os._exit(0)
"""


def test_what_a_killed_process_of_this_host_had_in_hand_goes_out_at_once(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """Its lease would last two minutes, but its process number says that it is gone."""
    scene = Scene(store, store_url, tmp_path, {"db": TCP})
    fall(scene)
    assert elsewhere(store_url, _OWN_DEAD, scene.config.observer, scene.now, times=1) == ["log\n"]
    assert scene.deliver() == ["tcp_down log sent"]
