"""Another user of this host who listens on a loopback port in place of PostgreSQL or Redis gets no password."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from heartbeat_cli.postgres.driver import driver
from heartbeat_cli.postgres.guarded import BoundedConnection, Stranger
from tests.parts import redis
from tests.parts.false_postgres import fake, heard
from tests.parts.http import certificate
from tests.parts.postgres import Server as Postgres
from tests.parts.postgres import free_port
from tests.parts.verb import Ended, heartbeat

PASSWORD = "s3cr3t-of-root"
WHO = "runs as nobody, and everybody may listen there"
TO_DO = "if it is meant, add requirepeer=USER to the dsn"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def own_address() -> Iterator[str]:
    """Another address of this host than loopback: packets to it stay in this host all the same."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # sends nothing
            yield asked.getsockname()[0]
        except OSError:
            yield "127.0.0.2"


def device_of(address: str) -> str:
    """The device that has it: packets from this host to this host come from there, as sockets see it."""
    return next(name for name, all_ in psutil.net_if_addrs().items() if any(one.address == address for one in all_))


def dsn(port: int, host: str = "127.0.0.1", more: str = "") -> str:
    return f"postgresql://hb:{PASSWORD}@{host}:{port}/x?{more}"


def check(home: Path, where: str, dsn: str, **variables: str) -> Ended:
    """One check with that DSN in a component, or in the store."""
    store = f'store = "{dsn}"\nstore_timeout = 2\n' if where == "store" else ""
    component = f'kind = "database"\ndsn = "{dsn}"\n' if where == "component" else 'kind = "push"\nperiod = 60\n'
    text = f'[heartbeat]\nstate_dir = "{home}/state"\n{store}[components.x]\n{component}'
    (home / "heartbeat.toml").write_text(text)
    return heartbeat(home, "check", "--all", "--format", "json", **variables)


@pytest.mark.parametrize("how", ["", "deferred", "device lo"])
@pytest.mark.parametrize("where", ["component", "store"])
def test_a_stranger_on_the_port_gets_no_password(home: Path, where: str, how: str) -> None:
    """Nor where he does not accept before the first bytes have come (until then the kernel names no user), or listens
    on a device (then the kernel finds no socket for who asks without one)."""
    port = free_port()
    with fake(str(port), "nobody", how) as server:
        done = check(home, where, dsn(port))
        assert "heard" not in heard(server)
    assert f"the server at port {port} {WHO}; {TO_DO}" in done.out + done.err, done


@pytest.mark.parametrize("how", ["", "device"])
@pytest.mark.parametrize("host", ["localhost", "[::1]", "own"])
def test_nor_at_any_other_address_of_this_host(home: Path, own_address: str, host: str, how: str) -> None:
    port = free_port()
    place = {"localhost": "127.0.0.1", "own": own_address, "[::1]": "::1"}[host]
    if how == "device":
        how = f"device {device_of(own_address) if host == 'own' else 'lo'}"
    with fake(f"{place}:{port}", "nobody", how) as server:
        done = check(home, "component", dsn(port, own_address if host == "own" else host))
        assert "heard" not in heard(server)
    assert WHO in done.out, done


@pytest.mark.parametrize("how", ["dsn", "number", "PGREQUIREPEER", "service"])
def test_one_that_is_meant_is_named(home: Path, how: str) -> None:
    """The server of a rootless container is the user's own. A user of a container alone has a number only."""
    port = free_port()
    more = {"dsn": "requirepeer=nobody", "number": "requirepeer=65534", "service": "service=mine"}.get(how, "")
    variables = {"PGREQUIREPEER": "nobody"} if how == "PGREQUIREPEER" else {}
    if how == "service":
        (home / "services").write_text("[mine]\nrequirepeer=nobody\n")
        variables = {"PGSERVICEFILE": f"{home}/services"}
    with fake(str(port), "nobody") as server:
        check(home, "component", dsn(port, more=more), **variables)
        assert PASSWORD in heard(server), "who says so is believed"


def test_nobody_but_the_one_who_is_named(home: Path) -> None:
    port = free_port()
    with fake(str(port), "postgres") as server:
        done = check(home, "component", dsn(port, more="requirepeer=daemon"))
        assert "heard" not in heard(server)
    assert f"the server at port {port} runs as postgres" in done.out
    with fake(str(port), "postgres") as server:
        check(home, "component", dsn(port))
        assert PASSWORD in heard(server)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_certificate_that_is_verified_proves_as_much(home: Path, mode: str) -> None:
    """Who has the key may run as anybody. Without verification everybody has a key that will do."""
    own, port = certificate(home), free_port()
    roots = f"&sslrootcert={own.cert}" if mode != "require" else ""
    with fake(str(port), "nobody", certificate=own) as server:
        done = check(home, "component", dsn(port, more=f"sslmode={mode}{roots}"))
        assert (PASSWORD in heard(server)) is (mode != "require"), done


def test_a_real_one_is_asked(home: Path) -> None:
    with Postgres(auth="password") as server:
        server.execute(f"ALTER ROLE postgres PASSWORD '{PASSWORD}'")
        done = check(home, "component", server.dsn(password=PASSWORD))
    assert '"status": "healthy"' in done.out, done


def test_who_is_a_stranger_only_once_he_has_answered_gets_no_password() -> None:
    """A connection that the kernel keeps in a SYN cookie has no socket, and so no user, until then."""
    port, asked = free_port(), list[object]()

    def check(link: object, connection: object) -> None:
        asked.append(link)
        if len(asked) > 1:
            raise Stranger("nobody")

    with fake(str(port), "nobody") as server:
        line = BoundedConnection(driver().connect(dsn(port), async_=True), check)
        with pytest.raises(Stranger):
            line.wait(time.monotonic() + 10, 10_000)
        line.close()
        assert "s3cr3t" not in heard(server)


def queue(home: Path, port: int, more: str = "") -> Ended:
    source = f'command = ["LLEN", "celery"], port = {port}, password = "{PASSWORD}"{more}'
    text = f'[heartbeat]\nstate_dir = "{home}/state"\n[components.x]\nkind = "progress"\n'
    (home / "heartbeat.toml").write_text(f"{text}waiting = {{ redis = {{ {source} }} }}\n")
    return heartbeat(home, "check", "--all", "--format", "json")


@pytest.mark.parametrize("how", ["", "deferred", "device lo"])
def test_a_stranger_on_the_port_of_redis_gets_no_password(home: Path, how: str) -> None:
    port = free_port()
    with fake(str(port), "nobody", how) as server:
        done = queue(home, port)
        assert "heard" not in heard(server)
    assert f"the server at port {port} {WHO}; if it is meant, name that user with requirepeer" in done.out, done


def test_a_redis_that_is_meant_is_named(home: Path) -> None:
    port = free_port()
    with fake(str(port), "nobody") as server:
        queue(home, port, ', requirepeer = "nobody"')
        said = heard(server)
    assert said.index("PING") < said.index("AUTH") < said.index(PASSWORD), "who has answered is judged once more"


def test_a_real_redis_is_asked(home: Path, tmp_path: Path) -> None:
    with redis.running(tmp_path, password=PASSWORD) as server:
        done = queue(home, server.port)
    assert '"status": "healthy"' in done.out, done


@pytest.mark.parametrize("how", ["dsn", "service"])
@pytest.mark.parametrize("where", ["component", "store"])
def test_no_key_is_a_library_to_load(home: Path, where: str, how: str) -> None:
    """libpq takes sslkey=WORD:KEY for an engine of OpenSSL, and loads WORD as code: a row of an inventory that is put
    into a DSN may say so, or a service file. (A variable is judged as a path.)"""
    library = home / "library"
    library.write_text("not one, as the loader would say")
    key = f"sslmode=require&sslcert={home}/cert.pem&sslkey={library}:x"
    (home / "services").write_text("[engine]\n" + key.replace("&", "\n") + "\n")
    port = free_port()
    with fake(str(port), "root", certificate=certificate(home)):
        more = key if how == "dsn" else "service=engine"
        done = check(home, where, dsn(port, more=more), PGSERVICEFILE=str(home / "services"))
    assert "sslkey names a library, which would run as heartbeat does" in done.out + done.err, done
    assert "SSL engine" not in done.out + done.err
