"""What the host's own managers know: Docker's containers, PostgreSQL servers, systemd's units. For `discover.py`.

Acquires only, each function within its `seconds`; what does not answer is not there.
"""

import os
import re
import socket
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any
from urllib.parse import quote

from heartbeat_cli.discovery.engine import MOST_LISTED, ask, listed_under, name_of
from heartbeat_cli.domain import plain
from heartbeat_cli.domain.kinds import docker_host, systemd
from heartbeat_cli.domain.plain import lines_of, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.postgres import peers
from heartbeat_cli.system import trusted

_MOST_OF_ONE = (524_288, docker_host.MOST_VALUES)  # the same of an answer about one container
_MOST_CONTAINERS = 200
_MOST_ENDED = 50
_MOST_UNITS = 60
_MOST_SOCKETS = 4
_MOST_NAMES = 2_000  # of a folder of sockets
_POSTGRES = 5432
_SOCKET = ".s.PGSQL."  # and the port
_SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108 - where PostgreSQL listens when built from source
_KNOWN_UNITS = (
    "nginx apache2 httpd caddy haproxy traefik postgresql mysql mysqld mariadb mongod redis-server redis valkey-server"
    " memcached rabbitmq-server docker containerd podman ssh sshd cron crond chrony chronyd ntpd systemd-timesyncd"
    " systemd-resolved named unbound dnsmasq postfix exim4 dovecot smbd nfs-server fail2ban ollama tailscaled"
    " wg-quick prometheus grafana-server prometheus-node-exporter libvirtd vsftpd cups"
)


class Container(Record):
    """`ports` are those it publishes on this host, each with its own behind it; `said` is Docker's summary."""

    name: str
    image: str
    said: str
    ports: Mapping[int, int]


class Server(Record):
    """A PostgreSQL that answers; `port` where it was found over TCP, `locked_out` why it does not let us in."""

    dsn: str
    port: int | None
    locked_out: str = ""


class Unit(Record):
    name: str
    said: str


# --- Docker --------------------------------------------------------------------------------------------------------


def containers(seconds: float) -> tuple[list[Container] | None, str]:
    """Docker's containers by name (None: Docker does not answer), without jobs that ran, ended well and stay ended;
    and a note when there is a Docker that may not be asked."""
    deadline = time.monotonic() + seconds
    try:
        engine = docker_host.find(docker_host.AUTO, os.environ, trusted.why_not)
    except ValueError as error:
        return None, f"Docker: {error}"
    if engine.socket and not os.path.exists(engine.socket):
        return None, ""
    if engine.socket and not os.access(engine.socket, os.R_OK | os.W_OK):
        return None, f"Docker: no right to use {engine.socket}; is the user in the group docker?"
    listed = ask(engine, ["/containers/json?all=1"], MOST_LISTED, deadline)[0]
    if not isinstance(listed, list):
        return None, f"Docker at {engine.host} does not answer"
    found = [one for one in listed[:_MOST_CONTAINERS] if isinstance(one, dict) and name_of(one)]
    found = [one for one in found if one.get("State") not in ("created", "removing")]
    jobs = _finished_jobs(engine, found, deadline)
    kept = [_container(one) for one in found if name_of(one) not in jobs]
    return sorted(kept, key=lambda one: one.name), ""


def _finished_jobs(engine: docker_host.Engine, listed: list[dict[str, Any]], deadline: float) -> set[str]:
    """Names of those that ended with exit 0 and are not to be started again; only an inspect tells the latter."""
    ended = [name_of(one) for one in listed if str(one.get("Status", "")).startswith("Exited (0)")][:_MOST_ENDED]
    paths = [f"/containers/{quote(name, safe='')}/json" for name in ended]
    answers = ask(engine, paths, _MOST_OF_ONE, deadline)
    return {name for name, answer in zip(ended, answers, strict=True) if _restart_policy(answer) in ("no", "")}


def _restart_policy(answer: Any) -> str | None:
    try:
        return str(answer["HostConfig"]["RestartPolicy"]["Name"])
    except (KeyError, TypeError):
        return None


def _container(listed: Mapping[str, Any]) -> Container:
    pairs = [port for port in listed_under(listed, "Ports") if isinstance(port, dict)]
    pairs = [port for port in pairs if isinstance(port.get("PublicPort"), int)]
    ports = {port["PublicPort"]: port.get("PrivatePort", 0) for port in pairs}
    image, said = one_line(str(listed.get("Image")), 80), one_line(str(listed.get("Status")), 80)
    return Container(name_of(listed), image, said, ports)


# --- PostgreSQL ----------------------------------------------------------------------------------------------------


def servers(seconds: float) -> list[Server]:
    """The PostgreSQL servers of this host (and $PGHOST) that answer, each once."""
    deadline = time.monotonic() + seconds
    targets = list(_targets(time.monotonic() + seconds / 2))
    found = []
    for number, (dsn, port, connectable) in enumerate(targets):
        share = (deadline - time.monotonic()) / (len(targets) - number)
        if connectable and (one := _server(dsn, port, time.monotonic() + share)):
            found.append(one)
    return found


def _targets(until: float) -> Iterator[tuple[str, int | None, bool]]:
    """Where PostgreSQL may be: its DSN, its TCP port, and whether something takes connections there. The driver, which
    is dear to import, is only called for what does."""
    host, own = os.environ.get("PGHOST", ""), os.environ.get("PGPORT", "")
    port = plain.port(own) or _POSTGRES
    folders = dict.fromkeys(os.path.realpath(one) for one in (*([host] if host[:1] == "/" else []), *_SOCKET_FOLDERS))
    covered = set()
    for folder, at, peer in islice(_sockets([*folders], dict.fromkeys((port, _POSTGRES)), until), _MOST_SOCKETS):
        covered.add(at)
        must = f"&requirepeer={quote(peer, safe='')}" if peer else ""
        dsn = f"postgresql:///postgres?host={quote(folder, safe='')}&port={at}{_user('&')}{must}"
        yield dsn, None, _takes(f"{folder}/{_SOCKET}{at}")
    hosts = ["localhost"] if host[:1] == "/" or not host or port in covered else ["localhost", host]
    for name in dict.fromkeys(hosts):
        at = port if name == host else _POSTGRES
        if at not in covered or name != "localhost":
            bracketed = f"[{name}]" if ":" in name else name
            yield f"postgresql://{bracketed}:{at}/postgres{_user('?')}", at, _takes((name, at))


def _sockets(folders: Sequence[str], usual: Collection[int], until: float) -> Iterator[tuple[str, int, str | None]]:
    """The sockets that no stranger has made: the folder, the port, and the user that the server must run as.

    The usual ports are asked for by name, first. Others are looked for among some names of the folders: anybody can
    fill /tmp."""
    places = [(folder, port) for folder in folders for port in usual]
    others = ((folder, port) for folder in folders for port in _ports(folder) if port not in usual)
    for place, (folder, port) in enumerate(chain(places, others)):
        if place >= len(places) and time.monotonic() > until:
            return
        path = f"{folder}/{_SOCKET}{port}"
        try:
            peer = peers.of_socket(path)  # before a link is followed
        except peers.Stranger:
            continue
        if _is_socket(path):
            yield folder, port, peer


def _ports(folder: str) -> list[int]:
    """The ports that the first names of a folder stand for, as those of PostgreSQL's sockets."""
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in islice(entries, _MOST_NAMES) if one.name.startswith(_SOCKET)]
    except OSError:
        return []
    found = {name: plain.port(name.removeprefix(_SOCKET)) for name in names}
    return sorted(port for name, port in found.items() if port is not None and name == f"{_SOCKET}{port}")


def _user(sign: str) -> str:
    """The role, where the environment names one: cron will not have that variable."""
    return f"{sign}user={quote(os.environ['PGUSER'], safe='')}" if os.environ.get("PGUSER") else ""


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _takes(address: str | tuple[str, int]) -> bool:
    """Whether something takes connections there."""
    try:
        if isinstance(address, tuple):
            with socket.create_connection(address, 0.2):
                return True
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(0.2)
            link.connect(address)
            return True
    except (OSError, UnicodeError):
        return False


def _server(dsn: str, port: int | None, deadline: float) -> Server | None:
    """A server that says no (starting, too many connections) is there all the same, and so is one that hangs."""
    from heartbeat_cli.postgres import libpq

    try:
        with libpq.connect(dsn, deadline=deadline) as session:
            session.rows("SELECT 1", deadline=deadline)
    except libpq.Trouble as trouble:
        if trouble.kind == "connect":
            return None
        return Server(dsn, port, trouble.text if trouble.kind == "login" else "")
    return Server(dsn, port)


# --- systemd -------------------------------------------------------------------------------------------------------


def units(systemctl: Sequence[str], seconds: float) -> tuple[list[Unit], str]:
    """Services that run and are well known or OpenClaw's, and all that have failed; and a note when systemd runs but
    cannot be asked."""
    from heartbeat_cli.system import process

    if list(systemctl) == ["systemctl"] and not os.path.isdir("/run/systemd/system"):
        return [], ""
    words = ("list-units", "--type=service", "--all", "--plain", "--no-legend", "--full")
    environment = process.minimal_env(systemd.extra_env(os.environ, os.getuid()))
    try:
        finished = process.run(
            systemd.command(systemctl, False, *words), timeout=seconds, env=environment, max_output=2_000_000
        )
    except OSError as error:
        return [], f"systemctl cannot be run: {error.strerror}"
    if finished.code != 0:
        return [], f"systemd: {systemd.complaint(finished.code, finished.stderr)}"
    return [one for one in map(_unit, lines_of(finished.stdout)) if one is not None][:_MOST_UNITS], ""


def _unit(line: str) -> Unit | None:
    """A unit worth watching from a line of `list-units`: UNIT LOAD ACTIVE SUB DESCRIPTION."""
    words = line.split(None, 4)
    if len(words) < 4 or systemd.problems(words[0], ("systemctl",)):
        return None
    name, load, active, sub = words[:4]
    if load != "loaded":
        return None
    base = re.split(r"[@.]", name, maxsplit=1)[0]
    wanted = base in _KNOWN_UNITS.split() or name.startswith("openclaw-")
    if active == "failed" or (wanted and active in ("active", "activating") and sub != "exited"):
        return Unit(name, f"{active} ({sub})")
    return None
