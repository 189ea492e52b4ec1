"""Stuck workers of Celery and RQ: they answer pings and beat, and the queue does not move."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.monitors import progress
from heartbeat_cli.monitors._sources import FileSource, RedisSource, Source
from tests.parts import queues, redis

NOW = 1_800_000_000.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[redis.Redis]:
    queues.python()
    with redis.running(tmp_path) as server:
        yield server


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends, "the worker did not do what it should"
        time.sleep(0.1)


def check(settings: progress.Settings, minutes: float, before: Reading | None = None) -> Reading:
    memory = before.memory if before else {}
    return progress.probe(settings, CheckContext("workers", 5.0, NOW + minutes * 60, memory))


def test_a_stuck_worker_of_celery(tmp_path: Path, broker: redis.Redis) -> None:
    """Only what waits is known, as with Celery and nothing else."""
    workers = queues.Workers("celery", tmp_path, f"redis://127.0.0.1:{broker.port}/0")
    settings = progress.Settings(waiting=Source(redis=RedisSource(("LLEN", "celery"), port=broker.port)))
    workers.enqueue(0, 0, 0)
    first = check(settings, 0)
    assert first.status == "healthy"
    with workers.working():
        until(lambda: workers.done == 3 and not queue_length(broker, "celery"))
        idle = check(settings, 5, first)
        assert idle.evidence["progress"] == "idle: nothing waits"

        workers.enqueue(3600, *[0] * 10)  # one is being done, one more is taken in advance
        until(lambda: queue_length(broker, "celery") == 9)
        assert workers.answers_ping()
        late = check(settings, 10, idle)
        stuck = check(settings, 15, late)
        assert late.status == "degraded" and str(late.error).startswith("9 wait, none done since ")
        assert (stuck.status, stuck.category) == ("unhealthy", "process")
        assert str(stuck.error).startswith("9 wait, none done since ")
    with workers.working():  # restarted: it goes on with what waits, and the stuck job comes back later
        until(lambda: queue_length(broker, "celery") < 9)
        assert check(settings, 16, stuck).status == "healthy"


def test_a_stuck_worker_of_rq(tmp_path: Path, broker: redis.Redis) -> None:
    workers = queues.Workers("rq", tmp_path, f"redis://127.0.0.1:{broker.port}/0")
    settings = progress.Settings(
        waiting=Source(redis=RedisSource(("LLEN", "rq:queue:default"), port=broker.port)),
        done=Source(file=FileSource(str(tmp_path / "done"), "lines")),
    )
    workers.enqueue(0, 0, 0, 3600, *[0] * 10)
    (tmp_path / "done").touch()
    first = check(settings, 0)
    with workers.working():
        until(lambda: workers.done == 3 and queue_length(broker, "rq:queue:default") == 10)
        moved = check(settings, 1, first)
        assert moved.evidence["progress"] == "something was done since the last check"
        assert b"last_heartbeat" in broker.ask("HGETALL", worker_key(broker)), "by its own account it lives"
        stuck = check(settings, 11, moved)
        assert stuck.status == "unhealthy" and str(stuck.error).startswith("10 wait, none done since ")


def queue_length(broker: redis.Redis, name: str) -> int:
    return int(broker.ask("LLEN", name).strip()[1:])


def worker_key(broker: redis.Redis) -> str:
    """The key of the only worker: a set of one, `*1`, `$…`, the key."""
    return broker.ask("SMEMBERS", "rq:workers").decode().split("\r\n")[2]
