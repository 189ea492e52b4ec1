"""Each verb against a bare start of Python: a small healthy deployment (a port, a file of its own, the host) on SQLite.

Below the table: the ten modules dearest to import for `run`, so that it is seen where the next saving lies."""

import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from bench._measure import ENVIRONMENT, Cost, alternate, cost, table, target

_ROUNDS = 7
_DEAREST = 10
_BARE = "python -c pass"
_VERBS = {
    "run": ("run",),
    "check": ("check", "--all"),
    "check as JSON": ("check", "--all", "--format", "json"),
    "detect": ("detect",),
    "recover": ("recover",),
    "notify": ("notify",),
    "report": ("report",),
    "status": ("status",),
    "dashboard": ("dashboard", "-o", "-"),
    "metrics": ("metrics",),
    "strategy": ("strategy", "show"),
    "silence": ("silence",),
    "beat": ("beat", "job"),
    "crontab": ("crontab",),
    "replay": ("replay",),
    "config": ("config", "check"),
    "kinds": ("kinds",),
    "prune": ("prune",),
    "completion": ("completion", "bash"),
    "--help": ("--help",),
    "--version": ("--version",),
}
_LIMITS = {"run": 10.0}  # in bare starts; on PostgreSQL and with containers: the case `deployment`


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        config = Path(folder, "heartbeat.toml")
        config.write_text(_config(folder, server.getsockname()[1]))
        heartbeat = [sys.executable, "-m", "heartbeat_cli", "--config", str(config)]
        runs = {_BARE: lambda: cost([sys.executable, "-c", "pass"])}
        for name, words in _VERBS.items():
            runs[name] = lambda words=words: _lenient([*heartbeat, *words])
        costs = alternate(runs, _ROUNDS)
        dearest = _dearest([*heartbeat, "run"])
    table("Start-up: each verb on a healthy SQLite store of three components", costs, _BARE)
    print(f"The {_DEAREST} modules dearest to import for `run`, milliseconds each by itself")
    print("\n".join(f"  {name}: {seconds * 1000:.1f}" for name, seconds in dearest), end="\n\n")
    return sum(target(f"CPU of {name}", costs[name].cpu / costs[_BARE].cpu, limit) for name, limit in _LIMITS.items())


def _lenient(argv: list[str]) -> Cost:
    """Nothing here is about health: a busy machine may make one component unwell, and the exit code say so."""
    return cost(argv, codes=(0, 1))


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


def _dearest(argv: list[str]) -> list[tuple[str, float]]:
    """What `-X importtime` says: module and its own seconds, dearest first."""
    argv = [argv[0], "-X", "importtime", *argv[1:]]
    done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT)
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", done.stderr, re.M)
    return sorted(((name, int(own) / 1e6) for own, name in lines), key=lambda one: -one[1])[:_DEAREST]
