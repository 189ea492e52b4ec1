"""A hostile PostgreSQL that sends without an end fills neither the memory nor the time of a pass."""

import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from heartbeat_cli.postgres import libpq
from heartbeat_cli.store.sql.database import DatabaseError, connect
from heartbeat_cli.store.standby import mirror
from tests.parts.dhe import CostlyDhe
from tests.parts.http import certificate
from tests.parts.measured import measured
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres_answers import Cell, answering
from tests.parts.postgres_floods import (
    FLOODS,
    Flood,
    chatting,
    flooding,
    rows,
    small_notices,
    small_notifications,
    small_parameters,
)
from tests.parts.postgres_impostor import laborious

SHORT = "?sslmode=disable&gssencmode=disable"
COMPONENT = """
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import database
reading = database.probe(database.Settings(sys.argv[1]), CheckContext("db", 15.0, time.time()))
said = [reading.status, reading.error]
"""
EVIDENCE = COMPONENT + "said.append(dict(reading.evidence))\n"
ACTION = """
from heartbeat_cli.actions import postgres
said = list(postgres.run(postgres.Settings(sys.argv[1], do="terminate_idle"), timeout=15.0))
"""
VERB = """
from heartbeat_cli import cli
said = cli.run(sys.argv[1:])
"""
ERRORS = """
import contextlib, io
from heartbeat_cli import cli
with contextlib.redirect_stderr(io.StringIO()) as errors:
    said = [cli.run(sys.argv[1:]), ""]
said[1] = errors.getvalue()
"""
ENDS = """
import atexit, os
atexit.register(lambda: (sys.stdout.flush(), os._exit(0)))  # as heartbeat does; what is still at work may use OpenSSL
"""
BESIDE = """
import threading
from heartbeat_cli.postgres import libpq
moments = []
def tick():
    while True:
        moments.append(time.monotonic())
        time.sleep(0.05)
threading.Thread(target=tick, daemon=True).start()
try:
    libpq.connect(sys.argv[1], deadline=time.monotonic() + 2)
except libpq.Trouble as trouble:
    said = [trouble.kind, max(later - one for one, later in zip(moments, moments[1:]))]
"""
AWAKE = """
import os, socket, threading
from heartbeat_cli.postgres import libpq
other = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
other.sendall(b"%d" % os.getpid())
def echo():
    while sign := other.recv(1):
        other.sendall(sign)
threading.Thread(target=echo, daemon=True).start()
try:
    libpq.connect(sys.argv[1], deadline=time.monotonic() + 30)
except libpq.Trouble as trouble:
    said = trouble.kind
"""
MOST_HASHES = 2_147_483_647  # three quarters of an hour
ROOM = 150  # MB, of which Python and what it imports are about 40


@pytest.mark.parametrize("before", [False, True], ids=["after login", "before login"])
@pytest.mark.parametrize("flood", FLOODS)
def test_as_a_component(flood: Flood, before: bool) -> None:
    with flooding(flood, before_login=before) as port:
        found = measured(COMPONENT, f"postgresql://app@127.0.0.1:{port}/db{SHORT}")
    assert found.peak < ROOM, found
    assert found.took < 14, found
    if before and found.said[0] == "error":  # libpq itself wants no row before its time
        assert "during startup" in found.said[1]
        return
    words = f"127.0.0.1:{port} sent more than "
    words += "262,144 bytes before it let anybody in" if before else "1,048,576 bytes for one query"
    assert found.said == ["unhealthy", words]


def test_over_a_unix_socket(tmp_path: Path) -> None:
    with flooding(rows, path=f"{tmp_path}/.s.PGSQL.5432"):
        found = measured(COMPONENT, f"postgresql://app@/db?host={tmp_path}")
    assert found.peak < ROOM
    assert "sent more than 1,048,576 bytes for one query" in found.said[1]


@pytest.mark.parametrize("before", [False, True], ids=["after login", "before login"])
def test_as_a_step_of_recovery(before: bool) -> None:
    with flooding(rows, before_login=before) as port:
        found = measured(ACTION, f"postgresql://app@127.0.0.1:{port}/db{SHORT}")
    assert found.peak < ROOM and found.took < 14
    assert found.said[0] == "failed"


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("verb", ["run", "status", "doctor"])
def test_as_the_store(flood: Flood, verb: str, tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    with flooding(flood) as port:
        store = f"postgresql://app@127.0.0.1:{port}/db{SHORT}"
        config.write_text(
            f'[heartbeat]\nstore = "{store}"\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
        )
        found = measured(VERB, "--config", config, verb)
    assert found.peak < ROOM + 100, found  # an honest answer may have 8 MB
    assert found.took < 30, found


@pytest.mark.postgres
@pytest.mark.parametrize("aside", [small_notices, small_notifications, small_parameters])
def test_asides_below_the_bound_of_a_query_add_up(aside: Callable[[int], bytes], postgres_server: str) -> None:
    """An honest server besides: every query gets its answer, and before it as much as one query may bring."""
    with chatting(int(urlsplit(postgres_server).port or 0), aside(8_000)) as port:
        address = f"postgresql://postgres@127.0.0.1:{port}/postgres{SHORT}"
        with libpq.connect(address, deadline=time.monotonic() + 30) as session, pytest.raises(libpq.Trouble) as told:
            for _ in range(10):
                session.execute("SET statement_timeout = 0", deadline=time.monotonic() + 30)
    what = "262,144 bytes besides rows" if aside is small_parameters else "10,000 notices and notifications"
    assert told.value.text == f"127.0.0.1:{port} sent more than {what}"


@pytest.mark.postgres
def test_some_asides_are_no_flood(postgres_server: str) -> None:
    """A server may be told to say everything that it does to its clients."""
    with chatting(int(urlsplit(postgres_server).port or 0), small_notices(20) + small_notifications(10)) as port:
        address = f"postgresql://postgres@127.0.0.1:{port}/postgres{SHORT}"
        with libpq.connect(address, deadline=time.monotonic() + 30) as session:
            for number in range(200):
                assert session.rows(f"SELECT {number}", deadline=time.monotonic() + 30) == [(number,)]


@pytest.mark.postgres
@pytest.mark.parametrize(
    "said",
    [small_notices(260_000), small_notifications(260_000), small_parameters(8_000)],
    ids=["notices", "notifications", "parameters"],
)
def test_asides_cost_the_store_and_no_time(said: bytes, database: str, tmp_path: Path) -> None:
    """Also where the tables are still to be made: a statement of that may take ten minutes."""
    config = tmp_path / "heartbeat.toml"
    parts = urlsplit(database)
    with chatting(int(parts.port or 0), said) as port:
        store = f"postgresql://postgres@127.0.0.1:{port}{parts.path}{SHORT}"
        config.write_text(
            f'[heartbeat]\nstore = "{store}"\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
        )
        found = measured(ERRORS, "--config", config, "run", timeout=120)
    assert found.said[0] == 0 and "127.0.0.1" in found.said[1] and "sent more than" in found.said[1], found
    assert found.peak < ROOM


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_a_password_to_be_hashed_for_an_hour_holds_nothing(encrypted: bool, tmp_path: Path) -> None:
    """libpq does it in one call, whatever the deadline, and no other thread may wait for it."""
    tls = None
    if encrypted:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made = certificate(tmp_path)
        tls.load_cert_chain(made.cert, made.key)
    with laborious(MOST_HASHES, tls) as port:
        address = f"postgresql://app:open-sesame@127.0.0.1:{port}/db?sslmode={'require' if encrypted else 'disable'}"
        found = measured(ENDS + BESIDE, address)
    kind, stood_still = found.said
    assert kind == "timeout" and found.took < 5 and stood_still < 1, found


@pytest.mark.parametrize("verb", ["run", "status"])
def test_nor_does_it_as_the_store(verb: str, tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    with laborious(MOST_HASHES) as port:
        store = f"postgresql://app:open-sesame@127.0.0.1:{port}/db?sslmode=disable"
        config.write_text(
            f'[heartbeat]\nstore = "{store}"\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n'
        )
        found = measured(ENDS + VERB, "--config", config, verb)
    assert found.took < 30, found


def test_some_more_hashing_is_no_fault() -> None:
    """A server may want more of it than PostgreSQL does by itself; here it then says no word."""
    with laborious(100_000) as port, pytest.raises(libpq.Trouble) as told:
        libpq.connect(f"postgresql://app:open-sesame@127.0.0.1:{port}/db", deadline=time.monotonic() + 20)
    assert told.value.kind == "connect", told.value.text


def _cpu(pid: int) -> int:
    """Of a process, in ticks of the system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _computes(pid: int) -> None:
    """Return once a process has taken a tenth of a second of CPU more."""
    enough, until = _cpu(pid) + os.sysconf("SC_CLK_TCK") // 10, time.monotonic() + 30
    while _cpu(pid) < enough and time.monotonic() < until:
        time.sleep(0.01)


def _echoes(thread: socket.socket, client: socket.socket, most: int) -> int:
    """How often the thread answers before libpq says the next word."""
    for number in range(most):
        thread.sendall(b"?")
        if client in select.select([thread, client], [], [], 30)[0]:
            return number
        thread.recv(1)
    return most


@pytest.mark.parametrize("password", ["", ":open-sesame"], ids=["no password", "password"])
def test_a_costly_handshake_lets_other_threads_run(password: str, tmp_path: Path) -> None:
    """While libpq computes its part of the key, a second of CPU, another thread of its process answers us."""
    tls, echoes = CostlyDhe.made(tmp_path).context(), list[int]()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as beside:

        def serve() -> None:
            thread, client = beside.accept()[0], listener.accept()[0]
            with thread, client:
                pid = int(thread.recv(20))
                client.recv(8)
                client.sendall(b"S")
                came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
                session = tls.wrap_bio(came, goes, server_side=True)
                came.write(client.recv(65_536))
                with suppress(ssl.SSLWantReadError):
                    session.do_handshake()
                client.sendall(goes.read())
                _computes(pid)
                echoes.append(_echoes(thread, client, 1_000))

        serving = threading.Thread(target=serve)
        serving.start()
        ports = [one.getsockname()[1] for one in (listener, beside)]
        measured(AWAKE, f"postgresql://app{password}@127.0.0.1:{ports[0]}/db?sslmode=require", ports[1])
        serving.join(30)
    assert echoes == [1_000]


_WITHOUT_END = b"1e1000000000"  # as a whole number it has a billion digits
_NUMERIC, _FLOAT, _TEXT, _BOOL, _INT = 1700, 701, 25, 16, 23
# The figures that `database` asks for, as an honest server has them; the twelfth is the sessions that wait long.
_FIGURES: tuple[Cell, ...] = (
    *((_TEXT, b"me"), (_BOOL, b"t"), (_FLOAT, b"1"), (_FLOAT, b"100"), (_FLOAT, b"1"), (_FLOAT, None), (_TEXT, None)),
    *((_FLOAT, b"1"), (_FLOAT, None), (_TEXT, None), (_FLOAT, b"1"), (_FLOAT, b"7"), (_FLOAT, b"5"), (_TEXT, None)),
    *((_FLOAT, None), (_FLOAT, b"1"), (_FLOAT, b"1"), (_FLOAT, b"1")),
)


def _with(number: Cell) -> Callable[[str], Sequence[Cell]]:
    """A server that has this one among its figures."""
    return lambda sql: (*_FIGURES[:11], number, *_FIGURES[12:]) if "counted" in sql else [(_INT, b"1")]


@pytest.mark.parametrize("number", [(_NUMERIC, _WITHOUT_END), (_NUMERIC, b"NaN"), (_FLOAT, b"Infinity")])
def test_a_figure_that_is_no_ordinary_number_costs_the_figures(number: Cell) -> None:
    """Whatever type the query casts to, the server says another. `measured` ends the process that would hang."""
    with answering(_with(number)) as port:
        found = measured(EVIDENCE, f"postgresql://app@127.0.0.1:{port}/db{SHORT}", timeout=30)
    words = f"127.0.0.1:{port} sent a value that cannot be read (ValueError)"
    assert found.said == ["healthy", None, {"figures missing": words}]


def test_a_figure_that_is_called_numeric_is_the_number_all_the_same() -> None:
    with answering(_with((_NUMERIC, b"7.0"))) as port:
        found = measured(COMPONENT, f"postgresql://app@127.0.0.1:{port}/db{SHORT}")
    assert found.said == ["degraded", "7 sessions wait for a lock longer than 1 min, the longest for 5 s"]


@pytest.mark.parametrize(
    "cells",
    [
        *([(_NUMERIC, text)] for text in (b"7", b"NaN", _WITHOUT_END, b"-" + _WITHOUT_END)),
        *([(_FLOAT, b"NaN")], [(_TEXT, b"12")], [(_INT, None)], [(_INT, b"9" * 1_000_000)], [(1016, b"{1,2}")]),
        [(_NUMERIC, _WITHOUT_END)] + [(_TEXT, None)] * 4 + [(1184, b"2030-01-01 00:00:00+00")],
        [(1184, b"9" * 1_000_000)],
    ],
)
def test_a_version_that_no_store_has_costs_the_store_and_no_pass(cells: Sequence[Cell], tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    with answering(lambda sql: cells) as port:
        store = f"postgresql://app@127.0.0.1:{port}/db{SHORT}"
        config.write_text(
            f'[heartbeat]\nstore = "{store}"\nstate_dir = "{tmp_path}/state"\nstore_timeout = 5\n'
            '[components.h]\nkind = "push"\nperiod = 60\n'
        )
        found = measured(ERRORS, "--config", config, "run", timeout=60)
    assert found.said[0] == 0 and "; going on with " in found.said[1], found
    assert found.said[1].count("\n") == 1 and len(found.said[1]) < 600, found


@pytest.mark.parametrize(
    ("oid", "text", "read"),
    [
        (_NUMERIC, b"12.5", 12.5),
        (1231, b"{1e1000000000}", "{1e1000000000}"),
        (114, b"[" * 500_000, "[" * 500_000),
        (3802, b"9" * 900_000, "9" * 900_000),
        (199, b'{"[[[["}', '{"[[[["}'),
        (1016, b"{" + b"1" * 5_000 + b",2}", "{" + "1" * 5_000 + ",2}"),
        (1007, b"{" * 500_000, "{" * 500_000),
        (3904, b"[1,2)", "[1,2)"),
        (1186, b"0:0:0." + b"0" * 31, "0:0:0." + "0" * 31),
        (20, b"9" * 19, 9_999_999_999_999_999_999),
        (20, None, None),
        (_NUMERIC, None, None),
    ],
)
def test_values_cost_no_more_than_their_bytes(oid: int, text: bytes | None, read: object) -> None:
    """Decimal, JSON, arrays, ranges and intervals are not made of what a server says, in no session."""
    with answering(lambda sql: [(oid, text)]) as port:
        address = f"postgresql://app@127.0.0.1:{port}/db{SHORT}"
        with libpq.connect(address, deadline=time.monotonic() + 30) as session:
            assert session.rows("SELECT 1", deadline=time.monotonic() + 30) == [(read,)]


@pytest.mark.parametrize(
    ("oid", "text"),
    [
        *((oid, b"9" * 1_000_000) for oid in (16, 20, 26, 1082, 1083, 1114, 1184, 1266)),
        *((_FLOAT, one) for one in (b"1" * 1_000_000, b"x", b"", b"inf")),
        *((1184, one) for one in (b"99999-01-01 00:00:00+00", b"2030-01-01 00:00:00+99:99", b"x" * 500_000)),
        (25, b"\xff"),
    ],
)
def test_values_that_cannot_be_read_are_one_short_line(oid: int, text: bytes) -> None:
    with answering(lambda sql: [(oid, text)]) as port:
        address = f"postgresql://app@127.0.0.1:{port}/db{SHORT}"
        with libpq.connect(address, deadline=time.monotonic() + 30) as session, pytest.raises(libpq.Trouble) as told:
            session.rows("SELECT 1", deadline=time.monotonic() + 30)
    assert told.value.kind == "answered" and len(told.value.text) < 100
    assert told.value.text.startswith((f"127.0.0.1:{port} sent a value that", f"127.0.0.1:{port} sent no utf-8 text"))


@pytest.mark.parametrize("text", [b"[" * 500_000, b"9" * 500_000, b"7", b"[7]", b"{}"])
def test_rows_in_json_that_hold_none_are_an_error_of_the_store(text: bytes) -> None:
    with answering(lambda sql: [(114, text)] * sql.count("json_agg") + [(_BOOL, b"t")]) as port:
        db = connect(f"postgresql://app@127.0.0.1:{port}/db{SHORT}", 20)
        with pytest.raises(DatabaseError, match="cannot be read"):
            mirror.snapshot(db, "here", 1.0)
        db.close()
