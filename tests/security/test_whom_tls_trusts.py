"""SSL_CERT_FILE says whom to trust only where no other user can say it by that."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.http import Certificate, Server, certificate, healthy_server
from tests.parts.smtp import smtp_server
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


def accepted(folder: Path, server: Server, **variables: str) -> dict[str, bool]:
    """Who accepts the certificate of the server."""
    port = server.url.rpartition(":")[2]
    with smtp_server(Certificate(folder / "cert.pem", folder / "key.pem"), tls=True) as box:
        (folder / "heartbeat.toml").write_text(
            f'[heartbeat]\nstate_dir = "{folder}/state"\n[components.http]\nkind = "agent"\nurl = "{server.url}/"\n'
            f'[components.tcp]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\ntls = true\n[channels.mail]\n'
            f'kind = "email"\nhost = "127.0.0.1"\nport = {box.port}\nsecurity = "tls"\nfrom = "a@b.example"\n'
            'to = ["c@d.example"]\n'
        )
        seen = json.loads(heartbeat(folder, "check", "--all", "--format", "json", **variables).out)
        mailed = heartbeat(folder, "notify", "--test", "mail", **variables).code == 0
        assert mailed == bool(box.mails)
    return {one["component"]: one["status"] == "healthy" for one in seen} | {"email": mailed}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_another_user_says_is_passed_over(how: str, tmp_path: Path, server: Server) -> None:
    found = accepted(tmp_path, server, SSL_CERT_FILE=named(how, tmp_path))
    assert found == {"http": False, "tcp": False, "email": False}


def test_our_own_file_counts(tmp_path: Path, server: Server) -> None:
    found = accepted(tmp_path, server, SSL_CERT_FILE=str(tmp_path / "cert.pem"))
    assert found == {"http": True, "tcp": True, "email": True}


PROGRAM = """
import json, sys
from heartbeat_cli.channels import apprise
from heartbeat_cli.plugin_host import host
from heartbeat_cli.system import environment
environment.judge()
json.dump([host._environment(), apprise._environment(None)], sys.stdout)
"""


@pytest.mark.parametrize("how", [*HOSTILE, "ours"])
def test_the_processes_of_plugins_and_of_apprise_are_not_told(how: str, tmp_path: Path) -> None:
    certificate(tmp_path)
    path = str(tmp_path / "cert.pem") if how == "ours" else named(how, tmp_path)
    variables = dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), path)
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, check=True)
    for environment in json.loads(done.stdout):
        assert variables.items() <= environment.items() if how == "ours" else variables.keys().isdisjoint(environment)


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
