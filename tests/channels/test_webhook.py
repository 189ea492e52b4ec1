"""The webhook channel against real HTTP servers, well behaved and not."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.channels import webhook
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError
from tests.parts import hostile
from tests.parts.http import Answer, Server, certificate, healthy_server
from tests.parts.verb import heartbeat

MESSAGE = Message(
    "i-1/agent_down", "agent_down", "high", "主 🔥 is down", "a\n\x1b\u202eb", "<b>x</b>", "main", 1.5, "i-1"
)
BODY = {
    "id": "i-1/agent_down",
    "type": "agent_down",
    "severity": "high",
    "title": "主 🔥 is down",
    "text": "a\n\x1b\u202eb",
    "component": "main",
    "at": "1970-01-01T00:00:01.500+00:00",
    "incident": "i-1",
    "incidents": [],
    "subject": "",
}


@pytest.fixture
def hook() -> Iterator[Server]:
    with healthy_server(Answer(204, b"")) as server:
        yield server


def send(url: str, message: Message = MESSAGE, timeout: float = 5, **more: Any) -> None:
    webhook.send(webhook.Settings(f"{url}/in/s3cret", **more), message, timeout=timeout)


def refused(url: str, timeout: float = 5, **more: Any) -> tuple[str, bool, float | None]:
    begun = time.monotonic()
    with pytest.raises(DeliveryError) as raised:
        send(url, timeout=timeout, **more)
    assert time.monotonic() - begun < timeout + 2
    assert "s3cret" not in str(raised.value)
    return str(raised.value), raised.value.retryable, raised.value.retry_after


def test_all_the_facts(hook: Server) -> None:
    send(hook.url)
    (seen,) = hook.seen
    assert (seen.method, seen.path, json.loads(seen.body)) == ("POST", "/in/s3cret", BODY)
    assert b"\\u202e" in seen.body and "主 🔥".encode() in seen.body
    assert seen.headers["content-type"] == "application/json; charset=utf-8"
    assert seen.headers["idempotency-key"] == "i-1/agent_down"
    assert "x-heartbeat-signature" not in seen.headers and "authorization" not in seen.headers


def test_the_signature_is_over_the_body_and_the_same_each_time(hook: Server) -> None:
    send(hook.url, secret="鑰匙")
    send(hook.url, secret="鑰匙")
    first, second = hook.seen
    expected = hmac.new("鑰匙".encode(), first.body, hashlib.sha256).hexdigest()
    assert first.headers["x-heartbeat-signature"] == f"sha256={expected}"
    timed = "x-heartbeat-timed-signature"  # tests/security/test_webhook_replay.py
    assert first.headers.pop(timed) and second.headers.pop(timed)
    assert (first.body, first.headers) == (second.body, second.headers)


def test_own_headers(hook: Server) -> None:
    send(hook.url, headers={"Authorization": "Bearer s3cret", "User-Agent": "own"})
    assert (hook.seen[0].headers["authorization"], hook.seen[0].headers["user-agent"]) == ("Bearer s3cret", "own")


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\ud83d", "</script>", '"\\', ""])
def test_any_text(hook: Server, text: str) -> None:
    send(hook.url, MESSAGE._replace(text=text, thread=None, id=f"主 {text[:3]}\n"))
    body = json.loads(hook.seen[0].body)
    assert body["text"] == text.replace("\ud83d", "?") and body["incident"] is None


def test_a_password_in_netrc_stays_there(hook: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    send(hook.url)
    assert "authorization" not in hook.seen[0].headers


def test_the_user_of_the_address_is_sent(hook: Server) -> None:
    send(hook.url.replace("//", "//me:p%40ss@"))
    assert hook.seen[0].headers["authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_taken(hook: Server, status: int) -> None:
    hook.answer = Answer(status, b"")
    send(hook.url)


@pytest.mark.parametrize(
    ("status", "headers", "retryable", "after"),
    [
        (400, {}, False, None),
        (410, {}, False, None),
        (413, {}, False, None),
        (422, {}, False, None),
        (408, {}, True, None),
        (425, {}, True, None),
        (429, {"Retry-After": "17"}, True, 17.0),
        (429, {"Retry-After": "99999999999999999999"}, True, 21_600.0),
        (429, {"Retry-After": "-3"}, True, None),
        (429, {"Retry-After": "soon"}, True, None),
        (503, {"Retry-After": "8"}, True, 8.0),
        (503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, True, 0.0),
        (500, {}, True, None),
        (401, {}, True, 300.0),
        (403, {}, True, 300.0),
        (404, {}, True, 300.0),
    ],
)
def test_refusals(hook: Server, status: int, headers: dict[str, str], retryable: bool, after: float | None) -> None:
    hook.answer = Answer(status, b"no\x1b\nthanks " + b"x" * 9_000, tuple(headers.items()))
    text, *rest = refused(hook.url)
    assert text.startswith(f"127.0.0.1 answered {status} (no thanks xxx") and len(text) < 300
    assert rest == [retryable, after]


def test_a_date_to_come(hook: Server) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=False)
    hook.answer = Answer(503, b"", (("Retry-After", then),))
    after = refused(hook.url)[2]
    assert after is not None and 60 < after <= 100


def test_a_redirect_is_not_followed(hook: Server) -> None:
    hook.answer = Answer(302, b"", (("Location", hook.url + "/elsewhere"),))
    assert refused(hook.url) == ("127.0.0.1 answered 302; redirects are not followed", True, 300.0)
    assert len(hook.seen) == 1


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hostile.closes_at_once, "the connection broke off"),
        (hostile.resets_at_once, "the connection broke off"),
        (hostile.silent, "no complete answer within 0.5 s"),
        (hostile.drips_headers, "its answer cannot be understood"),
        (hostile.drips_status_line, "no complete answer within 0.5 s"),
    ],
)
def test_bad_servers(behaviour: Callable[..., None], said: str) -> None:
    with hostile.hostile_server(behaviour) as server:
        assert refused(server.url, timeout=0.5) == (f"127.0.0.1: {said}", True, None)


@pytest.mark.parametrize(
    "behaviour", [hostile.drips_body, hostile.endless_body, hostile.closes_mid_body, hostile.resets_mid_body]
)
def test_a_2xx_is_enough(behaviour: Callable[..., None]) -> None:
    """Whatever becomes of its body: sending again would bring it twice."""
    with hostile.hostile_server(behaviour) as server:
        send(server.url, timeout=3)


def test_tls(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    with healthy_server(certificate=made) as server:
        assert refused(server.url) == ("127.0.0.1: TLS certificate is self-signed and not trusted", True, None)
        send(server.url, ca_file=str(made.cert))
        send(server.url, verify_tls=False)
        assert refused(server.url, ca_file="/none") == ("127.0.0.1: the CA file cannot be read", True, None)
        assert len(server.seen) == 2


def test_nobody_listens() -> None:
    assert refused("http://127.0.0.1:1") == ("127.0.0.1: connection refused", True, None)
    assert refused("http://no.such.host.invalid") == ("no.such.host.invalid: host not found", True, None)


def test_problems() -> None:
    assert webhook.problems(webhook.Settings("https://x.test/a", headers={"X-Team": "ops"})) == []
    headers = {"X-A": "b\r\nX-Evil: 1", "X B": "c", "X-C": "主", "": "d"}
    found = webhook.problems(webhook.Settings("x.test", headers=headers))
    assert [key for key, _ in found] == ["url", "headers", "headers", "headers", "headers"]


def test_a_trial(tmp_path: Path, hook: Server) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[channels.hook]\nkind = "webhook"\nurl = "{hook.url}/x"\n'
    )
    assert heartbeat(tmp_path, "notify", "--test", "hook") == (0, "hook: sent\n", "")
    assert json.loads(hook.seen[0].body)["type"] == "test"
    hook.answer = Answer(500, b"oh")
    assert heartbeat(tmp_path, "notify", "--test", "hook") == (1, "hook: 127.0.0.1 answered 500 (oh)\n", "")
