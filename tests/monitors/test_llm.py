"""The model API monitor against a small provider with moods, and against a real LiteLLM in front of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli import cli
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import llm
from heartbeat_cli.passes.check import engine
from tests.parts import agents, hostile
from tests.parts.http import Answer, certificate, healthy_server
from tests.parts.model_provider import Provider, model_provider

NOON = 20_000 * 86_400.0 + 43_200


@pytest.fixture
def provider() -> Iterator[Provider]:
    with model_provider() as running:
        yield running


class Checker:
    """Checks of one component, with the note it has in the state folder."""

    def __init__(self, url: str, note: Path | None) -> None:
        self.keys: dict[str, Any] = {"url": url, "model": "small", "canary": True}
        self.note = None if note is None else str(note)
        self.now = NOON

    def __call__(self, after: float = 0.0, timeout: float = 5.0, **keys: Any) -> Reading:
        self.now += after
        settings = llm.Settings(**{**self.keys, **keys})
        return llm.probe(settings, CheckContext("it", timeout, self.now, {}, self.note))


@pytest.fixture
def check(provider: Provider, tmp_path: Path) -> Checker:
    return Checker(provider.url, tmp_path / "note.json")


def figures(reading: Reading) -> dict[str, float]:
    return {metric.name: metric.value for metric in reading.metrics}


# --- the list of models


def test_the_list_of_models(provider: Provider, check: Checker) -> None:
    reading = check(canary=False, api_key="sk-1", headers={"X-Org": "o"})
    assert (reading.status, reading.error) == ("healthy", None)
    assert provider.keys == ["Bearer sk-1"] and provider.completions == []
    provider.models = ["a", "b:latest"]
    reading = check(canary=False)
    assert (reading.status, reading.category) == ("unhealthy", "configuration")
    assert reading.error == "model small is not listed; listed are: a, b:latest"
    assert check(canary=False, model="b").status == "healthy"
    provider.models = []
    assert check(canary=False, model=None).error == "no model is listed"


FRONT: list[tuple[str, str, str, str]] = [
    ("401", "unhealthy", "credentials", "/models: HTTP 401 Unauthorized: Incorrect API key"),
    ("402", "unhealthy", "quota", "/models: HTTP 402 Payment Required: Payment required"),
    ("quota", "unhealthy", "quota", "/models: HTTP 429 Too Many Requests: You exceeded your quota"),
    ("429", "degraded", "provider", "/models: HTTP 429 Too Many Requests: Slow down"),
    ("500", "unhealthy", "process", "/models: HTTP 500 Internal Server Error: It broke"),
    ("408", "unhealthy", "process", "/models: HTTP 408 Request Timeout: Too slow"),
    ("no model", "unhealthy", "configuration", "/models: HTTP 404 Not Found: No such model"),
    ("html", "unhealthy", "configuration", "/models: the answer is no list of models"),
]


@pytest.mark.parametrize(("mood", "status", "category", "error"), FRONT)
def test_a_front_door_in_a_bad_mood(
    provider: Provider, check: Checker, mood: str, status: str, category: str, error: str
) -> None:
    provider.front = mood
    reading = check()
    assert (reading.status, reading.category, reading.error) == (status, category, error)
    assert provider.completions == [], "nothing is spent where the front door is closed"


def test_a_gateways_errors_are_the_providers(provider: Provider, check: Checker) -> None:
    provider.front = "500"
    assert check(gateway=True).category == "provider"
    provider.front, provider.mood = "ok", "500"
    assert check(gateway=True).category == "provider"


def test_refused_and_silent(provider: Provider, check: Checker) -> None:
    provider.front = "hang"
    reading = check(timeout=0.5)
    assert (reading.status, reading.category, reading.certain) == ("error", "process", False)
    assert (reading.error or "").startswith("/models: no answer within 0.5 s")
    port = hostile.unused_port()
    reading = check(url=f"http://127.0.0.1:{port}/v1")
    assert (reading.status, reading.category, reading.certain) == ("error", "process", True)
    assert reading.error == f"/models: connection refused by 127.0.0.1:{port}"


def test_a_redirect_is_not_followed_with_the_key(provider: Provider, check: Checker) -> None:
    with healthy_server(Answer(302, b"", (("Location", f"{provider.url}/models?key=1"),))) as elsewhere:
        reading = check(url=elsewhere.url, api_key="sk-1")
    assert (reading.status, reading.category) == ("unhealthy", "configuration")
    assert reading.error == f"/models: HTTP 302 Found, it redirects to {provider.url}/models"
    assert provider.keys == []


def test_hostile_lists(check: Checker) -> None:
    with hostile.hostile_server(hostile.endless_body) as peer, pytest.raises(Unobservable, match="larger than 2097152"):
        check(url=peer.url, timeout=20)
    deep = b'{"data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    with healthy_server(Answer(200, deep)) as peer2:
        assert check(url=peer2.url).category == "configuration"


def test_a_certificate(tmp_path: Path, provider: Provider) -> None:
    own = certificate(tmp_path, days=5.5)
    listed = Answer(200, b'{"object": "list", "data": [{"id": "small"}]}')
    with healthy_server(listed, certificate=own) as secure:
        settings = llm.Settings(secure.url, ca_file=str(own.cert))
        reading = llm.probe(settings, CheckContext("it", 5.0, time.time()))
        assert (reading.status, reading.category) == ("degraded", "certificate")
        assert (reading.error or "").startswith("TLS certificate expires on ")
        assert (reading.error or "").endswith("+00:00, in 5 d 12 h")


# --- the canary


def test_a_canary_is_sent_when_it_is_due(provider: Provider, check: Checker) -> None:
    reading = check()
    assert (reading.status, reading.error) == ("healthy", None)
    assert provider.completions == [
        {"model": "small", "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1, "stream": True}
    ]
    assert 0 < figures(reading)["first_token_seconds"] < 5
    reading = check(after=300)
    assert len(provider.completions) == 1
    assert reading.evidence["canary"] == "healthy, 5 min ago"
    assert figures(reading)["canary_age_seconds"] == 300
    check(after=600, limit_key="max_completion_tokens")
    assert provider.completions[1]["max_completion_tokens"] == 1


MOODS: list[tuple[str, str, str | None, str]] = [
    ("401", "unhealthy", "credentials", "HTTP 401 Unauthorized: Incorrect API key"),
    ("402", "unhealthy", "quota", "HTTP 402 Payment Required: Payment required"),
    ("quota", "unhealthy", "quota", "HTTP 429 Too Many Requests: You exceeded your quota"),
    ("429", "degraded", "provider", "HTTP 429 Too Many Requests: Slow down"),
    ("500", "unhealthy", "process", "HTTP 500 Internal Server Error: It broke"),
    ("no model", "unhealthy", "configuration", "HTTP 404 Not Found: No such model"),
    ("in stream", "unhealthy", "process", "error in the stream: Overloaded"),
    ("empty", "degraded", "process", "the completion is empty"),
    ("html", "unhealthy", "configuration", "the answer is no completion"),
]


@pytest.mark.parametrize(("mood", "status", "category", "error"), MOODS)
def test_a_canary_in_a_bad_mood(
    provider: Provider, check: Checker, mood: str, status: str, category: str, error: str
) -> None:
    provider.mood = mood
    reading = check(gateway=False)
    assert (reading.status, reading.category, reading.error) == (status, category, f"/chat/completions: {error}")
    provider.mood = "ok"
    reading = check(after=20)
    if status == "degraded":
        assert (reading.status, reading.category) == (status, category), "it stands until the next one"
        assert reading.error == f"/chat/completions: {error} (canary 20 s ago)"
    else:
        assert (reading.status, reading.category) == ("unknown", None), "a failure counts once"
        assert reading.error == f"the last canary failed 20 s ago: /chat/completions: {error}"
        assert reading.evidence["canary"] == reading.error
    assert isinstance(reading.error, Text), "and can be shown in another language"
    assert len(provider.completions) == 1
    assert check(after=900).status == "healthy"


def test_a_server_that_does_not_stream(provider: Provider, check: Checker) -> None:
    provider.mood = "whole"
    assert check().status == "healthy"


def test_a_late_first_token(provider: Provider, check: Checker) -> None:
    """The head of the answer comes at once: what counts is the token."""
    provider.mood = "late"
    reading = check(first_token_warn=0.3)
    assert reading.status == "degraded"
    assert (reading.error or "").startswith("first token after 0.")
    assert (reading.error or "").endswith("(limit 0.3 s)")
    assert figures(reading)["first_token_seconds"] >= 0.4


@pytest.mark.whole
def test_a_canary_that_hangs_ends_with_the_check(provider: Provider, check: Checker) -> None:
    provider.mood = "hang"
    settings = llm.Settings(**check.keys)
    component = Component("it", "llm", settings)
    context = CheckContext("it", 1.0, NOON, {}, check.note)
    reading = engine.run_checks([engine.Asked(component, context)], time.monotonic() + 3)["it"]
    assert (reading.status, reading.category) == ("unhealthy", "process"), "it is not silent: it listed its models"
    assert reading.response_time is not None
    assert "/chat/completions: no answer within" in (reading.error or "")
    assert len(provider.completions) == 1


def test_a_reset_in_the_middle_is_tried_once(provider: Provider, check: Checker) -> None:
    """It fails at once, so that there is time for another try, which would find the canary spent."""
    answers = iter(
        [hostile.says(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"data":[{"id":"small"}]}'), hostile.resets_at_once] * 9
    )
    counted: list[bytes] = []

    def treat(connection: Any, stop: Any) -> None:
        behaviour = next(answers)
        counted.append(behaviour.__name__)
        behaviour(connection, stop)

    with hostile.hostile_server(treat) as peer:
        component = Component("it", "llm", llm.Settings(**{**check.keys, "url": peer.url}))
        context = CheckContext("it", 5.0, NOON, {}, check.note)
        reading = engine.run_checks([engine.Asked(component, context)], time.monotonic() + 6)["it"]
    assert (reading.status, reading.category, reading.attempts) == ("unhealthy", "process", 1)
    assert counted == ["behaviour", "resets_at_once"]
    assert json.loads(Path(check.note or "").read_text())["times"] == 1


def test_a_pass_that_is_killed_has_spent_its_canary(provider: Provider, check: Checker) -> None:
    provider.mood = "hang"
    code = (
        "import sys; from heartbeat_cli.monitors import llm; from heartbeat_cli.domain.checking.result import *;"
        "llm.probe(llm.Settings(sys.argv[1], model='small', canary=True),"
        " CheckContext('it', 60.0, float(sys.argv[3]), {}, sys.argv[2]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, provider.url, check.note or "", str(NOON)])
    while not provider.completions:
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    provider.mood = "ok"
    reading = check(after=60)
    assert len(provider.completions) == 1
    assert reading.status == "healthy"
    assert reading.evidence["canary"] == "only /models was checked: the last one was cut off before its end"
    check(after=840)
    assert len(provider.completions) == 2


def test_a_spent_budget_falls_back_and_says_so(provider: Provider, check: Checker) -> None:
    for _ in range(3):
        check(after=900, budget_per_day=2)
    assert len(provider.completions) == 2
    reading = check(after=1_000, budget_per_day=2)
    assert reading.status == "healthy"
    assert reading.evidence["canary"] == "only /models was checked: the budget of 2 canaries a day is spent"
    assert figures(reading)["canaries_today"] == 2
    check(after=86_400, budget_per_day=2)
    assert len(provider.completions) == 3


def test_with_a_spent_budget_a_failure_is_not_over(provider: Provider, check: Checker) -> None:
    provider.mood = "500"
    check(budget_per_day=1)
    provider.mood = "ok"
    reading = check(after=10_000, budget_per_day=1)
    assert (reading.status, reading.category, len(provider.completions)) == ("unknown", None, 1)
    assert reading.error == (
        "the budget of 1 canaries a day is spent; the last canary failed 2 h 47 min ago: "
        "/chat/completions: HTTP 500 Internal Server Error: It broke"
    )
    assert check(after=40_000, budget_per_day=1).status == "healthy", "the next day's canary shows it"
    assert len(provider.completions) == 2


def test_retry_after_is_honoured(provider: Provider, check: Checker) -> None:
    provider.mood, provider.retry_after = "429", "3000"
    check()
    provider.mood = "ok"
    reading = check(after=1_000)
    assert (reading.status, len(provider.completions)) == ("degraded", 1)
    assert reading.evidence["canary"] == "degraded, 17 min ago; the server asked to wait for 33 min"
    check(after=2_001)
    assert len(provider.completions) == 2


def test_retry_after_at_the_front_door_holds_the_canary_too(provider: Provider, check: Checker) -> None:
    provider.front, provider.retry_after = "429", "600"
    assert check().status == "degraded"
    provider.front = "ok"
    reading = check(after=300)
    assert reading.evidence["canary"] == "only /models was checked: the server asked to wait for 5 min"
    check(after=301)
    assert len(provider.completions) == 1


def test_an_own_server_that_fails_is_asked_again_sooner(provider: Provider, check: Checker) -> None:
    """A restart is verified by the next canary, and not a quarter of an hour later."""
    provider.mood = "500"
    check()
    provider.mood = "ok"
    assert check(after=31).status == "healthy"
    provider.mood = "500"
    check(after=900, gateway=True)
    check(after=31, gateway=True)
    assert len(provider.completions) == 3, "but not where others are behind it"
    check(after=90, gateway=True)
    assert len(provider.completions) == 4, "there it is after 120 s, for the fail threshold to be reached"
    check(after=60, gateway=True, canary_every=60)
    assert len(provider.completions) == 5, "and never less often than usual"


def test_frequent_checks_are_not_unknown_until_they_count_as_unobserved(provider: Provider, check: Checker) -> None:
    """After two of them the next canary is sent, so that the third one in a row is no `unknown`."""
    provider.mood = "500"
    memory: dict[str, Any] = {}
    found = []
    for _ in range(9):
        settings = llm.Settings(**check.keys, gateway=True)
        reading = llm.probe(settings, CheckContext("it", 5.0, check.now, memory, check.note))
        found.append(reading.status)
        memory, check.now = json.loads(json.dumps(reading.memory)), check.now + 30
    assert found == ["unhealthy", "unknown", "unknown"] * 3


def test_before_a_recovery_step_a_failing_canary_is_sent_again(provider: Provider, check: Checker) -> None:
    def confirm(after: float = 1.0) -> Reading:
        check.now += after
        return llm.probe(
            llm.Settings(**check.keys), CheckContext("it", 5.0, check.now, {}, check.note, confirming=True)
        )

    check()
    assert confirm().status == "healthy" and len(provider.completions) == 1, "one that was answered stands"
    provider.mood = "500"
    check(after=900)
    assert confirm().status == "unhealthy" and len(provider.completions) == 3
    provider.retry_after = "600"
    confirm()
    reading = confirm()
    assert (reading.status, len(provider.completions)) == ("unknown", 4), "not while the server asks to wait"
    assert (reading.error or "").startswith("the server asked to wait for 10 min; the last canary failed 1 s ago: ")


def test_a_limited_rate_is_no_recovery(provider: Provider, check: Checker) -> None:
    provider.mood, provider.front = "500", "ok"
    check()
    provider.front = "429"
    reading = check(after=10)
    assert (reading.status, reading.category) == ("unknown", None)
    assert (reading.error or "").startswith(
        "/models: HTTP 429 Too Many Requests: Slow down; the last canary failed 10 s"
    )
    provider.front = "500"
    assert check(after=10).status == "unhealthy", "what /models shows itself counts"


def test_a_canary_that_cannot_be_judged_ends_no_failure(provider: Provider, check: Checker, tmp_path: Path) -> None:
    """As when the pass was killed before it could write down what the canary has shown."""
    provider.mood = "500"
    memory = dict(check().memory)
    note = tmp_path / "note.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"verdict": None}))
    context = CheckContext("it", 5.0, check.now + 10, memory, check.note)
    reading = llm.probe(llm.Settings(**check.keys), context)
    assert (reading.status, reading.error) == ("unknown", "the last canary failed 10 s ago: what it has shown is lost")


def test_without_a_note_nothing_is_spent(provider: Provider, tmp_path: Path) -> None:
    reading = Checker(provider.url, None)()
    assert (reading.status, reading.evidence["canary"]) == ("healthy", "none is sent in a check that keeps no notes")
    assert provider.completions == []


def test_a_note_that_cannot_be_kept_is_no_good_verdict(provider: Provider, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "open").write_text("{}")
    (tmp_path / "open").chmod(0o666)
    (tmp_path / "link").symlink_to("open")
    for name in ("missing/note.json", "pipe", "open", "link"):
        with pytest.raises(Unobservable, match="no canary is sent: its note cannot be kept: "):
            Checker(provider.url, tmp_path / name)()
    assert provider.completions == []


@pytest.mark.parametrize(
    "torn", [b"\0" * 100, b'{"at": 1', b"\0" * 100_000, b"\xff"], ids=["zeros", "cut", "long", "binary"]
)
def test_an_unreadable_note_is_begun_anew(provider: Provider, check: Checker, tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "note.json").write_bytes(torn)
    for after in (0, 899):
        reading = check(after=after)
        assert (reading.status, provider.completions) == ("healthy", []), "as if one had just been sent"
        said = "only /models was checked: its note could not be read, and was begun anew"
        assert reading.evidence["canary"] == said
        assert figures(reading)["canaries_today"] == 1, "and counted"
    assert check(after=1).evidence["canary"] == "healthy, 0 s ago"
    assert len(provider.completions) == 1 and figures(check())["canaries_today"] == 2


def test_an_unreadable_note_ends_no_failure(provider: Provider, check: Checker, tmp_path: Path) -> None:
    provider.mood = "401"
    memory = dict(check().memory)
    provider.mood = "ok"
    (tmp_path / "note.json").write_bytes(b"\0" * 100)
    for after, status in ((10, "unknown"), (110, "unknown"), (10, "healthy")):
        check.now += after
        reading = llm.probe(llm.Settings(**check.keys), CheckContext("it", 5.0, check.now, memory, check.note))
        assert reading.status == status, reading.error


def test_no_key_is_written_down(provider: Provider, tmp_path: Path) -> None:
    """A provider may repeat the key that it refuses."""
    said = json.dumps({"error": {"message": "bad key sk-very-secret-1", "code": "invalid_api_key"}}).encode()

    with healthy_server() as server:
        server.answers["/models"] = Answer(200, b'{"data": [{"id": "small"}]}')
        server.answers["/chat/completions"] = Answer(401, said)
        check = Checker(server.url, tmp_path / "note.json")
        reading = check(api_key="sk-very-secret-1")
    assert reading.category == "credentials"
    assert "sk-very-secret-1" not in (reading.error or "") + (tmp_path / "note.json").read_text()


def test_a_whole_pass_counts_in_the_state_folder(provider: Provider, tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    config.write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.model]\nkind = "llm"\nurl = "{provider.url}"\n'
        'model = "small"\ncanary = true\n'
    )
    for _ in range(2):
        assert cli.run(["--config", str(config), "check", "--component", "model", "--format", "json"]) == 0
    assert len(provider.completions) == 1
    (note,) = (tmp_path / "state").rglob("note-model.json")
    assert note.stat().st_mode & 0o077 == 0
    assert cli.run(["--config", str(config), "check", "--dry-run", "--format", "json"]) == 0
    assert len(provider.completions) == 1


# --- a real gateway


@pytest.mark.whole
def test_a_real_litellm(provider: Provider, tmp_path: Path) -> None:
    key = "sk-litellm-1234567890"
    with agents.litellm_server(tmp_path, provider.url, key) as running:
        check = Checker(running.url + "/v1", tmp_path / "note.json")
        check.keys |= {"api_key": key, "gateway": True}
        reading = check(timeout=60)
        assert (reading.status, reading.error) == ("healthy", None)
        assert figures(reading)["first_token_seconds"] > 0
        assert check(api_key="sk-wrong-key-12345").category == "credentials"
        for mood, status, category in (
            ("500", "unhealthy", "provider"),
            ("401", "unhealthy", "credentials"),
            ("429", "degraded", "provider"),
            ("ok", "healthy", None),
        ):
            provider.mood = mood
            reading = check(after=900, timeout=60)
            assert (mood, reading.status, reading.category) == (mood, status, category), reading.error


# --- the rest

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "h"}, "url", "is not an address like"),
    ({"url": "http://h/v1?x=1"}, "url", "without ? and #"),
    ({"url": "http://h/v1/models"}, "url", "must be the base address"),
    ({"api_key": "a\nb"}, "api_key", "printable ASCII"),
    ({"api_key": "a", "headers": {"authorization": "b"}}, "headers", "is set by api_key"),
    ({"canary": True}, "model", "is needed with canary = true"),
    ({"canary_every": 0.5}, "canary_every", "at least 1 second"),
    ({"budget_per_day": -1}, "budget_per_day", "must not be negative"),
    ({"first_token_warn": 0.0}, "first_token_warn", "more than 0 seconds"),
    ({"user": True}, "user", "works only with unit"),
]


@pytest.mark.parametrize(("keys", "key", "text"), BAD, ids=range(len(BAD)))
def test_bad_settings(keys: dict[str, Any], key: str, text: str) -> None:
    ((found, said),) = llm.problems(llm.Settings(**{"url": "http://h/v1", **keys}))
    assert found == key and text in said


def test_the_ladder_is_for_own_servers() -> None:
    def actions(**keys: Any) -> list[str]:
        return [step["action"] for step in llm.ladder(llm.Settings(**keys))]

    assert actions(url="https://api.example/v1") == []
    assert actions(url="http://localhost:1/v1") == ["script"]
    assert actions(url="http://10.0.0.1/v1", unit="vllm.service") == ["systemd", "script"]
