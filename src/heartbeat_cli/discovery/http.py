"""HTTP health addresses on this host: what listens, asked for its health. For `discover.py`.

Only ports that listen on loopback or on every address are asked, a bounded number of them, and none that is known to
speak something else: a GET in the wrong place fills logs, or worse, is printed.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.kinds import health_body
from heartbeat_cli.domain.plain import one_line

_PATHS = ("/health", "/healthz", "/actuator/health")
_MOST_PORTS = 64
_MAX_BODY = 16_384
_ANY = ("0.0.0.0", "::", "127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0")  # noqa: S104 - to compare with
_UNIT = re.compile(r"/([A-Za-z0-9:_.@\\-]+\.service)(?:/|$)")

# What speaks no HTTP: mail, names, files, shells, databases, caches, queues, printers, desktops.
_NOT_HTTP = """
    7 9 13 19 21 22 23 25 37 53 79 88 110 111 113 119 123 135 137 138 139 143 161 179 389 427 445 464 465 512
    513 514 515 543 544 548 554 563 587 631 636 646 750 853 873 989 990 992 993 995 1080 1194 1433 1521 1723
    1883 2049 2222 2376 2380 3260 3268 3269 3306 3389 3690 4369 5060 5061 5222 5269 5353 5432 5433 5671 5672
    5900 5901 6000 6010 6379 6380 6432 6667 7000 7001 8883 9042 9092 9418 11211 25672 26379 27017 27018 33060
"""

# They hold ports for others: a container's, a user's.
_NOT_THE_OWNER = ("docker.", "containerd.", "podman.", "user@")


class Address(NamedTuple):
    """A health address that answers; `unit` is the systemd service it belongs to, where that can be seen."""

    url: str
    port: int
    said: str
    unit: str = ""


def addresses(seconds: float) -> list[Address]:
    """The health addresses of this host, by port: the first path of each port that answers as health does."""
    from heartbeat_cli.http import multi

    deadline = time.monotonic() + seconds
    said: dict[str, str] = {}

    def done(exchange: multi.Exchange, response: Response) -> None:
        if text := _understood(response):
            said[exchange.key] = text

    ports, owners = _listening()
    urls = [f"http://{host}:{port}{path}" for port, host in ports for path in _PATHS]
    asked = [multi.Exchange(url, Request(url, redirects=0, max_body=_MAX_BODY), seconds) for url in urls]
    multi.drive(asked, deadline=deadline, done=done)
    found = []
    for port, host in ports:
        hits = [url for path in _PATHS if (url := f"http://{host}:{port}{path}") in said]
        hits.sort(key=lambda url: not said[url].startswith("{"))  # one that speaks of health before any 200
        found += [Address(url, port, said[url]) for url in hits[:1]]
    return _with_units(found, owners)


def _understood(response: Response) -> str:
    """What a health answer says, "" for an answer that is none."""
    if response.fault is not None:
        return ""
    value = health_body.parse(response.body.decode("utf-8", "replace"))
    if health_body.understand(value).opinion is not None:
        return one_line(json.dumps(value, ensure_ascii=False), 80)
    return "HTTP 200" if response.status == 200 else ""


def _listening() -> tuple[list[tuple[int, str]], dict[int, int]]:
    """(port, host to ask) of what listens for everybody or on loopback, lowest port first; and by port the process
    behind it, where that may be seen."""
    import psutil

    try:
        every = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return [], {}
    found: dict[int, str] = {}
    owners: dict[int, int] = {}
    spared = {int(port) for port in _NOT_HTTP.split()}
    for one in every:
        if not one.laddr or one.status != psutil.CONN_LISTEN:
            continue
        address, port = one.laddr
        local = address in _ANY
        if port not in spared and (local or address.startswith("127.")):
            found[port] = "localhost" if local else found.get(port, address)
            if one.pid:
                owners[port] = one.pid
    return sorted(found.items())[:_MOST_PORTS], owners


def _with_units(found: list[Address], owners: Mapping[int, int]) -> list[Address]:
    """Each address with its systemd unit, as far as the process behind the port may be seen."""
    if not os.path.isdir("/run/systemd/system"):
        return found
    return [one._replace(unit=_unit(owners[one.port]) if one.port in owners else "") for one in found]


def _unit(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as lines:
            units: list[str] = _UNIT.findall(lines.read())
    except (OSError, UnicodeDecodeError):
        return ""
    # A user's unit stands below its manager's; `systemctl` alone cannot restart it.
    return units[0] if len(set(units)) == 1 and not units[0].startswith(_NOT_THE_OWNER) else ""
