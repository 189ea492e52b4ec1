"""A call of a channel or hook, on real servers: what goes out, what comes back, and whether it may have been taken."""

import base64
import gzip
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from heartbeat_cli.http.call import Call, Headers, NoAnswer, make
from tests.http.test_multi import _MUTE_NAMES
from tests.http.test_tls_flood import flooding
from tests.parts import hostile, lacking
from tests.parts.hostile import Behaviour, hostile_server
from tests.parts.http import Answer, Server, certificate, healthy_server

SECRET = "s3cr3t"


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server() as one:
        yield one


def fails(made: Call, timeout: float = 5.0) -> tuple[str, bool]:
    """What is said of a call without an answer, and whether it may have been taken. No secret is in it."""
    with pytest.raises(NoAnswer) as raised:
        make(made, timeout)
    error: BaseException | None = raised.value
    while error is not None:
        assert SECRET not in f"{error} {error.args}"
        error = error.__cause__ or error.__context__
    return str(raised.value), raised.value.unsure


def test_what_goes_out(server: Server) -> None:
    make(Call(f"{server.url}/a b/ä%20?q=ü&p=100%#part", headers={"X-Own": "a  b", "X-Empty": ""}, body=b"{}"), 5)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/a%20b/%C3%A4%20?q=%C3%BC&p=100%25", b"{}")
    agent = seen.headers.pop("user-agent")
    assert agent.startswith("heartbeat/")
    assert seen.headers == {
        "host": server.url.removeprefix("http://"),
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-length": "2",
        "x-own": "a  b",
        "x-empty": "",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_body_is_an_empty_one(server: Server, method: str) -> None:
    make(Call(server.url, method), 5)
    assert (server.seen[0].method, server.seen[0].headers["content-length"]) == (method, "0")


def test_a_get_has_a_body_where_one_is_given(server: Server) -> None:
    make(Call(server.url, "GET"), 5)
    make(Call(server.url, "GET", body=b"asked"), 5)
    assert [(one.method, one.body) for one in server.seen] == [("GET", b""), ("GET", b"asked")]
    assert "content-length" not in server.seen[0].headers


def test_nobody_asks_for_a_packed_answer(server: Server) -> None:
    make(Call(server.url, headers={"accept-encoding": "gzip"}), 5)
    assert server.seen[0].headers["accept-encoding"] == "identity"


def test_the_user_of_the_address_wins_and_may_have_any_letters(server: Server) -> None:
    make(Call(server.url.replace("//", "//m%C3%A9:p%40%3Ass@"), headers={"authorization": "Bearer x"}), 5)
    make(Call(server.url.replace("//", "//:none@")), 5)
    sent = [one.headers.get("authorization") for one in server.seen]
    assert sent == ["Basic " + base64.b64encode("mé:p@:ss".encode()).decode(), None]


@pytest.mark.parametrize(
    "headers", [{"X-A": f"b\r\nX-Evil: {SECRET}"}, {"X-A": "b\nc"}, {"X-A\r\nX-B": "c"}, {"X A": "b"}, {"": "b"}]
)
def test_what_would_be_another_header_is_not_sent(server: Server, headers: dict[str, str]) -> None:
    assert fails(Call(server.url, headers=headers)) == ("127.0.0.1: the request cannot be made", False)
    assert server.connections == []


@pytest.mark.parametrize(
    "address",
    [f"ftp://127.0.0.1/{SECRET}", "http://", f"http://a{'b' * 64}\u2044:80/{SECRET}", f"http://h/\ud800{SECRET}"],
)
def test_what_is_no_address_is_not_shown(address: str) -> None:
    said, unsure = fails(Call(address))
    assert said.endswith(": the request cannot be made") and not unsure


def test_a_host_in_any_script() -> None:
    with healthy_server(host="127.0.0.2") as proxy:
        make(Call("http://me@bücher.invalid:81/in", proxy=proxy.url), 5)
        make(Call("http://straße.invalid/in", proxy=proxy.url), 5)
    paths = [one.path for one in proxy.seen]
    assert paths == ["http://xn--bcher-kva.invalid:81/in", "http://xn--strae-oqa.invalid/in"]


def test_an_address_of_version_6() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(65_536)
                link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        assert make(Call(f"http://[::1]:{listener.getsockname()[1]}/x"), 5).status == 204


def test_names_of_headers_in_any_case(server: Server) -> None:
    server.answer = Answer(200, b"", (("Retry-AFTER", "7"), ("X-Two", "a"), ("x-two", "b")))
    headers = make(Call(server.url), 5).headers
    assert (headers["retry-after"], headers.get("Retry-After"), headers.get("X-TWO")) == ("7", "7", "a, b")
    assert headers.get("None") is None and "x-TWO" in headers
    assert dict(Headers([("A", "b")])) == {"a": "b"}


def test_no_cookie_comes_back(server: Server) -> None:
    server.answer = Answer(200, b"", (("Set-Cookie", "a=b"),))
    make(Call(server.url), 5)
    make(Call(server.url), 5)
    assert "cookie" not in server.seen[1].headers


def test_more_than_is_kept_is_cut_off(server: Server) -> None:
    server.answer = Answer(500, b"x" * 1_000_000)
    assert make(Call(server.url, keep=10), 5) == (500, {**make(Call(server.url), 5).headers}, "x" * 10)


def test_a_packed_answer_is_read_and_a_bomb_is_cut_off(server: Server) -> None:
    server.answer = Answer(500, gzip.compress(b"in words"), (("Content-Encoding", "gzip"),))
    assert make(Call(server.url), 5).body == "in words"
    with hostile_server(hostile.gzip_bomb) as bomb:
        assert make(Call(bomb.url), 5).body == "\0" * 65_536


def endless_chunk_line(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    hostile._forever(connection, stop, b"x" * 65_536)


LATE, BROKEN, LONG = "no complete answer within 0.5 s", "the connection broke off", "its answer is too long"
NOT_HTTP = "its answer cannot be understood"


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hostile.silent, LATE),
        (hostile.drips_status_line, LATE),
        (hostile.drips_body, LATE),
        (hostile.chunked_forever, LATE),
        (hostile.closes_at_once, BROKEN),
        (hostile.resets_at_once, BROKEN),
        (hostile.closes_mid_body, BROKEN),
        (hostile.resets_mid_body, BROKEN),
        (hostile.endless_headers, LONG),
        (hostile.huge_header, LONG),
        (hostile.endless_interim, LONG),
        (hostile.endless_trailers, LONG),
        (endless_chunk_line, LONG),
        (hostile.garbage, NOT_HTTP),
        (hostile.strange_encoding, NOT_HTTP),
    ],
)
def test_what_was_sent_may_have_been_taken(behaviour: Behaviour, said: str) -> None:
    timeout = 0.5 if said == LATE else 20.0
    with hostile_server(behaviour) as server:
        assert fails(Call(f"{server.url}/{SECRET}"), timeout) == (f"127.0.0.1: {said}", True)


def test_what_was_not_sent_cannot_have_been_taken() -> None:
    with hostile.full_backlog() as full:
        assert fails(Call(f"{full}/{SECRET}"), 2.0) == ("127.0.0.1: no complete answer within 2 s", False)
    refused = f"http://kim:{SECRET}@127.0.0.1:{hostile.unused_port()}/{SECRET}"
    assert fails(Call(refused)) == ("127.0.0.1: connection refused", False)
    assert fails(Call(f"http://no-such.invalid/{SECRET}")) == ("no-such.invalid: host not found", False)


@pytest.mark.parametrize("behaviour", [hostile.silent, hostile.closes_at_once, hostile.garbage])
def test_nor_where_tls_was_not_agreed_on(behaviour: Behaviour) -> None:
    with hostile_server(behaviour, read_request=False) as server:
        assert not fails(Call(server.url.replace("http", "https") + f"/{SECRET}"), 2.0)[1]


def test_the_body_of_what_took_it_is_not_waited_for() -> None:
    def head_only(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\n")
        stop.wait(30)

    with hostile_server(head_only) as server:
        assert make(Call(server.url, only_refusals=True), 20)[::2] == (202, "")
        assert fails(Call(server.url), 0.5) == (f"127.0.0.1: {LATE}", True)


def test_whom_it_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificate(tmp_path)
    with healthy_server(certificate=made) as server:
        assert fails(Call(server.url)) == ("127.0.0.1: TLS certificate is self-signed and not trusted", False)
        (tmp_path / "empty").write_text("")
        for bad in ("none", "empty"):
            said = fails(Call(server.url, verify=str(tmp_path / bad)))
            assert said == ("127.0.0.1: the CA file cannot be read", False)
        assert server.seen == []
        assert make(Call(server.url, verify=str(made.cert)), 5).status == 200
        assert make(Call(server.url, verify=False), 5).status == 200
        monkeypatch.setenv("SSL_CERT_FILE", str(made.cert))  # the system's bundle, as for checks
        assert make(Call(server.url), 5).status == 200
    with healthy_server(certificate=made, host="127.0.0.2") as server:
        assert fails(Call(server.url)) == ("127.0.0.2: TLS certificate is not for 127.0.0.2", False)


def test_a_flood_below_tls_holds_nobody_beyond_the_deadline() -> None:
    with flooding() as port:
        said, unsure = fails(Call(f"https://localhost:{port}/"), 2.0)
    assert said in ("localhost: its answer is too long", "localhost: no complete answer within 2 s") and not unsure


def test_calls_at_once(server: Server) -> None:
    server.answer = Answer(200, b"ok", delay=0.05)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda number: make(Call(f"{server.url}/{number}"), 20), range(60)))
    assert [one.body for one in answers] == ["ok"] * 60
    assert sorted(one.path for one in server.seen) == sorted(f"/{number}" for number in range(60))


_ASK = """
import socket, time
mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mute.bind(("127.0.0.1", 53))
from heartbeat_cli.http.call import Call, NoAnswer, make
try:
    make(Call("http://h.example.org/x"), 3.0)
except NoAnswer as error:
    print(error, error.unsure)
"""


def test_a_mute_name_service_holds_nobody_and_nothing_was_sent(tmp_path: Path) -> None:
    """Real getaddrinfo, in a network namespace whose name server never answers; it would be asked for 10 s."""
    if subprocess.run(["unshare", "-rmn", "ip", "link"], capture_output=True, check=False).returncode:
        lacking("unshare with own mount and network namespaces, and ip")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    command = ["unshare", "-rmn", "sh", "-c", _MUTE_NAMES, "sh", str(tmp_path), sys.executable, _ASK]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert said.stdout == "h.example.org: no complete answer within 3 s False\n", said.stderr
