"""HTTP health addresses on this host: what listens, asked for its health. For `discover.py`.

Only ports that listen on loopback or on every address are asked, a bounded number of them, and none that is known to
speak something else: a GET in the wrong place fills logs, or worse, is printed. Ephemeral ports are passed over: what
has one today has another tomorrow. A server that answers a path which nobody can have is a catch-all page: of it only
an answer counts that speaks of health.
"""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from heartbeat_cli import __version__
from heartbeat_cli.discovery import owners
from heartbeat_cli.discovery.owners import Owner
from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.kinds import health_body
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import process

# The first of these that answers as health does is taken: readiness before liveness, the general before the special.
_PATHS = ("/readyz", "/health", "/healthz", "/ok", "/health/liveliness", "/actuator/health", "/v1/models")
_MCP = "/mcp"  # where MCP servers of the usual frameworks listen
_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
_EPHEMERAL = (32_768, 60_999)  # Linux' own, where it does not say
_HEADERS = (("User-Agent", f"heartbeat/{__version__} (discovery)"),)  # a log shows who asks for all these paths
_MOST_PORTS = 64
_MAX_BODY = 16_384

# What speaks no HTTP: mail, names, files, shells, databases, caches, queues, printers, desktops.
_NOT_HTTP = """
    7 9 13 19 21 22 23 25 37 53 79 88 110 111 113 119 123 135 137 138 139 143 161 179 389 427 445 464 465 512
    513 514 515 543 544 548 554 563 587 631 636 646 750 853 873 989 990 992 993 995 1080 1194 1433 1521 1723
    1883 2049 2222 2376 2380 3260 3268 3269 3306 3389 3690 4369 5060 5061 5222 5269 5353 5432 5433 5671 5672
    5900 5901 6000 6010 6379 6380 6432 6667 7000 7001 8883 9042 9092 9418 11211 25672 26379 27017 27018 33060
"""


class Address(Record):
    """A health address that answers: the `kind` of component that checks it and `keys` of its table, what it `said`,
    and the `owner` of its port, as far as that can be seen."""

    url: str
    port: int
    said: str
    owner: Owner = Owner()
    kind: str = "agent"
    keys: Mapping[str, Any] = {}


def addresses(seconds: float, *, ephemeral: bool = False) -> list[Address]:
    """The health addresses of this host, by port: the first path of each port that answers as health does."""
    from heartbeat_cli.http import multi

    deadline = time.monotonic() + seconds
    said: dict[str, Response] = {}

    def done(exchange: multi.Exchange, response: Response) -> None:
        if response.fault is None:
            said[exchange.key] = response

    nowhere = f"/heartbeat-{os.urandom(8).hex()}"
    ports, pids = _listening(ephemeral)
    urls = [f"http://{host}:{port}{path}" for port, host in ports for path in (*_PATHS, _MCP, nowhere)]
    asked = [
        multi.Exchange(url, Request(url, headers=_HEADERS, redirects=0, max_body=_MAX_BODY), seconds) for url in urls
    ]
    multi.drive(asked, deadline=deadline, done=done)
    found = []
    for port, host in ports:
        base = f"http://{host}:{port}"
        answers = {path: said[base + path] for path in (*_PATHS, _MCP, nowhere) if base + path in said}
        catch_all = answers.pop(nowhere, None)
        if (one := _address(base, port, answers, catch_all is not None and catch_all.status == 200)) is not None:
            found.append(one._replace(owner=owners.of(pids[port]) if port in pids else Owner()))
    return found


def _address(base: str, port: int, answers: Mapping[str, Response], catch_all: bool) -> Address | None:
    """What is known of a port by its answers; None where nothing in them speaks of health."""
    bodies = {path: health_body.parse(one.body.decode("utf-8", "replace")) for path, one in answers.items()}
    if known := _recognised(base, port, answers, bodies):
        return known
    speaking = [path for path in _PATHS if path in bodies and _speaks_of_health(bodies[path])]
    plain = [path for path in _PATHS if path in answers and answers[path].status == 200 and not catch_all]
    for path in (*speaking, *plain):
        body = bodies[path]
        text = one_line(json.dumps(body, ensure_ascii=False), 80) if path in speaking else "HTTP 200"
        return Address(base + path, port, text)
    return None


def _speaks_of_health(body: Any) -> bool:
    return health_body.understand(body).opinion is not None


def _recognised(base: str, port: int, answers: Mapping[str, Response], bodies: Mapping[str, Any]) -> Address | None:
    """Software that has a kind of its own, by what it alone says."""
    ready, models, mcp = (bodies.get(path) for path in ("/readyz", "/v1/models", _MCP))
    if isinstance(ready, dict) and {"ready", "failing"} <= ready.keys():
        return Address(base, port, "an OpenClaw gateway", kind="openclaw", keys={"url": base})
    liveliness = answers.get("/health/liveliness")
    if liveliness is not None and liveliness.status == 200 and b"alive" in liveliness.body[:100]:
        return Address(base, port, "LiteLLM", kind="llm", keys={"url": f"{base}/v1"})
    if isinstance(models, dict) and models.get("object") == "list" and isinstance(models.get("data"), list):
        return Address(base, port, f"an OpenAI-compatible API{_models(models)}", kind="llm", keys={"url": f"{base}/v1"})
    if isinstance(mcp, dict) and mcp.get("jsonrpc") == "2.0":
        return Address(base, port, "an MCP server", kind="mcp", keys={"url": base + _MCP})
    return None


def _models(models: Mapping[str, Any]) -> str:
    names = [one["id"] for one in models["data"][:3] if isinstance(one, dict) and isinstance(one.get("id"), str)]
    return f" ({one_line(', '.join(names), 80)})" if names else ""


def _listening(ephemeral: bool) -> tuple[list[tuple[int, str]], dict[int, int]]:
    """(port, host to ask) of what listens for everybody or on loopback, those of root and of this user first; and by
    port the process behind it, where that may be seen. `ephemeral`: ports that the kernel gives away, too.

    The host is an address, not `localhost`: of that name another user's process may take the other family."""
    import psutil

    try:
        every = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return [], {}
    found: dict[int, tuple[int, str]] = {}
    pids: dict[int, int] = {}
    spared = {int(port) for port in _NOT_HTTP.split()}
    low, high = (0, -1) if ephemeral else _ephemeral()
    for one in every:
        if not one.laddr or one.status != psutil.CONN_LISTEN:
            continue
        address, port = one.laddr
        rank, host = _as_asked(address)
        if port in spared or low <= port <= high or not host or found.get(port, (9, ""))[0] <= rank:
            continue
        found[port] = rank, host
        pids.pop(port, None)
        if one.pid:
            pids[port] = one.pid
    mine = (0, os.getuid())
    order = sorted(found, key=lambda port: (port in pids and process.owner(f"/proc/{pids[port]}") not in mine, port))
    return [(port, found[port][1]) for port in order[:_MOST_PORTS]], pids


def _as_asked(address: str) -> tuple[int, str]:
    """The address to ask of what listens there ("" for none), after how exactly it is what listens."""
    if address.startswith("127."):
        return (0, address) if address == "127.0.0.1" else (4, address)
    return {
        "0.0.0.0": (1, "127.0.0.1"),  # noqa: S104 - to compare with
        "::ffff:127.0.0.1": (1, "127.0.0.1"),
        "::ffff:0.0.0.0": (1, "127.0.0.1"),
        "::": (2, "127.0.0.1"),
        "::1": (3, "[::1]"),
    }.get(address, (9, ""))


def _ephemeral() -> tuple[int, int]:
    """The ports that this kernel gives to whoever asks for none: ip(7)."""
    try:
        with open(_RANGE, encoding="ascii") as file:
            low, high = (int(word) for word in file.read(100).split())
    except (OSError, ValueError):
        return _EPHEMERAL
    return low, high
