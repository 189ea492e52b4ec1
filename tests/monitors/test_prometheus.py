"""The prometheus monitor over the real wire: what a page says → what the reading says."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.domain.checking.exchange import Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds.check_keys import Check
from heartbeat_cli.errors import ConfigError, Unobservable
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.monitors import prometheus
from tests.parts import hostile
from tests.parts.http import Answer, Server, healthy_server

NOW = 1_800_000_000.0
VLLM = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 12.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 100.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} NaN
"""
WAITING = Check("<", metric="vllm:num_requests_waiting", warn=20.0, critical=100.0)


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server(Answer(200, VLLM.encode(), (("Content-Type", "text/plain; version=0.0.4"),))) as running:
        yield running


def check(url: str, *checks: Check, timeout: float = 5.0, memory: Any = None, at: float = 0.0, **keys: Any) -> Reading:
    settings = prometheus.Settings(url, checks or (WAITING,), **keys)
    context = CheckContext("vllm", timeout, NOW + at, memory or {})
    responses: list[Response] = []
    drive(
        [Exchange("vllm", prometheus.request(settings, context), timeout)],
        deadline=time.monotonic() + timeout + 2,
        done=lambda _, response: responses.append(response),
    )
    return prometheus.read(settings, responses[0], context)


def test_a_story_of_an_engine(server: Server) -> None:
    reading = check(server.url + "/metrics")
    assert (reading.status, reading.error, reading.category) == ("healthy", None, None)
    assert ("vllm_num_requests_waiting", 12.0) in [(one.name, one.value) for one in reading.metrics]
    assert reading.response_time is not None and server.seen[0].path == "/metrics"
    assert server.seen[0].headers["accept"].startswith("text/plain;version=0.0.4")

    server.answer = Answer(200, VLLM.replace(" 12.0", " 50").encode())
    reading = check(server.url)
    assert (reading.status, reading.error) == ("degraded", "vllm:num_requests_waiting is 50, needs < 20")

    server.answer = Answer(200, VLLM.replace(" 12.0", " 1e3").encode())
    reading = check(server.url)
    assert (reading.status, reading.error) == ("unhealthy", "vllm:num_requests_waiting is 1000, needs < 100")

    server.answer = Answer(503, b"")
    reading = check(server.url)
    assert (reading.status, reading.error) == ("unhealthy", "HTTP 503 Service Unavailable")


@pytest.mark.parametrize(
    ("keys", "status", "error"),
    [
        (
            {"metric": "vllm:num_requests_running", "critical": 8.0},
            "unhealthy",
            "vllm:num_requests_running is 7, needs >= 8",
        ),
        ({"metric": "vllm:num_requests_running", "agg": "min", "critical": 3.0}, "healthy", None),
        ({"metric": "vllm:num_requests_running", "labels": {"engine": "1"}, "critical": 4.0}, "healthy", None),
        (
            {"metric": "vllm:num_requests_running", "labels": {"engine": "2"}, "critical": 4.0},
            "unhealthy",
            "vllm:num_requests_running is missing",
        ),
        (
            {"metric": "vllm:num_requests_running", "labels": {"engine": "2"}, "agg": "count", "critical": 1.0},
            "unhealthy",
            "vllm:num_requests_running is 0, needs >= 1",
        ),
        (
            {"metric": "vllm:kv_cache_usage_perc", "warn": 0.0},
            "unknown",
            "vllm:kv_cache_usage_perc is not a number (NaN)",
        ),
        ({"metric": "vllm:generation_tokens", "warn": 100.0}, "healthy", None),
    ],
)
def test_series(server: Server, keys: dict[str, Any], status: str, error: str | None) -> None:
    reading = check(server.url, Check(">=", **keys))
    assert (reading.status, reading.error) == (status, error)


def test_a_counter_that_stands_still(server: Server) -> None:
    tokens = Check(">", metric="vllm:generation_tokens_total", rate=True, critical=0.0, category="process")
    first = check(server.url, tokens)
    assert first.status == "healthy"
    second = check(server.url, tokens, memory=first.memory, at=30)
    assert (second.status, second.category) == ("unhealthy", "process")
    assert second.error == "vllm:generation_tokens_total is 0 per second, needs > 0"
    server.answer = Answer(500, b"")
    assert check(server.url, tokens, memory=second.memory, at=45).memory == second.memory


@pytest.mark.parametrize(
    ("answer", "status", "category", "error"),
    [
        (Answer(401, b""), "unhealthy", "credentials", "HTTP 401 Unauthorized"),
        (Answer(404, b""), "unhealthy", "configuration", "HTTP 404 Not Found"),
        (
            Answer(200, b"<html>up 1</html>"),
            "unhealthy",
            "configuration",
            "the answer has no metrics in the Prometheus text format",
        ),
        (Answer(200, b""), "unhealthy", "configuration", "the answer has no metrics in the Prometheus text format"),
        (Answer(200, b"other 1\n"), "unhealthy", None, "vllm:num_requests_waiting is missing"),
        (Answer(200, b"\xff\xfe\nvllm:num_requests_waiting 1\n"), "healthy", None, None),
    ],
)
def test_other_answers(server: Server, answer: Answer, status: str, category: str | None, error: str | None) -> None:
    server.answer = answer
    reading = check(server.url)
    assert (reading.status, reading.category, reading.error) == (status, category, error)


def test_nobody_there() -> None:
    port = hostile.unused_port()
    reading = check(f"http://127.0.0.1:{port}/metrics")
    assert (reading.status, reading.certain) == ("error", True)
    assert reading.error == f"connection refused by 127.0.0.1:{port}"


def test_a_page_that_is_too_long_is_not_judged(server: Server) -> None:
    """The rest of it may hold more series, and its last line half of a number."""
    with pytest.raises(Unobservable, match=r"^the page is longer than max_body \(100 bytes\)$"):
        check(server.url, max_body=100)


def test_a_silent_server() -> None:
    with hostile.hostile_server(hostile.silent) as mute:
        assert check(mute.url, timeout=0.5).status == "error"


def load_checks(checks: str, kind: str = "prometheus") -> list[str]:
    import tomllib

    text = f'[components.x]\nkind = "{kind}"\nurl = "http://h/"\nchecks = {checks}\n'
    try:
        load.load(tomllib.loads(text), "f")
    except ConfigError as error:
        return [line.removeprefix("f: components.x.") for line in error.problems]
    return []


@pytest.mark.parametrize(
    ("checks", "lines"),
    [
        ('[{metric = "a", op = "<", warn = 1}]', []),
        ('[{metric = "a", op = "<", warn = 1, critical = 2}, {metric = "a", op = ">", critical = 0}]', []),
        ("[]", ["checks: is empty; expected tables as { metric, op, warn, critical }"]),
        ('[{metric = "a", op = "<"}]', ["checks[0].warn: is required, or critical"]),
        ('[{op = "<", warn = 1}]', ["checks[0].metric: is required: a string"]),
        ('[{metric = "a b", op = "<", warn = 1}]', ["checks[0].metric: 'a b' is not the name of a metric"]),
        ('[{metric = "a", path = "b", op = "<", warn = 1}]', ["checks[0].path: does not work here; use metric"]),
        (
            '[{metric = "a", op = "=<", warn = 1}]',
            ['checks[0].op: expected one of >=, <=, <, >, ==, !=, contains, got "=<"; did you mean <?'],
        ),
        ('[{metric = "a", op = "<", warn = "1"}]', ["checks[0].op: < compares numbers; a limit is none"]),
        ('[{metric = "a", op = "<", warn = true}]', ["checks[0].op: < compares numbers; a limit is none"]),
        (
            '[{metric = "a", op = ">", warn = 1, critical = 2}]',
            ["checks[0].warn: is never reached: with >, critical is broken before it"],
        ),
        (
            '[{metric = "a", op = "<", warn = 2, critical = 1}]',
            ["checks[0].warn: is never reached: with <, critical is broken before it"],
        ),
        (
            '[{metric = "a", op = "<", warn = 1}, {metric = "a", labels = {b = "c"}, op = "<", warn = 1}]',
            ["checks[1].name: two checks have the figure a; give this one a name of its own"],
        ),
        (
            '[{metric = "a", labels = {"b-c" = "d"}, op = "<", warn = 1}]',
            ["checks[0].labels: 'b-c' is not the name of a label"],
        ),
        (
            '[{metric = "a", rate = true, op = "==", warn = "x"}]',
            ["checks[0].rate: works only with limits that are numbers"],
        ),
        ('[{metric = "a", agg = "sum", op = "contains", warn = "x"}]', ["checks[0].agg: does not work with contains"]),
        (
            '[{metric = "a", op = "<", warn = 1, category = "quotas"}]',
            [
                "checks[0].category: expected one of process, starting, draining, dependency, provider, credentials, "
                'quota, configuration, resource, network, certificate, got "quotas"; did you mean quota?'
            ],
        ),
    ],
)
def test_mistakes_are_named_with_their_place(checks: str, lines: list[str]) -> None:
    assert load_checks(checks) == lines


@pytest.mark.parametrize(
    ("checks", "lines"),
    [
        ('[{path = "a.*.b", op = "<", warn = 1}]', []),
        (
            '[{path = "a..b", op = "<", warn = 1}]',
            ["checks[0].path: has an empty step; expected names or list positions joined by dots, like checks.0.state"],
        ),
        (
            '[{metric = "a", op = "<", warn = 1}]',
            ["checks[0].path: is required: a string", "checks[0].metric: does not work here; use path"],
        ),
        ('[{path = "a", labels = {b = "c"}, op = "<", warn = 1}]', ["checks[0].labels: works only with metric"]),
    ],
)
def test_mistakes_in_the_checks_of_an_agent(checks: str, lines: list[str]) -> None:
    assert load_checks(checks, "agent") == lines


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"url": "ftp://h/"}, "url"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"max_body": 0}, "max_body"),
        ({"certificate_warn_days": -1}, "certificate_warn_days"),
        ({"user": True}, "user"),
    ],
)
def test_other_mistakes(keys: dict[str, Any], where: str) -> None:
    settings = prometheus.Settings(**{"url": "http://h/", "checks": (WAITING,), **keys})
    assert [key for key, _ in prometheus.problems(settings)] == [where]
