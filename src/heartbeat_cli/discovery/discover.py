"""What really runs on this host, as components that a configuration could hold.

`default_tables` stands in for a missing configuration file on every tick: this host, and Docker's containers and the
local PostgreSQL where they answer; it never scans ports nor starts a program. `discover` is the full search that
`heartbeat init` takes: HTTP health addresses and systemd units, too. Both are bounded in time, whatever hangs.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.discovery import local
from heartbeat_cli.discovery.local import Container, Server, Unit
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import in_threads

_QUICK_SECONDS = 0.5  # each of two, when a tick has no configuration file
_PROBE_SECONDS = 1.0
_HTTP_SECONDS = 1.7  # nine paths of every port are asked
_ALL_SECONDS = 1.9
_LONGEST_ID = 64
_POSTGRES = 5432


class Thing(Record):
    """One component found: its table as a configuration holds it, and a remark on it for a person."""

    id: str
    table: dict[str, Any]
    remark: str = ""


class Found(Record):
    """Everything found, and what could not be checked, a line each."""

    things: tuple[Thing, ...]
    notes: tuple[str, ...] = ()


def default_tables() -> dict[str, object]:
    """The configuration of a host that has no configuration file; nothing in it restarts anything."""
    names = _Names()
    containers, _ = local.containers(_QUICK_SECONDS)
    servers = local.servers(_QUICK_SECONDS)
    things = [
        Thing(names.take("host"), {"kind": "host"}),
        *(_container(names, one) for one in containers or ()),
        *(_database(names, one, ()) for one in servers if not one.locked_out),
    ]
    return {"recovery": {"mode": "off"}, "components": {one.id: one.table for one in things}}


def discover(systemctl: Sequence[str] = ("systemctl",), *, ephemeral: bool = False, deep: bool = False) -> Found:
    """The full search, two seconds at most: probes go on side by side, and what is late is left out. `ephemeral`: with
    the ports that the kernel gives away; `deep`: Redis is asked for the queues of Celery and RQ."""
    from heartbeat_cli.discovery import http, queues

    deeper = {"Redis": lambda: queues.queues(_PROBE_SECONDS)} if deep else {}
    answers, notes = _side_by_side(
        {
            **deeper,
            "Docker": lambda: local.containers(_PROBE_SECONDS),
            "PostgreSQL": lambda: local.servers(_PROBE_SECONDS),
            "systemd": lambda: local.units(systemctl, _PROBE_SECONDS),
            "HTTP": lambda: http.addresses(_HTTP_SECONDS, ephemeral=ephemeral),
        }
    )
    containers, docker_note = answers.get("Docker", (None, ""))
    units, systemd_note = answers.get("systemd", ((), ""))
    names = _Names()
    things = _things(names, containers, answers.get("PostgreSQL", ()), units, answers.get("HTTP", ()))
    found, redis_note = answers.get("Redis", ((), ""))
    things = [one for one in (*things, *(_queue(names, one) for one in found)) if not _refers(one.table)]
    return Found(tuple(things), tuple(note for note in (docker_note, systemd_note, redis_note, *notes) if note))


def _refers(value: Any) -> bool:
    """Whether a configuration would follow something in it to a file or a variable: what is found is no reference."""
    if isinstance(value, Mapping):
        return any(_refers(one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_refers(one) for one in value)
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def _things(
    names: "_Names",
    containers: Sequence[Container] | None,
    servers: Iterable[Server],
    units: Iterable[Unit],
    addresses: Iterable[Any],
) -> list[Thing]:
    found = [Thing(names.take("host"), {"kind": "host"}, "this machine: CPU, memory, disks, network")]
    owners: dict[str, Thing] = {}
    if containers is not None:
        daemon = Thing(names.take("docker-daemon"), {"kind": "docker", "daemon": True}, "the Docker daemon itself")
        owners |= {one.name: _container(names, one, daemon.id) for one in containers}
        found += [daemon, *owners.values()]
    found += [_database(names, one, containers or ()) for one in servers]
    services = {one.name: _service(names, one) for one in units}
    published = {port: owners[one.name] for one in containers or () for port in one.ports}
    found += services.values()
    return found + [_answering(names, one, published.get(one.port), services) for one in addresses]


def _side_by_side(probes: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], list[str]]:
    """What each probe gave, and a note on each that gave nothing in time."""
    given = in_threads.results(probes, time.monotonic() + _ALL_SECONDS)
    notes = []
    for name in probes:
        if name not in given:
            notes.append(f"{name} did not answer in time")
        elif isinstance(error := given[name], Exception):  # a fault of one probe must not hide what the others found
            notes.append(one_line(f"{name}: heartbeat's own fault: {type(error).__name__}: {error}"))
    return {name: one for name, one in given.items() if not isinstance(one, Exception)}, notes


class _Names:
    """Valid ids, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wish: str) -> str:
        """`wish` as an id, with a number behind it when it is taken."""
        wish = re.sub(r"[^A-Za-z0-9_.-]+", "-", wish).strip("-._")[:_LONGEST_ID] or "component"
        name, number = wish, 1
        while name in self._taken:
            number += 1
            tail = f"-{number}"
            name = wish[: _LONGEST_ID - len(tail)] + tail
        self._taken.add(name)
        return name


def _container(names: _Names, one: Container, daemon: str | None = None) -> Thing:
    table: dict[str, Any] = {"kind": "docker", "container": one.name}
    if daemon is not None:
        table["depends_on"] = [daemon]
    return Thing(names.take(one.name), table, f"{one.image}, {one.said}")


def _database(names: _Names, one: Server, containers: Iterable[Container]) -> Thing:
    table: dict[str, Any] = {"kind": "database", "dsn": one.dsn}
    for container in containers:
        if one.port is not None and container.ports.get(one.port) == _POSTGRES:
            table["container"] = container.name
    return Thing(names.take("db"), table, one.locked_out or "it answers")


def _service(names: _Names, one: Unit) -> Thing:
    return Thing(names.take(one.name.removesuffix(".service")), {"kind": "service", "unit": one.name}, one.said)


def _queue(names: _Names, one: Any) -> Thing:
    """A queue whose jobs are to get done; which unit works them off, nobody can tell."""
    waiting = {"redis": {"command": ["LLEN", one.key]}}
    table = {"kind": "progress", "waiting": waiting, "recovery": "off"}
    return Thing(names.take(f"{one.owner}-{one.name}"), table, f"a queue of {one.owner}; what to restart is not known")


def _answering(names: _Names, address: Any, container: Thing | None, services: Mapping[str, Thing]) -> Thing:
    """What answers on a port. Its id, its parent and its recovery follow from the container or unit it belongs to;
    where neither is known, nobody can say what to restart."""
    table: dict[str, Any] = {"kind": address.kind, **(address.keys or {"url": address.url})}
    said, owner = f"it answers {address.said}", address.owner
    if container is not None:
        name = container.table["container"]
        step = {"action": "docker", "container": name}
        table |= {"depends_on": [container.id], "recovery": {"mode": "ask", "ladder": [step]}}
        return Thing(names.take(f"{name}-{address.port}"), table, said)
    if not owner.unit:
        said += "; what to restart is not known"
        return Thing(names.take(f"{owner.process or 'http'}-{address.port}"), table | {"recovery": "off"}, said)
    if owner.unit in services and not owner.user:
        table["depends_on"] = [services[owner.unit].id]
    step = {"action": "systemd", "unit": owner.unit} | ({"user": True} if owner.user else {})
    # A gateway says itself what no restart mends, and needs nobody's consent, unless another user speaks for it.
    mode = "on" if address.kind == "openclaw" and owner.trusted else "ask"
    table["recovery"] = {"mode": mode, "ladder": [step]}
    bare = owner.unit.removesuffix(".service")
    short = bare.removeprefix("openclaw-")
    return Thing(names.take(short if short != bare else f"{bare}-{address.port}"), table, said)
