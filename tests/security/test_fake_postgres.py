"""Another user of this host who poses as PostgreSQL gets no password out of root's ~/.pgpass."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartbeat_cli.discovery import local
from tests.parts import lacking
from tests.parts.verb import heartbeat

PASSWORD = "s3cr3t-of-root"
# Says to whoever comes: your password, in clear; keeps what comes then.
FAKE = """
import os, socket, struct, sys
os.umask(0)
if sys.argv[1].startswith("/"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
else:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(16)
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    client.settimeout(2)
    try:
        while (begin := client.recv(4096))[4:8] in (b"\\x04\\xd2\\x16\\x2f", b"\\x04\\xd2\\x16\\x30"):
            client.sendall(b"N")
        client.sendall(b"R\\0\\0\\0\\x08\\0\\0\\0\\x03")
        print("heard", begin[8:] + client.recv(4096), flush=True)
    except OSError:
        pass
    client.close()
"""


@contextmanager
def fake(place: str, user: str) -> Iterator[subprocess.Popen[str]]:
    """Such a server at a Unix socket or a port of 127.0.0.1, run by that user."""
    if os.getuid() != 0:
        lacking("root, to act as another user")
    if shutil.which("setpriv") is None:
        lacking("the program setpriv")
    who = pwd.getpwnam(user)
    argv = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", sys.executable, "-c", FAKE]
    server = subprocess.Popen([*argv, place], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        yield server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        if place.startswith("/"):
            Path(place).unlink(missing_ok=True)


def heard(server: "subprocess.Popen[str]") -> str:
    server.kill()
    assert server.stdout is not None
    return server.stdout.read()


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
        assert f"{in_tmp} belongs to nobody" in out
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
