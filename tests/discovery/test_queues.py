"""Queues of Celery and RQ in a real Redis."""

import socket
import threading
from contextlib import suppress
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


def _says(listener: socket.socket, answers: dict[bytes, bytes]) -> None:
    """A Redis that answers a command by its first word."""
    with suppress(OSError):
        link, _ = listener.accept()
        while asked := link.recv(4096):
            link.sendall(next(answer for word, answer in answers.items() if word in asked))


def test_names_that_a_configuration_would_follow_are_left_out() -> None:
    """Anybody may name a queue: the secret would be sent to that Redis at every check."""
    names = [b"rq:queue:good", b"file:/etc/shadow", b"env:SECRET", b"rq:queue:a b", b"x" * 300]
    listed = b"*%d\r\n" % len(names) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in names)
    answers = {b"DBSIZE": b":1\r\n", b"KEYS": b"*1\r\n$23\r\n_kombu.binding.env:HOME\r\n", b"SMEMBERS": listed}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_says, args=(listener, answers), daemon=True).start()
        found, note = queues.queues(5.0, listener.getsockname()[1])
    assert ([one.key for one in found], note) == (["rq:queue:good"], "")
    assert discover._refers({"command": ["LLEN", "env:HOME"]}) and not discover._refers({"url": "http://x/env:HOME"})


def test_an_answer_without_end_is_not_taken() -> None:
    listed = b"*1000\r\n" + b"$600000\r\n" + b"x" * 600_000 + b"\r\n$600000\r\n" + b"x" * 600_000 + b"\r\n"
    answers = {b"DBSIZE": b":1\r\n", b"KEYS": listed}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_says, args=(listener, answers), daemon=True).start()
        found, note = queues.queues(5.0, listener.getsockname()[1])
    assert found == [] and "longer than 1,048,576 bytes" in note


def test_an_empty_redis_has_none(tmp_path: Path) -> None:
    with redis.running(tmp_path) as server:
        assert queues.queues(5.0, server.port) == ([], "")


def test_what_is_no_redis_is_noted_and_nobody_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        found, note = queues.queues(0.3, port)
    assert found == [] and note.startswith(f"Redis on port {port}: ")
    assert queues.queues(0.3, port) == ([], ""), "nothing listens"
