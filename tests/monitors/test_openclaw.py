"""The openclaw monitor over the real wire: what a gateway's pages say → what the reading says.

The pages in `openclaw_pages` are what openclaw 2026.9.6 answers on loopback. Those whose fault cannot be brought about
at will are put together by its source and its manual: agent-database, state-database, plugin-reload,
plugin-reload-failed, internal and the two remote ones."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.domain.kinds import openclaw as rules
from heartbeat_cli.monitors import openclaw
from heartbeat_cli.passes.check.engine import Asked, run_checks
from tests.parts import hostile
from tests.parts.http import Answer, Seen, Server, certificate, healthy_server

NOW = 1_800_000_000.0
PAGES = {path.stem: path.read_bytes() for path in Path(__file__).with_name("openclaw_pages").glob("*.json")}
HTML = Answer(200, b"<!doctype html>\n<html>", (("Content-Type", "text/html; charset=utf-8"),))
LIVE = Answer(200, b'{"ok":true,"status":"live"}')


@pytest.fixture
def gateway() -> Iterator[Server]:
    with healthy_server(Answer(200, PAGES["ready"])) as running:
        yield running


def check(
    url: str, memory: Mapping[str, Any] | None = None, now: float = NOW, interval: float | None = 200.0, **keys: Any
) -> Reading:
    """One check; what is remembered goes through JSON, as in a store."""
    settings = openclaw.Settings(url, **keys)
    context = CheckContext("gateway", 10.0, now, json.loads(json.dumps(memory or {})), None, interval)
    asked = Asked(Component("gateway", "openclaw", settings, Common(retries=0)), context)
    return run_checks([asked], time.monotonic() + 20.0)["gateway"]


def page(name: str, **changes: Any) -> Answer:
    """A recorded page, with these fields changed."""
    document = json.loads(PAGES[name]) | changes
    return Answer(200 if document["ready"] else 503, json.dumps(document).encode())


def failing(*names: str, uptime: float = 5000.0, **more: Any) -> Answer:
    return page("channel-unreachable", failing=list(names), uptimeMs=uptime * 1000, **more)


def verdict(reading: Reading) -> tuple[str, str | None, str | None]:
    failure = reading.failure
    return reading.status, failure and failure.category, failure and failure.remedy


# --- each thing that a page may call failing ------------------------------------------------------------------------

VERDICTS = {
    "ready": (("healthy", None, None), None),
    "remote-ready": (("healthy", None, None), None),
    "startup-sidecars": (
        ("degraded", "starting", "wait"),
        "not ready: startup-sidecars (for 4 s, limit 300 s); "
        "event loop delay 1.98 s at the 99th percentile (limit 1 s)",
    ),
    "gateway-draining": (("degraded", "draining", "wait"), "not ready: gateway-draining (for 0 s, limit 330 s)"),
    "channel-refused": (("degraded", "credentials", "person"), "not ready: telegram (channel)"),
    "channel-unreachable": (("degraded", "dependency", "wait"), "not ready: telegram (channel)"),
    "internal": (("unhealthy", "process", "restart"), "not ready: internal (an error inside the gateway)"),
    "agent-database": (("unhealthy", "dependency", "person"), "not ready: agent-database:main"),
    "state-database": (("unhealthy", "dependency", "person"), "not ready: state-database"),
    "plugin-reload": (("degraded", "draining", "wait"), "not ready: plugin-reload (for 0 s, limit 300 s)"),
    "plugin-reload-failed": (
        ("unhealthy", "configuration", "person"),
        "not ready: plugin-reload (failed: slow)",
    ),
    "remote-not-ready": (
        ("unhealthy", "process", "person"),
        "not ready: no reason given: that needs a caller on the gateway's host, or its token in headers",
    ),
}


def test_every_recorded_page_has_a_verdict() -> None:
    assert set(VERDICTS) == set(PAGES)


@pytest.mark.parametrize("name", VERDICTS)
def test_a_recorded_page(gateway: Server, name: str) -> None:
    gateway.answer = page(name)
    reading = check(gateway.url)
    assert (verdict(reading), reading.error) == VERDICTS[name]
    assert [one.path for one in gateway.seen] == ["/readyz"]
    assert reading.response_time is not None and reading.response_time > 0
    assert reading.evidence["http"].startswith(f"HTTP {gateway.answer.status} from {gateway.url}/readyz")
    assert reading.evidence["body"] == gateway.answer.body.decode()


# --- limits in time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uptime", "limit", "expected"),
    [
        (299.0, 300.0, ("degraded", "starting", "wait")),
        (300.0, 300.0, ("unhealthy", "process", "restart")),
        (61.0, 60.0, ("unhealthy", "process", "restart")),
    ],
)
def test_starting_has_a_limit(gateway: Server, uptime: float, limit: float, expected: tuple[str, ...]) -> None:
    gateway.answer = failing("startup-sidecars", uptime=uptime)
    reading = check(gateway.url, startup_limit=limit)
    assert verdict(reading) == expected
    assert reading.error == f"not ready: startup-sidecars (for {uptime:.0f} s, limit {limit:g} s)"


def test_starting_without_an_uptime_is_timed_by_the_checks(gateway: Server) -> None:
    gateway.answer = failing("startup-sidecars")._replace(body=b'{"ready":false,"failing":["startup-sidecars"]}')
    reading = check(gateway.url)
    assert verdict(reading) == ("degraded", "starting", "wait")
    reading = check(gateway.url, reading.memory, NOW + 300)
    assert verdict(reading) == ("unhealthy", "process", "restart")


@pytest.mark.parametrize(
    ("name", "limit", "beyond"),
    [
        ("gateway-draining", 330, ("unhealthy", "process", "restart")),
        ("plugin-reload", 300, ("unhealthy", "configuration", "person")),
    ],
)
def test_what_the_page_does_not_time_is_timed_by_the_checks(
    gateway: Server, name: str, limit: int, beyond: tuple[str, ...]
) -> None:
    """A clock that is set back takes nothing away, a check without an answer neither; its end begins it anew."""
    gateway.answer = failing(name)
    first = check(gateway.url)
    assert verdict(first) == ("degraded", "draining", "wait")
    second = check(gateway.url, first.memory, NOW + 200)
    assert second.error == f"not ready: {name} (for 200 s, limit {limit} s)"
    back = check(gateway.url, second.memory, NOW - 3000)
    assert back.error == f"not ready: {name} (for 200 s, limit {limit} s)"
    with hostile.hostile_server(hostile.closes_at_once) as mute:
        silent = check(mute.url, back.memory, NOW - 2990)
    later = check(gateway.url, silent.memory, NOW - 3000 + limit - 200 - 1)
    assert later.status == "degraded"
    assert verdict(check(gateway.url, later.memory, NOW - 3000 + limit - 200)) == beyond

    gateway.answer = page("ready")
    well = check(gateway.url, later.memory, NOW)
    gateway.answer = failing(name)
    assert check(gateway.url, well.memory, NOW + 1).error == f"not ready: {name} (for 0 s, limit {limit} s)"


def test_a_clock_that_jumps_makes_nothing_last(gateway: Server) -> None:
    """Set forward, or a host that slept: nothing was seen of that time."""
    gateway.answer = failing("gateway-draining", uptime=1e6)
    memory: Any = {"lasting": {"gateway-draining": [NOW - 1e6, NOW - 60]}}  # as an earlier version left it
    readings, now = [], NOW
    for step in (0, 30, 3_600, 60, 60, 60):
        now += step
        readings.append(check(gateway.url, memory, now, 60.0))
        memory = readings[-1].memory
    spans = [re.findall(r"for (\d+) s", str(one.error)) for one in readings]
    assert spans == [["0"], ["30"], ["150"], ["210"], ["270"], ["330"]]
    assert [one.status for one in readings] == ["degraded"] * 5 + ["unhealthy"]


def test_a_gateway_cannot_have_drained_before_it_started(gateway: Server) -> None:
    """The memory is of its run before: heartbeat did not watch in between."""
    gateway.answer = failing("gateway-draining")
    first = check(gateway.url)
    gateway.answer = failing("gateway-draining", uptime=90)
    reading = check(gateway.url, first.memory, NOW + 86_400)
    assert reading.error == "not ready: gateway-draining (for 90 s, limit 330 s)"
    assert reading.status == "degraded"


# --- channels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("uptime", "category"), [(120.0, "credentials"), (120.1, "dependency")])
def test_a_channel_that_fails_early_was_refused(gateway: Server, uptime: float, category: str) -> None:
    gateway.answer = failing("telegram", uptime=uptime)
    assert check(gateway.url).category == category


def test_a_channels_category_stays_while_it_fails(gateway: Server) -> None:
    def seen(answer: Answer) -> str | None:
        gateway.answer = answer
        readings.append(check(gateway.url, readings[-1].memory if readings else None))
        return readings[-1].category

    readings: list[Reading] = []
    assert seen(failing("telegram", uptime=20)) == "credentials"
    assert seen(failing("telegram", uptime=5000)) == "credentials"
    assert seen(failing("telegram", "discord", uptime=5030)) == "credentials"
    assert readings[-1].memory["channels"] == {"telegram": "credentials", "discord": "dependency"}
    assert seen(failing("plugin-reload", uptime=5060)) == "draining"  # hides the channels
    assert seen(failing("discord", "telegram", uptime=5090)) == "dependency"
    assert readings[-1].memory["channels"] == {"telegram": "credentials", "discord": "dependency"}
    assert seen(failing("discord", uptime=5120)) == "dependency"  # telegram is well again
    assert seen(failing("telegram", uptime=5150)) == "dependency"  # and fails once more


@pytest.mark.parametrize("between", ["refused", "starting"])
def test_a_start_of_the_gateway_decides_anew(gateway: Server, between: str) -> None:
    gateway.answer = failing("telegram", uptime=5000)
    before = check(gateway.url)
    assert before.category == "dependency"
    gateway.answer = page("startup-sidecars")
    url = f"http://127.0.0.1:{hostile.unused_port()}" if between == "refused" else gateway.url
    middle = check(url, before.memory)
    gateway.answer = failing("telegram", uptime=12)
    assert check(gateway.url, middle.memory).category == "credentials"


def test_a_required_channel_makes_the_gateway_unhealthy(gateway: Server) -> None:
    gateway.answer = failing("telegram")
    reading = check(gateway.url, required_channels=("telegram", "discord"))
    assert verdict(reading) == ("unhealthy", "dependency", "wait")
    gateway.answer = failing("telegram", uptime=20)
    assert verdict(check(gateway.url, required_channels=("telegram",))) == ("unhealthy", "credentials", "person")
    assert check(gateway.url, required_channels=("discord",)).status == "degraded"


# --- several at once ------------------------------------------------------------------------------------------------


def test_the_worst_decides_and_the_line_names_all(gateway: Server) -> None:
    gateway.answer = failing("telegram", "agent-database:main")
    reading = check(gateway.url)
    assert verdict(reading) == ("unhealthy", "dependency", "person")
    assert reading.error == "not ready: agent-database:main, telegram (channel)"
    gateway.answer = failing("telegram", "agent-database:main", "internal")
    assert check(gateway.url, required_channels=("telegram",)).error == (
        "not ready: telegram (channel), agent-database:main, internal (an error inside the gateway)"
    )


def test_many_at_once_are_counted(gateway: Server) -> None:
    gateway.answer = failing(*(f"agent-database:{n}" for n in range(40)))
    reading = check(gateway.url)
    assert reading.error is not None and reading.error.endswith("agent-database:7, 32 more")
    assert {one.name: one.value for one in reading.metrics}["failing_count"] == 40


def test_a_slow_event_loop_is_degraded(gateway: Server) -> None:
    slow = {**json.loads(PAGES["ready"])["eventLoop"], "delayP99Ms": 1500.4}
    gateway.answer = page("ready", eventLoop=slow)
    reading = check(gateway.url)
    assert verdict(reading) == ("degraded", "resource", "person")
    assert reading.error == "event loop delay 1.50 s at the 99th percentile (limit 1 s)"
    assert check(gateway.url, loop_delay_warn=2).status == "healthy"
    assert check(gateway.url, loop_delay_warn=0).status == "healthy"
    gateway.answer = failing("telegram", eventLoop=slow)
    reading = check(gateway.url)
    assert verdict(reading) == ("degraded", "dependency", "wait")
    assert reading.error == (
        "not ready: telegram (channel); event loop delay 1.50 s at the 99th percentile (limit 1 s)"
    )


def test_the_figures(gateway: Server) -> None:
    found = {one.name: one.value for one in check(gateway.url).metrics}
    document = json.loads(PAGES["ready"])
    assert found["event_loop_delay_p99_seconds"] == document["eventLoop"]["delayP99Ms"] / 1000
    assert found["event_loop_utilization"] == document["eventLoop"]["utilization"]
    assert found["uptime_seconds"] == document["uptimeMs"] / 1000
    assert found["failing_count"] == 0
    gateway.answer = page("internal")
    found = {one.name: one.value for one in check(gateway.url).metrics}
    assert "uptime_seconds" not in found and found["failing_count"] == 1
    gateway.answer = page("remote-ready")
    assert "failing_count" not in {one.name for one in check(gateway.url).metrics}


# --- no page --------------------------------------------------------------------------------------------------------

DECIDED_BY_LIVENESS = [
    (HTML, LIVE, "degraded", "configuration", "no readiness page: /readyz answers HTTP 200, HTML"),
    (Answer(404, b"Not Found"), LIVE, "degraded", "configuration", "no readiness page: /readyz answers HTTP 404"),
    (Answer(200, b'{"ok":1}'), LIVE, "degraded", "configuration", "no readiness page: /readyz answers HTTP 200"),
    (Answer(200, b'{"ready":"yes"}'), LIVE, "degraded", "configuration", "no readiness page: /readyz answers HTTP 200"),
    (Answer(302, b"", (("Location", "/elsewhere"),)), LIVE, "degraded", "configuration",
     "no readiness page: /readyz answers HTTP 302"),
    (HTML, HTML, "unhealthy", "configuration", "no OpenClaw gateway there: /healthz answers HTTP 200, HTML"),
    (HTML, Answer(404, b""), "unhealthy", "configuration", "no OpenClaw gateway there: /healthz answers HTTP 404"),
    (HTML, Answer(502, b"<h1>"), "unhealthy", "process", "not live: /healthz answers HTTP 502, HTML"),
    (HTML, Answer(503, LIVE.body), "unhealthy", "process", "not live: /healthz answers HTTP 503"),
    (HTML, Answer(200, b'{"ok":false}'), "unhealthy", "process", "not live: /healthz answers HTTP 200"),
]  # fmt: skip


@pytest.mark.parametrize(("ready", "live", "status", "category", "error"), DECIDED_BY_LIVENESS)
def test_without_a_readiness_page_the_liveness_page_decides(
    gateway: Server, ready: Answer, live: Answer, status: str, category: str, error: str
) -> None:
    gateway.answers = {"/gw/readyz": ready, "/gw/healthz": live}
    memory = {"channels": {"telegram": "credentials"}, "lasted": {}}
    reading = check(gateway.url + "/gw/", memory)
    assert (reading.status, reading.category, reading.error) == (status, category, error)
    assert [one.path for one in gateway.seen] == ["/gw/readyz", "/gw/healthz"]
    assert reading.memory == memory


def test_a_follow_up_without_an_answer_is_an_error(gateway: Server) -> None:
    def breaks(asked: Seen) -> Answer:
        if asked.path == "/healthz":
            raise ConnectionAbortedError
        return HTML

    gateway.choose = breaks
    assert verdict(check(gateway.url)) == ("error", "process", "restart")


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_ask_does_not_know(gateway: Server, status: int) -> None:
    memory = {"channels": {"telegram": "credentials"}, "lasted": {}}
    gateway.answer = Answer(status, b'{"error":{"message":"Proxy client attribution is required."}}')
    reading = check(gateway.url, memory)
    assert (reading.status, reading.error) == ("unknown", f"not allowed to ask the gateway: HTTP {status}")
    assert reading.memory == memory
    gateway.answers = {"/readyz": HTML}
    assert check(gateway.url).error == f"not allowed to ask the gateway: HTTP {status}"
    assert [one.path for one in gateway.seen] == ["/readyz", "/readyz", "/healthz"]


def test_nobody_there_and_nobody_answering() -> None:
    port = hostile.unused_port()
    reading = check(f"http://127.0.0.1:{port}")
    assert verdict(reading) == ("error", "process", "restart")
    assert (reading.error, reading.certain) == (f"connection refused by 127.0.0.1:{port}", True)
    assert reading.category == "process"  # said, not left to be guessed
    with hostile.hostile_server(hostile.closes_at_once) as mute:
        reading = check(mute.url)
    assert (verdict(reading), reading.certain) == (("error", "process", "restart"), False)


def test_an_endless_page_is_bounded() -> None:
    with hostile.hostile_server(hostile.endless_body) as spring:
        reading = check(spring.url)
    assert verdict(reading) == ("unhealthy", "configuration", "person")
    assert len(reading.evidence["body"]) == 2000


def test_secrets_go_to_the_gateway_and_nowhere_else(gateway: Server) -> None:
    """The token goes along with both requests; a redirect is not followed."""
    with healthy_server() as elsewhere:
        gateway.answers = {"/readyz": Answer(307, b"", (("Location", elsewhere.url + "/readyz"),)), "/healthz": LIVE}
        reading = check(gateway.url, headers={"Authorization": "Bearer sesame"})
        assert elsewhere.seen == []
    assert [one.headers.get("authorization") for one in gateway.seen] == ["Bearer sesame"] * 2
    assert "x-forwarded-for" not in gateway.seen[0].headers
    assert "sesame" not in repr(reading)


def test_tls(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    with healthy_server(Answer(200, PAGES["ready"]), certificate=own) as server:
        assert check(server.url, ca_file=str(own.cert)).status == "healthy"
        assert check(server.url, verify_tls=False).status == "healthy"
        assert verdict(check(server.url)) == ("error", "configuration", "person")
        assert check(server.url, ca_file="/no/such/file").status == "unknown"


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        ({"url": "127.0.0.1:18789"}, "url", "is not an address like http://localhost:8000/health"),
        ({"url": "http://a/?token=1"}, "url", "is a base address: it has no ? and no #"),
        ({"url": "http://a/#x"}, "url", "is a base address: it has no ? and no #"),
        ({"url": "http://a/readyz"}, "url", "is a base address: leave out /readyz and /healthz"),
        ({"headers": {"a b": "x"}}, "headers", "'a b': a name is one word, and a value has no line breaks"),
        ({"headers": {"a": "x\ny"}}, "headers", "'a': a name is one word, and a value has no line breaks"),
        ({"startup_limit": -1}, "startup_limit", "must not be negative"),
        ({"draining_limit": -1}, "draining_limit", "must not be negative"),
        ({"loop_delay_warn": -1}, "loop_delay_warn", "must not be negative"),
        (
            {"required_channels": ("",)},
            "required_channels",
            "has an empty name; expected ids, like telegram",
        ),
    ],
)
def test_settings_that_are_wrong(keys: dict[str, Any], key: str, said: str) -> None:
    assert openclaw.problems(openclaw.Settings(**keys)) == [(key, said)]


def test_settings_that_are_right() -> None:
    assert openclaw.problems(openclaw.Settings()) == []
    assert openclaw.problems(openclaw.Settings("https://gw.example/openclaw/", headers={"Authorization": "x"})) == []
    assert openclaw.host_of(openclaw.Settings("https://gw.example/openclaw/")) == "gw.example"


def steps(**keys: Any) -> list[tuple[str, Any]]:
    table = {"recovery": {"scripts": "/srv/heal"}, "components": {"gateway": {"kind": "openclaw", **keys}}}
    ladder = load.load(table, "heartbeat.toml").components["gateway"].plan.ladder
    return [(one.action, one.settings) for one in ladder]


def test_the_default_ladder_restarts_the_user_unit_and_then_runs_the_script() -> None:
    unit, script = steps()
    assert unit[0] == "systemd" and (unit[1].unit, unit[1].user) == ("openclaw-gateway.service", True)
    assert script[0] == "script" and script[1].name == "restart_gateway.sh"
    unit, _ = steps(unit="openclaw-gateway-work.service", user=False)
    assert (unit[1].unit, unit[1].user) == ("openclaw-gateway-work.service", False)
    assert [action for action, _ in steps(unit="")] == ["script"]


def test_a_fixture_for_everything_that_the_rules_know() -> None:
    names = {name for body in PAGES.values() for name in json.loads(body).get("failing", ())}
    known = {rules.STARTING, rules.DRAINING, rules.RELOADING, rules.INTERNAL, "state-database", "agent-database:main"}
    assert names == known | {"telegram"}
