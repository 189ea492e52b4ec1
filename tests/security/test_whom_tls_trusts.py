"""SSL_CERT_FILE says whom to trust only where no other user can say it by that."""

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.channels import apprise, email
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.http.call import Call, NoAnswer, make
from heartbeat_cli.monitors import tcp
from heartbeat_cli.plugin_host import host
from tests.parts.http import Server, certificate, healthy_server
from tests.parts.users import NOBODY, as_user, need_root
from tests.parts.verb import heartbeat

HOSTILE = ["theirs", "in a folder of theirs", "a link of theirs", "relative"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with healthy_server(certificate=certificate(tmp_path)) as server:
        yield server


def named(how: str, folder: Path) -> str:
    """The value of SSL_CERT_FILE; the file has the certificate of the server."""
    own = folder / "cert.pem"
    place = folder / "place"
    place.mkdir()
    path = place / "ca.pem"
    if how != "relative":
        need_root()
        os.chown(place, NOBODY if how == "in a folder of theirs" else 0, -1)
    if how == "a link of theirs":
        place.chmod(0o1777)
        for above in (folder, *folder.parents):
            if "pytest" in str(above):
                above.chmod(0o711)
        as_user(NOBODY, "ln", "-s", str(own), str(path))
    else:
        path.write_bytes(own.read_bytes())
        os.chown(path, NOBODY if how == "theirs" else -1, -1)
    return os.path.relpath(path) if how == "relative" else str(path)


def accepted(server: Server) -> dict[str, bool]:
    """Who accepts the certificate of the server."""
    found = {}
    try:
        found["http"] = make(Call(server.url), 5).status == 200
    except NoAnswer:
        found["http"] = False
    port = int(server.url.rpartition(":")[2].strip("/"))
    settings = tcp.Settings("127.0.0.1", port, tls=True)
    found["tcp"] = tcp.probe(settings, CheckContext("x", 5.0, 1_800_000_000.0)).status != "unhealthy"
    context = email._context(email.Settings("127.0.0.1", "a@b.example", ("c@d.example",), port=port))
    assert context is not None
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as link:
            context.wrap_socket(link, server_hostname="127.0.0.1").close()
        found["email"] = True
    except ssl.SSLCertVerificationError:
        found["email"] = False
    return found


@pytest.mark.parametrize("how", HOSTILE)
def test_what_another_user_says_is_passed_over(
    how: str, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", named(how, tmp_path))
    assert accepted(server) == {"http": False, "tcp": False, "email": False}


def test_our_own_file_counts(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    assert accepted(server) == {"http": True, "tcp": True, "email": True}


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("how", HOSTILE)
def test_the_processes_of_plugins_and_of_apprise_are_not_told(
    how: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate(tmp_path)
    monkeypatch.setenv(variable, named(how, tmp_path))
    assert variable not in host._environment() and variable not in apprise._environment(None)
    monkeypatch.setenv(variable, str(tmp_path / "cert.pem"))
    assert host._environment()[variable] == apprise._environment(None)[variable] == str(tmp_path / "cert.pem")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SSL_CERT_FILE", "ca.pem", "SSL_CERT_FILE is passed over: ca.pem is not an absolute path"),
        ("SSL_CERT_FILE", "/etc", "SSL_CERT_FILE is passed over: /etc is not a regular file"),
        ("SSL_CERT_DIR", "/etc:certs", "SSL_CERT_DIR is passed over: certs is not an absolute path"),
    ],
)
def test_doctor_says_so(variable: str, value: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n')
    assert said in heartbeat(tmp_path, "doctor", **{variable: value}).out
    assert "passed over" not in heartbeat(tmp_path, "doctor", **{variable: ""}).out
