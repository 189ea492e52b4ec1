"""The apprise channel through the library itself, against real HTTP servers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.channels import _apprise_child, apprise
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError
from tests.parts import hostile
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.verb import Ended, heartbeat

# Some of Apprise's hundred plugins use what this Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXT = "a < b & 主 🔥\nsince 09:00 <script>"
MESSAGE = Message("i-1/agent_down", "agent_down", "high", "Main <is> down", TEXT, "<b>x</b>", "main", 1.5, "i-1")


@pytest.fixture
def service() -> Iterator[Server]:
    with healthy_server(Answer(200, b"{}")) as server:
        yield server


def address(server: Server, scheme: str, path: str = "s3cr3t-path") -> str:
    return f"{scheme}://joe:pa55word@127.0.0.1:{server.port}/{path}"


def send(url: str, timeout: float = 10, **changes: Any) -> None:
    apprise.send(apprise.Settings(url), MESSAGE._replace(**changes), timeout=timeout)


def refused(url: str, timeout: float = 10) -> tuple[str, bool]:
    with pytest.raises(DeliveryError) as raised:
        send(url, timeout)
    return str(raised.value), raised.value.retryable


def test_the_whole_message(service: Server) -> None:
    send(address(service, "json"))
    (seen,) = service.seen
    body = json.loads(seen.body)
    assert (seen.method, seen.path) == ("POST", "/s3cr3t-path")
    assert (body["title"], body["message"], body["type"]) == ("Main <is> down", TEXT, "failure")


def test_ntfy(service: Server) -> None:
    service.answer = Answer(200, b'{"id": "x"}')
    send(address(service, "ntfy", "my-topic"))
    body = json.loads(service.seen[0].body)
    assert (body["topic"], body["title"], body["message"]) == ("my-topic", "Main <is> down", TEXT)


def test_where_the_service_wants_html_the_text_is_escaped(service: Server) -> None:
    send(address(service, "json") + "?format=html")
    said = json.loads(service.seen[0].body)["message"]
    assert "&lt;script&gt;" in said and "<script>" not in said


@pytest.mark.parametrize("scheme", ["json", "mmost"])
def test_what_a_target_says_calls_nobody_and_hides_no_address(service: Server, scheme: str) -> None:
    """Discord and Mattermost take it for a mention of everybody, and for a link behind other words."""
    said = "@everyone @Here <@123> <!channel> @**all** @_*x* @room <at id=1> [Acknowledge](https://evil.invalid/)"
    said += " [a][b] root@allhosts ops@team.example [0] x"
    child = _apprise_child._without_marks(said)
    assert child.replace("\u2060", "") == said
    marks = ("@everyone", "@Here", "<@1", "<!c", "](", "][", "@*", "@_", "@room", "<at")
    assert not [mark for mark in marks if mark in child]
    assert "root@allhosts ops@team.example [0] x" in child, "what may be copied stays as it is"
    send(address(service, scheme, "a" * 26), text=said)
    assert "](https" not in service.seen[0].body.decode()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"severity": "low"}, "info"),
        ({"severity": "medium"}, "warning"),
        ({"severity": "severe"}, "failure"),
        ({"severity": "severe", "type": "recovered"}, "success"),
    ],
)
def test_severity_is_what_apprise_calls_it(service: Server, changes: dict[str, Any], kind: str) -> None:
    send(address(service, "json"), **changes)
    assert json.loads(service.seen[0].body)["type"] == kind


def test_a_message_of_a_title_alone_goes_out(service: Server) -> None:
    send(address(service, "json"), text="")
    assert json.loads(service.seen[0].body)["message"] == "Main <is> down"


def test_what_is_too_long_is_cut_not_refused(service: Server) -> None:
    service.answer = Answer(200, b'{"id": "x"}')
    send(address(service, "ntfy", "my-topic"), text="facts first\n" + "x" * 100_000)
    (seen,) = service.seen
    assert json.loads(seen.body)["message"].startswith("facts first\n")
    assert len(seen.body) < 10_000


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_says_why_and_is_tried_again(service: Server, status: int) -> None:
    service.answer = Answer(status, b"{}")
    said, retryable = refused(address(service, "json"))
    assert retryable
    assert said.startswith("JSON did not take it: Failed to send JSON") and f"error={status}" in said
    assert not any(secret in said for secret in ("s3cr3t", "joe", "pa55word"))


def test_nobody_there(service: Server) -> None:
    said, retryable = refused(f"ntfy://joe:pa55word@127.0.0.1:{hostile.unused_port()}/s3cr3t-topic")
    assert retryable and "Connection error" in said
    assert not any(secret in said for secret in ("s3cr3t", "joe", "pa55word"))


@pytest.mark.parametrize("behaviour", [hostile.silent, hostile.drips_body])
def test_a_service_that_hangs_is_left_in_time(behaviour: hostile.Behaviour) -> None:
    with hostile.hostile_server(behaviour) as server:
        begun = time.monotonic()
        assert refused(address(server, "json"), timeout=0.5) == ("no answer within 0.5 s", True)
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("url", ["nowhere://s3cr3t-token/x", "slack://s3cr3t-token", "discord://s3cr3t-token"])
def test_an_address_apprise_does_not_know_is_final(url: str) -> None:
    said, retryable = refused(url)
    assert not retryable
    assert said.startswith(f"not an address of Apprise ({url.partition(':')[0]}://…): ")
    assert "s3cr3t" not in said


def check(folder: Path, url: str, **variables: Any) -> Ended:
    (folder / "heartbeat.toml").write_text(f'[heartbeat]\n[channels.phone]\nkind = "apprise"\napprise_url = "{url}"\n')
    return heartbeat(folder, "config", "check", **variables)


def test_its_address_is_checked_and_never_shown(tmp_path: Path) -> None:
    assert check(tmp_path, "ntfys://ntfy.sh/s3cr3t").code == 0
    assert "s3cr3t" not in heartbeat(tmp_path, "config", "show").out
    ended = check(tmp_path, "s3cr3t")
    assert ended.code == 2 and "channels.phone.apprise_url: expected an address as Apprise writes it" in ended.err
    assert "s3cr3t" not in ended.err


def test_without_the_package_the_rest_goes_on(tmp_path: Path) -> None:
    """As where heartbeat was installed without the extra: said with what to install, and its messages wait."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['apprise'] = None\n")
    line = "heartbeat.toml: channels.phone: the package apprise is not installed: pip install 'heartbeat-cli[apprise]'"
    ended = check(tmp_path, "ntfys://ntfy.sh/s3cr3t", PYTHONPATH=str(hidden))
    assert (ended.code, ended.err) == (2, f"heartbeat: {line.replace('toml:', 'toml:2:')}\n")
    ended = heartbeat(tmp_path, "notify", "--test", "phone", PYTHONPATH=str(hidden))
    assert ended.code == 1 and line in ended.out
    assert "not installed" in heartbeat(tmp_path, "doctor", PYTHONPATH=str(hidden)).out


def test_a_package_that_goes_away_keeps_its_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['apprise'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said, retryable = refused(f"ntfy://127.0.0.1:{hostile.unused_port()}/s3cr3t")
    assert retryable and "pip install 'heartbeat-cli[apprise]'" in said


def test_the_process_knows_nothing_that_it_does_not_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred plugins of others run there: no secret that `env:` names, no proxy, no word to Python."""
    (tmp_path / "apprise.py").write_text(
        f"open({str(tmp_path / 'seen')!r}, 'w').write(open('/proc/self/environ').read())\nraise ImportError\n"
    )
    given = {
        **{"PATH": "/usr/bin", "HOME": str(tmp_path), "TZ": "Asia/Hong_Kong", "SSL_CERT_FILE": "/etc/passwd"},
        **{"PYTHONPATH": str(tmp_path), "DSN_PASSWORD": "hunter22", "HTTPS_PROXY": "http://127.0.0.2:1"},
        **{"PYTHONSTARTUP": "/tmp/x.py", "PYTHONWARNINGS": "ignore", "SSLKEYLOGFILE": str(tmp_path / "keys")},
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeliveryError, match="not installed"):
        send("ntfy://127.0.0.1/x")
    seen = dict(one.split("=", 1) for one in (tmp_path / "seen").read_text().rstrip("\0").split("\0"))
    assert seen["PATH"].startswith("/usr/bin:") and seen["PYTHONPATH"].startswith(f"{tmp_path}:")
    kept = {"HOME", "TZ", "SSL_CERT_FILE"}
    assert {name: seen[name] for name in kept} == {name: given[name] for name in kept}
    session = {"USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}
    certificates = {"SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    own = {"PATH", "PYTHONPATH", "LC_ALL", "LC_CTYPE", "NETRC", "HEARTBEAT_PID"}
    assert set(seen) <= kept | session | certificates | own
