"""Real listeners, well and badly behaved; certificates made for the purpose."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _tls_end, tcp
from heartbeat_cli.system import tcp as dial
from tests.parts import hostile, redis
from tests.parts.http import Certificate, certificate, healthy_server

SLACK = 5.0


def context(timeout: float = 3.0) -> CheckContext:
    return CheckContext("tcp", timeout, time.time())


def probe(settings: tcp.Settings, timeout: float = 3.0) -> Reading:
    started = time.monotonic()
    reading = tcp.probe(settings, context(timeout))
    assert time.monotonic() - started < timeout + SLACK
    return reading


def says(*chunks: bytes, pause: float = 0.0, hear_first: bool = False) -> hostile.Behaviour:
    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        if hear_first:
            chunks_heard = connection.recv(100)
            connection.sendall(b"heard " + chunks_heard)
        for chunk in chunks:
            connection.sendall(chunk)
            stop.wait(pause)
        stop.wait(30)

    return behaviour


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("good"))


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def names(reading: Reading) -> set[str]:
    return {metric.name for metric in reading.metrics}


def test_an_open_port_is_healthy() -> None:
    with hostile.hostile_server(hostile.silent, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port))
    assert (reading.status, reading.error) == ("healthy", None)
    assert names(reading) == {"connect_seconds"}
    assert reading.response_time is not None
    (connect,) = (metric.value for metric in reading.metrics)
    assert 0 < connect <= reading.response_time < 3 + SLACK


def test_a_closed_port_is_refused_in_plain_words(free_port: int) -> None:
    reading = probe(tcp.Settings("127.0.0.1", free_port))
    assert (reading.status, reading.response_time) == ("error", None)
    assert reading.error == f"no connection to 127.0.0.1:{free_port}: connection refused"


def test_every_address_of_a_name_is_tried() -> None:
    """`localhost` has two addresses on most hosts, of which the server has one."""
    with hostile.hostile_server(hostile.silent, read_request=False) as server:
        assert probe(tcp.Settings("localhost", server.port)).status == "healthy"


def test_a_dead_address_does_not_hold_up_a_good_one() -> None:
    with full_listener() as dead, hostile.hostile_server(hostile.silent, read_request=False) as server:
        started = time.monotonic()
        refused: list[str] = []
        good = (socket.AF_INET, ("127.0.0.1", server.port))
        link = dial._race([(socket.AF_INET, dead), good], started + 20, refused)
        assert link is not None
        with link:
            assert link.getpeername()[1] == server.port
        assert time.monotonic() - started < SLACK


def full_listener() -> "FullListener":
    return FullListener()


class FullListener:
    """A port whose queue is full: further connection attempts hang, as at a host that drops packets."""

    def __enter__(self) -> tuple[str, int]:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        address: tuple[str, int] = self._listener.getsockname()
        self._queued = []
        for _ in range(8):
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(address)
            self._queued.append(link)
        time.sleep(0.1)
        return address

    def __exit__(self, *_: object) -> None:
        for link in [*self._queued, self._listener]:
            link.close()


def test_a_host_that_drops_packets_ends_at_the_deadline() -> None:
    with full_listener() as (host, port):
        reading = probe(tcp.Settings(host, port), timeout=0.5)
    assert (reading.status, reading.error) == ("error", f"no connection to {host}:{port} within 0.5 s")


def test_a_name_that_does_not_exist() -> None:
    reading = probe(tcp.Settings("no-such-host.invalid", 80), timeout=4)
    assert reading.status == "error"
    assert reading.error is not None
    assert reading.error.startswith("cannot find host no-such-host.invalid: ")
    assert tcp.probe(tcp.Settings("a" * 70 + ".invalid", 80), context()).status == "error"


def test_families_take_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    assert dial.in_turn([(six, 1), (six, 2), (six, 1), (four, 3)]) == [(six, 1), (four, 3), (six, 2)]


@pytest.mark.parametrize(
    "behaviour",
    [says(b"220 mail ready\r\n"), says(b"220 m", b"ail ready", pause=0.1), says(b"mail" * 300), says(b"mail?")],
)
def test_the_expected_banner(behaviour: hostile.Behaviour) -> None:
    with hostile.hostile_server(behaviour, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, banner="mail"), timeout=30)
    assert (reading.status, reading.error) == ("healthy", None)
    assert reading.response_time is not None and reading.response_time < 15, "nothing more is waited for"


def test_what_is_sent_arrives() -> None:
    with hostile.hostile_server(says(hear_first=True), read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, send="PING\r\n", banner="heard PING\r\n"))
    assert reading.status == "healthy"


@pytest.mark.whole
def test_another_banner_is_unhealthy_soon() -> None:
    with hostile.hostile_server(says(b"SSH-2.0-\x1b[2Jodd\r\n"), read_request=False) as server:
        started = time.monotonic()
        reading = probe(tcp.Settings("127.0.0.1", server.port, banner="220"), timeout=30)
        assert time.monotonic() - started < 15
    assert reading.status == "unhealthy"
    assert reading.error == r"answered 'SSH-2.0-\x1b[2Jodd\r\n', expected '220'"
    assert reading.response_time is not None and 0 < reading.response_time < 15, "it did answer"


@pytest.mark.whole
def test_a_redis_that_takes_no_data_says_why(tmp_path: Path) -> None:
    """A restart mends neither: a full one loads all of it again."""
    with redis.running(tmp_path, "--maxmemory", "1", password="of this test") as server:
        login, write = "AUTH of-another\r\n", "SET heartbeat 1\r\n"
        inside = 'AUTH "of this test"\r\nSET heartbeat 1\r\n'
        for send, banner, category, said in (
            (write, "+OK", "credentials", "-NOAUTH"),
            (login, "+OK", "credentials", "-WRONGPASS"),
            (inside, "+OK\r\n+OK", None, "-OOM"),  # the first line is that of the login
        ):
            reading = probe(tcp.Settings("127.0.0.1", server.port, send=send, banner=banner))
            assert (reading.status, reading.category) == ("unhealthy", category)
            assert reading.error is not None and said in reading.error
    with redis.running(tmp_path, "--maxmemory", "1") as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, send=write, banner="+OK"))
        assert (reading.status, reading.category) == ("unhealthy", "resource")
        ping = tcp.Settings("127.0.0.1", server.port, send="PING\r\n", banner="+PONG")
        assert probe(ping).status == "healthy"


def test_silence_where_a_banner_is_expected() -> None:
    with hostile.hostile_server(hostile.silent, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, banner="220"), timeout=0.5)
    assert (reading.status, reading.error) == ("error", "connected, but said nothing, expected '220'")
    assert reading.response_time is None, "the time of an answer that never came is no figure"


def test_a_reset_is_an_error() -> None:
    with hostile.hostile_server(hostile.resets_at_once, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, banner="220"))
    assert reading.status == "error"
    assert "connection reset by peer" in (reading.error or "")


@pytest.mark.whole
def test_a_drip_cannot_stretch_the_deadline() -> None:
    with hostile.hostile_server(hostile.drips_headers, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, banner="220"), timeout=1)
    assert reading.status == "unhealthy"


def test_a_flood_is_read_no_further_than_the_banner_may_stand() -> None:
    with hostile.hostile_server(hostile.endless_body, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, banner="220"), timeout=20)
    assert reading.status == "unhealthy"


def test_a_good_certificate(pair: Certificate) -> None:
    with healthy_server(certificate=pair) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, tls=True, ca_file=str(pair.cert)))
        stranger = probe(tcp.Settings("127.0.0.1", server.port, tls=True))
        careless = probe(tcp.Settings("127.0.0.1", server.port, tls=True, verify_tls=False))
        other = probe(tcp.Settings("127.0.0.1", server.port, tls=True, ca_file=str(pair.cert), server_name="a.example"))
    assert (reading.status, reading.error) == ("healthy", None)
    figures = {m.name: m.value for m in reading.metrics}
    assert 89 < figures["certificate_expires_in_seconds"] / 86_400 <= 90
    assert reading.response_time is not None
    assert 0 < figures["tls_seconds"] < figures["tls_seconds"] + figures["connect_seconds"] <= reading.response_time
    assert (stranger.status, stranger.error) == (
        "unhealthy",
        "certificate not accepted: self-signed certificate",
    )
    assert (careless.status, names(careless)) == ("healthy", {"connect_seconds", "tls_seconds"})
    assert other.status == "unhealthy"
    assert "a.example" in (other.error or "")


def test_a_certificate_that_ends_soon_is_degraded_and_one_that_has_ended_unhealthy(tmp_path: Path) -> None:
    for days, status, words in (
        (5, "degraded", r"TLS certificate expires on 20\d\d-\d\d-\d\dT[\d:]{8}\+00:00, in 5 d"),
        (-1, "unhealthy", r"TLS certificate of 127\.0\.0\.1 expired on 20\d\d-\d\d-\d\dT[\d:]{8}\+00:00"),
    ):
        folder = tmp_path / str(days)
        folder.mkdir()
        made = certificate(folder, days=days)
        settings = tcp.Settings("127.0.0.1", 1, tls=True, ca_file=str(made.cert))
        with healthy_server(certificate=made) as server:
            reading = probe(settings._replace(port=server.port))
            unwatched = probe(settings._replace(port=server.port, certificate_warn_days=0))
        assert reading.status == status
        assert re.fullmatch(words, reading.error or "") and reading.category == "certificate"
        assert unwatched.status == ("healthy" if days > 0 else "unhealthy")


def test_the_end_of_a_certificate_is_read_from_itself(tmp_path: Path) -> None:
    for days in (30, 365.25 * 40):  # until 2049 with two digits of the year, then with four
        folder = tmp_path / str(days)
        folder.mkdir()
        der = ssl.PEM_cert_to_DER_cert(certificate(folder, days=days).cert.read_text())
        assert _tls_end.not_after(der) == pytest.approx(time.time() + days * 86_400, abs=600)
        assert [_tls_end.not_after(der[:cut]) for cut in range(len(der))] == [None] * len(der)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"\x30\x50\x30\x4e" + rest))
def test_what_is_no_certificate_has_no_end(der: bytes) -> None:
    assert _tls_end.not_after(der) is None


@pytest.mark.whole
def test_a_peer_that_speaks_no_tls_or_nothing_at_all() -> None:
    with hostile.hostile_server(says(b"220 plain mail\r\n"), read_request=False) as server:
        plain = probe(tcp.Settings("127.0.0.1", server.port, tls=True))
    with hostile.hostile_server(says(), read_request=False) as server:
        silent = probe(tcp.Settings("127.0.0.1", server.port, tls=True), timeout=0.5)
    drip = says(b"\x16\x03\x03\x3f\xff", *[b"\0"] * 100, pause=0.1)
    with hostile.hostile_server(drip, read_request=False) as server:
        dripping = probe(tcp.Settings("127.0.0.1", server.port, tls=True), timeout=0.5)
    with hostile.hostile_server(hostile.closes_at_once, read_request=False) as server:
        closed = probe(tcp.Settings("127.0.0.1", server.port, tls=True))
    assert (plain.status, silent.status, closed.status) == ("error", "error", "error")
    assert (plain.error or "").startswith("connected, but no TLS: ")
    assert dripping.error == silent.error
    assert silent.error == "connected, but no TLS handshake within 0.5 s"
    assert (closed.error or "").startswith("connected, but no TLS: ")
    assert plain.error != closed.error, "who speaks something else has not hung up"


# Messages that OpenSSL skips within one call, which no timeout of the socket ends: empty requests for a handshake.
HELLO_REQUESTS = b"\x16\x03\x03" + (16_384).to_bytes(2, "big") + b"\0\0\0\0" * 4_096


def floods(connection: socket.socket, stop: threading.Event) -> None:
    connection.recv(4096)
    while not stop.is_set():
        connection.sendall(HELLO_REQUESTS)


def test_a_server_that_floods_the_handshake_is_cut_off() -> None:
    with hostile.hostile_server(floods, read_request=False) as server:
        settings = tcp.Settings("127.0.0.1", server.port, tls=True)
        begun = time.process_time()
        reading = tcp.probe(settings, context(timeout=600))
        expires = _tls_end.seen("127.0.0.1", server.port, "127.0.0.1", 600)
    assert (reading.status, reading.error) == ("error", "connected, but no TLS: it sent more than 262,144 bytes")
    assert expires is None
    assert time.process_time() - begun < 30


def test_a_server_that_resets_the_handshake() -> None:
    def resets(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(1)
        hostile.resets_at_once(connection, stop)

    with hostile.hostile_server(resets, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, tls=True))
    assert (reading.status, reading.error) == ("error", "connected, but no TLS: connection reset by peer")


def test_what_is_sent_over_tls_arrives_whole(pair: Certificate) -> None:
    """Also in several records, and the answer in several, with the end of the connection behind it."""
    sent = "x" * 100_000

    def echo(connection: socket.socket, stop: threading.Event) -> None:
        with pair.context().wrap_socket(connection, server_side=True) as secured:
            heard = 0
            while heard < len(sent):
                heard += len(secured.recv(65_536))
            for piece in (b"heard ", str(heard).encode(), b" bytes"):
                secured.sendall(piece)

    with hostile.hostile_server(echo, read_request=False) as server:
        settings = tcp.Settings("127.0.0.1", server.port, tls=True, verify_tls=False, send=sent)
        full, less = (probe(settings._replace(banner=one)) for one in ("heard 100000 bytes", "heard 1 byte"))
    assert (full.status, full.error) == ("healthy", None)
    assert (less.status, less.error) == ("unhealthy", "answered 'heard 100000 bytes', expected 'heard 1 byte'")


def test_a_banner_inside_tls(pair: Certificate) -> None:
    def greet(connection: socket.socket, stop: threading.Event) -> None:
        with pair.context().wrap_socket(connection, server_side=True) as secured:
            secured.sendall(b"* OK IMAP ready\r\n")
            stop.wait(5)

    with hostile.hostile_server(greet, read_request=False) as server:
        reading = probe(tcp.Settings("127.0.0.1", server.port, tls=True, verify_tls=False, banner="IMAP"))
    assert (reading.status, reading.error) == ("healthy", None)


def test_a_missing_ca_file_is_our_own_trouble(pair: Certificate) -> None:
    with (
        healthy_server(certificate=pair) as server,
        pytest.raises(Unobservable, match=r"cannot use ca_file /no/such\.pem"),
    ):
        tcp.probe(tcp.Settings("127.0.0.1", server.port, tls=True, ca_file="/no/such.pem"), context())


def test_no_connection_is_left_open() -> None:
    closed = threading.Event()

    def waits(connection: socket.socket, stop: threading.Event) -> None:
        connection.settimeout(SLACK)
        if connection.recv(10) == b"":
            closed.set()

    with hostile.hostile_server(waits, read_request=False) as server:
        probe(tcp.Settings("127.0.0.1", server.port))
        assert closed.wait(SLACK)


def test_problems_name_key_and_expectation() -> None:
    assert [tcp.problems(tcp.Settings("localhost", port)) for port in (1, 25, 65_535)] == [[]] * 3
    assert [key for port in (0, 65_536) for key, _ in tcp.problems(tcp.Settings("localhost", port))] == ["port"] * 2
    banners = {"x": [], "x" * 1024: [], "ü" * 512: [], "": ["banner"], "x" * 1025: ["banner"], "ü" * 513: ["banner"]}
    for banner, expected in banners.items():
        assert [key for key, _ in tcp.problems(tcp.Settings("localhost", 25, banner=banner))] == expected
    keys = [key for key, _ in tcp.problems(tcp.Settings(" ", 70_000, server_name="x", banner=""))]
    assert keys == ["host", "port", "tls", "banner"]
