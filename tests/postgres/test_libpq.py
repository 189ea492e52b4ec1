"""The deadline holds against every way a server can keep a caller waiting; failures are named rightly."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.postgres import libpq
from tests.parts import lacking
from tests.parts.growth import growth
from tests.parts.postgres import Server, account, execute, free_port
from tests.parts.postgres_impostor import impostor, refusal

SLACK = 3.0
SECRET = "s3cret-w0rd"
NOWHERE = "nohost.example.invalid"  # RFC 6761: it never resolves


@pytest.fixture(scope="module")
def scram() -> Iterator[Server]:
    """A server of our own that asks for passwords."""
    with Server(auth="scram-sha-256") as server:
        server.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'")
        yield server


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def trouble(dsn: str, seconds: float = 5.0) -> libpq.Trouble:
    begun = time.monotonic()
    with pytest.raises(libpq.Trouble) as caught, libpq.connect(dsn, deadline=begun + seconds):
        pass
    assert time.monotonic() - begun < seconds + SLACK
    return caught.value


def test_rows_of_a_query(database: str) -> None:
    with libpq.connect(database, deadline=within(5)) as session:
        assert session.rows("SELECT 1, 'a%'", deadline=within(5)) == [(1, "a%")]
        assert session.rows("SELECT %s::int", (7,), deadline=within(5)) == [(7,)]


def test_a_server_that_accepts_and_hangs_is_left_at_the_deadline() -> None:
    with impostor() as port:
        found = trouble(f"host=127.0.0.1 port={port}", 0.5)
    assert (found.kind, found.text) == ("timeout", f"127.0.0.1:{port} did not answer within 0.5 s")


def test_a_slow_drip_does_not_stretch_the_deadline() -> None:
    with impostor(b"E" + (20_000).to_bytes(4, "big"), drip=0.02) as port:
        assert trouble(f"host=127.0.0.1 port={port} sslmode=disable", 0.5).kind == "timeout"


def test_something_that_is_no_postgresql() -> None:
    with impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert trouble(f"host=127.0.0.1 port={port} sslmode=disable").kind == "connect"


def test_a_server_that_stops_between_login_and_query_is_left_at_the_deadline(scram: Server) -> None:
    with libpq.connect(scram.admin_dsn(), deadline=within(5)) as session:
        scram.pause()
        try:
            begun = time.monotonic()
            with pytest.raises(libpq.Trouble) as caught:
                session.rows("SELECT 1", deadline=begun + 0.4)
            assert time.monotonic() - begun < 0.4 + SLACK
        finally:
            scram.resume()
    assert caught.value.kind == "timeout"
    assert "took longer than 0.4 s for a query" in caught.value.text


def test_nobody_listens() -> None:
    port = free_port()
    found = trouble(f"host=127.0.0.1 port={port}")
    assert (found.kind, found.text) == ("connect", f"no connection to 127.0.0.1:{port}: Connection refused")


def test_no_such_socket(tmp_path: object) -> None:
    found = trouble(f"host={tmp_path}")
    assert found.kind == "connect"
    assert found.text == "no connection to the local PostgreSQL socket: No such file or directory"


def test_a_server_killed_under_a_query() -> None:
    with Server() as server, libpq.connect(server.dsn(), deadline=within(5)) as session:
        server.kill()
        with pytest.raises(libpq.Trouble) as caught:
            session.rows("SELECT 1", deadline=within(5))
    assert caught.value.kind == "connect"
    assert caught.value.text.startswith(f"the connection to 127.0.0.1:{server.port} broke: ")


def test_a_name_that_does_not_resolve() -> None:
    found = trouble(f"host={NOWHERE}")
    assert found.kind == "connect"
    assert found.text.startswith(f'no connection to {NOWHERE}:5432: could not translate host name "{NOWHERE}"')


@pytest.mark.parametrize("other", ["hangs", "is gone", "does not resolve"])
def test_a_second_host_is_reached_when_the_first(other: str, database: str) -> None:
    real = libpq._parsed(database)
    with impostor() as hanging:
        name = NOWHERE if other == "does not resolve" else "127.0.0.1"
        first = hanging if other == "hangs" else free_port()
        hosts = f"host={name},{real['host']} port={first},{real.get('port', '5432')}"
        login = f"user={real['user']} dbname={real['dbname']} password='{real.get('password', '')}'"
        with libpq.connect(f"{hosts} {login}", deadline=within(1)) as session:
            assert session.rows("SELECT current_database()", deadline=within(5)) == [(real["dbname"],)]


def test_every_host_that_failed_is_named() -> None:
    one, two = free_port(), free_port()
    text = trouble(f"host=127.0.0.1,localhost port={one},{two}").text
    assert f"no connection to 127.0.0.1:{one}: Connection refused; no connection to localhost:{two}" in text


def test_of_several_sockets_each_is_named(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    said = trouble(f"host={one},{two} port=5432,5433").text
    assert said == (
        f"no connection to {one}/.s.PGSQL.5432: No such file or directory; "
        f"no connection to {two}/.s.PGSQL.5433: No such file or directory"
    )


def test_no_password_in_what_is_said_of_several_hosts() -> None:
    one, two = free_port(), free_port()
    found = trouble(f"postgresql://app:{SECRET}@127.0.0.1:{one},127.0.0.1:{two}/db?target_session_attrs=read-write")
    assert SECRET not in found.text
    assert len(found.text.splitlines()) == 1


@pytest.mark.whole
def test_each_of_three_that_hang_has_its_share_whatever_connect_timeout_says(database: str) -> None:
    real = libpq._parsed(database)
    with impostor() as one, impostor() as two:
        hosts = f"host=127.0.0.1,127.0.0.1,{real['host']} port={one},{two},{real.get('port', '5432')}"
        login = f"user={real['user']} dbname={real['dbname']} password='{real.get('password', '')}' connect_timeout=30"
        with libpq.connect(f"{hosts} {login}", deadline=within(3)) as session:
            assert session.rows("SELECT current_database()", deadline=within(5)) == [(real["dbname"],)]


@pytest.mark.whole
def test_who_wants_to_write_is_not_sent_to_a_standby(scram: Server) -> None:
    """Of several hosts; a DSN that says something else is obeyed, and one host is taken as it is."""
    standby = scram.standby()
    try:
        several = f"host={standby.home},{scram.home} port={standby.port},{scram.port} user=postgres dbname=postgres"
        asked = "SELECT pg_is_in_recovery()"
        for dsn, writes, is_standby in (
            (several, True, False),
            (several, False, True),
            (f"{several} target_session_attrs=any", True, True),
            (standby.admin_dsn(), True, True),
        ):
            with libpq.connect(dsn, deadline=within(10), writes=writes) as session:
                assert session.rows(asked, deadline=within(5)) == [(is_standby,)]
    finally:
        standby.destroy()


def test_the_wanted_kind_of_server_is_still_asked_for(scram: Server) -> None:
    dsn = scram.dsn(user="app", password=SECRET)
    twice = dsn.replace(f"127.0.0.1:{scram.port}", f"127.0.0.1:{scram.port},127.0.0.1:{scram.port}")
    assert twice.count(str(scram.port)) == 2
    assert trouble(twice + "&target_session_attrs=standby").kind == "connect"
    with libpq.connect(twice + "&target_session_attrs=prefer-standby", deadline=within(5)) as session:
        assert session.rows("SELECT pg_is_in_recovery()", deadline=within(5)) == [(False,)]


@pytest.mark.parametrize(
    ("user", "password", "dbname", "said"),
    [
        ("app", "wrong-" + SECRET, "postgres", 'password authentication failed for user "app"'),
        ("app", "", "postgres", "no password supplied"),
        ("app", SECRET, "nowhere", 'database "nowhere" does not exist'),
    ],
)
def test_a_login_that_is_not_let_in(scram: Server, user: str, password: str, dbname: str, said: str) -> None:
    found = trouble(scram.dsn(user=user, password=password, dbname=dbname))
    assert found.kind == "login"
    assert said in found.text
    assert SECRET not in found.text


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://app:{SECRET}@tail@127.0.0.1/db",
        f"postgresql://app:12/{SECRET}@127.0.0.1/db",
        f"postgresql://app:{SECRET}/x@127.0.0.1/db",
        f"postgresql://app:{SECRET}/@127.0.0.1/db",
        "service=nowhere",
        f"host=127.0.0.1 {SECRET}",
        "nonsense",
    ],
)
def test_a_misread_dsn_is_never_echoed(dsn: str) -> None:
    found = trouble(dsn)
    assert found.kind == "login"
    assert not any(part in found.text for part in (SECRET, "tail", "nonsense"))


def test_a_port_that_is_none_is_not_taken_for_a_bad_password() -> None:
    found = trouble("postgresql://u@127.0.0.1,127.0.0.1:x/db")
    assert (found.kind, found.text) == ("login", f"the dsn cannot be read: {libpq.PORTS}")


def test_a_server_that_echoes_the_password_does_not_get_it_into_the_text() -> None:
    with impostor(refusal("XX000", "FATAL", f"you said {SECRET}")) as port:
        found = trouble(f"postgresql://app:{SECRET}@127.0.0.1:{port}/db?sslmode=disable")
    assert (found.kind, found.text) == ("answered", f"127.0.0.1:{port} takes no connection: you said •••")


@pytest.mark.parametrize("source", ["dsn", "variable", "pgpass"])
@pytest.mark.parametrize("form", [SECRET, "".join(f"%{ord(sign):02x}" for sign in SECRET), SECRET.encode().hex()])
def test_nor_in_another_encoding_nor_one_that_libpq_found_by_itself(
    source: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pgpass").write_text(f"127.0.0.1:*:*:app:{SECRET}\n")
    (tmp_path / "pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass") if source == "pgpass" else "/nonexistent")
    monkeypatch.setenv("PGPASSWORD", SECRET) if source == "variable" else monkeypatch.delenv("PGPASSWORD", False)
    given = f":{SECRET}" if source == "dsn" else ""
    with impostor(refusal("XX000", "FATAL", f"you said {form}")) as port:
        found = trouble(f"postgresql://app{given}@127.0.0.1:{port}/db?sslmode=disable")
    assert found.text == f"127.0.0.1:{port} takes no connection: you said •••"


@pytest.mark.parametrize(
    ("code", "severity", "message", "kind"),
    [
        ("57P03", "FATAL", "the database system is starting up", "answered"),
        ("53300", "FATAL", "sorry, too many clients already", "answered"),
        ("53300", "FATAL", 'too many connections for database "authentik"', "answered"),
        ("53300", "致命错误", "对不起, 已经有太多的客户", "answered"),
        ("28P01", "致命错误", '用户 "app" Password 认证失败', "login"),
        ("28P01", "FATAL", "Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", "login"),
        ("28P01", "ВАЖНО", 'пользователь "app" не прошёл проверку подлинности (по паролю)', "login"),
        ("3D000", "FATAL", "la base de données « app » n'existe pas", "login"),
    ],
)
def test_what_a_refusal_means_in_any_language(code: str, severity: str, message: str, kind: str) -> None:
    with impostor(refusal(code, severity, message)) as port:
        found = trouble(f"postgresql://app@127.0.0.1:{port}/db?sslmode=disable")
    assert found.kind == kind
    assert found.text.endswith(message)


ATTEMPT = 'connection to server at "db", port 5432 '


@pytest.mark.parametrize(
    "piece", [ATTEMPT, ATTEMPT + "failed: no\n", "«", "FATAL:  ", "FATAL:  \n\t"], ids=lambda text: text[:30].strip()
)
def test_a_refusal_is_read_in_as_long_as_it_is(piece: str) -> None:
    """A server may send tens of kB of anything in place of a refusal; that must not eat up the other checks' time."""
    assert growth(lambda message: libpq._refusal(message, "db:5432"), lambda n: piece * n, 150) < 24


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"{ATTEMPT}failed: {ATTEMPT}failed: Connection refused\n", "Connection refused"),
        (f'{ATTEMPT}connection to server on socket "/run/x" failed: No such file\n', "No such file"),
        (f"{ATTEMPT}\nfailed: x", f"{ATTEMPT}failed: x"),
        (f"{ATTEMPT}failed: \n", "no reason given"),
        ("", "no reason given"),
    ],
)
def test_the_last_attempt_is_what_is_said(message: str, said: str) -> None:
    assert libpq._last_words(message)[0].removeprefix(ATTEMPT) == said.removeprefix(ATTEMPT)


@pytest.mark.whole
def test_the_server_itself_gives_up_shortly_before_the_deadline(database: str) -> None:
    with libpq.connect(database, deadline=within(5)) as session:
        with pytest.raises(libpq.Trouble) as caught:
            session.bounded_rows("SELECT pg_sleep(30)", deadline=within(3))
        assert (caught.value.kind, caught.value.code) == ("answered", "57014")
        assert session.rows("SHOW statement_timeout", deadline=within(5)) == [("0",)]


def test_bounded_rows_cannot_write(database: str) -> None:
    execute(database, "CREATE TABLE kept (n int)")
    with libpq.connect(database, deadline=within(5)) as session:
        with pytest.raises(libpq.Trouble) as caught:
            session.bounded_rows("INSERT INTO public.kept VALUES (1) RETURNING n", deadline=within(5))
        assert caught.value.code == "25006"


def test_the_session_is_recognisable(database: str) -> None:
    with libpq.connect(database, deadline=within(5)) as session:
        assert session.rows("SHOW application_name", deadline=within(5)) == [("heartbeat",)]


_LIGHT = """
import sys, time
from heartbeat_cli.postgres import libpq
from heartbeat_cli.postgres.driver import driver
driver()
assert not {"ssl", "_ssl"} & set(sys.modules), "ssl was imported"
import ssl
ssl.create_default_context()
if sys.argv[1:]:
    with libpq.connect(sys.argv[1], deadline=time.monotonic() + 10) as session:
        sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert session.rows(sql, deadline=time.monotonic() + 10) == [(True,)]
"""


def light(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", _LIGHT, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30)


def test_the_driver_is_loaded_without_ssl() -> None:
    assert light().stderr == ""


@pytest.mark.whole
def test_tls_works_with_the_driver_loaded_so() -> None:
    if shutil.which("openssl") is None:
        lacking("no openssl program to make a certificate with")
    with Server() as server:
        key, certificate = server.data / "server.key", server.data / "server.crt"
        subprocess.run(
            f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout {key} -out {certificate}".split(),
            check=True,
            capture_output=True,
        )
        for file in (key, certificate):
            file.chmod(0o600)
            if owner := account():
                shutil.chown(file, owner)
        server.stop()
        server.configure(ssl="on")
        server.start()
        assert light(server.dsn().replace("sslmode=disable", "sslmode=require")).stderr == ""
        found = trouble(server.dsn().replace("sslmode=disable", "sslmode=verify-full&sslrootcert=system"))
        assert found.kind == "login"
