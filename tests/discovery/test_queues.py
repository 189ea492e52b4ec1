"""Queues of Celery and RQ in a real Redis."""

import socket
from pathlib import Path

from heartbeat_cli.discovery import discover, queues
from heartbeat_cli.discovery.queues import Queue
from tests.parts import queues as workers
from tests.parts import redis


def test_the_queues_of_both_are_found(tmp_path: Path) -> None:
    workers.python()
    with redis.running(tmp_path) as server:
        for kind in ("celery", "rq"):
            folder = tmp_path / kind
            folder.mkdir()
            workers.Workers(kind, folder, f"redis://127.0.0.1:{server.port}/0").enqueue(0)
        found, note = queues.queues(5.0, server.port)
    assert (found, note) == ([Queue("celery", "celery", "celery"), Queue("rq", "default", "rq:queue:default")], "")
    thing = discover._queue(discover._Names(), found[1])
    assert (thing.id, thing.table["waiting"]) == ("rq-default", {"redis": {"command": ["LLEN", "rq:queue:default"]}})


def test_an_empty_redis_has_none(tmp_path: Path) -> None:
    with redis.running(tmp_path) as server:
        assert queues.queues(5.0, server.port) == ([], "")


def test_what_is_no_redis_is_noted_and_nobody_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        found, note = queues.queues(0.3, port)
    assert found == [] and note.startswith(f"Redis on port {port}: ")
    assert queues.queues(0.3, port) == ([], ""), "nothing listens"
