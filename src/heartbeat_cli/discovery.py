"""What really runs on this host, as components that a configuration could hold.

`default_tables` stands in for a missing configuration file on every tick: this host, and Docker's containers and the
local PostgreSQL where they answer; it never scans ports nor starts a program. `discover` is the full look that
`heartbeat init` takes: HTTP health addresses and systemd units, too. Both are bounded in time, whatever hangs.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from heartbeat_cli import discovery_local
from heartbeat_cli.discovery_local import Container, Server, Unit

_QUICK_SECONDS = 0.5  # each of two, when a tick has no configuration file
_PROBE_SECONDS = 1.0
_ALL_SECONDS = 1.9
_LONGEST_ID = 64


class Thing(NamedTuple):
    """One component found: its table as a configuration holds it, and a remark on it for a person."""

    id: str
    table: dict[str, Any]
    remark: str = ""


class Found(NamedTuple):
    """Everything found, and what could not be looked at, a line each."""

    things: tuple[Thing, ...]
    notes: tuple[str, ...] = ()


def default_tables() -> dict[str, object]:
    """The configuration of a host that has no configuration file; nothing in it restarts anything."""
    names = _Names()
    containers, _ = discovery_local.containers(_QUICK_SECONDS)
    servers = discovery_local.servers(_QUICK_SECONDS)
    things = [
        Thing(names.take("host"), {"kind": "host"}),
        *(_container(names, one) for one in containers or ()),
        *(_database(names, one, ()) for one in servers if not one.locked_out),
    ]
    return {"recovery": {"mode": "off"}, "components": {one.id: one.table for one in things}}


def discover(systemctl: Sequence[str] = ("systemctl",)) -> Found:
    """The full look, two seconds at most: probes go on side by side, and what is late is left out."""
    from heartbeat_cli import discovery_http

    answers = _side_by_side(
        {
            "docker": lambda: discovery_local.containers(_PROBE_SECONDS),
            "postgres": lambda: discovery_local.servers(_PROBE_SECONDS),
            "systemd": lambda: discovery_local.units(systemctl, _PROBE_SECONDS),
            "http": lambda: discovery_http.addresses(_PROBE_SECONDS),
        }
    )
    containers, docker_note = answers.get("docker", (None, "Docker did not answer in time"))
    servers = answers.get("postgres", ())
    units, systemd_note = answers.get("systemd", ((), "systemctl did not answer in time"))
    names = _Names()
    things = [Thing(names.take("host"), {"kind": "host"}, "this machine: CPU, memory, disks, network")]
    if containers is not None:
        daemon = Thing(names.take("docker"), {"kind": "docker", "daemon": True}, "the Docker daemon itself")
        things += [daemon, *(_container(names, one, daemon.id) for one in containers)]
    things += [_database(names, one, containers or ()) for one in servers]
    services = {one.name: _service(names, one) for one in units}
    things += services.values()
    for address in answers.get("http", ()):
        things.append(_agent(names, address, services))
    return Found(tuple(things), tuple(note for note in (docker_note, systemd_note) if note))


def _side_by_side(probes: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """What each probe gave; one that does not come back in time, or fails for its own reasons, gave nothing."""
    answers: dict[str, Any] = {}
    deadline = time.monotonic() + _ALL_SECONDS

    def work(name: str, probe: Callable[[], Any]) -> None:
        answers[name] = probe()

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in probes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(answers)


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
        if one.port is not None and one.port in container.ports:
            table["container"] = container.name
    return Thing(names.take("db"), table, one.locked_out or "it answers")


def _service(names: _Names, one: Unit) -> Thing:
    return Thing(names.take(one.name.removesuffix(".service")), {"kind": "service", "unit": one.name}, one.said)


def _agent(names: _Names, address: Any, services: dict[str, Thing]) -> Thing:
    """An HTTP health address. Where its systemd unit is known, its id and its recovery follow from that."""
    table: dict[str, Any] = {"kind": "agent", "url": address.url}
    wish = f"http-{address.port}"
    if address.unit:
        bare = address.unit.removesuffix(".service")
        wish = bare.removeprefix("openclaw-")
        if not bare.startswith("openclaw-"):
            table["recovery"] = {"mode": "ask", "ladder": [{"action": "systemd", "unit": address.unit}]}
        if address.unit in services:
            table["depends_on"] = [services[address.unit].id]
    return Thing(names.take(wish), table, f"it answers {address.said}")
