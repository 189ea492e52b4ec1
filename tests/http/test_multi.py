"""The wire against real peers, good and bad: each exchange ends in time, with a plain reason."""

import gzip
import os
import re
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pycurl
import pytest

from heartbeat_cli import __version__
from heartbeat_cli.domain.checking.exchange import Fault, Request, Response, headers
from heartbeat_cli.domain.record import Record
from heartbeat_cli.http import options
from heartbeat_cli.http.multi import CUT_SHORT, NOT_ASKED, Exchange, drive
from heartbeat_cli.http.transfer import parse_expiry
from tests.parts import hostile, lacking
from tests.parts.hostile import Behaviour, full_backlog, hostile_server, says, unused_port
from tests.parts.http import Answer, certificate, healthy_server, unix_server

SLACK = 3.0


def ask(url: str, timeout: float = 5.0, **fields: object) -> Response:
    """One exchange; fails the test when it does not end within its timeout."""
    answers: list[Response] = []
    began = time.monotonic()
    exchange = Exchange("one", Request(url, **fields), timeout)  # type: ignore[arg-type]
    drive([exchange], deadline=began + timeout + SLACK, done=lambda _, answer: answers.append(answer))
    assert time.monotonic() - began < timeout + SLACK
    assert len(answers) == 1
    return answers[0]


def fault(answer: Response) -> Fault:
    assert answer.fault is not None, answer
    return answer.fault


# --- good peers


def test_a_plain_answer_is_whole() -> None:
    with healthy_server(Answer(200, b"hello", (("X-One", " two "),))) as server:
        answer = ask(server.url + "/health?x=1")
        assert (answer.status, answer.body, answer.fault, answer.truncated) == (200, b"hello", None, False)
        assert ("x-one", "two") in headers(answer.head)
        assert answer.url == server.url + "/health?x=1"
        assert answer.certificate_expires is None
        assert 0 < answer.phases["connect"] <= answer.phases["first_byte"] <= answer.phases["total"]
        assert answer.elapsed == answer.phases["total"]
        assert "tls" not in answer.phases
        (seen,) = server.seen
        assert (seen.method, seen.path, seen.body) == ("GET", "/health?x=1", b"")
        assert seen.headers["user-agent"] == f"heartbeat/{__version__}"


def test_a_handle_that_is_used_again_keeps_nothing_of_its_last_request() -> None:
    """One exchange after the other: all go by the same handle."""
    with healthy_server(Answer(200, b"hello")) as server:
        with_password = server.url.replace("http://", "http://me:secret@") + "/password"
        requests = [
            Request(server.url + "/plain"),
            Request(server.url + "/plain2"),
            Request(with_password),
            Request(server.url + "/after-password"),
            Request(server.url + "/header", headers=(("X-Own", "1"),)),
            Request(server.url + "/header2", headers=(("X-Own", "1"),)),
            Request(server.url + "/after-header"),
            Request(server.url + "/post", method="POST", body=b"{}"),
            Request(server.url + "/post2", method="POST", body=b"{}"),
            Request(server.url + "/after-post"),
            Request(f"http://127.0.0.1:{unused_port()}/refused"),
            Request(server.url + "/after-refused"),
            Request(server.url + "/head", method="HEAD"),
            Request(server.url + "/after-head"),
            Request(server.url + "/small", max_body=2),
            Request(server.url + "/after-small"),
        ]
        waiting, answers = iter(requests), list[Response]()

        def done(_: Exchange, answer: Response) -> Exchange | None:
            answers.append(answer)
            request = next(waiting, None)
            return None if request is None else Exchange("one", request, 5.0)

        drive([Exchange("one", next(waiting), 5.0)], deadline=time.monotonic() + 60.0, done=done)
        bodies = {Path(answer.url).name: answer.body for answer in answers}
        assert bodies.pop("refused") == bodies.pop("head") == b"" and bodies.pop("small") == b"he"
        assert set(bodies.values()) == {b"hello"}
        assert [answer.fault is not None for answer in answers] == ["/refused" in one.url for one in requests]
        seen = {one.path[1:]: one for one in server.seen}
        assert len(seen) == len(requests) - 1
        assert {name for name, one in seen.items() if "authorization" in one.headers} == {"password"}
        assert {name for name, one in seen.items() if "x-own" in one.headers} == {"header", "header2"}
        assert {name for name, one in seen.items() if one.body} == {"post", "post2"}
        assert {one.method for name, one in seen.items() if "post" not in name or "after" in name} == {"GET", "HEAD"}
        assert all(one.headers["user-agent"] == f"heartbeat/{__version__}" for one in server.seen)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_method_headers_and_body_go_out_as_given(method: str) -> None:
    with healthy_server() as server:
        headers = (("X-Key", "a b"), ("X-Empty", ""), ("X-Sign", "ü"))
        answer = ask(server.url, method=method, headers=headers, body=b"a\0b")
        assert answer.status == 200
        (seen,) = server.seen
        assert (seen.method, seen.body) == (method, b"a\0b")
        assert (seen.headers["x-key"], seen.headers["x-empty"]) == ("a b", "")
        assert "content-type" not in seen.headers and "expect" not in seen.headers


def test_head_does_not_wait_for_a_body() -> None:
    with healthy_server() as server:
        answer = ask(server.url, method="HEAD")
        assert (answer.status, answer.body, answer.fault) == (200, b"", None)


def test_every_exchange_makes_its_own_connection() -> None:
    with healthy_server(Answer(200, b"x", (("Connection", "keep-alive"),))) as server:
        left = [4]

        def done(exchange: Exchange, answer: Response) -> Exchange | None:
            left[0] -= 1
            return exchange if left[0] else None

        drive([Exchange("a", Request(server.url), 5.0)], deadline=time.monotonic() + 10, done=done)
        assert len(server.seen) == 4 <= len(server.connections)  # a discovery of another test may come, too


def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{unused_port()}")
    with healthy_server() as server:
        assert ask(server.url).status == 200


def test_exactly_max_body_is_not_truncated_and_one_more_is() -> None:
    with healthy_server(Answer(200, b"x" * 1000)) as server:
        whole = ask(server.url, max_body=1000)
        cut = ask(server.url, max_body=999)
        assert (len(whole.body), whole.truncated, whole.fault) == (1000, False, None)
        assert (len(cut.body), cut.truncated, cut.fault) == (999, True, None)


# --- hostile peers

TABLE: list[tuple[Behaviour, str, str]] = [
    (
        hostile.silent,
        "timeout",
        "no answer within 0.5 s (connected, sent the request, not one line came back)",
    ),
    (hostile.drips_status_line, "timeout", "no answer within 0.5 s"),
    (hostile.drips_body, "timeout", "stopped answering: "),
    (hostile.chunked_forever, "timeout", "bytes in 0.5 s"),
    (hostile.drips_headers, "protocol", "answers, but not in HTTP"),
    (hostile.closes_at_once, "reset", "closed the connection without an answer"),
    (hostile.resets_at_once, "reset", "closed the connection without an answer"),
    (hostile.resets_mid_body, "reset", "broke off in mid-answer, after 51 bytes"),
    (hostile.closes_mid_body, "reset", "broke off in mid-answer, after 51 bytes"),
    (hostile.endless_headers, "too_large", "the headers are larger than 65536 bytes"),
    (hostile.endless_interim, "too_large", "the headers are larger than 65536 bytes"),
    (hostile.endless_trailers, "too_large", "the headers are larger than 65536 bytes"),
    (hostile.huge_header, "too_large", "the headers are too large"),
    (hostile.redirect_loop, "redirects", "redirected more than 5 times, last to /again"),
    (hostile.redirect_with_missing_body, "redirects", "redirected more than 5 times, last to /again"),
    (hostile.redirect_with_endless_body, "redirects", "redirected more than 5 times, last to /again"),
    (hostile.redirect_with_a_strange_end, "redirects", "redirected more than 5 times, last to /again"),
    (hostile.garbage, "protocol", "answers, but not in HTTP"),
    (hostile.broken_status_line, "protocol", "answers, but not in HTTP"),
    (hostile.strange_encoding, "protocol", "the answer's compression is broken or unknown"),
    (says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"), "protocol", "Invalid Content-Length"),
    (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "protocol", "sends broken chunks"),
    (
        says(b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n\r\n"),
        "redirects",
        "redirected to file:///etc/pa",
    ),
    (says(b"HTTP/1.1 302 x\r\nLocation: http://[bad/\r\n\r\n"), "redirects", "redirected to http://[bad/"),
    (says(b"HTTP/1.1 302 x\r\nLocation: http://h:99999/\r\n\r\n"), "redirects", "which is not followed"),
    (says(b"HTTP/1.1 302 x\r\nLocation: http://%00/\r\n\r\n"), "redirects", "redirected to a bad address: "),
    (says(b"\xff\xfe\0\0"), "protocol", "answers, but not in HTTP"),
]


@pytest.mark.parametrize(
    ("behaviour", "kind", "text"), TABLE, ids=[f"{n}-{row[0].__name__}" for n, row in enumerate(TABLE)]
)
def test_a_hostile_peer_ends_with_a_plain_reason(behaviour: Behaviour, kind: str, text: str) -> None:
    with hostile_server(behaviour) as server:
        found = fault(ask(server.url, timeout=0.5))
        assert found.kind == kind
        assert text in found.text
        assert found.text.isprintable() and len(found.text) < 300


@pytest.mark.parametrize("behaviour", [hostile.endless_body, hostile.gzip_bomb])
def test_an_endless_body_is_cut_and_counts_as_complete(behaviour: Behaviour) -> None:
    with hostile_server(behaviour) as server:
        answer = ask(server.url, timeout=10.0)
        assert (answer.status, len(answer.body), answer.truncated, answer.fault) == (200, 65_536, True, None)
        assert answer.elapsed < 5


@pytest.mark.parametrize(
    "codings",
    [
        "Content-Encoding: gzip, gzip\r\ncontent-encoding: gzip, gzip\r\n",
        "HTTP/1.1 200 a:b\r\n".join(["Content-Encoding: gzip\r\n"] * 4),  # to libcurl a header like any other
    ],
    ids=["lists", "like a status line"],
)
def test_what_is_packed_more_than_once_is_not_unpacked(codings: str) -> None:
    """libcurl would, all of it in one call, and the others would wait: one of them called itself down for that."""
    with hostile_server(hostile.nested_gzip(codings)) as peer, healthy_server() as other:
        found: dict[str, Response] = {}
        wanted = [Exchange(name, Request(one.url), 3.0) for name, one in (("peer", peer), ("other", other))]
        drive(wanted, deadline=time.monotonic() + 10, done=lambda one, said: found.update({one.key: said}))
    assert fault(found["peer"]) == Fault("too_large", "the answer is compressed more than once")
    assert found["other"].fault is None


@pytest.mark.parametrize(
    "line", ["HTTP/1.1 100\tC", "HTTP/1.1\t100 C", "HTTP/1.1 100C", "HTTP/1.1  100 C", "HTTP/1.1 1000 C"]
)
def test_what_only_libcurl_takes_for_an_interim_answer_is_no_answer(line: str) -> None:
    """The head behind it is one for libcurl, and was what follows the body for us: its codings did not count."""
    codings = "Content-Encoding: gzip, gzip, gzip, gzip\r\n"
    with hostile_server(hostile.nested_gzip(codings, f"{line}\r\n\r\n")) as peer, healthy_server() as other:
        found: dict[str, Response] = {}
        wanted = [Exchange(name, Request(one.url), 3.0) for name, one in (("peer", peer), ("other", other))]
        drive(wanted, deadline=time.monotonic() + 10, done=lambda one, said: found.update({one.key: said}))
    assert fault(found["peer"]).kind == "protocol"
    assert found["other"].fault is None


def _answer(coding: str, body: bytes) -> Behaviour:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return hostile.says(head.encode() + body)


_RAW = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": gzip.compress(b"in words", mtime=0),
    "X-GZIP": gzip.compress(b"in words", mtime=0),
    "deflate": zlib.compress(b"in words"),
    " deflate ": _RAW.compress(b"in words") + _RAW.flush(),
    "identity": b"in words",
}


@pytest.mark.parametrize(("coding", "body"), PACKED.items(), ids=PACKED)
def test_an_answer_that_nobody_asked_to_compress_is_unpacked(coding: str, body: bytes) -> None:
    with hostile_server(_answer(coding, body)) as server:
        answer = ask(server.url)
    assert (answer.status, answer.body, answer.truncated, answer.fault) == (200, b"in words", False, None)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_body_that_breaks_off_is_no_answer(coding: str) -> None:
    """Its length is as the head says, so that nothing else shows that a part is missing."""
    with hostile_server(_answer(coding, PACKED[coding][:-6])) as server:
        assert fault(ask(server.url)) == Fault("protocol", "the compressed answer breaks off")


def test_an_unknown_compression_is_named() -> None:
    with hostile_server(_answer("br", b"\x0b\x03\x80in words\x03")) as server:
        assert fault(ask(server.url)) == Fault("protocol", "the answer's compression is broken or unknown: br")


def test_behind_the_end_of_a_compressed_body_nothing_is_read() -> None:
    """zlib copies what it does not use, all of it at each chunk: a million of a byte each held the wire for seconds."""

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        packed = gzip.compress(b"in words")
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n%s\r\n" % (len(packed), packed))
        hostile._forever(connection, stop, b"1\r\nx\r\n" * 10_000)

    with hostile_server(behaviour) as server:
        answer = ask(server.url, timeout=10.0)
    assert (answer.status, answer.body, answer.truncated, answer.fault) == (200, b"in words", False, None)


def test_a_compressed_body_that_holds_nothing_ends() -> None:
    """Empty blocks: five bytes each, and no byte of a body."""
    body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\0\0\0\xff\xff" * 100_000
    with hostile_server(_answer("gzip", body)) as server:
        answer = ask(server.url)
    assert (answer.body, answer.truncated, answer.fault) == (b"", True, None)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 503 No\r\nHTTP/1.1 200 a:b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nHTTP/1.1 200 a:b\r\n\r\n",
    ],
    ids=["in the head", "as a trailer"],
)
def test_a_header_like_a_status_line_is_none(said: bytes) -> None:
    with hostile_server(says(said)) as server:
        answer = ask(server.url)
        assert (answer.status, answer.body, answer.fault) == (503, b"ok", None)


def test_what_follows_the_body_is_no_header_of_the_answer() -> None:
    said = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nRetry-After: 99\r\n\r\n"
    with hostile_server(says(said)) as server:
        assert "retry-after" not in dict(headers(ask(server.url).head))


@pytest.mark.parametrize("code", [b"9" * 5_000, b"2000", b"2e2"])
def test_a_status_that_is_none_is_no_status(code: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with hostile_server(says(b"HTTP/1.1 %s OK\r\nContent-Length: 2\r\n\r\nok" % code)) as server:
        answer = ask(server.url)
        assert answer.status == 0
        assert answer.fault is None or answer.fault.kind == "protocol"
    assert capfd.readouterr().err == ""


def test_an_answer_is_complete_once_there_is_enough_of_it() -> None:
    pieces: list[bytes] = []

    def enough(piece: bytes) -> bool:
        pieces.append(piece)
        return len(b"".join(pieces)) >= 3

    with hostile_server(hostile.drips_body) as peer:
        answer = ask(peer.url, 20.0, enough=enough)
    assert (answer.fault, answer.truncated, answer.body) == (None, False, b"".join(pieces))
    assert 3 <= len(answer.body) < 1_000


def test_what_arrived_before_the_fault_is_kept() -> None:
    with hostile_server(hostile.closes_mid_body) as server:
        answer = ask(server.url)
        assert (answer.status, answer.body) == (200, b"0123456789")
        assert ("content-length", "1000") in headers(answer.head)


def test_a_port_that_drops_every_knock_is_no_connection() -> None:
    with full_backlog() as url:
        found = fault(ask(url, timeout=0.5))
        assert found == Fault("timeout", f"no connection to {url.removeprefix('http://')} within 0.5 s")


def test_a_refused_connection_says_by_whom() -> None:
    port = unused_port()
    assert fault(ask(f"http://127.0.0.1:{port}/")) == Fault(
        "connect", f"connection refused by 127.0.0.1:{port}", refused=True
    )


def test_an_unknown_host_is_named() -> None:
    assert fault(ask("http://nosuch.invalid/")) == Fault("dns", "cannot resolve host nosuch.invalid")


# --- what must not go out


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "not an http or https address"),
        ("nonsense", "not an http or https address: nonsense"),
        ("file:///etc/passwd", "not an http or https address: file:///etc/passwd"),
        ("http://", "not a usable URL"),
        ("http://x:99999/", "not a usable URL"),
        ("http://[::1/", "not a usable URL"),
        ("http://a b/", "the URL contains a space or a control character"),
        ("http://a/\r\nX: y", "the URL contains a space or a control character"),
        ("http://a/\udcff", "a character that cannot be sent"),
    ],
)
def test_a_bad_url_is_a_fault_of_our_own(url: str, text: str) -> None:
    found = fault(ask(url))
    assert found.kind == "other"
    assert text in found.text


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": (("X-A", "one\r\nX-B: two"),)},
        {"headers": (("X-A", "one\nX-B: two"),)},
        {"headers": (("X-A: one\r\nX-B", "two"),)},
        {"headers": (("", "two"),)},
        {"method": "GET / HTTP/1.1\r\nX-B: two\r\n\r\nGET"},
        {"method": ""},
    ],
)
def test_nothing_can_be_injected(fields: dict[str, object]) -> None:
    with healthy_server() as server:
        assert fault(ask(server.url, **fields)).kind == "other"
        assert server.seen == []


# --- redirects


def test_a_redirect_is_followed_and_only_the_last_headers_count() -> None:
    with healthy_server(Answer(200, b"there")) as server:
        server.answers["/old"] = Answer(302, b"moved", (("Location", "new place"), ("X-Old", "1")))
        answer = ask(server.url + "/old", method="POST", body=b"x", headers=(("X-Key", "secret"),))
        assert (answer.status, answer.body, answer.url) == (200, b"there", server.url + "/new%20place")
        assert "x-old" not in dict(headers(answer.head))
        first, second = server.seen
        assert (first.method, first.body, second.method, second.body) == ("POST", b"x", "GET", b"")
        assert second.headers["x-key"] == "secret"


def test_a_307_keeps_method_and_body() -> None:
    with healthy_server() as server:
        server.answers["/old"] = Answer(307, b"", (("Location", "/new"),))
        ask(server.url + "/old", method="POST", body=b"x")
        assert (server.seen[1].method, server.seen[1].body) == ("POST", b"x")


def test_headers_do_not_follow_to_another_host() -> None:
    with healthy_server() as other, healthy_server() as server:
        server.answer = Answer(302, b"", (("Location", other.url + "/x"),))
        headers = (
            ("Authorization", "Bearer s"),
            ("X-Api-Key", "s"),
            ("Cookie", "s"),
            ("Accept", "text/plain"),
        )
        assert ask(server.url, headers=headers).status == 200
        (seen,) = other.seen
        assert not {"authorization", "x-api-key", "cookie"} & set(seen.headers)
        assert seen.headers["accept"] == "text/plain"


def test_without_redirects_the_redirect_is_the_answer() -> None:
    with healthy_server(Answer(301, b"moved", (("Location", "/x"),))) as server:
        answer = ask(server.url, redirects=0)
        assert (answer.status, answer.body, answer.fault) == (301, b"moved", None)
        assert len(server.seen) == 1


def test_slow_redirects_share_one_timeout() -> None:
    with healthy_server(Answer(302, b"", (("Location", "/x"),), delay=0.2)) as server:
        found = fault(ask(server.url, timeout=0.5, redirects=50))
        assert found.kind == "timeout" and "within 0.5 s" in found.text


# --- Unix sockets


def test_a_unix_socket_answers(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with unix_server(path) as server:
        answer = ask("http://localhost/v1/info", unix_socket=str(path))
        assert (answer.status, server.seen[0].path) == (200, "/v1/info")
    assert fault(ask("http://localhost/", unix_socket=str(path))) == Fault(
        "connect", f"nobody listens on {path}", refused=True
    )
    path.unlink()
    assert fault(ask("http://localhost/", unix_socket=str(path))) == Fault("connect", f"no socket at {path}")
    assert fault(ask("http://localhost/", unix_socket="/" + "x" * 200)).kind == "other"


_AS_NOBODY = """
import os, sys, time, urllib.parse  # what is imported late may be out of reach for the other user
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.domain.checking.exchange import Request
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
request = Request("http://localhost/", unix_socket=sys.argv[1])
done = lambda exchange, response: print(response.fault.kind, response.fault.text)
drive([Exchange("k", request, 3.0)], deadline=time.monotonic() + 5, done=done)
"""


def test_a_forbidden_unix_socket_is_our_own_trouble(tmp_path: Path) -> None:
    path = Path(f"/tmp/heartbeat-test-{os.getpid()}.sock")  # a place that another user can reach
    with unix_server(path):
        path.chmod(0)
        try:
            command = [sys.executable, "-c", _AS_NOBODY, str(path)]
            said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        finally:
            path.unlink()
    assert said.stdout == f"forbidden no permission to open {path}\n", said.stderr


# --- TLS


def test_a_trusted_certificate_and_its_end(tmp_path: Path) -> None:
    own = certificate(tmp_path, days=30)
    with healthy_server(certificate=own) as server:
        answer = ask(server.url, ca_file=str(own.cert))
        assert (answer.status, answer.fault) == (200, None)
        assert answer.certificate_expires == pytest.approx(time.time() + 30 * 86_400, abs=600)
        assert answer.phases["connect"] < answer.phases["tls"] < answer.phases["first_byte"]
        found = fault(ask(server.url))
        assert found == Fault("tls", "TLS certificate is self-signed and not trusted")
        assert ask(server.url, verify_tls=False).status == 200


def test_an_expired_certificate(tmp_path: Path) -> None:
    own = certificate(tmp_path, days=-3)
    with healthy_server(certificate=own) as server:
        seen = fault(ask(server.url, ca_file=str(own.cert)))
        answer = ask(server.url, verify_tls=False)
        assert answer.status == 200
        assert answer.certificate_expires == pytest.approx(time.time() - 3 * 86_400, abs=600)
        at = datetime.fromtimestamp(answer.certificate_expires, UTC).isoformat()
        # libcurl 8.11 (that of pycurl 7.45.4) has no certificates left of a handshake that failed.
        tells = tuple(map(int, re.findall(r"\d+", pycurl.version_info()[1])[:2])) >= (8, 12)
        said = f"expired on {at}" if tells else "has expired"
        assert seen == Fault("expired", f"TLS certificate of 127.0.0.1 {said}")


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    own = certificate(tmp_path, host="DNS:other.example")
    with healthy_server(certificate=own) as server:
        found = fault(ask(server.url, ca_file=str(own.cert)))
        assert found == Fault("tls", "TLS certificate is not for 127.0.0.1")


def test_a_client_certificate_is_shown_and_kept_from_other_hosts(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    with healthy_server(certificate=own, client_ca=own) as server:
        keys = {"ca_file": str(own.cert), "cert_file": str(own.cert), "key_file": str(own.key)}
        assert ask(server.url, **keys).status == 200
        assert ask(server.url, ca_file=str(own.cert)).fault is not None
        with healthy_server(Answer(302, b"", (("Location", server.url),)), certificate=own) as door:
            assert ask(door.url, **keys).fault is not None


# Up to 8.19 libcurl calls a connection one only when TLS is agreed on.
TELLS = pycurl.version_info()[2] >= 0x081400


@pytest.mark.parametrize(
    ("behaviour", "kind", "text"),
    [
        (hostile.silent, "timeout", "but TLS was not agreed on within 0.5 s" if TELLS else "no connection to "),
        (hostile.garbage, "tls", "does not speak TLS"),
        (hostile.closes_at_once, "reset", "closed the connection during the TLS handshake"),
    ],
)
def test_tls_with_a_hostile_peer(behaviour: Behaviour, kind: str, text: str) -> None:
    with hostile_server(behaviour, read_request=False) as server:
        found = fault(ask(server.url.replace("http:", "https:"), timeout=0.5))
        assert found.kind == kind and text in found.text


def test_own_unusable_files_are_our_own_trouble(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    junk = tmp_path / "junk.pem"
    junk.write_text("not a certificate\n")
    with healthy_server(certificate=own) as server:
        missing = fault(ask(server.url, ca_file=str(tmp_path / "none.pem")))
        assert missing.kind == "forbidden"
        assert missing.text == f"cannot read the CA file {tmp_path}/none.pem: No such file or directory"
        assert fault(ask(server.url, ca_file=str(junk))).text.startswith("cannot use the CA file")
        bad_key = fault(ask(server.url, ca_file=str(own.cert), cert_file=str(junk), key_file=str(junk)))
        assert (bad_key.kind, bad_key.text[:33]) == ("other", "cannot use the client certificate")


def test_expiry_dates_of_both_tls_libraries() -> None:
    assert parse_expiry("Nov 23 21:36:00 2026 GMT") == 1795469760.0
    assert parse_expiry("Nov  3 01:02:03 2026 GMT") == 1793667723.0
    assert parse_expiry("2026-11-23 21:36:00 GMT") == 1795469760.0
    for bad in ("", "soon", "Nov", "Nov 99 21:36:00 2026 GMT", "2026-11-23"):
        assert parse_expiry(bad) is None


# --- many at once, follow-ups, the deadline


@pytest.mark.whole
def test_a_thousand_exchanges_each_end_once() -> None:
    ended: dict[str, int] = {}
    with healthy_server(Answer(200, b"x")) as server:

        def done(exchange: Exchange, answer: Response) -> None:
            assert answer.status == 200, answer
            ended[exchange.key] = ended.get(exchange.key, 0) + 1

        many = [Exchange(str(n), Request(server.url), 30.0) for n in range(1000)]
        drive(many, deadline=time.monotonic() + 40, done=done)
        assert ended == {str(n): 1 for n in range(1000)}


def test_a_silent_peer_does_not_delay_the_others() -> None:
    order: list[str] = []
    with hostile_server(hostile.silent) as mute, healthy_server() as server:
        both = [Exchange("mute", Request(mute.url), 0.5), Exchange("good", Request(server.url), 0.5)]
        drive(both, deadline=time.monotonic() + 5, done=lambda exchange, _: order.append(exchange.key))
    assert order == ["good", "mute"]


def test_a_follow_up_waits_for_its_moment() -> None:
    story: list[tuple[str, int, float]] = []
    began = time.monotonic()
    with healthy_server(Answer(503)) as server:

        def done(exchange: Exchange, answer: Response) -> Exchange | None:
            story.append((exchange.key, answer.status, time.monotonic() - began))
            if answer.status == 200:
                return None
            server.answer = Answer(200)
            return Exchange("second", exchange.request, 5.0, not_before=began + 0.4)

        drive([Exchange("first", Request(server.url), 5.0)], deadline=began + 10, done=done)
    assert [row[:2] for row in story] == [("first", 503), ("second", 200)]
    assert story[1][2] >= 0.4


@pytest.mark.whole
def test_the_deadline_ends_what_runs_and_what_waits() -> None:
    ended: dict[str, Response] = {}
    with hostile_server(hostile.drips_body) as server:
        began = time.monotonic()
        running = [Exchange(f"r{n}", Request(server.url), 60.0) for n in range(20)]
        later = [Exchange("later", Request(server.url), 60.0, not_before=began + 30)]

        def done(exchange: Exchange, answer: Response) -> Exchange:
            ended[exchange.key] = answer
            return exchange._replace(key=exchange.key + "+")  # asks for ever more

        drive([*running, *later], deadline=began + 1.0, done=done)
        assert time.monotonic() - began < 1.0 + SLACK
    assert ended["later"].fault == NOT_ASKED
    assert fault(ended["r0"]).kind == "timeout"
    assert len([key for key in ended if key.startswith("r") and "+" not in key]) == 20


class Held(Record):
    """What became of exchanges beside one that held the wire for `HELD` seconds, in the order in which they ended."""

    ended: dict[str, Response]

    def faults(self) -> dict[str, str | None]:
        return {key: one.fault.text if one.fault else None for key, one in self.ended.items()}


HELD = 2.5  # seconds, more than the others' own time
HOLDERS = ["done", "libcurl"]


def hold(by: str, neighbours: dict[str, Exchange], *, within: float, after: Callable[[], None] = lambda: None) -> Held:
    """Ask neighbours beside a page that is long to read, in `done` or within a call of libcurl. `after` is called when
    it is read."""
    ended: dict[str, Response] = {}

    def read(_: bytes = b"") -> bool:
        time.sleep(HELD)
        after()
        return True

    def done(exchange: Exchange, answer: Response) -> None:
        ended[exchange.key] = answer
        if exchange.key == "page" and by == "done":
            read()

    with healthy_server(Answer(delay=0.3)) as server:  # by then the others are asked
        page = Request(server.url, enough=read if by == "libcurl" else None)
        drive([*neighbours.values(), Exchange("page", page, 9.0)], deadline=time.monotonic() + within, done=done)
    assert ended.keys() == {"page", *neighbours} and ended["page"].fault is None
    return Held(ended)


@pytest.mark.parametrize("by", HOLDERS)
def test_time_in_which_the_wire_was_held_is_given_back(by: str) -> None:
    """The answer comes only after the wire was held, and so after the time that the exchange was given."""
    read = threading.Event()
    with healthy_server() as late, hostile_server(hostile.silent) as mute:
        late.choose = lambda _: Answer(200 if read.wait(20) else 500)
        asked = {key: Exchange(key, Request(one.url), 2.0) for key, one in (("late", late), ("mute", mute))}
        found = hold(by, asked, within=15, after=read.set)
    assert list(found.ended)[-1] == "mute"
    assert found.ended["late"].status == 200
    said = "no answer within 2.0 s (connected, sent the request, not one line came back)"
    assert found.faults() == {"page": None, "late": None, "mute": said}
    assert found.ended["mute"].elapsed == found.ended["mute"].phases["total"] > 4.0


@pytest.mark.parametrize("by", HOLDERS)
def test_a_redirect_loses_nothing_of_the_time_that_is_given_back(by: str) -> None:
    with hostile_server(hostile.silent) as end, healthy_server() as door:
        door.answer = Answer(302, b"", (("Location", end.url),))
        found = hold(by, {"moved": Exchange("moved", Request(door.url), 2.0)}, within=15)
    assert list(found.ended) == ["page", "moved"]
    assert fault(found.ended["moved"]).kind == "timeout"


@pytest.mark.parametrize("by", HOLDERS)
def test_who_gets_his_time_back_only_in_part_is_not_blamed(by: str) -> None:
    """The pass ends first. Nobody knows what the answer would have been."""
    with hostile_server(hostile.silent) as mute:
        found = hold(by, {"mute": Exchange("mute", Request(mute.url), 2.0)}, within=0.3 + HELD + 0.7)
    assert fault(found.ended["mute"]) == CUT_SHORT


def test_what_is_certain_is_said_by_who_was_asked_late_too() -> None:
    """It has three seconds of its five, and the name service needs a part of it."""
    began, ended = time.monotonic(), list[Response]()
    late = Exchange("late", Request("http://nosuch.invalid/"), 5.0, not_before=began + 3.0)
    drive([late], deadline=began + 6.0, done=lambda _, answer: ended.append(answer))
    assert [fault(one) for one in ended] == [Fault("dns", "cannot resolve host nosuch.invalid")]


@pytest.mark.parametrize("by", HOLDERS)
def test_a_connection_is_waited_for_as_much_longer(by: str) -> None:
    """An older libcurl divides the time to connect among the addresses of a host, and then nothing can be added."""
    with full_backlog() as url:
        found = hold(by, {"deaf": Exchange("deaf", Request(url), 2.0)}, within=15)
    words = f"no connection to {url.removeprefix('http://')} within 2.0 s"
    assert fault(found.ended["deaf"]) == (CUT_SHORT if options.DIVIDES else Fault("timeout", words))


def test_who_never_got_a_connection_has_waited_all_the_same() -> None:
    with full_backlog() as url:
        answer = ask(url, timeout=0.5)
    assert answer.elapsed == answer.phases["total"] > 0.4


def test_a_deadline_in_the_past_asks_nobody() -> None:
    ended: list[Response] = []
    with healthy_server() as server:
        late = [Exchange("late", Request(server.url), 5.0)]
        drive(late, deadline=time.monotonic() - 1, done=lambda _, answer: ended.append(answer))
        assert [answer.fault for answer in ended] == [NOT_ASKED]
        assert server.seen == []


def test_nothing_to_drive_is_fine() -> None:
    drive([], deadline=time.monotonic() + 1, done=lambda *_: None)


@pytest.mark.whole
def test_waiting_burns_no_cpu() -> None:
    with hostile_server(hostile.silent) as server:
        ended: list[Response] = []
        began, used = time.monotonic(), time.thread_time()
        drive([Exchange("k", Request(server.url), 1.0)], deadline=began + 5, done=lambda _, a: ended.append(a))
        assert time.thread_time() - used < 0.3
        assert len(ended) == 1


_COUNT_SOCKETS = """
import os, sys, time
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.domain.checking.exchange import Request
before = os.listdir("/proc/self/fd")
for _ in range(3):
    many = [Exchange(str(n), Request(sys.argv[1 + n % 2]), 0.3) for n in range(20)]
    drive(many, deadline=time.monotonic() + 5, done=lambda exchange, response: None)
print(len(os.listdir("/proc/self/fd")) - len(before), len(os.listdir("/proc/self/task")))
"""


@pytest.mark.whole
def test_no_socket_and_no_thread_is_left() -> None:
    with healthy_server() as server, hostile_server(hostile.silent) as mute:
        command = [sys.executable, "-c", _COUNT_SOCKETS, server.url, mute.url]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert said.stdout == "0 1\n", said.stderr


_MUTE_NAMES = """
mount --bind "$1/resolv.conf" /etc/resolv.conf && ip link set lo up && exec "$2" -c "$3"
"""
_ASK_NAMES = """
import socket, time
mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mute.bind(("127.0.0.1", 53))
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.domain.checking.exchange import Request
began = time.monotonic()
many = [Exchange(str(n), Request(f"http://h{n}.example.org/"), 0.5) for n in range(25)]
drive(many, deadline=began + 2, done=lambda e, r: print(r.fault.kind, r.fault.text))
print("ended after", int(time.monotonic() - began))
"""


def test_a_mute_name_service_blocks_neither_the_pass_nor_the_exit(tmp_path: Path) -> None:
    """Real getaddrinfo, in a network namespace whose name server never answers."""
    if subprocess.run(["unshare", "-rmn", "ip", "link"], capture_output=True, check=False).returncode:
        lacking("unshare with own mount and network namespaces, and ip")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    command = ["unshare", "-rmn", "sh", "-c", _MUTE_NAMES, "sh", str(tmp_path), sys.executable, _ASK_NAMES]
    began = time.monotonic()
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    took = time.monotonic() - began
    lines = said.stdout.splitlines()
    assert len(lines) == 26, said.stderr
    assert lines[0].startswith("dns cannot resolve host h")
    assert lines[0].endswith(".example.org: no answer from name service within 0.5 s")
    assert lines[-1] in ("ended after 0", "ended after 1")
    assert took < 0.5 + SLACK + 1


@pytest.mark.parametrize(
    ("version", "known"),
    [(0x073D00, []), (0x074000, ["HTTP09_ALLOWED"]), (0x074C01, ["HTTP09_ALLOWED"]),
     (0x075700, ["HTTP09_ALLOWED", "QUICK_EXIT"]), (0x081700, ["HTTP09_ALLOWED", "QUICK_EXIT"])],
)  # fmt: skip
def test_an_older_libcurl_is_not_given_what_it_does_not_know(version: int, known: list[str]) -> None:
    """7.61 (RHEL 8), 7.64, 7.76 (RHEL 9), 7.87 (Debian 12 has 7.88) and 8.23: an unknown option fails the request."""
    assert [name for name in ("HTTP09_ALLOWED", "QUICK_EXIT") if options.newer(name, 1, version)] == known
