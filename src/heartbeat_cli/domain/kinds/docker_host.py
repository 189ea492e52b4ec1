"""Where the Docker Engine listens: from a setting, or from the variables that docker itself reads.

Used by the docker monitor (over the wire) and the docker action (over the SDK): both mean the same engine.
"""

from collections.abc import Callable, Mapping

from heartbeat_cli.domain.checking.exchange import Request
from heartbeat_cli.domain.plain import is_word
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

AUTO = "auto"
DEFAULT = "unix:///var/run/docker.sock"
REMEDY = Text("add this user to the group docker (usermod -aG docker USER, then log in anew)")
IN_TIME = Text("Docker did not answer in time: {text}")
FORBIDDEN = Text("not allowed to talk to Docker: {text} (is the user in the group docker?)")
# In an answer about one container; it is some hundreds, and more where its health check talks.
MOST_VALUES = 20_000
_PLAIN_PORT, _TLS_PORT = 2375, 2376


class Engine(Record):
    """`host` is what a person and the SDK are told, `url` what a request starts with, `socket` a path."""

    host: str
    url: str
    socket: str | None = None
    verify_tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def tls(self) -> bool:
        return self.url.startswith("https:")

    def request(self, path: str, max_body: int) -> Request:
        """A GET of one path of the Engine API."""
        return Request(
            self.url + path,
            unix_socket=self.socket,
            verify_tls=self.verify_tls,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            redirects=0,
            max_body=max_body,
        )


def problems(container: str, host: str) -> list[tuple[str, str]]:
    """What is wrong with a container's name and with a configured host."""
    found = []
    if not (container[:1].isalnum() and is_word(container, "_.-")):
        found.append(("container", f"{container!r} is no container name: letters, digits, _ . -"))
    if host not in ("", AUTO):
        try:
            address(host, {})
        except ValueError as error:
            found.append(("host", str(error)))
    return found


def address(host: str, environ: Mapping[str, str]) -> str:
    """The engine that `host` means, as messages name it. Raises ValueError as `find` does for what cannot be one."""
    return find(host, environ, lambda path: None).host


def find(host: str, environ: Mapping[str, str], why_not: Callable[[str], str | None]) -> Engine:
    """The engine that `host` means; `why_not` says of a file in $HOME why it must not be used. Raises ValueError, one
    plain line, for what cannot be an engine, and for one whose certificates must not be used."""
    if host in ("", AUTO):
        host = environ.get("DOCKER_HOST") or DEFAULT
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "tcp", host
    if scheme == "unix":
        if not rest.startswith("/"):
            raise ValueError(f"{host}: expected unix:///path/to/docker.sock")
        return Engine(host, "http://docker", socket=rest)
    if scheme in ("tcp", "http", "https"):
        return _over_tcp(scheme, rest, environ, why_not)
    raise ValueError(f"{host}: expected unix:///path or tcp://host:port ({scheme}:// is not supported)")


def _over_tcp(scheme: str, rest: str, environ: Mapping[str, str], why_not: Callable[[str], str | None]) -> Engine:
    """TLS is switched on as the SDK does it: by an https scheme, DOCKER_TLS_VERIFY or DOCKER_CERT_PATH."""
    folder, verify = environ.get("DOCKER_CERT_PATH", ""), bool(environ.get("DOCKER_TLS_VERIFY"))
    tls = scheme == "https" or (scheme == "tcp" and bool(folder or verify))
    try:
        from urllib.parse import urlsplit  # most Engines listen at a socket

        parts = urlsplit(f"//{rest}")
        name, port = parts.hostname, parts.port or (_TLS_PORT if tls else _PLAIN_PORT)
    except ValueError as error:
        raise ValueError(f"{scheme}://{rest}: {error}") from None
    if not name:
        raise ValueError(f"{scheme}://{rest}: expected {scheme}://host:port")
    at = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    path = parts.path.rstrip("/")
    if not tls:
        return Engine(f"tcp://{at}{path}", f"http://{at}{path}")
    at_home = not folder and verify
    if at_home:
        folder = f"{environ.get('HOME', '')}/.docker"
    files = [f"{folder}/{file}" if folder else None for file in ("ca.pem", "cert.pem", "key.pem")]
    for file in files if at_home else ():
        if (why := why_not(str(file))) is not None:
            raise ValueError(f"tcp://{at}{path}: {file}: {why}")
    return Engine(
        f"tcp://{at}{path}",
        f"https://{at}{path}",
        None,
        verify or not folder,
        *files,
    )
