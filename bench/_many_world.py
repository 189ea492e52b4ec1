"""Worlds for `many`: a configuration of so many HTTP components, a store of its own, and what became of them."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench._measure import ENVIRONMENT, Cost, cost, heartbeat

VERBS = {"check": ("check", "--all", "--format", "json"), "run": ("run",)}
EVERY = 20  # of the components of a world with hung ones every 20th hangs: 5 %


class Ground(NamedTuple):
    """What worlds stand on: a folder, the server of health answers, and the DSN of a PostgreSQL."""

    folder: Path
    url: str
    dsn: str


class World(NamedTuple):
    """`latency` is milliseconds; `timeout` seconds, given where some hang."""

    ground: Ground
    name: str
    config: Path
    number: int
    hung: int

    def pass_(self, verb: str = "run") -> Cost:
        """One whole process; `check` ends with 1 where something hangs."""
        codes = (1,) if verb == "check" and self.hung else (0,)
        return cost(heartbeat(self.config, *VERBS[verb]), codes)

    def states(self) -> Counter[tuple[str, str]]:
        """How many components are in which state, with which status of the last look."""
        rows = _json(self.config, "status", "--format", "json")
        return Counter((row["state"], row["status"]) for row in rows)

    def told(self) -> tuple[int, int]:
        """How many messages went out, and of how many incidents."""
        path = self.ground.folder / f"{self.name}.told"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return len(lines), len({thread for line in lines for thread in line["threads"] or [line["thread"]]})


def world(
    ground: Ground, store: str, number: int, latency: int = 0, timeout: float | None = None, mark: str = ""
) -> World:
    """A new world; `mark` tells it from others that are the same. Every 20th hangs where a timeout is given."""
    name = f"{store}{number}x{latency}{mark}".replace("-", "_").lower()
    where = f"sqlite:///{ground.folder}/{name}.db" if store == "SQLite" else _schema(ground.dsn, name)
    state, told = ground.folder / f"{name}.state", ground.folder / f"{name}.told"
    blocks = [f'[heartbeat]\nstore = "{where}"\nstate_dir = "{state}"\nreference = []']
    blocks.append(f'[channels.told]\nkind = "file"\npath = "{told}"')
    for one in range(number):
        how = "hang" if timeout and one % EVERY == EVERY - 1 else latency
        block = f'[components.c{one}]\nkind = "agent"\nurl = "{ground.url}/{how}/c{one}"\ninterval = 0.01\n'
        blocks.append(block + 'recovery = "off"' + (f"\ntimeout = {timeout}" if timeout else ""))
    config = ground.folder / f"{name}.toml"
    config.write_text("\n\n".join(blocks))
    return World(ground, name, config, number, number // EVERY if timeout else 0)


def _schema(dsn: str, name: str) -> str:
    import psycopg2

    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {name}")
    connection.close()
    return f"{dsn}{'&' if '?' in dsn else '?'}options=-csearch_path%3D{name}"


def _json(config: Path, *words: str) -> Sequence[dict[str, str]]:
    done = subprocess.run(
        heartbeat(config, *words), stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=False, env=ENVIRONMENT
    )
    found: Sequence[dict[str, str]] = json.loads(done.stdout)
    return found
