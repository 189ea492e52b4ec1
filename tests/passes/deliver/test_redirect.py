"""What waits for a channel that was renamed or removed goes to the channels there are, at once and in order."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.outbox import channels, outbox
from heartbeat_cli.store.outbox.channels import ConfiguredChannels
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


@pytest.fixture
def scenes(store: Database, store_url: str, tmp_path: Path) -> Any:
    """scenes(away=..., log=...) is the scene with these channels, `log` working, the others without their folder."""

    def make(now: float | None = None, **common: dict[str, Any]) -> Scene:
        made = {
            name: {
                "kind": "file",
                "path": str(tmp_path / ("messages.log" if name == "log" else f"{name}/messages.log")),
            }
            | more
            for name, more in common.items()
        }
        scene = Scene(store, store_url, tmp_path, {"db": TCP | {"name": "The base"}, "web": TCP}, made)
        scene.now = scene.now if now is None else now
        return scene

    return make


def fall(scene: Scene) -> None:
    for _ in range(3):
        scene.saw(db=BAD)


def rise(scene: Scene) -> None:
    for _ in range(2):
        scene.saw(db=GOOD)


def test_a_renamed_channel_has_what_waited_for_the_old_name_at_once_and_in_order(scenes: Any, tmp_path: Path) -> None:
    before = scenes(away={})
    fall(before)
    before.deliver()
    rise(before)
    assert before.outbox == ["tcp_down to away: waiting", "recovered to away: waiting"]
    after = scenes(before.now, log={})
    assert after.deliver() == ["tcp_down log sent", "recovered log sent"]
    assert [message["type"] for message in after.messages] == ["digest"]
    assert "away is no longer configured" in after.messages[0]["text"]
    assert outbox.count_waiting(after.db) == 0
    assert channels.unconfigured(after.db, ["log"], 0.0) == [("away", "handed_over", 2)]


def test_who_has_it_already_is_not_notified_twice(scenes: Any) -> None:
    before = scenes(away={}, log={})
    fall(before)
    before.deliver()
    after = scenes(before.now, log={})
    assert after.deliver() == []
    assert after.outbox == ["tcp_down to away: handed_over", "tcp_down to log: sent"]
    assert len(after.messages) == 1


def test_who_has_heard_of_the_end_is_not_notified_of_the_beginning(scenes: Any) -> None:
    """The beginning waits for a channel that is gone; its end has been sent on the one that is left."""
    before = scenes(away={}, log={"min_severity": "severe"})
    fall(before)
    before.deliver()
    rise(before)
    incident = before.outbox and before.db.rows("SELECT id FROM heartbeat_incidents")[0][0]
    from heartbeat_cli.store.outbox import alerts

    alerts.enqueue(before.db, f"{incident}/recovered", ["log"], before.now)
    before.deliver()
    after = scenes(before.now, log={})
    after.deliver()
    assert [message["type"] for message in after.messages] == ["recovered"]
    assert outbox.count_waiting(after.db) == 0


def test_it_goes_where_the_routing_sends_it_and_anywhere_rather_than_nowhere(scenes: Any) -> None:
    before = scenes(away={})
    fall(before)
    routed = scenes(before.now, pager={"escalate_after": 900}, other={"components": ["web"]}, log={})
    routed.deliver()
    assert routed.outbox == ["tcp_down to away: handed_over", "tcp_down to log: sent"]
    again = scenes(before.now, away={})
    rise(again)
    nobody = scenes(again.now, log={"components": ["web"]})
    assert nobody.deliver() == ["recovered log sent"]


def test_a_channel_that_another_host_of_the_store_has_is_left_to_that_one(scenes: Any) -> None:
    from heartbeat_cli.domain.checking.coverage import Watch
    from heartbeat_cli.store.history import gaps

    before = scenes(away={})
    fall(before)
    gaps.save_watch(before.db, "there", Watch(before.now, before.now, 60.0))
    channels.save_configured(before.db, ConfiguredChannels("there", "hb.toml", frozenset({"away"})))
    after = scenes(before.now, log={})
    assert after.deliver() == [] and outbox.count_waiting(after.db) == 1
    channels.save_configured(before.db, ConfiguredChannels("there", "hb.toml", frozenset({"log"})))
    assert after.deliver() == ["tcp_down log sent"]


def test_a_reminder_of_a_fault_that_only_channels_that_are_gone_have_heard_of_goes_to_those_there_are(
    scenes: Any,
) -> None:
    before = scenes(log={})
    fall(before)
    before.deliver()
    after = scenes(before.now + 14_400, log2={"path": str(before.log)})
    after.saw(db=BAD)
    assert after.deliver() == ["reminder-1 log2 sent"]
