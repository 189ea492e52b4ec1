"""Each verb against a bare start of Python: a small healthy deployment (a port, a push job, the host) on SQLite.

Below the table: the ten modules dearest to import, for `run` and for the dearest verb, so that it is seen where the
next saving lies. What a bare start imports by itself is not among them."""

import socket
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench._imports import profile, show
from bench._measure import Cost, Rows, alternate, cost, heartbeat, relative, table

_ROUNDS = 7
_BARE = "python -c pass"
VERBS = {
    "run": ("run",),
    "check": ("check", "--all"),
    "check as JSON": ("check", "--all", "--format", "json"),
    "detect": ("detect",),
    "recover": ("recover",),
    "notify": ("notify",),
    "report": ("report",),
    "report as HTML": ("report", "--format", "html"),
    "status": ("status",),
    "status as JSON": ("status", "--format", "json"),
    "alerts": ("alerts",),
    "dashboard": ("dashboard", "-o", "-"),
    "metrics": ("metrics",),
    "strategy": ("strategy", "show"),
    "silence": ("silence",),
    "ack": ("ack",),
    "observers": ("observers",),
    "maintenance": ("maintenance",),
    "beat": ("beat", "job"),
    "crontab": ("crontab",),
    "timer": ("timer",),
    "replay": ("replay",),
    "config": ("config", "check"),
    "kinds": ("kinds",),
    "doctor": ("doctor",),
    "init": ("init", "-o", "-"),
    "prune": ("prune",),
    "completion": ("completion", "bash"),
    "mcp": ("mcp", "--help"),  # what it serves with is imported when it serves
    "--help": ("--help",),
    "--version": ("--version",),
}
_LIMITS = {"run": 10.0}  # in bare starts; on PostgreSQL and with containers: the case `deployment`


def main() -> Rows:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        config = Path(folder, "heartbeat.toml")
        config.write_text(_config(folder, server.getsockname()[1]))
        runs = {_BARE: lambda: cost([sys.executable, "-c", "pass"])}
        for name, words in VERBS.items():
            runs[name] = partial(_lenient, heartbeat(config, *words))
        costs = alternate(runs, _ROUNDS)
        dearest = max(VERBS, key=lambda name: costs[name].cpu)
        profiles = {name: profile(config, VERBS[name]) for name in ("run", dearest)}
    table("Start-up: each verb on a healthy SQLite store of three components", costs, _BARE)
    for name, found in profiles.items():
        show(f"`{name}`", found)
    rows: Rows = []
    for name in VERBS:
        rows += relative(f"CPU of {name}, x bare start", costs[name].cpu / costs[_BARE].cpu, _LIMITS.get(name))
    print()
    return rows


def _lenient(argv: list[str]) -> Cost:
    """Nothing here is about health: a busy machine may make one component unwell, a host may lack what `doctor` looks
    for, and the exit code say so."""
    return cost(argv, codes=(0, 1, 2) if "doctor" in argv else (0, 1))


def _config(folder: str, port: int) -> str:
    quiet = "\n".join(f"{limit}_warn = 0" for limit in ("cpu", "load", "memory", "swap", "disk", "inodes"))
    return f"""
[heartbeat]
state_dir = "{folder}/state"
[components.port]
kind = "tcp"
host = "127.0.0.1"
port = {port}
[components.job]
kind = "push"
period = 3600
[components.host]
kind = "host"
oom_warn = false
{quiet}
"""
