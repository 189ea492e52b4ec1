"""Many faults on many channels: what a message costs does not grow with what waits, and each is worded once. Counted:
the machine that tests may be busy (`python -m bench storm` measures)."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.passes.deliver.deliver import Delivering
from heartbeat_cli.passes.deliver.due import THREADS, Due
from heartbeat_cli.store.outbox import alerts, outbox
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import START, Scene
from tests.parts.stores import opened

TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1}


def storm(db: Database, url: str, folder: Path, faults: int, names: list[str], digest: bool = True) -> Scene:
    channels = {name: {"kind": "file", "path": str(folder / f"{name}.log"), "digest": digest} for name in names}
    scene = Scene(db, url, folder, {"db": TCP}, channels)
    with db.transaction():
        for number in range(faults):
            alert = Alert(
                f"{names[0]}-{number:03}/x",
                "tcp_down",
                "high",
                f"fault {number}",
                "db",
                START,
                f"{names[0]}-{number}",
                "r",
            )
            alerts.add(db, alert, names, START)
    return scene


def delivered(scene: Scene) -> Delivering:
    """Everything, in as many rounds as it takes here."""
    delivering = Delivering(scene.config, scene.clock)
    while delivering.unfinished:
        delivering.work(scene.db)
    return delivering


@pytest.mark.parametrize("digest", [True, False])
def test_a_message_is_worded_once_for_all_channels(
    store: Database, store_url: str, tmp_path: Path, digest: bool
) -> None:
    scene = storm(store, store_url, tmp_path, 6, [f"c{number}" for number in range(5)], digest)
    delivering = delivered(scene)
    assert delivering.wordings.made == (1 if digest else 6)
    assert len(delivering.results) == 30 and outbox.count_waiting(store) == 0
    logs = [(tmp_path / f"c{number}.log").read_text().splitlines() for number in range(5)]
    assert {len(lines) for lines in logs} == {1 if digest else 6}


def test_the_statements_of_a_message_do_not_grow_with_what_waits(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    each = []
    for number, channels in enumerate((2, 8)):
        folder = tmp_path / str(number)
        folder.mkdir()
        scene = storm(store, store_url, folder, 10, [f"c{number}-{one}" for one in range(channels)], digest=False)
        before = store.statements
        sent = len(delivered(scene).results)
        assert sent == 10 * channels
        each.append((store.statements - before) / sent)
    assert each[1] <= each[0] <= 10


@pytest.mark.whole
def test_the_work_of_the_store_for_a_message_does_not_grow_with_what_waits(tmp_path: Path) -> None:
    """In steps of SQLite's machine. Asked row by row what goes before a row, they grow with the square."""
    each = []
    for channels in (4, 16):
        folder = tmp_path / str(channels)
        folder.mkdir()
        url = f"sqlite:///{folder}/store.db"
        db: Any = opened(url)
        scene = storm(db, url, folder, 25, [f"c{number}" for number in range(channels)], digest=False)
        steps: list[int] = []
        db._connection.set_progress_handler(lambda steps=steps: steps.append(1), 100)
        sent = len(delivered(scene).results)
        db._connection.set_progress_handler(None, 0)
        assert sent == 25 * channels
        each.append(len(steps) / sent)
        db.close()
    assert each[1] < 2 * each[0]


def test_channels_that_have_failed_leave_threads_to_the_others(store: Database, store_url: str, tmp_path: Path) -> None:
    names = [f"c{number:03}" for number in range(THREADS + 20)]
    storm(store, store_url, tmp_path, 1, names)
    failed = names[: THREADS + 10]
    store.run(f"UPDATE heartbeat_outbox SET attempts = 1 WHERE channel <= '{failed[-1]}'")
    due = Due("here", names)
    due.refresh(store, START, tidy=True)
    free = due.free(store, START, ())
    assert free == names
    first = due.chosen(free, ())
    assert first[:10] == names[-10:] and len(first) == 10 + THREADS // 2
    assert due.chosen(free, [True] * (THREADS // 2)) == names[-10:]
    assert due.chosen(free, [False] * THREADS) == []
