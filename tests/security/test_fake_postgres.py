"""Another user of this host who poses as PostgreSQL gets no password out of root's ~/.pgpass."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from heartbeat_cli.discovery import local
from tests.parts import lacking, scratch
from tests.parts.false_postgres import fake, heard
from tests.parts.measured import measured
from tests.parts.users import NOBODY, need_root
from tests.parts.verb import heartbeat

PASSWORD = "s3cr3t-of-root"


@contextmanager
def _speaks_tls() -> Iterator[int]:
    """A server that says yes to TLS, and nothing more: only then libpq reads its files. Its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    client.recv(8)
                    client.sendall(b"S")
                    kept.append(client)

        kept: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for client in kept:
            client.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    (path / ".pgpass").write_text(f"*:*:*:*:{PASSWORD}\n")
    (path / ".pgpass").chmod(0o600)
    return path


@pytest.fixture
def in_tmp() -> str:
    """A socket as PostgreSQL would have it, in the folder that everybody may write to."""
    return f"/tmp/.s.PGSQL.{50_000 + os.getpid() % 9_000}"


def check(home: Path) -> str:
    """Root's look at this host without a configuration."""
    return heartbeat(home, "check", "--dry-run", DOCKER_HOST="unix:///nonexistent").out


@pytest.mark.parametrize("user", ["nobody", "daemon"])
def test_a_strangers_socket_in_tmp_is_left_alone(home: Path, in_tmp: str, user: str) -> None:
    with fake(in_tmp, user) as server:
        check(home)
        heartbeat(home, "init", "--discover", "-o", f"{home}/found.toml", DOCKER_HOST="unix:///nonexistent")
        assert PASSWORD not in heard(server)


def test_that_of_postgres_is_asked_and_must_be_postgres(home: Path, in_tmp: str) -> None:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        lacking("a user postgres")
    with fake(in_tmp, "postgres") as server:
        found = [one.dsn for one in local.servers(2.0) if in_tmp.rpartition(".")[2] in one.dsn]
        check(home)
        assert PASSWORD in heard(server), "it is the one that the password is for"
    (dsn,) = found
    assert dsn.endswith("&requirepeer=postgres")
    with fake(in_tmp, "nobody") as server:  # which has come in its place since
        (home / "heartbeat.toml").write_text(f'[components.db]\nkind = "database"\ndsn = "{dsn}"\n')
        assert "requirepeer" in heartbeat(home, "check").out
        assert PASSWORD not in heard(server)


def test_a_strangers_socket_hides_no_server_on_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "localhost")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("PGPORT", str(port))
    with fake(f"127.0.0.1:{port}", "root"), fake(f"/tmp/.s.PGSQL.{port}", "nobody"):
        found = [one.dsn for one in local.servers(2.0)]
    assert f"postgresql://localhost:{port}/postgres" in found


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like /tmp in which PostgreSQL is looked for."""
    need_root()
    with tempfile.TemporaryDirectory(prefix="hb-", dir=scratch.root()) as folder:
        os.chmod(folder, 0o1777)
        monkeypatch.setenv("PGHOST", folder)
        monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
        yield Path(folder)


def test_sockets_of_strangers_hide_none(crowded: Path) -> None:
    with ExitStack() as stack:
        for port in (1, 2, 3, 4):
            stack.enter_context(fake(f"{crowded}/.s.PGSQL.{port}", "nobody"))
        stack.enter_context(fake(f"{crowded}/.s.PGSQL.50000", "root"))
        found = [one.dsn for one in local.servers(2.0)]
    assert any("&port=50000&" in one for one in found), found


_NAMES = r"""
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.chdir(sys.argv[1])
names = [f".s.PGSQL.{number:07d}\U0001f600".encode() + b"\xff" * 225 for number in range(150_000)]
for place, name in enumerate(names):
    if place % 10_000:
        os.link(first, name)
    else:
        os.close(os.open(first := name, os.O_CREAT))
"""


def test_a_folder_full_of_names_costs_the_search_no_memory_and_hides_no_usual_port(crowded: Path) -> None:
    """A second name costs next to nothing; Python takes four bytes for each sign of one of these."""
    subprocess.run([sys.executable, "-c", _NAMES, crowded], check=True, timeout=60)
    code = "from heartbeat_cli.discovery import local\nsaid = [one.dsn for one in local.servers(2.0)]"
    with fake(f"{crowded}/.s.PGSQL.5432", "root"):
        found = measured(code)
    assert any(f"host={quote(str(crowded), safe='')}&port=5432&" in one for one in found.said), found
    assert found.peak < 60, found


def test_a_link_to_a_strangers_socket_is_left_alone(home: Path, tmp_path: Path, in_tmp: str) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    with fake(f"{place}/s", "nobody") as server:
        os.symlink(f"{place}/s", in_tmp)
        try:
            check(home)
        finally:
            os.unlink(in_tmp)
        assert PASSWORD not in heard(server)


def test_nor_is_it_asked_where_the_configuration_names_the_folder(home: Path, in_tmp: str) -> None:
    port = in_tmp.rpartition(".")[2]
    text = '[components.db]\nkind = "database"\ndsn = "postgresql:///db?host=/tmp&port={}{}"\n'
    with fake(in_tmp, "nobody") as server:
        (home / "heartbeat.toml").write_text(text.format(port, ""))
        out = heartbeat(home, "check").out
        assert "the server at the socket in /tmp runs as nobody" in out
        (home / "heartbeat.toml").write_text(text.format(port, "&requirepeer=nobody"))
        heartbeat(home, "check", "--all")
        assert heard(server).count(PASSWORD) >= 1, "who says so is believed"


def test_a_stranger_on_the_port_is_left_alone(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with fake(str(port), "nobody") as server:
        heartbeat(home, "check", "--dry-run", PGPORT=str(port), PGHOST="localhost", DOCKER_HOST="unix:///nonexistent")
        assert PASSWORD not in heard(server)


@pytest.mark.parametrize("how", ["dsn", "PGHOST", "PGHOST of two", "service", "abstract"])
@pytest.mark.parametrize("where", ["component", "store"])
def test_a_strangers_socket_gets_no_password_whatever_names_it(home: Path, in_tmp: str, how: str, where: str) -> None:
    """A DSN without a host is led by variables and service files."""
    port = in_tmp.rpartition(".")[2]
    host = "%40/tmp" if how == "abstract" else "/tmp"
    dsn = f"postgresql:///x?host={host}&port={port}" if how in ("dsn", "abstract") else "postgresql:///x"
    variables = {"PGHOST": "/tmp", "PGPORT": port} if how == "PGHOST" else {}
    if how == "PGHOST of two":
        variables = {"PGHOST": "/nonexistent,/tmp", "PGPORT": port}
    if how == "service":
        (home / "services").write_text(f"[mine]\nhost=/tmp\nport={port}\n")
        dsn, variables = "postgresql:///x?service=mine", {"PGSERVICEFILE": f"{home}/services"}
    store = f'store = "{dsn}"\nstore_timeout = 2\n' if where == "store" else ""
    component = f'kind = "database"\ndsn = "{dsn}"\n' if where == "component" else 'kind = "push"\nperiod = 60\n'
    (home / "heartbeat.toml").write_text(f'[heartbeat]\nstate_dir = "{home}/state"\n{store}[components.x]\n{component}')
    with fake(("@" if how == "abstract" else "") + in_tmp, "nobody") as server:
        done = heartbeat(home, "check", "--all", "--format", "json", **variables)
        assert PASSWORD not in heard(server)
    assert "others may make one there; if it is meant, add requirepeer=USER to the dsn" in done.out + done.err, done


@pytest.mark.parametrize("how", ["self", "bytes"])
@pytest.mark.parametrize("where", ["component", "store"])
def test_what_a_strangers_socket_calls_itself_is_not_believed(home: Path, in_tmp: str, how: str, where: str) -> None:
    """Its name as the kernel has it is what he has called it: a path that leads to a folder of ours, or no text, which
    no store takes: without one a pass goes on with its spool."""
    dsn = f"postgresql:///x?host=/tmp&port={in_tmp.rpartition('.')[2]}"
    store = f'store = "{dsn}"\nstore_timeout = 2\n' if where == "store" else ""
    component = f'kind = "database"\ndsn = "{dsn}"\n' if where == "component" else 'kind = "push"\nperiod = 60\n'
    (home / "heartbeat.toml").write_text(f'[heartbeat]\nstate_dir = "{home}/state"\n{store}[components.x]\n{component}')
    with fake(in_tmp, "nobody", how) as server:
        done = heartbeat(home, "run", "--verbose")
        assert PASSWORD not in heard(server)
    assert done.code == 0, done
    if where == "store":
        assert "the server at the socket in /tmp runs as nobody" in done.err, done


@pytest.mark.parametrize("whose", ["nobody's", "a group's"])
def test_nor_does_one_in_a_folder_that_he_can_make_or_write(home: Path, whose: str) -> None:
    """A folder below /tmp that a DSN names is gone after a reboot, and he makes it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o2775 if whose == "a group's" else 0o755)
        os.chown(folder, 0 if whose == "a group's" else NOBODY, NOBODY)
        dsn = f"postgresql:///x?host={folder}"
        text = f'[heartbeat]\nstate_dir = "{home}/state"\n[components.x]\nkind = "database"\ndsn = "{dsn}"\n'
        (home / "heartbeat.toml").write_text(text)
        with fake(f"{folder}/.s.PGSQL.5432", "nobody") as server:
            done = heartbeat(home, "check", "--all", "--format", "json")
            assert PASSWORD not in heard(server)
        assert f"the server at the socket in {folder} runs as nobody" in done.out, done
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("what", [".postgresql/root.crt", ".postgresql/postgresql.crt", ".pg_service.conf", "named"])
@pytest.mark.parametrize("where", ["component", "store"])
def test_a_file_of_another_users_home_stops_no_pass(home: Path, what: str, where: str) -> None:
    """$HOME may be another user's (`sudo -E`), and libpq waits at a pipe for ever."""
    theirs = home / "theirs"
    path = theirs / ("ca.pem" if what == "named" else what)
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    for one in (theirs, path):
        os.chown(one, 65534, 65534)
    with _speaks_tls() as port:
        dsn = f"postgresql://127.0.0.1:{port}/x?sslmode=require{'&service=x' if 'service' in what else ''}"
        dsn += f"&sslrootcert={path}" if what == "named" else ""
        store = f'store = "{dsn}"\nstore_timeout = 2\n' if where == "store" else ""
        component = f'kind = "database"\ndsn = "{dsn}"\n' if where == "component" else 'kind = "push"\nperiod = 60\n'
        (home / "hb.toml").write_text(f'[heartbeat]\nstate_dir = "{home}/state"\n{store}[components.x]\n{component}')
        done = heartbeat(home, "--config", f"{home}/hb.toml", "check", "--format", "json", HOME=str(theirs), timeout=20)
    assert f"{path} is a pipe, and not a file" in done.out + done.err, done


@pytest.mark.parametrize("name", [".postgresql/root.crt", ".pg_service.conf", ".pgpass"])
def test_no_file_of_another_users_home_says_whom_to_trust(home: Path, name: str) -> None:
    theirs = home / "theirs"
    (theirs / name).parent.mkdir(parents=True, exist_ok=True)
    (theirs / name).write_text("[x]\nhost=127.0.0.1\n")
    for one in (theirs, theirs / name):
        os.chown(one, 65534, 65534)
    (home / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{home}/state"\n[components.x]\nkind = "database"\ndsn = "service=x port=1"\n'
    )
    done = heartbeat(home, "--config", f"{home}/hb.toml", "check", "--format", "json", HOME=str(theirs))
    assert f"{theirs}/{name} is in the home of another user; set HOME to your own, as `sudo -H` does" in done.out
