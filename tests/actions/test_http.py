"""Real hooks: a small HTTP server, and peers that misbehave."""

import base64
import socket
import time
from pathlib import Path

import pytest

from heartbeat_cli.actions import http
from heartbeat_cli.domain.recovery.outcome import Outcome
from tests.parts import hostile
from tests.parts.http import Answer, certificate, healthy_server

SLACK = 5.0


def run(url: str, timeout: float = 10.0, **more: object) -> Outcome:
    return http.run(http.Settings(url, **more), timeout=timeout)  # type: ignore[arg-type]


def test_a_hook_is_called_as_configured() -> None:
    with healthy_server(Answer(202, b"restarting")) as server:
        outcome = run(server.url + "/hooks/secret?key=1", headers={"X-Token": "t"}, body="näme")
        (seen,) = server.seen
    assert outcome == ("done", "hook at 127.0.0.1 answered 202", "restarting")
    assert (seen.method, seen.path, seen.body) == ("POST", "/hooks/secret?key=1", "näme".encode())
    assert seen.headers["x-token"] == "t"


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, "done"),
        (204, "done"),
        (302, "failed"),
        (401, "denied"),
        (403, "denied"),
        (404, "failed"),
        (500, "failed"),
    ],
)
def test_the_answer_decides(status: int, result: str) -> None:
    with healthy_server(Answer(status, b"", (("Location", "/other"),))) as server:
        outcome = run(server.url)
        assert len(server.seen) == 1
    assert outcome.result == result
    assert f"answered {status}" in outcome.detail


def test_credentials_come_from_the_url_or_a_header_and_never_from_netrc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password caught\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with healthy_server() as server:
        run(server.url)
        run(server.url, headers={"Authorization": "Bearer mine"})
        run(server.url.replace("//", "//me:p%40ss@"))
        sent = [seen.headers.get("authorization") for seen in server.seen]
    assert sent == [None, "Bearer mine", "Basic " + base64.b64encode(b"me:p@ss").decode()]


def test_a_refused_connection_tells_no_path() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        outcome = run(f"http://127.0.0.1:{holder.getsockname()[1]}/secret")
    assert outcome == ("failed", "hook at 127.0.0.1: connection refused", "")


def test_an_unknown_host() -> None:
    outcome = run("http://no-such-host.invalid/secret", timeout=4)
    assert outcome.result == "failed"
    assert "secret" not in outcome.detail


@pytest.mark.whole
@pytest.mark.parametrize("behaviour", [hostile.silent, hostile.drips_status_line, hostile.drips_body])
def test_neither_silence_nor_a_drip_stretches_the_deadline(behaviour: hostile.Behaviour) -> None:
    started = time.monotonic()
    with hostile.hostile_server(behaviour) as server:
        outcome = run(server.url, timeout=1.0)
        assert time.monotonic() - started < 1 + SLACK
    assert outcome == ("failed", "hook at 127.0.0.1: no complete answer within 1 s", "")


def test_an_endless_body_is_cut() -> None:
    with hostile.hostile_server(hostile.endless_body) as server:
        outcome = run(server.url)
    assert outcome.result == "done"
    assert len(outcome.output) <= 4000


@pytest.mark.parametrize("behaviour", [hostile.resets_at_once, hostile.closes_at_once, hostile.closes_mid_body])
def test_a_broken_connection_is_a_failure(behaviour: hostile.Behaviour) -> None:
    with hostile.hostile_server(behaviour) as server:
        assert run(server.url) == ("failed", "hook at 127.0.0.1: the connection broke off", "")


def test_a_certificate_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    with healthy_server(certificate=certificate(tmp_path)) as server:
        outcome = run(server.url)
        assert outcome == ("failed", "hook at 127.0.0.1: TLS certificate is self-signed and not trusted", "")
        assert server.seen == []


def test_problems() -> None:
    assert http.problems(http.Settings("https://hook.example/x")) == []
    for url in ("ftp://x/", "hook.example", "http://", "http://[::1", "http://x:99999/"):
        assert [key for key, _ in http.problems(http.Settings(url))] == ["url"], url
        assert run(url).result == "refused"
    assert [key for key, _ in http.problems(http.Settings("http://x", headers={"A": "b\r\nC: d"}))] == ["headers"]
