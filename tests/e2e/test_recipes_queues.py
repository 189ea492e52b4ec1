"""The blocks of docs/recipes/queues-and-budgets.md, each under real passes: first all is well, then comes its fault.

Real are Celery, RQ, Redis, PostgreSQL and LiteLLM. Of n8n, vLLM and celery-exporter there are pages of metrics."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts import agents, queues, redis
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.metrics_pages import celery_exporter, n8n, vllm
from tests.parts.model_provider import model_provider
from tests.parts.postgres import execute
from tests.parts.recipes import STUCK, WELL, Recipe, World, runs, said

PAGE = "queues-and-budgets"
SPENT = ("unhealthy", "quota", "person")
ONE_JOB_AND_MORE = (3600, *[0] * 10)  # one is being done, one more is taken in advance, nine wait


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[redis.Redis]:
    with redis.running(tmp_path) as server:
        yield server


@pytest.fixture
def page() -> Iterator[Server]:
    with healthy_server() as server:
        yield server


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.1)


def at(broker: redis.Redis) -> dict[str, str]:
    return {"redis = {": f"redis = {{ port = {broker.port},"}


def length(broker: redis.Redis, queue: str) -> int:
    return int(broker.ask("LLEN", queue).strip()[1:])


# --- queues


def a_stuck_worker(recipe: Recipe, broker: redis.Redis, folder: Path, kind: str, queue: str, waits: int) -> None:
    """A worker that is stuck in one job is found after `within`; once it is killed and started again, all is well."""
    workers = queues.Workers(kind, folder, f"redis://127.0.0.1:{broker.port}/0")
    with World(recipe, folder, at(broker)) as world:
        workers.enqueue(0, 0, 0)
        assert world.said() == WELL
        with workers.working():
            until(lambda: workers.done == 3 and not length(broker, queue))
            assert world.reading().evidence["progress"] == "idle: nothing waits"
            workers.enqueue(*ONE_JOB_AND_MORE)
            until(lambda: length(broker, queue) == waits)
            seen = [said(one) for one in world.readings(5, after=120)]
            assert seen[:2] == [WELL, WELL] and seen[-1] == STUCK, seen
            assert seen[-2][0] == "degraded"
        if kind == "rq":  # it keeps the job of a killed worker, and begins with the next
            broker.ask("LPOP", queue)
        with workers.working():
            until(lambda: length(broker, queue) < waits)
            assert world.said() == WELL


@runs(PAGE, "Celery", 1)
def test_celery(recipe: Recipe, broker: redis.Redis, tmp_path: Path) -> None:
    a_stuck_worker(recipe, broker, tmp_path, "celery", "celery", 9)


@runs(PAGE, "RQ")
def test_rq(recipe: Recipe, broker: redis.Redis, tmp_path: Path) -> None:
    a_stuck_worker(recipe, broker, tmp_path, "rq", "rq:queue:default", 10)


@runs(PAGE, "Celery", 2)
def test_celery_exporter(recipe: Recipe, broker: redis.Redis, page: Server, tmp_path: Path) -> None:
    with World(recipe, tmp_path, at(broker) | {"http://localhost:9808": page.url}) as world:
        page.answer = Answer(200, celery_exporter(None))
        assert world.said() == WELL, "the exporter has seen no task yet"
        broker.ask("RPUSH", "celery", "a", "b")
        for done in range(6):  # as many come as are done
            page.answer = Answer(200, celery_exporter(done))
            assert world.said(after=120) == WELL
        assert [said(one) for one in world.readings(5, after=120)][-1] == STUCK


@runs(PAGE, "Celery", 2)
def test_celery_exporter_that_has_dropped_a_dead_worker(
    recipe: Recipe, broker: redis.Redis, page: Server, tmp_path: Path
) -> None:
    """Its counters are gone after 10 minutes: that is movement once, and the dead worker is found by one `within`
    later."""
    with World(recipe, tmp_path, at(broker) | {"http://localhost:9808": page.url}) as world:
        page.answer = Answer(200, celery_exporter(5))
        world.reading()
        broker.ask("RPUSH", "celery", "a", "b")
        assert said(world.readings(4, after=120)[-1])[0] == "degraded"
        page.answer = Answer(200, celery_exporter(None))
        assert world.said(after=120) == WELL
        assert said(world.readings(5, after=120)[-1]) == STUCK


@runs(PAGE, "n8n in queue mode")
def test_n8n(recipe: Recipe, page: Server, tmp_path: Path) -> None:
    with World(recipe, tmp_path, {"http://localhost:5678": page.url}) as world:
        page.answer = Answer(200, n8n(waiting=0, completed=12))
        assert world.said() == WELL
        for completed in (13, 14, 15, 16, 17, 18):
            page.answer = Answer(200, n8n(waiting=40, completed=completed))
            assert world.said(after=120) == WELL
        reading = world.readings(5, after=120)[-1]
        assert said(reading) == STUCK and str(reading.error).startswith("40 wait, none done since ")
        assert world.steps("n8n-workers") == ["docker"]
        page.answer = Answer(404)  # N8N_METRICS is not set
        assert world.said() == ("unknown", None, None)


# --- vLLM


@runs(PAGE, "vLLM")
def test_vllm_that_is_busy(recipe: Recipe, page: Server, tmp_path: Path) -> None:
    """However long its queue is."""
    with World(recipe, tmp_path, {"http://localhost:8000": page.url}) as world:
        for tokens in range(1000, 1006):
            page.answer = Answer(200, vllm(running=256, waiting=3000, tokens=tokens))
            assert world.all_said() == [WELL, WELL]


@runs(PAGE, "vLLM")
def test_vllm_that_generates_nothing(recipe: Recipe, page: Server, tmp_path: Path) -> None:
    """What runs and what waits stand still for one reason: one of them is restarted, the other is held."""
    with World(recipe, tmp_path, {"http://localhost:8000": page.url}) as world:
        page.answer = Answer(200, vllm(running=0, waiting=0, tokens=5000))
        assert world.said() == WELL
        page.answer = Answer(200, vllm(running=8, waiting=2, tokens=5001))
        world.readings(5)
        assert world.said() == STUCK
        world.readings(3)
        incidents = world.incidents
        assert (incidents["vllm"].held_by, incidents["vllm-queue"].held_by) == (None, "vllm")


@runs(PAGE, "vLLM")
def test_vllm_that_takes_nothing_from_its_queue(recipe: Recipe, page: Server, tmp_path: Path) -> None:
    with World(recipe, tmp_path, {"http://localhost:8000": page.url}) as world:
        page.answer = Answer(200, vllm(running=0, waiting=5, tokens=5000))
        world.readings(8)
        assert world.all_said() == [WELL, STUCK]
        assert {one.component: one.held_by for one in world.incidents.values()} == {"vllm-queue": None}


# --- a log or a table


@pytest.mark.postgres
@runs(PAGE, "An agent that writes a log or a table")
def test_a_log_and_a_table(recipe: Recipe, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DSN", database)
    execute(database, "CREATE TABLE jobs (id serial PRIMARY KEY, state text NOT NULL)")
    log = tmp_path / "work.log"
    log.write_text("begun\n")
    with World(recipe, tmp_path, {"/var/log/agent/work.log": str(log)}) as world:
        assert world.said() == WELL
        execute(database, "INSERT INTO jobs (state) SELECT 'new' FROM generate_series(1, 20)")
        for number in range(1, 8):  # both work
            log.write_text(log.read_text() + "more\n")
            execute(database, f"UPDATE jobs SET state = 'done' WHERE id = {number}")
            assert world.all_said(after=120) == [WELL, WELL]
        for _ in range(5):  # one of them is stuck
            log.write_text(log.read_text() + "more\n")
            last = world.all_said(after=120)
        assert last == [WELL, STUCK]
        world.readings(14, after=120)
        assert world.all_said(after=120) == [STUCK, STUCK]


# --- budgets


@runs(PAGE, "Token and money budgets")
def test_tokens_and_money(recipe: Recipe, page: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is spent is counted by a real LiteLLM, from its first request on; the tokens by vLLM's page."""
    agents.with_metrics()
    key, price = "sk-litellm-1234567890", 0.1
    monkeypatch.setenv("LITELLM_METRICS_AUTHORIZATION", f"Bearer {key}")
    page.answer = Answer(200, vllm(running=1, waiting=0, tokens=70_000))
    with model_provider() as provider, agents.litellm_server(tmp_path, provider.url, key, "small", price) as gateway:
        here = {"http://localhost:8000": page.url, "http://localhost:4000": gateway.url}
        with World(recipe, tmp_path, here) as world:
            assert world.all_said() == [WELL, WELL]
            page.answer = Answer(200, vllm(running=1, waiting=0, tokens=4_100_000))
            spent, statuses = 0.0, []
            while spent < 2.5:
                spent = complete(gateway.url, key, spent)
                reading = world.all()["money"]
                known = {one.name: one.value for one in reading.metrics}["spent"]
                assert known == pytest.approx(spent)
                statuses.append(reading.status)
            assert statuses[0] == "healthy" and said(reading) == SPENT
            assert "USD per hour spent" in str(reading.error)
            assert world.said() == ("degraded", "quota", "person")
            page.answer = Answer(200, vllm(running=1, waiting=0, tokens=5_200_000))
            assert world.said() == SPENT
            assert world.steps("money") == []


def complete(url: str, key: str, before: float) -> float:
    """Have LiteLLM complete once: what it has counted then, in USD."""
    body = {"model": "small", "max_tokens": 1, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    ask = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
    urllib.request.urlopen(ask, timeout=60).read()
    until(lambda: counted(url, headers) > before)
    return counted(url, headers)


def counted(url: str, headers: dict[str, str]) -> float:
    text = urllib.request.urlopen(urllib.request.Request(f"{url}/metrics/", None, headers), timeout=10).read().decode()
    return sum(
        float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("litellm_spend_metric_t")
    )
