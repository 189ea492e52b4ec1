"""What is only printed is done, and nobody counts as notified. Standard error of these tests is no terminal."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.outbox import outbox, sends
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
CONSOLE = {"kind": "console"}


def scene(store: Database, url: str, folder: Path, **channels: Any) -> Scene:
    return Scene(store, url, folder, {"db": TCP | {"name": "The base"}}, channels)


def fall(scene: Scene) -> None:
    for _ in range(3):
        scene.saw(db=BAD)


def test_it_is_not_sent_again_and_is_no_trouble(
    store: Database, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = scene(store, store_url, tmp_path, screen=CONSOLE)
    fall(made)
    made.deliver()
    assert made.outbox == ["tcp_down to screen: printed"]
    assert made.deliver() == [] and outbox.count_waiting(store) == 0 and sends.channel_troubles(store, made.now) == []
    assert [one.outcome for one in sends.sends_of(store, [f"{made.incidents['db'].id}/tcp_down"])] == ["printed"]
    assert capsys.readouterr().err.count("The base is down") == 1


def test_escalation_and_reminders_go_on_and_the_end_is_printed_too(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    pager = {"kind": "file", "path": str(tmp_path / "messages.log"), "escalate_after": 900}
    made = scene(store, store_url, tmp_path, screen=CONSOLE, pager=pager)
    fall(made)
    made.deliver()
    made.now += 900
    made.saw(db=BAD)
    assert made.deliver() == ["escalated-900 pager sent"]
    made.now += 4 * 3_600
    made.saw(db=BAD)
    assert sorted(made.deliver()) == ["reminder-1 pager sent", "reminder-1 screen sent"]
    for _ in range(2):
        made.saw(db=GOOD)
    made.deliver()
    assert made.outbox[-2:] == ["recovered to pager: sent", "recovered to screen: printed"]


def test_a_fallback_that_only_prints_does_not_take_over(store: Database, store_url: str, tmp_path: Path) -> None:
    """It prints as well, and the channel that people read is tried until it takes the message."""
    log = {
        "kind": "file",
        "path": str(tmp_path / "later" / "messages.log"),
        "fallback": "screen",
        "fallback_after": 10,
    }
    made = scene(
        store, store_url, tmp_path, log=log, screen=CONSOLE | {"components": ["tcp"], "min_severity": "severe"}
    )
    fall(made)
    made.deliver()
    made.now += 15
    made.deliver()
    assert made.outbox == ["tcp_down to log: waiting", "tcp_down to screen: printed"]
    (tmp_path / "later").mkdir()
    made.now += 60
    made.deliver()
    assert made.outbox == ["tcp_down to log: sent", "tcp_down to screen: printed"]
