"""Variables that name files for libraries (`sudo -E`, an old line of a crontab) count only where no other user can say
something by them: what they name is not read, not written, and no code of it runs."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.parts.http import Certificate, certificate, healthy_server
from tests.parts.users import NOBODY, need_root
from tests.parts.verb import Ended, from_nothing, heartbeat

PASSWORD = "s3cr3t-of-root"
PASSED_OVER = " is passed over: "


def theirs(folder: Path) -> Path:
    """A folder of another user's, which he may write to."""
    need_root()
    place = folder / "theirs"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    return place


def given_away(path: Path) -> str:
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return str(path)


def configured(folder: Path, components: str) -> None:
    (folder / "heartbeat.toml").write_text(f'[heartbeat]\nstate_dir = "{folder}/state"\n{components}')


def over_tls(folder: Path, url: str) -> None:
    port = url.rpartition(":")[2]
    components = f'[components.a]\nkind = "agent"\nurl = "{url}/"\nverify_tls = false\n[components.t]\nkind = "tcp"\n'
    configured(folder, f'{components}host = "127.0.0.1"\nport = {port}\ntls = true\nverify_tls = false\n')


def test_no_library_writes_the_keys_of_connections(tmp_path: Path) -> None:
    """Not for the one who called either: it is a debugging aid that writes secrets."""
    place = theirs(tmp_path)
    (tmp_path / "only").mkdir(0o700)
    (place / "keys").symlink_to(tmp_path / "only/made")
    given_away(place / "keys")
    with healthy_server(certificate=certificate(tmp_path)) as server:
        over_tls(tmp_path, server.url)
        for named in (place / "keys", tmp_path / "only/own"):
            assert from_nothing(tmp_path, "check", "--all", SSLKEYLOGFILE=str(named)).code == 0
    assert len(server.seen) == 2
    assert list((tmp_path / "only").iterdir()) == []


@pytest.mark.parametrize("variable", ["SSLKEYLOGFILE", "OPENSSL_CONF"])
def test_a_pipe_in_place_of_a_file_stops_no_pass(variable: str, tmp_path: Path) -> None:
    pipe = theirs(tmp_path) / "pipe"
    os.mkfifo(pipe)
    given_away(pipe)
    with healthy_server(certificate=certificate(tmp_path)) as server:
        over_tls(tmp_path, server.url)
        assert from_nothing(tmp_path, "run", timeout=30, **{variable: str(pipe)}).code == 0
    assert len(server.seen) == 1


def test_no_settings_of_another_user_are_followed_by_openssl(tmp_path: Path) -> None:
    """They could have OpenSSL load his code. Those of our own are."""
    (tmp_path / "openssl.cnf").write_text(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMaxProtocol = TLSv1.1\n"
    )
    (tmp_path / "openssl.cnf").chmod(0o644)
    place = theirs(tmp_path)
    (place / "openssl.cnf").write_bytes((tmp_path / "openssl.cnf").read_bytes())
    with healthy_server(certificate=certificate(tmp_path)) as server:
        over_tls(tmp_path, server.url)
        named = {"OPENSSL_CONF": given_away(place / "openssl.cnf")}
        assert from_nothing(tmp_path, "check", "--all", **named).code == 0
        named = {"OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
        assert from_nothing(tmp_path, "check", "--all", **named).code == 1, "the test shows nothing"


@contextmanager
def postgres(shown: Certificate) -> Iterator[tuple[int, list[bytes]]]:
    """Poses as PostgreSQL over TLS, and asks for the password in clear: its port, and the passwords that it got."""
    context, heard = shown.context(), list[bytes]()
    context.set_alpn_protocols(["postgresql"])

    def serve(client: socket.socket) -> None:
        with suppress(OSError, struct.error), client:  # it may hang up at any point
            client.settimeout(10)
            client.recv(8)
            client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as link:
                link.recv(struct.unpack("!i", link.recv(4))[0])
                link.sendall(b"R" + struct.pack("!ii", 8, 3))
                if got := link.recv(200):
                    heard.append(got)

    def listen() -> None:
        with suppress(OSError):
            while True:
                serve(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(20)


def asked(folder: Path, where: str, port: int, parameters: str, **variables: str) -> Ended:
    dsn = f"postgresql://joe:{PASSWORD}@127.0.0.1:{port}/db?{parameters}"
    if where == "store":
        store = f'store = "{dsn}"\nstore_timeout = 3\nstate_dir = "{folder}/state"\n'
        (folder / "heartbeat.toml").write_text(f'[heartbeat]\n{store}[components.x]\nkind = "push"\nperiod = 60\n')
    else:
        configured(folder, f'[components.x]\nkind = "database"\ndsn = "{dsn}"\ntimeout = 3\n')
    return heartbeat(folder, "check", "--all", **variables)


NAMED = [("SSL_CERT_FILE", "sslrootcert=system"), ("PGSSLROOTCERT", "sslmode=verify-full")]


@pytest.mark.parametrize("where", ["component", "store"])
@pytest.mark.parametrize(("variable", "parameters"), NAMED)
@pytest.mark.parametrize("how", ["theirs", "relative"])
def test_no_impostor_gets_the_password_of_postgres(
    how: str, variable: str, parameters: str, where: str, tmp_path: Path
) -> None:
    shown = certificate(tmp_path)
    path = theirs(tmp_path) / "ca.pem"
    path.write_bytes(shown.cert.read_bytes())
    named = "cert.pem" if how == "relative" else given_away(path)
    with postgres(shown) as (port, heard):
        said = asked(tmp_path, where, port, parameters, **{variable: named})
    assert heard == []
    if variable == "PGSSLROOTCERT":
        assert f"PGSSLROOTCERT{PASSED_OVER}" in said.out + said.err


@pytest.mark.parametrize(("variable", "parameters"), [*NAMED, ("PGSSLROOTCERT", "sslmode=verify-ca")])
def test_our_own_file_says_whom_to_trust(variable: str, parameters: str, tmp_path: Path) -> None:
    shown = certificate(tmp_path)
    with postgres(shown) as (port, heard):
        asked(tmp_path, "component", port, parameters, **{variable: str(shown.cert)})
    assert len(heard) >= 1 and all(PASSWORD.encode() in one for one in heard)


@pytest.mark.parametrize("variable", ["PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGPASSFILE"])
def test_postgres_is_not_asked_without_what_was_dropped(variable: str, tmp_path: Path) -> None:
    """Without its authority, `sslmode=require` proves nothing; without its list, a revoked certificate is good."""
    dropped = {variable: given_away(theirs(tmp_path))}
    with postgres(certificate(tmp_path)) as (port, heard):
        dsn = f"postgresql://joe@127.0.0.1:{port}/db?sslmode=require"
        configured(tmp_path, f'[components.x]\nkind = "database"\ndsn = "{dsn}"\ntimeout = 3\n')
        said = heartbeat(tmp_path, "check", "--all", **dropped).out
        assert f"{variable}{PASSED_OVER}" in said
        configured(tmp_path, f'[components.x]\nkind = "database"\ndsn = "{dsn}&password={PASSWORD}"\ntimeout = 3\n')
        heartbeat(tmp_path, "check", "--all", **dropped)
    assert len(heard) >= 1 if variable == "PGPASSFILE" else heard == [], (
        "a password that is given needs no file of them"
    )


def test_nothing_says_less_than_no_file(tmp_path: Path) -> None:
    """What is not there and nobody else can make means none, as people write it; so does /dev/null."""
    configured(tmp_path, "")
    for none in ("/dev/null", "/etc/no/such.file"):
        names = dict.fromkeys(("PGSSLCERT", "PGSSLKEY", "PGPASSFILE", "OPENSSL_CONF", "KRB5_CONFIG"), none)
        assert PASSED_OVER not in heartbeat(tmp_path, "doctor", **names).out
    assert PASSED_OVER in heartbeat(tmp_path, "doctor", PGSSLCERT="/tmp/no-such-file-of-heartbeat").out


@pytest.mark.parametrize("by", ["DOCKER_CERT_PATH", "HOME"])
def test_no_certificates_of_another_user_say_which_docker_is_meant(by: str, tmp_path: Path) -> None:
    place = theirs(tmp_path)
    folder = place / ".docker"
    folder.mkdir()
    shown = certificate(tmp_path)
    for name, source in (("ca.pem", shown.cert), ("cert.pem", shown.cert), ("key.pem", shown.key)):
        (folder / name).write_bytes(source.read_bytes())
        given_away(folder / name)
    given_away(folder)
    configured(tmp_path, '[components.c]\nkind = "docker"\ncontainer = "web"\n')
    with healthy_server(certificate=shown, client_ca=shown) as server:
        named = {by: str(folder if by == "DOCKER_CERT_PATH" else place)}
        port = server.url.rpartition(":")[2]
        variables = {"DOCKER_HOST": f"tcp://127.0.0.1:{port}", **named}
        if by == "HOME":
            variables["DOCKER_TLS_VERIFY"] = "1"
        words = ("--config", str(tmp_path / "heartbeat.toml"), "check", "--all")
        said = heartbeat(tmp_path, *words, **variables)
        assert server.seen == []
        (tmp_path / ".docker").mkdir(mode=0o700)
        for one in folder.iterdir():
            (tmp_path / ".docker" / one.name).write_bytes(one.read_bytes())
        variables |= {"HOME": str(tmp_path), "DOCKER_TLS_VERIFY": "1"}
        variables.pop("DOCKER_CERT_PATH", None)
        heartbeat(tmp_path, *words, **variables)
        assert len(server.seen) == 1, "our own"
    assert "cannot reach Docker at tcp://127.0.0.1:" in said.out and ".docker/ca.pem: " in said.out


CASES = [
    ("OPENSSL_MODULES", "{theirs}"),
    ("OPENSSL_ENGINES", "{theirs}"),
    ("OPENSSL_CONF_INCLUDE", "{theirs}"),
    ("KRB5_CONFIG", "/etc/krb5.conf:{theirs}/x"),
    ("GSS_MECH_CONFIG", "{theirs}/x"),
    ("KRB5CCNAME", "FILE:{theirs}/x"),
    ("KRB5CCNAME", "DIR::{theirs}/x"),
    ("KRB5CCNAME", "{theirs}/x"),
    ("KRB5_CLIENT_KTNAME", "FILE:x"),
    ("KRB5_TRACE", "{own}/trace"),
    ("COMERR_DEBUG_FILE", "{own}/trace"),
    ("PGSSLKEY", "{theirs}/key"),
    ("PGSERVICEFILE", "services"),
    ("PGSYSCONFDIR", "{theirs}"),
    ("DOCKER_CONFIG", "{theirs}"),
    ("HOSTALIASES", "{theirs}/x"),
    ("RESOLV_HOST_CONF", "{theirs}/x"),
    ("TMPDIR", "{theirs}"),
    ("SQLITE_TMPDIR", "{theirs}"),
]
WORDS = [
    ("KRB5CCNAME", "KEYRING:persistent:0"),
    ("PGSSLROOTCERT", "system"),
    ("TMPDIR", "/tmp"),
    ("KRB5CCNAME", "FILE:{own}/cc"),
    ("SSLKEYLOGFILE", ""),
]


@pytest.mark.parametrize(("variable", "value"), CASES)
def test_doctor_and_run_say_what_is_passed_over(variable: str, value: str, tmp_path: Path) -> None:
    configured(tmp_path, '[components.x]\nkind = "push"\nperiod = 60\n')
    named = {variable: value.format(theirs=theirs(tmp_path), own=tmp_path)}
    assert f"environment: {variable}{PASSED_OVER}" in heartbeat(tmp_path, "doctor", **named).out
    first, second = (heartbeat(tmp_path, "run", **named).err for _ in range(2))
    assert first.startswith(f"heartbeat: {variable}{PASSED_OVER}") and ": unset it" in first
    assert second == "", "once a day"


@pytest.mark.parametrize(("variable", "value"), WORDS)
def test_what_names_no_file_of_another_user_stays(variable: str, value: str, tmp_path: Path) -> None:
    configured(tmp_path, "")
    assert PASSED_OVER not in heartbeat(tmp_path, "doctor", **{variable: value.format(own=tmp_path)}).out


def test_the_crontab_and_the_units_have_none_of_them(tmp_path: Path) -> None:
    configured(tmp_path, "")
    own, place = tmp_path / "own.pem", theirs(tmp_path)
    own.touch(0o600)
    for verb in ("crontab", "timer"):
        named = {"PGPASSFILE": str(own), "SSL_CERT_FILE": "own.pem", "PGSERVICEFILE": f"{place}/x"}
        said = heartbeat(tmp_path, verb, DOCKER_CERT_PATH=str(place), **named)
        assert f"PGPASSFILE={own}" in said.out.replace('"', "").replace("'", "")
        assert not [name for name in ("SSL_CERT_FILE", "PGSERVICEFILE", "DOCKER_CERT_PATH") if name in said.out]


def test_scripts_get_no_folder_of_another_user_to_write_to(tmp_path: Path) -> None:
    place = theirs(tmp_path)
    configured(
        tmp_path, '[components.x]\nkind = "command"\ncommand = ["sh", "-c", "echo at ${TMPDIR:-none}; exit 1"]\n'
    )
    assert "at none" in heartbeat(tmp_path, "check", "--all", TMPDIR=str(place)).out
    assert f"at {tmp_path}" in heartbeat(tmp_path, "check", "--all", TMPDIR=str(tmp_path)).out
