"""A hostile target that redirects gets neither the request's body nor any secret to another origin."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.actions import docker
from heartbeat_cli.actions import http as hook
from heartbeat_cli.channels import apprise, telegram, webhook
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.monitors import agent
from heartbeat_cli.passes.housekeeping import ping
from tests.parts.http import Answer, Server, healthy_server

MESSAGE = Message("i-1/agent_down", "agent_down", "high", "Main is down", "text", "<b>x</b>", "main", 1.5, "i-1")
KEY = "s3cr3t-key"
CODES = (301, 302, 303, 307, 308)


@pytest.fixture
def thief() -> Iterator[Server]:
    """Another host, which a target sends us to."""
    with healthy_server(host="127.0.0.2") as server:
        yield server


@pytest.fixture
def target(thief: Server) -> Iterator[Server]:
    with healthy_server() as server:
        redirect(server, thief, 307)
        yield server


def redirect(server: Server, to: Server, code: int, path: str = "/taken") -> None:
    server.answer = Answer(code, b"", (("Location", f"{to.url}{path}"),))


def check(url: str, **settings: object) -> Reading:
    made = agent.Settings(url, **settings)  # type: ignore[arg-type]
    look = CheckContext("a", 5.0, time.time())
    answers: list[Response] = []
    exchange = Exchange("a", agent.request(made, look), 5.0)
    drive([exchange], deadline=time.monotonic() + 8, done=lambda _, answer: answers.append(answer))
    return agent.read(made, answers[0], look)


def stolen(thief: Server) -> str:
    return "\n".join(f"{one.method} {one.path} {one.headers} {one.body!r}" for one in thief.seen)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("code", CODES)
def test_no_redirect_carries_the_body_of_a_check_to_another_origin(
    target: Server, thief: Server, code: int, method: str
) -> None:
    redirect(target, thief, code)
    reading = check(target.url, method=method, body=KEY)
    assert KEY not in stolen(thief)
    if code in (307, 308):
        assert thief.seen == []
        words = f"redirected to {thief.url}/taken, where a request with a body does not go"
        assert (reading.status, reading.error) == ("error", words)
    assert all(one.body == b"" and "content-type" not in one.headers for one in thief.seen)


@pytest.mark.parametrize("code", CODES)
def test_no_redirect_carries_a_secret_of_a_check_to_another_origin(target: Server, thief: Server, code: int) -> None:
    redirect(target, thief, code)
    secrets = {"Authorization": f"Bearer {KEY}", "X-Api-Key": KEY, "Cookie": f"session={KEY}"}
    url = target.url.replace("http://", f"http://joe:{KEY}@")
    assert check(url, headers={**secrets, "Accept": "text/plain"}).status == "healthy"
    (seen,) = thief.seen
    assert KEY not in stolen(thief)
    assert not {"authorization", "x-api-key", "cookie"} & seen.headers.keys()
    assert seen.headers["accept"] == "text/plain"


def test_the_same_host_at_another_port_is_another_origin_too(target: Server) -> None:
    with healthy_server() as beside:
        redirect(target, beside, 308)
        assert check(target.url, method="POST", body=KEY).status == "error"
        assert check(target.url, headers={"X-Api-Key": KEY}).status == "healthy"
        assert KEY not in stolen(beside)


def test_within_the_origin_a_body_goes_along(target: Server) -> None:
    redirect(target, target, 308, "/moved")
    target.answers["/moved"] = Answer()
    assert check(f"{target.url}/x", method="POST", body="ping", headers={"X-Key": "k"}).status == "healthy"
    assert (target.seen[-1].body, target.seen[-1].headers["x-key"]) == (b"ping", "k")


def test_a_check_may_be_kept_on_its_host(target: Server, thief: Server) -> None:
    reading = check(target.url, redirects_to="same-host")
    words = f'redirected to {thief.url}/taken, which is another host (redirects_to = "same-host")'
    assert (reading.status, reading.error, thief.seen) == ("error", words, [])
    with healthy_server() as beside:
        redirect(target, beside, 302)
        assert check(target.url, redirects_to="same-host").status == "healthy"


@pytest.mark.parametrize("spelling", [r"\@{old}", "@{old}", "#@{old}", "?@{old}", ":80@{old}", "%2f@{old}", "%40{old}"])
def test_no_spelling_of_another_host_passes_for_the_same(target: Server, thief: Server, spelling: str) -> None:
    old = target.url.removeprefix("http://")
    new = thief.url.removeprefix("http://")
    for text in (new + spelling.format(old=old), old + spelling.format(old=new)):
        target.answer = Answer(302, b"", (("Location", f"http://{text}/taken"),))
        check(target.url, headers={"X-Api-Key": KEY})
    assert KEY not in stolen(thief)


def test_neither_the_ping_of_a_run_nor_any_hook_follows_with_its_body(
    target: Server, thief: Server, tmp_path: Path
) -> None:
    assert ping.Ping(target.url, None, tmp_path).end(1, KEY) is not None
    headers = {"Authorization": KEY, "X-Key": KEY}
    assert hook.run(hook.Settings(target.url, headers=headers, body=KEY), timeout=5).result == "failed"
    with pytest.raises(DeliveryError):
        webhook.send(webhook.Settings(target.url, secret=KEY, headers=headers), MESSAGE, timeout=5)
    with pytest.raises(DeliveryError):
        telegram.send(telegram.Settings(f"1:{KEY}", "-1", base_url=target.url), MESSAGE, timeout=5)
    with pytest.raises(DeliveryError):
        apprise.send(apprise.Settings(f"json://joe:{KEY}@127.0.0.1:{target.port}/?+X-Key={KEY}"), MESSAGE, timeout=10)
    assert len(target.seen) == 5
    assert thief.seen == []


def test_the_docker_sdk_follows_nothing(target: Server, thief: Server) -> None:
    engine = docker.Settings("web", host=f"tcp://127.0.0.1:{target.port}")
    assert docker.run(engine, timeout=5).result == "failed"
    assert target.seen and thief.seen == []


def test_a_request_says_itself_how_far_it_may_be_sent(target: Server, thief: Server) -> None:
    answers: list[Response] = []
    exchange = Exchange("a", Request(target.url, same_host=True), 5.0)
    drive([exchange], deadline=time.monotonic() + 8, done=lambda _, answer: answers.append(answer))
    assert answers[0].fault is not None and answers[0].fault.kind == "redirects"
    assert thief.seen == []
