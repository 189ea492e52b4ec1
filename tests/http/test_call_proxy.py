"""A call of a channel or hook through the configured proxy: what it sees, and what is said where it does not help."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.http.call import Call, make
from tests.http.test_call import SECRET, fails
from tests.parts import hostile
from tests.parts.connect_proxy import connect_proxy
from tests.parts.hostile import Behaviour, hostile_server
from tests.parts.http import Answer, Certificate, Server, certificate, healthy_server

BASIC = "Basic " + base64.b64encode(f"joe:{SECRET}@".encode()).decode()
HIDDEN = f"joe:{SECRET}%40@"
GOES = f"http://hooks.invalid/{SECRET}"
GOES_TLS = GOES.replace("http:", "https:")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"), host="DNS:hooks.invalid,IP:127.0.0.2")


@pytest.fixture
def target(made: Certificate) -> Iterator[Server]:
    with healthy_server(certificate=made) as server:
        yield server


def through(proxy: str) -> str:
    return proxy.replace("//", f"//{HIDDEN}")


def test_plain_http_goes_to_it() -> None:
    with healthy_server(host="127.0.0.2") as proxy:
        assert make(Call(GOES, headers={"X-Key": "k"}, proxy=through(proxy.url)), 5).status == 200
        (seen,) = proxy.seen
    assert (seen.path, seen.headers["host"], seen.headers["x-key"]) == (GOES, "hooks.invalid", "k")
    assert seen.headers["proxy-authorization"] == BASIC and "authorization" not in seen.headers


def test_https_goes_through_it_unseen(target: Server, made: Certificate) -> None:
    with connect_proxy(target.port) as proxy:
        url = GOES_TLS.replace("//", "//me:mine@")
        call = Call(url, headers={"X-Key": "k"}, body=b"{}", verify=str(made.cert), proxy=through(proxy.url))
        assert make(call, 5).status == 200
    (head,), (seen,) = proxy.heads, target.seen
    assert head.startswith("CONNECT hooks.invalid:443 HTTP/1.1\r\n") and f"Proxy-Authorization: {BASIC}\r\n" in head
    assert "X-Key" not in head and "\nAuthorization" not in head
    assert (seen.path, seen.body, seen.headers["x-key"]) == (f"/{SECRET}", b"{}", "k")
    assert "authorization" in seen.headers and "proxy-authorization" not in seen.headers


def test_the_proxys_own_head_is_no_part_of_the_answer(target: Server, made: Certificate) -> None:
    with connect_proxy(target.port, b"HTTP/1.1 200 OK\r\nX-Proxy: a\r\nRetry-After: 9\r\n\r\n") as proxy:
        headers = make(Call(GOES_TLS, verify=str(made.cert), proxy=proxy.url), 5).headers
    assert "x-proxy" not in headers and "retry-after" not in headers and "content-length" in headers


def test_over_tls_to_a_proxy_that_is_trusted(target: Server, made: Certificate) -> None:
    with connect_proxy(target.port, certificate=made) as proxy:
        assert make(Call(GOES_TLS, verify=str(made.cert), proxy=through(proxy.url)), 5).status == 200
        assert make(Call(GOES_TLS, verify=False, proxy=through(proxy.url)), 5).status == 200
        assert len(proxy.heads) == 2
        said = "hooks.invalid: its certificate or TLS, or that of the proxy, is not accepted"
        assert fails(Call(GOES_TLS, proxy=through(proxy.url))) == (said, False)
        assert fails(Call(GOES, proxy=through(proxy.url))) == (said, False)
        assert len(proxy.heads) == 2


@pytest.mark.parametrize("code", [403, 407, 502])
@pytest.mark.parametrize("body", [b"no", b"x" * 100_000])
def test_a_proxy_that_refuses(code: int, body: bytes) -> None:
    answer = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (code, len(body)) + body
    with connect_proxy(0, answer) as proxy:
        said = fails(Call(GOES_TLS, proxy=through(proxy.url)))
    assert said == ("hooks.invalid: the proxy does not let it through", False)


@pytest.mark.parametrize("url", [GOES, GOES_TLS])
def test_a_proxy_that_is_not_there(url: str) -> None:
    said = ("hooks.invalid: no connection to the proxy", False)
    assert fails(Call(url, proxy=f"http://{HIDDEN}127.0.0.2:{hostile.unused_port()}")) == said
    assert fails(Call(url, proxy=f"http://{HIDDEN}no-such.invalid:3128")) == said


def test_how_far_it_came_with_what_it_was_given_nobody_knows(target: Server) -> None:
    with hostile_server(hostile.silent) as proxy:
        late = ("hooks.invalid: no complete answer within 2 s", True)
        assert fails(Call(GOES, proxy=through(proxy.url)), 2) == late
    with connect_proxy(target.port, b"") as silent:
        assert fails(Call(GOES_TLS, proxy=through(silent.url)), 3) == (
            "hooks.invalid: no complete answer within 3 s",
            False,
        )
    with connect_proxy(target.port) as open_:
        said = ("hooks.invalid: TLS certificate is self-signed and not trusted", False)
        assert fails(Call(GOES_TLS, proxy=through(open_.url))) == said
    assert target.seen == []


@pytest.mark.parametrize("behaviour", [hostile.endless_headers, hostile.endless_interim, hostile.endless_body])
def test_a_proxy_that_floods(behaviour: Behaviour) -> None:
    """Its answer to a CONNECT is bounded, too, whatever libcurl makes of it."""
    with hostile_server(behaviour) as proxy:
        assert fails(Call(GOES_TLS, proxy=through(proxy.url)), 20.0)[0].startswith("hooks.invalid: ")


def test_a_refusal_of_plain_http_is_an_answer() -> None:
    with healthy_server(Answer(407, b"who?"), host="127.0.0.2") as proxy:
        assert make(Call(GOES, proxy=proxy.url), 5).status == 407


def test_a_proxy_is_asked_on_the_port_of_its_scheme(tmp_path: Path) -> None:
    from heartbeat_cli.domain.checking.exchange import Request
    from heartbeat_cli.http import options

    told: list[tuple[int, object]] = []

    class Handle:
        def setopt(self, option: int, value: object) -> None:
            told.append((option, value))

    for proxy in ("http://a", "https://[::1]", "http://[::1]:8/"):
        options._configure_proxy(Handle(), Request("http://h", verify_tls=False, proxy=proxy), proxy)
    asked = [value for option, value in told if option == options.pycurl.PROXY]
    assert asked == ["http://a:80", "https://[::1]:443", "http://[::1]:8"]
