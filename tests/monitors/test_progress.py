"""Progress over a real Redis: a queue that moves, one that does not, and what cannot be read."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import ConfigError, Unobservable
from heartbeat_cli.monitors import progress
from heartbeat_cli.monitors._sources import FileSource, RedisSource, Source
from heartbeat_cli.passes.check import engine
from heartbeat_cli.views import settings_text
from tests.parts import hostile, redis

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with redis.running(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def queue(server: redis.Redis) -> redis.Redis:
    server.ask("FLUSHALL")
    return server


def settings(queue: redis.Redis, **keys: Any) -> progress.Settings:
    return progress.Settings(
        done=Source(redis=RedisSource(("SCARD", "done"), port=queue.port)),
        waiting=Source(redis=RedisSource(("LLEN", "queue"), port=queue.port)),
        **keys,
    )


def told(reading: Reading, minutes: float) -> str:
    """What it says, with `then` for that many minutes after the start."""
    then = datetime.fromtimestamp(NOW + minutes * 60, UTC).isoformat()
    return str(reading.error).replace(then, "then")


def check(settings: progress.Settings, minutes: float, before: Reading | None = None) -> Reading:
    memory = before.memory if before else {}
    return progress.probe(settings, CheckContext("workers", 5.0, NOW + minutes * 60, memory))


def test_a_worker_that_takes_nothing(queue: redis.Redis) -> None:
    workers = settings(queue)
    reading = check(workers, 0)
    assert (reading.status, reading.error) == ("healthy", None)
    assert reading.evidence == {"progress": "idle: nothing waits"}

    queue.ask("RPUSH", "queue", *map(str, range(49)))
    reading = check(workers, 1, reading)
    assert (reading.status, reading.evidence["progress"]) == ("healthy", "none done for 1 min")
    reading = check(workers, 6, reading)
    assert (reading.status, told(reading, 0), reading.category) == (
        "degraded",
        "49 wait, none done since then",
        "process",
    )
    reading = check(workers, 10, reading)
    assert (reading.status, told(reading, 0), reading.category) == (
        "unhealthy",
        "49 wait, none done since then",
        "process",
    )
    assert {one.name: one.value for one in reading.metrics} == {"waiting": 49, "done": 0, "stuck_seconds": 600}

    queue.ask("SADD", "done", "1")
    reading = check(workers, 11, reading)
    assert (reading.status, reading.error) == ("healthy", None)
    assert reading.evidence["progress"] == "something was done since the last check"


def test_the_first_check_judges_nothing_and_says_so(queue: redis.Redis) -> None:
    queue.ask("RPUSH", "queue", "a")
    said = "not judged: there is no check before this one to compare with"
    first = check(settings(queue), 0)
    assert (first.status, first.evidence["progress"]) == ("healthy", said)
    late = check(settings(queue), 11, first)
    assert (late.status, late.evidence["progress"]) == ("healthy", said)
    other = progress.Settings(waiting=settings(queue).waiting)
    assert check(other, 12, late).evidence["progress"] == said


def test_checks_that_are_too_far_apart_are_unknown_from_the_second_time_on(queue: redis.Redis) -> None:
    queue.ask("RPUSH", "queue", "a")
    workers = settings(queue)
    first = check(workers, 0)
    second = check(workers, 11, first)
    third = check(workers, 25, second)
    assert [one.status for one in (first, second, third)] == ["healthy", "healthy", "unknown"]
    assert (third.error, third.category) == ("not judged: the last check was 14 min ago, and within is 10 min", None)
    assert {one.name: one.value for one in third.metrics} == {"waiting": 1, "done": 0, "stuck_seconds": 0}
    fourth = check(workers, 36, third)
    assert fourth.status == "unknown"
    fifth = check(workers, 42, fourth)  # soon enough: judged again
    assert (fifth.status, told(fifth, 36)) == ("degraded", "1 wait, none done since then")


def test_limits_of_its_own(queue: redis.Redis) -> None:
    queue.ask("RPUSH", "queue", "a", "b")
    few = settings(queue, waiting_min=3.0, within=60.0)
    assert check(few, 5, check(few, 4.5)).evidence["progress"] == "idle: nothing waits"
    soon = settings(queue, waiting_min=2.0, within=60.0)
    assert check(soon, 1, check(soon, 0)).status == "unhealthy"


def test_a_file_that_must_change(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a\n")
    writer = progress.Settings(done=Source(file=FileSource(str(log), "lines")))
    first = check(writer, 0)
    stuck = check(writer, 10, first)
    assert (stuck.status, told(stuck, 0)) == ("unhealthy", "none done since then")
    log.write_text("a\nb\n")
    assert check(writer, 11, stuck).status == "healthy"


def test_what_cannot_be_read_is_unknown_and_forgets_nothing(queue: redis.Redis) -> None:
    """Through the engine, which keeps the memory for the next check."""
    queue.ask("RPUSH", "queue", "a")
    port = hostile.unused_port()
    first = check(settings(queue), 0)
    gone = settings(queue)._replace(waiting=Source(redis=RedisSource(("LLEN", "queue"), port=port)))
    with pytest.raises(Unobservable, match=r"^cannot read waiting: no connection to"):
        check(gone, 5, first)
    table = {"kind": "progress", "waiting": {"redis": {"command": ["LLEN", "queue"], "port": port}}}
    component = load.load({"components": {"workers": table}}, "f").components["workers"]
    context = CheckContext("workers", 5.0, NOW, first.memory)
    reading = engine.run_checks([engine.Asked(component, context)], float("inf"))["workers"]
    assert (reading.status, reading.memory) == ("unknown", first.memory)


def test_within_is_measured_by_an_interval_that_is_known() -> None:
    text = "done.redis.command = ['GET', 'a']\nwithin = "
    assert loaded(f"{text}600\ninterval = 300").settings.within == 600
    assert loaded(f"{text}1").settings.within == 1


def loaded(text: str) -> Any:
    return load.load(tomllib.loads(f"[components.x]\nkind = 'progress'\n{text}"), "f").components["x"]


def test_its_settings_and_its_recovery() -> None:
    component = loaded(
        'waiting = { redis = { host = "127.0.0.1", port = 6380, command = ["LLEN", "celery"] } }\n'
        'done.prometheus = { url = "http://h/metrics", metric = "done_total", labels = { queue = "a" } }\n'
        'within = 300\nunit = "celery.service"\nrecovery = "on"\n'
    )
    assert component.settings.waiting.redis == RedisSource(("LLEN", "celery"), port=6380)
    assert component.settings.done.prometheus.labels == {"queue": "a"}
    assert [step.action for step in component.plan.ladder] == ["systemd"]
    assert progress.host_of(component.settings) == "h"


def test_its_settings_are_shown_without_secrets_and_can_be_read_again() -> None:
    text = (
        'waiting.redis = { command = ["LLEN", "a"], password = "hunter2" }\n'
        'done.json = { url = "http://h/", path = "a", headers = { X-Api-Key = "sesame" } }\n'
    )
    config = load.load(tomllib.loads(f"[components.x]\nkind = 'progress'\n{text}"), "f")
    shown = settings_text.toml_text(config)
    assert "hunter2" not in shown and "sesame" not in shown
    again = load.load(tomllib.loads(shown), "f").components["x"].settings
    assert (again.waiting.redis.command, again.done.json.path) == (("LLEN", "a"), "a")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "done: is required, or waiting"),
        ("done = {}", "done: expected one of json, prometheus, sql, redis, file, command; got none"),
        ("done.redis.command = ['GET', 'a']\nwithin = 0", "within: must be above 0 seconds, got 0"),
        (
            "done.redis.command = ['GET', 'a']\nwithin = 300\ninterval = 300",
            "within: must be several times the interval (300 s), at least 2; got 300",
        ),
        ("done.redis.command = ['GET', 'a']\nwaiting_min = 0", "waiting_min: must be above 0, got 0"),
        ("done.redis.command = ['GET', 'a']\nuser = true", "user: works only with unit"),
        ("done.redis.comand = ['GET', 'a']", "done.redis.comand: unknown key; did you mean command?"),
        ("done.file = { path = '/a', what = 'age' }", 'done.file.what: expected one of mtime, size, lines, got "age"'),
        ("done.file.path = 'a'", "done.file.path: expected an absolute path"),
        (
            "done.command = []",
            'done.command: is empty; expected a program and its arguments, as ["/path/to/count", "jobs"]',
        ),
    ],
)
def test_mistakes(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(text)
    assert raised.value.problems[0] == f"f: components.x.{line}"
