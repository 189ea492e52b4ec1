"""A proxy that the environment names gets nothing; one is used only where the configuration names it."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import heartbeat_cli
from heartbeat_cli.actions import docker
from heartbeat_cli.actions import http as hook
from heartbeat_cli.channels import apprise, telegram, webhook
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.checking.exchange import Request
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.http import proxies
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.passes.housekeeping import ping
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.stores import store_url  # noqa: F401 - a fixture
from tests.parts.verb import heartbeat

MESSAGE = Message("i-1/agent_down", "agent_down", "high", "Main is down", "text", "<b>x</b>", "main", 1.5, "i-1")
KEY = "s3cr3t-key"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
ASKED: dict[str, Callable[[str, str | None], Any]] = {
    "webhook": lambda url, proxy: webhook.send(webhook.Settings(url, secret=KEY, proxy=proxy), MESSAGE, timeout=9),
    "telegram": lambda url, proxy: telegram.send(
        telegram.Settings("1:x", "1", base_url=url, proxy=proxy), MESSAGE, timeout=9
    ),
    "apprise": lambda url, proxy: apprise.send(
        apprise.Settings(url.replace("http", "json", 1), proxy=proxy), MESSAGE, timeout=9
    ),
    "hook": lambda url, proxy: hook.run(hook.Settings(url, body=KEY, proxy=proxy), timeout=9),
}


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """What the environment calls a proxy, another host; it answers as a proxy would."""
    with healthy_server(Answer(200, b'{"ok": true}'), host="127.0.0.2") as server:
        for name in NAMES:
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("NO_PROXY", "")
        yield server


@pytest.fixture
def target() -> Iterator[Server]:
    with healthy_server(Answer(200, b'{"ok": true}')) as server:
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("asked", ASKED)
def test_no_channel_or_hook_follows_the_environment(asked: str, host: str, proxy: Server, target: Server) -> None:
    ASKED[asked](target.url.replace("127.0.0.1", host), None)
    assert len(target.seen) == 1 and proxy.seen == []


@pytest.mark.parametrize("asked", ASKED)
def test_nor_for_a_host_elsewhere(asked: str, proxy: Server) -> None:
    """Nobody has such a name: only a proxy would answer for it."""
    try:
        outcome = ASKED[asked]("http://hooks.invalid/in", None)
        assert outcome.result == "failed"
    except DeliveryError:
        pass
    assert proxy.seen == []


def test_neither_do_checks_pings_nor_docker(proxy: Server, target: Server, tmp_path: Path) -> None:
    answers: list[Any] = []
    exchange = Exchange("a", Request(target.url), 5.0)
    drive([exchange], deadline=time.monotonic() + 8, done=lambda _, answer: answers.append(answer))
    assert answers[0].status == 200
    assert ping.Ping(target.url, None, tmp_path).end(0, "") is None or len(target.seen) == 1
    docker.run(docker.Settings("web", host=f"tcp://127.0.0.1:{target.port}"), timeout=5)
    assert len(target.seen) >= 2 and proxy.seen == []


def test_only_channels_and_hooks_make_requests_that_go_through_one() -> None:
    source = Path(heartbeat_cli.__file__).parent
    rooms = [source / name for name in ("monitors", "discovery", "plugin_host", "passes/check", "passes/housekeeping")]
    names = [path.name for room in rooms for path in room.rglob("*.py") if re.search(r"\bproxy=", path.read_text())]
    assert names == []


def test_passwords_of_netrc_are_not_sent(target: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login joe password {KEY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for ask in ASKED.values():
        ask(target.url, None)
    docker.run(docker.Settings("web", host=f"tcp://127.0.0.1:{target.port}"), timeout=5)
    assert len(target.seen) >= 5
    assert [one for one in target.seen if "authorization" in one.headers] == []


@pytest.mark.parametrize("asked", ASKED)
def test_a_configured_proxy_is_used_except_for_this_host(asked: str, target: Server) -> None:
    with healthy_server(Answer(200, b'{"ok": true}'), host="127.0.0.2") as own:
        ASKED[asked]("http://hooks.invalid/in", own.url)
        assert [one.path.startswith("http://hooks.invalid/") for one in own.seen] == [True]
        ASKED[asked](target.url, own.url)
        assert (len(target.seen), len(own.seen)) == (1, 1)


def configured(folder: Path, store: str, proxy: str = "") -> Path:
    path = folder / "heartbeat.toml"
    path.write_text(
        f'[heartbeat]\nstore = "{store}"\nstate_dir = "{folder}/state"\n{proxy}\n'
        '[components.a]\nkind = "push"\nperiod = 60\n'
        '[channels.w]\nkind = "webhook"\nurl = "http://hooks.invalid/in"\n'
    )
    return path


def test_it_is_said_once_a_day(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    configured(tmp_path, store_url)
    said = "heartbeat: HTTPS_PROXY is set and not followed: "
    first = heartbeat(tmp_path, "run", HTTPS_PROXY="http://127.0.0.2:1")
    assert first.code == 0 and first.err.startswith(said)
    assert heartbeat(tmp_path, "run", HTTPS_PROXY="http://127.0.0.2:1").err == ""
    assert said.removeprefix("heartbeat: ").rstrip(": ") in heartbeat(tmp_path, "doctor", HTTPS_PROXY="http://x:1").out


def test_it_is_not_said_where_the_configuration_says_what_is_wanted(tmp_path: Path) -> None:
    for proxy in ('proxy = "none"', 'proxy = "http://127.0.0.2:1"'):
        configured(tmp_path, f"sqlite:///{tmp_path}/s.db", proxy)
        assert heartbeat(tmp_path, "run", HTTP_PROXY="http://127.0.0.2:1").err == ""
        assert "not followed" not in heartbeat(tmp_path, "doctor", HTTP_PROXY="http://x:1").out
    configured(tmp_path, f"sqlite:///{tmp_path}/s.db")
    assert "proxy" not in heartbeat(tmp_path, "run").err


def test_the_key_reaches_channels_and_the_hooks_of_recovery(tmp_path: Path) -> None:
    from heartbeat_cli.config import load

    path = configured(tmp_path, f"sqlite:///{tmp_path}/s.db", 'proxy = "http://joe:pa55word@127.0.0.2:3128"')
    with path.open("a") as file:
        file.write('[channels.own]\nkind = "webhook"\nurl = "http://hooks.invalid/in"\nproxy = "none"\n')
        file.write('[components.b]\nkind = "agent"\nurl = "http://a.invalid/"\n[components.b.recovery]\n')
        file.write('busy = { url = "http://a.invalid/busy" }\n')
        file.write('ladder = [{ action = "http", url = "http://a.invalid/x" }]\n')
    read = load.read(path)
    proxy = "http://joe:pa55word@127.0.0.2:3128"
    plan = read.components["b"].plan
    assert (read.channels["w"].settings.proxy, read.channels["own"].settings.proxy) == (proxy, proxies.NONE)
    assert plan.guard is not None and plan.guard.busy is not None
    assert (plan.ladder[0].settings.proxy, plan.guard.busy.settings.proxy) == (proxy, proxy)
    assert "pa55word" not in heartbeat(tmp_path, "config", "show").out


@pytest.mark.parametrize("value", ["proxy.example", "socks5://a:1", "http://", "http://a b", "NONE"])
def test_what_is_no_proxy_is_a_mistake(value: str, tmp_path: Path) -> None:
    configured(tmp_path, f"sqlite:///{tmp_path}/s.db", f'proxy = "{value}"')
    ended = heartbeat(tmp_path, "config", "check")
    assert ended.code == 2 and "heartbeat.proxy: expected http://host:port" in ended.err
