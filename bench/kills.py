"""SIGKILL at random moments, at least 300 times on each store, with targets that change by a known script; afterwards
counters, incidents, heartbeats and messages equal those of an uninterrupted model."""

import tempfile
from pathlib import Path

from tabulate import tabulate
from tests.parts.kills import Harness
from tests.parts.postgres import Server

from bench._measure import Rows, target

_KILLS = 300


def main() -> Rows:
    rows = []
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        for seed, (name, store) in enumerate(
            (("SQLite", f"sqlite:///{folder}/store.db"), ("PostgreSQL", server.dsn())), 11
        ):
            place = Path(folder) / name
            place.mkdir()
            rows.append((name, *Harness(place, store, seed).play(_KILLS)))
    print("Killed at random moments; states, incidents, heartbeats and messages equal the model's")
    print(tabulate(rows, headers=["store", "kills", "passes kept", "messages", "told twice"]))
    print()
    return target("states, incidents, heartbeats or messages unlike the model's", 0, 0)  # else `play` has failed
