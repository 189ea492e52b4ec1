"""The agent monitor over the real wire: what a server answers → what the reading says."""

import inspect
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycurl
import pytest

from heartbeat_cli.domain.checking.exchange import Fault, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds.check_keys import Check
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.monitors import agent
from heartbeat_cli.system import bounded_search
from tests.parts import hostile
from tests.parts.http import Answer, Server, certificate, healthy_server

NOW = 1_800_000_000.0


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server() as running:
        yield running


def run_checks(url: str, timeout: float = 5.0, now: float = NOW, **keys: Any) -> Reading:
    settings = agent.Settings(url, **keys)
    look = CheckContext("main", timeout, now)
    responses: list[Response] = []
    drive(
        [Exchange("main", agent.request(settings, look), timeout)],
        deadline=time.monotonic() + timeout + 2,
        done=lambda _, response: responses.append(response),
    )
    return agent.read(settings, responses[0], look)


def says(body: object, status: int = 200) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "said"), [(404, "HTTP 404 Not Found"), (423, "HTTP 423 Locked"), (507, "HTTP 507 Insufficient Storage"),
                         (599, "HTTP 599")],
)  # fmt: skip
def test_a_status_code_has_its_name(server: Server, status: int, said: str) -> None:
    server.answer = Answer(status, b"")
    assert run_checks(server.url).error == said


def test_a_story_of_one_agent(server: Server) -> None:
    """Up, then warning, then failing, then gone: the same check tells each."""
    reading = run_checks(server.url + "/health")
    assert (reading.status, reading.error) == ("healthy", None)
    assert reading.response_time is not None and 0 < reading.response_time < 5
    assert server.seen[0].path == "/health"

    server.answer = says({"status": "warn", "output": "queue is long"})
    reading = run_checks(server.url)
    assert (reading.status, reading.error) == ("degraded", "it says: status warn (queue is long)")

    server.answer = says({"status": "fail", "output": "model not loaded"}, 503)
    reading = run_checks(server.url)
    assert (reading.status, reading.error) == ("unhealthy", "HTTP 503 Service Unavailable: model not loaded")
    assert reading.response_time is not None
    assert reading.evidence["http"].startswith(f"HTTP 503 from {server.url}")
    assert "model not loaded" in reading.evidence["body"]


def test_nobody_there() -> None:
    port = hostile.unused_port()
    reading = run_checks(f"http://127.0.0.1:{port}/health")
    assert (reading.status, reading.response_time) == ("error", None)
    assert reading.error == f"connection refused by 127.0.0.1:{port}"
    assert reading.evidence["http"] == f"no HTTP answer from http://127.0.0.1:{port}/health"  # no phases: there is none


def test_a_wedged_agent_is_an_error_in_time() -> None:
    with hostile.hostile_server(hostile.silent) as mute:
        reading = run_checks(mute.url, timeout=0.5)
        assert (reading.status, (reading.error or "")[:21]) == ("error", "no answer within 0.5 ")


def test_an_endless_answer_is_judged_by_what_was_read() -> None:
    with hostile.hostile_server(hostile.endless_body) as spring:
        assert run_checks(spring.url, max_body=1000).status == "healthy"
        reading = run_checks(spring.url, max_body=1000, expect="json", json_path="a")
        assert reading.error == "the answer is not JSON (cut at max_body, 1000 bytes)"
        assert len(reading.evidence["body"]) == 1000


@pytest.mark.parametrize(
    ("status", "accept", "fine"),
    [
        (200, ("2xx",), True),
        (204, ("200",), False),
        (204, ("200", "204"), True),
        (299, ("200-299",), True),
        (300, ("200-299",), False),
        (404, ("2XX", "4xx"), True),
        (503, ("2xx",), False),
    ],
)
def test_accepted_codes(server: Server, status: int, accept: tuple[str, ...], fine: bool) -> None:
    server.answer = Answer(status, b"")
    reading = run_checks(server.url, accept=accept, expect="none", redirects=0)
    assert reading.status == ("healthy" if fine else "unhealthy")
    assert fine or (reading.error or "").startswith(f"HTTP {status}")


JSON = {"status": "UP", "checks": [{"state": "down"}], "n": 3, "on": True}
RULES: list[tuple[dict[str, Any], object, str, str | None]] = [
    ({}, b"<html>hello</html>", "healthy", None),
    ({}, b"", "healthy", None),
    ({}, b'\xef\xbb\xbf{"status": "DOWN"}', "unhealthy", "it says: status DOWN"),
    ({}, {"version": 7}, "healthy", None),
    ({}, {"ok": False, "error": "no model"}, "unhealthy", "it says: ok false (no model)"),
    ({"expect": "none"}, {"status": "fail"}, "healthy", None),
    ({"expect": "json", "json_path": "status"}, JSON, "healthy", None),
    ({"expect": "json", "json_path": "checks.0.state"}, JSON, "unhealthy", 'checks.0.state is "down"'),
    ({"expect": "json", "json_path": "n", "equals": "3"}, JSON, "healthy", None),
    ({"expect": "json", "json_path": "on", "equals": "true"}, JSON, "healthy", None),
    ({"expect": "json", "json_path": "n", "equals": "4"}, JSON, "unhealthy", 'n is "3", expected "4"'),
    ({"expect": "json", "json_path": "n"}, JSON, "unhealthy", 'n is "3"'),
    ({"expect": "json", "json_path": "x.y"}, JSON, "unhealthy", "the answer has nothing at x.y"),
    ({"expect": "json", "json_path": "x"}, b"OK", "unhealthy", "the answer is not JSON"),
    ({"expect": "json", "json_path": "status"}, {"status": "warn"}, "degraded", 'status is "warn"'),
    ({"expect": "contains", "contains": "ready"}, b"I am ready.", "healthy", None),
    ({"expect": "contains", "contains": "r.y"}, b"ready", "unhealthy", 'the answer does not contain "r.y"'),
    ({"expect": "regex", "pattern": "^workers: [1-9]"}, b"workers: 4", "healthy", None),
    (
        {"expect": "regex", "pattern": "^w: [1-9]"},
        b"w: 0",
        "unhealthy",
        'the answer does not match "^w: [1-9]"',
    ),
]


@pytest.mark.parametrize(("keys", "body", "status", "error"), RULES, ids=range(len(RULES)))
def test_body_rules(server: Server, keys: dict[str, Any], body: object, status: str, error: str | None) -> None:
    server.answer = says(body)
    reading = run_checks(server.url, **keys)
    assert (reading.status, reading.error) == (status, error)


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (b"<!doctype html>\n<html></html>", "configuration"),
        (b"\xef\xbb\xbf <HTML><body>Login", "configuration"),
        (b"<status>ok</status>", None),
        (b"Internal error", None),
        (b"", None),
    ],
)
def test_a_web_page_where_json_is_expected_is_a_wrong_path(server: Server, body: bytes, category: str | None) -> None:
    """A server with one page for every path answers 200 where the address is mistyped: no restart mends that."""
    server.answer = says(body)
    by_rule = run_checks(server.url, expect="json", json_path="status", equals="ok")
    by_checks = run_checks(server.url, checks=(Check(">=", "n", critical=1.0),))
    assert [(one.status, one.category) for one in (by_rule, by_checks)] == [("unhealthy", category)] * 2


LITELLM = {"healthy_endpoints": [{"model": "a"}], "healthy_count": 1, "unhealthy_count": 1}
CHECKS: list[tuple[object, tuple[Check, ...], dict[str, Any], str, str | None]] = [
    (LITELLM, (Check(">=", "healthy_count", critical=1.0),), {}, "healthy", None),
    (
        LITELLM,
        (Check(">=", "healthy_count", critical=2.0), Check("==", "unhealthy_count", warn=0.0)),
        {},
        "unhealthy",
        "healthy_count is 1, needs >= 2; unhealthy_count is 1, needs == 0",
    ),
    (
        LITELLM,
        (Check("contains", "healthy_endpoints.*.model", critical="gpt"),),
        {},
        "unhealthy",
        'healthy_endpoints.*.model does not contain "gpt"',
    ),
    ({"ok": False, "n": 1}, (Check("<", "n", warn=1.0),), {}, "unhealthy", "it says: ok false; n is 1, needs < 1"),
    (
        {"status": "warn", "n": 1},
        (Check("<", "n", critical=1.0),),
        {},
        "unhealthy",
        "n is 1, needs < 1; it says: status warn",
    ),
    ({"ready": False, "failing": ["telegram"]}, (), {}, "unhealthy", "it says: ready false (failing: telegram)"),
    (b"<html>", (Check("<", "n", warn=1.0),), {}, "unhealthy", "the answer is not JSON"),
    (
        b"<html>",
        (Check("<", "n", warn=1.0),),
        {"expect": "json", "json_path": "n"},
        "unhealthy",
        "the answer is not JSON",
    ),
    (b'{"n": NaN}', (Check("<", "n", warn=1.0),), {}, "unknown", "n is not a number (NaN)"),
]


@pytest.mark.parametrize(("body", "checks", "keys", "status", "error"), CHECKS, ids=range(len(CHECKS)))
def test_checks_and_the_body_rule_together(
    server: Server, body: object, checks: tuple[Check, ...], keys: dict[str, Any], status: str, error: str | None
) -> None:
    server.answer = says(body)
    reading = run_checks(server.url, checks=checks, **keys)
    assert (reading.status, reading.error) == (status, error)
    assert (reading.response_time is None) == (status == "unknown")


def test_a_refused_answer_is_not_checked(server: Server) -> None:
    server.answer = says({"error": "no model"}, 503)
    reading = run_checks(server.url, checks=(Check("<", "n", warn=1.0),))
    assert reading.error == "HTTP 503 Service Unavailable: no model"


def test_the_category_of_a_check_is_that_of_the_reading(server: Server) -> None:
    server.answer = says({"n": 5})
    checks = (Check("<", "n", critical=1.0, category="quota"), Check("<", "n", warn=1.0, category="resource"))
    assert run_checks(server.url, checks=checks).category == "quota"
    assert run_checks(server.url, checks=checks[1:]).category == "resource"


def test_a_counter_is_remembered_also_past_a_failure(server: Server) -> None:
    settings = agent.Settings(server.url, checks=(Check(">", "done", critical=0.0, rate=True),))

    def read(response: Response, at: float, before: Reading | None) -> Reading:
        memory = before.memory if before else {}
        return agent.read(settings, response, CheckContext("main", 5.0, NOW + at, memory))

    first = read(Response(200, body=b'{"done": 7}'), 0, None)
    assert (first.status, [one.name for one in first.metrics]) == ("healthy", [])
    refused = read(Response(503), 10, first)
    gone = read(Response(0, fault=Fault("connect", "refused")), 20, refused)
    assert gone.memory == refused.memory == first.memory
    last = read(Response(200, body=b'{"done": 7}'), 30, gone)
    assert (last.status, last.error) == ("unhealthy", "done is 0 per second, needs > 0")
    assert [(one.name, one.value) for one in last.metrics] == [("done_per_second", 0.0)]


def test_what_goes_out(server: Server) -> None:
    run_checks(server.url, method="post", body='{"q": "ping"}', headers={"X-Key": "k"})
    run_checks(server.url, method="POST", body="ping")
    run_checks(server.url, method="POST", body="ping", headers={"content-type": "text/x"})
    first, second, third = server.seen
    assert (first.method, first.body, first.headers["x-key"]) == ("POST", b'{"q": "ping"}', "k")
    assert first.headers["content-type"] == "application/json"
    assert second.headers["content-type"] == "text/plain; charset=utf-8"
    assert third.headers["content-type"] == "text/x"


def test_metrics_are_each_phase_of_its_own() -> None:
    phases = {"dns": 0.1, "connect": 0.3, "tls": 0.6, "first_byte": 1.0, "total": 1.1}
    response = Response(200, phases=phases, elapsed=1.1, certificate_expires=NOW + 30 * 86_400)
    reading = agent.read(agent.Settings("https://h/"), response, CheckContext("main", 5.0, NOW))
    figures = {metric.name: round(metric.value, 6) for metric in reading.metrics}
    assert figures == {
        "dns_seconds": 0.1,
        "connect_seconds": 0.2,
        "tls_seconds": 0.3,
        "first_byte_seconds": 0.4,
        "certificate_days_left": 30.0,
    }
    assert (reading.status, reading.response_time) == ("healthy", 1.1)


DATE = r"20\d\d-\d\d-\d\dT[\d:]{8}\+00:00"


def test_an_expired_certificate_is_a_failure_of_its_own(tmp_path: Path) -> None:
    own = certificate(tmp_path, days=-3)
    with healthy_server(certificate=own) as server:
        reading = run_checks(server.url, now=time.time(), ca_file=str(own.cert))
    assert (reading.status, reading.category) == ("error", "certificate")
    # libcurl before 8.19 keeps the certificates of no handshake that failed.
    when = f"expired on {DATE}" if pycurl.version_info()[2] >= 0x081300 else "has expired"
    assert re.fullmatch(f"TLS certificate of 127.0.0.1 {when}", reading.error or "")


def test_a_certificate_near_its_end(tmp_path: Path) -> None:
    own = certificate(tmp_path, days=10.5)
    with healthy_server(certificate=own) as server:
        reading = run_checks(server.url, now=time.time(), ca_file=str(own.cert))
        assert (reading.status, reading.category) == ("degraded", "certificate")
        near = rf"TLS certificate expires on {DATE}, in 10 d 12 h"
        assert re.fullmatch(near, reading.error or "")
        assert (
            run_checks(server.url, now=time.time(), ca_file=str(own.cert), certificate_warn_days=7).status == "healthy"
        )
        assert (
            run_checks(server.url, now=time.time(), ca_file=str(own.cert), certificate_warn_days=0).status == "healthy"
        )
        server.answer = says({"status": "warn"})
        reading = run_checks(server.url, now=time.time(), ca_file=str(own.cert))
        assert re.fullmatch(
            rf"it says: status warn; TLS certificate expires on {DATE}, in 10 d 12 h", reading.error or ""
        )
        server.answer = says({"status": "fail"})
        assert run_checks(server.url, now=time.time(), ca_file=str(own.cert)).error == "it says: status fail"
        server.answer = says({"status": "ok"})
        reading = run_checks(server.url, now=time.time() + 12 * 86_400, verify_tls=False, certificate_warn_days=0)
        assert re.fullmatch(rf"TLS certificate expired on {DATE}, 1 d 12 h ago", reading.error or "")
        reading = run_checks(server.url, now=time.time())
        assert (reading.status, reading.error) == ("error", "TLS certificate is self-signed and not trusted")


def test_own_trouble_is_unobservable(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Unobservable, match="cannot read the CA file"):
        run_checks("https://127.0.0.1:1/", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(Unobservable, match="not an http or https address"):
        run_checks("gopher://127.0.0.1/")
    late = Response(0, fault=Fault("other", "not asked: the pass had no time left"))
    with pytest.raises(Unobservable, match="no time left"):
        agent.read(agent.Settings(server.url), late, CheckContext("main", 5.0, NOW))


def test_evidence_is_bounded_and_harmless(server: Server) -> None:
    server.answer = Answer(500, b"\0\x1b[2J" + b"\xff\xc3" * 50_000)
    reading = run_checks(server.url)
    assert len(reading.evidence["body"]) <= 2_000
    assert "\0" not in reading.evidence["body"] and "\x1b" not in reading.evidence["body"]


def test_a_pattern_without_end_does_not_hang_the_pass(server: Server) -> None:
    server.answer = Answer(200, b"a" * 60 + b"!")
    began = time.monotonic()
    with pytest.raises(Unobservable, match="the pattern takes too long"):
        run_checks(server.url, expect="regex", pattern="(a+)+$")
    assert time.monotonic() - began < 5


@pytest.mark.whole
def test_a_pattern_without_end_in_another_thread() -> None:
    outcome: list[str] = []

    def search() -> None:
        assert bounded_search.found("b+", "a\0bb")
        assert not bounded_search.found("-x", "bb")
        try:
            bounded_search.found("(a+)+$", "a" * 60 + "!")
        except bounded_search.TooSlow:
            outcome.append("too slow")

    thread = threading.Thread(target=search)
    thread.start()
    thread.join(15)
    assert outcome == ["too slow"]


def test_the_search_gives_back_a_timer_it_found() -> None:
    step: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: step.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        assert bounded_search.found("b", "ab")
        assert not bounded_search.found("b", "a" * bounded_search.LONGEST_TEXT + "b")
        time.sleep(0.4)
        assert step == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


GOOD: list[dict[str, Any]] = [
    {},
    {"url": "https://[::1]:8443/health?a=b"},
    {"accept": ("200", "2xx", "200-299")},
    {"expect": "json", "json_path": "checks.0.state", "equals": "up"},
    {"expect": "contains", "contains": "ok"},
    {"expect": "regex", "pattern": "^ok$"},
    {"headers": {"X-Key": "ü"}},
]


@pytest.mark.parametrize("keys", GOOD, ids=range(len(GOOD)))
def test_good_settings(keys: dict[str, Any]) -> None:
    assert agent.problems(agent.Settings(**{"url": "http://localhost:8000/health", **keys})) == []


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "localhost:8000/health"}, "url", "is not an address like http://localhost:8000/health"),
    ({"url": "ftp://h/"}, "url", "is not an address like"),
    ({"url": "http:///health"}, "url", "is not an address like"),
    ({"url": "http://h:99999/"}, "url", "is not a URL: "),
    ({"url": "http://h:\N{ARABIC-INDIC DIGIT EIGHT}0/"}, "url", "is not a URL: "),
    ({"url": "http://bob:pass#word@h/"}, "url", "is not a URL: its host or its port cannot be read"),
    ({"url": "http://h/a b"}, "url", "must not contain spaces"),
    ({"method": "GET /"}, "method", "is not an HTTP method like GET"),
    ({"headers": {"X-A": "1\r\nX-B: 2"}}, "headers", "a value has no line breaks"),
    ({"headers": {"X A": "1"}}, "headers", "a name is one word"),
    ({"accept": ()}, "accept", "is empty"),
    ({"accept": ("2xx", "ok")}, "accept", "'ok' is not a status code; expected 200, 2xx or 200-299"),
    ({"accept": ("299-200",)}, "accept", "'299-200' is not a status code"),
    ({"expect": "json"}, "json_path", 'is needed with expect = "json"'),
    ({"expect": "json", "json_path": "a..b"}, "json_path", "has an empty step"),
    ({"expect": "contains"}, "contains", 'is needed with expect = "contains"'),
    ({"expect": "regex"}, "pattern", 'is needed with expect = "regex"'),
    ({"expect": "regex", "pattern": "("}, "pattern", "is not a regular expression: "),
    ({"pattern": "x"}, "pattern", 'works only with expect = "regex"'),
    ({"equals": "x"}, "equals", 'works only with expect = "json"'),
    ({"redirects": -1}, "redirects", "must not be negative"),
]


@pytest.mark.parametrize(("keys", "key", "text"), BAD, ids=range(len(BAD)))
def test_bad_settings(keys: dict[str, Any], key: str, text: str) -> None:
    ((found_key, found_text),) = agent.problems(agent.Settings(**{"url": "http://h/", **keys}))
    assert found_key == key
    assert text in found_text


def test_every_setting_has_its_help_line() -> None:
    # From Python 3.13 on the compiler takes the indentation out of docstrings.
    documented = re.findall(r"^(\w+): ", inspect.cleandoc(agent.Settings.__doc__ or ""), re.MULTILINE)
    assert documented == list(agent.Settings._fields)


def test_the_ladder_is_the_designed_one() -> None:
    assert [step["action"] for step in agent.LADDER] == ["systemd", "script"]
    named, guessed = (agent.ladder(agent.Settings("http://h/", unit=unit)) for unit in ("main.service", None))
    assert named == agent.LADDER and guessed[1:] == named[1:]
    assert guessed[0] == {"action": "systemd", "unit": "openclaw-{id}.service", "optional": True}
